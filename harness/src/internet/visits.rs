//! The visitor requests that a worker is working on, so that its subrequests can be told whose they are.

use std::sync::{Arc, Mutex, PoisonError};

/// A visitor's request inside a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Its `CF-Ray`.
    pub ray: String,
    /// The worker that has it.
    pub worker: String,
}

/// All visits under way. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Visits {
    open: Arc<Mutex<Vec<(u64, Visit)>>>,
}

/// Keeps a visit in the list until it is dropped.
#[derive(Debug)]
pub struct VisitGuard {
    visits: Visits,
    id: u64,
}

impl Visits {
    /// Adds a visit until the guard is dropped.
    pub fn enter(&self, visit: Visit) -> VisitGuard {
        let id = fastrand::u64(..);
        self.lock().push((id, visit));
        VisitGuard {
            visits: self.clone(),
            id,
        }
    }

    /// The one visit that `worker` is working on; nothing where there are several, or none.
    ///
    /// The runtime does not say which request a fresh `fetch()` belongs to, so only this case is certain.
    pub fn only(&self, worker: &str) -> Option<Visit> {
        let open = self.lock();
        let mut of_worker = open.iter().filter(|(_, visit)| visit.worker == worker);
        match (of_worker.next(), of_worker.next()) {
            (Some((_, visit)), None) => Some(visit.clone()),
            _ => None,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(u64, Visit)>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for VisitGuard {
    fn drop(&mut self) {
        self.visits.lock().retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subrequest_is_only_attributed_while_its_worker_has_one_visit() {
        let visits = Visits::default();
        let visit = |ray: &str, worker: &str| Visit {
            ray: ray.to_owned(),
            worker: worker.to_owned(),
        };
        assert_eq!(visits.only("flow"), None);
        let _first = visits.enter(visit("1", "flow"));
        let _other = visits.enter(visit("2", "api"));
        assert_eq!(visits.only("flow"), Some(visit("1", "flow")));
        let second = visits.enter(visit("3", "flow"));
        assert_eq!(visits.only("flow"), None);
        drop(second);
        assert_eq!(visits.only("flow"), Some(visit("1", "flow")));
    }
}
