//! A rig while it runs.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use edgeproof_browser::{ChromiumError, Gateway, Profile, Way};
use edgeproof_cloudflare::plane::{ControlPlane, GivenError, PlaneError};
use edgeproof_deployment::{Deployment, Expansion, NODE_HOST};
use edgeproof_edge::{
    self as edge, Caller, CertificateAuthority, Edge, EdgeError, EdgeOptions, Location, Outbound,
    Route, WorkerEndpoint, preamble,
};
use edgeproof_fingerprint::{Fingerprint, Ruleset, StartError};
use edgeproof_ground::{
    pattern::PatternError,
    tools::ToolError,
    trace::{Party, Trace},
};
use edgeproof_internet::{Destination, Internet, InternetError, Peer};
use edgeproof_origin::{AppError, Origin, RecordedRequest, SiteError, launch::LaunchError};
use edgeproof_runtime::{
    Bundle, BundleError, LogLine, Runtime, RuntimeError, WorkerConfig, WorkerOptions,
};
use edgeproof_wallarm::{self as wallarm, Node};

use super::{
    BorrowedApp, BrowserVisit, Client, Description, Door, Environment, Host, Visitor, WrongClock,
    apps,
    plane::{self, DeployedPlane},
};

/// The data centre that the emulated edge says it is.
const COLO: &str = "FRA";

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
    trace: Trace,
    edge: Edge,
    internet: Internet,
    deployed: Arc<Mutex<Deployed>>,
    plane: Option<DeployedPlane>,
    origins: BTreeMap<String, Origin>,
    apps: Vec<BorrowedApp>,
    fingerprint: Fingerprint,
    node: Node,
}

/// What is deployed, and what was: a worker that was replaced still ends the requests it has begun.
pub(super) struct Deployed {
    description: Description,
    pub(super) runtimes: Vec<Runtime>,
    pub(super) doors: Vec<Outbound>,
}

impl Deployed {
    /// The names of the zones.
    pub(super) fn zones(&self) -> Vec<String> {
        self.description.zones.keys().cloned().collect()
    }
}

