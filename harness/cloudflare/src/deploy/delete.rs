//! Deletes a deployment: routes, worker, keys. The ruleset stays.
//!
//! Nothing here is undone where it breaks off: what is gone stays gone, and a second attempt goes on with the rest. Before
//! each removal what it removes is read again: what somebody has changed meanwhile is not removed.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;

use super::{
    Deployer,
    apply::Stop,
    current::{self, CurrentScript},
    error::{DeployError, Reason, Refusal},
    history::{self, History},
    site::Site,
};
use crate::client::{ApiKey, WorkerRoute};

/// What deleting a deployment removes.
#[derive(Clone, Debug, Serialize)]
pub struct Deletion {
    /// The worker.
    pub worker: String,
    /// What is to be typed before it is deleted: the zone; the worker's name where no route tells the zone.
    pub domain: String,
    /// The patterns of its routes.
    pub routes: Vec<String>,
    /// Whether the worker is there.
    pub has_worker: bool,
    /// How many keys were made for it.
    pub keys: usize,
    #[serde(skip)]
    found: Found,
}

#[derive(Clone, Debug, Default)]
struct Found {
    account: String,
    /// Each route with its zone.
    routes: Vec<(String, WorkerRoute)>,
    /// The deployment of the worker that counts, and its version.
    deployment: String,
    version: String,
    keys: Vec<ApiKey>,
}

/// What was deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deleted {
    /// In the order in which it went.
    pub removed: Vec<String>,
}

impl Deployer {
    /// What deleting the deployment of this worker would remove; from one zone, or from all that the token sees.
    ///
    /// # Errors
    /// Every rule that forbids it, or what keeps it from being known.
    pub async fn deletion(
        &self,
        worker: &str,
        zone: Option<&str>,
    ) -> Result<Deletion, DeployError> {
        let management = self.management()?;
        self.check_token().await?;
        let sites = self.sites(zone).await?;
        let mut found = Found {
            account: match sites.first() {
                Some((_, site)) => site.account.clone(),
                None => self.account().await?,
            },
            ..Found::default()
        };
        // The worker is read first: whoever changes routes after it has changed the worker as well, or the routes alone.
        let script = CurrentScript::read(&self.cloudflare, &found.account, worker).await?;
        if script.as_ref().is_some_and(|script| !script.is_made_here()) {
            return Err(Refusal::Foreign(worker.to_owned()).into());
        }
        self.check_nobody_is_at_it(worker, script.as_ref())?;
        let mut domain = None;
        for (name, site) in &sites {
            for route in self.cloudflare.routes(&site.zone).await? {
                if route.script.as_deref() == Some(worker) {
                    domain.get_or_insert_with(|| name.clone());
                    found.routes.push((site.zone.clone(), route));
                }
            }
        }
        found.keys = current::keys(management, &found.account, worker).await?;
        if script.is_none() && found.routes.is_empty() && found.keys.is_empty() {
            return Err(Refusal::NotDeployed(worker.to_owned()).into());
        }
        if let Some(script) = &script {
            found.deployment.clone_from(&script.deployment);
            found.version.clone_from(&script.version.id);
        }
        self.check_deletion(&sites, &found).await?;
        Ok(Deletion {
            worker: worker.to_owned(),
            domain: domain
                .or_else(|| zone.map(str::to_owned))
                .unwrap_or_else(|| worker.to_owned()),
            routes: found
                .routes
                .iter()
                .map(|(_, route)| route.pattern.clone())
                .collect(),
            has_worker: script.is_some(),
            keys: found.keys.len(),
            found,
        })
    }

    /// The zones that may have routes of the worker, by name.
    async fn sites(&self, zone: Option<&str>) -> Result<Vec<(String, Site)>, DeployError> {
        if let Some(zone) = zone {
            return Ok(vec![(zone.to_owned(), self.site(zone).await?)]);
        }
        let account = self.account().await?;
        let zones = self.cloudflare.zones(None, Some(&account)).await?;
        let site = |id| Site {
            account: account.clone(),
            zone: id,
        };
        Ok(zones
            .into_iter()
            .map(|zone| (zone.name, site(zone.id)))
            .collect())
    }

    /// Whether the token may change every place where something goes.
    async fn check_deletion(
        &self,
        sites: &[(String, Site)],
        found: &Found,
    ) -> Result<(), DeployError> {
        let mut refusals = Vec::new();
        for (name, site) in sites {
            if found.routes.iter().any(|(zone, _)| *zone == site.zone) {
                refusals.extend(self.check_permissions(site, name).await?);
            }
        }
        if refusals.is_empty() {
            Ok(())
        } else {
            Err(DeployError::Refused(refusals))
        }
    }

