//! What has to be undone where a deployment breaks off half-way.
//!
//! A way back is noted before its step is taken: where the response was lost, nobody knows whether the step was. So each
//! way back holds whether or not it was; and it is gone only over what this attempt made and nobody has changed since.

use super::{apply::Planned, attempt::Attempt, current, error::Reason, history::History, mark};
use crate::client::{Share, WorkerRoute};

/// The way back from one step.
#[derive(Clone, Debug)]
pub(super) enum Undo {
    /// The keys of this name, which no other attempt has, go.
    Keys(String),
    /// The worker goes.
    Worker,
    /// The version that was in force before is so again.
    Version,
    /// A route that was made goes; without an id its response was lost.
    RouteMade { pattern: String, id: Option<String> },
    /// A route that was removed comes back.
    RouteRemoved(WorkerRoute),
}

/// What became of a way back.
enum Gone {
    /// It was gone.
    Undone,
    /// There was nothing to undo: the step had not been taken, or what it made is no longer there.
    Nothing,
    /// Somebody else has changed it since, so it was left.
    Left(String),
}

impl Undo {
    /// What is done, for people.
    fn done(&self, worker: &str) -> String {
        match self {
            Self::Keys(_) => "its keys are deleted".to_owned(),
            Self::Worker => format!("the worker `{worker}` is deleted"),
            Self::Version => format!("the worker `{worker}` is what it was"),
            Self::RouteMade { pattern, .. } => format!("the route `{pattern}` is deleted"),
            Self::RouteRemoved(route) => format!("the route `{}` is back", route.pattern),
        }
    }

    /// What stands where it could not be done.
    fn stands(&self, worker: &str, why: &str) -> String {
        let what = match self {
            Self::Keys(_) => {
                format!("the keys of `{worker}`; the Fingerprint dashboard deletes them")
            }
            Self::Worker => {
                format!("the worker `{worker}`; `edgeproof deploy delete {worker}` removes it")
            }
            Self::Version => format!("the new version of the worker `{worker}`"),
            Self::RouteMade { pattern, .. } => format!("the new route `{pattern}`"),
            Self::RouteRemoved(route) => format!("the route `{}` is gone", route.pattern),
        };
        format!("{what} ({why})")
    }
}

