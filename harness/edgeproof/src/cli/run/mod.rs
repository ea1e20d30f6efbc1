//! `edgeproof run`: the scenarios.

mod options;
mod output;
mod selection;

use std::{
    collections::BTreeSet,
    io::{self, Write},
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::Duration,
};

use edgeproof_browser::Engine;
use edgeproof_document::problem::TextStyle;
use edgeproof_ground::{
    shell,
    tools::{self, Tool},
};
use edgeproof_origin::launch;
use edgeproof_report::{at_target, compare, target::write_all};
use edgeproof_rig::Environment;
use edgeproof_run::{
    event::Event,
    execute::{AtEnd, ExecuteOptions, execute, execute_at},
    exit,
    expected::Expected,
    failure_text as failure,
    record::{CaseRecord, Verdict},
    results::{About, Results},
    runner::{self, RunOptions},
    target::side_by_side,
};
use edgeproof_scenario::load::{Case, Loaded};

pub(super) use self::options::{Options, megabytes};
use self::{
    output::{RunOutput, again},
    selection::{list, selected},
};
use super::{
    CliError, Context,
    apart::apart,
    interrupt::{Interrupt, unless_ended},
    progress::told_of,
    project::Project,
    reading::STANDARD_INPUT,
    target,
    ui::{self, Shown},
    up::Doors,
};

/// What takes longer is spoken of.
const AT_ONCE: Duration = Duration::from_millis(700);

pub(super) async fn run(context: &Context, options: &Options) -> Result<u8, CliError> {
    let options = &options.of(&Project::find()?)?;
    let apps = launch::Pool::default();
    if options.list {
        return list(options);
    }
    let is_input = |path: &PathBuf| path.as_os_str() == STANDARD_INPUT;
    if (options.ui || options.watch) && options.paths.iter().any(is_input) {
        return Err(RunError::WatchedInput.into());
    }
    let done = if options.ui {
        ui::ui(context, options, &apps).await
    } else if options.watch {
        unless_ended(watch(context, options, &apps)).await
    } else {
        let loaded = options.reading.load(&options.paths)?;
        let running = once(context, options, &apps, loaded);
        match options.keep {
            // Ctrl-C is for the rig that is kept; before there is one it ends the process, and with it everything.
            true => running.await,
            false => unless_ended(running).await,
        }
    };
    apps.end().await;
    done
}

/// Runs again and again; a mistake in a file is shown and waited out like a failure.
async fn watch(context: &Context, options: &Options, apps: &launch::Pool) -> Result<u8, CliError> {
    loop {
        let mut watched = options.watched();
        let loaded = options.reading.load(&options.paths);
        if let Ok(loaded) = &loaded {
            watched.add(loaded);
        }
        // A save from now on is a change, also in the middle of the run.
        let before = watched.snapshot();
        let done = match loaded {
            Ok(loaded) => once(context, options, apps, loaded).await,
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            let style = context.style(&anstream::stderr());
            write!(anstream::stderr(), "{}", error.text(style))?;
        }
        // Apps stay up between runs, but for those that are described otherwise by now, or were changed.
        apps.end_unused().await;
        let before = watched.with_apps(before);
        writeln!(
            anstream::stderr(),
            "\nwaiting for a change; press Ctrl-C to stop"
        )?;
        let changed = watched.change(&before).await;
        let more = changed.len().saturating_sub(2);
        let names = changed.iter().take(2);
        let mut names: Vec<_> = names.map(|path| path.display().to_string()).collect();
        names.extend((more > 0).then(|| format!("{more} more")));
        writeln!(anstream::stderr(), "{} changed\n", names.join(", "))?;
        watched.end_changed_apps(apps, &changed).await;
    }
}

/// Runs scenarios with one worker for another command, and says nothing of each.
pub(super) async fn quietly(
    context: &Context,
    options: &Options,
    apps: &launch::Pool,
) -> Result<Results, CliError> {
    let mut loaded = options.reading.load(&options.paths)?;
    if !tools::is_checkout() {
        // The apps of a few are in a checkout only.
        loaded.broken.clear();
    }
    let cases = selected(options, None, loaded)?;
    let _ = writeln!(anstream::stderr(), "trying {} claims", cases.len());
    let worker = options.worker.clone();
    if cases.len() > SAMPLE {
        // Of a worker that does not start, each of a thousand claims would say so.
        let some = cases.iter().step_by(cases.len().div_ceil(SAMPLE));
        let some = some.cloned().collect();
        let tried = with_worker(context, options, apps, some, worker.clone(), None).await?;
        if let Some(reason) = the_same_error(&tried.cases) {
            let worker = options.worker_in_words();
            return Err(CliError::NoClaim { worker, reason });
        }
    }
    let results = with_worker(context, options, apps, cases, worker, None).await?;
    Ok(Results {
        selection: Some(options.in_words()),
        ..results
    })
}

