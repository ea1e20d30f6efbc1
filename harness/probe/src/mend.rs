//! What closes a hole: the shortest change of the deployment, or of the origin.

use edgeproof_deployment::{Connector, Coverage, Deployment, FailureMode, ProtectedApi};
use edgeproof_rig::Description;
use serde::{Deserialize, Serialize};

use super::{around::origin_secret, call::Call, judge::Fate, outcome::SentOver, shape::Shape};

/// The variable that switches the guard of the worker off.
const GUARD: &str = "FP_GUARD";

/// A change that closes a hole.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mend {
    /// The pattern of the API matches what begins with it.
    Pattern {
        /// The deployment.
        deployment: String,
        /// The API, as it is now.
        api: String,
    },
    /// What could not be identified is blocked.
    Close {
        /// The deployment.
        deployment: String,
    },
    /// The guard of the worker is on.
    Guard {
        /// The deployment.
        deployment: String,
    },
    /// The worker sees the whole host.
    Cover {
        /// The deployment.
        deployment: String,
    },
    /// The same call is protected on another host as well.
    Protect {
        /// The deployment.
        deployment: String,
        /// The API on that host.
        api: String,
    },
    /// The host is proxied.
    Proxy {
        /// The zone.
        zone: String,
        /// The host.
        host: String,
    },
    /// Another route does not take the call away.
    Route {
        /// The zone that has the route.
        zone: String,
        /// Its pattern.
        pattern: String,
    },
    /// No cache is in front of the worker.
    Uncached {
        /// The deployment.
        deployment: String,
    },
    /// No request skips the filtering node because it looks like one for a file.
    InspectFiles {
        /// The deployment.
        deployment: String,
    },
    /// What the filtering node gave no verdict on is blocked.
    CloseNode {
        /// The deployment.
        deployment: String,
    },
    /// Something that no change of the deployment does.
    Advice(String),
}

impl Mend {
    /// The shortest mend of a hole.
    pub fn of(
        description: &Description,
        call: &Call,
        api: &str,
        shape: &Shape,
        hole: &SentOver,
    ) -> Self {
        let host = hole
            .arrived
            .as_deref()
            .and_then(host_of)
            .unwrap_or(&call.host);
        if let (true, Some(name)) = (shape.straight, origin_secret(description)) {
            let text = format!(
                "let the origin refuse what has no `{name}`, or another value than an allow rule of the ruleset sets"
            );
            return Self::Advice(text);
        }
        if let Some((zone, false)) = proxied(description, host) {
            return Self::Proxy {
                zone,
                host: host.to_owned(),
            };
        }
        if let Some((zone, pattern)) = foreign_route(description, hole.decision.as_deref()) {
            return Self::Route { zone, pattern };
        }
        if hole.fate == Fate::Uninspected && hole.worker_ran {
            return of_node(description, shape);
        }
        let Some((name, deployment)) = protecting(description, api) else {
            return Self::Advice("no deployment protects the call".to_owned());
        };
        let deployment_name = || name.to_owned();
        if matches!(hole.fate, Fate::Cached | Fate::Uninstrumented) {
            return match deployment.cache {
                true => Self::Uncached {
                    deployment: deployment_name(),
                },
                false => Self::Advice(
                    "let no cache store it: `Cache-Control: private` in what the worker, or the origin, says".to_owned(),
                ),
            };
        }
        if !host.eq_ignore_ascii_case(&call.host) {
            return Self::Protect {
                deployment: deployment_name(),
                api: api.replacen(&call.host, host, 1),
            };
        }
        if deployment.failure_mode == FailureMode::Open {
            return Self::Close {
                deployment: deployment_name(),
            };
        }
        if deployment.ruleset.is_none() {
            let text = "the deployment names no ruleset, so its worker only monitors: name one";
            return Self::Advice(text.to_owned());
        }
        if !hole.worker_ran {
            let is_longer = shape.request.target.starts_with(&call.path);
            return match is_longer && !api.ends_with('*') {
                true => Self::Pattern {
                    deployment: deployment_name(),
                    api: api.to_owned(),
                },
                false => Self::Cover {
                    deployment: deployment_name(),
                },
            };
        }
        if deployment.worker.is_some() {
            let text = "the worker lets it pass: it has to protect what the origin runs, or be another one";
            return Self::Advice(text.to_owned());
        }
        match deployment.is_guarded() {
            false => Self::Guard {
                deployment: deployment_name(),
            },
            true => Self::Advice(of_origin(shape)),
        }
    }

