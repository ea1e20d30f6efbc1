//! `edgeproof run`: the scenarios.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    io::{self, Write},
    num::NonZeroU32,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use edgeproof_browser::Engine;
use edgeproof_document::problem::TextStyle;
use edgeproof_ground::{
    shell,
    time::Time,
    tools::{self, Tool},
};
use edgeproof_origin::launch;
use edgeproof_report::{at_target, compare, target::ReportTarget, terminal::Terminal};
use edgeproof_rig::Environment;
use edgeproof_run::{
    event::Event,
    execute::{AtEnd, Details, ExecuteOptions, execute, execute_at},
    exit,
    expected::Expected,
    failure_text as failure,
    record::{CaseRecord, Verdict},
    results::{About, Results},
    runner::{self, DEFAULT_LIMIT, RunOptions},
    target::side_by_side,
};
use edgeproof_scenario::{
    load::{Broken, Case, Loaded},
    select::{Selection, TagExpression},
    shard::{Shard, ShardError},
};

use super::{
    CliError, Context,
    interrupt::Interrupt,
    program,
    progress::Progress,
    project::Project,
    reading::{self, Reading, STANDARD_INPUT},
    report, target,
    ui::{self, Shown},
    up::Doors,
    watch::Watched,
};

/// Reads what `--memory-mb` is given.
pub(super) fn megabytes(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse()
        .map_err(|_| "it must be a whole number from 1 to 4294967295")
}

/// What takes longer is spoken of.
const AT_ONCE: Duration = Duration::from_millis(700);

