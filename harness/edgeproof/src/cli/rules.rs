//! `edgeproof rules test RULESET EVENT.json`: evaluates a ruleset offline and says which clause decided.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use edgeproof_fingerprint::{Ruleset, ruleset_id};
use edgeproof_run::exit;
use serde_json::Value as Json;

use super::CliError;

#[derive(Debug, Args)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Evaluates a ruleset for one event and explains the decision.
    Test {
        /// The ruleset, as in `fixtures/rulesets`.
        ruleset: PathBuf,
        /// The event: JSON as the Server API returns it.
        event: PathBuf,
    },
}

/// Why a ruleset could not be tested.
#[derive(Debug, thiserror::Error)]
enum RulesError {
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The ruleset is not one.
    #[error("{path} is not a ruleset: {source}")]
    Ruleset {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        source: Box<serde_saphyr::Error>,
    },
    /// The event is not a JSON object.
    #[error("{path} is not an event: {reason}")]
    Event {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        reason: String,
    },
}

impl From<RulesError> for CliError {
    fn from(error: RulesError) -> Self {
        Self::Usage(Box::new(error))
    }
}

pub(super) fn rules(options: &Options) -> Result<u8, CliError> {
    let Command::Test { ruleset, event } = &options.command;
    let name = ruleset.file_stem().unwrap_or_default().to_string_lossy();
    let report = read_ruleset(ruleset)?.report(&ruleset_id(&name), &read_event(event)?);
    write!(anstream::stdout(), "{report}")?;
    Ok(exit::PASSED)
}

fn read_ruleset(path: &Path) -> Result<Ruleset, RulesError> {
    serde_saphyr::from_str(&read(path)?).map_err(|source| RulesError::Ruleset {
        path: path.to_owned(),
        source: Box::new(source),
    })
}

fn read_event(path: &Path) -> Result<Json, RulesError> {
    let wrong = |reason| RulesError::Event {
        path: path.to_owned(),
        reason,
    };
    let event: Json =
        serde_json::from_str(&read(path)?).map_err(|error| wrong(error.to_string()))?;
    if event.is_object() {
        Ok(event)
    } else {
        Err(wrong("it is not a JSON object".to_owned()))
    }
}

fn read(path: &Path) -> Result<String, RulesError> {
    fs::read_to_string(path).map_err(|source| RulesError::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn test(ruleset: &str, event: &str) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let (rules, events) = (
            folder.path().join("rules.yaml"),
            folder.path().join("event.json"),
        );
        fs::write(&rules, ruleset).unwrap();
        fs::write(&events, event).unwrap();
        let read = || {
            Ok::<_, RulesError>(
                read_ruleset(&rules)?
                    .report("rs", &read_event(&events)?)
                    .to_string(),
            )
        };
        read().map_err(|error| error.to_string())
    }

    #[test]
    fn a_test_prints_what_decided() {
        let report = test(
            "rules: [{ if: incognito, block: {} }]",
            r#"{ "incognito": true }"#,
        )
        .unwrap();
        assert!(
            report.ends_with("rule 1 decides: block with 403\n"),
            "{report}"
        );
    }

    #[rstest]
    #[case(
        "rules:\n  - { if: incognit, block: {} }",
        "{}",
        "did you mean `incognito`?"
    )]
    #[case("rule: []", "{}", "is not a ruleset")]
    #[case("rules: []", "[]", "is not an event: it is not a JSON object")]
    #[case(
        "rules: []",
        "{",
        "is not an event: EOF while parsing an object at line 1 column 1"
    )]
    fn a_file_that_is_wrong_is_named_with_what_is_wrong(
        #[case] ruleset: &str,
        #[case] event: &str,
        #[case] message: &str,
    ) {
        let error = test(ruleset, event).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}
