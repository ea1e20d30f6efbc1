//! The suite tells good from bad: a worker that only forwards fails what it must fail, with messages that say why.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{path::Path, process::Command};

use edgeproof::{exit, run::results::Results};

#[test]
fn a_worker_that_only_forwards_fails_what_it_must_fail() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("results.json");
    let output = Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .current_dir(home)
        .env("NO_COLOR", "1")
        .args(["run", "--worker", "fixtures/workers/pass-through"])
        .args(["--tag", "http and (flow or faults)"])
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
    let verdict = |name: &str| {
        let case = results.cases.iter().find(|case| case.name == name);
        case.unwrap().verdict.word()
    };
    for name in [
        "flow::no_signals_fail_closed",
        "flow::page_gets_one_script",
        "faults::fingerprint_down::closed::refused",
        "faults::fingerprint_down::closed::error",
        "faults::fingerprint_down::closed::silent",
    ] {
        assert_eq!(verdict(name), "failed", "{name}");
    }
    assert_eq!(verdict("flow::no_signals_fail_open"), "passed");
    assert_eq!(results.summary.errors, 0, "{text}");

    for told in [
        "not so: the visitor gets status 403",
        "the visitor got 201",
        "where POST https://shop.example/api/create-account went:",
        "worker → origin",
        "nothing was inserted",
    ] {
        assert!(text.contains(told), "`{told}` is not in:\n{text}");
    }
}
