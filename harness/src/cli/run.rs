//! `edgeproof run`: the scenarios.

use std::{io::Write, path::PathBuf, sync::Arc, thread};

use super::{CliError, Context};
use crate::{
    report::terminal::Terminal,
    rig::Environment,
    run::{
        event::Event,
        execute::execute,
        runner::{self, RunOptions},
    },
    scenario::{
        load::{self, Case},
        select::{Selection, TagExpression},
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
    /// Only scenarios whose name or title contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Only scenarios whose tags meet this, such as `browser and not slow`.
    #[arg(long, value_name = "EXPR")]
    tag: Option<TagExpression>,
    /// How many at a time; as many as there are cores where it is absent.
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Stops after the first that does not pass.
    #[arg(long)]
    fail_fast: bool,
    /// Names the selected scenarios and runs none.
    #[arg(long)]
    list: bool,
}

pub(super) async fn run(context: &Context, options: &Options) -> Result<u8, CliError> {
    let cases = selected(options)?;
    if options.list {
        return list(&cases);
    }
    let environment = Arc::new(environment(options).await?);
    let out = anstream::stdout();
    let look = context.look(&out);
    let mut terminal = Terminal::new(out, look);
    let mut written = Ok(());
    let summary = tokio::select! {
        summary = runner::run(
            cases,
            options.run_options(),
            move |case: Arc<Case>| {
                let environment = Arc::clone(&environment);
                async move { execute(&case, &environment).await }
            },
            |event: &Event| {
                if written.is_ok() {
                    written = terminal.report(event);
                }
            },
        ) => summary,
        _ = tokio::signal::ctrl_c() => return Err(CliError::Interrupted),
    };
    written?;
    Ok(summary.exit_code())
}

fn selected(options: &Options) -> Result<Vec<Case>, CliError> {
    let files = load::find(&options.paths)?;
    let selection = Selection {
        filter: options.filter.clone(),
        tags: options.tag.clone(),
    };
    let mut cases = load::load(&files)?;
    cases.retain(|case| selection.includes(case));
    if cases.is_empty() {
        return Err(CliError::NothingSelected);
    }
    Ok(cases)
}

/// Finds the tools and builds what is missing, on a thread that may take its time.
async fn environment(options: &Options) -> Result<Environment, CliError> {
    let worker = options.worker.clone();
    let prepared = tokio::task::spawn_blocking(move || Environment::prepare(worker.as_deref()));
    Ok(prepared.await.map_err(std::io::Error::from)??)
}

fn list(cases: &[Case]) -> Result<u8, CliError> {
    let mut out = anstream::stdout().lock();
    for case in cases {
        writeln!(out, "{}  {}", case.name, case.scenario.title)?;
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
        }
    }
}