/// The options of `run`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(super) struct Options {
    /// Scenario files, or folders of them; `-` is standard input [default: those of edgeproof.yaml, else `scenarios`].
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) reading: Reading,
    /// Tests another worker: a folder, a script (.js, .mjs, .ts), or a wrangler.json, .jsonc or .toml, with #NAME for one of
    /// its environments. Deployments that name a worker keep theirs.
    #[arg(long, value_name = "DIR")]
    pub(super) worker: Option<PathBuf>,
    /// Runs every scenario with this worker as well, and shows where the two differ. The first worker decides the exit code.
    #[arg(long, value_name = "DIR")]
    pub(super) against: Option<PathBuf>,
    #[command(flatten)]
    pub(super) target: target::TargetOptions,
    /// Only scenarios whose name or title contains this.
    #[arg(long, value_name = "TEXT")]
    pub(super) filter: Option<String>,
    /// Only scenarios whose tags match this expression, such as `browser and not slow`.
    #[arg(long, value_name = "EXPR")]
    pub(super) tag: Option<TagExpression>,
    /// Only shard K of N, as K/N; `auto` asks the CI system (GitLab, CircleCI, Buildkite, a Kubernetes Indexed Job). A
    /// scenario is always in the same shard.
    #[arg(long, value_name = "K/N|auto", value_parser = shard)]
    pub(super) shard: Option<ShardOption>,
    /// Makes shards that take as long as each other, by the times in the JSON report of an earlier run.
    #[arg(long, value_name = "FILE", requires = "shard")]
    pub(super) timings: Option<PathBuf>,
    /// How many scenarios run at the same time [default: two for each core].
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<usize>,
    /// Stops after the first scenario that does not pass.
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// Keeps everything running at the first step that fails, prints how to reach it, and waits for Ctrl-C.
    #[arg(long, conflicts_with_all = ["watch", "retries"])]
    pub(super) keep: bool,
    /// Visitors with a browser come with this one: chromium or firefox. Those that name an engine keep theirs
    /// [default: that of edgeproof.yaml, else chromium].
    #[arg(long, value_name = "ENGINE")]
    pub(super) engine: Option<Engine>,
    /// Keeps so many MiB of what happens in a scenario, whatever it says [default: its `memory_mb`, or 64].
    #[arg(long, value_name = "MIB", value_parser = megabytes)]
    pub(super) memory_mb: Option<NonZeroU32>,
    /// Shows the browser windows; needs a display.
    #[arg(long)]
    pub(super) headed: bool,
    /// Runs again whenever a scenario, the worker, an app that it starts or a fixture changes, until Ctrl-C.
    #[arg(long, conflicts_with = "list")]
    pub(super) watch: bool,
    /// Opens a page of this machine in which scenarios are run, all or one, and looked at step by step; a save runs them again.
    /// Prints its address.
    #[arg(long, conflicts_with_all = ["watch", "list", "json", "keep", "against", "target", "shard", "reports", "repeat", "fail_fast"])]
    pub(super) ui: bool,
    /// Runs each scenario N times.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(super) repeat: u32,
    /// Runs a failed scenario again, up to N times; one that then passes is reported as flaky.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) retries: u32,
    /// The time limit of scenarios that have no `timeout:`, such as `90s`.
    #[arg(long, value_name = "TIME")]
    pub(super) timeout: Option<Time>,
    /// Writes a report: junit=FILE, json=FILE, html=FILE, tap=FILE, har=FILE, or `github` for annotations and a summary. Can be
    /// given several times.
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    pub(super) reports: Vec<ReportTarget>,
    /// Of which scenarios the reports have bodies, the scenario's text, and a picture of each step of a browser: `none`, `failed`
    /// or `all` [default: `all` where a HAR report is written, `failed` where an HTML or JSON report is].
    #[arg(long, value_name = "CASES")]
    pub(super) details: Option<Details>,
    /// Lists the selected scenarios without running them.
    #[arg(long)]
    pub(super) list: bool,
    /// Prints JSON instead of text: the names with `--list`, the results otherwise.
    #[arg(long)]
    pub(super) json: bool,
}

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
        watch(context, options, &apps).await
    } else {
        let loaded = options.reading.load(&options.paths)?;
        once(context, options, &apps, loaded).await
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
        match done {
            Err(CliError::Interrupted) => return Err(CliError::Interrupted),
            Err(error) => {
                let style = context.style(&anstream::stderr());
                write!(anstream::stderr(), "{}", error.text(style))?;
            }
            Ok(_) => {}
        }
        // Apps stay up between runs, but for those that are described otherwise by now, or were changed.
        apps.end_unused().await;
        let before = watched.with_apps(before);
        let mut interrupt = Interrupt::listen()?;
        writeln!(
            anstream::stderr(),
            "\nwaiting for a change; press Ctrl-C to stop"
        )?;
        tokio::select! {
            changed = watched.change(&before) => {
                let more = changed.len().saturating_sub(2);
                let mut names: Vec<_> = changed.iter().take(2).map(|path| path.display().to_string()).collect();
                names.extend((more > 0).then(|| format!("{more} more")));
                writeln!(anstream::stderr(), "{} changed\n", names.join(", "))?;
                watched.end_changed_apps(apps, &changed).await;
            }
            () = interrupt.pressed() => return Err(CliError::Interrupted),
        }
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
        write!(anstream::stdout(), "{text}")?;
        results.against = Some(Box::new(Results {
            about: results.about.clone().map(|about| About {
                again: Some(again(&context.arguments, Some(&second))),
                ..about
            }),
            worker: Some(second),
            ..other
        }));
    }
    for report in &options.reports {
        report.write(&results)?;
    }
    if options.json {
        let text = edgeproof_report::json::text(&results).map_err(io::Error::from)?;
        write!(anstream::stdout(), "{text}")?;
    }
    if results.cases.is_empty() {
        // More shards than scenarios.
        return Ok(exit::PASSED);
    }
    Ok(results.summary.exit_code())
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
    let mut printer = Printer::new(context, options);
    let apps = printer.told_of(apps);
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
    let summary = if options.keep {
        // Ctrl-C is for the rig that is kept; before there is one it ends the process, and with it everything.
        running.await
    } else {
        tokio::select! {
            summary = running => summary,
            _ = tokio::signal::ctrl_c() => return Err(CliError::Interrupted),
        }
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
    let mut printer = Printer::new(context, options).at_target();
    let ran = async {
        let shared = Arc::new(visit.shared(engine, options.headed).await?);
        let record = visit.record(&cases).await;
        if !options.json {
            write!(anstream::stdout(), "{}", at_target::before(&record))?;
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
        let summary = runner::run(cases, run_options, one, |event| printer.take(event)).await;
        Ok::<_, CliError>((record, summary))
    };
    let (mut record, summary) = tokio::select! {
        ran = ran => ran?,
        _ = tokio::signal::ctrl_c() => return Err(CliError::Interrupted),
    };
    let mut results = printer.results(summary.took_ms)?;
    let mut out = anstream::stdout();
    if !options.json {
        write!(out, "{}", at_target::not_seen(&record.cases))?;
    }
    if let Some(local) = visit.local() {
        let compared = side_by_side(local, &results);
        if !options.json {
            write!(out, "{}", at_target::side_by_side(&compared))?;
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
                    interrupt.pressed().await;
                }
                (Err(error), _) | (_, Err(error)) => {
                    let _ = writeln!(err, "It could not be kept running: {error}");
                }
            }
        })
    })
}

