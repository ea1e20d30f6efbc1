//! A run: every contender in every case, by turns.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use super::{
    BenchError,
    case::{CASES, Case},
    client::{Connection, VisitError},
    closed_loop,
    contender::{Contender, Size},
    machine::Machine,
    metric::Metric,
    open_loop,
    results::{CaseResult, FORMAT, Measured, Method, Results, ratios},
    server::{Asked, Server},
    turns::Turns,
    visitor::Visit,
};
use crate::{
    cloudflare::{Keys, expand},
    runtime::{Bundle, Runtime, WorkerConfig},
};

/// The name of what is measured without a load: how long a process takes to its first answer.
pub const COLD_START: &str = "cold_start";

/// The name under which a worker is deployed.
const WORKER: &str = "bench";

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who takes turns.
    pub contenders: Vec<Contender>,
    /// Which cases.
    pub cases: Vec<Case>,
    /// Whether cold starts are measured too.
    pub has_cold_start: bool,
    /// Rounds of each case, two turns of every contender in each. Two at least make an interval.
    pub rounds: u32,
    /// How long each worker is asked before anything counts: until code is compiled, and connections are open.
    pub warm_up: Duration,
    /// How long each turn keeps connections busy for a throughput.
    pub busy: Duration,
    /// By what the requests of a turn are divided, where latency is measured.
    pub arrivals_divisor: u32,
}

impl Plan {
    /// Everything, or the short set, as far as the name of a case contains `filter`.
    pub fn new(contenders: Vec<Contender>, is_short: bool, filter: Option<&str>) -> Self {
        let is_wanted = |name: &str| filter.is_none_or(|filter| name.contains(filter));
        // Who names a case of the full set wants that one.
        let is_in_set = |case: &Case| !is_short || case.is_short || filter == Some(case.name);
        Self {
            contenders,
            cases: CASES
                .into_iter()
                .filter(|case| is_in_set(case) && is_wanted(case.name))
                .collect(),
            has_cold_start: is_wanted(COLD_START),
            rounds: if is_short { 8 } else { 12 },
            warm_up: Duration::from_millis(300),
            busy: Duration::from_millis(if is_short { 100 } else { 250 }),
            arrivals_divisor: if is_short { 2 } else { 1 },
        }
    }

    /// Whether nothing would be measured.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty() && !self.has_cold_start
    }
}

/// Measures everything that is planned; `progress` hears what is under way. It blocks, with an async runtime of its own,
/// so it must not be called from one: a single thread carries the load, because threads that wake one another cost more
/// than they save on few cores.
///
/// # Errors
/// When a worker does not start or does not do what a case is about.
pub fn run(
    workerd: &Path,
    plan: &Plan,
    progress: &mut dyn FnMut(&str),
) -> Result<Results, BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(BenchError::Server)?;
    runtime.block_on(measured(workerd, plan, progress))
}

async fn measured(
    workerd: &Path,
    plan: &Plan,
    progress: &mut dyn FnMut(&str),
) -> Result<Results, BenchError> {
    let machine = Machine::here(workerd);
    let bench = Bench {
        workerd,
        server: Server::start().map_err(BenchError::Server)?,
        plan,
    };
    let mut cases = Vec::new();
    for case in &plan.cases {
        cases.push(bench.case(case, progress).await?);
    }
    if plan.has_cold_start {
        cases.push(bench.cold_start(progress).await?);
    }
    Ok(Results {
        format: FORMAT,
        edgeproof: env!("CARGO_PKG_VERSION").to_owned(),
        method: Method::new(plan.rounds, plan.busy),
        machine,
        contenders: sized(&plan.contenders)?,
        cases,
    })
}

/// The contenders with their sizes.
fn sized(contenders: &[Contender]) -> Result<Vec<Contender>, BenchError> {
    let size = |contender: &Contender| {
        let mut contender = contender.clone();
        if let Some(directory) = &contender.directory {
            let size = Size::of(&Bundle::read(directory)?);
            contender.size = Some(size.map_err(|source| BenchError::Size {
                path: directory.clone(),
                source,
            })?);
        }
        Ok(contender)
    };
    contenders.iter().map(size).collect()
}

struct Bench<'a> {
    workerd: &'a Path,
    server: Server,
    plan: &'a Plan,
}

/// A contender that is up, and what it has shown.
struct Running<'a> {
    contender: &'a Contender,
    runtime: Option<Runtime>,
    address: SocketAddr,
    asked: Asked,
    body_bytes: u64,
    turns: Turns,
}

