//! The Cloudflare zone in front of a site, on one socket of this machine.
//!
//! Decisions (which route, which headers, what is too large) are pure functions in files of their own; the transport
//! is hyper. A visitor's connection starts with a PROXY protocol preamble ([`preamble()`]) that carries the address the
//! visitor is to have. `README.md` beside `src` says what reaches an application behind the edge, and what comes back.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test that cannot go on has failed"
    )
)]

mod body_limit;
mod cache;
mod certificates;
mod connection;
mod content;
mod dispatch;
mod door;
mod egress;
mod encoding;
mod endpoint;
mod framing;
mod front;
mod hang_up;
pub mod headers;
mod http2;
mod interim;
mod invocations;
mod invoke;
pub mod normalise;
mod origin_side;
pub mod pages;
mod preamble;
mod processor;
mod quota;
mod ray;
mod request_cf;
mod routes;
mod settings;
mod short_uploads;
mod tunnel;
mod turns;
mod under_way;
mod way_in;
mod worker_cache;
mod workers;
mod zones;

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    sync::{Arc, RwLock},
    time::Duration,
};

pub use cache::{Cache, CacheOptions, Lookup, Stored, is_eligible, lifetime};
pub use certificates::{CertificateAuthority, CertificateError};
pub use door::Outbound;
use edgeproof_ground::trace::Trace;
use edgeproof_internet::Internet;
pub use endpoint::{CacheInFront, InUse, LastVisit, Thrown, WorkerEndpoint};
pub use normalise::{Normalization, NormalizationType};
pub use preamble::preamble;
pub use ray::Ray;
pub use request_cf::{Location, Protocol, blob, request_cf};
pub use routes::{
    Considered, ExplainError, Explanation, Route, RouteError, RouteTable, check, explain,
};
pub use settings::{Compression, EdgeSettings, Plan};
use tokio::{net::TcpListener, sync::watch};
use tokio_rustls::TlsAcceptor;
pub use way_in::VisitorDoor;
use way_in::WayIn;
pub use zones::{Resolution, Zone, Zones};

/// How long a visitor may take for the preamble, the TLS handshake, and each request head.
///
/// Cloudflare publishes no such limit. It is what keeps slow clients from holding connections for ever.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// What an edge is made of.
pub struct EdgeOptions {
    /// The zones, with the names in them.
    pub zones: Vec<Zone>,
    /// Where requests go that no worker takes.
    pub internet: Internet,
    /// What the edge knows about visitors' addresses.
    pub visitors: HashMap<IpAddr, Location>,
    /// The three letters of the data centre, such as `FRA`.
    pub colo: String,
    /// How long a visitor may take for the preamble, the TLS handshake, and each request head: [`HEAD_TIMEOUT`].
    pub head_timeout: Duration,
    /// Who signs the certificates.
    pub authority: Arc<CertificateAuthority>,
    /// Where the hops are recorded.
    pub trace: Trace,
}

/// Why an edge could not start.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// No port could be had on the loopback address.
    #[error("no port was available for the edge")]
    Bind(#[source] std::io::Error),
    /// No port could be had for the subrequests of a worker.
    #[error("no port was available for the worker's outgoing requests")]
    Door(#[source] std::io::Error),
    /// The certificates could not be made.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// A route or a custom domain that Cloudflare would refuse.
    #[error("Cloudflare would refuse it with code {}", .0.code())]
    Route(#[from] RouteError),
    /// The data centre is not three letters.
    #[error("`{0}` is not a data centre; it has three capital letters, such as FRA")]
    Colo(String),
}

/// A running edge. Dropping it closes its socket and every connection.
pub struct Edge {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: Option<tokio::task::JoinHandle<()>>,
    front: Arc<front::Front>,
    tls: TlsAcceptor,
}

impl Edge {
    /// Starts an edge on a port of the kernel's choice. Nothing is deployed to it yet: see [`Edge::deployer`].
    ///
    /// # Errors
    /// Where no port can be had, TLS cannot be set up, or the options make no sense.
    pub async fn start(options: EdgeOptions) -> Result<Self, EdgeError> {
        if options.colo.len() != 3 || !options.colo.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(EdgeError::Colo(options.colo));
        }
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(EdgeError::Bind)?;
        let address = listener.local_addr().map_err(EdgeError::Bind)?;
        let zones = Zones::new(options.zones.clone());
        let named = zones.clone();
        let tls = options
            .authority
            .server_config(move |host| named.resolve(host) != Resolution::Unknown)?;
        let front = Arc::new(front::Front {
            zones,
            zones_described: options.zones,
            deployed: RwLock::default(),
            invoker: Arc::new(invoke::Invoker {
                runtime: workers::Workers::new(),
                invocations: invocations::Invocations::default(),
                trace: options.trace.clone(),
            }),
            workers_cache: worker_cache::WorkersCache::default(),
            origin_side: origin_side::OriginSide {
                internet: options.internet,
                cache: Cache::default(),
                trace: options.trace.clone(),
            },
            visitors: options.visitors,
            colo: options.colo,
            head_timeout: options.head_timeout,
            quota: quota::Quota::default(),
            tunnels: tunnel::Tunnels::default(),
            trace: options.trace,
        });
        let (stop, stopped) = watch::channel(false);
        let tls = TlsAcceptor::from(Arc::new(tls));
        let way_in = WayIn {
            front: Arc::clone(&front),
            tls: tls.clone(),
            visitor: None,
            stop: connection::Stop(stopped),
        };
        let task = tokio::spawn(way_in::accept(listener, way_in));
        Ok(Self {
            address,
            stop,
            task: Some(task),
            front,
            tls,
        })
    }

    /// Opens a port on which everybody is this visitor, for programs that write no [`preamble`].
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn door_for(&self, visitor: SocketAddr) -> std::io::Result<VisitorDoor> {
        VisitorDoor::open(WayIn {
            front: Arc::clone(&self.front),
            tls: self.tls.clone(),
            visitor: Some(visitor),
            stop: connection::Stop(self.stop.subscribe()),
        })
        .await
    }

    /// Where the edge listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what is deployed to it while it runs.
    pub fn deployer(&self) -> Deployer {
        Deployer {
            front: Arc::clone(&self.front),
        }
    }

    /// Takes no new request, lets those under way end for up to a second, and closes.
    pub async fn stop(mut self) {
        // The receiver lives in the task; where that has ended there is nothing left to stop.
        let _ = self.stop.send(true);
        if let Some(task) = self.task.take() {
            let _ = task.await;
        }
    }
}

/// Changes what is deployed to an edge, and takes in what its workers ask for. Clones change the same one.
#[derive(Clone)]
pub struct Deployer {
    front: Arc<front::Front>,
}

impl Deployer {
    /// Puts these routes and workers in the place of those before, for every request that arrives from now on. Workers
    /// are given by name.
    ///
    /// # Errors
    /// A route that Cloudflare would refuse; what was deployed stays.
    pub fn deploy(
        &self,
        routes: Vec<Route>,
        workers: BTreeMap<String, WorkerEndpoint>,
    ) -> Result<(), EdgeError> {
        let names = workers.keys().map(String::as_str).collect();
        check(&self.front.zones_described, &routes, &names)?;
        self.front.deploy(front::DeployedWorkers {
            routes: RouteTable::new(routes),
            workers,
        });
        Ok(())
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

#[cfg(test)]
mod tests;
