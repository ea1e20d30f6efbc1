//! The suite tells good from bad: other workers fail what they must fail, with messages that say why.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::{path::Path, process::Command};

use edgeproof_run::{exit, record::Verdict, results::Results};

/// Runs scenarios against a worker of `fixtures/workers`, of which some fail; what the terminal showed, and the results.
fn run(worker: &str, arguments: &[&str]) -> (String, Results) {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("results.json");
    let output = Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .current_dir(home)
        .env("NO_COLOR", "1")
        .args(["run", "--worker", &format!("fixtures/workers/{worker}")])
        .args(arguments)
        .arg(format!("--report=json={}", report.display()))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit::FAILED)),
        "{text}"
    );
    let results: Results = serde_json::from_str(&std::fs::read_to_string(report).unwrap()).unwrap();
    assert_eq!(results.summary.errors, 0, "{text}");
    (text, results)
}

fn verdict(results: &Results, name: &str) -> &'static str {
    let case = results.cases.iter().find(|case| case.name == name);
    case.unwrap().verdict.word()
}

#[test]
fn a_worker_that_only_forwards_fails_what_it_must_fail() {
    let (text, results) = run("pass-through", &["--tag", "http and (flow or faults)"]);
    for name in [
        "flow::no_signals_fail_closed",
        "flow::page_gets_one_script",
        "faults::fingerprint_down::closed::refused",
        "faults::fingerprint_down::closed::error",
        "faults::fingerprint_down::closed::silent",
    ] {
        assert_eq!(verdict(&results, name), "failed", "{name}");
    }
    assert_eq!(verdict(&results, "flow::no_signals_fail_open"), "passed");

    for told in [
        "expected status 403, got 201",
        "the path of POST https://shop.example/api/create-account:",
        "worker → origin",
        "inserted, but nothing",
    ] {
        assert!(text.contains(told), "`{told}` is not in:\n{text}");
    }
}

#[test]
fn a_worker_that_wraps_fetch_alone_misses_every_other_way_to_call() {
    let files = ["fetch_relative", "form_enter", "beacon"]
        .map(|name| format!("scenarios/instrumentation/{name}.yaml"));
    let (text, results) = run("plain-js", &files.each_ref().map(String::as_str));
    for (name, expected) in [
        ("instrumentation::fetch_relative", "passed"),
        ("instrumentation::form_enter", "failed"),
        ("instrumentation::beacon", "observed"),
    ] {
        assert_eq!(verdict(&results, name), expected, "{name}:\n{text}");
    }
}

#[test]
fn a_worker_that_blocks_its_pages_fails_and_leaves_no_doubt() {
    let (text, results) = run("blocks-pages", &["fixtures/blocked/page.yaml"]);
    for (way, told) in [
        (
            "script",
            "expected the load of https://shop.example/signup within 3s",
        ),
        ("late_script", "the page did not respond"),
        ("dialog", "the page opened a confirm `Leave?`"),
        ("cover", "<div>Blocked</div> covers it"),
    ] {
        let case = results
            .cases
            .iter()
            .find(|case| case.name.ends_with(&format!("::{way}")));
        let Verdict::Failed(failures) = &case.unwrap().verdict else {
            panic!("{way} did not fail:\n{text}");
        };
        let failure = failures[0].sentence();
        assert!(failure.contains(told), "{way}: {failure}");
    }
}