impl Bench<'_> {
    async fn case(
        &self,
        case: &Case,
        progress: &mut dyn FnMut(&str),
    ) -> Result<CaseResult, BenchError> {
        progress(case.name);
        self.server.play(case);
        let visit = Visit::of(case);
        let mut running = Vec::new();
        for contender in &self.plan.contenders {
            let mut one = self.start(contender, case).await?;
            self.rehearse(&mut one, &visit)
                .await
                .map_err(failed(contender, case.name))?;
            running.push(one);
        }
        for round in 0..self.plan.rounds {
            progress(&format!(
                "{}: round {} of {}",
                case.name,
                round + 1,
                self.plan.rounds
            ));
            for seed in [2 * round, 2 * round + 1] {
                for one in &mut running {
                    self.turn(one, case, &visit, seed.into())
                        .await
                        .map_err(failed(one.contender, case.name))?;
                }
                // There, and back: what grows or shrinks steadily meanwhile cancels out.
                running.reverse();
            }
            running.iter_mut().for_each(|one| one.turns.end_round());
        }
        let mut measured = Vec::new();
        for one in running {
            measured.push(one.end().await);
        }
        Ok(CaseResult {
            name: case.name.to_owned(),
            title: case.title.to_owned(),
            rate: Some(case.rate),
            ratios: ratios(&self.plan.contenders, &measured),
            measured,
        })
    }

    /// Starts a worker with what is deployed in the case; the origin runs already.
    async fn start<'c>(
        &self,
        contender: &'c Contender,
        case: &Case,
    ) -> Result<Running<'c>, BenchError> {
        let runtime = match &contender.directory {
            Some(directory) => {
                let worker = WorkerConfig {
                    name: WORKER.to_owned(),
                    bundle: Bundle::read(directory)?,
                    variables: variables(case),
                    internet: self.server.address(),
                };
                let started = Runtime::start(self.workerd, &[worker]).await;
                Some(started.map_err(|source| BenchError::Runtime {
                    contender: contender.name.clone(),
                    source,
                })?)
            }
            None => None,
        };
        let address = runtime.as_ref().and_then(|runtime| runtime.address(WORKER));
        Ok(Running {
            contender,
            address: address.unwrap_or(self.server.address()),
            runtime,
            asked: Asked::default(),
            body_bytes: 0,
            turns: Turns::default(),
        })
    }

    /// Warms it up, and notes what one request makes it do.
    async fn rehearse(&self, one: &mut Running<'_>, visit: &Visit) -> Result<(), VisitError> {
        let mut connection = Connection::open(one.address).await?;
        let before = self.server.asked();
        let start = Instant::now();
        let mut visits = 0;
        while visits == 0 || start.elapsed() < self.plan.warm_up {
            one.body_bytes = connection.visit(visit).await?.bytes;
            visits += 1;
        }
        one.asked = (self.server.asked() - before).of_each(visits);
        Ok(())
    }

    async fn turn(
        &self,
        one: &mut Running<'_>,
        case: &Case,
        visit: &Visit,
        seed: u64,
    ) -> Result<(), VisitError> {
        let arrivals = (case.arrivals / self.plan.arrivals_divisor).max(1);
        let schedule = open_loop::schedule(arrivals, case.rate, seed);
        one.turns
            .add_samples(open_loop::run(one.address, visit, schedule).await?);
        let process = one.runtime.as_ref().and_then(Runtime::process_id);
        for (metric, connections) in Metric::THROUGHPUT {
            let work =
                closed_loop::run(one.address, visit, connections, self.plan.busy, process).await?;
            one.turns.add_work(metric, work);
        }
        Ok(())
    }

    /// From the start of a process to its first whole answer. Nothing else runs meanwhile.
    async fn cold_start(&self, progress: &mut dyn FnMut(&str)) -> Result<CaseResult, BenchError> {
        let case = CASES[0];
        self.server.play(&case);
        let visit = Visit::of(&case);
        let mut workers: Vec<(&Contender, Measured)> = self
            .plan
            .contenders
            .iter()
            .filter(|contender| contender.directory.is_some())
            .map(|contender| (contender, Measured::of(&contender.name)))
            .collect();
        for round in 0..self.plan.rounds {
            progress(&format!(
                "{COLD_START}: round {} of {}",
                round + 1,
                self.plan.rounds
            ));
            let mut took: BTreeMap<String, f64> = BTreeMap::new();
            for _ in ["there", "back"] {
                for (contender, measured) in &mut workers {
                    let (start, peak) = self
                        .first_answer(contender, &case, &visit, measured)
                        .await?;
                    measured.peak_memory_bytes = measured.peak_memory_bytes.max(peak);
                    *took.entry(contender.name.clone()).or_default() += start / 2.0;
                }
                workers.reverse();
            }
            for (contender, measured) in &mut workers {
                let rounds = measured.rounds.entry(Metric::Start).or_default();
                rounds.extend(took.get(&contender.name));
            }
        }
        let finished = workers.into_iter().map(|(_, mut measured)| {
            let medians = measured.rounds.iter();
            measured.overall = medians
                .filter_map(|(metric, values)| Some((*metric, super::statistics::median(values)?)))
                .collect();
            measured
        });
        let measured: Vec<Measured> = finished.collect();
        Ok(CaseResult {
            name: COLD_START.to_owned(),
            title: "from the start of the process to the first answer, a page of 1 KB".to_owned(),
            rate: None,
            ratios: ratios(&self.plan.contenders, &measured),
            measured,
        })
    }

    /// Milliseconds to the first answer of a fresh process, and the memory it had taken by then.
    async fn first_answer(
        &self,
        contender: &Contender,
        case: &Case,
        visit: &Visit,
        measured: &mut Measured,
    ) -> Result<(f64, Option<u64>), BenchError> {
        let before = self.server.asked();
        let start = Instant::now();
        let one = self.start(contender, case).await?;
        let answered = async { Connection::open(one.address).await?.visit(visit).await };
        let answered = answered.await.map_err(failed(contender, COLD_START))?;
        let took = (answered.whole - start).as_secs_f64() * 1000.0;
        measured.requests += 1;
        measured.asked = self.server.asked() - before;
        measured.body_bytes = answered.bytes;
        let peak = one.peak_memory();
        if let Some(runtime) = one.runtime {
            runtime.stop().await;
        }
        Ok((took, peak))
    }
}

