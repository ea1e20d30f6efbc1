//! The internet of a rig: which name leads to which part, what a worker's `fetch()` reaches, and the faults on the way.
//!
//! Nothing here ever leaves the machine: a name that is not in the table does not resolve.

mod deliver;
mod fault;
mod faulty_body;
mod limits;
mod listener;
mod unreachable;
mod visits;

use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
};

pub use fault::{AnswerFault, AnswerFaultError, Fault, FaultKind, FaultTarget, FaultTargetError};
use http::{Request, Response};
pub use limits::Limits;
pub use listener::{Caller, Outbound};
pub use unreachable::{Failure, Unreachable};
pub use visits::{Subrequests, Visit, VisitGuard, Visits};

use crate::{
    body::Body,
    trace::{Party, Trace},
};

/// Answers requests inside this process, as the origin of `fixtures/sites` does.
pub trait Handler: Send + Sync {
    /// Responds to one request. Its URI is absolute, its `Host` the one the caller sent. The [`Limits`] among its
    /// extensions are the handler's to keep.
    fn handle(&self, request: Request<Body>) -> Handled;
}

/// What comes of a request.
pub type Handled = Pin<Box<dyn Future<Output = Result<Response<Body>, Failure>> + Send>>;

/// What stands behind a name.
#[derive(Clone)]
pub enum Destination {
    /// A part that runs in this process.
    Handler(Arc<dyn Handler>),
    /// A server that speaks plain HTTP/1.1 at this address; `Host` stays the name that was asked for.
    Address(SocketAddr),
    /// Nobody listens there.
    Refused,
}

/// A party on the internet.
#[derive(Clone)]
pub struct Peer {
    /// What faults call it: `origin`, `ingress`, `cdn`, `wallarm`.
    pub name: String,
    /// What the trace calls it.
    pub party: Party,
    /// Where it is.
    pub destination: Destination,
}

/// Why the internet could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum InternetError {
    /// No port could be had on the loopback address.
    #[error("no port could be had for the worker's outgoing requests")]
    Bind(#[source] std::io::Error),
    /// A fault names a part that this rig does not have.
    #[error("no part is called `{name}`; there are {known}")]
    NoSuchPeer {
        /// The name.
        name: String,
        /// The names there are.
        known: String,
    },
}

/// The table of names, the faults, and the trace. Clones share all three.
#[derive(Clone)]
pub struct Internet {
    shared: Arc<Shared>,
}

struct Shared {
    trace: Trace,
    peers: RwLock<BTreeMap<String, Peer>>,
    faults: RwLock<Arc<fault::Faults>>,
    visits: Visits,
    client: deliver::HttpClient,
    gateway: RwLock<Option<Arc<dyn Gateway>>>,
}

/// Takes a worker's subrequest before it reaches its destination: the egress of the edge.
pub(crate) trait Gateway: Send + Sync {
    /// Answers the subrequest, itself or through [`Internet::send`].
    fn pass(
        &self,
        caller: Arc<Caller>,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Body>, Dropped>> + Send>>;
}

/// Why a destination answered as it did: an extension of its answer, for the trace.
#[derive(Clone, Debug)]
pub(crate) struct Decided(pub(crate) String);

/// The connection is closed without an answer, which makes the worker's `fetch()` reject.
#[derive(Debug, thiserror::Error)]
#[error("the subrequest gets no answer")]
pub(crate) struct Dropped;

/// Marks an operation of the Cache API: an extension of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CacheApi;

impl Internet {
    /// An internet where no name resolves yet.
    pub fn new(trace: Trace) -> Self {
        Self {
            shared: Arc::new(Shared {
                trace,
                peers: RwLock::default(),
                faults: RwLock::default(),
                visits: Visits::default(),
                client: deliver::client(),
                gateway: RwLock::default(),
            }),
        }
    }

    /// From now on `host` leads to `peer`.
    pub fn connect(&self, host: &str, peer: Peer) {
        self.shared
            .peers
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(host.to_ascii_lowercase(), peer);
    }

    /// Replaces all faults; their counts start anew.
    ///
    /// # Errors
    /// Where a fault names a part that no host leads to.
    pub fn set_faults(&self, faults: Vec<Fault>) -> Result<(), InternetError> {
        let known = self.peer_names();
        for name in faults.iter().filter_map(|fault| fault.on.peer_name()) {
            if !known.iter().any(|known| known == name) {
                return Err(InternetError::NoSuchPeer {
                    name: name.to_owned(),
                    known: known.join(", "),
                });
            }
        }
        *self
            .shared
            .faults
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(fault::Faults::new(faults));
        Ok(())
    }

    /// The visitor requests that are in a worker right now.
    pub fn visits(&self) -> &Visits {
        &self.shared.visits
    }

    /// From now on every subrequest goes through `gateway` first; straight to its destination where there is none.
    pub(crate) fn route_through(&self, gateway: Option<Arc<dyn Gateway>>) {
        *self
            .shared
            .gateway
            .write()
            .unwrap_or_else(PoisonError::into_inner) = gateway;
    }

    fn gateway(&self) -> Option<Arc<dyn Gateway>> {
        self.shared
            .gateway
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn peer(&self, host: &str) -> Option<Peer> {
        self.shared
            .peers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&host.to_ascii_lowercase())
            .cloned()
    }

    fn peer_names(&self) -> Vec<String> {
        let peers = self
            .shared
            .peers
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<String> = peers.values().map(|peer| peer.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    fn faults(&self) -> Arc<fault::Faults> {
        Arc::clone(
            &self
                .shared
                .faults
                .read()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }
}

#[cfg(test)]
mod tests;
