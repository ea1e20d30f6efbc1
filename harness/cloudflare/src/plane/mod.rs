//! The emulated control plane: the part of Cloudflare's REST API that deploys workers, on a socket of this machine.
//!
//! ```no_run
//! use edgeproof_cloudflare::plane::{AccountSettings, ControlPlane, PlaneFault, PlaneFaultKind, ZoneSettings};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let plane = ControlPlane::start(AccountSettings {
//!     zones: vec![ZoneSettings::proxied("shop.example", &["shop.example"])],
//!     ..AccountSettings::default()
//! })
//! .await?;
//! // Point a client, or wrangler, at it:
//! println!("{} {} {}", plane.base_url(), plane.account_id(), plane.token().reveal());
//! plane.set_fault(PlaneFault::new(None, PlaneFaultKind::Reset).nth(3));
//! assert!(plane.state().scripts.is_empty());
//! # Ok(())
//! # }
//! ```
//!
//! What it does not emulate it says: error 7000 with a message. The rules are Cloudflare's published ones; where none is
//! published a comment says what was decided.

mod access;
mod account;
mod bindings;
mod call;
mod code;
mod dispatch;
mod dns;
mod envelope;
mod error;
mod fault;
mod given;
mod ids;
mod limits;
mod metadata;
mod neighbours;
mod routes;
mod scripts;
mod secrets;
mod server;
mod settings;
mod snapshot;
mod state;
mod subdomain;
mod tails;
mod upload;
mod versions;
mod zones;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

pub use crate::secret::Secret;
pub use access::{Group, Level, Permission, PermissionError, Token, TokenOwner, TokenStatus};
use edgeproof_deployment::FailureMode;
use edgeproof_edge as edge;
use edgeproof_runtime::{Project, TailReader};
pub use fault::{ErrorFault, PlaneFault, PlaneFaultKind};
pub use given::GivenError;
pub use given::Placed;
pub use ids::stable_id;
pub use limits::{BINDING_NAME, SCRIPT_BYTES, SCRIPT_NAME, VARIABLE_BYTES, WorkersPlan};
pub use neighbours::{OtherAccount, ZoneStatus};
pub use settings::{AccountName, AccountSettings, Changes, GivenWorker, Record, ZoneSettings};
pub use snapshot::{Change, Follower, Pending, RunningWorker, Snapshot};
pub use state::{RouteState, ScriptState, State};
use tokio::net::TcpListener;

use account::Account;
use code::Validator;
use fault::PlaneFaults;
use server::{BASE_PATH, Shared};

/// The token of an account that names none: it may do everything a deployment takes.
pub const DEPLOYER: &str = "deployer";

/// A running control plane. Dropping it closes its socket and every connection.
pub struct ControlPlane {
    shared: Arc<Shared>,
    account_id: String,
    task: tokio::task::JoinHandle<()>,
}

/// Why the control plane could not start.
#[derive(Debug, thiserror::Error)]
pub enum PlaneError {
    /// No port could be had.
    #[error("the emulated control plane cannot listen on the loopback interface")]
    Bind(#[source] std::io::Error),
    /// A worker that is given cannot be there.
    #[error("the given worker `{worker}`")]
    Given {
        /// Its name.
        worker: String,
        /// Why.
        source: Box<GivenError>,
    },
}

impl ControlPlane {
    /// Starts the API on a port of the kernel's choice.
    ///
    /// # Errors
    /// No port could be bound, or a given worker cannot be there.
    pub async fn start(settings: AccountSettings) -> Result<Self, PlaneError> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(PlaneError::Bind)?;
        let address = listener.local_addr().map_err(PlaneError::Bind)?;
        let mut account = Account::new(&settings);
        for (worker, given) in &settings.workers {
            place(&mut account, worker, given).map_err(|source| PlaneError::Given {
                worker: worker.clone(),
                source: Box::new(source),
            })?;
        }
        let account_id = account.id.clone();
        let delay = settings
            .propagation_delay
            .map_or(Duration::ZERO, |delay| delay.0);
        let shared = Arc::new(Shared {
            address,
            tails: Arc::clone(&account.tails),
            clock: account.clock.clone(),
            account: Arc::new(Mutex::new(account)),
            faults: Mutex::new(PlaneFaults::new(settings.faults)),
            validator: Validator::new(settings.workerd),
            trace: settings.trace,
            pending: Arc::new(Pending::new(delay, settings.clock)),
        });
        let task = tokio::spawn(server::accept(listener, Arc::clone(&shared)));
        Ok(Self {
            shared,
            account_id,
            task,
        })
    }

