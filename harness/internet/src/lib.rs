//! The internet of a rig: which name leads to which part, and the faults on the way. It knows nobody who uses it.
//!
//! Nothing here ever leaves the machine: a name that is not in the table does not resolve.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod deliver;
mod fault;
mod faulty_body;
mod limits;
mod unreachable;

use std::{
    collections::BTreeMap,
    future::Future,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
};

use edgeproof_ground::{
    body::Body,
    trace::{Party, Trace},
};
pub use fault::{
    Fault, FaultKind, FaultTarget, FaultTargetError, ResponseFault, ResponseFaultError,
};
use http::{Request, Response};
pub use limits::Limits;
pub use unreachable::{Failure, Unreachable};

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
    /// A fault names a part that this rig does not have.
    #[error("there is no part `{name}`; use one of {known}")]
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
    client: deliver::HttpClient,
}

/// Why a destination answered as it did: an extension of its response, for the trace.
#[derive(Clone, Debug)]
pub struct Decided(pub String);

impl Internet {
    /// An internet where no name resolves yet.
    pub fn new(trace: Trace) -> Self {
        Self {
            shared: Arc::new(Shared {
                trace,
                peers: RwLock::default(),
                faults: RwLock::default(),
                client: deliver::client(),
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

    fn peer(&self, host: &str) -> Option<Peer> {
        // A full name may end with a dot, and is the same name.
        let name = host.strip_suffix('.').unwrap_or(host);
        self.shared
            .peers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&name.to_ascii_lowercase())
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