/// Writes the terminal's report and keeps the records for the others.
struct Printer {
    terminal: Option<Terminal<anstream::AutoStream<io::Stdout>>>,
    progress: Arc<Mutex<Progress>>,
    records: Vec<CaseRecord>,
    written: io::Result<()>,
}

impl Printer {
    fn new(context: &Context, options: &Options) -> Self {
        let out = anstream::stdout();
        let style = context.style(&out);
        Self {
            terminal: (!options.json)
                .then(|| Terminal::new(out, style).of_command(again(&context.arguments, None))),
            progress: Arc::new(Mutex::new(Progress::new(context.interactive))),
            records: Vec::new(),
            written: Ok(()),
        }
    }

    /// The same for a run at a target.
    fn at_target(mut self) -> Self {
        self.terminal = self.terminal.map(Terminal::at_target);
        self
    }

    fn take(&mut self, event: &Event) {
        self.progress().clear();
        if let Some(terminal) = &mut self.terminal
            && self.written.is_ok()
        {
            self.written = terminal.report(event);
        }
        // Whoever read has gone; reports and the exit code are for others.
        if matches!(&self.written, Err(error) if error.kind() == io::ErrorKind::BrokenPipe) {
            self.terminal = None;
            self.written = Ok(());
        }
        if let Event::Finished(record) = event {
            self.records.push(record.as_ref().clone());
        }
        self.progress().take(event);
    }

    /// The apps, which tell the progress line when they are started.
    fn told_of(&self, apps: &launch::Pool) -> launch::Pool {
        let progress = Arc::clone(&self.progress);
        apps.clone()
            .telling(move |stage| locked(&progress).stage(stage))
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        locked(&self.progress)
    }

    fn results(self, took_ms: u64) -> io::Result<Results> {
        self.written?;
        Ok(Results::new(self.records, took_ms))
    }
}

/// Options of a run that are about all of its scenarios, or about what it writes, with and without a value.
const NOT_AGAIN: [&str; 11] = [
    "--filter",
    "--tag",
    "--shard",
    "--timings",
    "--jobs",
    "--repeat",
    "--retries",
    "--report",
    "--against",
    "--details",
    "--against-report",
];
const NOT_AGAIN_ALONE: [&str; 6] = [
    "--fail-fast",
    "--watch",
    "--ui",
    "--json",
    "--list",
    "--keep",
];

/// The command as it was given, without what chose its scenarios: with a filter it runs one of them again. `worker` takes the
/// place of the one that was given.
fn again(arguments: &[OsString], worker: Option<&str>) -> String {
    let mut arguments = arguments.iter().map(|word| word.to_string_lossy());
    let first = arguments.next().unwrap_or_default();
    let mut words = vec![program::launched_as().unwrap_or_else(|| shell::quoted(&first))];
    while let Some(word) = arguments.next() {
        let name = word.split('=').next().unwrap_or_default();
        let is_replaced = worker.is_some() && name == "--worker";
        if NOT_AGAIN.contains(&name) || is_replaced {
            if name == word {
                arguments.next();
            }
        } else if !NOT_AGAIN_ALONE.contains(&name) {
            words.push(shell::quoted(&word));
        }
    }
    let worker = worker.map(|worker| ["--worker".to_owned(), shell::quoted(worker)]);
    words.extend(worker.into_iter().flatten());
    words.join(" ")
}

/// A panic elsewhere leaves the line whole: at worst it is an old one.
fn locked(progress: &Mutex<Progress>) -> MutexGuard<'_, Progress> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
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

/// The cases that are meant. A file with mistakes among them is an error; others are left out, and told.
fn selected(
    options: &Options,
    shard: Option<&ChosenShard>,
    loaded: Loaded,
) -> Result<Vec<Case>, CliError> {
    let selection = options.selection();
    let unknown = selection.unknown_tag(&loaded);
    let selected = selection.of(loaded);
    if !selected.broken.is_empty() {
        return Err(reading::mistakes(selected.broken));
    }
    left_out(&selected.left_out)?;
    let mut cases = selected.cases;
    if cases.is_empty() {
        return Err(nothing_selected(unknown));
    }
    // Where there are more machines than scenarios, some have nothing to do, and do it well.
    if let Some(shard) = shard {
        cases = shard.of(cases);
    }
    let repeated = cases.iter().flat_map(|case| {
        (1..=options.repeat.max(1)).map(|round| {
            let mut case = case.clone();
            if round > 1 {
                case.name = format!("{}#{round}", case.name);
            }
            case
        })
    });
    Ok(repeated.collect())
}