    /// What to do, in plain words.
    pub fn says(&self) -> String {
        match self {
            Self::Pattern { deployment, api } => {
                format!("end the pattern with a star: `{api}*` in `{deployment}`")
            }
            Self::Close { deployment } => format!("`failure_mode: closed` in `{deployment}`"),
            Self::Guard { deployment } => {
                format!("do not switch the guard off: remove `{GUARD}` in `{deployment}`")
            }
            Self::Cover { deployment } => format!("`coverage: host` in `{deployment}`"),
            Self::Protect { deployment, api } => format!("protect `{api}` in `{deployment}` too"),
            Self::Proxy { zone, host } => {
                format!("proxy `{host}` of `{zone}`: it leads past the edge")
            }
            Self::Route { zone, pattern } => {
                format!("remove the route `{pattern}` of `{zone}`, or make it narrower")
            }
            Self::Uncached { deployment } => {
                format!("no Workers Cache in front of `{deployment}`: `cache: false`")
            }
            Self::InspectFiles { deployment } => {
                format!(
                    "let nothing skip the node: `wallarm: {{ static_suffixes: [] }}` in `{deployment}`"
                )
            }
            Self::CloseNode { deployment } => {
                format!("`wallarm: {{ failure_mode: closed }}` in `{deployment}`")
            }
            Self::Advice(text) => text.clone(),
        }
    }

    /// Makes the change; whether there was something to change.
    pub fn apply(&self, description: &mut Description) -> bool {
        match self {
            Self::Pattern { deployment, api } => change(description, deployment, |deployment| {
                for own in &mut deployment.protected_apis {
                    if *api == text_of(own) {
                        let mut routes = deployment.routes.iter_mut().flatten();
                        if let Some(route) = routes.find(|route| **route == own.url) {
                            route.push('*');
                        }
                        own.url.push('*');
                    }
                }
            }),
            Self::Close { deployment } => change(description, deployment, |deployment| {
                deployment.failure_mode = FailureMode::Closed;
            }),
            Self::Guard { deployment } => change(description, deployment, |deployment| {
                deployment.variables.remove(GUARD);
            }),
            Self::Cover { deployment } => change(description, deployment, |deployment| {
                deployment.coverage = Some(Coverage::Host);
                // Written routes replace those that the coverage adds.
                if let Some(routes) = &mut deployment.routes {
                    let hosts = deployment.protected_apis.iter().filter_map(|api| {
                        let rest = api
                            .url
                            .split_once("://")
                            .map_or(&*api.url, |(_, rest)| rest);
                        Some(format!("{}/*", rest.split('/').next()?))
                    });
                    routes.extend(hosts);
                    routes.sort();
                    routes.dedup();
                }
            }),
            Self::Protect { deployment, api } => match api.parse::<ProtectedApi>() {
                Ok(api) => change(description, deployment, |deployment| {
                    deployment.protected_apis.push(api)
                }),
                Err(_) => false,
            },
            Self::Proxy { zone, host } => {
                let zone = description.zones.get_mut(zone);
                let host = zone.and_then(|zone| zone.hosts.get_mut(host));
                host.is_some_and(|host| !std::mem::replace(&mut host.proxied, true))
            }
            Self::Route { zone, pattern } => description.zones.get_mut(zone).is_some_and(|zone| {
                let before = zone.routes.len();
                zone.routes
                    .retain(|route| route.pattern.as_str() != pattern);
                zone.routes.len() < before
            }),
            Self::Uncached { deployment } => change(description, deployment, |deployment| {
                deployment.cache = false;
            }),
            Self::InspectFiles { deployment } => change_node(description, deployment, |node| {
                node.static_suffixes = Some(Vec::new());
            }),
            Self::CloseNode { deployment } => change_node(description, deployment, |node| {
                node.failure_mode = Some(FailureMode::Closed);
            }),
            Self::Advice(_) => false,
        }
    }

