//! The apps of a run: started when first needed, shared by the scenarios that say the same.

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use edgeproof_ground::background;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared},
};
use tokio::sync::watch;

use super::{
    Ended,
    description::{Launch, Start},
    error::LaunchError,
    running::RunningApp,
};

type Started = Result<Arc<RunningApp>, LaunchError>;
type Starting = Shared<BoxFuture<'static, Started>>;

/// Apps that run, or are about to. Clones share them. They end with the last clone; [`Pool::end`] waits for that.
#[derive(Clone, Default)]
pub struct Pool {
    shared: Arc<Mutex<Apps>>,
    /// Ends every app when it is set. Each app listens until nothing of it is left.
    ending: Arc<watch::Sender<bool>>,
    tell: Option<Tell>,
}

/// Who is told of what happens to apps.
type Tell = Arc<dyn Fn(&Stage) + Send + Sync>;

#[derive(Default)]
struct Apps {
    once: HashMap<Launch, Kept>,
    /// The ports that are always the same: one app at a time listens there.
    places: HashMap<u16, Place>,
}

/// Held by the app that listens there, until it is gone.
type Place = Arc<tokio::sync::Mutex<()>>;

struct Kept {
    app: Starting,
    /// Whether it was asked for since [`Pool::end_unused`].
    used: bool,
}

/// Something about an app that somebody who watches wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It is being started, which may take long.
    Starting {
        /// Its command.
        command: String,
        /// How it ended before, where it is started again for that.
        after: Option<Ended>,
    },
    /// It is ready, or could not be started.
    Started {
        /// Its command.
        command: String,
    },
    /// It is used again by the first scenario since [`Pool::end_unused`]; what was changed in it since is not in it.
    Kept {
        /// Its command.
        command: String,
        /// When it was started, as people read it.
        since: String,
    },
    /// It has ended by itself after it was ready.
    Ended {
        /// Its command, how it ended and when, and the end of what it printed.
        obituary: String,
    },
}

impl Pool {
    /// The same, but `tell` is told what happens to apps from now on.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(&Stage) + Send + Sync + 'static) -> Self {
        self.tell = Some(Arc::new(tell));
        self
    }

    /// The app of a launch: the one that runs already, or a new one where the launch wants that or there is none.
    ///
    /// An app that has ended by itself is started again, and `tell` is told of it.
    ///
    /// # Errors
    /// When it does not start. An app that is shared is not tried again before [`Pool::end_unused`].
    pub async fn lend(&self, launch: &Launch) -> Result<Arc<RunningApp>, LaunchError> {
        if let Some(missing) = launch.missing() {
            return Err(missing.into());
        }
        if launch.start == Start::EachScenario {
            let place = self.apps().place_for(launch);
            return self.start(launch, place, None).await;
        }
        let mut ended = None;
        loop {
            let app = self.kept(launch, ended.take()).await?;
            match app.is_ending().await {
                Some(end) => ended = Some((app, end)),
                None => return Ok(app),
            }
        }
    }

    /// Ends the apps that nobody has asked for since the last time, and forgets those that did not start: what a run
    /// after a change no longer needs.
    pub async fn end_unused(&self) {
        self.keep(|_, kept| {
            let used = std::mem::replace(&mut kept.used, false);
            used && !matches!(kept.app.peek(), Some(Err(_)))
        })
        .await;
    }

    /// Ends the apps in whose folder this file is: who needs them next gets them as they are now.
    pub async fn end_changed(&self, file: &Path) {
        self.keep(|launch, _| !file.starts_with(&launch.folder))
            .await;
    }

    /// Ends the shared apps that are not to be kept.
    async fn keep(&self, mut is_kept: impl FnMut(&Launch, &mut Kept) -> bool) {
        let mut ended = Vec::new();
        self.apps().once.retain(|launch, kept| {
            let keep = is_kept(launch, kept);
            if !keep && let Some(Ok(app)) = kept.app.peek() {
                ended.push(Arc::clone(app));
            }
            keep
        });
        futures_util::future::join_all(ended.iter().map(|app| app.end())).await;
    }

    /// Ends all of them, also those that are not ready yet, and waits until nothing is left. None is started any more.
    pub async fn end(&self) {
        self.ending.send_replace(true);
        self.apps().once.clear();
        self.ending.closed().await;
    }

    /// The shared app of a launch; a new one where there is none, or none but the one that has ended.
    fn kept(&self, launch: &Launch, ended: Option<(Arc<RunningApp>, Ended)>) -> Starting {
        let is_ended = |kept: &Kept| match (kept.app.peek(), &ended) {
            (Some(Ok(app)), Some((ended, _))) => Arc::ptr_eq(app, ended),
            _ => false,
        };
        let mut apps = self.apps();
        if let Some(kept) = apps.once.get_mut(launch)
            && !is_ended(kept)
        {
            let used = std::mem::replace(&mut kept.used, true);
            if !used
                && let Some(tell) = &self.tell
                && let Some(Ok(app)) = kept.app.peek()
            {
                let (command, since) = (app.command(), app.since());
                tell(&Stage::Kept { command, since });
            }
            return kept.app.clone();
        }
        let place = apps.place_for(launch);
        let app = self.start(launch, place, ended.map(|(_, end)| end));
        let kept = Kept {
            app: app.clone(),
            used: true,
        };
        apps.once.insert(launch.clone(), kept);
        app
    }

    /// Starts an app on a thread of its own: whoever waits for it may give up without its end.
    fn start(&self, launch: &Launch, place: Option<Place>, after: Option<Ended>) -> Starting {
        let (launch, tell) = (launch.clone(), self.tell.clone());
        let ending = self.ending.subscribe();
        let command = launch.name();
        let starting = async move {
            let held = match place {
                Some(place) => Some(place.lock_owned().await),
                None => None,
            };
            let tell = move |stage: &Stage| {
                if let Some(tell) = &tell {
                    tell(stage);
                }
            };
            tell(&Stage::Starting {
                command: command.clone(),
                after,
            });
            let started = RunningApp::start(launch, held, ending).await;
            tell(&Stage::Started { command });
            let app = Arc::new(started?);
            let ended = app.last_words();
            tokio::spawn(async move {
                if let Some(obituary) = ended.await {
                    tell(&Stage::Ended { obituary });
                }
            });
            Ok(app)
        };
        let lost =
            |why: &str| LaunchError::Resources(Arc::new(std::io::Error::other(why.to_owned())));
        match background::runtime() {
            Some(runtime) => {
                let task = runtime.spawn(starting);
                let outcome = async move {
                    task.await
                        .unwrap_or_else(|error| Err(lost(&error.to_string())))
                };
                outcome.boxed().shared()
            }
            None => async move { Err(lost("no thread could be started")) }
                .boxed()
                .shared(),
        }
    }

    fn apps(&self) -> MutexGuard<'_, Apps> {
        // A panic elsewhere leaves the maps whole: each change is one of their own operations.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Apps {
    /// The place of a launch whose port is always the same. Others that are kept there are let go: they end when their
    /// scenarios are over.
    fn place_for(&mut self, launch: &Launch) -> Option<Place> {
        let port = launch.address.fixed_port()?;
        self.once
            .retain(|other, _| other.address.fixed_port() != Some(port));
        Some(Arc::clone(self.places.entry(port).or_default()))
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").finish_non_exhaustive()
    }
}
