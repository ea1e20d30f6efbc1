//! What a shell and `man` know of the command.

use std::io::Write;

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use edgeproof_run::exit;

use super::{Arguments, CliError};

/// The options of `completions`.
#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn completions(options: &Completions) -> Result<u8, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(
        options.shell,
        &mut Arguments::command(),
        "edgeproof",
        &mut text,
    );
    anstream::stdout().write_all(&text)?;
    Ok(exit::PASSED)
}

/// One page with every command.
pub(super) fn man() -> Result<u8, CliError> {
    let command = Arguments::command();
    let mut text = Vec::new();
    let page = clap_mangen::Man::new(command.clone());
    page.render(&mut text)?;
    for below in command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
    {
        section(below, &mut text)?;
    }
    anstream::stdout().write_all(&text)?;
    Ok(exit::PASSED)
}

/// A command of the page, with its options.
fn section(command: &Command, text: &mut Vec<u8>) -> std::io::Result<()> {
    let page = clap_mangen::Man::new(command.clone());
    let name = command.get_name().to_uppercase();
    writeln!(text, ".SH \"EDGEPROOF {name}\"")?;
    page.render_description_section(text)?;
    page.render_options_section(text)
}
