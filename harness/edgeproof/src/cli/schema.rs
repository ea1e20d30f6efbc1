//! `edgeproof schema`: the JSON Schema of what people write, for editors.

use std::io::{self, Write};

use clap::ValueEnum;
use edgeproof_run::exit;

use super::CliError;

/// The options of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Of which files.
    #[arg(value_name = "WHAT", default_value = "scenario")]
    of: Of,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Of {
    /// Scenario files.
    Scenario,
    /// Deployment files, for `edgeproof deploy`.
    Deployment,
    /// Target files, for `edgeproof run --target`.
    Target,
}

pub(super) fn schema(options: &Options) -> Result<u8, CliError> {
    let text = match options.of {
        Of::Scenario => edgeproof_scenario::schema::text(),
        Of::Deployment => edgeproof_cloudflare::deploy::schema::text(),
        Of::Target => edgeproof_remote::schema::text(),
    };
    let text = text.map_err(io::Error::from)?;
    write!(anstream::stdout(), "{text}")?;
    Ok(exit::PASSED)
}
