//! What of an account runs, and its way to the edge.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::Path,
    sync::Arc,
    time::Duration,
};

use edgeproof_edge::{self as edge, CacheInFront};
use edgeproof_ground::clock::Clock;
use edgeproof_runtime::{Bundle, WorkerOptions};
use tokio::sync::watch;

use super::{
    account::{Account, Code, Script},
    bindings::BindingValue,
    code,
};

/// The workers and routes of an account at one moment.
#[derive(Clone)]
pub struct Snapshot {
    /// The workers that have a version in force.
    pub workers: Vec<RunningWorker>,
    /// The routes of all zones.
    pub routes: Vec<edge::Route>,
}

/// A worker as it is to run. Its variables hold secrets, so it is never shown.
#[derive(Clone)]
pub struct RunningWorker {
    /// Its name.
    pub name: String,
    /// Variables and secrets.
    pub variables: BTreeMap<String, String>,
    /// What it says about itself.
    pub options: WorkerOptions,
    /// Milliseconds of processor time that one invocation may take.
    pub cpu_ms: Option<u64>,
    /// Workers Cache in front of it.
    pub cache: Option<CacheInFront>,
    code: Arc<Code>,
}

impl PartialEq for RunningWorker {
    /// The same code is the same upload, or one with the same content.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
            && self.variables == other.variables
            && self.options == other.options
            && self.cpu_ms == other.cpu_ms
            && self.cache == other.cache
            && (Arc::ptr_eq(&self.code, &other.code) || self.code.etag == other.code.etag)
    }
}

impl Snapshot {
    pub(super) fn of(account: &Account) -> Self {
        let scripts = account.scripts.iter();
        let routes = account.zones.iter().flat_map(|zone| &zone.routes);
        Self {
            workers: scripts
                .filter_map(|(name, script)| RunningWorker::of(name, script))
                .collect(),
            routes: routes
                .map(|route| edge::Route {
                    pattern: route.pattern.clone(),
                    worker: route.script.clone(),
                    over_daily_limit: route.over_daily_limit,
                })
                .collect(),
        }
    }
}

impl RunningWorker {
    fn of(name: &str, script: &Script) -> Option<Self> {
        let version = script.deployed()?;
        let mut worker = Self {
            name: name.to_owned(),
            variables: BTreeMap::new(),
            options: WorkerOptions {
                has_cache: version.cache.is_some(),
                is_tailed: script.is_tailed,
                ..version.options.clone()
            },
            cpu_ms: version.cpu_ms,
            cache: version.cache.map(|cache| CacheInFront {
                version: (!cache.across_versions).then(|| version.id.clone()),
            }),
            code: Arc::clone(&version.code),
        };
        for binding in &version.bindings {
            let name = binding.name.clone();
            match &binding.value {
                BindingValue::Text(text) => worker.variables.insert(name, text.clone()),
                BindingValue::Secret(secret) => {
                    worker.variables.insert(name, secret.reveal().to_owned())
                }
                BindingValue::Json(value) => worker
                    .options
                    .json_variables
                    .insert(name, value.to_string()),
            };
        }
        Some(worker)
    }

    /// Its modules, written below `directory`.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn write(&self, directory: &Path) -> io::Result<Bundle> {
        code::write(&self.code, directory)
    }
}

/// Changes of the account that the edge does not have yet.
pub struct Pending {
    delay: Duration,
    clock: Clock,
    changes: watch::Sender<Changes>,
}

#[derive(Default)]
struct Changes {
    made: u64,
    waiting: VecDeque<Change>,
}

/// A change on its way to the edge.
#[derive(Clone)]
pub struct Change {
    number: u64,
    /// When the edge is to have it, in milliseconds since 1970.
    due: i64,
    /// What the account holds since then.
    pub snapshot: Snapshot,
}

impl Pending {
    pub(super) fn new(delay: Duration, clock: Clock) -> Self {
        Self {
            delay,
            clock,
            changes: watch::Sender::default(),
        }
    }

    /// Adds a change, if anybody carries changes to an edge.
    pub(super) fn add(&self, snapshot: impl FnOnce() -> Snapshot) {
        if self.changes.receiver_count() == 0 {
            return;
        }
        let delay = i64::try_from(self.delay.as_millis()).unwrap_or(i64::MAX);
        let due = self.clock.now().saturating_add(delay);
        let snapshot = snapshot();
        self.changes.send_modify(|changes| {
            changes.made += 1;
            changes.waiting.push_back(Change {
                number: changes.made,
                due,
                snapshot,
            });
        });
    }

    /// The changes from now on, for the one who carries them to the edge.
    pub fn follow(self: &Arc<Self>) -> Follower {
        Follower {
            pending: Arc::clone(self),
            changes: self.changes.subscribe(),
        }
    }

    /// Whether this change still waits: it does not once it, or a later one, is at the edge.
    pub fn is_waiting(&self, change: &Change) -> bool {
        let changes = self.changes.borrow();
        changes
            .waiting
            .iter()
            .any(|waiting| waiting.number == change.number)
    }

    /// The edge has this change now, and every one before it.
    pub fn done(&self, change: &Change) {
        self.changes
            .send_modify(|changes| changes.waiting.retain(|other| other.number > change.number));
    }

    /// The edge has them all.
    pub fn clear(&self) {
        self.changes.send_modify(|changes| changes.waiting.clear());
    }

    /// Waits until the edge has every change that is due.
    pub async fn settled(&self) {
        let mut changes = self.changes.subscribe();
        let is_settled = |changes: &Changes| {
            let now = self.clock.now();
            changes.waiting.iter().all(|change| change.due > now)
        };
        // The sender lives as long as this.
        let _ = changes.wait_for(is_settled).await;
    }
}

/// Receives the changes.
pub struct Follower {
    pending: Arc<Pending>,
    changes: watch::Receiver<Changes>,
}

impl Follower {
    /// The last of the changes that are due, as soon as there is one.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            let first = {
                let changes = self.changes.borrow_and_update();
                changes.waiting.front().map(|change| change.due)
            };
            match first {
                Some(due) => self.pending.clock.reached(due).await,
                None => {
                    self.changes.changed().await.ok()?;
                    continue;
                }
            }
            let now = self.pending.clock.now();
            let changes = self.changes.borrow();
            let due = changes
                .waiting
                .iter()
                .rev()
                .find(|change| change.due <= now);
            if let Some(change) = due {
                return Some(change.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Snapshot {
        Snapshot {
            workers: Vec::new(),
            routes: Vec::new(),
        }
    }

    #[tokio::test]
    async fn a_change_is_carried_when_it_is_due_and_the_last_one_stands_for_all() {
        let clock = Clock::default();
        let pending = Arc::new(Pending::new(Duration::from_secs(60), clock.clone()));
        let mut follower = pending.follow();
        pending.add(nothing);
        clock.advance(Duration::from_secs(30));
        pending.add(nothing);
        // Nothing is due yet.
        pending.settled().await;

        clock.advance(Duration::from_secs(30));
        let first = follower.next().await.unwrap();
        assert_eq!(first.number, 1);
        assert!(pending.is_waiting(&first));
        pending.done(&first);
        pending.settled().await;

        pending.add(nothing);
        clock.advance(Duration::from_secs(60));
        let last = follower.next().await.unwrap();
        assert_eq!(last.number, 3);
        pending.done(&last);
        assert!(!pending.is_waiting(&last));
    }

    #[tokio::test]
    async fn nothing_is_kept_for_nobody() {
        let pending = Pending::new(Duration::ZERO, Clock::default());
        pending.add(|| panic!("nobody carries it"));
        pending.settled().await;
    }
}
