//! The claims of the suite tell workers apart: one that does everything right in another way meets them, and each mutant of
//! ours fails those that name its defect, and no others.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeSet,
    process::{Command, Output},
    sync::LazyLock,
};

use edgeproof_build::{WorkerBuild, build_worker};
use edgeproof_ground::tools;
use edgeproof_run::{exit, record::Verdict, results::Results};

/// Claims without a browser that every mutant is tried with: those that name a defect, and their neighbours.
const CLAIMS: [&str; 22] = [
    "agent",
    "bodies",
    "bypass/authority.yaml",
    "bypass/guard_off.yaml",
    "bypass/origin_secret.yaml",
    "cors",
    "edge-headers",
    "faults/comes_back.yaml",
    "faults/fingerprint_cut_short.yaml",
    "faults/fingerprint_down.yaml",
    "faults/send.yaml",
    "flow",
    "identification",
    "ipv6",
    "pages/cached.yaml",
    "pages/cached_in_part.yaml",
    "pages/left_alone.yaml",
    "platform/distorted.yaml",
    "platform/distorted_edge.yaml",
    "platform/first_rule_decides.yaml",
    "responses",
    "wallarm/inline_modes.yaml",
];

/// The worker that the others are made of, where they expect it.
static PRODUCTION: LazyLock<()> = LazyLock::new(|| {
    let out = tools::home().join("fixtures/workers/production");
    build_worker(&WorkerBuild { out: Some(out) }).unwrap();
});

fn edgeproof(arguments: &[&str]) -> Output {
    LazyLock::force(&PRODUCTION);
    Command::new(env!("CARGO_BIN_EXE_edgeproof"))
        .current_dir(tools::home())
        .env("NO_COLOR", "1")
        .args(arguments)
        .output()
        .unwrap()
}

/// The mutants and the claims that name their defects: the rows of the table in `fixtures/workers/README.md`. A star stands
/// for anything.
fn mutants() -> Vec<(String, Vec<String>)> {
    let readme = tools::home().join("fixtures/workers/README.md");
    let text = std::fs::read_to_string(readme).unwrap();
    let is_mutant = |line: &&str| line.starts_with("| `mutants/") && line.contains(".ts`");
    let rows = text.lines().filter(is_mutant);
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let ticked = |cell: &str| -> Vec<String> {
            let parts = cell.split('`').skip(1).step_by(2);
            parts.map(str::to_owned).collect()
        };
        (ticked(cells[1]).remove(0), ticked(cells[3]))
    })
    .collect()
}

fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.is_empty() || pattern.ends_with('*')
}

#[test]
fn each_mutant_fails_the_claims_that_name_it_and_no_others() {
    let mutants = mutants();
    assert!(mutants.len() >= 12, "{mutants:?}");
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = String::new();
    for (worker, named) in &mutants {
        let report = folder.path().join("results.json");
        let json = format!("--report=json={}", report.display());
        let worker_file = format!("fixtures/workers/{worker}");
        let paths = CLAIMS.map(|claims| format!("scenarios/{claims}"));
        let mut arguments = vec!["run", "--tag", "http", "--worker", &worker_file, &json];
        arguments.extend(paths.iter().map(String::as_str));
        let output = edgeproof(&arguments);
        assert_eq!(
            output.status.code(),
            Some(i32::from(exit::FAILED)),
            "{worker}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let results: Results =
            serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
        let failed: BTreeSet<&str> = results
            .cases
            .iter()
            .filter(|case| matches!(case.verdict, Verdict::Failed(_) | Verdict::Observed(_)))
            .map(|case| case.name.as_str())
            .collect();
        let meant: BTreeSet<&str> = results
            .cases
            .iter()
            .map(|case| case.name.as_str())
            .filter(|name| named.iter().any(|pattern| matches(pattern, name)))
            .collect();
        for name in failed.difference(&meant) {
            wrong.push_str(&format!("{worker} fails {name}, which does not name it\n"));
        }
        for name in meant.difference(&failed) {
            wrong.push_str(&format!("{worker} passes {name}, which names it\n"));
        }
        for pattern in named {
            if !meant.iter().any(|name| matches(pattern, name)) {
                wrong.push_str(&format!("{worker}: no claim is called {pattern}\n"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_worker_that_does_everything_right_in_another_way_conforms() {
    let output = edgeproof(&[
        "conform",
        "--worker",
        "fixtures/workers/another-way",
        "--tag",
        "http and not bypass and not connector or cors or agent",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit::PASSED)),
        "{text}"
    );
    assert!(!text.contains("\nfailed:"), "{text}");
}

#[test]
fn a_worker_that_protects_nothing_does_not_conform_and_stands_beside_another() {
    let output = edgeproof(&[
        "conform",
        "--worker",
        "fixtures/workers/pass-through",
        "--against",
        "fixtures/workers/minimal-js",
        "--tag",
        "http and (flow and failures or cors)",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit::FAILED)),
        "{text}"
    );
    for told in [
        "claims of fixtures/workers/pass-through",
        "\nfailed:\n",
        "flow::no_signals_fail_closed",
        "expected status 403, got 201",
        "second: fixtures/workers/minimal-js",
    ] {
        assert!(text.contains(told), "`{told}` is not in:\n{text}");
    }
}

#[test]
fn a_worker_that_does_not_start_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let worker = folder.path().join("worker.js");
    std::fs::write(&worker, "export default { fetch( { return").unwrap();
    let worker = worker.display().to_string();
    let output = edgeproof(&["conform", "--worker", &worker, "--tag", "sizes"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit::HARNESS.into()), "{text}");
    assert_eq!(text.matches("SyntaxError").count(), 1, "{text}");
    assert!(
        text.contains("nothing can be said of the claims of"),
        "{text}"
    );
}
