//! A run: every contender in every case, by turns.

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use edgeproof_deployment::{Keys, expand};
use edgeproof_runtime::{Project, Runtime, WorkerConfig, WorkerOptions};

use super::{
    BenchError,
    case::Case,
    client::{Connection, VisitError},
    closed_loop,
    contender::{Contender, Size},
    machine::Machine,
    metric::Metric,
    open_loop,
    plan::{FEWEST_ROUNDS, LONGEST_WARM_UP, Plan},
    results::{CaseResult, FORMAT, Measured, Method, Results, ratios},
    server::{RequestCounts, Server},
    statistics::median,
    turns::Turns,
    visitor::BenchRequest,
};

/// Requests to a warm worker that show how long one takes.
const SHOWN: usize = 5;

/// What is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress<'a> {
    /// The name of the case.
    pub case: &'a str,
    /// Its round, from 1.
    pub round: u32,
    /// Its rounds at most.
    pub rounds: u32,
}

impl fmt::Display for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: round {} of {}", self.case, self.round, self.rounds)
    }
}

/// The name under which a worker is deployed.
const WORKER: &str = "bench";

/// Measures everything that is planned; `progress` hears what is under way. It blocks, with an async runtime of its own,
/// so it must not be called from one: a single thread carries the load, because threads that wake one another cost more
/// than they save on few cores.
///
/// # Errors
/// When a worker does not start or does not do what a case is about.
pub fn run(
    workerd: &Path,
    plan: &Plan,
    progress: &mut dyn FnMut(Progress<'_>),
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
    progress: &mut dyn FnMut(Progress<'_>),
) -> Result<Results, BenchError> {
    let machine = Machine::here(workerd);
    let bench = Bench {
        workerd,
        server: Server::start().map_err(BenchError::Server)?,
        projects: projects(&plan.contenders)?,
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
        contenders: bench.sized()?,
        cases,
    })
}

/// The worker of each contender that has one, in any form that a run takes, by the contender's name.
fn projects(contenders: &[Contender]) -> Result<BTreeMap<String, Project>, BenchError> {
    let project = |contender: &Contender| {
        let path = contender.directory.as_ref()?;
        let project = Project::read(path).and_then(|project| project.complete(false));
        Some(project.map(|project| (contender.name.clone(), project)))
    };
    let projects: Result<_, _> = contenders.iter().filter_map(project).collect();
    Ok(projects?)
}

/// What a run works with.
pub(super) struct Bench<'a> {
    workerd: &'a Path,
    pub(super) server: Server,
    projects: BTreeMap<String, Project>,
    pub(super) plan: &'a Plan,
}

/// A contender that is up, and what it has shown.
pub(super) struct Running<'a> {
    contender: &'a Contender,
    pub(super) runtime: Option<Runtime>,
    pub(super) address: SocketAddr,
    asked: RequestCounts,
    body_bytes: u64,
    turns: Turns,
    retries: u64,
    failure: Option<VisitError>,
    /// The most memory that a process of it took which runs no more.
    peak_memory_bytes: Option<u64>,
}

/// What a worker that is warm has shown.
struct Shown {
    /// How long one request takes.
    took: Duration,
    /// What one makes it do.
    asked: RequestCounts,
    body_bytes: u64,
}

