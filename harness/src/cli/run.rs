//! `edgeproof run`: the scenarios.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
    thread,
};

use super::{CliError, Context, progress::Progress};
use crate::{
    report::{compare, target::ReportTarget, terminal::Terminal},
    rig::Environment,
    run::{
        event::Event,
        execute::execute,
        expected::Expected,
        results::Results,
        runner::{self, DEFAULT_LIMIT, RunOptions},
    },
    scenario::{
        load::{self, Case},
        select::{Selection, TagExpression},
        shard::Shard,
        time::Time,
    },
};

/// What can be asked of it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Scenario files, or folders of them.
    #[arg(value_name = "PATH", default_value = "scenarios")]
    paths: Vec<PathBuf>,
    /// Puts another worker under test: a directory with its main module. Deployments that name a worker keep theirs.
    #[arg(long, value_name = "DIR")]
    worker: Option<PathBuf>,
    /// Runs everything with this worker as well and shows where the two differ. The first decides the exit code.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Only scenarios whose name or title contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Only scenarios whose tags meet this, such as `browser and not slow`.
    #[arg(long, value_name = "EXPR")]
    tag: Option<TagExpression>,
    /// Only the Kth of N parts. A scenario is always in the same part.
    #[arg(long, value_name = "K/N")]
    shard: Option<Shard>,
    /// How many at a time; as many as there are cores where it is absent.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Stops after the first that does not pass.
    #[arg(long)]
    fail_fast: bool,
    /// Runs each scenario so many times.
    #[arg(long, value_name = "N", default_value_t = 1)]
    repeat: u32,
    /// Tries a scenario that fails again, so many times; a pass after that is reported as flaky.
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: u32,
    /// How long a scenario may take that says nothing itself, such as `90s`.
    #[arg(long, value_name = "TIME")]
    timeout: Option<Time>,
    /// Writes a report: junit=FILE, json=FILE, html=FILE or tap=FILE. Repeatable.
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<ReportTarget>,
    /// Names the selected scenarios and runs none.
    #[arg(long)]
    list: bool,
    /// Writes JSON instead of text: the names with `--list`, the results otherwise.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(context: &Context, options: &Options) -> Result<u8, CliError> {
    let cases = selected(options)?;
    if options.list {
        return list(options, &cases);
    }
    let results = with_worker(context, options, cases.clone(), options.worker.clone()).await?;
    for report in &options.reports {
        report.write(&results)?;
    }
    if options.json {
        let text = crate::report::json::text(&results).map_err(io::Error::from)?;
        write!(anstream::stdout(), "{text}")?;
    }
    if let Some(against) = &options.against {
        let other = with_worker(context, options, cases, Some(against.clone())).await?;
        let first = options
            .worker
            .as_ref()
            .map_or("the worker of this repository".to_owned(), |worker| {
                worker.display().to_string()
            });
        let second = against.display().to_string();
        let text = compare::text((&first, &results), (&second, &other));
        write!(anstream::stdout(), "{text}")?;
    }
    Ok(results.summary.exit_code())
}

/// Runs all cases with one worker.
async fn with_worker(
    context: &Context,
    options: &Options,
    cases: Vec<Case>,
    worker: Option<PathBuf>,
) -> Result<Results, CliError> {
    let expected = Expected::beside(&options.paths)?;
    let environment = Arc::new(environment(worker).await?);
    let mut printer = Printer::new(context, options);
    let summary = tokio::select! {
        summary = runner::run(
            cases,
            options.run_options(),
            move |case: Arc<Case>| {
                let environment = Arc::clone(&environment);
                let expected = expected.clone();
                async move { expected.judge(execute(&case, &environment).await) }
            },
            |event: &Event| printer.take(event),
        ) => summary,
        _ = tokio::signal::ctrl_c() => return Err(CliError::Interrupted),
    };
    Ok(printer.results(summary.took_ms)?)
}

/// Writes the terminal's report and keeps the records for the others.
struct Printer {
    terminal: Option<Terminal<anstream::AutoStream<io::Stdout>>>,
    progress: Progress,
    records: Vec<crate::run::record::CaseRecord>,
    written: io::Result<()>,
}

impl Printer {
    fn new(context: &Context, options: &Options) -> Self {
        let out = anstream::stdout();
        let look = context.look(&out);
        Self {
            terminal: (!options.json).then(|| Terminal::new(out, look)),
            progress: Progress::new(context.interactive),
            records: Vec::new(),
            written: Ok(()),
        }
    }

    fn take(&mut self, event: &Event) {
        self.progress.clear();
        if let Some(terminal) = &mut self.terminal
            && self.written.is_ok()
        {
            self.written = terminal.report(event);
        }
        if let Event::Finished(record) = event {
            self.records.push(record.as_ref().clone());
        }
        self.progress.take(event);
    }

    fn results(self, took_ms: u64) -> io::Result<Results> {
        self.written?;
        Ok(Results::new(self.records, took_ms))
    }
}

fn selected(options: &Options) -> Result<Vec<Case>, CliError> {
    let files = load::find(&options.paths)?;
    let selection = Selection {
        filter: options.filter.clone(),
        tags: options.tag.clone(),
    };
    let mut cases = load::load(&files)?;
    cases.retain(|case| {
        selection.includes(case) && options.shard.is_none_or(|shard| shard.includes(&case.name))
    });
    if cases.is_empty() {
        return Err(CliError::NothingSelected);
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

/// Finds the tools and builds what is missing, on a thread that may take its time.
async fn environment(worker: Option<PathBuf>) -> Result<Environment, CliError> {
    let prepared = tokio::task::spawn_blocking(move || Environment::prepare(worker.as_deref()));
    Ok(prepared.await.map_err(io::Error::from)??)
}

fn list(options: &Options, cases: &[Case]) -> Result<u8, CliError> {
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
        for case in cases {
            writeln!(out, "{}  {}", case.name, case.scenario.title)?;
        }
    }
    Ok(crate::exit::PASSED)
}

impl Options {
    fn run_options(&self) -> RunOptions {
        RunOptions {
            jobs: self
                .jobs
                .unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from)),
            fail_fast: self.fail_fast,
            retries: self.retries,
            limit: self.timeout.map_or(DEFAULT_LIMIT, |limit| limit.0),
        }
    }
}