/// How many claims show whether anything can be found out about the others.
const SAMPLE: usize = 5;

/// What the harness says of every case, where it says the same and nothing else is known.
fn the_same_error(cases: &[CaseRecord]) -> Option<String> {
    let error = |case: &CaseRecord| match &case.verdict {
        Verdict::Error(message) => Some(message.clone()),
        _ => None,
    };
    let first = error(cases.first()?)?;
    let is_same = |case: &CaseRecord| error(case).as_ref() == Some(&first);
    cases.iter().all(is_same).then_some(first)
}

async fn once(
    context: &Context,
    options: &Options,
    apps: &launch::Pool,
    loaded: Loaded,
) -> Result<u8, CliError> {
    let shard = options.chosen_shard()?;
    let cases = selected(options, shard.as_ref(), loaded)?;
    let about = options.has_details().then(|| about(context, &cases));
    let visit = options.target.visit(context, &options.reading, &cases)?;
    let results = match &visit {
        Some(visit) => at_target(context, options, cases.clone(), visit).await?,
        None => {
            let worker = options.worker.clone();
            with_worker(context, options, apps, cases.clone(), worker, None).await?
        }
    };
    let first = options.worker_in_words();
    let mut results = Results {
        shard: shard.as_ref().map(|chosen| chosen.shard),
        selection: Some(options.in_words()),
        worker: visit.is_none().then(|| first.clone()),
        about,
        ..results
    };
    if let Some(against) = &options.against {
        let other = with_worker(context, options, apps, cases, Some(against.clone()), None).await?;
        let second = against.display().to_string();
        let text = compare::text((&first, &results), (&second, &other));
        say(&text)?;
        results.against = Some(Box::new(Results {
            about: results.about.clone().map(|about| About {
                again: Some(again(&context.arguments, Some(&second))),
                ..about
            }),
            worker: Some(second),
            ..other
        }));
    }
    let reported = write_all(&options.reports, &results);
    if options.json {
        let text = edgeproof_report::json::text(&results).map_err(io::Error::from)?;
        say(&text)?;
    }
    reported?;
    if results.cases.is_empty() {
        // More shards than scenarios.
        return Ok(exit::PASSED);
    }
    Ok(results.summary.exit_code())
}

