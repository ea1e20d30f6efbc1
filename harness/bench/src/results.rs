//! What was measured, and how: what JSON holds and every table is drawn from.

use std::{collections::BTreeMap, time::Duration};

use edgeproof_ground::causes::with_causes;
use serde::{Deserialize, Serialize};

use super::{
    client::VisitError,
    contender::{Contender, ORIGIN, Role},
    machine::Machine,
    metric::Metric,
    server::RequestCounts,
    statistics::{self, Estimate, RESAMPLES},
};

/// The version of the JSON. Another number is another format.
pub const FORMAT: u32 = 1;

/// Everything that a run has measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of edgeproof.
    pub edgeproof: String,
    /// How it was measured.
    pub method: Method,
    /// Where it was measured.
    pub machine: Machine,
    /// Who was measured.
    pub contenders: Vec<Contender>,
    /// The numbers.
    pub cases: Vec<CaseResult>,
}

/// How it was measured: two runs are comparable only where it is the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Rounds of each case at most. In each, every contender has two turns: one on the way there, one on the way back.
    pub rounds: u32,
    /// Milliseconds for which connections were kept busy in each turn, where throughput was measured.
    pub busy_ms: u64,
    /// What kind of load it was, and how an interval was made.
    pub notes: Vec<String>,
}

/// The numbers of one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// Its name.
    pub name: String,
    /// What happens in it.
    pub title: String,
    /// Requests a second, where latency was measured; none where there is no load.
    pub rate: Option<u32>,
    /// The numbers of each contender.
    pub measured: Vec<Measured>,
    /// How the workers under test compare.
    pub ratios: Vec<Ratio>,
}

/// The numbers of one contender in one case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Its name.
    pub contender: String,
    /// How many requests its percentiles are made from.
    pub requests: u64,
    /// What one request of the case made it ask, the origin among it.
    pub asked: RequestCounts,
    /// Bytes of the response's body.
    pub body_bytes: u64,
    /// Each round's numbers.
    pub rounds: BTreeMap<Metric, Vec<f64>>,
    /// The numbers of all rounds together.
    pub overall: BTreeMap<Metric, f64>,
    /// How late requests were sent, in milliseconds, the 99th percentile: part of every latency, and not the worker's.
    pub late_p99_ms: Option<f64>,
    /// The most memory that its `workerd` has held, in bytes.
    pub peak_memory_bytes: Option<u64>,
    /// How many turns were measured anew because a connection broke.
    #[serde(default)]
    pub retries: u64,
    /// Why it could not be measured; then it has no numbers.
    #[serde(default)]
    pub failure: Option<String>,
}

/// How often as much of something a worker takes as a baseline does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The worker under test.
    pub contender: String,
    /// What it is compared with.
    pub baseline: String,
    /// What of.
    pub metric: Metric,
    /// The ratio.
    #[serde(flatten)]
    pub estimate: Estimate,
}

impl Method {
    /// Such a run, described.
    pub(super) fn new(rounds: u32, busy: Duration) -> Self {
        let notes = [
            "each round: every contender in turn, then all again in the opposite order; every worker in a fresh process, which is warmed up"
                .to_owned(),
            "latency: open loop, exponential gaps, the same moments for all, counted from the moment at which a request was due"
                .to_owned(),
            "throughput and processor time: closed loop".to_owned(),
            format!(
                "intervals: 95 %, {RESAMPLES} bootstrap resamples of the rounds' ratios, widened for few rounds"
            ),
        ];
        Self {
            rounds,
            busy_ms: u64::try_from(busy.as_millis()).unwrap_or(u64::MAX),
            notes: notes.into(),
        }
    }
}

impl Measured {
    /// Nothing yet.
    pub(super) fn of(contender: &str) -> Self {
        Self {
            contender: contender.to_owned(),
            requests: 0,
            asked: RequestCounts::default(),
            body_bytes: 0,
            rounds: BTreeMap::new(),
            overall: BTreeMap::new(),
            late_p99_ms: None,
            peak_memory_bytes: None,
            retries: 0,
            failure: None,
        }
    }

    /// It could not be measured.
    pub(super) fn failed(contender: &str, error: &VisitError) -> Self {
        Self {
            failure: Some(with_causes(error)),
            ..Self::of(contender)
        }
    }
}

impl Results {
    /// Whether a worker under test could not be measured.
    pub fn has_failures(&self) -> bool {
        let mut all = self.cases.iter().flat_map(|case| &case.measured);
        all.any(|one| {
            let is_meant = |contender: &&Contender| contender.name == one.contender;
            let role = self
                .contenders
                .iter()
                .find(is_meant)
                .map(|found| found.role);
            one.failure.is_some() && role == Some(Role::UnderTest)
        })
    }
}

impl CaseResult {
    /// The numbers of a contender.
    pub fn of(&self, contender: &str) -> Option<&Measured> {
        let mut all = self.measured.iter();
        all.find(|measured| measured.contender == contender)
    }

    /// What else there is to say of how it was measured, a line each.
    pub(super) fn notes(&self) -> Vec<String> {
        let note = |one: &Measured| {
            let name = &one.contender;
            match (&one.failure, one.retries) {
                (Some(failure), _) => Some(format!("{name} could not be measured: {failure}")),
                (None, 0) => None,
                (None, 1) => Some(format!(
                    "{name}: a connection broke; 1 turn was measured anew"
                )),
                (None, more) => Some(format!(
                    "{name}: connections broke; {more} turns were measured anew"
                )),
            }
        };
        self.measured.iter().filter_map(note).collect()
    }

    /// Under what load it was measured, for people; none where there is no load.
    pub(super) fn load(&self) -> Option<String> {
        let all = self.measured.iter().flat_map(|one| one.rounds.values());
        let rounds = all.map(Vec::len).max()?;
        let rate = self.rate?;
        Some(format!(
            "{rounds} rounds, latency at {rate} requests a second"
        ))
    }

    /// How much more of it a contender takes than the origin alone.
    pub fn added(&self, contender: &Measured, metric: Metric) -> Option<f64> {
        let alone = self.of(ORIGIN)?.overall.get(&metric)?;
        Some(contender.overall.get(&metric)? - alone)
    }
}

/// Every worker under test against every baseline that is a worker too.
pub(super) fn ratios(contenders: &[Contender], measured: &[Measured]) -> Vec<Ratio> {
    let of = |role| {
        let chosen = contenders
            .iter()
            .filter(move |contender| contender.role == role && contender.name != ORIGIN);
        chosen.filter_map(|contender| {
            let mut all = measured.iter();
            all.find(|measured| measured.contender == contender.name)
        })
    };
    let mut ratios = Vec::new();
    for worker in of(Role::UnderTest) {
        for baseline in of(Role::Baseline) {
            for (metric, first) in &worker.rounds {
                let second = baseline.rounds.get(metric).map_or(&[][..], Vec::as_slice);
                if let Some(estimate) = statistics::ratio(first, second) {
                    ratios.push(Ratio {
                        contender: worker.contender.clone(),
                        baseline: baseline.contender.clone(),
                        metric: *metric,
                        estimate,
                    });
                }
            }
        }
    }
    ratios
}
