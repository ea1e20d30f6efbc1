//! What is to run: the workers and routes that a description asks for, or that a control plane holds.

use std::{collections::BTreeMap, io, net::SocketAddr, path::Path};

use edgeproof_cloudflare::plane::{RunningWorker, Snapshot};
use edgeproof_deployment::{Deployment, Expansion};
use edgeproof_edge::Route;
use edgeproof_fingerprint::Fingerprint;
use edgeproof_runtime::{Bundle, WorkerConfig, WorkerOptions};

use super::{Description, Environment, RigError, edge};

/// The workers and routes of an account.
pub(super) struct DesiredState {
    pub(super) workers: Vec<DesiredWorker>,
    pub(super) routes: Vec<Route>,
}

/// A worker that is to run.
pub(super) enum DesiredWorker {
    /// One of the description.
    Described {
        name: String,
        bundle: Bundle,
        variables: BTreeMap<String, String>,
    },
    /// One that was uploaded to the control plane.
    Uploaded(RunningWorker),
}

impl DesiredState {
    /// What the description asks for where it gives no control plane.
    pub(super) fn described(
        environment: &Environment,
        description: &Description,
        fingerprint: &Fingerprint,
    ) -> Result<Self, RigError> {
        let expansions = expand(description, fingerprint)?;
        let routes = edge::routes(description, &expansions)
            .map_err(|(worker, source)| RigError::Route { worker, source })?;
        let worker = |(name, expansion): (String, Expansion)| {
            Ok(DesiredWorker::Described {
                bundle: bundle(environment, description.deployments.get(&name), &name)?,
                variables: expansion.variables,
                name,
            })
        };
        Ok(Self {
            workers: expansions
                .into_iter()
                .map(worker)
                .collect::<Result<_, RigError>>()?,
            routes,
        })
    }

    /// What the control plane holds.
    pub(super) fn deployed(snapshot: Snapshot) -> Self {
        let workers = snapshot.workers.into_iter();
        Self {
            workers: workers.map(DesiredWorker::Uploaded).collect(),
            routes: snapshot.routes,
        }
    }
}

impl DesiredWorker {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Described { name, .. } => name,
            Self::Uploaded(worker) => &worker.name,
        }
    }

    /// Milliseconds of processor time that it asks for.
    pub(super) fn cpu_ms(&self) -> Option<u64> {
        match self {
            Self::Described { .. } => None,
            Self::Uploaded(worker) => worker.cpu_ms,
        }
    }

    /// As the runtime takes it: its `fetch()` goes to `internet`. What was uploaded is written below `directory`.
    pub(super) fn config(
        &self,
        directory: &Path,
        internet: SocketAddr,
    ) -> io::Result<WorkerConfig> {
        Ok(match self {
            Self::Described {
                name,
                bundle,
                variables,
            } => WorkerConfig {
                name: name.clone(),
                bundle: bundle.clone(),
                variables: variables.clone(),
                options: WorkerOptions::default(),
                internet,
            },
            Self::Uploaded(worker) => WorkerConfig {
                name: worker.name.clone(),
                bundle: worker.write(directory)?,
                variables: worker.variables.clone(),
                options: worker.options.clone(),
                internet,
            },
        })
    }
}

impl PartialEq for DesiredWorker {
    /// Of a described worker only the place of its files is known, and they may have changed: it equals none.
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Uploaded(own), Self::Uploaded(other)) => own == other,
            _ => false,
        }
    }
}

/// What each deployment of a description comes to.
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

/// The worker of a deployment.
pub(super) fn bundle(
    environment: &Environment,
    deployment: Option<&Deployment>,
    name: &str,
) -> Result<Bundle, RigError> {
    let directory = deployment.and_then(|deployment| deployment.worker.as_ref());
    let directory = directory.map_or(environment.worker.as_path(), Path::new);
    Bundle::read(directory).map_err(|source| RigError::Bundle {
        worker: name.to_owned(),
        source,
    })
}
