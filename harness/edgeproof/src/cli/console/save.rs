//! Calls that somebody picked, as a scenario beside the one that runs.

use std::{collections::BTreeSet, path::Path};

use edgeproof_ground::{causes, shell};
use edgeproof_record::{Call, RecordingError, World, WorldError, call, of_calls};
use edgeproof_scenario::load::Case;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use url::Url;

use super::{
    super::new,
    levers::{Taken, mistakes},
};

/// Letters of the name of a file.
const LONGEST: usize = 80;

/// What is to be saved.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// The name of the file, without its ending.
    name: String,
    /// What the scenario proves.
    title: String,
    /// The rays of the calls.
    calls: BTreeSet<String>,
}

/// Writes the calls that are named in this JSON, with the steps that were taken before them; answers where, and what has to
/// be set for it.
pub(super) fn save(
    world: &super::World,
    case: &Case,
    taken: &[Taken],
    text: &[u8],
) -> Result<Json, String> {
    let file = &case.file;
    let wanted: Wanted = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if !is_name(&wanted.name) {
        return Err(format!(
            "the name of the file begins with a letter or digit and has letters, digits, `-` and `_`, at most {LONGEST}; its ending is added"
        ));
    }
    let is_wanted = |ray: Option<&String>| ray.is_some_and(|ray| wanted.calls.contains(ray));
    let mut calls = call::of_rig(&world.rig, |exchange| is_wanted(exchange.ray.as_ref()));
    if calls.len() < wanted.calls.len() {
        return Err(
            "one of these calls is no visitor's, or so long ago that it is forgotten; pick others"
                .to_owned(),
        );
    }
    let mut steps = taken.iter().peekable();
    for call in &mut calls {
        while let Some(step) = steps.next_if(|step| step.at <= call.started) {
            call.before.push(step.text.clone());
        }
    }
    let page = calls.first().and_then(|call| Url::parse(&call.url).ok());
    let page = page.map_or_else(String::new, |mut page| {
        page.set_path("/");
        page.set_query(None);
        page.into()
    });
    let WorldError::Load(error) = match World::of_case(file, &case.name) {
        Ok(given) => {
            return written(&given, file, &wanted, &page, &calls, &world.run);
        }
        Err(error) => error,
    };
    Err(mistakes(&error))
}

/// Whether a scenario can be called so: `_` begins the names of what others are made of, `-` those of options.
fn is_name(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    name.len() <= LONGEST
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(is_plain)
}

fn written(
    given: &World,
    file: &Path,
    wanted: &Wanted,
    page: &str,
    calls: &[Call],
    run: &str,
) -> Result<Json, String> {
    let out = file.with_file_name(format!("{}.yaml", wanted.name));
    let problem = |error| match error {
        RecordingError::Load(error) => mistakes(&error),
        other => causes::with_causes(&other),
    };
    let recording = of_calls(given, &wanted.name, &wanted.title, page, &[], calls);
    let recording = recording.map_err(problem)?;
    recording.write(&out).map_err(problem)?;
    recording.check(&out).map_err(problem)?;
    new::write_schema(&out).map_err(|error| causes::with_causes(&error))?;
    let names: Vec<&str> = recording.hidden.names().collect();
    let file = out.display().to_string();
    let command = format!("{run} {}", shell::quoted(&file));
    Ok(json!({ "file": file, "variables": names, "command": command }))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("sign_up-2", true)]
    #[case("2", true)]
    #[case("", false)]
    #[case("_defaults", false)]
    #[case("-rf", false)]
    #[case("../a", false)]
    #[case("a.yaml", false)]
    #[case("\u{e9}", false)]
    fn what_is_saved_is_a_scenario_beside_the_one_that_runs(
        #[case] name: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_name(name), expected);
    }
}
