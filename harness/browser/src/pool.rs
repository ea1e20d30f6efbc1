//! The browsers of this process: started when first needed, lent to one visitor at a time.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use edgeproof_ground::{background, tools};
use tokio::task::JoinHandle;

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
    ahead: Arc<Mutex<Vec<Ahead>>>,
}

/// A browser with a blank page that is made ready before a visitor of the profile needs it.
struct Ahead {
    engine: Engine,
    profile: Profile,
    opening: Opening,
}

type Opening = JoinHandle<Result<(Process, Page), BrowserError>>;

impl Ahead {
    fn is_for(&self, engine: Engine, profile: Profile) -> bool {
        (self.engine, self.profile) == (engine, profile)
    }
}

/// A borrowed browser: it goes back, cleaned, when the lease is returned, and is ended when the lease is dropped.
pub struct Lease {
    process: Process,
    profile: Profile,
    /// The page that was opened ahead.
    page: Mutex<Option<Page>>,
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
            ahead: Arc::default(),
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

    /// Makes a browser and a blank page ready meanwhile for the next visitor of the profile, unless there is one already:
    /// whoever asked for it may not come.
    pub fn prepare(&self, engine: Engine, profile: Profile) {
        let Some(background) = background::runtime() else {
            return;
        };
        let mut ahead = self.ahead();
        if ahead.iter().any(|ahead| ahead.is_for(engine, profile)) {
            return;
        }
        let pool = self.clone();
        let opening = background.spawn(async move {
            let process = pool.process(engine, profile).await?;
            let page = open(&process, profile).await?;
            Ok((process, page))
        });
        ahead.push(Ahead {
            engine,
            profile,
            opening,
        });
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
        let ready = match self.prepared(engine, profile) {
            // What went wrong ahead may be over; if not, the next try says so.
            Some(opening) => opening.await.ok().and_then(Result::ok),
            None => None,
        };
        let ready = ready.filter(|(process, _)| process.connection.is_open());
        let (process, page) = match ready {
            Some((process, page)) => (process, Some(page)),
            None => (self.process(engine, profile).await?, None),
        };
        process.gateway.lead(Some(target));
        Ok(Lease {
            process,
            profile,
            page: Mutex::new(page),
            pool: self.clone(),
        })
    }

    /// What was made ready for a visitor of the profile.
    fn prepared(&self, engine: Engine, profile: Profile) -> Option<Opening> {
        let mut ahead = self.ahead();
        let index = ahead
            .iter()
            .position(|ahead| ahead.is_for(engine, profile))?;
        Some(ahead.swap_remove(index).opening)
    }

    fn ahead(&self) -> MutexGuard<'_, Vec<Ahead>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A browser of the kind that the profile needs, for one visitor.
    async fn process(&self, engine: Engine, profile: Profile) -> Result<Process, BrowserError> {
        let kind = Kind::of(engine, profile);
        match self.take(engine, kind) {
            Some(process) => Ok(process),
            None => self.start(engine, kind).await,
        }
    }

    fn take(&self, engine: Engine, kind: Kind) -> Option<Process> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|process| process.connection.is_open());
        let is_meant = |process: &Process| process.engine == engine && process.kind == kind;
        let index = idle.iter().position(is_meant)?;
        Some(idle.swap_remove(index))
    }

    async fn start(&self, engine: Engine, kind: Kind) -> Result<Process, BrowserError> {
        // Gateways and the pipes of browsers outlive the runtime of a single test.
        let background =
            background::runtime().ok_or_else(|| silent(engine, &"no thread could be started"))?;
        let installation = self.installation.clone();
        background
            .spawn(async move { Process::start(&installation, engine, kind).await })
            .await
            .map_err(|error| silent(engine, &error))?
    }
}

fn silent(engine: Engine, reason: &dyn ToString) -> BrowserError {
    BrowserError::Silent {
        engine,
        reason: reason.to_string(),
    }
}

async fn open(process: &Process, profile: Profile) -> Result<Page, BrowserError> {
    let page = process.open(profile).await;
    page.map_err(|error| BrowserError::Protocol {
        engine: process.engine,
        reason: error.to_string(),
    })
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
        let ahead = self
            .page
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match ahead {
            Some(page) => Ok(page),
            None => open(&self.process, self.profile).await,
        }
    }

    /// Closes the page, wipes what it left behind, cuts its connections, and gives the browser back. One that remembers
    /// something all the same is ended, and the next visitor gets another one.
    ///
    /// # Errors
    /// Why a browser could not be wiped: it is ended too.
    pub async fn give_back(self, page: Page) -> Result<(), PageError> {
        let wiped = page.close_and_wipe().await;
        self.process.gateway.lead(None);
        if matches!(wiped, Ok(true)) {
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(self.process);
        }
        wiped.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, net::SocketAddr};

    use edgeproof_ground::process::ScratchDirectory;
    use edgeproof_test_support::wait::until;
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn a_start_ahead_that_failed_is_nobodys_failure() {
        let folder = ScratchDirectory::create(&std::env::temp_dir(), "pool-").unwrap();
        let profiles = folder.path().join("profiles");
        fs::write(&profiles, "a file, no folder").unwrap();
        let pool = Pool::new(&profiles, Trust::default());
        pool.prepare(Engine::Chromium, Profile::Regular);
        until("the start has failed", || {
            pool.ahead().iter().all(|ahead| ahead.opening.is_finished())
        })
        .await;
        fs::remove_file(&profiles).unwrap();
        drop(lend(&pool).await);
    }

    #[tokio::test]
    async fn a_browser_that_has_ended_is_lent_to_nobody() {
        let folder = ScratchDirectory::create(&std::env::temp_dir(), "pool-").unwrap();
        let pool = Pool::new(&folder.path(), Trust::default());
        let mut ended = Vec::new();
        for _ in 0..2 {
            let lease = lend(&pool).await;
            let page = lease.open().await.unwrap();
            ended.push((lease.process, page));
        }
        for (process, _) in &ended {
            // It may be gone before it has answered.
            let close = process.connection.send(None, "Browser.close", json!({}));
            let _ = close.await;
            until("it has ended", || !process.connection.is_open()).await;
        }
        let (process, _) = ended.remove(0);
        pool.idle.lock().unwrap().push(process);
        let ready = ended.remove(0);
        pool.ahead().push(Ahead {
            engine: Engine::Chromium,
            profile: Profile::Regular,
            opening: tokio::spawn(async { Ok(ready) }),
        });
        // The one ahead comes first, and then the idle one.
        let leases = [lend(&pool).await, lend(&pool).await];
        assert!(
            leases
                .iter()
                .all(|lease| lease.process.connection.is_open())
        );
    }

    async fn lend(pool: &Pool) -> Lease {
        let target = GatewayTarget::Edge {
            edge: SocketAddr::from(([127, 0, 0, 1], 9)),
            preamble: Vec::new(),
        };
        let lent = pool.lend(Engine::Chromium, Profile::Regular, target);
        lent.await.unwrap()
    }
}
