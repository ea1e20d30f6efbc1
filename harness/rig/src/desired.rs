//! What is to run: the workers and routes that a description asks for, or that a control plane holds.

use std::{collections::BTreeMap, io, net::SocketAddr, path::Path};

use edgeproof_cloudflare::plane::{RunningWorker, Snapshot};
use edgeproof_deployment::{Deployment, Expansion};
use edgeproof_edge::{CacheInFront, Route};
use edgeproof_fingerprint::Fingerprint;
use edgeproof_runtime::{Project, WorkerConfig, WorkerOptions, check_compatibility_date};

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
        project: Project,
        cache: Option<CacheInFront>,
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
            let deployment = description.deployments.get(&name);
            let project = project(environment, deployment, &name, &expansion)?;
            let version = || format!("{:016x}", fastrand::u64(..));
            Ok(DesiredWorker::Described {
                cache: project.cache.then(|| CacheInFront {
                    version: Some(version()),
                }),
                project,
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
            Self::Described { project, .. } => project.cpu_ms,
            Self::Uploaded(worker) => worker.cpu_ms,
        }
    }

    /// Workers Cache in front of it.
    pub(super) fn cache(&self) -> Option<CacheInFront> {
        match self {
            Self::Described { cache, .. } => cache.clone(),
            Self::Uploaded(worker) => worker.cache.clone(),
        }
    }

    /// As the runtime takes it: its `fetch()` goes to `internet`. What was uploaded is written below `directory`.
    pub(super) fn config(
        &self,
        directory: &Path,
        internet: SocketAddr,
    ) -> io::Result<WorkerConfig> {
        Ok(match self {
            Self::Described { name, project, .. } => WorkerConfig {
                name: name.clone(),
                bundle: project.bundle.clone(),
                variables: project.variables.clone(),
                options: WorkerOptions {
                    has_cache: project.cache,
                    ..project.options.clone()
                },
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

/// Whether there is a worker at this path, and nothing that it binds is missing, or that is allowed.
///
/// # Errors
/// When there is none, or it cannot be read or bundled.
pub fn check_worker(path: &Path, allow_missing_bindings: bool) -> Result<(), RigError> {
    let read = Project::read(path).and_then(|project| project.complete(allow_missing_bindings));
    let wrong = |source| RigError::Worker {
        worker: path.display().to_string(),
        source,
    };
    read.map(|_| ()).map_err(wrong)
}

/// The worker of a deployment with everything that the deployment gives it. What the deployment says wins over what the
/// worker's project says.
pub(super) fn project(
    environment: &Environment,
    deployment: Option<&Deployment>,
    name: &str,
    expansion: &Expansion,
) -> Result<Project, RigError> {
    let path = deployment.and_then(|deployment| deployment.worker.as_ref());
    let path = path.map_or(environment.worker.as_path(), Path::new);
    let project = Project::read(path)
        .and_then(|project| project.complete(environment.allow_missing_bindings));
    let wrong = |source| RigError::Worker {
        worker: name.to_owned(),
        source,
    };
    let mut project = project.map_err(wrong)?;
    let Expansion {
        variables,
        json,
        secrets,
        ..
    } = expansion;
    for (variable, value) in variables {
        project.take_away(variable);
        match json.contains(variable) {
            true => project
                .options
                .json_variables
                .insert(variable.clone(), value.clone()),
            false => project.variables.insert(variable.clone(), value.clone()),
        };
    }
    project.secrets.extend(secrets.iter().cloned());
    if let Some(deployment) = deployment {
        let removed = deployment.variables.iter().chain(&deployment.secrets);
        for (variable, _) in removed.filter(|(_, value)| value.is_empty()) {
            project.take_away(variable);
        }
        if let Some(date) = &deployment.compatibility_date {
            check_compatibility_date(date).map_err(|error| wrong(error.into()))?;
            project.options.compatibility_date = Some(date.clone());
        }
        if let Some(flags) = &deployment.compatibility_flags {
            project.options.compatibility_flags.clone_from(flags);
        }
        project.cache |= deployment.cache;
    }
    Ok(project)
}
