//! `edgeproof check` reads scenarios, runs none, and warns of what bites in production; `edgeproof explain` says why.

use std::{io::Write, path::PathBuf};

use edgeproof_run::exit;
use edgeproof_scenario::{lint, load};

use super::{CliError, Context};

/// The options of `check`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Scenario files, or folders of them.
    #[arg(value_name = "PATH", default_value = "scenarios")]
    paths: Vec<PathBuf>,
}

/// The options of `explain`.
#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// The id of a warning [default: all of them].
    #[arg(value_name = "ID")]
    id: Option<String>,
}

pub(super) fn check(context: &Context, options: &Options) -> Result<u8, CliError> {
    let cases = load::load(&load::find(&options.paths)?)?;
    let mut out = anstream::stdout();
    let style = context.style(&out);
    let mut warnings: Vec<String> = Vec::new();
    for case in &cases {
        for warning in lint::lint(case) {
            let text = warning.render(&case.sources, style);
            // The combinations of a matrix share most of what is wrong with them.
            if !warnings.contains(&text) {
                warnings.push(text);
            }
        }
    }
    for warning in &warnings {
        writeln!(out, "{warning}")?;
    }
    let cases = match cases.len() {
        1 => "1 scenario".to_owned(),
        more => format!("{more} scenarios"),
    };
    if warnings.is_empty() {
        writeln!(out, "checked {cases}: no warnings")?;
        return Ok(exit::PASSED);
    }
    let warned = match warnings.len() {
        1 => "1 warning".to_owned(),
        more => format!("{more} warnings"),
    };
    writeln!(
        out,
        "checked {cases}: {warned}. `edgeproof explain ID` explains a warning; `allow: [ID]` in the scenario accepts it."
    )?;
    Ok(exit::FAILED)
}

pub(super) fn explain(options: &Explain) -> Result<u8, CliError> {
    let mut out = anstream::stdout();
    let mut found = false;
    for lint in lint::LINTS {
        if options.id.as_ref().is_none_or(|id| id == lint.id) {
            writeln!(out, "{}\n  {}\n", lint.id, lint.explanation)?;
            found = true;
        }
    }
    match (&options.id, found) {
        (Some(id), false) => Err(CliError::NoSuchLint(id.clone())),
        _ => Ok(exit::PASSED),
    }
}
