//! A rig while it runs.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use http::{Request, Response};

use super::{BrowserVisit, Client, Deployment, Description, Environment, Host, Profile, Visitor};
use crate::{
    body::Body,
    browser::{ChromiumError, Way},
    cloudflare::{self, Expansion},
    edge::{self, Edge, EdgeError, EdgeOptions, Location, PatternError, Route, preamble},
    fingerprint::{Fingerprint, StartError},
    internet::{Caller, Destination, Handler, Internet, InternetError, Outbound, Peer},
    origin::{AppError, Origin, RecordedRequest, SiteError},
    runtime::{Bundle, BundleError, LogLine, Runtime, RuntimeError, WorkerConfig},
    tools::ToolError,
    trace::{Party, Trace},
    wallarm::{self, NODE_HOST, Node},
};

/// The data centre that the emulated edge says it is.
const COLO: &str = "FRA";

/// A running world. Dropping it ends everything it started; [`Rig::stop`] does so in good order.
///
/// ```no_run
/// use edgeproof::rig::{Description, Environment, Rig};
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
    runtime: Option<Runtime>,
    internet: Internet,
    _outbound: Vec<Outbound>,
    origins: BTreeMap<String, Origin>,
    fingerprint: Fingerprint,
    node: Node,
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
    /// A worker's directory holds no worker.
    #[error("worker `{worker}`")]
    Bundle {
        /// Its name.
        worker: String,
        /// Why.
        source: BundleError,
    },
    /// A deployment names a ruleset that is not there.
    #[error("deployment `{deployment}` names the ruleset `{ruleset}`, which is not given")]
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
    #[error("no visitor is called `{0}`")]
    Visitor(String),
    /// The visitor has no browser.
    #[error("visitor `{0}` comes without a browser; its profile is `http`")]
    NoBrowser(String),
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
        let origins = connect_origins(&internet, &description, &environment.sites)?;
        let fingerprint = connect_fingerprint(&internet, &description, environment).await?;
        let node = connect_node(&internet, &description);
        internet.set_faults(description.faults.clone())?;

        let expansions = expand(&description, &fingerprint)?;
        let (workers, outbound) =
            workers(&internet, environment, &description, &expansions).await?;
        let runtime = if workers.is_empty() {
            None
        } else {
            Some(Runtime::start(&environment.workerd, &workers).await?)
        };

        let edge = Edge::start(EdgeOptions {
            zones: zones(&description),
            routes: routes(&description, &expansions)
                .map_err(|(worker, source)| RigError::Route { worker, source })?,
            workers: runtime.as_ref().map_or_else(BTreeMap::new, |runtime| {
                let addresses = runtime.addresses().iter();
                addresses
                    .map(|(name, address)| (name.clone(), *address))
                    .collect()
            }),
            internet: internet.clone(),
            visitors: locations(&description),
            colo: COLO.to_owned(),
            authority: Arc::clone(&environment.authority),
            trace: trace.clone(),
        })
        .await?;
        Ok(Self {
            environment: environment.clone(),
            visitors: description.visitors,
            trace,
            edge,
            runtime,
            internet,
            _outbound: outbound,
            origins,
            fingerprint,
            node,
        })
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

    /// Everything that reached any origin, host by host.
    pub fn origin_requests(&self) -> Vec<RecordedRequest> {
        self.origins.values().flat_map(Origin::requests).collect()
    }

    /// What the runtime and the workers in it have logged.
    pub fn log(&self) -> Vec<LogLine> {
        self.runtime.as_ref().map_or_else(Vec::new, Runtime::log)
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
        let profile = self.visitor(visitor)?.profile;
        if profile == Profile::Http {
            return Err(RigError::NoBrowser(visitor.to_owned()));
        }
        let browsers = match &self.environment.browsers {
            Some(browsers) => browsers,
            None => return Err(ToolError::Missing(crate::tools::Tool::Chromium).into()),
        };
        let way = Way {
            edge: self.edge.address(),
            preamble: preamble(address, self.edge.address()),
        };
        let lease = browsers.lend(profile, way).await?;
        let page = lease.open().await?;
        Ok(BrowserVisit::new(lease, page))
    }

    /// Ends the edge, the runtime and the rest, each after what depends on it.
    pub async fn stop(self) {
        self.edge.stop().await;
        if let Some(runtime) = self.runtime {
            runtime.stop().await;
        }
    }

    fn visitor(&self, name: &str) -> Result<&Visitor, RigError> {
        self.visitors
            .get(name)
            .ok_or_else(|| RigError::Visitor(name.to_owned()))
    }

    fn visitor_address(&self, name: &str) -> Result<SocketAddr, RigError> {
        // Any port will do: the edge tells visitors apart by address.
        Ok(SocketAddr::new(self.visitor(name)?.ip, 50_000))
    }
}

