//! Where the runtime serves a worker, and how long the edge needs it there.

use std::{fmt, path::PathBuf, sync::Arc};

use futures_util::future::BoxFuture;
use tokio::{sync::watch, time::Instant};

/// Where the runtime serves a worker.
#[derive(Clone, Debug)]
pub struct WorkerEndpoint {
    /// The socket in the file system: plain HTTP/1.1.
    pub socket: PathBuf,
    /// The process behind it, whose processor time [`super::EdgeSettings::cpu_ms`] limits; no limit holds where it is
    /// not known.
    pub process: Option<u32>,
    /// Milliseconds of processor time that the worker asks for itself; the smaller of this and the zone's limit holds.
    pub cpu_ms: Option<u64>,
    /// Workers Cache; none where every request runs the worker.
    pub cache: Option<CacheInFront>,
    /// What the edge holds for as long as it may send requests there. Workers of one process share it.
    pub in_use: InUse,
    /// Why it failed, where the runtime tells.
    pub thrown: Thrown,
}

/// The cache in front of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheInFront {
    /// The version of the worker whose responses are stored; none where all its versions share them.
    pub version: Option<String>,
}

/// What the code of a worker threw that nobody caught, as its runtime tells it.
#[derive(Clone, Default)]
pub struct Thrown(Option<Arc<Tell>>);

/// Of a request that began at this time.
type Tell = dyn Fn(std::time::Instant) -> BoxFuture<'static, Option<String>> + Send + Sync;

impl Thrown {
    /// Told by this.
    pub fn by(
        tell: impl Fn(std::time::Instant) -> BoxFuture<'static, Option<String>> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// What failed a request that began at this time.
    pub(super) async fn since(&self, began: std::time::Instant) -> Option<String> {
        match &self.0 {
            Some(tell) => tell(began).await,
            None => None,
        }
    }
}

impl fmt::Debug for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Thrown").field(&self.0.is_some()).finish()
    }
}

/// Says that a process is deployed to the edge, or has visits. Clones say it of the same process.
#[derive(Clone, Debug)]
pub struct InUse(watch::Sender<Option<Instant>>);

/// Tells when the edge is done with a process.
#[derive(Debug)]
pub struct LastVisit(watch::Receiver<Option<Instant>>);

/// A visit under way: a request until its response has ended, a tunnel until it closes.
#[derive(Clone, Debug)]
pub(super) struct OpenVisit(InUse);

impl InUse {
    /// For one process, with what tells when no clone is left.
    pub fn new() -> (Self, LastVisit) {
        let (sender, receiver) = watch::channel(None);
        (Self(sender), LastVisit(receiver))
    }

    pub(super) fn visit(&self) -> OpenVisit {
        OpenVisit(self.clone())
    }
}

impl LastVisit {
    /// Waits until the process is deployed no more and its last visit has ended. Gives when that was; nothing where it
    /// never had a visit.
    pub async fn over(mut self) -> Option<Instant> {
        // It fails once nobody is left who could change it.
        while self.0.changed().await.is_ok() {}
        *self.0.borrow()
    }
}

impl Drop for OpenVisit {
    fn drop(&mut self) {
        self.0.0.send_replace(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn a_process_is_in_use_while_it_is_deployed_and_until_its_last_visit_has_ended() {
        let (deployed, last) = InUse::new();
        let (first, second) = (deployed.visit(), deployed.visit());
        let mut over = Box::pin(last.over());
        drop(deployed);
        drop(first);
        assert_eq!((&mut over).now_or_never(), None);
        let end = Instant::now();
        drop(second);
        assert!(over.await >= Some(end));
    }

    #[tokio::test]
    async fn a_process_that_nobody_visited_has_no_last_visit() {
        let (deployed, last) = InUse::new();
        drop(deployed);
        assert_eq!(last.over().await, None);
    }
}
