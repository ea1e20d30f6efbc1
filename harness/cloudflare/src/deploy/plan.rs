//! What applying a file would change: its wishes against what is deployed.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use super::{
    conflicts,
    current::{Current, CurrentScript},
    desired::{Desired, PUBLIC_KEY, SECRET_KEY},
    error::Refusal,
};
use crate::client::ApiKey;

/// What applying a file would change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The worker.
    pub worker: String,
    /// The zone.
    pub zone: String,
    /// What it comes to.
    pub action: Action,
    /// What changes, in the order in which it is done.
    pub changes: Vec<Change>,
    /// What was changed by hand since the last deployment, and is overwritten.
    pub by_hand: Vec<String>,
    /// Ways around the protection that it leaves open, and what closes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<String>,
}

/// What a plan comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing of it is there.
    Create,
    /// It is there, and otherwise.
    Edit,
    /// It is there as it should be.
    Nothing,
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "what")]
pub enum Change {
    /// Keys that an interrupted attempt left; nobody knows the secret one.
    RemoveKeys {
        /// How many.
        count: usize,
    },
    /// A public and a secret key are made.
    MakeKeys {
        /// The environment they are for; default: the whole workspace.
        environment: Option<String>,
    },
    /// The worker is uploaded.
    Worker {
        /// The hash of what is deployed, where that is known.
        before: Option<String>,
        /// The hash of what is uploaded.
        after: String,
    },
    /// A variable.
    Variable {
        /// Its name.
        name: String,
        /// Its value so far.
        before: Option<String>,
        /// Its value then.
        after: Option<String>,
    },
    /// Something else that the worker is given: a secret, or what somebody added by hand.
    Binding {
        /// Its name.
        name: String,
        /// What it is, as Cloudflare names it.
        kind: String,
        /// Whether it is added or removed.
        added: bool,
    },
    /// A route.
    Route {
        /// Its pattern.
        pattern: String,
        /// Whether it is added or removed.
        added: bool,
    },
}

/// Compares, or says every rule that forbids it.
pub(super) fn plan(desired: &Desired, current: &Current) -> Result<Plan, Vec<Refusal>> {
    let mut refusals = conflicts::refusals(desired, &current.routes);
    let mut plan = Plan {
        worker: desired.worker.clone(),
        zone: desired.zone.clone(),
        action: Action::Create,
        changes: Vec::new(),
        by_hand: Vec::new(),
        advice: desired
            .uncovered
            .iter()
            .map(|host| uncovered(host))
            .chain(conflicts::advice(desired, &current.routes))
            .collect(),
    };
    match &current.script {
        None => create(&mut plan, desired, current),
        Some(script) if !script.is_made_here() => {
            refusals.push(Refusal::Foreign(desired.worker.clone()));
        }
        Some(script) if script.is_split => refusals.push(Refusal::Split(desired.worker.clone())),
        Some(script) => match public_key(desired, current, script) {
            Ok(public) => edit(&mut plan, desired, script, public),
            Err(refusal) => refusals.push(refusal),
        },
    }
    routes(&mut plan, desired, current);
    if current.script.is_some() {
        plan.action = if plan.changes.is_empty() {
            Action::Nothing
        } else {
            Action::Edit
        };
    }
    if refusals.is_empty() {
        Ok(plan)
    } else {
        Err(refusals)
    }
}

/// What closes the ways around the worker on a host that is not covered.
fn uncovered(host: &str) -> String {
    format!(
        "a call to `{host}` in a spelling that no route matches (/API/…, //api/…) passes the worker by: `coverage: host` \
         adds the route `{host}/*`, `coverage: urls` says that it is meant; see `edgeproof explain host-not-covered`"
    )
}

fn create(plan: &mut Plan, desired: &Desired, current: &Current) {
    if !current.keys.is_empty() {
        plan.changes.push(Change::RemoveKeys {
            count: current.keys.len(),
        });
    }
    plan.changes.push(Change::MakeKeys {
        environment: desired.environment.clone(),
    });
    plan.changes.push(Change::Worker {
        before: None,
        after: desired.bundle.clone(),
    });
    plan.changes.extend(
        desired
            .variables
            .iter()
            .map(|(name, value)| Change::Variable {
                name: name.clone(),
                before: None,
                after: Some(value.clone()),
            }),
    );
    plan.changes.push(Change::Binding {
        name: SECRET_KEY.to_owned(),
        kind: "secret_text".to_owned(),
        added: true,
    });
}