impl Bench<'_> {
    /// The contenders with their sizes.
    fn sized(&self) -> Result<Vec<Contender>, BenchError> {
        let size = |contender: &Contender| {
            let mut contender = contender.clone();
            if let Some(project) = self.projects.get(&contender.name) {
                let path = || contender.directory.clone().unwrap_or_default();
                let size = Size::of(&project.bundle);
                let size = size.map_err(|source| BenchError::Size {
                    path: path(),
                    source,
                })?;
                contender.size = Some(size);
            }
            Ok(contender)
        };
        self.plan.contenders.iter().map(size).collect()
    }

    async fn case(
        &self,
        case: &Case,
        progress: &mut dyn FnMut(Progress<'_>),
    ) -> Result<CaseResult, BenchError> {
        self.server.play(case);
        let visit = BenchRequest::of(case);
        let began = Instant::now();
        let mut running = Vec::new();
        let mut busy = Duration::ZERO;
        for contender in &self.plan.contenders {
            let mut one = self.start(contender, self.worker(contender, case)).await?;
            match self.rehearse(&mut one, &visit).await {
                // While the platform or the origin takes its time, the worker can do something else.
                Ok(took) => busy = busy.max(took.saturating_sub(case.pause)),
                Err(error) => one.failure = Some(error),
            }
            running.push(one);
        }
        let rate = open_loop::bearable_rate(busy);
        for round in 0..self.plan.rounds {
            if round >= FEWEST_ROUNDS && began.elapsed() > self.plan.budget {
                break;
            }
            progress(Progress {
                case: case.name,
                round: round + 1,
                rounds: self.plan.rounds,
            });
            if round > 0 {
                for one in running.iter_mut().filter(|one| one.failure.is_none()) {
                    self.renew(one, case, &visit).await?;
                }
            }
            for seed in [2 * round, 2 * round + 1] {
                for one in running.iter_mut().filter(|one| one.failure.is_none()) {
                    one.failure = self.turn(one, rate, &visit, seed.into()).await.err();
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
            rate: Some(rate),
            ratios: ratios(&self.plan.contenders, &measured),
            measured,
        })
    }

    /// A worker with what is deployed in the case, which wins over what its project says; none for the origin, which runs
    /// already.
    pub(super) fn worker(&self, contender: &Contender, case: &Case) -> Option<WorkerConfig> {
        let mut project = self.projects.get(&contender.name)?.clone();
        let Variables { texts, json } = expanded(case);
        for name in texts.keys().chain(json.keys()) {
            project.take_away(name);
        }
        project.variables.extend(texts);
        project.options.json_variables.extend(json);
        Some(WorkerConfig {
            name: WORKER.to_owned(),
            bundle: project.bundle,
            variables: project.variables,
            options: WorkerOptions {
                // No cache is in front of what is measured.
                has_cache: false,
                ..project.options
            },
            internet: self.server.address(),
        })
    }

    /// Starts the worker of a contender.
    pub(super) async fn start<'c>(
        &self,
        contender: &'c Contender,
        worker: Option<WorkerConfig>,
    ) -> Result<Running<'c>, BenchError> {
        let runtime = match worker {
            Some(worker) => {
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
            asked: RequestCounts::default(),
            body_bytes: 0,
            turns: Turns::default(),
            retries: 0,
            failure: None,
            peak_memory_bytes: None,
        })
    }

    /// A fresh process in place of the one that runs, warm as that was. Two processes of the same code differ by some percent
    /// for as long as they run, and an interval that is to hold them all is made of many.
    async fn renew(
        &self,
        one: &mut Running<'_>,
        case: &Case,
        visit: &BenchRequest,
    ) -> Result<(), BenchError> {
        if one.runtime.is_none() {
            return Ok(());
        }
        one.stop().await;
        let fresh = self.start(one.contender, self.worker(one.contender, case));
        let fresh = fresh.await?;
        one.runtime = fresh.runtime;
        one.address = fresh.address;
        one.failure = self.rehearse(one, visit).await.err();
        Ok(())
    }

    /// Warms it up, notes what one request makes it do, and says how long one takes.
    async fn rehearse(
        &self,
        one: &mut Running<'_>,
        visit: &BenchRequest,
    ) -> Result<Duration, VisitError> {
        let address = one.address;
        let warm_up = async || self.warm_up(address, visit).await;
        let shown = anew(&mut one.retries, warm_up).await?;
        one.asked = shown.asked;
        one.body_bytes = shown.body_bytes;
        Ok(shown.took)
    }

    async fn warm_up(
        &self,
        address: SocketAddr,
        visit: &BenchRequest,
    ) -> Result<Shown, VisitError> {
        let before = self.server.asked();
        let (requests, longest) = (self.plan.warm_up, LONGEST_WARM_UP);
        let warming = closed_loop::warm_up(address, visit, requests, longest).await?;
        let mut connection = Connection::open(address).await?;
        let (mut took, mut body_bytes) = (Vec::new(), 0);
        while took.len() < SHOWN {
            let sent = Instant::now();
            body_bytes = connection.visit(visit).await?.bytes;
            took.push(sent.elapsed().as_secs_f64());
        }
        Ok(Shown {
            took: Duration::from_secs_f64(median(&took).unwrap_or_default()),
            asked: (self.server.asked() - before).of_each(warming + took.len() as u64),
            body_bytes,
        })
    }

    /// One turn. What a broken connection has cut is measured anew, a few times.
    async fn turn(
        &self,
        one: &mut Running<'_>,
        rate: u32,
        visit: &BenchRequest,
        seed: u64,
    ) -> Result<(), VisitError> {
        let address = one.address;
        let samples = async || {
            let schedule = open_loop::schedule(self.plan.arrivals(rate), rate, seed);
            open_loop::run(address, visit, schedule).await
        };
        let samples = anew(&mut one.retries, samples).await?;
        one.turns.add_samples(samples);
        let process = one.runtime.as_ref().and_then(Runtime::process_id);
        for (metric, connections) in Metric::THROUGHPUT {
            let busy = self.plan.busy;
            let work = async || closed_loop::run(address, visit, connections, busy, process).await;
            let work = anew(&mut one.retries, work).await?;
            one.turns.add_work(metric, work);
        }
        Ok(())
    }
}

