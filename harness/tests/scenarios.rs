//! Every scenario file as tests, one a case, in the way `cargo test` and `cargo nextest` expect of a test binary.
//!
//! Listing starts no process. A case asked for by its exact name loads one file only.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, LazyLock, OnceLock},
};

use edgeproof::{
    report::failure,
    rig::{Environment, EnvironmentError},
    run::{execute::execute, expected::Expected, record::Verdict, runner},
    scenario::{
        load::{self, Case, LoadError},
        problem::Look,
    },
};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

/// Shared by all cases of this process; made when the first one runs.
static ENVIRONMENT: OnceLock<Result<Arc<Environment>, String>> = OnceLock::new();

/// What is known to fail. A list that cannot be read is reported by the test that reads every file.
static EXPECTED: LazyLock<Expected> =
    LazyLock::new(|| Expected::beside(&[folder()]).unwrap_or_default());

static RUNTIME: LazyLock<Option<Runtime>> = LazyLock::new(|| Runtime::new().ok());

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // Scenarios name workers relative to where the command is started: the root of the repository.
    if let Err(error) = std::env::set_current_dir(edgeproof::tools::home()) {
        let trial = Trial::test("scenarios", move || Err(Failed::from(error)));
        return libtest_mimic::run(&arguments, vec![trial]).exit_code();
    }
    let trials = trials(&arguments);
    // Not `exit()`: it would leave the browsers running.
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials(arguments: &Arguments) -> Vec<Trial> {
    let mut trials = of_files(arguments);
    trials.push(Trial::test(PROTOCOL, protocol));
    trials
}

fn of_files(arguments: &Arguments) -> Vec<Trial> {
    let folder = folder();
    let files = match &arguments.filter {
        Some(name) if arguments.exact => {
            load::file_of(&folder, name).map_or(Ok(Vec::new()), |file| Ok(vec![file]))
        }
        _ => load::find(&[folder]),
    };
    match files {
        Ok(files) => files.iter().flat_map(|file| of_file(file)).collect(),
        Err(error) => vec![broken("scenarios", &error)],
    }
}

fn folder() -> PathBuf {
    PathBuf::from("scenarios")
}

fn of_file(file: &Path) -> Vec<Trial> {
    match load::load_file(file) {
        Ok(cases) => cases
            .into_iter()
            .map(|case| Trial::ignorable_test(case.name.clone(), move || test(case)))
            .collect(),
        Err(error) => vec![broken(&load::name(file), &error)],
    }
}

/// A file that cannot be read is a test that fails and says why.
fn broken(name: &str, error: &LoadError) -> Trial {
    let mut text = format!("{error}\n");
    if let LoadError::Mistakes(mistakes) = error {
        text.extend(mistakes.iter().map(|mistake| mistake.render(Look::PLAIN)));
    }
    Trial::test(name, move || Err(Failed::from(text)))
}

fn test(case: Case) -> Result<libtest_mimic::Completion, Failed> {
    let environment = ENVIRONMENT
        .get_or_init(|| {
            Environment::prepare(None)
                .map(Arc::new)
                .map_err(|error: EnvironmentError| error.to_string())
        })
        .clone()?;
    let runtime = RUNTIME.as_ref().ok_or("no runtime could be started")?;
    let record = EXPECTED.judge(runtime.block_on(runner::one(
        Arc::new(case),
        runner::DEFAULT_LIMIT,
        move |case: Arc<Case>| {
            let environment = Arc::clone(&environment);
            async move { execute(&case, &environment, None).await }
        },
    )));
    match record.verdict {
        Verdict::Passed => Ok(libtest_mimic::Completion::Completed),
        Verdict::Skipped(reason) => Ok(libtest_mimic::Completion::ignored_with(reason)),
        Verdict::Observed(_) => Ok(libtest_mimic::Completion::ignored_with(
            "it did not hold, and need not",
        )),
        Verdict::KnownFailure { reason, link } => Ok(libtest_mimic::Completion::ignored_with(
            format!("known failure: {reason} ({link})"),
        )),
        Verdict::Error(message) => Err(Failed::from(message)),
        Verdict::Failed(failures) => {
            let mut texts = failure::texts(&failures, Look::PLAIN);
            texts.extend(failure::printed(&record.apps));
            Err(Failed::from(texts.join("\n")))
        }
    }
}

/// The name of the test of this binary's own manners.
const PROTOCOL: &str = "this_binary_answers_as_nextest_asks";

/// nextest lists with `--list --format terse`, once more with `--ignored`, and runs each test in a process of its own
/// with `NAME --exact --nocapture`.
fn protocol() -> Result<(), Failed> {
    let list = ask(&["--list", "--format", "terse"])?;
    let names: Vec<&str> = list
        .lines()
        .map(|line| line.strip_suffix(": test").ok_or(line))
        .collect::<Result<_, _>>()
        .map_err(|line| format!("`{line}` is no line of a list"))?;
    let cases = load::load(&load::find(&[folder()])?)?;
    if names.len() != cases.len() + 1 {
        return Err(format!("{} names, {} cases", names.len(), cases.len()).into());
    }
    if let Some(case) = cases
        .iter()
        .find(|case| !names.contains(&case.name.as_str()))
    {
        return Err(format!("`{}` is not listed", case.name).into());
    }
    let ignored = ask(&["--list", "--format", "terse", "--ignored"])?;
    if !ignored.is_empty() {
        return Err(format!("nothing is marked as ignored, and this is listed:\n{ignored}").into());
    }
    // A name that is the beginning of others: only the test of exactly that name is run.
    let name = "routes::same_zone";
    let run = ask(&[name, "--exact", "--nocapture"])?;
    if !run.contains("running 1 test") || !run.contains("1 passed") {
        return Err(format!("`{name}` alone was to run:\n{run}").into());
    }
    Ok(())
}

/// What this binary writes when it is called with these arguments.
fn ask(arguments: &[&str]) -> Result<String, Failed> {
    let output = std::process::Command::new(std::env::current_exe()?)
        .args(arguments)
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    if output.status.success() {
        Ok(text)
    } else {
        Err(format!("{arguments:?} ended with {}:\n{text}", output.status).into())
    }
}