/// Prints a text. Whoever read may have gone; reports and the exit code are for others.
fn say(text: &str) -> io::Result<()> {
    match write!(anstream::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// When, where and how these cases are run.
fn about(context: &Context, cases: &[Case]) -> About {
    let engines = cases
        .iter()
        .map(|case| case.scenario.engines(Engine::default()));
    let engines: BTreeSet<Engine> = engines.flatten().collect();
    let used = std::iter::once(Tool::Workerd).chain(engines.into_iter().map(Engine::tool));
    let version = |tool: Tool| {
        let version = tools::version(&tools::find(tool).ok()?)?;
        // Programs say their own names before it.
        let mut words = version.split(' ');
        let number = words.find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
        Some((tool.name().to_owned(), number.to_owned()))
    };
    let words: Vec<_> = context
        .arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    let words: Vec<_> = words.iter().map(|word| shell::quoted(word)).collect();
    let again = again(&context.arguments, None);
    About::now(&words.join(" "), &again, used.filter_map(version).collect())
}

/// Runs all cases with one worker, and tells the page, where there is one, what comes of each.
pub(super) async fn with_worker(
    context: &Context,
    options: &Options,
    apps: &launch::Pool,
    cases: Vec<Case>,
    worker: Option<PathBuf>,
    page: Option<Arc<Shown>>,
) -> Result<Results, CliError> {
    if let Some(page) = &page {
        page.is_about(|| about(context, &cases));
    }
    if !options.json {
        // The first scenario may take its time.
        let (scenarios, sign) = (cases.len(), if cases.len() == 1 { "" } else { "s" });
        let _ = writeln!(anstream::stderr(), "running {scenarios} scenario{sign}");
    }
    let expected = Expected::beside(&options.paths)?;
    let at_end = options.keep.then(keep_up);
    let mut printer = RunOutput::new(context, options);
    let apps = printer.told_by(apps);
    let progress = printer.progress();
    let needed = cases
        .iter()
        .any(|case| case.scenario.may_run_worker_under_test());
    let environment = environment(worker, needed, options.headed).await?;
    let environment = environment.keeping_megabytes(options.memory_mb);
    let allows = options.reading.allows_missing_bindings();
    let environment = environment
        .allowing_missing_bindings(allows)
        .with_apps(apps)
        .with_engine(options.engine.unwrap_or_default());
    let environment = Arc::new(environment);
    let run_options = options.run_options();
    let details = options.details();
    // Of a page each step ends in time, and a person stops what hangs elsewhere.
    let limit = match options.ui {
        true => options.limit(),
        false => run_options.limit,
    };
    // Where it may be tried again, what comes of an attempt is not the end.
    let told = page.clone().filter(|_| run_options.retries == 0);
    let followed = page.clone();
    let running = runner::run(
        cases,
        run_options,
        move |case: Arc<Case>| {
            let environment = Arc::clone(&environment);
            let expected = expected.clone();
            let told = told.clone();
            let follow = followed.as_ref().map(|page| page.follow(&case.name));
            let options = ExecuteOptions {
                limit,
                details,
                at_end: at_end.clone(),
                follow,
            };
            async move {
                let engines = case.scenario.engines(environment.engine());
                let record = execute(&case, &environment, options).await;
                let record = expected.judge(record, &engines);
                if let Some(page) = told {
                    page.finished(&record);
                }
                record
            }
        },
        |event: &Event| {
            if let Some(page) = &page {
                page.take(event);
            }
            printer.take(event);
        },
    );
    let summary = match options.waits_for_user() {
        true => running.await,
        false => told_of(&progress, running).await,
    };
    Ok(printer.results(summary.took_ms)?)
}

/// Runs all cases at a deployed site, one at a time: it is somebody's, and events are told apart by when they were.
async fn at_target(
    context: &Context,
    options: &Options,
    cases: Vec<Case>,
    visit: &target::Visit,
) -> Result<Results, CliError> {
    let engine = options.engine.unwrap_or_default();
    let mut printer = RunOutput::new(context, options).at_target();
    let shared = Arc::new(visit.shared(engine, options.headed).await?);
    let mut record = visit.record(&cases).await;
    if !options.json {
        say(&at_target::before(&record))?;
    }
    let run_options = RunOptions {
        jobs: 1,
        ..options.run_options()
    };
    let limit = run_options.limit;
    let one = move |case: Arc<Case>| {
        let shared = Arc::clone(&shared);
        async move { execute_at(&case, &shared, limit).await }
    };
    let progress = printer.progress();
    let running = runner::run(cases, run_options, one, |event| printer.take(event));
    let summary = told_of(&progress, running).await;
    let mut results = printer.results(summary.took_ms)?;
    if !options.json {
        say(&at_target::not_seen(&record.cases))?;
    }
    if let Some(local) = visit.local() {
        let compared = side_by_side(local, &results);
        if !options.json {
            say(&at_target::side_by_side(&compared))?;
        }
        record.against = Some(compared);
    }
    results.target = Some(record);
    Ok(results)
}

/// Says what failed and how to reach the rig, and waits for Ctrl-C.
fn keep_up() -> AtEnd {
    Arc::new(|rig, failures| {
        Box::pin(async move {
            if failures.is_empty() {
                return;
            }
            let mut err = anstream::stderr();
            // Where nothing can be written there is nobody to tell.
            for text in failure::texts(failures, TextStyle::PLAIN) {
                let _ = writeln!(err, "{text}");
            }
            let interrupt = Interrupt::listen().map_err(CliError::from);
            match (Doors::open(rig).await, interrupt) {
                (Ok(doors), Ok(mut interrupt)) => {
                    let text = doors.text(rig);
                    let _ = writeln!(
                        err,
                        "It is still running.\n\n{text}\nPress Ctrl-C to stop it."
                    );
                    let _ = interrupt.pressed().await;
                }
                (Err(error), _) | (_, Err(error)) => {
                    let _ = writeln!(err, "It could not be kept running: {error}");
                }
            }
        })
    })
}

/// Why a run was not begun.
#[derive(Debug, thiserror::Error)]
enum RunError {
    /// Nobody can save standard input.
    #[error("standard input does not change; give --watch or --ui a file or a folder")]
    WatchedInput,
}

impl From<RunError> for CliError {
    fn from(error: RunError) -> Self {
        Self::Usage(Box::new(error))
    }
}

/// Finds the tools and builds what is missing and `needed`, on a thread that may take its time; where it does, it says so.
pub(super) async fn environment(
    worker: Option<PathBuf>,
    needed: bool,
    headed: bool,
) -> Result<Environment, CliError> {
    // Where nobody runs the worker its folder will do.
    let worker = worker.or_else(|| (!needed).then(|| tools::home().join("worker")));
    let prepare = move || Environment::prepare(worker.as_deref());
    let mut prepared = pin!(apart(prepare));
    let prepared = tokio::select! {
        prepared = &mut prepared => prepared,
        () = tokio::time::sleep(AT_ONCE) => {
            // Where nothing can be written there is nobody to tell.
            let _ = writeln!(
                anstream::stderr(),
                "preparing: the worker and the agent are built, which takes a minute the first time"
            );
            prepared.await
        }
    };
    let environment = prepared??;
    Ok(if headed {
        environment.headed()
    } else {
        environment
    })
}
