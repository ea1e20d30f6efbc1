//! `edgeproof bench`: what a worker costs, against what the same visits cost without it.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    str::FromStr,
};

use edgeproof_bench::{
    self as bench, Contender, FORMAT, MINIMAL, ORIGIN, PASS_THROUGH, Plan, Progress, Results, Role,
    budget::{Budget, Limit},
    compare, html, table,
};
use edgeproof_build::{WorkerBuild, build_worker};
use edgeproof_document::{file, read};
use edgeproof_ground::tools::{self, Tool};
use edgeproof_report::target;
use edgeproof_run::exit;

use super::{CliError, Context, apart::apart, interrupt::unless_ended, saved};

/// The name of the worker of this repository.
const OURS: &str = "worker";

/// The options of `bench`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A worker to measure, in any form that `run --worker` takes [default: the worker of this repository]. Can be given
    /// several times.
    #[arg(long = "worker", value_name = "DIR")]
    workers: Vec<PathBuf>,
    /// A worker to compare the measured ones with, in addition to the baselines. Can be given several times.
    #[arg(long, value_name = "DIR")]
    against: Vec<PathBuf>,
    /// Writes the results as JSON, for programs and for `--compare`.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes a report: html=FILE.
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<Html>,
    /// Shows what has changed since the run that wrote this JSON.
    #[arg(long, value_name = "OLD.json")]
    compare: Option<PathBuf>,
    /// Fails where a worker certainly takes more than this file allows: a list of {case, metric, against, ratio}, and `worker`
    /// where there are several.
    #[arg(long, value_name = "FILE")]
    budget: Option<PathBuf>,
    /// Measures only the most important cases, in fewer rounds: 5 minutes instead of 25.
    #[arg(long)]
    short: bool,
    /// Measures only the cases whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
}

/// The file of an HTML report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Html(pub(super) PathBuf);

impl FromStr for Html {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some(("html", file)) if !file.is_empty() => Ok(Self(file.into())),
            _ => Err(format!("`{text}` is not a report; write html=FILE")),
        }
    }
}

pub(super) async fn bench(context: &Context, options: &Options) -> Result<u8, CliError> {
    // Everything that can be wrong with the command is found before 20 minutes of measuring.
    let earlier = options.compare.as_deref().map(earlier_run).transpose()?;
    let budget = options.budget.as_deref();
    let budget = budget.map(|path| file::load(path, read::read::<Budget>));
    let budget = budget.transpose()?;
    let filter = options.filter.as_deref();
    if Plan::new(Vec::new(), options.short, filter).is_empty() {
        return Err(CliError::NothingToMeasure);
    }
    let workerd = tools::find(Tool::Workerd)?;
    let (workers, against) = (options.workers.clone(), options.against.clone());
    let results = unless_ended(async {
        let contenders = apart(move || contenders(&workers, &against)).await??;
        let plan = Plan::new(contenders, options.short, filter);
        if let Some(budget) = &budget {
            bench::budget::check(budget, &plan).map_err(|error| CliError::Usage(error.into()))?;
        }
        measured(workerd, plan, context.interactive).await
    });
    let results = results.await?;
    show(options, &results, earlier.as_ref())?;
    let is_exceeded = show_budget(budget.as_deref().unwrap_or_default(), &results)?;
    Ok(match is_exceeded || results.has_failures() {
        true => exit::FAILED,
        false => exit::PASSED,
    })
}

/// Says how each limit was kept, and whether one was not.
fn show_budget(budget: &[Limit], results: &Results) -> Result<bool, CliError> {
    let mut out = anstream::stdout();
    let mut is_exceeded = false;
    for (index, kept) in bench::budget::kept(budget, results).iter().enumerate() {
        if index == 0 {
            writeln!(out)?;
        }
        writeln!(out, "{kept}")?;
        is_exceeded |= kept.is_exceeded();
    }
    Ok(is_exceeded)
}

fn show(options: &Options, results: &Results, earlier: Option<&Results>) -> Result<(), CliError> {
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(results).map_err(io::Error::from);
        target::put(file, text.map(|text| text + "\n"))?;
    }
    for Html(file) in &options.reports {
        target::put(file, Ok(html::text(results, earlier)))?;
    }
    let mut out = anstream::stdout();
    write!(out, "{}", table::text(results))?;
    if let Some(earlier) = earlier {
        write!(out, "\n{}", compare::text(earlier, results))?;
    }
    Ok(())
}

/// The baselines, then the workers under test.
fn contenders(workers: &[PathBuf], against: &[PathBuf]) -> Result<Vec<Contender>, CliError> {
    let fixture = |name: &str| {
        let directory = tools::home().join("fixtures/workers").join(name);
        Contender::worker(name, Role::Baseline, &directory)
    };
    let mut contenders = vec![Contender::origin(), fixture(PASS_THROUGH), fixture(MINIMAL)];
    let is_ours = workers.is_empty();
    let directories: Vec<PathBuf> = against.iter().chain(workers).cloned().collect();
    let names = bench::names(&directories, &[ORIGIN, PASS_THROUGH, MINIMAL, OURS]);
    for (index, (name, directory)) in names.into_iter().zip(&directories).enumerate() {
        let role = match index < against.len() {
            true => Role::Baseline,
            false => Role::UnderTest,
        };
        contenders.push(Contender::worker(name, role, directory));
    }
    if is_ours {
        let built = build_worker(&WorkerBuild::default())?;
        contenders.push(Contender::worker(OURS, Role::UnderTest, &built));
    }
    Ok(contenders)
}

/// Measures on a thread of its own, which has an async runtime of its own.
async fn measured(workerd: PathBuf, plan: Plan, is_shown: bool) -> Result<Results, CliError> {
    let measured = apart(move || {
        // Where nothing can be written there is nobody to tell.
        let mut progress = |now: Progress<'_>| {
            let _ = if is_shown {
                write!(anstream::stderr(), "\r\x1b[2K{now}")
            } else if now.round == 1 {
                writeln!(anstream::stderr(), "{}", now.case)
            } else {
                Ok(())
            };
        };
        let measured = bench::run(&workerd, &plan, &mut progress);
        if is_shown {
            let _ = write!(anstream::stderr(), "\r\x1b[2K");
        }
        measured
    });
    Ok(measured.await??)
}

fn earlier_run(path: &Path) -> Result<Results, CliError> {
    saved::read(path, |results: &Results| results.format, FORMAT).map_err(|reason| {
        CliError::Measurements {
            path: path.to_owned(),
            reason,
        }
    })
}