impl Running<'_> {
    fn peak_memory(&self) -> Option<u64> {
        let process = self.runtime.as_ref().and_then(Runtime::process_id)?;
        super::process::peak_memory(process)
    }

    async fn end(self) -> Measured {
        let peak_memory_bytes = self.peak_memory();
        if let Some(runtime) = self.runtime {
            runtime.stop().await;
        }
        Measured {
            requests: self.turns.requests(),
            asked: self.asked,
            body_bytes: self.body_bytes,
            overall: self.turns.overall(),
            late_p99_ms: self.turns.late_p99_ms(),
            rounds: self.turns.into_rounds(),
            peak_memory_bytes,
            ..Measured::of(&self.contender.name)
        }
    }
}

/// What Cloudflare would store for the deployment of a case.
fn variables(case: &Case) -> BTreeMap<String, String> {
    let keys = Keys {
        public: "public",
        secret: "secret",
    };
    expand(WORKER, &case.deployment(), keys, Some("rs_bench")).variables
}

fn failed(contender: &Contender, case: &str) -> impl FnOnce(VisitError) -> BenchError {
    let (contender, case) = (contender.name.clone(), case.to_owned());
    move |source| BenchError::Visit {
        contender,
        case,
        source,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(false, None, CASES.len(), true)]
    #[case(true, Some("page_"), 1, false)]
    #[case(false, Some("page_"), 4, false)]
    #[case(true, Some("page_10_mb"), 1, false)]
    #[case(true, Some("cold"), 0, true)]
    #[case(false, Some("none"), 0, false)]
    fn a_filter_selects_by_name(
        #[case] is_short: bool,
        #[case] filter: Option<&str>,
        #[case] cases: usize,
        #[case] has_cold_start: bool,
    ) {
        let plan = Plan::new(Vec::new(), is_short, filter);
        assert_eq!(
            (plan.cases.len(), plan.has_cold_start),
            (cases, has_cold_start)
        );
        assert_eq!(plan.is_empty(), cases == 0 && !has_cold_start);
    }

    #[test]
    fn the_platform_and_the_node_are_deployed_with_the_cases_that_need_them() {
        let case = |name| CASES.into_iter().find(|case| case.name == name).unwrap();
        assert!(!variables(&case("page_1_kb")).contains_key("WALLARM_NODE"));
        let variables = variables(&case("everything"));
        assert_eq!(variables["WALLARM_MODE"], "inline");
        assert_eq!(variables["FP_RULESET_ID"], "rs_bench");
    }
}
