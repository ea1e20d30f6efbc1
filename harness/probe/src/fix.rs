//! Changes of a description that close holes: each is tried on a rig of its own, and the one that closes most is made.

use std::collections::HashSet;

use edgeproof_rig::{Description, Environment, Rig};

use super::{Mend, Options, Outcome, ProbeError, Progress, probe};

/// Changes that were made one after the other; more than these make nobody's deployment simpler.
const MOST_CHANGES: usize = 4;

/// What came of trying to close the holes.
#[derive(Clone, Debug)]
pub struct Fix {
    /// The changes, in the order in which they were made.
    pub mends: Vec<Mend>,
    /// The description with them.
    pub description: Description,
    /// What is found with them; nothing where there is no change that closes a hole.
    pub outcomes: Vec<Outcome>,
}

/// Probes each API of a description on a rig of its own.
///
/// # Errors
/// Where the rig does not start, or nothing can be found out.
pub async fn probe_all(
    environment: &Environment,
    description: &Description,
    apis: &[Options<'_>],
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Vec<Outcome>, ProbeError> {
    let rig = Rig::start(environment, description.clone()).await?;
    let mut outcomes = Vec::with_capacity(apis.len());
    for options in apis {
        match probe(&rig, options, progress).await {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) => {
                rig.stop().await;
                return Err(error);
            }
        }
    }
    rig.stop().await;
    Ok(outcomes)
}

/// Closes as many holes as changes of the description can, and probes once more with all of them.
///
/// # Errors
/// Where a rig does not start, or nothing can be found out.
pub async fn fix(
    environment: &Environment,
    description: &Description,
    apis: &[Options<'_>],
    before: &[Outcome],
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Fix, ProbeError> {
    let mut fix = Fix {
        mends: Vec::new(),
        description: description.clone(),
        outcomes: Vec::new(),
    };
    let mut left: Vec<Outcome> = before.to_vec();
    while fix.mends.len() < MOST_CHANGES && count(&left) > 0 {
        let mut best: Option<(Mend, Description, Vec<Outcome>)> = None;
        for mend in candidates(&left) {
            let mut changed = fix.description.clone();
            if !mend.apply(&mut changed) {
                continue;
            }
            let mends = [&*fix.mends, std::slice::from_ref(&mend)].concat();
            let apis = of_holes(apis, &mends, &left);
            let outcomes = probe_all(environment, &changed, &apis, progress).await?;
            let most = best.as_ref().map_or(count(&left), |(.., best)| count(best));
            if count(&outcomes) < most {
                best = Some((mend, changed, outcomes));
            }
        }
        let Some((mend, changed, outcomes)) = best else {
            break;
        };
        fix.mends.push(mend);
        fix.description = changed;
        left = outcomes;
    }
    if !fix.mends.is_empty() {
        let apis = renamed(apis, &fix.mends);
        fix.outcomes = probe_all(environment, &fix.description, &apis, progress).await?;
    }
    Ok(fix)
}

fn count(outcomes: &[Outcome]) -> usize {
    outcomes.iter().map(|outcome| outcome.holes().count()).sum()
}

/// The changes that the holes ask for, each once.
fn candidates(outcomes: &[Outcome]) -> Vec<Mend> {
    let mut known = HashSet::new();
    let holes = outcomes.iter().flat_map(Outcome::holes);
    let mends = holes.filter_map(|hole| hole.mend.clone()).flat_map(|mend| {
        // What a longer pattern closes the whole host does as well, and often more.
        let wider = match &mend {
            Mend::Pattern { deployment, .. } => Some(Mend::Cover {
                deployment: deployment.clone(),
            }),
            _ => None,
        };
        [Some(mend), wider].into_iter().flatten()
    });
    mends.filter(|mend| known.insert(mend.clone())).collect()
}

/// The same APIs, each with the shapes that are holes.
fn of_holes<'a>(apis: &[Options<'a>], mends: &[Mend], left: &[Outcome]) -> Vec<Options<'a>> {
    let with_holes = renamed(apis, mends).into_iter().zip(left);
    with_holes
        .map(|(options, outcome)| Options {
            only: Some(outcome.holes().map(|hole| hole.shape.clone()).collect()),
            ..options
        })
        .collect()
}

/// The APIs by the names that they have with these changes.
fn renamed<'a>(apis: &[Options<'a>], mends: &[Mend]) -> Vec<Options<'a>> {
    let mut apis = apis.to_vec();
    for mend in mends {
        if let Mend::Pattern { api, .. } = mend {
            for options in apis.iter_mut().filter(|options| options.api == *api) {
                options.api.push('*');
            }
        }
    }
    apis
}
