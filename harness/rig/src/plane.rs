//! The control plane of a rig, and how what is deployed there comes to run at its edge.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use edgeproof_cloudflare::plane::{
    ControlPlane, Placed, Record, RunningWorker, Secret, Settings, Snapshot, ZoneSettings,
};
use edgeproof_deployment::FailureMode;
use edgeproof_edge::{self as edge, Caller, Outbound, WorkerEndpoint};
use edgeproof_fingerprint::Fingerprint;
use edgeproof_ground::{causes, process::ScratchDirectory, trace::Trace};
use edgeproof_runtime::{Bundle, WorkerConfig};
use tokio::task::JoinHandle;

use super::{
    Description, Environment, RigError, Zone,
    running::{self, Deployed, Launched},
};

/// Variables of a deployment that are secrets.
const SECRETS: [&str; 1] = ["FP_SECRET_KEY"];

/// Starts the control plane that the description gives, with its zones and deployments on it.
pub(super) async fn start(
    environment: &Environment,
    description: &Description,
    fingerprint: &Fingerprint,
    trace: &Trace,
) -> Result<Option<ControlPlane>, RigError> {
    let Some(given) = &description.cloudflare else {
        return Ok(None);
    };
    let plane = ControlPlane::start(Settings {
        zones: description.zones.iter().map(zone).collect(),
        // One clock for the whole rig.
        clock: description.fingerprint.clock.clone(),
        trace: trace.clone(),
        workerd: Some(environment.workerd.clone()),
        ..given.clone()
    })
    .await?;
    let routes = description
        .zones
        .values()
        .flat_map(|zone| zone.routes.clone());
    plane
        .place_routes(routes.collect())
        .map_err(|source| RigError::Given {
            worker: "the routes of the zones".to_owned(),
            source: Box::new(source),
        })?;
    place(environment, &plane, description, fingerprint)?;
    Ok(Some(plane))
}

fn zone((name, zone): (&String, &Zone)) -> ZoneSettings {
    let hosts = zone.hosts.iter();
    ZoneSettings {
        name: name.clone(),
        records: hosts
            .map(|(host, described)| Record::of_host(host, described.proxied))
            .collect(),
        custom_domains: zone.custom_domains.clone(),
    }
}

/// Puts the deployments of the description on the control plane, as if somebody had uploaded them.
pub(super) fn place(
    environment: &Environment,
    plane: &ControlPlane,
    description: &Description,
    fingerprint: &Fingerprint,
) -> Result<(), RigError> {
    for (name, expansion) in running::expand(description, fingerprint)? {
        let Some(deployment) = description.deployments.get(&name) else {
            continue;
        };
        let directory = running::worker_directory(environment, deployment);
        let bundle = Bundle::read(&directory).map_err(|source| RigError::Bundle {
            worker: name.clone(),
            source,
        })?;
        let (secrets, variables): (BTreeMap<_, _>, _) = expansion
            .variables
            .into_iter()
            .partition(|(name, _)| SECRETS.contains(&name.as_str()));
        let secrets = secrets.into_iter();
        let placed = Placed {
            bundle: Some(bundle),
            variables,
            secrets: secrets
                .map(|(name, value)| (name, Secret::new(value)))
                .collect(),
        };
        let routes = expansion.routes.iter().map(|pattern| {
            Ok(edge::Route {
                pattern: pattern.parse().map_err(|source| RigError::Route {
                    worker: name.clone(),
                    source,
                })?,
                worker: Some(name.clone()),
                over_daily_limit: FailureMode::Closed,
            })
        });
        let routes = routes.collect::<Result<_, RigError>>()?;
        plane
            .place(&name, &placed, routes)
            .map_err(|source| RigError::Given {
                worker: name.clone(),
                source: Box::new(source),
            })?;
    }
    Ok(())
}

/// Starts the workers of an account, each with a door to the edge.
pub(super) async fn launch(
    edge: &edge::Deployer,
    environment: &Environment,
    zone: Option<String>,
    snapshot: &Snapshot,
) -> Result<(Launched, Vec<Outbound>), RigError> {
    // The runtime reads the files only while it starts.
    let directory = ScratchDirectory::create(&std::env::temp_dir(), "edgeproof-deployed-")
        .map_err(RigError::Write)?;
    let (mut workers, mut doors) = (Vec::new(), Vec::new());
    for (number, worker) in snapshot.workers.iter().enumerate() {
        let files = directory.path().join(number.to_string());
        std::fs::create_dir(&files).map_err(RigError::Write)?;
        let door = edge
            .listen(Caller {
                worker: worker.name.clone(),
                zone: zone.clone(),
            })
            .await?;
        workers.push(WorkerConfig {
            name: worker.name.clone(),
            bundle: worker.write(&files).map_err(RigError::Write)?,
            variables: worker.variables.clone(),
            options: worker.options.clone(),
            internet: door.address(),
        });
        doors.push(door);
    }
    let launched = running::run(environment, snapshot.routes.clone(), &workers).await?;
    Ok((launched, doors))
}

