//! One attempt to put a plan in force.
//!
//! Before each step that cannot be taken back, what the plan was made of is read again. After the step by which a version
//! comes in force, the worker's history tells whether this attempt was the first; one that was not puts in force what was
//! there before it, and goes back.

use super::{
    Deployer,
    apply::{Planned, Stop},
    conflicts,
    current::{self, key_name},
    desired::{PUBLIC_KEY, SECRET_KEY},
    error::Reason,
    history::{self, History},
    mark::{self, Mark},
    plan::Action,
    undo::Undo,
};
use crate::client::{ApiError, ApiKey, KeyType, Management, Metadata, Share, WorkerRoute};

/// How often the version that counts is put in force again before somebody is taken to be at it all the time.
const MOST_TIMES: u32 = 8;

/// How often a call is made whose response is lost and that had no effect.
const TIMES: u32 = 3;

/// An attempt, and the ways back from what it has done.
pub(super) struct Attempt<'a> {
    pub(super) deployer: &'a Deployer,
    pub(super) planned: &'a Planned,
    stop: &'a Stop,
    report: &'a mut (dyn FnMut(&str) + Send + Sync),
    /// What tells it from all others.
    pub(super) id: String,
    pub(super) ways_back: Vec<Undo>,
}

impl<'a> Attempt<'a> {
    pub(super) fn new(
        deployer: &'a Deployer,
        planned: &'a Planned,
        stop: &'a Stop,
        report: &'a mut (dyn FnMut(&str) + Send + Sync),
    ) -> Self {
        Self {
            deployer,
            planned,
            stop,
            report,
            id: mark::new_attempt(),
            ways_back: Vec::new(),
        }
    }

    /// Does all of it, or says why not.
    pub(super) async fn make(&mut self) -> Result<(), Reason> {
        self.stop.check()?;
        match self.planned.plan.action {
            Action::Nothing => return Ok(()),
            Action::Create => {
                let (public, secret) = self.make_keys().await?;
                (self.report)("keys made");
                self.create(public, secret).await?;
            }
            Action::Edit if self.planned.plan.needs_upload() => self.edit().await?,
            Action::Edit => {}
        }
        self.make_routes().await?;
        self.remove_routes().await?;
        self.finish().await
    }

    /// Both keys.
    async fn make_keys(&mut self) -> Result<(ApiKey, ApiKey), Reason> {
        let management = self
            .deployer
            .management()
            .map_err(|_| no_key("no client of the Management API"))?;
        let name = self.key_name();
        self.ways_back.push(Undo::Keys(name.clone()));
        let environment = self.planned.current.environment.as_deref();
        let public = make_key(management, &name, KeyType::Public, environment).await?;
        self.stop.check()?;
        let secret = make_key(management, &name, KeyType::Secret, environment).await?;
        Ok((public, secret))
    }

    fn key_name(&self) -> String {
        let Planned { desired, site, .. } = self.planned;
        key_name(&site.account, &desired.worker, &self.id)
    }

    /// Uploads a worker that is not there, and sees whether it was the first.
    async fn create(&mut self, public: ApiKey, secret: ApiKey) -> Result<(), Reason> {
        let planned = self.planned;
        let mut metadata = self.metadata(public.token.as_ref().map(|token| token.reveal()), true);
        if let Some(secret) = secret.token {
            metadata.secrets.insert(SECRET_KEY.to_owned(), secret);
        }
        self.stop.check()?;
        self.check_unchanged().await?;
        self.ways_back.push(Undo::Worker);
        let (account, worker) = (&planned.site.account, &planned.desired.worker);
        let cloudflare = &self.deployer.cloudflare;
        let upload = || cloudflare.upload(account, worker, &planned.desired.upload, &metadata);
        self.once(upload, || async {
            match self.history().await? {
                None => Ok(None),
                Some(history) if history.of_attempt(&self.id).is_some() => Ok(Some(())),
                Some(_) => Err(self.raced()),
            }
        })
        .await?;
        self.check_won().await?;
        (self.report)("worker uploaded");
        Ok(())
    }

