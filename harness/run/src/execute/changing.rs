//! What a step changes of a running rig, whether a scenario takes it or somebody at a console.

use edgeproof_ground::clock::Clock;
use edgeproof_rig::Rig;
use edgeproof_scenario::step::{Action, Change, Step};

use super::{HarnessFault, deploying};

/// A step that needs a visitor is not taken outside of a scenario.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is a visitor's step; here `set`, `advance` and `deploy` can be taken")]
pub struct NotWhileItRuns(&'static str);

/// Takes a step that is nobody's: the rig changes, its clock moves, something is deployed. Returns what there is to say.
///
/// # Errors
/// Where it is a visitor's step, or what it asks for cannot be had.
pub async fn take(rig: &Rig, clock: &Clock, step: &Step) -> Result<String, HarnessFault> {
    match &step.action {
        Action::Set(changes) => change(rig, changes).await?,
        Action::Advance(by) => clock.advance(by.0),
        Action::Deploy(deploying) => {
            let deployment = deploying::deploy(rig, clock, deploying).await?;
            return Ok(format!(
                "{}: {}",
                deployment.outcome.as_str(),
                deployment.text
            ));
        }
        other => return Err(NotWhileItRuns(other.name()).into()),
    }
    rig.settled().await?;
    Ok(String::new())
}

/// Changes what is running.
pub(super) async fn change(rig: &Rig, change: &Change) -> Result<(), HarnessFault> {
    if let Some(changes) = &change.cloudflare {
        let plane = rig.control_plane();
        plane
            .ok_or("no control plane is given; `given: {cloudflare: {}}` gives one")?
            .set_faults(changes.faults.clone());
    }
    if let Some(faults) = &change.faults {
        rig.internet().set_faults(faults.clone())?;
    }
    for (name, ruleset) in &change.rulesets {
        rig.fingerprint().set_ruleset(name, ruleset.clone());
    }
    if let Some(changes) = &change.node {
        rig.wallarm().change(changes.clone());
    }
    if let Some(signals) = &change.signals {
        rig.fingerprint().set_signals(signals.clone());
    }
    if !change.deployments.is_empty() {
        rig.redeploy(change.deployments.clone(), &change.rulesets)
            .await?;
    }
    Ok(())
}
