//! Takes a `deploy` step: the same client as the command's, pointed at the rig's own APIs.

use edgeproof_cloudflare::{
    client::{Cloudflare, Management, Secret, Waiting},
    deploy::{Action, DeployError, Deployer, DeploymentFile, Stop},
};
use edgeproof_ground::{causes, clock::Clock};
use edgeproof_rig::Rig;
use edgeproof_scenario::deploying::{DeployAct, DeployOutcome, Deploying};

use super::HarnessFault;
use crate::observed::Deployment;

/// Does what the step says, and waits until the edge runs what is due.
pub(super) async fn deploy(
    rig: &Rig,
    clock: &Clock,
    deploying: &Deploying,
) -> Result<Deployment, HarnessFault> {
    let before = clock.ahead();
    let mut text = String::new();
    let deployer = deployer(rig, clock, deploying.token.as_deref())?;
    let outcome = match act_on(rig, &deployer, &deploying.act, &mut text).await {
        Ok(outcome) => outcome,
        Err(error) => {
            text.push_str(&causes::with_causes(&error));
            of_error(&error)?
        }
    };
    rig.settled().await?;
    Ok(Deployment {
        outcome,
        text,
        waited: (clock.ahead() - before) as f64 / 1000.0,
    })
}

/// A deployer with a token of the account.
fn deployer(rig: &Rig, clock: &Clock, token: Option<&str>) -> Result<Deployer, HarnessFault> {
    let plane = rig
        .control_plane()
        .ok_or("the rig has no control plane to deploy to")?;
    let token = match token {
        None => plane.token(),
        Some(name) => plane
            .token_of(name)
            .ok_or_else(|| format!("the account has no token `{name}`"))?,
    };
    let platform = rig.fingerprint();
    let waiting = || Waiting::On(clock.clone());
    let management = Management::new(
        &format!("http://{}", platform.address()),
        Secret::new(platform.management_key()),
        waiting(),
    )?;
    Ok(Deployer {
        cloudflare: Cloudflare::new(&plane.base_url(), Secret::new(token.reveal()), waiting())?,
        management: Some(management),
        account: None,
        worker: Some(rig.worker().to_owned()),
        take_over: false,
    })
}

async fn act_on(
    rig: &Rig,
    deployer: &Deployer,
    act: &DeployAct,
    text: &mut String,
) -> Result<DeployOutcome, DeployError> {
    match act {
        DeployAct::Plan(file) => {
            text.push_str(&deployer.plan(file).await?.plan().to_string());
            Ok(DeployOutcome::Reported)
        }
        DeployAct::Apply(file) => apply(deployer, file, text).await,
        DeployAct::Delete(worker) => {
            let deletion = deployer.deletion(worker, None).await?;
            text.push_str(&deletion.to_string());
            let report = |step: &str| text.push_str(&format!("{step}\n"));
            deployer.delete(&deletion, &Stop::default(), report).await?;
            Ok(DeployOutcome::Deleted)
        }
        DeployAct::Show(worker) => {
            text.push_str(&deployer.show(worker).await?.to_string());
            Ok(DeployOutcome::Reported)
        }
        DeployAct::List => {
            for deployed in deployer.list().await? {
                text.push_str(&deployed.to_string());
            }
            Ok(DeployOutcome::Reported)
        }
        DeployAct::DeleteRuleset(name) => Ok(delete_ruleset(rig, name, text)),
    }
}

async fn apply(
    deployer: &Deployer,
    file: &DeploymentFile,
    text: &mut String,
) -> Result<DeployOutcome, DeployError> {
    let planned = deployer.plan(file).await?;
    text.push_str(&planned.plan().to_string());
    let report = |step: &str| text.push_str(&format!("{step}\n"));
    deployer
        .carry_out(&planned, &Stop::default(), report)
        .await?;
    Ok(match planned.plan().action {
        Action::Create => DeployOutcome::Created,
        Action::Edit => DeployOutcome::Edited,
        Action::Nothing => DeployOutcome::Unchanged,
    })
}

/// The platform knows which deployments it has made; here the account does.
fn delete_ruleset(rig: &Rig, name: &str, text: &mut String) -> DeployOutcome {
    let id = edgeproof_fingerprint::ruleset_id(name);
    let scripts = rig.control_plane().map(|plane| plane.state().scripts);
    let users = scripts.into_iter().flatten().filter(|(_, script)| {
        let used = script.variables.get("FP_RULESET_ID");
        used == Some(&id)
    });
    let users: Vec<String> = users.map(|(worker, _)| worker).collect();
    match rig.fingerprint().delete_ruleset(name, &users) {
        Ok(()) => DeployOutcome::Deleted,
        Err(error) => {
            text.push_str(&error.to_string());
            DeployOutcome::Refused
        }
    }
}

/// A worker that cannot be built or read is a fault of the harness.
fn of_error(error: &DeployError) -> Result<DeployOutcome, HarnessFault> {
    match error {
        DeployError::Refused(_) => Ok(DeployOutcome::Refused),
        DeployError::Api(_) => Ok(DeployOutcome::Failed),
        DeployError::Undone { .. } => Ok(DeployOutcome::Undone),
        DeployError::HalfMade { .. } => Ok(DeployOutcome::HalfMade),
        DeployError::Build(_) | DeployError::Upload(_) => Err(causes::with_causes(error).into()),
    }
}
