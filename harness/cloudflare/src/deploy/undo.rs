//! What has to be undone where a deployment breaks off half-way.
//!
//! A way back is noted before its step is taken: where the answer was lost, nobody knows whether the step was. So each
//! way back holds whether or not it was.

use super::{Deployer, current, site::Site};
use crate::client::ApiError;

/// The way back from one step.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    /// The deployment's keys go.
    Keys,
    /// The worker goes.
    Worker,
    /// The worker is again what it was.
    Version { version: String, tags: Vec<String> },
    /// A route that was made goes.
    RouteMade(String),
    /// A route that was removed comes back.
    RouteRemoved(String),
}

impl Undo {
    /// What is done, for people.
    fn done(&self, worker: &str) -> String {
        match self {
            Self::Keys => "its keys are deleted".to_owned(),
            Self::Worker => format!("the worker `{worker}` is deleted"),
            Self::Version { .. } => format!("the worker `{worker}` is what it was"),
            Self::RouteMade(pattern) => format!("the route `{pattern}` is deleted"),
            Self::RouteRemoved(pattern) => format!("the route `{pattern}` is back"),
        }
    }

    /// What stands where it could not be done.
    fn stands(&self, worker: &str, error: &ApiError) -> String {
        let what = match self {
            Self::Keys => {
                format!("the keys of `{worker}`; the Fingerprint dashboard deletes them")
            }
            Self::Worker => {
                format!("the worker `{worker}`; `edgeproof deploy delete {worker}` removes it")
            }
            Self::Version { .. } => format!("the new version of the worker `{worker}`"),
            Self::RouteMade(pattern) => format!("the new route `{pattern}`"),
            Self::RouteRemoved(pattern) => format!("the route `{pattern}` is gone"),
        };
        format!("{what} ({error})")
    }
}

impl Deployer {
    /// Goes all ways back, the last one first. Answers what was undone and what stands.
    pub(super) async fn undo(
        &self,
        site: &Site,
        worker: &str,
        ways_back: Vec<Undo>,
    ) -> (Vec<String>, Vec<String>) {
        let (mut undone, mut stands) = (Vec::new(), Vec::new());
        for way in ways_back.into_iter().rev() {
            // A worker that stands needs its keys: with them the next attempt goes on from here.
            if matches!(way, Undo::Keys) && !stands.is_empty() {
                stands.push("its keys".to_owned());
                continue;
            }
            match self.go_back(site, worker, &way).await {
                Ok(true) => undone.push(way.done(worker)),
                // The step had not been taken.
                Ok(false) => {}
                Err(error) => stands.push(way.stands(worker, &error)),
            }
        }
        (undone, stands)
    }

    /// False where there was nothing to do.
    async fn go_back(&self, site: &Site, worker: &str, way: &Undo) -> Result<bool, ApiError> {
        let cloudflare = &self.cloudflare;
        match way {
            Undo::Keys => self.delete_keys(&site.account, worker).await,
            Undo::Worker => cloudflare.delete_script(&site.account, worker).await,
            Undo::Version { version, tags } => {
                let now = cloudflare.running(&site.account, worker).await?;
                if now.is_none_or(|now| now.version != *version) {
                    cloudflare
                        .restore_version(&site.account, worker, version)
                        .await?;
                }
                cloudflare.set_tags(&site.account, worker, tags).await?;
                Ok(true)
            }
            Undo::RouteMade(pattern) => {
                let routes = cloudflare.routes(&site.zone).await?;
                let made = routes.iter().find(|route| {
                    route.pattern == *pattern && route.script.as_deref() == Some(worker)
                });
                match made {
                    Some(route) => cloudflare.delete_route(&site.zone, &route.id).await,
                    None => Ok(false),
                }
            }
            Undo::RouteRemoved(pattern) => {
                let routes = cloudflare.routes(&site.zone).await?;
                if routes.iter().any(|route| route.pattern == *pattern) {
                    return Ok(false);
                }
                cloudflare
                    .create_route(&site.zone, pattern, worker)
                    .await
                    .map(|()| true)
            }
        }
    }

    /// Deletes all keys of a deployment. False where there were none.
    pub(super) async fn delete_keys(&self, account: &str, worker: &str) -> Result<bool, ApiError> {
        let Some(management) = &self.management else {
            return Ok(false);
        };
        let keys = current::keys(management, account, worker).await?;
        for key in &keys {
            management.delete_key(&key.id).await?;
        }
        Ok(!keys.is_empty())
    }
}
