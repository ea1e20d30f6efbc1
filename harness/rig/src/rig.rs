//! A rig while it runs.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use edgeproof_browser::{GatewayTarget, Profile};
use edgeproof_cloudflare::plane::ControlPlane;
use edgeproof_deployment::Deployment;
use edgeproof_edge::{
    CertificateAuthority, Edge, EdgeOptions, HEAD_TIMEOUT, VisitorDoor, preamble,
};
use edgeproof_fingerprint::{Fingerprint, Ruleset};
use edgeproof_ground::{memory::Memory, trace::Trace};
use edgeproof_internet::Internet;
use edgeproof_origin::{Origin, RecordedRequest};
use edgeproof_runtime::LogLine;
use edgeproof_wallarm::WallarmNode;
use tokio::sync::watch;

use super::{
    BorrowedApp, BrowserVisit, Client, Description, Environment, RigError, Visitor, apps,
    control_plane,
    desired::DesiredState,
    edge,
    followed_plane::FollowedPlane,
    internet, presented,
    publisher::{Deployed, Followed, Publisher},
};

/// The data centre that the emulated edge says it is.
const COLO: &str = "FRA";

/// How long a worker may go on in `waitUntil` after its response has ended, or its visitor has gone (Cloudflare's
/// documentation, Workers › Platform › Limits, duration).
const WAIT_UNTIL: Duration = Duration::from_secs(30);

/// A running world. Dropping it ends everything it started; [`Rig::stop`] does so in good order.
///
/// ```no_run
/// use edgeproof_rig::{Description, Environment, Rig};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let environment = Environment::prepare(None)?;
/// let rig = Rig::start(&environment, Description::default()).await?;
/// let request = http::Request::get("https://shop.example/signup").body(bytes::Bytes::new())?;
/// let response = rig.client("ann")?.send(request).await?;
/// for exchange in rig.trace().exchanges() {
///     println!("{} → {}: {:?}", exchange.from, exchange.to, exchange.decision);
/// }
/// rig.stop().await;
/// # Ok(())
/// # }
/// ```
pub struct Rig {
    environment: Environment,
    visitors: BTreeMap<String, Visitor>,
    memory: Memory,
    trace: Trace,
    edge: Edge,
    internet: Internet,
    description: Mutex<Description>,
    pub(super) publisher: Arc<Publisher>,
    plane: Option<FollowedPlane>,
    origins: BTreeMap<String, Origin>,
    apps: Vec<BorrowedApp>,
    fingerprint: Fingerprint,
    node: WallarmNode,
}

/// How much of what happened a rig no longer keeps: the oldest of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Hops of the trace.
    pub hops: usize,
    /// Requests that reached an origin.
    pub origin: usize,
    /// Requests that reached the filtering node.
    pub node: usize,
    /// Identification events.
    pub events: usize,
    /// Whether attacks that the node found are among it.
    pub attacks: bool,
    /// Lines of logs.
    pub log: usize,
}

impl Rig {
    /// Starts every part of the description.
    ///
    /// # Errors
    /// When the description makes no sense, or a part does not start.
    pub async fn start(
        environment: &Environment,
        description: Description,
    ) -> Result<Self, RigError> {
        Self::start_with(environment, description, WAIT_UNTIL).await
    }