    /// Uploads a version of the worker, and puts it in force in the place of the one that the plan was made of.
    async fn edit(&mut self) -> Result<(), Reason> {
        let planned = self.planned;
        let Some(script) = &planned.current.script else {
            return Ok(());
        };
        let keys = script.keys(&planned.current.keys);
        let public = keys.and_then(|(public, _)| public.token.as_ref());
        let mut metadata = self.metadata(public.map(|token| token.reveal()), false);
        let kept = (SECRET_KEY.to_owned(), script.with_secret().id.clone());
        metadata.kept_secrets.push(kept);
        let (account, worker) = (&planned.site.account, &planned.desired.worker);
        let cloudflare = &self.deployer.cloudflare;
        let upload =
            || cloudflare.upload_version(account, worker, &planned.desired.upload, &metadata);
        // A version that does not run is in nobody's way.
        self.once(upload, || async { Ok(self.own_version().await?.map(drop)) })
            .await?;
        let version = self.own_version().await?.ok_or_else(|| self.raced())?;
        self.stop.check()?;
        self.check_unchanged().await?;
        self.ways_back.push(Undo::Version);
        let shares = [Share::whole(&version)];
        let message = mark::in_place_of(&script.version.id);
        let put = || cloudflare.put_in_force(account, worker, &shares, &message);
        self.once(put, || async {
            let history = self.history().await?;
            let was_in_force = history.is_some_and(|history| history.was_in_force(&version));
            Ok(was_in_force.then_some(()))
        })
        .await?;
        self.check_won().await?;
        (self.report)("worker uploaded");
        Ok(())
    }

    /// The version that this attempt has uploaded.
    async fn own_version(&self) -> Result<Option<String>, ApiError> {
        let history = self.history().await?;
        let own = history
            .as_ref()
            .and_then(|history| history.of_attempt(&self.id));
        Ok(own.map(|head| head.id.clone()))
    }

    /// Makes a call that must not be made twice. Where its response is lost, `done` finds out what became of it.
    pub(super) async fn once<T, Called, Found>(
        &self,
        call: impl Fn() -> Called,
        done: impl Fn() -> Found,
    ) -> Result<T, Reason>
    where
        Called: Future<Output = Result<T, ApiError>>,
        Found: Future<Output = Result<Option<T>, Reason>>,
    {
        for time in 1..TIMES {
            match call().await {
                Err(error) if error.is_uncertain() => {}
                called => return Ok(called?),
            }
            if let Some(done) = done().await? {
                return Ok(done);
            }
            self.deployer.cloudflare.pause(time).await;
        }
        Ok(call().await?)
    }

    /// What is uploaded beside the modules.
    fn metadata(&self, public: Option<&str>, is_first: bool) -> Metadata {
        let desired = &self.planned.desired;
        let mut variables = desired.variables.clone();
        if let Some(public) = public {
            variables.insert(PUBLIC_KEY.to_owned(), public.to_owned());
        }
        let mark = Mark {
            bundle: desired.bundle.clone(),
            variables: mark::hash(&variables),
            is_first,
            attempt: self.id.clone(),
        };
        Metadata {
            variables,
            json: desired.json.clone(),
            message: mark.message(),
            ..Metadata::default()
        }
    }

    /// Makes the new routes. Of two that make the same one the API takes the first.
    async fn make_routes(&mut self) -> Result<(), Reason> {
        let planned = self.planned;
        for pattern in planned.plan.routes(true) {
            self.stop.check()?;
            self.ways_back.push(Undo::RouteMade {
                pattern: pattern.to_owned(),
                id: None,
            });
            let id = match self.create_route(pattern, None).await {
                Err(Reason::Api(error)) if error.is_conflict() => {
                    // Not this attempt's: it stays.
                    self.ways_back.pop();
                    return Err(self.raced_for(pattern).await);
                }
                made => made?,
            };
            if let Some(Undo::RouteMade { id: made, .. }) = self.ways_back.last_mut() {
                *made = Some(id);
            }
            (self.report)(&format!("route {pattern} made"));
        }
        Ok(())
    }