impl Running<'_> {
    pub(super) fn peak_memory(&self) -> Option<u64> {
        let process = self.runtime.as_ref().and_then(Runtime::process_id)?;
        super::process::peak_memory(process)
    }

    /// Stops its process, and keeps how much memory that took.
    async fn stop(&mut self) {
        self.peak_memory_bytes = self.peak_memory_bytes.max(self.peak_memory());
        if let Some(runtime) = self.runtime.take() {
            runtime.stop().await;
        }
    }

    async fn end(mut self) -> Measured {
        self.stop().await;
        if let Some(error) = &self.failure {
            return Measured::failed(&self.contender.name, error);
        }
        Measured {
            requests: self.turns.requests(),
            asked: self.asked,
            body_bytes: self.body_bytes,
            overall: self.turns.overall(),
            late_p99_ms: self.turns.late_p99_ms(),
            rounds: self.turns.into_rounds(),
            peak_memory_bytes: self.peak_memory_bytes,
            retries: self.retries,
            ..Measured::of(&self.contender.name)
        }
    }
}

/// What Cloudflare would store for the deployment of a case.
fn expanded(case: &Case) -> Variables {
    let keys = Keys {
        public: "public",
        secret: "secret",
    };
    let expansion = expand(WORKER, &case.deployment(), keys, Some("rs_bench"));
    let variables = expansion.variables.into_iter();
    let (json, texts) = variables.partition(|(name, _)| expansion.json.contains(name));
    Variables { texts, json }
}

/// The variables of a worker, by their types.
struct Variables {
    texts: BTreeMap<String, String>,
    json: BTreeMap<String, String>,
}

/// Attempts after the first, where a connection breaks.
pub(super) const ATTEMPTS: u32 = 3;

/// Measures, and again where a connection breaks; how often that was is counted.
pub(super) async fn anew<T>(
    retries: &mut u64,
    measure: impl AsyncFn() -> Result<T, VisitError>,
) -> Result<T, VisitError> {
    for _ in 0..ATTEMPTS {
        match measure().await {
            Err(error) if error.is_broken_connection() => *retries += 1,
            measured => return measured,
        }
    }
    measure().await
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::tools::{self, Tool};

    use super::*;
    use crate::{case::CASES, contender::Role};

    #[test]
    fn a_worker_is_measured_in_any_form_that_a_run_takes() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text);
        write(
            "wrangler.json",
            r#"{"main": "index.ts", "vars": {"TEXT": "a"}}"#,
        )
        .unwrap();
        let script =
            "const reply: string = ''; export default { fetch: () => new Response(reply) }";
        write("index.ts", script).unwrap();
        let contender =
            |name: &str| Contender::worker(name, Role::UnderTest, &folder.path().join(name));
        let all = [
            Contender::origin(),
            contender("wrangler.json"),
            contender("index.ts"),
        ];
        let projects = projects(&all).unwrap();
        assert!(projects.keys().eq(["index.ts", "wrangler.json"]));
        assert_eq!(projects["wrangler.json"].variables["TEXT"], "a");
    }

    #[tokio::test]
    async fn each_round_has_a_process_of_its_own_that_is_warm() {
        let workerd = tools::find(Tool::Workerd).unwrap();
        let worker = tools::home().join("fixtures/workers/pass-through");
        let contender = Contender::worker("a", Role::UnderTest, &worker);
        let plan = Plan {
            warm_up: 100,
            ..Plan::new(vec![contender], true, Some("page_1_kb"))
        };
        let bench = Bench {
            workerd: &workerd,
            server: Server::start().unwrap(),
            projects: projects(&plan.contenders).unwrap(),
            plan: &plan,
        };
        let case = CASES[0];
        bench.server.play(&case);
        let (contender, visit) = (&plan.contenders[0], BenchRequest::of(&case));
        let started = bench.start(contender, bench.worker(contender, &case));
        let mut one = started.await.unwrap();
        let process = |one: &Running<'_>| one.runtime.as_ref().and_then(Runtime::process_id);
        let first = process(&one);
        let before = bench.server.asked().origin;
        bench.renew(&mut one, &case, &visit).await.unwrap();
        assert!(bench.server.asked().origin >= before + plan.warm_up);
        assert!(one.failure.is_none());
        assert!(process(&one).is_some());
        assert_ne!(process(&one), first);
        assert_eq!(one.asked.origin, 1);
        one.stop().await;
    }

    #[test]
    fn the_platform_and_the_node_are_deployed_with_the_cases_that_need_them() {
        let case = |name| CASES.into_iter().find(|case| case.name == name).unwrap();
        assert!(
            !expanded(&case("page_1_kb"))
                .texts
                .contains_key("WALLARM_NODE")
        );
        let variables = expanded(&case("everything")).texts;
        assert_eq!(variables["WALLARM_MODE"], "inline");
        assert_eq!(variables["FP_RULESET_ID"], "rs_bench");
        assert_eq!(variables["FP_TIMEOUT_MS"], variables["WALLARM_TIMEOUT_MS"]);
    }
}