    /// The same, where a worker may go on for `wait_until` after its response.
    pub(super) async fn start_with(
        environment: &Environment,
        description: Description,
        wait_until: Duration,
    ) -> Result<Self, RigError> {
        let memory = environment.memory_of(&description);
        let trace = Trace::keeping_in(&memory);
        let internet = Internet::new(trace.clone());
        let apps = apps::borrow(environment, &description).await?;
        let origins =
            internet::connect_origins(&internet, &description, &environment.sites, &apps, &memory)?;
        let fingerprint =
            internet::connect_fingerprint(&internet, &description, environment, &memory).await?;
        let node = internet::connect_node(&internet, &description, &memory);
        internet.set_faults(description.faults.clone())?;

        let plane = control_plane::start(environment, &description, &fingerprint, &trace).await?;
        internet::connect_real_nodes(&internet, &description);
        // The workers are told where the edge takes in what they ask for, so the edge is there before them.
        let edge = Edge::start(EdgeOptions {
            zones: edge::zones(&description),
            internet: internet.clone(),
            visitors: edge::locations(&description),
            colo: COLO.to_owned(),
            head_timeout: HEAD_TIMEOUT,
            authority: Arc::clone(&environment.authority),
            trace: trace.clone(),
        })
        .await?;
        let tail = plane.as_ref().map(ControlPlane::tail_reader);
        let publisher = Publisher::new(environment, edge.deployer(), &memory, wait_until, tail);
        publisher
            .publish(match &plane {
                None => DesiredState::described(environment, &description, &fingerprint)?,
                Some(plane) => DesiredState::deployed(plane.snapshot()),
            })
            .await?;
        Ok(Self {
            environment: environment.clone(),
            visitors: description.visitors.clone(),
            memory,
            trace,
            edge,
            internet,
            description: Mutex::new(description),
            plane: plane.map(|plane| FollowedPlane::follow(plane, &publisher)),
            publisher,
            origins,
            apps,
            fingerprint,
            node,
        })
    }

    /// Deploys these in the place of those of the same names, beside all others; requests that arrive from now on get
    /// them. Every worker is started anew, as a deployment at Cloudflare starts new isolates; the old ones end when their
    /// last visit has, with what it does in `waitUntil`.
    ///
    /// # Errors
    /// When a deployment makes no sense or its worker does not start; what was deployed stays.
    pub async fn redeploy(
        &self,
        deployments: BTreeMap<String, Deployment>,
        rulesets: &BTreeMap<String, Ruleset>,
    ) -> Result<(), RigError> {
        let mut description = self.description();
        description.deployments.extend(deployments);
        description.rulesets.extend(rulesets.clone());
        internet::connect_real_nodes(&self.internet, &description);
        let (environment, fingerprint) = (&self.environment, &self.fingerprint);
        match &self.plane {
            Some(plane) => {
                control_plane::place(environment, plane.api(), &description, fingerprint)?;
                plane.publish().await?;
            }
            None => {
                let desired = DesiredState::described(environment, &description, fingerprint)?;
                self.publisher.publish(desired).await?;
            }
        }
        *self.lock() = description;
        Ok(())
    }

    /// What it is made of now.
    pub fn description(&self) -> Description {
        self.lock().clone()
    }

    /// A panic elsewhere leaves it whole: it changes by one assignment.
    fn lock(&self) -> MutexGuard<'_, Description> {
        self.description
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The emulated control plane, where the description gives one.
    pub fn control_plane(&self) -> Option<&ControlPlane> {
        self.plane.as_ref().map(FollowedPlane::api)
    }

    /// Waits until the edge runs everything that was deployed on the control plane and is due by the rig's clock.
    ///
    /// # Errors
    /// When something of it does not run.
    pub async fn settled(&self) -> Result<(), RigError> {
        match &self.plane {
            Some(plane) => plane.settled().await,
            None => Ok(()),
        }
    }

    /// What its records of requests may take, all together.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// How much is no longer kept.
    pub fn forgotten(&self) -> Forgotten {
        let origins = self.origins.values();
        Forgotten {
            hops: self.trace.forgotten(),
            origin: origins.map(Origin::forgotten_requests).sum(),
            node: self.node.forgotten_requests(),
            events: self.fingerprint.forgotten_events(),
            attacks: self.node.has_forgotten_attacks(),
            log: self.publisher.forgotten_lines(),
        }
    }

    /// Every hop so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The Fingerprint workspace.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The Wallarm filtering node: what reached it, and the attacks it found.
    pub fn wallarm(&self) -> &WallarmNode {
        &self.node
    }

    /// The internet between the worker and everybody it asks.
    pub fn internet(&self) -> &Internet {
        &self.internet
    }

    /// The site behind a host.
    pub fn origin(&self, host: &str) -> Option<&Origin> {
        self.origins.get(host)
    }