/// Why there is nothing, as far as it is known: a tag that nothing has, with those that there are.
fn nothing_selected(unknown: Option<(String, Vec<String>)>) -> CliError {
    unknown.map_or(CliError::NothingSelected, |(tag, known)| {
        CliError::NoSuchTag { tag, known }
    })
}

/// Says which files nobody will hear of.
fn left_out(broken: &[Broken]) -> io::Result<()> {
    for broken in broken {
        let file = broken.file.display();
        writeln!(
            anstream::stderr(),
            "edgeproof: {file} has mistakes and is left out; `edgeproof check {file}` shows them"
        )?;
    }
    Ok(())
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
    let mut prepared = tokio::task::spawn_blocking(prepare);
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
    let environment = prepared.map_err(io::Error::from)??;
    Ok(if headed {
        environment.headed()
    } else {
        environment
    })
}

/// Lists the cases that are meant, and then what is wrong with files that may be meant as well.
fn list(options: &Options) -> Result<u8, CliError> {
    let shard = options.chosen_shard()?;
    let selection = options.selection();
    let loaded = options.reading.load(&options.paths)?;
    let unknown = selection.unknown_tag(&loaded);
    let selected = selection.of(loaded);
    let mut cases = selected.cases;
    let is_empty = cases.is_empty();
    if let Some(shard) = &shard {
        cases = shard.of(cases);
    }
    let mut out = anstream::stdout().lock();
    if options.json {
        let cases: Vec<_> = cases
            .iter()
            .map(|case| {
                serde_json::json!({
                    "name": case.name,
                    "title": case.scenario.title,
                    "file": case.file,
                    "tags": case.scenario.tags,
                })
            })
            .collect();
        writeln!(out, "{:#}", serde_json::Value::from(cases))?;
    } else {
        for case in &cases {
            writeln!(out, "{}  {}", case.name, case.scenario.title)?;
        }
    }
    left_out(&selected.left_out)?;
    if !selected.broken.is_empty() {
        return Err(reading::mistakes(selected.broken));
    }
    if is_empty {
        return Err(nothing_selected(unknown));
    }
    Ok(exit::PASSED)
}

/// What `--shard` asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum ShardOption {
    /// This one.
    Given(Shard),
    /// What the CI system says.
    Auto,
}

fn shard(text: &str) -> Result<ShardOption, ShardError> {
    match text {
        "auto" => Ok(ShardOption::Auto),
        text => text.parse().map(ShardOption::Given),
    }
}

/// A shard, and what decides which cases are in it.
struct ChosenShard {
    shard: Shard,
    /// How long cases took, where the shards are made by that.
    took: Option<BTreeMap<String, u64>>,
}

impl ChosenShard {
    /// The cases that are in it.
    fn of(&self, mut cases: Vec<Case>) -> Vec<Case> {
        if let Some(took) = &self.took {
            let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
            let mine = self.shard.balanced(names.iter().map(String::as_str), took);
            cases.retain(|case| mine.contains(case.name.as_str()));
        } else {
            cases.retain(|case| self.shard.includes(&case.name));
        }
        cases
    }
}

impl Options {
    /// The options with what the project says where the command line says nothing.
    fn of(&self, project: &Project) -> Result<Self, CliError> {
        let mut options = self.clone();
        options.paths = project.scenarios(&self.paths);
        options.worker = project.worker(self.worker.as_ref());
        options.engine = self.engine.or(project.engine());
        options.reading.add_env_files(project.env_files());
        if options.reports.is_empty() && !options.ui {
            let reports = project.reports().into_iter();
            let reports = reports.map(|report| report.parse::<ReportTarget>());
            options.reports = reports
                .collect::<Result<_, _>>()
                .map_err(|error| CliError::Usage(Box::new(error)))?;
        }
        Ok(options)
    }

