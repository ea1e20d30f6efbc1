use std::path::{Path, PathBuf};

use edgeproof_document::{
    LoadError,
    node::{Meaning, Value, YamlNode},
    problem::Problem,
    yaml,
};
use edgeproof_ground::tools;
use edgeproof_test_support::golden::assert_golden;
use rstest::rstest;
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::load;

/// A file as the editor's validator sees it.
fn json_of(node: &YamlNode) -> Json {
    match &node.value {
        Value::Plain(plain) => match plain.meaning {
            Meaning::Null => Json::Null,
            Meaning::Bool(value) => json!(value),
            Meaning::Integer(value) => json!(value),
            Meaning::Float(value) => json!(value),
        },
        Value::Text(text) => json!(text),
        Value::List(items) => items.iter().map(json_of).collect(),
        Value::Map(entries) => Json::Object(
            entries
                .iter()
                .map(|(key, value)| (key.text.clone(), json_of(value)))
                .collect::<Map<_, _>>(),
        ),
    }
}

fn mistakes(text: &str) -> Vec<String> {
    let validator = jsonschema::validator_for(schema().as_value()).unwrap();
    let file = json_of(&yaml::parse(0, text).unwrap());
    validator
        .iter_errors(&file)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

fn scenario_files() -> Vec<PathBuf> {
    load::find(&[tools::home().join("scenarios")]).unwrap()
}

#[test]
fn the_published_schema_is_the_readers() {
    assert_golden("scenarios/schema.json", &text().unwrap());
}

#[test]
fn every_scenario_file_and_every_default_meets_the_schema() {
    let files = scenario_files();
    let defaults = files
        .iter()
        .filter_map(|file| file.parent().map(|folder| folder.join("_defaults.yaml")))
        .filter(|file| file.is_file());
    let mut wrong = Vec::new();
    for file in files.iter().cloned().chain(defaults) {
        let text = std::fs::read_to_string(&file).unwrap();
        let found = mistakes(&text);
        if !found.is_empty() {
            wrong.push(format!("{}: {found:?}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[rstest]
#[case("step: []", "unknown key `step`", "step")]
#[case("steps: [{clik: a}]", "unknown key `clik`", "clik")]
#[case("steps: [{click: a, expect: {status: maybe}}]", "maybe", "maybe")]
#[case(
    "steps: [{click: a, expect: {headers: {x: {contain: y}}}}]",
    "contain",
    "contain"
)]
#[case(
    "given: {deployments: {flow: {failure_mode: shut}}}\nsteps: []",
    "shut",
    "shut"
)]
#[case(
    "given: {visitors: {ann: {profile: chrome}}}\nsteps: []",
    "chrome",
    "chrome"
)]
#[case(
    "matrix: {mode: []}\nsteps: []",
    "this list of the matrix is empty",
    "/matrix: {\"mode\":[]} is not valid"
)]
fn what_the_reader_refuses_the_schema_refuses(
    #[case] text: &str,
    #[case] read: &str,
    #[case] by_schema: &str,
) {
    let text = format!("scenario: a\n{text}\n");
    let LoadError::Mistakes(found) = load::load_text(Path::new("a.yaml"), &text).unwrap_err()
    else {
        panic!("{text} was not read at all");
    };
    let says_so =
        |Problem { message, label, .. }: &Problem| message.contains(read) || label.contains(read);
    assert!(
        found.iter().any(|mistake| says_so(&mistake.problem)),
        "{found:?}"
    );
    let found = mistakes(&text);
    assert!(
        found.iter().any(|mistake| mistake.contains(by_schema)),
        "{found:?}"
    );
}

#[rstest]
#[case(
    "scenario: a\nmatrix: {mode: {x: {status: 403}}}\nsteps: [{request: 'GET https://shop.example/', expect: {status: '${mode.status}'}}]\n"
)]
#[case("scenario: a\ngiven: {visitors: {ann: }}\nsteps: []\n")]
#[case("include: other.yaml\n")]
fn what_may_be_written_meets_the_schema(#[case] text: &str) {
    assert_eq!(mistakes(text), Vec::<String>::new());
}

/// A piece of a file as a whole one.
fn whole(piece: &str) -> String {
    if piece.starts_with("    expect:") {
        format!("steps:\n  - click: a\n{piece}")
    } else if piece.starts_with("  - ") {
        format!("steps:\n{piece}")
    } else {
        piece.to_owned()
    }
}

#[rstest]
#[case("README.md", 1)]
#[case("scenarios/README.md", 8)]
#[case("harness/cloudflare/src/deploy/README.md", 2)]
#[case("harness/fingerprint/README.md", 1)]
fn every_example_of_the_readmes_meets_the_schema(#[case] path: &str, #[case] examples: usize) {
    let readme = std::fs::read_to_string(tools::home().join(path)).unwrap();
    let pieces: Vec<&str> = readme
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(pieces.len(), examples, "{pieces:?}");
    for piece in pieces {
        assert_eq!(mistakes(&whole(piece)), Vec::<String>::new(), "{piece}");
    }
}
