//! `edgeproof report merge`: the shards of one run as one report.

use std::path::{Path, PathBuf};

use edgeproof_report::target::{ReportTarget, write_all};
use edgeproof_run::{
    merge::{MergeError, Merged, merge},
    results::{FORMAT, Results},
};
use edgeproof_scenario::shard::Shard;

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
    /// Writes a report: junit=FILE, json=FILE, html=FILE, tap=FILE, har=FILE, or `github` for annotations and a summary. Can be
    /// given several times.
    #[arg(long = "report", value_name = "FORMAT=FILE", required = true)]
    reports: Vec<ReportTarget>,
}

impl From<MergeError> for CliError {
    fn from(error: MergeError) -> Self {
        Self::Usage(Box::new(error))
    }
}

pub(super) fn report(command: &Command) -> Result<u8, CliError> {
    let Command::Merge(options) = command;
    let read = |file: &PathBuf| Ok((file.display().to_string(), read(file)?));
    let reports = options
        .files
        .iter()
        .map(read)
        .collect::<Result<_, CliError>>()?;
    let Merged { results, missing } = merge(reports)?;
    write_all(&options.reports, &results)?;
    if missing.is_empty() {
        return Ok(results.summary.exit_code());
    }
    let missing: Vec<String> = missing.iter().map(Shard::to_string).collect();
    Err(CliError::ShardsMissing(missing.join(", ")))
}

/// Reads a JSON report.
pub(super) fn read(path: &Path) -> Result<Results, CliError> {
    let read = saved::read(path, |results: &Results| results.format, FORMAT);
    // A file may be anybody's.
    read.map(Results::visible)
        .map_err(|reason| CliError::Results {
            path: path.to_owned(),
            reason,
        })
}
