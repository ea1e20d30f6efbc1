//! Plans a deployment file and puts it in force.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use super::{
    Deployer,
    attempt::Attempt,
    current::{self, Current, CurrentScript},
    desired::Desired,
    error::{DeployError, Reason, Refusal},
    file::DeploymentFile,
    plan::{Plan, plan},
    site::Site,
};

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
    pub(super) desired: Desired,
    pub(super) current: Current,
    pub(super) site: Site,
    pub(super) plan: Plan,
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
        mut report: impl FnMut(&str) + Send + Sync,
    ) -> Result<(), DeployError> {
        let mut attempt = Attempt::new(self, planned, stop, &mut report);
        let Err(reason) = attempt.make().await else {
            return Ok(());
        };
        let (undone, stands) = attempt.undo().await;
        if !stands.is_empty() {
            attempt.say_it_ended().await;
        }
        Err(match (stands.is_empty(), undone.is_empty(), reason) {
            (true, true, Reason::Api(error)) => error.into(),
            (true, true, Reason::Raced(raced)) => Refusal::Raced(raced).into(),
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
        let script = CurrentScript::read(&self.cloudflare, &site.account, &desired.worker).await?;
        self.check_nobody_is_at_it(&desired.worker, script.as_ref())?;
        let current = Current {
            script,
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
}
