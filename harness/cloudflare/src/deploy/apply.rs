//! Plans a deployment file and puts it in force.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{
    Deployer,
    current::{self, Current, CurrentScript, key_name},
    desired::{Desired, PUBLIC_KEY, SECRET_KEY},
    error::{DeployError, Reason, Refusal},
    file::DeploymentFile,
    marks::{Marks, plain_etag},
    plan::{Action, Plan, plan, token},
    site::Site,
    undo::Undo,
};
use crate::client::{ApiError, ApiKey, KeyType, Metadata};

/// Says that what is under way should break off. Clones say it together.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Breaks it off before its next step.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(super) fn check(&self) -> Result<(), Reason> {
        if self.0.load(Ordering::Relaxed) {
            Err(Reason::Interrupted)
        } else {
            Ok(())
        }
    }
}

/// A plan with everything that carrying it out needs.
#[derive(Debug)]
pub struct Planned {
    desired: Desired,
    current: Current,
    site: Site,
    plan: Plan,
}

impl Planned {
    /// What would change.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

impl Deployer {
    /// Puts a plan in force. `report` is told of every step that is done.
    ///
    /// # Errors
    /// Where it broke off: what was undone, and what stands.
    pub async fn carry_out(
        &self,
        planned: &Planned,
        stop: &Stop,
        mut report: impl FnMut(&str) + Send,
    ) -> Result<(), DeployError> {
        let mut ways_back = Vec::new();
        let done = match planned.plan.action {
            Action::Nothing => Ok(()),
            Action::Create => {
                self.create(planned, stop, &mut ways_back, &mut report)
                    .await
            }
            Action::Edit => self.edit(planned, stop, &mut ways_back, &mut report).await,
        };
        let Err(reason) = done else {
            return Ok(());
        };
        let worker = &planned.desired.worker;
        let (undone, stands) = self.undo(&planned.site, worker, ways_back).await;
        Err(match (stands.is_empty(), undone.is_empty(), reason) {
            (true, true, Reason::Api(error)) => error.into(),
            (true, _, reason) => DeployError::Undone { reason, undone },
            (false, _, reason) => DeployError::HalfMade {
                reason,
                undone,
                stands,
            },
        })
    }

    /// What applying the file would change. Nothing is changed, and everything that can be known before is checked.
    ///
    /// # Errors
    /// Every rule that forbids it, or what keeps it from being known.
    pub async fn plan(&self, file: &DeploymentFile) -> Result<Planned, DeployError> {
        let management = self.management()?;
        let desired = Desired::of(file, &self.worker_of(file)?)?;
        self.check_token().await?;
        let site = self.site(&desired.zone).await?;
        self.check_site(&site, &desired.zone, &desired.hosts)
            .await?;
        let environment = match &desired.environment {
            None => None,
            Some(name) => {
                let found = management.environment(name).await?;
                Some(found.ok_or_else(|| Refusal::NoEnvironment(name.clone()))?)
            }
        };
        let current = Current {
            script: CurrentScript::read(&self.cloudflare, &site.account, &desired.worker).await?,
            routes: self.cloudflare.routes(&site.zone).await?,
            keys: current::keys(management, &site.account, &desired.worker).await?,
            environment,
        };
        let plan = plan(&desired, &current).map_err(DeployError::Refused)?;
        Ok(Planned {
            desired,
            current,
            site,
            plan,
        })
    }