    /// The shard that is asked for, if any.
    fn chosen_shard(&self) -> Result<Option<ChosenShard>, CliError> {
        let shard = match self.shard {
            None => None,
            Some(ShardOption::Given(shard)) => Some(shard),
            Some(ShardOption::Auto) => Shard::of_environment(|name| std::env::var(name).ok())
                .map_err(|error| CliError::Usage(Box::new(error)))?,
        };
        let Some(shard) = shard else {
            return Ok(None);
        };
        let took = self.timings.as_deref().map(report::read).transpose()?;
        let took = took.map(|results| {
            let cases = results.cases.into_iter();
            cases.map(|case| (case.name, case.took_ms)).collect()
        });
        Ok(Some(ChosenShard { shard, took }))
    }

    /// The worker under test, as one would name it.
    pub(super) fn worker_in_words(&self) -> String {
        let worker = self.worker.as_ref();
        worker.map_or("the worker of this repository".to_owned(), |worker| {
            worker.display().to_string()
        })
    }

    /// Which scenarios are asked for, as one would write it.
    pub(super) fn in_words(&self) -> String {
        let paths = self.paths.iter();
        let mut words: Vec<String> = paths.map(|path| path.display().to_string()).collect();
        if let Some(filter) = &self.filter {
            words.extend(["--filter".to_owned(), filter.clone()]);
        }
        if let Some(tag) = &self.tag {
            words.extend(["--tag".to_owned(), tag.to_string()]);
        }
        let words: Vec<_> = words.iter().map(|word| shell::quoted(word)).collect();
        words.join(" ")
    }

    /// How scenarios are read.
    pub(super) fn reading(&self) -> &Reading {
        &self.reading
    }

    /// The files and folders that are asked for.
    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// The worker that is asked for, if any.
    pub(super) fn worker(&self) -> Option<&PathBuf> {
        self.worker.as_ref()
    }

    /// Whether a report is written that says more than what came of each case.
    fn has_details(&self) -> bool {
        let mut formats = self.reports.iter().map(ReportTarget::has_details);
        self.json || formats.any(|has| has)
    }

    fn details(&self) -> Details {
        let default = match self.has_details() {
            _ if self.ui || self.reports.iter().any(ReportTarget::replays) => Details::All,
            true => Details::Failed,
            false => Details::None,
        };
        self.details.unwrap_or(default)
    }

    pub(super) fn selection(&self) -> Selection {
        Selection {
            filter: self.filter.clone(),
            tags: self.tag.clone(),
            another_worker: self.worker.is_some(),
        }
    }

    /// Where a save matters, besides the files that scenarios are read from.
    pub(super) fn watched(&self) -> Watched {
        let worker = self.worker.clone();
        let worker = worker.unwrap_or_else(|| tools::home().join("worker"));
        let paths = self.paths.iter().cloned();
        let given = self.reading.env_files().iter().cloned();
        let workers = self.against.iter().cloned().chain([worker]);
        Watched::new(paths.chain(given).chain(workers)).without(
            self.reports
                .iter()
                .filter_map(|report| report.file().map(ToOwned::to_owned)),
        )
    }

    fn run_options(&self) -> RunOptions {
        // Scenarios wait for clocks, timers and pages now and then; one more a core fills the gaps.
        let places = || thread::available_parallelism().map_or(1, |cores| cores.get() * 2);
        // A rig that is kept waits for its user, and so does a step of a page.
        let is_unlimited = self.keep || self.ui;
        RunOptions {
            jobs: if self.keep {
                1
            } else {
                self.jobs.unwrap_or_else(places)
            },
            fail_fast: self.fail_fast || self.keep,
            retries: self.retries,
            limit: match is_unlimited {
                true => Duration::MAX,
                false => self.limit(),
            },
        }
    }

    /// How long a scenario may take that says nothing.
    fn limit(&self) -> Duration {
        self.timeout.map_or(DEFAULT_LIMIT, |limit| limit.0)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["edgeproof", "run"], None, "edgeproof run")]
    #[case(
        &["target/debug/edgeproof", "run", "my scenarios/", "--worker", "../it's", "--filter", "a", "--fail-fast", "--report=html=a.html", "--jobs", "1"],
        None,
        "target/debug/edgeproof run 'my scenarios/' --worker '../it'\\''s'"
    )]
    #[case(
        &["edgeproof", "run", "a.yaml", "--worker=one", "--against", "two", "--ui"],
        Some("two"),
        "edgeproof run a.yaml --worker two"
    )]
    fn a_command_is_given_again_without_its_choice(
        #[case] words: &[&str],
        #[case] worker: Option<&str>,
        #[case] expected: &str,
    ) {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        assert_eq!(again(&words, worker), expected);
    }
}