    /// What changes of a file, as YAML.
    pub fn yaml(&self, description: &Description) -> String {
        let apis = |name: &String| -> String {
            let deployment = description.deployments.get(name);
            let apis = deployment
                .into_iter()
                .flat_map(|deployment| &deployment.protected_apis);
            apis.map(|api| format!("      - {}\n", text_of(api)))
                .collect()
        };
        match self {
            Self::Pattern { deployment, .. } | Self::Protect { deployment, .. } => {
                format!(
                    "deployments:\n  {deployment}:\n    protected_apis:\n{}",
                    apis(deployment)
                )
            }
            Self::Close { deployment } => {
                format!("deployments:\n  {deployment}:\n    failure_mode: closed\n")
            }
            Self::Guard { deployment } => {
                format!("deployments:\n  {deployment}:\n    variables: {{ {GUARD}: \"\" }}\n")
            }
            Self::Cover { deployment } => {
                format!("deployments:\n  {deployment}:\n    coverage: host\n")
            }
            Self::Proxy { zone, host } => {
                format!("zones:\n  {zone}:\n    hosts:\n      {host}: {{ proxied: true }}\n")
            }
            Self::Route { zone, pattern } => {
                format!("zones:\n  {zone}:\n    routes: # without {pattern}\n")
            }
            Self::Uncached { deployment } => {
                format!("deployments:\n  {deployment}:\n    cache: false\n")
            }
            Self::InspectFiles { deployment } => {
                format!("deployments:\n  {deployment}:\n    wallarm: {{ static_suffixes: [] }}\n")
            }
            Self::CloseNode { deployment } => {
                format!("deployments:\n  {deployment}:\n    wallarm: {{ failure_mode: closed }}\n")
            }
            Self::Advice(text) => format!("# {text}\n"),
        }
    }
}

fn change(description: &mut Description, name: &str, change: impl FnOnce(&mut Deployment)) -> bool {
    description.deployments.get_mut(name).map(change).is_some()
}

fn change_node(
    description: &mut Description,
    name: &str,
    change: impl FnOnce(&mut Connector),
) -> bool {
    let deployment = description.deployments.get_mut(name);
    let node = deployment.and_then(|deployment| deployment.wallarm.as_mut());
    node.map(change).is_some()
}

/// What brings a request before the filtering node.
fn of_node(description: &Description, shape: &Shape) -> Mend {
    let mut deployments = description.deployments.iter();
    let own = deployments.find(|(_, deployment)| deployment.wallarm.is_some());
    let own = own.filter(|(_, deployment)| deployment.worker.is_none());
    match own {
        Some((name, _)) if shape.id.row.starts_with("file") => Mend::InspectFiles {
            deployment: name.clone(),
        },
        Some((name, _)) => Mend::CloseNode {
            deployment: name.clone(),
        },
        None => Mend::Advice(
            "the connector lets it pass: it has to send the node whatever the origin gets"
                .to_owned(),
        ),
    }
}

/// An API as a file has it.
pub(super) fn text_of(api: &ProtectedApi) -> String {
    format!("{} {}", api.method, api.url)
}

/// The deployment that protects an API.
fn protecting<'a>(description: &'a Description, api: &str) -> Option<(&'a str, &'a Deployment)> {
    let deployments = description.deployments.iter();
    let mut all = deployments.map(|(name, deployment)| (&**name, deployment));
    all.find(|(_, deployment)| {
        deployment
            .protected_apis
            .iter()
            .any(|own| text_of(own) == api)
    })
}

/// The zone of a host, and whether it is proxied.
fn proxied(description: &Description, host: &str) -> Option<(String, bool)> {
    description.zones.iter().find_map(|(name, zone)| {
        let host = zone.hosts.get(host)?;
        Some((name.clone(), host.proxied))
    })
}

/// The route of a zone that the edge decided by.
fn foreign_route(description: &Description, decision: Option<&str>) -> Option<(String, String)> {
    let decision = decision?;
    let pattern = decision.strip_prefix("route ")?.split(' ').next()?;
    description.zones.iter().find_map(|(name, zone)| {
        let is_it = zone
            .routes
            .iter()
            .any(|route| route.pattern.as_str() == pattern);
        is_it.then(|| (name.clone(), pattern.to_owned()))
    })
}

/// The host of `POST https://shop.example/…`.
fn host_of(arrived: &str) -> Option<&str> {
    let rest = arrived.split_once("://")?.1;
    rest.split(['/', ':', '?']).next()
}

/// What the origin can do against a shape.
fn of_origin(shape: &Shape) -> String {
    let settings: Vec<&str> = shape
        .reads
        .iter()
        .filter_map(|reading| reading.setting())
        .collect();
    match settings.is_empty() {
        true => "let the origin refuse it, or demand a header that only the worker sets: `origin_secret`".to_owned(),
        false => format!("let the origin not read it so ({}), or demand a header that only the worker sets: `origin_secret`", settings.join(", ")),
    }
}

#[cfg(test)]
mod tests;