    async fn create(
        &self,
        planned: &Planned,
        stop: &Stop,
        ways_back: &mut Vec<Undo>,
        report: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Reason> {
        let Planned { desired, site, .. } = planned;
        stop.check()?;
        ways_back.push(Undo::Keys);
        // What an interrupted attempt has left: nobody knows the secret key any more.
        self.delete_keys(&site.account, &desired.worker).await?;
        let public = self.make_key(planned, KeyType::Public).await?;
        stop.check()?;
        let secret = self.make_key(planned, KeyType::Secret).await?;
        report("keys made");
        stop.check()?;
        let mut metadata = Metadata::default();
        if let Some(secret) = secret.token {
            metadata.secrets.insert(SECRET_KEY.to_owned(), secret);
        }
        ways_back.push(Undo::Worker);
        self.upload(planned, token(&public), metadata, stop).await?;
        report("worker uploaded");
        self.routes(planned, stop, ways_back, report).await
    }

    async fn edit(
        &self,
        planned: &Planned,
        stop: &Stop,
        ways_back: &mut Vec<Undo>,
        report: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Reason> {
        let Planned { current, plan, .. } = planned;
        stop.check()?;
        if plan.needs_upload() {
            if let Some(script) = &current.script {
                ways_back.push(Undo::Version {
                    version: script.version.clone(),
                    tags: script.tags.clone(),
                });
            }
            let metadata = Metadata {
                kept_secrets: vec![SECRET_KEY.to_owned()],
                ..Metadata::default()
            };
            let public = current.keys.iter().find(|key| key.kind == KeyType::Public);
            let public = public.and_then(token);
            self.upload(planned, public, metadata, stop).await?;
            report("worker uploaded");
        }
        self.routes(planned, stop, ways_back, report).await
    }

    /// Makes one key. Where the answer is lost so is the key: what was made is deleted, and another one made.
    async fn make_key(&self, planned: &Planned, kind: KeyType) -> Result<ApiKey, Reason> {
        let Planned {
            desired,
            current,
            site,
            ..
        } = planned;
        let Some(management) = &self.management else {
            return Err(no_key("no client of the Management API").into());
        };
        let name = key_name(&site.account, &desired.worker);
        let environment = current.environment.as_deref();
        let made = match management.create_key(&name, kind, environment).await {
            Err(error) if error.is_uncertain() => {
                for lost in management.keys(&name).await? {
                    if lost.kind == kind {
                        management.delete_key(&lost.id).await?;
                    }
                }
                management.create_key(&name, kind, environment).await?
            }
            made => made?,
        };
        if made.token.is_none() {
            return Err(no_key("the key is not in it").into());
        }
        Ok(made)
    }

    /// Uploads the worker and marks it with what Cloudflare says of it.
    async fn upload(
        &self,
        planned: &Planned,
        public: Option<&str>,
        mut metadata: Metadata,
        stop: &Stop,
    ) -> Result<(), Reason> {
        let Planned { desired, site, .. } = planned;
        metadata.variables.clone_from(&desired.variables);
        metadata.json.clone_from(&desired.json);
        if let Some(public) = public {
            let public = public.to_owned();
            metadata.variables.insert(PUBLIC_KEY.to_owned(), public);
        }
        let mut marks = Marks::of(&desired.bundle, &metadata.variables);
        metadata.tags = marks.tags();
        metadata.message = format!("edgeproof: bundle {}", desired.bundle);
        let (account, worker) = (&site.account, &desired.worker);
        let uploaded = self
            .cloudflare
            .upload(account, worker, &desired.upload, &metadata)
            .await?;
        stop.check()?;
        marks.etag = Some(plain_etag(&uploaded.etag));
        self.cloudflare
            .set_tags(account, worker, &marks.tags())
            .await?;
        Ok(())
    }

    /// Makes the new routes, then removes those that are no longer wanted.
    async fn routes(
        &self,
        planned: &Planned,
        stop: &Stop,
        ways_back: &mut Vec<Undo>,
        report: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), Reason> {
        let Planned {
            desired,
            current,
            site,
            plan,
        } = planned;
        for pattern in plan.routes(true) {
            stop.check()?;
            ways_back.push(Undo::RouteMade(pattern.to_owned()));
            self.cloudflare
                .create_route(&site.zone, pattern, &desired.worker)
                .await?;
            report(&format!("route {pattern} made"));
        }
        for pattern in plan.routes(false) {
            stop.check()?;
            let mut routes = current.routes.iter();
            let Some(route) = routes.find(|route| route.pattern == pattern) else {
                continue;
            };
            ways_back.push(Undo::RouteRemoved(pattern.to_owned()));
            self.cloudflare.delete_route(&site.zone, &route.id).await?;
            report(&format!("route {pattern} removed"));
        }
        Ok(())
    }
}

fn no_key(reason: &str) -> ApiError {
    ApiError::Answer {
        call: "POST /api-keys".to_owned(),
        reason: reason.to_owned(),
    }
}