/// The public key of a deployment whose keys can stay.
fn public_key<'a>(
    desired: &Desired,
    current: &'a Current,
    script: &CurrentScript,
) -> Result<&'a str, Refusal> {
    let refused = |why| Refusal::Rotation {
        worker: desired.worker.clone(),
        why,
    };
    let Some((public, secret)) = script.keys(&current.keys) else {
        return Err(refused("no longer exist in the Fingerprint workspace"));
    };
    if !script.has_secret(SECRET_KEY) {
        return Err(refused(
            "are incomplete: the worker has no secret FP_SECRET_KEY",
        ));
    }
    if [public, secret]
        .iter()
        .any(|key| key.environment != current.environment)
    {
        return Err(refused("belong to another environment than the file's"));
    }
    token(public).ok_or_else(|| refused("are not listed by the Fingerprint workspace"))
}

/// The text of a public key, which is no secret.
pub(super) fn token(key: &ApiKey) -> Option<&str> {
    key.token.as_ref().map(|token| token.reveal())
}

fn edit(plan: &mut Plan, desired: &Desired, script: &CurrentScript, public: &str) {
    let made_here = script.mark.as_ref();
    let is_other = made_here.is_none_or(|mark| mark.bundle != desired.bundle);
    if is_other || script.is_unfinished() {
        plan.changes.push(Change::Worker {
            before: made_here.map(|mark| mark.bundle.clone()),
            after: desired.bundle.clone(),
        });
    }
    let mut wanted = desired.variables.clone();
    wanted.insert(PUBLIC_KEY.to_owned(), public.to_owned());
    let deployed = script.variables();
    let names: BTreeSet<&String> = wanted.keys().chain(deployed.keys()).collect();
    for name in names {
        let (before, after) = (deployed.get(name), wanted.get(name));
        if before != after {
            plan.changes.push(Change::Variable {
                name: name.clone(),
                before: before.cloned(),
                after: after.cloned(),
            });
        }
    }
    let others = script.version.bindings.iter();
    for binding in others.filter(|other| !other.is_variable() && other.name != SECRET_KEY) {
        plan.changes.push(Change::Binding {
            name: binding.name.clone(),
            kind: binding.kind.clone(),
            added: false,
        });
    }
    plan.by_hand = script.by_hand();
}

fn routes(plan: &mut Plan, desired: &Desired, current: &Current) {
    let own: BTreeSet<&String> = current
        .routes
        .iter()
        .filter(|route| route.script.as_ref() == Some(&desired.worker))
        .map(|route| &route.pattern)
        .collect();
    let added = desired.routes.iter().filter(|wanted| !own.contains(wanted));
    let removed = own
        .iter()
        .filter(|pattern| !desired.routes.contains(**pattern));
    let route = |pattern: &String, added| Change::Route {
        pattern: pattern.clone(),
        added,
    };
    plan.changes
        .extend(added.map(|pattern| route(pattern, true)));
    plan.changes
        .extend(removed.map(|pattern| route(pattern, false)));
}

impl Plan {
    /// Whether the worker has to be uploaded: anything but routes.
    pub(super) fn needs_upload(&self) -> bool {
        let is_route = |change: &Change| matches!(change, Change::Route { .. });
        !self.changes.iter().all(is_route)
    }

