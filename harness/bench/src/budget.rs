//! What workers may cost at most, as their ratios to baselines: for a user's CI.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, de};

use super::{
    cold_start::COLD_START,
    contender::{Contender, Role},
    metric::Metric,
    plan::Plan,
    results::Results,
    statistics::Estimate,
};

/// What a file states, one limit after the other.
pub type Budget = Vec<Limit>;

/// How often as much of something a worker may take as a baseline does.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The case.
    pub case: String,
    /// What of.
    pub metric: Metric,
    /// The worker it is compared with.
    pub against: String,
    /// The worker it is about. Default: every worker under test.
    pub worker: Option<String>,
    /// The ratio: at most so much of a time, at least so much of a throughput.
    #[serde(deserialize_with = "ratio")]
    pub ratio: f64,
}

/// With any other number nothing, or everything, would be within the budget.
fn ratio<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let ratio = f64::deserialize(deserializer)?;
    match ratio.is_finite() && ratio > 0.0 {
        true => Ok(ratio),
        false => Err(de::Error::custom("a ratio is a number above 0")),
    }
}

/// Why a run could say nothing of a budget.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// It allows and forbids nothing.
    #[error(
        "the budget states no limit; one is `- {{case: page_50_kb, metric: processor, against: minimal-js, ratio: 1.1}}`"
    )]
    Empty,
    /// A limit names what the run does not measure.
    #[error("the budget names the {what} `{name}`, which is not measured; measured are {}", known.join(", "))]
    NotMeasured {
        /// What it is.
        what: &'static str,
        /// Its name.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A limit names what is not measured in its case.
    #[error(
        "the budget names {metric} in the case `{case}`, where it is not measured; `{COLD_START}` has the metric `start` and no other"
    )]
    OtherMetric {
        /// The case.
        case: String,
        /// The metric.
        metric: Metric,
    },
}

/// How a worker did with one limit.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept<'a> {
    limit: &'a Limit,
    worker: &'a str,
    /// None where the case could not be measured.
    estimate: Option<Estimate>,
}

/// Finds what a run would not measure, before it does.
///
/// # Errors
/// The first name that it does not know.
pub fn check(budget: &[Limit], plan: &Plan) -> Result<(), BudgetError> {
    if budget.is_empty() {
        return Err(BudgetError::Empty);
    }
    let of = |role| {
        let all = plan.contenders.iter();
        let chosen = all.filter(move |one| one.role == role && one.directory.is_some());
        chosen.map(|one| one.name.clone()).collect::<BTreeSet<_>>()
    };
    let (baselines, workers) = (of(Role::Baseline), of(Role::UnderTest));
    let cases: BTreeSet<String> = plan.names().map(str::to_owned).collect();
    for limit in budget {
        let named = [
            ("case", Some(&limit.case), &cases),
            ("baseline", Some(&limit.against), &baselines),
            ("worker", limit.worker.as_ref(), &workers),
        ];
        for (what, name, known) in named {
            if let Some(name) = name.filter(|name| !known.contains(*name)) {
                return Err(BudgetError::NotMeasured {
                    what,
                    name: name.clone(),
                    known: known.iter().cloned().collect(),
                });
            }
        }
        if (limit.case == COLD_START) != (limit.metric == Metric::Start) {
            return Err(BudgetError::OtherMetric {
                case: limit.case.clone(),
                metric: limit.metric,
            });
        }
    }
    Ok(())
}

/// How every worker did with every limit.
pub fn kept<'a>(budget: &'a [Limit], results: &'a Results) -> Vec<Kept<'a>> {
    let is_meant = |limit: &Limit, one: &Contender| {
        one.role == Role::UnderTest && limit.worker.as_ref().is_none_or(|name| *name == one.name)
    };
    let of_limit = |limit: &'a Limit| {
        let workers = results.contenders.iter();
        let meant = workers.filter(move |one| is_meant(limit, one));
        meant.map(move |worker| Kept {
            limit,
            worker: &worker.name,
            estimate: estimate(results, limit, &worker.name),
        })
    };
    budget.iter().flat_map(of_limit).collect()
}

fn estimate(results: &Results, limit: &Limit, worker: &str) -> Option<Estimate> {
    let case = results.cases.iter().find(|case| case.name == limit.case)?;
    let mut ratios = case.ratios.iter();
    let found = ratios.find(|ratio| {
        ratio.contender == worker && ratio.baseline == limit.against && ratio.metric == limit.metric
    });
    found.map(|ratio| ratio.estimate)
}

impl Kept<'_> {
    /// Whether it is certain that the worker takes more: the whole interval is on the wrong side. So is what could not be
    /// measured.
    pub fn is_exceeded(&self) -> bool {
        let limit = self.limit.ratio;
        self.estimate
            .is_none_or(|found| match self.limit.metric.is_gain() {
                true => found.high < limit,
                false => found.low > limit,
            })
    }
}

impl fmt::Display for Kept<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limit, worker, .. } = self;
        let (case, metric, against) = (&limit.case, limit.metric, &limit.against);
        write!(f, "{case}: {metric} of {worker} / {against} ")?;
        let Some(Estimate { ratio, low, high }) = self.estimate else {
            return write!(f, "could not be measured");
        };
        let bound = match metric.is_gain() {
            true => "at least",
            false => "at most",
        };
        let is_beyond = match metric.is_gain() {
            true => ratio < limit.ratio,
            false => ratio > limit.ratio,
        };
        let verdict = match (self.is_exceeded(), is_beyond) {
            (true, _) => "exceeds the budget",
            (false, true) => "may be chance",
            (false, false) => "is within the budget",
        };
        let stated = limit.ratio;
        write!(
            f,
            "is {ratio:.2} ({low:.2}–{high:.2}), {bound} {stated:.2}: {verdict}"
        )
    }
}
