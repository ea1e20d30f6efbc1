//! The command as people meet it: what it writes and its exit code. Nothing here starts a rig.
//!
//! Golden texts lie in `fixtures/golden/cli`; `UPDATE_GOLDEN=1` writes them anew.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use edgeproof::exit;
use rstest::rstest;

/// A file with a mistake of every kind that is found while reading.
const MISTAKES: &str = "\
scenario: Mistakes
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments:
    flow:
      protected_apis: [post shop.example/api]
      failure_mode: shut
      rulset: none
  visitors:
    ann: { profile: incognito, ip: here }
steps:
  - visit: https://shop.example/
    expect: { staus: 200, within: soon }
  - click: '#a'
    fill: { '#b': c }
";

const GOOD: &str = "\
scenario: A good one
tags: [good]
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments:
    flow:
      identification_pages: [shop.example/signup]
      protected_apis: [POST shop.example/api/login]
steps:
  - request: GET https://shop.example/
";

const NAMES: &str = "\
scenario: Names
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  visitors: { ann: { profile: regular } }
steps:
  - visit: https://shop.exmaple/
    as: anne
";

fn edgeproof(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "100")
        .output()
        .unwrap()
}

#[rstest]
#[case::mistakes("mistakes", &["run", "mistakes.yaml"], exit::USAGE)]
#[case::names("names", &["run", "names.yaml"], exit::USAGE)]
#[case::not_yaml("not_yaml", &["run", "not_yaml.yaml"], exit::USAGE)]
#[case::no_such_path("no_such_path", &["run", "none.yaml"], exit::USAGE)]
#[case::nothing_selected("nothing_selected", &["run", "--tag", "other", "good.yaml"], exit::NOTHING)]
#[case::wrong_tag("wrong_tag", &["run", "--tag", "a b", "good.yaml"], exit::USAGE)]
#[case::wrong_report("wrong_report", &["run", "--report", "pdf=x", "good.yaml"], exit::USAGE)]
#[case::list("list", &["run", "--list", "good.yaml"], exit::PASSED)]
#[case::list_json("list_json", &["run", "--list", "--json", "good.yaml"], exit::PASSED)]
#[case::check("check", &["check", "good.yaml"], exit::FAILED)]
#[case::explain("explain", &["explain", "exact-pattern"], exit::PASSED)]
#[case::no_such_lint("no_such_lint", &["explain", "none"], exit::USAGE)]
fn a_command_answers_as_its_golden_text(
    #[case] name: &str,
    #[case] arguments: &[&str],
    #[case] code: u8,
) {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("mistakes.yaml", MISTAKES),
        ("names.yaml", NAMES),
        ("good.yaml", GOOD),
        ("not_yaml.yaml", "scenario: a: b\n"),
    ] {
        fs::write(folder.path().join(file), text).unwrap();
    }
    let output = edgeproof(folder.path(), arguments);
    let text = format!(
        "$ edgeproof {}\n{}{}exit code {}\n",
        arguments.join(" "),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
        output.status.code().unwrap(),
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures/golden/cli")
        .join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    assert_eq!(
        text,
        fs::read_to_string(&path).unwrap(),
        "{}",
        path.display()
    );
    assert_eq!(output.status.code(), Some(i32::from(code)));
}

#[test]
fn shards_are_merged_into_one_report() {
    let folder = tempfile::tempdir().unwrap();
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/golden/reports/report.json");
    let golden = golden.to_str().unwrap();
    let output = edgeproof(
        folder.path(),
        &[
            "report",
            "merge",
            golden,
            golden,
            "--report",
            "tap=out/all.tap",
        ],
    );
    // One of the cases in it was an error of the harness.
    assert_eq!(output.status.code(), Some(i32::from(exit::HARNESS)));
    let tap = fs::read_to_string(folder.path().join("out/all.tap")).unwrap();
    assert!(tap.starts_with("TAP version 13\n1..8\n"), "{tap}");
}

#[test]
fn a_report_that_cannot_be_read_is_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), "{}").unwrap();
    let output = edgeproof(
        folder.path(),
        &["report", "merge", "a.json", "--report", "tap=b"],
    );
    assert_eq!(output.status.code(), Some(i32::from(exit::USAGE)));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("`a.json` is not a JSON report"), "{text}");
}
