//! The browsers of this process: started when first needed, lent to one visitor at a time.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use edgeproof_ground::{background, tools};

use super::{
    engine::Engine,
    error::BrowserError,
    gateway::GatewayTarget,
    page::{Page, PageError},
    process::{Installation, Kind, Process, Trust},
};
use crate::profile::Profile;

/// Browsers that nobody has borrowed at the moment. Clones share them.
#[derive(Clone)]
pub struct Pool {
    installation: Installation,
    idle: Arc<Mutex<Vec<Process>>>,
}

/// A borrowed browser: it goes back, cleaned, when the lease is returned, and is ended when the lease is dropped.
pub struct Lease {
    process: Process,
    profile: Profile,
    pool: Pool,
}

impl Pool {
    /// A pool without a process yet, of the engines that are installed.
    pub fn new(profiles: &Path, trust: Trust) -> Self {
        let executables = Engine::ALL.map(|engine| (engine, tools::find(engine.tool())));
        Self {
            installation: Installation {
                executables: executables.into_iter().collect(),
                profiles: profiles.to_owned(),
                trust,
                headed: false,
                on_network: false,
            },
            idle: Arc::default(),
        }
    }

    /// The same, but browsers show their windows.
    #[must_use]
    pub fn headed(mut self) -> Self {
        self.installation.headed = true;
        self
    }

    /// The same for browsers on the real network.
    #[must_use]
    pub fn on_network(mut self) -> Self {
        self.installation.on_network = true;
        self
    }

    /// Borrows a browser for a visitor of the profile, started if none is idle, whose connections lead along `target`.
    ///
    /// # Errors
    /// When the engine is not installed, or does not start.
    pub async fn lend(
        &self,
        engine: Engine,
        profile: Profile,
        target: GatewayTarget,
    ) -> Result<Lease, BrowserError> {
        let kind = Kind::of(engine, profile);
        let process = match self.take(engine, kind) {
            Some(process) => process,
            None => self.start(engine, kind).await?,
        };
        process.gateway.lead(Some(target));
        Ok(Lease {
            process,
            profile,
            pool: self.clone(),
        })
    }

    fn take(&self, engine: Engine, kind: Kind) -> Option<Process> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let is_meant = |process: &Process| process.engine == engine && process.kind == kind;
        let index = idle.iter().position(is_meant)?;
        Some(idle.swap_remove(index))
    }

    async fn start(&self, engine: Engine, kind: Kind) -> Result<Process, BrowserError> {
        let silent = |reason| BrowserError::Silent { engine, reason };
        // Gateways and the pipes of browsers outlive the runtime of a single test.
        let background =
            background::runtime().ok_or_else(|| silent("no thread could be started".to_owned()))?;
        let installation = self.installation.clone();
        background
            .spawn(async move { Process::start(&installation, engine, kind).await })
            .await
            .map_err(|error| silent(error.to_string()))?
    }
}

impl Lease {
    /// Where another program can act in the browser too, by the DevTools protocol; none where its engine takes only one.
    pub fn devtools(&self) -> Option<&str> {
        self.process.devtools.as_deref()
    }

    /// Opens a blank page.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn open(&self) -> Result<Page, BrowserError> {
        let page = self.process.open(self.profile).await;
        page.map_err(|error| BrowserError::Protocol {
            engine: self.process.engine,
            reason: error.to_string(),
        })
    }

    /// Closes the page, wipes what it left behind, cuts its connections, and gives the browser back.
    ///
    /// # Errors
    /// Why a browser could not be wiped: it is ended, and the next visitor gets another one.
    pub async fn give_back(self, page: Page) -> Result<(), PageError> {
        let wiped = page.close_and_wipe().await;
        self.process.gateway.lead(None);
        if wiped.is_ok() {
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(self.process);
        }
        wiped
    }
}
