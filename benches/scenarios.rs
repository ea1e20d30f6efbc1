//! What people wait for who run scenarios: the start of a rig, one scenario over HTTP as a whole process, many of them
//! side by side, and one in a browser that runs already.
//!
//! Each is a matter of many milliseconds and several processes, so criterion would tell a mean of what the scheduler did;
//! what is told is the median, with the fastest and the slowest beside it. `cargo bench --bench scenarios -- browser`
//! measures those whose name contains `browser`.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "what a bench measured is what it prints, and one that cannot go on has failed"
)]

use std::{
    env,
    ffi::OsString,
    process::{Command, ExitCode},
    sync::Arc,
    time::{Duration, Instant},
};

use edgeproof::cli::{self, Context, Credentials};
use edgeproof_bench::median;
use edgeproof_ground::tools;
use edgeproof_rig::{Environment, Rig};
use edgeproof_run::{
    execute::{ExecuteOptions, execute},
    record::Verdict,
    runner::{self, DEFAULT_LIMIT, RunOptions},
};
use edgeproof_scenario::load::{self, Case};
use tokio::runtime::Runtime;

/// A protected call that is refused: every part of a rig but the browser has its share.
const HTTP: &str = "scenarios/flow/no_signals_fail_closed.yaml";

/// A visitor who signs up in a private window.
const BROWSER: &str = "scenarios/flow/incognito_is_blocked.yaml";

/// How many scenarios run side by side, where their number a second is measured.
const MANY: usize = 60;

/// How many at a time on 2 cores, as `edgeproof run` has it.
const JOBS: usize = 4;

fn main() -> ExitCode {
    // A whole process is measured with this program in the place of `edgeproof`.
    let arguments: Vec<OsString> = env::args_os().collect();
    let runtime = Runtime::new().unwrap();
    if arguments.get(1).is_some_and(|command| command == "run") {
        return ExitCode::from(runtime.block_on(cli::main(&context(arguments))));
    }
    // The scenarios are named as seen from the root of the repository.
    env::set_current_dir(tools::home()).unwrap();
    let environment = Environment::prepare(None).unwrap();
    let is_wanted = |name: &str| {
        let mut filters = arguments[1..]
            .iter()
            .filter_map(|argument| argument.to_str())
            .filter(|argument| !argument.starts_with('-'))
            .peekable();
        filters.peek().is_none() || filters.any(|filter| name.contains(filter))
    };
    println!("ms, after one that does not count    median  fastest  slowest  expected");
    let tell = |name: &str, expected: f64, times: u32, measure: &dyn Fn() -> Duration| {
        if is_wanted(name) {
            measure();
            let mut took: Vec<f64> = (0..times)
                .map(|_| measure().as_secs_f64() * 1000.0)
                .collect();
            took.sort_by(f64::total_cmp);
            let (middle, last) = (median(&took).unwrap(), took[took.len() - 1]);
            println!(
                "{name:<35} {middle:>8.1} {:>8.1} {last:>8.1}  <= {expected}",
                took[0]
            );
        }
    };
    tell("start of a rig without browser", 80.0, 40, &|| {
        runtime.block_on(rig_start(&environment))
    });
    tell("one HTTP scenario, whole process", 200.0, 20, &process);
    tell("an HTTP scenario among many", 50.0, 5, &|| {
        runtime.block_on(many(&environment))
    });
    tell("one scenario in a warm browser", 1000.0, 15, &|| {
        runtime.block_on(passed(&one(BROWSER), &environment))
    });
    ExitCode::SUCCESS
}

/// What `edgeproof` knows of its surroundings where nobody watches.
fn context(arguments: Vec<OsString>) -> Context {
    Context {
        arguments,
        width: 100,
        interactive: false,
        responses: false,
        credentials: Credentials::of_environment(|_| None),
    }
}

fn one(file: &str) -> Case {
    load::load_file(file.as_ref()).unwrap().swap_remove(0)
}

/// From the description to a rig that takes requests. That it stops is not counted.
async fn rig_start(environment: &Environment) -> Duration {
    let given = one(HTTP).scenario.given;
    let start = Instant::now();
    let rig = Rig::start(environment, given).await.unwrap();
    let took = start.elapsed();
    rig.stop().await;
    took
}

/// `edgeproof run` of one scenario, from the start of its process to its end.
fn process() -> Duration {
    let start = Instant::now();
    let mut edgeproof = Command::new(env::current_exe().unwrap());
    let output = edgeproof.args(["run", HTTP]).output().unwrap();
    let took = start.elapsed();
    assert!(output.status.success(), "{output:?}");
    took
}

/// What each of many scenarios takes that run side by side.
async fn many(environment: &Environment) -> Duration {
    let options = RunOptions {
        jobs: JOBS,
        fail_fast: false,
        retries: 0,
        limit: DEFAULT_LIMIT,
    };
    let environment = environment.clone();
    let start = Instant::now();
    let summary = runner::run(
        vec![one(HTTP); MANY],
        options,
        move |case: Arc<Case>| {
            let environment = environment.clone();
            async move { execute(&case, &environment, ExecuteOptions::within(DEFAULT_LIMIT)).await }
        },
        |_| {},
    );
    assert_eq!(summary.await.passed, MANY);
    start.elapsed() / u32::try_from(MANY).unwrap()
}

/// A scenario from the start of its rig to its verdict.
async fn passed(case: &Case, environment: &Environment) -> Duration {
    let start = Instant::now();
    let record = execute(case, environment, ExecuteOptions::within(DEFAULT_LIMIT)).await;
    assert!(matches!(record.verdict, Verdict::Passed), "{record:?}");
    start.elapsed()
}