    /// Where it listens: plain HTTP/1.1.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// What clients take in the place of `https://api.cloudflare.com/client/v4`.
    pub fn base_url(&self) -> String {
        format!("http://{}{BASE_PATH}", self.shared.address)
    }

    /// The id of the account.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// The value of the account's first token.
    pub fn token(&self) -> Secret {
        let account = dispatch::lock(&self.shared.account);
        let first = account.tokens.first();
        first.map_or_else(|| Secret::new(""), |(name, token)| token.value(name))
    }

    /// The value of the token of this name.
    pub fn token_of(&self, name: &str) -> Option<Secret> {
        let account = dispatch::lock(&self.shared.account);
        account.tokens.get(name).map(|token| token.value(name))
    }

    /// What the account holds now.
    pub fn state(&self) -> State {
        State::of(&dispatch::lock(&self.shared.account))
    }

    /// Adds a fault; it counts the requests from now on.
    pub fn set_fault(&self, fault: PlaneFault) {
        self.faults().push(fault);
    }

    /// Puts these faults in the place of all others; their counts start anew.
    pub fn set_faults(&self, faults: Vec<PlaneFault>) {
        *self.faults() = PlaneFaults::new(faults);
    }

    /// Puts a worker in force with these routes, in the place of whatever has the same names and patterns, and without telling
    /// the edge.
    pub fn place(
        &self,
        name: &str,
        placed: &Placed,
        routes: Vec<edge::Route>,
    ) -> Result<(), GivenError> {
        let mut account = dispatch::lock(&self.shared.account);
        account.place(name, placed)?;
        account.place_routes(routes)
    }

    /// Gives these routes to their zones, without telling the edge.
    pub fn place_routes(&self, routes: Vec<edge::Route>) -> Result<(), GivenError> {
        dispatch::lock(&self.shared.account).place_routes(routes)
    }

    /// What is to run now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot::of(&dispatch::lock(&self.shared.account))
    }

    /// Takes what invocations of its workers come to, for those who read their tails.
    pub fn tail_reader(&self) -> TailReader {
        self.shared.tails.reader(self.shared.clock.clone())
    }

    /// What the edge does not have yet.
    pub fn pending(&self) -> &Arc<Pending> {
        &self.shared.pending
    }

    /// Every token and every secret that is there: what reports hide.
    pub fn secrets(&self) -> Vec<String> {
        dispatch::lock(&self.shared.account).secrets()
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, PlaneFaults> {
        self.shared
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(account: &mut Account, name: &str, given: &GivenWorker) -> Result<(), GivenError> {
    let mut placed = match &given.worker {
        Some(path) => Placed::of(Project::read(path)?.complete(false)?),
        None => Placed::default(),
    };
    placed.variables.extend(given.variables.clone());
    placed.secrets.extend(given.secrets.clone());
    placed.cache |= given.cache;
    account.place(name, &placed)?;
    let routes = given.routes.iter().map(|pattern| edge::Route {
        pattern: pattern.clone(),
        worker: Some(name.to_owned()),
        over_daily_limit: FailureMode::Closed,
    });
    account.place_routes(routes.collect())
}

impl std::fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ControlPlane")
            .field("base_url", &self.base_url())
            .field("account", &self.account_id)
            .finish_non_exhaustive()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        self.task.abort();
        self.shared.tails.close();
    }
}

#[cfg(test)]
mod tests;