impl Attempt<'_> {
    /// Goes all ways back, the last one first. Returns what was undone and what stands.
    pub(super) async fn undo(&mut self) -> (Vec<String>, Vec<String>) {
        let worker = self.planned.desired.worker.as_str();
        let (mut undone, mut stands) = (Vec::new(), Vec::new());
        let mut worker_stands = false;
        for way in std::mem::take(&mut self.ways_back).into_iter().rev() {
            // A worker that stands needs its keys: with them the next attempt goes on from here.
            if matches!(way, Undo::Keys(_)) && worker_stands {
                stands.push("its keys".to_owned());
                continue;
            }
            match self.go_back(&way).await {
                Ok(Gone::Undone) => undone.push(way.done(worker)),
                Ok(Gone::Nothing) => {}
                Ok(Gone::Left(why)) => {
                    worker_stands |= matches!(way, Undo::Worker);
                    stands.push(way.stands(worker, &why));
                }
                Err(reason) => {
                    worker_stands |= matches!(way, Undo::Worker);
                    stands.push(way.stands(worker, &reason.to_string()));
                }
            }
        }
        (undone, stands)
    }

    /// Marks the worker, where its version is still this attempt's, so that nobody waits for it. Where that cannot be done the
    /// next attempt has to wait.
    pub(super) async fn say_it_ended(&self) {
        let Planned { desired, site, .. } = self.planned;
        let (cloudflare, worker) = (&self.deployer.cloudflare, &desired.worker);
        if let Ok(Some(history)) = self.history().await
            && self.counts(&history)
            && let Ok(before) = cloudflare.tags(&site.account, worker).await
        {
            let tags = mark::ended_tags(&before, &self.id);
            let _ = cloudflare.set_tags(&site.account, worker, &tags).await;
        }
    }

    async fn go_back(&self, way: &Undo) -> Result<Gone, Reason> {
        match way {
            Undo::Keys(name) => self.delete_keys(name).await,
            Undo::Worker => self.delete_worker().await,
            Undo::Version => self.restore_version().await,
            Undo::RouteMade { pattern, id } => self.delete_route(pattern, id.as_deref()).await,
            Undo::RouteRemoved(route) => self.restore_route(route).await,
        }
    }

    async fn delete_keys(&self, name: &str) -> Result<Gone, Reason> {
        let Some(management) = &self.deployer.management else {
            return Ok(Gone::Nothing);
        };
        let keys = current::keys_named(management, name).await?;
        for key in &keys {
            management.delete_key(&key.id).await?;
        }
        Ok(if keys.is_empty() {
            Gone::Nothing
        } else {
            Gone::Undone
        })
    }

    /// Deletes the worker where nobody but this attempt has anything to do with it.
    async fn delete_worker(&self) -> Result<Gone, Reason> {
        let Some(history) = self.settled().await? else {
            return Ok(Gone::Nothing);
        };
        if history.of_attempt(&self.id).is_none() {
            return Ok(Gone::Nothing);
        }
        if let Some(gone) = self.overtaken(&history) {
            return Ok(gone);
        }
        if !history.is_all_made_here() {
            return Ok(Gone::Left(
                "somebody else has uploaded to it since".to_owned(),
            ));
        }
        let planned = self.planned;
        let (cloudflare, worker) = (&self.deployer.cloudflare, &planned.desired.worker);
        // Its routes would go with it.
        let routes = cloudflare.routes(&planned.site.zone).await?;
        if let Some(route) = routes
            .iter()
            .find(|route| route.script.as_ref() == Some(worker))
        {
            let pattern = &route.pattern;
            return Ok(Gone::Left(format!("the route `{pattern}` leads to it")));
        }
        let was_there = cloudflare
            .delete_script(&planned.site.account, worker)
            .await?;
        Ok(if was_there {
            Gone::Undone
        } else {
            Gone::Nothing
        })
    }

    async fn restore_version(&self) -> Result<Gone, Reason> {
        let planned = self.planned;
        let Some(script) = &planned.current.script else {
            return Ok(Gone::Nothing);
        };
        let Some(history) = self.settled().await? else {
            return Ok(Gone::Left("the worker is gone".to_owned()));
        };
        let own = history.of_attempt(&self.id).map(|head| head.id.clone());
        let Some(own) = own.filter(|own| history.was_in_force(own)) else {
            return Ok(Gone::Nothing);
        };
        if let Some(gone) = self.overtaken(&history) {
            return Ok(gone);
        }
        let shares = [Share::whole(&script.version.id)];
        let message = mark::in_place_of(&own);
        let (account, worker) = (&planned.site.account, &planned.desired.worker);
        let cloudflare = &self.deployer.cloudflare;
        let put = || cloudflare.put_in_force(account, worker, &shares, &message);
        self.once(put, || async {
            let history = self.history().await?;
            let is_back = history.is_none_or(|history| !self.counts(&history));
            Ok(is_back.then_some(()))
        })
        .await?;
        self.settled().await?;
        Ok(Gone::Undone)
    }

    /// What became of the version of this attempt where it is not the one that counts: it came too late, and another one was
    /// put in force again, or somebody has replaced it.
    fn overtaken(&self, history: &History) -> Option<Gone> {
        if self.counts(history) {
            return None;
        }
        let own = history.of_attempt(&self.id);
        let counted = own.is_some_and(|own| history.counted(&own.id, self.base()));
        Some(if counted {
            Gone::Left("somebody else has changed it since".to_owned())
        } else {
            Gone::Nothing
        })
    }

    /// Deletes a route that is as this attempt has made it.
    async fn delete_route(&self, pattern: &str, id: Option<&str>) -> Result<Gone, Reason> {
        let planned = self.planned;
        let cloudflare = &self.deployer.cloudflare;
        let zone = &planned.site.zone;
        let found = match id {
            None => self.route_made_since(pattern).await?,
            Some(id) => {
                let routes = cloudflare.routes(zone).await?;
                routes.into_iter().find(|route| route.id == id)
            }
        };
        let Some(route) = found else {
            return Ok(Gone::Nothing);
        };
        let worker = &planned.desired.worker;
        if route.pattern != pattern || route.script.as_ref() != Some(worker) {
            return Ok(Gone::Left("somebody else has changed it since".to_owned()));
        }
        cloudflare.delete_route(zone, &route.id).await?;
        Ok(Gone::Undone)
    }

    async fn restore_route(&self, route: &WorkerRoute) -> Result<Gone, Reason> {
        // Whoever has replaced the worker has its own idea of where it runs.
        match self.check_still_counts().await {
            Err(Reason::Raced(_)) => {
                return Ok(Gone::Left(
                    "somebody else has changed the worker since".to_owned(),
                ));
            }
            counts => counts?,
        }
        let routes = self
            .deployer
            .cloudflare
            .routes(&self.planned.site.zone)
            .await?;
        match routes.iter().find(|there| there.pattern == route.pattern) {
            Some(there) if there.script == route.script => return Ok(Gone::Nothing),
            Some(_) => return Ok(Gone::Left("somebody else has it now".to_owned())),
            None => {}
        }
        self.create_route(&route.pattern, route.request_limit_fail_open)
            .await?;
        Ok(Gone::Undone)
    }
}