/// An origin answers in this process.
struct InProcess(Origin);

impl Handler for InProcess {
    fn handle(
        &self,
        request: Request<Body>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        let origin = self.0.clone();
        Box::pin(async move { origin.answer(request).await })
    }
}

fn connect_origins(
    internet: &Internet,
    description: &Description,
    sites: &Path,
) -> Result<BTreeMap<String, Origin>, RigError> {
    let mut origins = BTreeMap::new();
    for (name, host) in description.zones.values().flat_map(|zone| &zone.hosts) {
        let origin = open_origin(name, host, sites)?;
        internet.connect(
            name,
            Peer {
                name: "origin".to_owned(),
                party: Party::Origin,
                destination: Destination::Handler(Arc::new(InProcess(origin.clone()))),
            },
        );
        origins.insert(name.clone(), origin);
    }
    Ok(origins)
}

fn open_origin(name: &str, host: &Host, sites: &Path) -> Result<Origin, RigError> {
    match (&host.site, &host.app) {
        (Some(site), None) => Origin::site(&sites.join(site)).map_err(|source| RigError::Site {
            host: name.to_owned(),
            source,
        }),
        (None, Some(app)) => Ok(Origin::app(app)?),
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
        let name = if host == crate::fingerprint::CDN_HOST {
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

/// The emulated node under its name, and each real one under that of its deployment.
fn connect_node(internet: &Internet, description: &Description) -> Node {
    let connect = |host: &str, destination| {
        internet.connect(
            host,
            Peer {
                name: "wallarm".to_owned(),
                party: Party::Wallarm,
                destination,
            },
        );
    };
    let node = Node::new(wallarm::Settings {
        // One clock for the whole rig: a step that moves it moves the lists too.
        clock: description.fingerprint.clock.clone(),
        ..description.node.clone()
    });
    connect(NODE_HOST, Destination::Handler(Arc::new(node.clone())));
    for (name, deployment) in &description.deployments {
        if let Some(real) = &deployment.node {
            connect(
                &cloudflare::node_host(name, deployment),
                Destination::Address(real.address),
            );
        }
    }
    node
}

fn expand(
    description: &Description,
    fingerprint: &Fingerprint,
) -> Result<BTreeMap<String, Expansion>, RigError> {
    let keys = fingerprint.keys();
    let keys = cloudflare::Keys {
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
            Some(ruleset) => Some(crate::fingerprint::ruleset_id(ruleset)),
            None => None,
        };
        let expansion = cloudflare::expand(name, deployment, keys, ruleset.as_deref());
        expansions.insert(name.clone(), expansion);
    }
    Ok(expansions)
}

async fn workers(
    internet: &Internet,
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
        let door = internet
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
            internet: door.address(),
        });
        doors.push(door);
    }
    Ok((workers, doors))
}

fn worker_directory(environment: &Environment, deployment: &Deployment) -> PathBuf {
    deployment
        .worker
        .as_ref()
        .map_or_else(|| environment.worker.clone(), PathBuf::from)
}

/// The zones as the edge takes them.
pub(crate) fn zones(description: &Description) -> Vec<edge::Zone> {
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
pub(crate) fn routes(
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
                over_daily_limit: super::FailureMode::Closed,
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
