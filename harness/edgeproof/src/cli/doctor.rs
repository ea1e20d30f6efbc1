//! `edgeproof doctor`: what is installed, which versions, and what is missing.

use std::{io::Write, path::PathBuf};

use edgeproof_ground::tools::{self, Tool, ToolError};
use edgeproof_run::exit;
use serde_json::{Value as Json, json};

use super::{CliError, program, project::Project};

/// The options of `doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

/// A tool that is there, and its version where it says one.
type Found = (PathBuf, Option<String>);

pub(super) fn doctor(options: &Options) -> Result<u8, CliError> {
    let found = Tool::ALL.map(|tool| {
        let found = tools::find(tool).and_then(|path| {
            let version = tools::checked_version(tool, &path)?;
            Ok((path, version))
        });
        (tool, found)
    });
    if options.json {
        let tools: Vec<Json> = found.iter().map(as_json).collect();
        let all = json!({ "edgeproof": env!("CARGO_PKG_VERSION"), "tools": tools });
        writeln!(anstream::stdout(), "{all:#}")?;
    } else {
        let mut out = anstream::stdout();
        writeln!(out, "edgeproof  {}", env!("CARGO_PKG_VERSION"))?;
        for (tool, found) in &found {
            let name = tool.name();
            match found {
                Ok((path, version)) => {
                    let version = version.as_deref().unwrap_or("unknown version");
                    writeln!(out, "{name:<9}  {version}  ({})", path.display())?;
                }
                Err(error) if tool.is_optional() => {
                    writeln!(
                        out,
                        "{name:<9}  missing, only needed for {}: {error}",
                        tool.use_of()
                    )?;
                }
                Err(error @ ToolError::Old { .. }) => writeln!(out, "{name:<9}  too old: {error}")?,
                Err(error) => writeln!(out, "{name:<9}  missing: {error}")?,
            }
        }
    }
    let mut needed = found.into_iter().filter(|(tool, _)| !tool.is_optional());
    if let Some(missing) = needed.find_map(|(_, found)| found.err()) {
        return Err(missing.into());
    }
    if !options.json {
        let scenarios = Project::find().map(|project| project.scenarios(&[]));
        let are_there = |paths: Vec<PathBuf>| paths.iter().any(|path| path.exists());
        let next = if scenarios.is_ok_and(are_there) {
            "run"
        } else {
            "init"
        };
        writeln!(
            anstream::stdout(),
            "Everything that is needed is installed. Next: {} {next}",
            program::name()
        )?;
    }
    Ok(exit::PASSED)
}

fn as_json((tool, found): &(Tool, Result<Found, ToolError>)) -> Json {
    match found {
        Ok((path, version)) => json!({ "name": tool.name(), "path": path, "version": version }),
        Err(error @ ToolError::Old { path, version }) => {
            json!({ "name": tool.name(), "path": path, "version": version, "old": error.to_string() })
        }
        Err(error) => {
            json!({ "name": tool.name(), "missing": error.to_string(), "optional": tool.is_optional() })
        }
    }
}
