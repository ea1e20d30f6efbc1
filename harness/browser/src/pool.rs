//! The Chromiums of this process: started when first needed, lent to one visitor at a time.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use edgeproof_ground::background;

use super::{
    chromium::{Chromium, ChromiumError, Installation},
    gateway::GatewayTarget,
    kind::Kind,
    page::{Page, PageError},
};
use crate::profile::Profile;

/// Chromiums that nobody has borrowed at the moment. Clones share them.
#[derive(Clone)]
pub struct Pool {
    installation: Installation,
    idle: Arc<Mutex<Vec<Chromium>>>,
}

/// A borrowed Chromium: it goes back, cleaned, when the lease is returned, and is ended when the lease is dropped.
pub struct Lease {
    chromium: Chromium,
    profile: Profile,
    pool: Pool,
}

impl Pool {
    /// A pool without a process yet.
    pub fn new(executable: &Path, profiles: &Path, trusted_key: String) -> Self {
        Self {
            installation: Installation {
                executable: executable.to_owned(),
                profiles: profiles.to_owned(),
                trusted_key,
                headed: false,
            },
            idle: Arc::default(),
        }
    }

    /// The same, but Chromium shows its windows.
    pub fn headed(mut self) -> Self {
        self.installation.headed = true;
        self
    }

    /// Borrows a Chromium for a visitor of the profile, started if none is idle, whose connections lead along `way`.
    ///
    /// # Errors
    /// When Chromium does not start.
    pub async fn lend(
        &self,
        profile: Profile,
        target: GatewayTarget,
    ) -> Result<Lease, ChromiumError> {
        let kind = Kind::from(profile);
        let chromium = match self.take(kind) {
            Some(chromium) => chromium,
            None => self.start(kind).await?,
        };
        chromium.gateway.lead(Some(target));
        Ok(Lease {
            chromium,
            profile,
            pool: self.clone(),
        })
    }

    fn take(&self, kind: Kind) -> Option<Chromium> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let index = idle.iter().position(|chromium| chromium.kind == kind)?;
        Some(idle.swap_remove(index))
    }

    async fn start(&self, kind: Kind) -> Result<Chromium, ChromiumError> {
        // Gateways and the pipes of Chromium outlive the runtime of a single test.
        let background = background::runtime()
            .ok_or_else(|| ChromiumError::Silent("no thread could be started".to_owned()))?;
        let installation = self.installation.clone();
        background
            .spawn(async move { Chromium::start(&installation, kind).await })
            .await
            .map_err(|error| ChromiumError::Silent(error.to_string()))?
    }
}

impl Lease {
    /// Opens a blank page, in a fresh off-the-record context where the profile is one.
    ///
    /// # Errors
    /// When Chromium does not answer.
    pub async fn open(&self) -> Result<Page, ChromiumError> {
        Page::open(&self.chromium.connection, self.profile)
            .await
            .map_err(|error| ChromiumError::Protocol(error.to_string()))
    }

    /// Closes the page, wipes what it left behind, cuts its connections, and gives the Chromium back.
    ///
    /// # Errors
    /// Why a Chromium could not be wiped: it is ended, and the next visitor gets another one.
    pub async fn give_back(self, page: Page) -> Result<(), PageError> {
        let wiped = page.close_and_wipe().await;
        self.chromium.gateway.lead(None);
        if wiped.is_ok() {
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(self.chromium);
        }
        wiped
    }
}
