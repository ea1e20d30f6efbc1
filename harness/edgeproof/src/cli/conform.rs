//! `edgeproof conform`: what a worker meets of the claims that every such worker should.

use std::{io::Write, path::PathBuf};

use edgeproof_browser::Engine;
use edgeproof_ground::tools;
use edgeproof_origin::launch;
use edgeproof_report::{
    conformance::{Conformance, SUBJECTS},
    target::{ReportTarget, write_all},
};
use edgeproof_rig::check_worker;
use edgeproof_run::execute::Details;
use edgeproof_scenario::select::TagExpression;

use super::{CliError, Context, interrupt::unless_ended, reading::Reading, run};

/// The options of `conform`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The worker: a folder, a script (.js, .mjs, .ts), or a wrangler.json, .jsonc or .toml, with #NAME for one of its
    /// environments [default: the worker of this repository].
    #[arg(long, value_name = "DIR")]
    worker: Option<PathBuf>,
    /// A second worker, to stand beside it. The first decides the exit code.
    #[arg(long, value_name = "DIR")]
    against: Option<PathBuf>,
    /// Only claims whose tags match this expression, such as `connector` or `http and not limits`. With `ours` in it, ways
    /// of the worker of this repository are claims too.
    #[arg(long, value_name = "EXPR")]
    tag: Option<TagExpression>,
    /// Only claims whose name or title contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Visitors with a browser come with this one: chromium or firefox [default: chromium].
    #[arg(long, value_name = "ENGINE")]
    engine: Option<Engine>,
    /// Runs the workers without the bindings that are not emulated (KV, D1, queues, Durable Objects and so on).
    #[arg(long)]
    allow_missing_bindings: bool,
    /// How many claims are tried at the same time [default: two for each core].
    #[arg(long, value_name = "N")]
    jobs: Option<usize>,
    /// Writes a report of the first worker: junit=FILE, json=FILE, html=FILE, tap=FILE, or `github`. Can be given several
    /// times.
    #[arg(long = "report", value_name = "FORMAT=FILE")]
    reports: Vec<ReportTarget>,
}

pub(super) async fn conform(context: &Context, options: &Options) -> Result<u8, CliError> {
    let apps = launch::Pool::default();
    let done = unless_ended(compared(context, options, &apps)).await;
    apps.end().await;
    done
}

async fn compared(
    context: &Context,
    options: &Options,
    apps: &launch::Pool,
) -> Result<u8, CliError> {
    // Before it fails a thousand claims.
    for worker in options.worker.iter().chain(&options.against) {
        let checked = check_worker(worker, options.allow_missing_bindings);
        checked.map_err(|error| CliError::Usage(Box::new(error)))?;
    }
    let first = options.run_of(options.worker.clone());
    let results = run::quietly(context, &first, apps)
        .await
        .map_err(of_claims)?;
    let reported = write_all(&options.reports, &results);
    let claims = Conformance::of(&results);
    let name = first.worker_in_words();
    let mut out = anstream::stdout();
    write!(out, "{}", claims.text(&name))?;
    if let Some(against) = &options.against {
        let second = options.run_of(Some(against.clone()));
        let results = run::quietly(context, &second, apps).await?;
        let other = Conformance::of(&results);
        let names = (name.as_str(), &*against.display().to_string());
        write!(out, "{}", claims.beside(&other, names))?;
    }
    reported?;
    Ok(claims.exit_code())
}

/// Where nothing is left of the claims it is no list of scenarios that helps.
fn of_claims(error: CliError) -> CliError {
    match error {
        CliError::NothingSelected => CliError::NothingClaimed,
        other => other,
    }
}

impl Options {
    /// The claims with one worker.
    fn run_of(&self, worker: Option<PathBuf>) -> run::Options {
        let details = match self.reports.iter().any(ReportTarget::has_details) {
            true => Details::Failed,
            false => Details::None,
        };
        let subjects = SUBJECTS.iter().map(|subject| subject.tag);
        run::Options {
            paths: vec![tools::home().join("scenarios")],
            reading: Reading::allowing_missing_bindings(self.allow_missing_bindings),
            tag: TagExpression::one_of(subjects, self.tag.clone()),
            filter: self.filter.clone(),
            worker,
            engine: self.engine,
            jobs: self.jobs,
            details: Some(details),
            // Nothing is printed of each.
            json: true,
            ..run::Options::default()
        }
    }
}
