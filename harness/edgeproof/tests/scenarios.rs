//! Every scenario file of this repository as tests, and the manners of such a test binary. Whatever the platform records
//! meanwhile is held against the published schema of events.

use std::{
    path::Path,
    process::ExitCode,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use edgeproof::{Engine, cargo_test};
use edgeproof_run::execute::AtEnd;
use edgeproof_scenario::load;
use edgeproof_test_support::server_api::not_as_published;
use libtest_mimic::{Arguments, Failed, Trial};

const FOLDER: &str = "scenarios";

/// What is about the page, and so about its browser.
const WITH_FIREFOX: [&str; 3] = [
    "scenarios/flow",
    "scenarios/instrumentation",
    "scenarios/pages",
];

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test binary says what came of it"
)]
fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    // The tests are named and shown as seen from the root of the repository.
    if let Err(error) = std::env::set_current_dir(edgeproof_ground::tools::home()) {
        let trial = Trial::test("scenarios", move || Err(Failed::from(error)));
        return libtest_mimic::run(&arguments, vec![trial]).exit_code();
    }
    let mut trials =
        cargo_test::trials(&arguments, Path::new(FOLDER), None, Some(judging_events()));
    for folder in WITH_FIREFOX {
        trials.extend(cargo_test::trials(
            &arguments,
            Path::new(folder),
            Some(Engine::Firefox),
            Some(judging_events()),
        ));
    }
    trials.push(Trial::test(PROTOCOL, protocol));
    let done = libtest_mimic::run(&arguments, trials).exit_code();
    // Kept apart from the listing, which programs read.
    if arguments.list {
        return done;
    }
    let wrong = WRONG_EVENTS
        .lock()
        .map(|wrong| wrong.clone())
        .unwrap_or_default();
    for line in &wrong {
        eprintln!("{line}");
    }
    println!("{} events as published", EVENTS.load(Ordering::Relaxed));
    if wrong.is_empty() {
        done
    } else {
        ExitCode::FAILURE
    }
}

/// How many events were held against the published schema.
static EVENTS: AtomicUsize = AtomicUsize::new(0);

/// What of them is not as published.
static WRONG_EVENTS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Looks at every event of a case when it is over.
fn judging_events() -> AtEnd {
    Arc::new(|rig, _| {
        let records = rig.fingerprint().events();
        EVENTS.fetch_add(records.len(), Ordering::Relaxed);
        let wrong = records
            .iter()
            .flat_map(|record| match record.event.to_json() {
                Ok(event) => not_as_published("event", &event),
                Err(error) => vec![error.to_string()],
            });
        if let Ok(mut all) = WRONG_EVENTS.lock() {
            all.extend(wrong);
        }
        Box::pin(async {})
    })
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
    let cases = load::load(&load::find(&[FOLDER.into()])?)?;
    let (again, names): (Vec<&str>, Vec<&str>) = names
        .into_iter()
        .partition(|name| name.starts_with("firefox::"));
    if again.is_empty() {
        return Err("nothing is run with Firefox".into());
    }
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
