//! `edgeproof attacks`: what the filtering node of a running rig has found.

use std::{io::Write, net::SocketAddr};

use super::CliError;
use crate::{
    exit,
    wallarm::{Console, attacks_as_table},
};

/// What can be asked of it.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Where the rig's console listens, as `edgeproof up` prints it.
    #[arg(value_name = "ADDRESS")]
    address: SocketAddr,
    /// Prints JSON, with every hit that was kept.
    #[arg(long)]
    json: bool,
}

pub(super) async fn attacks(options: &Options) -> Result<u8, CliError> {
    let attacks = Console::attacks(options.address).await?;
    let mut out = anstream::stdout();
    if options.json {
        let json = serde_json::to_string_pretty(&attacks).map_err(std::io::Error::other)?;
        writeln!(out, "{json}")?;
    } else {
        write!(out, "{}", attacks_as_table(&attacks))?;
    }
    Ok(exit::PASSED)
}