    /// The routes that are added, or removed.
    pub(super) fn routes(&self, which: bool) -> Vec<&str> {
        let patterns = self.changes.iter().filter_map(|change| match change {
            Change::Route { pattern, added } if *added == which => Some(pattern.as_str()),
            _ => None,
        });
        patterns.collect()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { worker, zone, .. } = self;
        match self.action {
            Action::Create => writeln!(f, "{worker} in {zone} is new:")?,
            Action::Edit => writeln!(f, "{worker} in {zone} changes:")?,
            Action::Nothing => writeln!(f, "{worker} in {zone} is as its file says.")?,
        }
        for change in &self.changes {
            writeln!(f, "{change}")?;
        }
        for hand in &self.by_hand {
            writeln!(f, "  ! {hand} since it was deployed; that is overwritten")?;
        }
        for advice in &self.advice {
            writeln!(f, "  ! {advice}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveKeys { count } => {
                write!(f, "  - {count} keys that an interrupted attempt left")
            }
            Self::MakeKeys { environment } => match environment {
                Some(environment) => write!(f, "  + keys for the environment {environment}"),
                None => write!(f, "  + keys for the workspace"),
            },
            Self::Worker {
                before: None,
                after,
            } => write!(f, "  + worker {after}"),
            Self::Worker {
                before: Some(before),
                after,
            } => write!(f, "  ~ worker {before} → {after}"),
            Self::Variable {
                name,
                before,
                after,
            } => match (before, after) {
                (None, Some(after)) => write!(f, "  + {name} = {after}"),
                (Some(before), None) => write!(f, "  - {name} = {before}"),
                (before, after) => write!(
                    f,
                    "  ~ {name}\n      - {}\n      + {}",
                    before.as_deref().unwrap_or_default(),
                    after.as_deref().unwrap_or_default()
                ),
            },
            Self::Binding { name, kind, added } => {
                let kind = match kind.as_str() {
                    "secret_text" => "secret",
                    kind => kind,
                };
                write!(f, "  {} {kind} {name}", sign(*added))
            }
            Self::Route { pattern, added } => write!(f, "  {} route {pattern}", sign(*added)),
        }
    }
}