    /// The user's own apps that were started.
    pub fn apps(&self) -> &[BorrowedApp] {
        &self.apps
    }

    /// What reached any origin, host by host, as far as it is kept.
    pub fn origin_requests(&self) -> Vec<RecordedRequest> {
        self.origins.values().flat_map(Origin::requests).collect()
    }

    /// What the runtime and the workers in it have logged, those that were replaced included.
    pub fn log(&self) -> Vec<LogLine> {
        self.publisher.log()
    }

    /// The same once everything is there that the runtimes have written before now.
    pub async fn log_so_far(&self) -> Vec<LogLine> {
        self.publisher.log_so_far().await
    }

    /// Waits for lines that the runtimes have written beyond those that were read; `read` is empty at first. One reader can
    /// have them, and misses none while it is fast enough.
    pub async fn follow_log(&self, read: &mut Vec<usize>) -> Followed {
        self.publisher.follow(read).await
    }

    /// Where the edge listens. Connections must start with [`preamble`].
    pub fn address(&self) -> SocketAddr {
        self.edge.address()
    }

    /// An HTTP client for a visitor of any profile.
    ///
    /// # Errors
    /// When no visitor has this name.
    pub fn client(&self, visitor: &str) -> Result<Client, RigError> {
        let address = self.visitor_address(visitor)?;
        Ok(Client::new(
            self.edge.address(),
            address,
            Arc::clone(&self.environment.authority),
        ))
    }

    /// A browser for a visitor, with a blank page open.
    ///
    /// # Errors
    /// When no visitor has this name, its profile has no browser, or the browser is not installed or does not start.
    pub async fn browser(&self, visitor: &str) -> Result<BrowserVisit, RigError> {
        let address = self.visitor_address(visitor)?;
        let described = self.visitor(visitor)?;
        let profile = described.profile;
        if profile == Profile::Http {
            return Err(RigError::NoBrowser(visitor.to_owned()));
        }
        let engine = self
            .description()
            .engine_of(described, self.environment.engine);
        let target = GatewayTarget::Edge {
            edge: self.edge.address(),
            preamble: preamble(address, self.edge.address()),
        };
        let browsers = &self.environment.browsers;
        Ok(presented::browser(browsers, engine, described, target, None).await?)
    }

    /// Opens a port on which any program comes in as this visitor.
    ///
    /// # Errors
    /// When no visitor has this name, or no port is to be had.
    pub async fn door(&self, visitor: &str) -> Result<VisitorDoor, RigError> {
        let address = self.visitor_address(visitor)?;
        let door = self.edge.door_for(address).await;
        door.map_err(RigError::Door)
    }

    /// The directory of the worker that deployments run which name none.
    pub fn worker(&self) -> &Path {
        &self.environment.worker
    }

    /// Where DevTools find the workers that are deployed, as it changes; nowhere unless the environment is inspected.
    pub fn inspectors(&self) -> watch::Receiver<Option<SocketAddr>> {
        self.publisher.inspectors()
    }

    /// What runs at the edge, whoever deployed it, as it changes.
    pub fn deployed(&self) -> watch::Receiver<Deployed> {
        self.publisher.deployed()
    }

    /// Who signs the certificates of its edge.
    pub fn authority(&self) -> &CertificateAuthority {
        &self.environment.authority
    }

    /// Ends the edge, the runtime and the rest, each after what depends on it.
    pub async fn stop(self) {
        // Nothing is deployed any more.
        drop(self.plane);
        self.edge.stop().await;
        self.publisher.stop().await;
        for app in self.apps {
            app.give_back().await;
        }
    }

    /// The visitor of this name.
    ///
    /// # Errors
    /// When there is none.
    pub fn visitor(&self, name: &str) -> Result<&Visitor, RigError> {
        self.visitors
            .get(name)
            .ok_or_else(|| RigError::Visitor(name.to_owned()))
    }

    fn visitor_address(&self, name: &str) -> Result<SocketAddr, RigError> {
        // Any port will do: the edge tells visitors apart by address.
        Ok(SocketAddr::new(self.visitor(name)?.ip, 50_000))
    }
}
