//! Scenario files as tests, one a case, in the way `cargo test` and `cargo nextest` expect of a test binary.
//!
//! A test target without a harness of its own is all it takes:
//!
//! ```toml
//! [[test]]
//! name = "scenarios"
//! harness = false
//! ```
//!
//! ```no_run
//! // tests/scenarios.rs
//! fn main() -> std::process::ExitCode {
//!     edgeproof::cargo_test::main("scenarios")
//! }
//! ```
//!
//! Listing starts no process. A case asked for by its exact name loads one file only.

use std::{
    path::Path,
    process::ExitCode,
    sync::{Arc, OnceLock},
};

use edgeproof_browser::Engine;
use edgeproof_document::{LoadError, problem::TextStyle};
use edgeproof_rig::Environment;
use edgeproof_run::{
    execute::{AtEnd, ExecuteOptions, execute},
    expected::Expected,
    failure_text,
    record::Verdict,
    runner,
};
use edgeproof_scenario::load::{self, Case};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use tokio::runtime::Runtime;

use crate::lay_out_parts;

/// What all cases of a folder share.
struct Shared {
    /// The browser that they are run with once more; none for those as they stand.
    engine: Option<Engine>,
    /// What is known to fail. A list that cannot be read is reported by the tests that read every file.
    expected: Expected,
    /// Is told of every case at its end.
    at_end: Option<AtEnd>,
    /// Made when the first case runs.
    environment: OnceLock<Result<Arc<Environment>, String>>,
    runtime: OnceLock<Option<Runtime>>,
}

/// Runs the scenario files in `folder` as the tests that the command line asks for. A relative folder is seen from the
/// directory that the test runs in: its package's, with `cargo test`.
pub fn main(folder: impl AsRef<Path>) -> ExitCode {
    let arguments = Arguments::from_args();
    if let Err(error) = lay_out_parts() {
        let trials = vec![Trial::test("scenarios", move || {
            Err(Failed::from(error.to_string()))
        })];
        return libtest_mimic::run(&arguments, trials).exit_code();
    }
    let trials = trials(&arguments, folder.as_ref(), None, None);
    // Not `exit()`: it would leave the browsers running.
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The tests that [`main`] runs. With an engine they are those whose visitors have a browser, with this one; its name is the
/// beginning of theirs.
#[doc(hidden)]
pub fn trials(
    arguments: &Arguments,
    folder: &Path,
    engine: Option<Engine>,
    at_end: Option<AtEnd>,
) -> Vec<Trial> {
    let shared = Arc::new(Shared {
        engine,
        at_end,
        expected: Expected::beside(&[folder.to_owned()]).unwrap_or_default(),
        environment: OnceLock::new(),
        runtime: OnceLock::new(),
    });
    let files = match &arguments.filter {
        Some(name) if arguments.exact => {
            let name = name.strip_prefix(&shared.prefix());
            // Names begin with a folder of `scenarios`, which may be the only one that is meant.
            let above = engine.and_then(|_| folder.parent()).unwrap_or(folder);
            let file = name.and_then(|name| load::file_of(above, name));
            let file = file.filter(|file| file.starts_with(folder));
            file.map_or(Ok(Vec::new()), |file| Ok(vec![file]))
        }
        _ => load::find(&[folder.to_owned()]),
    };
    match files {
        Ok(files) => files
            .iter()
            .flat_map(|file| of_file(file, &shared))
            .collect(),
        Err(error) => vec![broken("scenarios", &error)],
    }
}

impl Shared {
    /// What the names of the tests begin with.
    fn prefix(&self) -> String {
        let engine = self.engine.map(Engine::name);
        engine.map_or(String::new(), |engine| format!("{engine}::"))
    }
}

fn of_file(file: &Path, shared: &Arc<Shared>) -> Vec<Trial> {
    let trial = |case: Case| {
        let shared = Arc::clone(shared);
        let name = format!("{}{}", shared.prefix(), case.name);
        Trial::ignorable_test(name, move || test(case, &shared))
    };
    // A scenario that names its browsers has been run with them.
    let is_meant = |case: &Case| match shared.engine {
        None => true,
        Some(engine) => case.scenario.engines(Engine::default()) != case.scenario.engines(engine),
    };
    match load::load_file(file) {
        Ok(cases) => cases.into_iter().filter(is_meant).map(trial).collect(),
        Err(error) => vec![broken(
            &format!("{}{}", shared.prefix(), load::name(file)),
            &error,
        )],
    }
}

/// A file that cannot be read is a test that fails and says why.
fn broken(name: &str, error: &LoadError) -> Trial {
    let mut text = format!("{error}\n");
    if let LoadError::Mistakes(mistakes) = error {
        text.extend(
            mistakes
                .iter()
                .map(|mistake| mistake.render(TextStyle::PLAIN)),
        );
    }
    Trial::test(name, move || Err(Failed::from(text)))
}

fn test(case: Case, shared: &Shared) -> Result<Completion, Failed> {
    let environment = shared
        .environment
        .get_or_init(|| {
            Environment::prepare(None)
                .map(|environment| environment.with_engine(shared.engine.unwrap_or_default()))
                .map(Arc::new)
                .map_err(|error| error.to_string())
        })
        .clone()?;
    let runtime = shared.runtime.get_or_init(|| Runtime::new().ok());
    let runtime = runtime.as_ref().ok_or("no runtime could be started")?;
    let engines = case.scenario.engines(environment.engine());
    let at_end = shared.at_end.clone();
    let record = runtime.block_on(runner::one(
        Arc::new(case),
        runner::DEFAULT_LIMIT,
        move |case: Arc<Case>| {
            let environment = Arc::clone(&environment);
            let options = ExecuteOptions {
                at_end: at_end.clone(),
                ..ExecuteOptions::within(runner::DEFAULT_LIMIT)
            };
            async move { execute(&case, &environment, options).await }
        },
    ));
    let record = shared.expected.judge(record, &engines);
    match record.verdict {
        Verdict::Passed => Ok(Completion::Completed),
        Verdict::Skipped(reason) => Ok(Completion::ignored_with(reason)),
        Verdict::Observed(_) => Ok(Completion::ignored_with("not met, and not required")),
        Verdict::KnownFailure { reason, link } => Ok(Completion::ignored_with(format!(
            "known failure: {reason} ({link})"
        ))),
        Verdict::Error(message) => Err(Failed::from(message)),
        Verdict::Failed(failures) => {
            let mut texts = failure_text::texts(&failures, TextStyle::PLAIN);
            texts.extend(failure_text::printed(&record.apps));
            Err(Failed::from(texts.join("\n")))
        }
    }
}