    /// Makes a route. Where the response is lost, the zone's routes tell what became of it.
    pub(super) async fn create_route(
        &self,
        pattern: &str,
        fail_open: Option<bool>,
    ) -> Result<String, Reason> {
        let Planned { desired, site, .. } = self.planned;
        let cloudflare = &self.deployer.cloudflare;
        let create = || cloudflare.create_route(&site.zone, pattern, &desired.worker, fail_open);
        self.once(create, || async {
            let made = self.route_made_since(pattern).await?;
            Ok(made.map(|route| route.id))
        })
        .await
    }

    /// A route of the worker that was not there when the plan was made.
    pub(super) async fn route_made_since(
        &self,
        pattern: &str,
    ) -> Result<Option<WorkerRoute>, ApiError> {
        let Planned {
            desired,
            current,
            site,
            ..
        } = self.planned;
        let mut routes = self.deployer.cloudflare.routes(&site.zone).await?;
        routes.retain(|route| {
            route.pattern == pattern
                && route.script.as_ref() == Some(&desired.worker)
                && !current.routes.iter().any(|known| known.id == route.id)
        });
        Ok(routes.pop())
    }

    /// Removes the routes that are no longer wanted, each as the plan saw it.
    async fn remove_routes(&mut self) -> Result<(), Reason> {
        let planned = self.planned;
        for pattern in planned.plan.routes(false) {
            self.stop.check()?;
            let own = |route: &&WorkerRoute| {
                route.pattern == pattern && route.script.as_ref() == Some(&planned.desired.worker)
            };
            let Some(route) = planned.current.routes.iter().find(own) else {
                continue;
            };
            self.check_still_counts().await?;
            let cloudflare = &self.deployer.cloudflare;
            let routes = cloudflare.routes(&planned.site.zone).await?;
            if !routes.contains(route) {
                return Err(Reason::Raced(format!(
                    "the route `{pattern}` was changed by somebody else meanwhile"
                )));
            }
            self.ways_back.push(Undo::RouteRemoved(route.clone()));
            cloudflare
                .delete_route(&planned.site.zone, &route.id)
                .await?;
            (self.report)(&format!("route {pattern} removed"));
        }
        Ok(())
    }

    /// Sees whether all of it stands, and marks it as finished.
    async fn finish(&mut self) -> Result<(), Reason> {
        let planned = self.planned;
        let Planned {
            desired,
            current,
            site,
            plan,
        } = planned;
        let (cloudflare, worker) = (&self.deployer.cloudflare, &desired.worker);
        let routes = cloudflare.routes(&site.zone).await?;
        let is_there = |pattern: &&String| {
            let own = |route: &WorkerRoute| {
                route.pattern == **pattern && route.script.as_ref() == Some(worker)
            };
            routes.iter().any(own)
        };
        if let Some(gone) = desired.routes.iter().find(|pattern| !is_there(pattern)) {
            return Err(Reason::Raced(format!(
                "the route `{gone}` was removed by somebody else meanwhile"
            )));
        }
        if let Some(refusal) = conflicts::refusals(desired, &routes).first() {
            return Err(Reason::Raced(refusal.to_string()));
        }
        self.check_still_counts().await?;
        if plan.needs_upload() {
            let before = cloudflare.tags(&site.account, worker).await?;
            let tags = mark::finished_tags(&before, &self.id);
            cloudflare.set_tags(&site.account, worker, &tags).await?;
        }
        if plan.action == Action::Create
            && let Some(management) = &self.deployer.management
        {
            // What an interrupted attempt has left: nobody knows the secret key any more.
            for key in &current.keys {
                management.delete_key(&key.id).await?;
            }
        }
        Ok(())
    }

    pub(super) async fn history(&self) -> Result<Option<History>, ApiError> {
        let Planned { desired, site, .. } = self.planned;
        let cloudflare = &self.deployer.cloudflare;
        let past = cloudflare.past(&site.account, &desired.worker).await?;
        Ok(past.map(History::new))
    }