fn sign(added: bool) -> char {
    if added { '+' } else { '-' }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        client::{Binding, KeyType, Secret, Version, WorkerRoute},
        deploy::{
            current::CurrentScript,
            desired::tests::with_routes,
            mark::{self, Mark},
        },
    };

    fn desired() -> Desired {
        with_routes(&["shop.example/a", "shop.example/b*"])
    }

    fn route(pattern: &str, script: Option<&str>) -> WorkerRoute {
        WorkerRoute {
            id: "1".to_owned(),
            pattern: pattern.to_owned(),
            script: script.map(str::to_owned),
            request_limit_fail_open: None,
        }
    }

    fn key(kind: KeyType) -> ApiKey {
        ApiKey {
            id: "k".to_owned(),
            name: "edgeproof a flow".to_owned(),
            kind,
            environment: None,
            token: (kind == KeyType::Public).then(|| Secret::new("pk")),
        }
    }

    fn plain(name: &str, text: &str) -> Binding {
        Binding {
            name: name.to_owned(),
            kind: "plain_text".to_owned(),
            text: Some(text.to_owned()),
            json: None,
        }
    }

    fn secret(name: &str) -> Binding {
        Binding {
            name: name.to_owned(),
            kind: "secret_text".to_owned(),
            text: None,
            json: None,
        }
    }

    /// What stands after the file was applied.
    fn deployed(desired: &Desired) -> Current {
        let mut variables = desired.variables.clone();
        variables.insert(PUBLIC_KEY.to_owned(), "pk".to_owned());
        let mark = Mark {
            bundle: desired.bundle.clone(),
            variables: mark::hash(&variables),
            is_first: true,
            attempt: "1".to_owned(),
        };
        let mut bindings: Vec<Binding> = variables
            .iter()
            .map(|(name, text)| plain(name, text))
            .collect();
        bindings.push(secret(SECRET_KEY));
        Current {
            script: Some(CurrentScript {
                version: Version {
                    id: "v1".to_owned(),
                    etag: "e1".to_owned(),
                    bindings,
                },
                runs: true,
                mark: Some(mark),
                tags: mark::finished_tags(&[], "1"),
                ..CurrentScript::default()
            }),
            routes: desired
                .routes
                .iter()
                .map(|pattern| route(pattern, Some("flow")))
                .collect(),
            keys: vec![key(KeyType::Public), key(KeyType::Secret)],
            environment: None,
        }
    }

    #[test]
    fn a_first_deployment_makes_everything() {
        let desired = desired();
        let plan = plan(&desired, &Current::default()).unwrap();
        assert_eq!(plan.action, Action::Create);
        assert_eq!(
            plan.to_string().replace(&desired.bundle, "HASH"),
            "flow in shop.example is new:\n  + keys for the workspace\n  + worker HASH\n  + FP_REGION = eu\n  \
             + PROTECTED_APIS = [1]\n  + secret FP_SECRET_KEY\n  + route shop.example/a\n  + route shop.example/b*\n"
        );
    }

    #[test]
    fn what_is_deployed_as_its_file_says_changes_nothing() {
        let desired = desired();
        let plan = plan(&desired, &deployed(&desired)).unwrap();
        assert_eq!(plan.action, Action::Nothing);
        assert_eq!(
            plan.to_string(),
            "flow in shop.example is as its file says.\n"
        );
    }

    #[test]
    fn an_edit_says_what_changes_and_what_was_changed_by_hand() {
        let desired = desired();
        let mut current = deployed(&desired);
        let script = current.script.as_mut().unwrap();
        script.mark = None;
        script.last_made_here = Some(script.version.clone());
        script.version.etag = "e2".to_owned();
        let bindings = &mut script.version.bindings;
        bindings.retain(|binding| binding.name != "FP_REGION");
        bindings.push(plain("FP_REGION", "us"));
        bindings.push(plain("EXTRA", "1"));
        bindings.push(secret("MORE"));
        current
            .routes
            .retain(|route| route.pattern != "shop.example/a");
        current.routes.push(route("shop.example/old", Some("flow")));
        current
            .routes
            .push(route("shop.example/other", Some("other")));
        let plan = plan(&desired, &current).unwrap();
        assert_eq!(plan.action, Action::Edit);
        assert_eq!(
            plan.to_string().replace(&desired.bundle, "HASH"),
            "flow in shop.example changes:\n  + worker HASH\n  - EXTRA = 1\n  ~ FP_REGION\n      - us\n      + eu\n  \
             - secret MORE\n  + route shop.example/a\n  - route shop.example/old\n  \
             ! the script was changed by hand since it was deployed; that is overwritten\n  \
             ! variables were changed by hand since it was deployed; that is overwritten\n"
        );
    }

    #[test]
    fn an_interrupted_attempt_is_picked_up() {
        let desired = desired();
        let mut current = deployed(&desired);
        let script = current.script.as_mut().unwrap();
        script.tags.clear();
        current.routes.clear();
        let plan = plan(&desired, &current).unwrap();
        assert!(plan.needs_upload());
        assert_eq!(plan.by_hand, ["the last attempt was interrupted"]);
        assert_eq!(plan.routes(true), ["shop.example/a", "shop.example/b*"]);
        // And one that made keys and nothing else.
        let keys_only = Current {
            keys: vec![key(KeyType::Secret)],
            ..Current::default()
        };
        let plan = super::plan(&desired, &keys_only).unwrap();
        assert_eq!(plan.changes[0], Change::RemoveKeys { count: 1 });
    }

    fn refusals(change: impl FnOnce(&mut Current)) -> Vec<String> {
        let desired = desired();
        let mut current = deployed(&desired);
        change(&mut current);
        let refusals = plan(&desired, &current).unwrap_err();
        refusals.iter().map(Refusal::to_string).collect()
    }

    #[test]
    fn routes_of_others_are_named_with_their_workers() {
        let refused = refusals(|current| {
            current.routes = vec![
                route("shop.example/a", Some("other")),
                route("shop.example/b*", None),
            ];
        });
        assert_eq!(
            refused,
            [
                "the route `shop.example/a` is served by the worker `other`",
                "the route `shop.example/b*` keeps workers away: it has none",
            ]
        );
    }

    #[test]
    fn a_worker_of_somebody_else_is_not_overwritten() {
        let refused = refusals(|current| {
            let script = current.script.as_mut().unwrap();
            script.mark = None;
            script.tags.clear();
        });
        assert_eq!(
            refused,
            [
                "there is a worker `flow` that was not deployed with edgeproof; it is not overwritten"
            ]
        );
    }

    #[test]
    fn keys_are_never_rotated() {
        let why = |refused: Vec<String>| refused[0].split(" of `flow` ").nth(1).unwrap().to_owned();
        let rest = "; keys are not rotated: delete the deployment and create it again";
        assert_eq!(
            why(refusals(|current| current.keys.clear())),
            format!("no longer exist in the Fingerprint workspace{rest}")
        );
        assert_eq!(
            why(refusals(
                |current| current.environment = Some("ae_1".to_owned())
            )),
            format!("belong to another environment than the file's{rest}")
        );
        assert_eq!(
            why(refusals(|current| current
                .script
                .as_mut()
                .unwrap()
                .version
                .bindings
                .retain(|binding| binding.kind == "plain_text"))),
            format!("are incomplete: the worker has no secret FP_SECRET_KEY{rest}")
        );
    }
}