    /// Deletes it. `report` is told of every step that is done.
    ///
    /// # Errors
    /// Where it broke off: what is gone, and what stands.
    pub async fn delete(
        &self,
        deletion: &Deletion,
        stop: &Stop,
        mut report: impl FnMut(&str) + Send,
    ) -> Result<Deleted, DeployError> {
        let mut removed = Vec::new();
        let done = self.remove(deletion, stop, &mut removed, &mut report).await;
        match done {
            Ok(()) => Ok(Deleted { removed }),
            Err(Reason::Api(error)) if removed.is_empty() && !error.is_uncertain() => {
                Err(error.into())
            }
            Err(Reason::Raced(raced)) if removed.is_empty() => Err(Refusal::Raced(raced).into()),
            Err(reason) => Err(DeployError::HalfMade {
                reason,
                undone: Vec::new(),
                stands: standing(deletion, &removed),
            }),
        }
    }

    async fn remove(
        &self,
        deletion: &Deletion,
        stop: &Stop,
        removed: &mut Vec<String>,
        report: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Reason> {
        let Found {
            account,
            routes,
            keys,
            ..
        } = &deletion.found;
        let mut done = |what: String| {
            report(&format!("{what} removed"));
            removed.push(what);
        };
        // Routes go first: without its worker a route answers nothing.
        for (zone, planned) in routes {
            stop.check()?;
            self.check_worker(deletion).await?;
            self.check_route(zone, planned).await?;
            self.cloudflare.delete_route(zone, &planned.id).await?;
            done(route(&planned.pattern));
        }
        if deletion.has_worker {
            stop.check()?;
            self.check_worker(deletion).await?;
            self.check_no_other_route(deletion).await?;
            self.cloudflare
                .delete_script(account, &deletion.worker)
                .await?;
            done(worker(&deletion.worker));
        }
        stop.check()?;
        if let Some(management) = self.management.as_ref().filter(|_| !keys.is_empty()) {
            // These and no others: whoever deploys anew meanwhile has made keys of its own.
            for key in keys {
                management.delete_key(&key.id).await?;
            }
            done(KEYS.to_owned());
        }
        Ok(())
    }

    /// Whether a route is still what it was when the deletion was planned, or gone.
    async fn check_route(&self, zone: &str, planned: &WorkerRoute) -> Result<(), Reason> {
        let routes = self.cloudflare.routes(zone).await?;
        match routes.iter().find(|route| route.id == planned.id) {
            Some(route) if route != planned => Err(Reason::Raced(format!(
                "the route `{}` was changed by somebody else meanwhile",
                planned.pattern
            ))),
            _ => Ok(()),
        }
    }

    /// Whether the worker is still what it was when the deletion was planned, or gone.
    async fn check_worker(&self, deletion: &Deletion) -> Result<(), Reason> {
        let Deletion { worker, found, .. } = deletion;
        let past = self.cloudflare.past(&found.account, worker).await?;
        let history = past.map(History::new);
        let standing = history
            .as_ref()
            .and_then(|history| history.standing(Some(&found.deployment)));
        if standing.is_some_and(|standing| history::version(standing) != found.version) {
            return Err(Reason::Raced(format!(
                "the worker `{worker}` was changed by somebody else meanwhile"
            )));
        }
        Ok(())
    }

    /// Whether nobody has led another route to the worker: it would go with the worker.
    async fn check_no_other_route(&self, deletion: &Deletion) -> Result<(), Reason> {
        let Deletion { worker, found, .. } = deletion;
        let zones: BTreeSet<&String> = found.routes.iter().map(|(zone, _)| zone).collect();
        for zone in zones {
            let routes = self.cloudflare.routes(zone).await?;
            let to_it = |route: &&WorkerRoute| route.script.as_ref() == Some(worker);
            if let Some(route) = routes.iter().find(to_it) {
                return Err(Reason::Raced(format!(
                    "the route `{}` was led to the worker `{worker}` by somebody else meanwhile",
                    route.pattern
                )));
            }
        }
        Ok(())
    }
}

const KEYS: &str = "keys";

fn route(pattern: &str) -> String {
    format!("route {pattern}")
}

fn worker(name: &str) -> String {
    format!("worker {name}")
}

/// What a deletion that broke off has left.
fn standing(deletion: &Deletion, removed: &[String]) -> Vec<String> {
    let routes = deletion.routes.iter().map(|pattern| route(pattern));
    let script = deletion.has_worker.then(|| worker(&deletion.worker));
    let keys = (deletion.keys > 0).then(|| KEYS.to_owned());
    let mut left: Vec<String> = routes
        .chain(script)
        .chain(keys)
        .filter(|what| !removed.contains(what))
        .collect();
    if let Some(first) = left.first_mut() {
        // Its response may have been lost.
        first.push_str(" (or not: its response was lost)");
    }
    left.push("run the deletion again to remove these".to_owned());
    left
}

impl fmt::Display for Deletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} will be deleted, with everything that belongs to it:",
            self.worker
        )?;
        for pattern in &self.routes {
            writeln!(f, "  - route {pattern}")?;
        }
        if self.has_worker {
            writeln!(f, "  - worker {}", self.worker)?;
        }
        if self.keys > 0 {
            writeln!(f, "  - {} keys", self.keys)?;
        }
        Ok(())
    }
}
