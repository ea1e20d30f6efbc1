//! `edgeproof build`: the worker of this repository, ready to be deployed.

use std::{io::Write, path::PathBuf};

use edgeproof_build::{WorkerBuild, build_parts, build_worker};
use edgeproof_run::exit;

use super::CliError;

/// The options of `build`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The directory for `index.js` and `index_bg.wasm`.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Collects everything that a released command has inside, the worker among it, in this directory.
    #[arg(long, value_name = "DIR", conflicts_with = "out")]
    parts: Option<PathBuf>,
}

pub(super) fn build(options: &Options) -> Result<u8, CliError> {
    if let Some(parts) = &options.parts {
        build_parts(parts)?;
        writeln!(anstream::stdout(), "{}", parts.display())?;
        return Ok(exit::PASSED);
    }
    let built = build_worker(&WorkerBuild {
        out: options.out.clone(),
    })?;
    writeln!(anstream::stdout(), "{}", built.display())?;
    Ok(exit::PASSED)
}
