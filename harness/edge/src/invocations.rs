//! The visitor requests that a worker is working on, so that its subrequests can be told whose they are.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Semaphore;

/// How many subrequests of one invocation may wait for the head of a response; the next one queues.
const WAITING_SUBREQUESTS: usize = 6;

/// A visitor's request inside a worker.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    /// Its `CF-Ray`.
    pub(super) ray: String,
    /// The worker that has it.
    pub(super) worker: String,
    /// The zone whose route or custom domain ran the worker: what `CF-Worker` says on its subrequests.
    pub(super) zone: String,
    /// The visitor's address.
    pub(super) ip: IpAddr,
    /// How many workers may still run one through the other, this one included: 16 for a visitor's own request.
    pub(super) workers_left: u8,
    /// What its subrequests have used up.
    pub(super) subrequests: Subrequests,
}

/// The subrequests of one invocation. Clones share the count.
#[derive(Clone, Debug)]
pub(super) struct Subrequests {
    made: Arc<AtomicUsize>,
    pub(super) waiting: Arc<Semaphore>,
}

impl Default for Subrequests {
    fn default() -> Self {
        Self {
            made: Arc::default(),
            waiting: Arc::new(Semaphore::new(WAITING_SUBREQUESTS)),
        }
    }
}

impl Subrequests {
    /// Counts one more; gives how many there are now.
    pub(super) fn add(&self) -> usize {
        self.made.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// All visits under way. Clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Invocations {
    known: Arc<Mutex<Known>>,
}

#[derive(Debug, Default)]
struct Known {
    /// In the order in which they began.
    open: BTreeMap<u64, Invocation>,
    /// Those of each ray, in the same order.
    by_ray: HashMap<String, Vec<u64>>,
    /// How many there have been.
    count: u64,
    /// The zone that last ran each worker.
    zones: HashMap<String, String>,
}

/// Keeps a visit in the list until it is dropped.
#[derive(Debug)]
pub(super) struct VisitGuard {
    invocations: Invocations,
    id: u64,
}

impl Invocations {
    /// Adds a visit until the guard is dropped.
    pub(super) fn enter(&self, visit: Invocation) -> VisitGuard {
        let mut known = self.lock();
        known.count += 1;
        let id = known.count;
        if known.zones.get(&visit.worker) != Some(&visit.zone) {
            known.zones.insert(visit.worker.clone(), visit.zone.clone());
        }
        known.by_ray.entry(visit.ray.clone()).or_default().push(id);
        known.open.insert(id, visit);
        drop(known);
        VisitGuard {
            invocations: self.clone(),
            id,
        }
    }

    /// The visit that a subrequest of `worker` belongs to: the one with the subrequest's ray, or else the only one. A
    /// worker that was reached through itself has several with that ray at a time, since the one it asks may still send its
    /// response: then it is the one from whose request the headers are, by how many workers were left.
    ///
    /// The runtime does not say which request a fresh `fetch()` belongs to. Where a worker has visits of several
    /// visitor requests, or none any more, such a subrequest belongs to nobody.
    pub(super) fn of_subrequest(
        &self,
        worker: &str,
        ray: Option<&str>,
        workers_left: u8,
    ) -> Option<Invocation> {
        let known = self.lock();
        let is_of_worker = |visit: &&Invocation| visit.worker == worker;
        // The latest first: a worker that was reached through itself works on the innermost request.
        match ray {
            Some(ray) => {
                let ids = known.by_ray.get(ray).into_iter().flatten().rev();
                let of_ray = ids.filter_map(|id| known.open.get(id));
                let of_ray: Vec<_> = of_ray.filter(is_of_worker).collect();
                let is_own = |visit: &&&Invocation| visit.workers_left == workers_left;
                let own = of_ray.iter().find(is_own).or(of_ray.first());
                own.map(|visit| (*visit).clone())
            }
            None => {
                let mut of_worker = known.open.values().rev().filter(is_of_worker);
                let innermost = of_worker.next()?;
                let alone = of_worker.all(|visit| visit.ray == innermost.ray);
                alone.then(|| innermost.clone())
            }
        }
    }

    /// The zone whose route or custom domain last ran `worker`: that of a subrequest that belongs to no visit, such as
    /// one in `waitUntil` after the response.
    ///
    /// Assumption: where several zones run one worker, such a subrequest comes from the latest.
    pub(super) fn zone_of(&self, worker: &str) -> Option<String> {
        self.lock().zones.get(worker).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for VisitGuard {
    fn drop(&mut self) {
        let mut known = self.invocations.lock();
        let Some(visit) = known.open.remove(&self.id) else {
            return;
        };
        if let Some(ids) = known.by_ray.get_mut(&visit.ray) {
            ids.retain(|id| *id != self.id);
            if ids.is_empty() {
                known.by_ray.remove(&visit.ray);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(ray: &str, worker: &str, workers_left: u8) -> Invocation {
        Invocation {
            ray: ray.to_owned(),
            worker: worker.to_owned(),
            zone: "shop.example".to_owned(),
            ip: [203, 0, 113, 7].into(),
            workers_left,
            subrequests: Subrequests::default(),
        }
    }

    #[test]
    fn a_fresh_subrequest_is_only_attributed_while_its_worker_has_one_visit() {
        let invocations = Invocations::default();
        let ray = || {
            invocations
                .of_subrequest("flow", None, 16)
                .map(|visit| visit.ray)
        };
        assert_eq!(ray(), None);
        let _first = invocations.enter(visit("1", "flow", 16));
        let _other = invocations.enter(visit("2", "api", 16));
        assert_eq!(ray().as_deref(), Some("1"));
        let second = invocations.enter(visit("3", "flow", 16));
        assert_eq!(ray(), None);
        drop(second);
        assert_eq!(ray().as_deref(), Some("1"));
    }

    #[test]
    fn a_worker_belongs_to_the_zone_that_last_ran_it() {
        let invocations = Invocations::default();
        assert_eq!(invocations.zone_of("flow"), None);
        drop(invocations.enter(visit("1", "flow", 16)));
        assert_eq!(invocations.zone_of("flow").as_deref(), Some("shop.example"));
        let zone = "other.example".to_owned();
        drop(invocations.enter(Invocation {
            zone,
            ..visit("2", "flow", 16)
        }));
        assert_eq!(
            invocations.zone_of("flow").as_deref(),
            Some("other.example")
        );
        assert_eq!(invocations.zone_of("api"), None);
    }

    #[test]
    fn a_subrequest_with_a_ray_belongs_to_the_visit_from_which_its_headers_are() {
        let invocations = Invocations::default();
        let _outer = invocations.enter(visit("1", "flow", 16));
        let _inner = invocations.enter(visit("1", "flow", 15));
        let other = invocations.enter(visit("2", "flow", 16));
        // The innermost where the headers say nothing.
        for (left, expected) in [(15, 15), (16, 16), (9, 15)] {
            let found = invocations.of_subrequest("flow", Some("1"), left);
            assert_eq!(found.map(|visit| visit.workers_left), Some(expected));
        }
        let unknown = invocations.of_subrequest("flow", Some("unknown"), 16);
        assert!(unknown.is_none());
        // A worker that was reached through itself, and nobody else's visit.
        drop(other);
        let found = invocations.of_subrequest("flow", None, 16);
        assert_eq!(found.map(|visit| visit.workers_left), Some(15));
    }
}
