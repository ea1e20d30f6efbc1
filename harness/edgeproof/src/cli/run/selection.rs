//! The cases that a run is about.

use std::io::{self, Write};

use edgeproof_run::exit;
use edgeproof_scenario::load::{Broken, Case, Loaded};

use super::options::{ChosenShard, Options};
use crate::cli::{CliError, reading};

/// The cases that are meant. A file with mistakes among them is an error; others are left out, and told.
pub(super) fn selected(
    options: &Options,
    shard: Option<&ChosenShard>,
    loaded: Loaded,
) -> Result<Vec<Case>, CliError> {
    let selection = options.selection();
    let unknown = selection.unknown_tag(&loaded);
    let selected = selection.of(loaded);
    if !selected.broken.is_empty() {
        return Err(reading::mistakes(selected.broken));
    }
    left_out(&selected.left_out)?;
    let mut cases = selected.cases;
    if cases.is_empty() {
        return Err(nothing_selected(unknown));
    }
    // Where there are more machines than scenarios, some have nothing to do, and do it well.
    if let Some(shard) = shard {
        cases = shard.of(cases);
    }
    let repeated = cases.iter().flat_map(|case| {
        (1..=options.repeat.max(1)).map(|round| {
            let mut case = case.clone();
            if round > 1 {
                case.name = format!("{}#{round}", case.name);
            }
            case
        })
    });
    Ok(repeated.collect())
}

/// Why there is nothing, as far as it is known: a tag that nothing has, with those that there are.
fn nothing_selected(unknown: Option<(String, Vec<String>)>) -> CliError {
    unknown.map_or(CliError::NothingSelected, |(tag, known)| {
        CliError::NoSuchTag { tag, known }
    })
}

/// Says which files nobody will hear of.
fn left_out(broken: &[Broken]) -> io::Result<()> {
    for broken in broken {
        let file = broken.file.display();
        writeln!(
            anstream::stderr(),
            "edgeproof: {file} has mistakes and is left out; `edgeproof check {file}` shows them"
        )?;
    }
    Ok(())
}

/// Lists the cases that are meant, and then what is wrong with files that may be meant as well.
pub(super) fn list(options: &Options) -> Result<u8, CliError> {
    let shard = options.chosen_shard()?;
    let selection = options.selection();
    let loaded = options.reading.load(&options.paths)?;
    let unknown = selection.unknown_tag(&loaded);
    let selected = selection.of(loaded);
    let mut cases = selected.cases;
    let is_empty = cases.is_empty();
    if let Some(shard) = &shard {
        cases = shard.of(cases);
    }
    let mut out = anstream::stdout().lock();
    if options.json {
        let cases: Vec<_> = cases
            .iter()
            .map(|case| {
                serde_json::json!({
                    "name": case.name,
                    "title": case.scenario.title,
                    "file": case.file,
                    "tags": case.scenario.tags,
                })
            })
            .collect();
        writeln!(out, "{:#}", serde_json::Value::from(cases))?;
    } else {
        for case in &cases {
            writeln!(out, "{}  {}", case.name, case.scenario.title)?;
        }
    }
    left_out(&selected.left_out)?;
    if !selected.broken.is_empty() {
        return Err(reading::mistakes(selected.broken));
    }
    if is_empty {
        return Err(nothing_selected(unknown));
    }
    Ok(exit::PASSED)
}
