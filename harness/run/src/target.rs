//! What a run at a target tells besides its cases: where it was, what is deployed there, what was not seen, and how it compares
//! with a run in a rig.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use edgeproof_cloudflare::deploy::Compared;
use edgeproof_remote::{
    Drift, Permitted, Target,
    plan::{self, Plan, Runs},
};
use edgeproof_scenario::load::Case;
use serde::{Deserialize, Serialize};

use crate::{
    record::{CaseRecord, Failure, Verdict},
    results::Results,
};

/// A run at a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetRecord {
    /// The target file.
    pub file: PathBuf,
    /// The name of the run, as every request said it.
    pub run: String,
    /// The hosts of scenarios, each with the one that was visited.
    pub hosts: BTreeMap<String, String>,
    /// What the deployment file says beside what is deployed.
    pub drift: Vec<DriftRow>,
    /// Why that was not compared, where it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_compared: Option<String>,
    /// What of each case was seen, in the order of the plan.
    pub cases: Vec<CaseAtTarget>,
    /// The same cases in a rig, where their report was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub against: Option<Vec<SideBySide>>,
}

/// One thing that a deployment file says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DriftRow {
    /// What it is.
    pub what: String,
    /// What the file says; none where it says nothing.
    pub file: Option<String>,
    /// What is deployed; none where there is nothing.
    pub deployed: Option<String>,
    /// Whether that is the same; none where it cannot be known.
    pub same: Option<bool>,
}

/// What of a case was seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseAtTarget {
    /// Its name.
    pub name: String,
    /// The expectations that visitors saw.
    pub seen: Vec<String>,
    /// The expectations that were looked up, and where.
    pub looked_up: Vec<String>,
    /// The expectations of which nothing is known.
    pub not_observable: Vec<NotObservable>,
    /// The steps that may change something.
    pub changes: Vec<String>,
    /// Why it did not run, where it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped: Option<String>,
}

/// An expectation of which nothing is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotObservable {
    /// Which, such as `origin of step 3`.
    pub what: String,
    /// Why.
    pub why: String,
    /// The line of its file, from 1.
    pub line: Option<usize>,
}

/// A case in a rig and at a target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SideBySide {
    /// Its name.
    pub name: String,
    /// How the two compare.
    pub outcome: Outcome,
    /// What came of it in a rig; none where it was not run there.
    pub local: Option<String>,
    /// What came of it at the target.
    pub target: String,
    /// The first expectation that was not met in the rig.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_failure: Option<String>,
    /// The first expectation that was not met at the target, or why nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_failure: Option<String>,
}

/// How two runs of a case compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The same came of it, as far as it is seen.
    Same,
    /// Something else came of it.
    Differs,
    /// It was skipped in one of them, or nothing is known of it there.
    NotObservable,
}

impl TargetRecord {
    /// The record of a run before its cases have run.
    pub fn new(permitted: &Permitted, drift: &Drift, cases: Vec<CaseAtTarget>) -> Self {
        let (drift, not_compared) = match drift {
            Drift::Compared(rows) => (rows.iter().map(DriftRow::of).collect(), None),
            Drift::Unknown(why) => (Vec::new(), Some(why.clone())),
        };
        let target = permitted.target();
        Self {
            file: target.path.clone(),
            run: permitted.run().to_owned(),
            hosts: target.hosts().clone(),
            drift,
            not_compared,
            cases,
            against: None,
        }
    }
}

impl TargetRecord {
    /// One record of the shards of a run: the first, with the cases of all.
    pub(crate) fn joined(all: impl Iterator<Item = Self>) -> Option<Self> {
        all.reduce(|mut first, other| {
            first.cases.extend(other.cases);
            if let Some(more) = other.against {
                first.against.get_or_insert_default().extend(more);
            }
            first
        })
    }
}

impl DriftRow {
    fn of(compared: &Compared) -> Self {
        let Compared {
            what,
            file,
            deployed,
            same,
        } = compared.clone();
        Self {
            what,
            file,
            deployed,
            same,
        }
    }
}

impl CaseAtTarget {
    /// What of a case is seen at a target.
    pub fn of(case: &Case, target: &Target, may_change: bool) -> Self {
        let name = case.name.clone();
        match plan::of(case, target, may_change) {
            Plan::Skipped(why) => Self {
                name,
                seen: Vec::new(),
                looked_up: Vec::new(),
                not_observable: Vec::new(),
                changes: Vec::new(),
                skipped: Some(why),
            },
            Plan::Runs(runs) => {
                let Runs {
                    seen,
                    looked_up,
                    unseen,
                    changes,
                    ..
                } = *runs;
                let not_observable = unseen.into_iter().map(|unseen| NotObservable {
                    what: unseen.what,
                    why: unseen.why.to_owned(),
                    line: unseen.line,
                });
                Self {
                    name,
                    seen,
                    looked_up,
                    not_observable: not_observable.collect(),
                    changes,
                    skipped: None,
                }
            }
        }
    }
}

/// Every case of a run at a target beside the same case of a run in a rig.
pub fn side_by_side(local: &Results, target: &Results) -> Vec<SideBySide> {
    let cases = target.cases.iter().map(|there| {
        let here = local.cases.iter().find(|here| here.name == there.name);
        SideBySide {
            name: there.name.clone(),
            outcome: here.map_or(Outcome::NotObservable, |here| outcome(here, there)),
            local: here.map(|here| here.verdict.word().to_owned()),
            target: there.verdict.word().to_owned(),
            local_failure: here.and_then(|here| reason(&here.verdict)),
            target_failure: reason(&there.verdict),
        }
    });
    cases.collect()
}

fn outcome(here: &CaseRecord, there: &CaseRecord) -> Outcome {
    let is_known = |verdict: &Verdict| !matches!(verdict, Verdict::Skipped(_) | Verdict::Error(_));
    if !is_known(&here.verdict) || !is_known(&there.verdict) {
        return Outcome::NotObservable;
    }
    let claims = |verdict: &Verdict| -> Vec<(usize, String)> {
        failures(verdict).iter().map(place).collect()
    };
    let is_same_word = here.verdict.word() == there.verdict.word();
    let same_place = claims(&here.verdict).first() == claims(&there.verdict).first();
    match is_same_word && same_place {
        true => Outcome::Same,
        false => Outcome::Differs,
    }
}

/// Where an expectation stands: the texts of two runs name two hosts.
fn place(failure: &Failure) -> (usize, String) {
    let place = failure.excerpt.as_ref().map(|excerpt| &excerpt.place);
    let file = |place: &Path| place.display().to_string();
    place.map_or((0, failure.claim.clone()), |place| {
        (place.line, file(&place.file))
    })
}

fn failures(verdict: &Verdict) -> &[Failure] {
    match verdict {
        Verdict::Failed(failures) | Verdict::Observed(failures) => failures,
        _ => &[],
    }
}

fn reason(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Failed(failures) | Verdict::Observed(failures) => {
            failures.first().map(Failure::sentence)
        }
        Verdict::Error(why) | Verdict::Skipped(why) => Some(why.clone()),
        Verdict::KnownFailure { reason, .. } => Some(reason.clone()),
        Verdict::Passed => None,
    }
}