/// Why a rig did not start, or cannot do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// A host names neither a site nor an application, or both.
    #[error("host `{0}` needs either a `site` or an `app`")]
    Host(String),
    /// A site cannot be read.
    #[error("the site of `{host}`")]
    Site {
        /// The host.
        host: String,
        /// Why.
        source: SiteError,
    },
    /// An application has no usable address.
    #[error(transparent)]
    App(#[from] AppError),
    /// An application could not be started.
    #[error(transparent)]
    Launch(#[from] LaunchError),
    /// A worker's directory holds no worker.
    #[error("worker `{worker}`")]
    Bundle {
        /// Its name.
        worker: String,
        /// Why.
        source: BundleError,
    },
    /// A deployment names a ruleset that is not there.
    #[error(
        "deployment `{deployment}` names the ruleset `{ruleset}`, which does not exist; add it under `rulesets`"
    )]
    Ruleset {
        /// The deployment.
        deployment: String,
        /// The ruleset.
        ruleset: String,
    },
    /// A route pattern is not one.
    #[error("route of `{worker}`")]
    Route {
        /// The worker.
        worker: String,
        /// Why.
        source: PatternError,
    },
    /// No visitor has this name.
    #[error("there is no visitor `{0}`")]
    Visitor(String),
    /// The visitor has no browser.
    #[error("visitor `{0}` has no browser: its profile is `http`")]
    NoBrowser(String),
    /// No port could be had for a door.
    #[error("no port was available")]
    Door(#[source] std::io::Error),
    /// Chromium is not installed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// Chromium does not start or answer.
    #[error(transparent)]
    Chromium(#[from] ChromiumError),
    /// The edge did not start.
    #[error(transparent)]
    Edge(#[from] EdgeError),
    /// The internet did not start, or a fault makes no sense.
    #[error(transparent)]
    Internet(#[from] InternetError),
    /// The Fingerprint platform did not start.
    #[error(transparent)]
    Fingerprint(#[from] StartError),
    /// The runtime did not start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The emulated control plane did not start.
    #[error(transparent)]
    Plane(#[from] PlaneError),
    /// What is given for the control plane cannot be there.
    #[error("`{worker}` on the control plane")]
    Given {
        /// The worker.
        worker: String,
        /// Why.
        source: Box<GivenError>,
    },
    /// What was deployed on the control plane does not run at the edge.
    #[error("what was deployed does not run at the edge: {0}")]
    Propagation(String),
    /// The files of a worker could not be written.
    #[error("the files of a worker could not be written")]
    Write(#[source] std::io::Error),
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
        let trace = Trace::new();
        let internet = Internet::new(trace.clone());
        let apps = apps::borrow(environment, &description).await?;
        let origins = connect_origins(&internet, &description, &environment.sites, &apps)?;
        let fingerprint = connect_fingerprint(&internet, &description, environment).await?;
        let node = connect_node(&internet, &description);
        internet.set_faults(description.faults.clone())?;

        let plane = plane::start(environment, &description, &fingerprint, &trace).await?;
        connect_real_nodes(&internet, &description);
        // The workers are told where the edge takes in what they ask for, so the edge is there before them.
        let edge = Edge::start(EdgeOptions {
            zones: zones(&description),
            internet: internet.clone(),
            visitors: locations(&description),
            colo: COLO.to_owned(),
            head_timeout: edge::HEAD_TIMEOUT,
            authority: Arc::clone(&environment.authority),
            trace: trace.clone(),
        })
        .await?;
        let deployer = edge.deployer();
        let (launched, doors) = match &plane {
            None => launch(&deployer, environment, &description, &fingerprint).await?,
            Some(plane) => {
                let zone = description.zones.keys().next().cloned();
                plane::launch(&deployer, environment, zone, &plane.snapshot()).await?
            }
        };
        let endpoints = launched.endpoints.clone();
        deployer.deploy(launched.routes, launched.endpoints)?;
        let visitors = description.visitors.clone();
        let deployed = Arc::new(Mutex::new(Deployed {
            description,
            runtimes: launched.runtime.into_iter().collect(),
            doors,
        }));
        let plane = plane
            .map(|plane| DeployedPlane::follow(plane, environment, deployer, &deployed, endpoints));
        Ok(Self {
            environment: environment.clone(),
            visitors,
            trace,
            edge,
            internet,
            deployed,
            plane,
            origins,
            apps,
            fingerprint,
            node,
        })
    }

    /// Deploys these in the place of those of the same names, beside all others; requests that arrive from now on get
    /// them. Every worker is started anew, as a deployment at Cloudflare starts new isolates.
    ///
    /// # Errors
    /// When a deployment makes no sense or its worker does not start; what was deployed stays.
    pub async fn redeploy(
        &self,
        deployments: BTreeMap<String, Deployment>,
        rulesets: &BTreeMap<String, Ruleset>,
    ) -> Result<(), RigError> {
        let mut description = self.deployed().description.clone();
        description.deployments.extend(deployments);
        description.rulesets.extend(rulesets.clone());
        connect_real_nodes(&self.internet, &description);
        if let Some(plane) = &self.plane {
            plane::place(
                &self.environment,
                plane.api(),
                &description,
                &self.fingerprint,
            )?;
            plane.publish().await?;
            self.deployed().description = description;
            return Ok(());
        }
        let deployer = self.edge.deployer();
        let (launched, doors) = launch(
            &deployer,
            &self.environment,
            &description,
            &self.fingerprint,
        )
        .await?;
        deployer.deploy(launched.routes, launched.endpoints)?;
        let mut deployed = self.deployed();
        deployed.description = description;
        deployed.runtimes.extend(launched.runtime);
        deployed.doors.extend(doors);
        Ok(())
    }

    /// What it is made of now.
    pub fn description(&self) -> Description {
        self.deployed().description.clone()
    }

    fn deployed(&self) -> MutexGuard<'_, Deployed> {
        lock(&self.deployed)
    }

    /// The emulated control plane, where the description gives one.
    pub fn control_plane(&self) -> Option<&ControlPlane> {
        self.plane.as_ref().map(DeployedPlane::api)
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

    /// Every hop so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// The Fingerprint workspace.
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// The Wallarm filtering node: what reached it, and the attacks it found.
    pub fn wallarm(&self) -> &Node {
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

    /// Everything that reached any origin, host by host.
    pub fn origin_requests(&self) -> Vec<RecordedRequest> {
        self.origins.values().flat_map(Origin::requests).collect()
    }

    /// What the runtime and the workers in it have logged.
    pub fn log(&self) -> Vec<LogLine> {
        let deployed = self.deployed();
        deployed.runtimes.iter().flat_map(Runtime::log).collect()
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
    /// When no visitor has this name, its profile has no browser, or Chromium does not start.
    pub async fn browser(&self, visitor: &str) -> Result<BrowserVisit, RigError> {
        let address = self.visitor_address(visitor)?;
        let described = self.visitor(visitor)?;
        let profile = described.profile;
        if profile == Profile::Http {
            return Err(RigError::NoBrowser(visitor.to_owned()));
        }
        let browsers = match &self.environment.browsers {
            Some(browsers) => browsers,
            None => return Err(ToolError::Missing(edgeproof_ground::tools::Tool::Chromium).into()),
        };
        let way = Way {
            edge: self.edge.address(),
            preamble: preamble(address, self.edge.address()),
        };
        let lease = browsers.lend(profile, way).await?;
        let page = lease.open().await?;
        page.present_as(&described.headers.0, described.language.as_deref())
            .await
            .map_err(|error| ChromiumError::Protocol(error.to_string()))?;
        if described.clock != WrongClock::default() {
            page.wrong_clock(described.clock.ahead)
                .await
                .map_err(|error| ChromiumError::Protocol(error.to_string()))?;
        }
        Ok(BrowserVisit::new(lease, page))
    }

    /// Opens a port on which any program comes in as this visitor.
    ///
    /// # Errors
    /// When no visitor has this name, or no port is to be had.
    pub async fn door(&self, visitor: &str) -> Result<Door, RigError> {
        let way = Way {
            edge: self.edge.address(),
            preamble: preamble(self.visitor_address(visitor)?, self.edge.address()),
        };
        let gateway = Gateway::open().await.map_err(RigError::Door)?;
        gateway.lead(Some(way));
        Ok(Door::new(gateway))
    }

    /// The directory of the worker that deployments run which name none.
    pub fn worker(&self) -> &Path {
        &self.environment.worker
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
        let runtimes = std::mem::take(&mut lock(&self.deployed).runtimes);
        for runtime in runtimes {
            runtime.stop().await;
        }
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

fn connect_origins(
    internet: &Internet,
    description: &Description,
    sites: &Path,
    apps: &[BorrowedApp],
) -> Result<BTreeMap<String, Origin>, RigError> {
    let mut origins = BTreeMap::new();
    for (name, host) in description.zones.values().flat_map(|zone| &zone.hosts) {
        let origin = open_origin(name, host, sites, apps)?;
        internet.connect(
            name,
            Peer {
                name: "origin".to_owned(),
                party: Party::Origin,
                destination: Destination::Handler(Arc::new(origin.clone())),
            },
        );
        origins.insert(name.clone(), origin);
    }
    Ok(origins)
}

fn open_origin(
    name: &str,
    host: &Host,
    sites: &Path,
    apps: &[BorrowedApp],
) -> Result<Origin, RigError> {
    match (&host.site, &host.app) {
        (Some(site), None) => Origin::site(&sites.join(site)).map_err(|source| RigError::Site {
            host: name.to_owned(),
            source,
        }),
        (None, Some(app)) => {
            let started = app.launch.as_ref().and_then(|launch| {
                let mut processes = apps.iter().map(BorrowedApp::process);
                processes.find(|process| process.launch() == launch)
            });
            Ok(match started {
                Some(process) => Origin::started(app, Arc::clone(process))?,
                None => Origin::app(app)?,
            })
        }
        _ => Err(RigError::Host(name.to_owned())),
    }
}

async fn connect_fingerprint(
    internet: &Internet,
    description: &Description,
    environment: &Environment,
) -> Result<Fingerprint, RigError> {
    let mut settings = description.fingerprint.clone();
    settings.agent = environment.agent.clone();
    settings.rulesets.clone_from(&description.rulesets);
    let fingerprint = Fingerprint::start(settings).await?;
    for host in Fingerprint::hosts() {
        let name = if host == edgeproof_fingerprint::CDN_HOST {
            "cdn"
        } else {
            "ingress"
        };
        internet.connect(
            host,
            Peer {
                name: name.to_owned(),
                party: Party::Fingerprint,
                destination: Destination::Address(fingerprint.address()),
            },
        );
    }
    Ok(fingerprint)
}

/// The emulated node under its name.
fn connect_node(internet: &Internet, description: &Description) -> Node {
    let node = Node::new(wallarm::Settings {
        // One clock for the whole rig: a step that moves it moves the lists too.
        clock: description.fingerprint.clock.clone(),
        ..description.node.clone()
    });
    let destination = Destination::Handler(Arc::new(node.clone()));
    internet.connect(NODE_HOST, node_at(destination));
    node
}

/// Each real node under the name of its deployment.
fn connect_real_nodes(internet: &Internet, description: &Description) {
    for (name, deployment) in &description.deployments {
        if let Some(real) = &deployment.node {
            let destination = Destination::Address(real.address);
            internet.connect(
                &edgeproof_deployment::node_host(name, deployment),
                node_at(destination),
            );
        }
    }
}

fn node_at(destination: Destination) -> Peer {
    Peer {
        name: "wallarm".to_owned(),
        party: Party::Wallarm,
        destination,
    }
}

/// A panic elsewhere leaves what is deployed whole: each change is one assignment or push.
pub(super) fn lock(deployed: &Mutex<Deployed>) -> MutexGuard<'_, Deployed> {
    deployed.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Workers that were started, and how to reach them.
pub(super) struct Launched {
    pub(super) routes: Vec<Route>,
    pub(super) endpoints: BTreeMap<String, WorkerEndpoint>,
    pub(super) runtime: Option<Runtime>,
}

/// Starts the workers of all deployments, each with a door to the edge.
async fn launch(
    edge: &edge::Deployer,
    environment: &Environment,
    description: &Description,
    fingerprint: &Fingerprint,
) -> Result<(Launched, Vec<Outbound>), RigError> {
    let expansions = expand(description, fingerprint)?;
    let routes = routes(description, &expansions)
        .map_err(|(worker, source)| RigError::Route { worker, source })?;
    let (workers, doors) = workers(edge, environment, description, &expansions).await?;
    let launched = run(environment, routes, &workers).await?;
    Ok((launched, doors))
}

/// Starts the workers.
pub(super) async fn run(
    environment: &Environment,
    routes: Vec<Route>,
    workers: &[WorkerConfig],
) -> Result<Launched, RigError> {
    let runtime = match workers {
        [] => None,
        workers => Some(Runtime::start(&environment.workerd, workers).await?),
    };
    Ok(Launched {
        routes,
        endpoints: runtime.as_ref().map(endpoints).unwrap_or_default(),
        runtime,
    })
}

/// Where the edge finds each worker of a runtime.
fn endpoints(runtime: &Runtime) -> BTreeMap<String, WorkerEndpoint> {
    let process = runtime.process_id();
    let endpoint = |(name, &address): (&String, &SocketAddr)| {
        (name.clone(), WorkerEndpoint { address, process })
    };
    runtime.addresses().iter().map(endpoint).collect()
}

pub(super) fn expand(
    description: &Description,
    fingerprint: &Fingerprint,
) -> Result<BTreeMap<String, Expansion>, RigError> {
    let keys = fingerprint.keys();
    let keys = edgeproof_deployment::Keys {
        public: &keys.public,
        secret: &keys.secret,
    };
    let mut expansions = BTreeMap::new();
    for (name, deployment) in &description.deployments {
        let ruleset = match &deployment.ruleset {
            Some(ruleset) if !description.rulesets.contains_key(ruleset) => {
                return Err(RigError::Ruleset {
                    deployment: name.clone(),
                    ruleset: ruleset.clone(),
                });
            }
            Some(ruleset) => Some(edgeproof_fingerprint::ruleset_id(ruleset)),
            None => None,
        };
        let expansion = edgeproof_deployment::expand(name, deployment, keys, ruleset.as_deref());
        expansions.insert(name.clone(), expansion);
    }
    Ok(expansions)
}

async fn workers(
    edge: &edge::Deployer,
    environment: &Environment,
    description: &Description,
    expansions: &BTreeMap<String, Expansion>,
) -> Result<(Vec<WorkerConfig>, Vec<Outbound>), RigError> {
    let (mut workers, mut doors) = (Vec::new(), Vec::new());
    for (name, deployment) in &description.deployments {
        let directory = worker_directory(environment, deployment);
        let bundle = Bundle::read(&directory).map_err(|source| RigError::Bundle {
            worker: name.clone(),
            source,
        })?;
        let door = edge
            .listen(Caller {
                worker: name.clone(),
                zone: description.zones.keys().next().cloned(),
            })
            .await?;
        workers.push(WorkerConfig {
            name: name.clone(),
            bundle,
            variables: expansions
                .get(name)
                .map(|expansion| expansion.variables.clone())
                .unwrap_or_default(),
            options: WorkerOptions::default(),
            internet: door.address(),
        });
        doors.push(door);
    }
    Ok((workers, doors))
}

pub(super) fn worker_directory(environment: &Environment, deployment: &Deployment) -> PathBuf {
    deployment
        .worker
        .as_ref()
        .map_or_else(|| environment.worker.clone(), PathBuf::from)
}

/// The zones as the edge takes them.
pub fn zones(description: &Description) -> Vec<edge::Zone> {
    let zone = |(name, zone): (&String, &super::Zone)| edge::Zone {
        name: name.clone(),
        hosts: zone
            .hosts
            .iter()
            .map(|(name, host)| (name.clone(), host.proxied))
            .collect(),
        custom_domains: zone.custom_domains.clone(),
        settings: zone.edge.clone(),
    };
    description.zones.iter().map(zone).collect()
}

/// The routes of the zones, then those of the deployments, or the worker whose pattern is not one.
pub fn routes(
    description: &Description,
    expansions: &BTreeMap<String, Expansion>,
) -> Result<Vec<Route>, (String, PatternError)> {
    let zones = description.zones.values();
    let mut routes: Vec<Route> = zones.flat_map(|zone| zone.routes.clone()).collect();
    for (worker, expansion) in expansions {
        for pattern in &expansion.routes {
            routes.push(Route {
                pattern: pattern.parse().map_err(|source| (worker.clone(), source))?,
                worker: Some(worker.clone()),
                over_daily_limit: edgeproof_deployment::FailureMode::Closed,
            });
        }
    }
    Ok(routes)
}

fn locations(description: &Description) -> HashMap<IpAddr, Location> {
    let location = |visitor: &Visitor| {
        let location = Location {
            country: Some(visitor.country.clone()),
            ..visitor.location.clone()
        };
        (visitor.ip, location)
    };
    description.visitors.values().map(location).collect()
}
