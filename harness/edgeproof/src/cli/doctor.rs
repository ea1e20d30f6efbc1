//! `edgeproof doctor`: what is installed, which versions, and what is missing.

use std::io::Write;

use edgeproof_ground::tools::{self, Tool};
use edgeproof_run::exit;

use super::CliError;

pub(super) fn doctor() -> Result<u8, CliError> {
    let mut out = anstream::stdout();
    let mut missing = None;
    writeln!(out, "edgeproof  {}", env!("CARGO_PKG_VERSION"))?;
    for tool in Tool::ALL {
        let name = tool.name();
        match tools::find(tool) {
            Ok(path) => {
                let version = tools::version(&path).unwrap_or_else(|| "unknown version".to_owned());
                writeln!(out, "{name:<9}  {version}  ({})", path.display())?;
            }
            Err(error) => {
                writeln!(out, "{name:<9}  missing: {error}")?;
                missing = Some(error);
            }
        }
    }
    match missing {
        None => {
            writeln!(
                out,
                "Everything is installed. Next: edgeproof run scenarios/"
            )?;
            Ok(exit::PASSED)
        }
        Some(error) => Err(error.into()),
    }
}