    /// The deployment that the plan was made of.
    pub(super) fn base(&self) -> Option<&str> {
        let script = self.planned.current.script.as_ref();
        script.map(|script| script.deployment.as_str())
    }

    /// The worker's history, once what counts in it runs.
    pub(super) async fn settled(&self) -> Result<Option<History>, Reason> {
        let Planned { desired, site, .. } = self.planned;
        let cloudflare = &self.deployer.cloudflare;
        for time in 1..MOST_TIMES {
            let Some(history) = self.history().await? else {
                return Ok(None);
            };
            let Some(standing) = history.standing(self.base()) else {
                return Ok(Some(history));
            };
            if history.latest() == Some(standing) {
                return Ok(Some(history));
            }
            let message = mark::in_place_of(history::version(standing));
            let (account, worker) = (&site.account, &desired.worker);
            let put = cloudflare.put_in_force(account, worker, &standing.versions, &message);
            match put.await {
                // The next look at the history tells what became of it.
                Err(error) if error.is_uncertain() => cloudflare.pause(time).await,
                put => put?,
            }
        }
        Err(self.raced())
    }

    /// Whether nobody has changed the worker since the plan was made.
    async fn check_unchanged(&self) -> Result<(), Reason> {
        let history = self.history().await?;
        let planned = self.planned.current.script.as_ref();
        let same = match (&history, planned) {
            (None, None) => true,
            (Some(history), Some(script)) => {
                let standing = history.standing(self.base()).map(history::version);
                standing.unwrap_or_default() == script.version.id
            }
            _ => false,
        };
        if same { Ok(()) } else { Err(self.raced()) }
    }

    /// Whether the version of this attempt counts, and runs.
    async fn check_won(&self) -> Result<(), Reason> {
        let history = self.settled().await?;
        match history {
            Some(history) if self.counts(&history) => Ok(()),
            _ => Err(self.raced()),
        }
    }

    /// Whether what counts is what this attempt has put in force, or, where it has put nothing, what it found.
    pub(super) async fn check_still_counts(&self) -> Result<(), Reason> {
        if self.planned.plan.needs_upload() {
            self.check_won().await
        } else {
            self.check_unchanged().await
        }
    }

    /// Whether the version that counts is that of this attempt.
    pub(super) fn counts(&self, history: &History) -> bool {
        let standing = history.standing(self.base()).map(history::version);
        let own = history.of_attempt(&self.id).map(|head| head.id.as_str());
        own.is_some() && standing == own
    }

    pub(super) fn raced(&self) -> Reason {
        Reason::Raced(format!(
            "the worker `{}` was changed by somebody else meanwhile",
            self.planned.desired.worker
        ))
    }

    async fn raced_for(&self, pattern: &str) -> Reason {
        let zone = &self.planned.site.zone;
        let routes = self.deployer.cloudflare.routes(zone).await;
        let routes = routes.unwrap_or_default();
        let taken = routes
            .iter()
            .find(|route| conflicts::is_same(&route.pattern, pattern));
        let whom = match taken.and_then(|route| route.script.as_deref()) {
            Some(worker) => format!("leads to the worker `{worker}`"),
            None => "was made".to_owned(),
        };
        Reason::Raced(format!(
            "the route `{pattern}` {whom} since the plan was made"
        ))
    }
}

/// Makes one key. Where the response is lost so is the key: what was made is deleted, and another one made.
async fn make_key(
    management: &Management,
    name: &str,
    kind: KeyType,
    environment: Option<&str>,
) -> Result<ApiKey, Reason> {
    let made = match management.create_key(name, kind, environment).await {
        Err(error) if error.is_uncertain() => {
            for lost in current::keys_named(management, name).await? {
                if lost.kind == kind {
                    management.delete_key(&lost.id).await?;
                }
            }
            management.create_key(name, kind, environment).await?
        }
        made => made?,
    };
    if made.token.is_none() {
        return Err(no_key("the key is not in it").into());
    }
    Ok(made)
}

fn no_key(reason: &str) -> ApiError {
    ApiError::UnexpectedResponse {
        call: "POST /api-keys".to_owned(),
        reason: reason.to_owned(),
    }
}
