//! From the start of a process to its first response, when nothing else runs.

use std::{collections::BTreeMap, time::Instant};

use super::{
    BenchError,
    case::{CASES, Case},
    client::{Connection, VisitError},
    contender::Contender,
    metric::Metric,
    results::{CaseResult, Measured, ratios},
    run::{ATTEMPTS, Bench, Progress},
    statistics::median,
    visitor::BenchRequest,
};

/// The name of what is measured without a load.
pub const COLD_START: &str = "cold_start";

impl Bench<'_> {
    /// Cold starts of every worker, by turns.
    pub(super) async fn cold_start(
        &self,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<CaseResult, BenchError> {
        let case = CASES[0];
        self.server.play(&case);
        let visit = BenchRequest::of(&case);
        let contenders = self.plan.contenders.iter();
        let mut workers: Vec<(&Contender, Measured)> = contenders
            .filter(|contender| contender.directory.is_some())
            .map(|contender| (contender, Measured::of(&contender.name)))
            .collect();
        for round in 1..=self.plan.rounds {
            progress(Progress {
                case: COLD_START,
                round,
                rounds: self.plan.rounds,
            });
            let mut took: BTreeMap<String, f64> = BTreeMap::new();
            for _ in ["there", "back"] {
                for (contender, measured) in &mut workers {
                    if measured.failure.is_some() {
                        continue;
                    }
                    let start = self.cold(contender, &case, &visit, measured).await?;
                    let Some(start) = start else {
                        continue;
                    };
                    *took.entry(contender.name.clone()).or_default() += start / 2.0;
                }
                workers.reverse();
            }
            for (contender, measured) in &mut workers {
                if measured.failure.is_some() {
                    continue;
                }
                let rounds = measured.rounds.entry(Metric::Start).or_default();
                rounds.extend(took.get(&contender.name));
            }
        }
        let finished = workers.into_iter().map(|(_, mut measured)| {
            let starts = measured.rounds.get(&Metric::Start);
            let middle = starts.and_then(|starts| median(starts));
            measured
                .overall
                .extend(middle.map(|middle| (Metric::Start, middle)));
            measured
        });
        let measured: Vec<Measured> = finished.collect();
        Ok(CaseResult {
            name: COLD_START.to_owned(),
            title: "from the start of the process to the first response, a page of 1 KB".to_owned(),
            rate: None,
            ratios: ratios(&self.plan.contenders, &measured),
            measured,
        })
    }

    /// The same, again where the connection breaks. None where it could not be measured, which is noted.
    async fn cold(
        &self,
        contender: &Contender,
        case: &Case,
        visit: &BenchRequest,
        measured: &mut Measured,
    ) -> Result<Option<f64>, BenchError> {
        for attempt in 0.. {
            let first = self.first_response(contender, case, visit, measured);
            match first.await? {
                Ok(start) => return Ok(Some(start)),
                Err(error) if error.is_broken_connection() && attempt < ATTEMPTS => {
                    measured.retries += 1;
                }
                Err(error) => {
                    *measured = Measured::failed(&contender.name, &error);
                    break;
                }
            }
        }
        Ok(None)
    }

    /// Milliseconds to the first response of a fresh process. What else it showed is noted.
    async fn first_response(
        &self,
        contender: &Contender,
        case: &Case,
        visit: &BenchRequest,
        measured: &mut Measured,
    ) -> Result<Result<f64, VisitError>, BenchError> {
        let asked_before = self.server.asked();
        let worker = self.worker(contender, case);
        let start = Instant::now();
        let one = self.start(contender, worker).await?;
        let answered = Connection::open(one.address).await;
        let answered = match answered {
            Ok(mut connection) => connection.visit(visit).await,
            Err(error) => Err(error),
        };
        let answered = match answered {
            Ok(answered) => answered,
            Err(error) => return Ok(Err(error)),
        };
        measured.requests += 1;
        measured.asked = self.server.asked() - asked_before;
        measured.body_bytes = answered.bytes;
        measured.peak_memory_bytes = measured.peak_memory_bytes.max(one.peak_memory());
        if let Some(runtime) = one.runtime {
            runtime.stop().await;
        }
        Ok(Ok((answered.whole - start).as_secs_f64() * 1000.0))
    }
}