/// A control plane whose changes come to the edge by themselves. Dropping it ends it.
pub(super) struct DeployedPlane {
    publisher: Arc<Publisher>,
    task: JoinHandle<()>,
}

/// Brings what the account holds to the edge.
struct Publisher {
    plane: ControlPlane,
    environment: Environment,
    edge: edge::Deployer,
    zone: Option<String>,
    deployed: Arc<Mutex<Deployed>>,
    /// What runs now; one at a time changes it.
    running: tokio::sync::Mutex<Running>,
    failed: Mutex<Option<String>>,
}

struct Running {
    workers: Vec<RunningWorker>,
    endpoints: BTreeMap<String, WorkerEndpoint>,
}

impl DeployedPlane {
    /// Follows the plane, whose workers run at these endpoints by now.
    pub(super) fn follow(
        plane: ControlPlane,
        environment: &Environment,
        edge: edge::Deployer,
        deployed: &Arc<Mutex<Deployed>>,
        endpoints: BTreeMap<String, WorkerEndpoint>,
    ) -> Self {
        let zones = running::lock(deployed).zones();
        let mut changes = plane.pending().follow();
        let publisher = Arc::new(Publisher {
            running: tokio::sync::Mutex::new(Running {
                workers: plane.snapshot().workers,
                endpoints,
            }),
            plane,
            environment: environment.clone(),
            edge,
            zone: zones.into_iter().next(),
            deployed: Arc::clone(deployed),
            failed: Mutex::default(),
        });
        let follower = Arc::clone(&publisher);
        let task = tokio::spawn(async move {
            while let Some(change) = changes.next().await {
                let mut running = follower.running.lock().await;
                let pending = follower.plane.pending();
                // Somebody may have published a later state meanwhile.
                if pending.is_waiting(&change) {
                    follower.publish(&mut running, &change.snapshot).await;
                    pending.done(&change);
                }
            }
        });
        Self { publisher, task }
    }

    /// The API.
    pub(super) fn api(&self) -> &ControlPlane {
        &self.publisher.plane
    }

    /// Brings what the account holds to the edge now, whatever the delay.
    pub(super) async fn publish(&self) -> Result<(), RigError> {
        let mut running = self.publisher.running.lock().await;
        let snapshot = self.publisher.plane.snapshot();
        self.publisher.publish(&mut running, &snapshot).await;
        self.publisher.plane.pending().clear();
        self.publisher.outcome()
    }

    /// Waits until the edge has everything that is due.
    pub(super) async fn settled(&self) -> Result<(), RigError> {
        self.publisher.plane.pending().settled().await;
        self.publisher.outcome()
    }
}

impl Drop for DeployedPlane {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Publisher {
    async fn publish(&self, running: &mut Running, snapshot: &Snapshot) {
        let failed = self.try_publish(running, snapshot).await.err();
        let failed = failed.map(|error| causes::with_causes(&error));
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    /// New routes take effect at once; workers are started anew only where one of them changed, as isolates are.
    async fn try_publish(
        &self,
        running: &mut Running,
        snapshot: &Snapshot,
    ) -> Result<(), RigError> {
        if running.workers != snapshot.workers {
            let (launched, doors) =
                launch(&self.edge, &self.environment, self.zone.clone(), snapshot).await?;
            self.edge
                .deploy(snapshot.routes.clone(), launched.endpoints.clone())?;
            running.endpoints = launched.endpoints;
            running.workers.clone_from(&snapshot.workers);
            let mut deployed = running::lock(&self.deployed);
            deployed.runtimes.extend(launched.runtime);
            deployed.doors.extend(doors);
            return Ok(());
        }
        let endpoints = running.endpoints.clone();
        Ok(self.edge.deploy(snapshot.routes.clone(), endpoints)?)
    }

    fn outcome(&self) -> Result<(), RigError> {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match failed.clone() {
            Some(why) => Err(RigError::Propagation(why)),
            None => Ok(()),
        }
    }
}
