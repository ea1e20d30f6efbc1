//! `edgeproof report merge`: the shards of one run as one report.

use std::path::{Path, PathBuf};

use edgeproof_report::target::ReportTarget;
use edgeproof_run::results::{FORMAT, Results};

use super::{CliError, saved};

/// The commands about reports.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Merges the JSON reports of shards.
    Merge(Merge),
}

#[derive(Debug, clap::Args)]
pub(super) struct Merge {
    /// JSON reports that `edgeproof run --report json=FILE` wrote.
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Writes a report: junit=FILE, json=FILE, html=FILE or tap=FILE. Can be given several times.
    #[arg(long = "report", value_name = "FORMAT=FILE", required = true)]
    reports: Vec<ReportTarget>,
}

pub(super) fn report(command: &Command) -> Result<u8, CliError> {
    let Command::Merge(merge) = command;
    let shards = merge
        .files
        .iter()
        .map(|file| read(file))
        .collect::<Result<Vec<_>, _>>()?;
    let results = Results::merged(shards);
    for report in &merge.reports {
        report.write(&results)?;
    }
    Ok(results.summary.exit_code())
}

fn read(path: &Path) -> Result<Results, CliError> {
    let read = saved::read(path, |results: &Results| results.format, FORMAT);
    // A file may be anybody's.
    read.map(Results::visible)
        .map_err(|reason| CliError::Results {
            path: path.to_owned(),
            reason,
        })
}
