//! What is deployed otherwise than the deployment file says is named before the run.

use edgeproof_fingerprint::ruleset_id;
use rstest::rstest;

use crate::world::{GIVEN, HOST, page, report, repository, said, staging};

fn file(name: &str, ruleset: &str, pages: &str, more: &str) -> String {
    format!(
        "name: {name}\nzone: shop.example\nidentification_pages: [{pages}]\n\
         protected_apis: [POST shop.example/api/create-account*]\nfailure_mode: closed\ncoverage: urls\nruleset: {}\n{more}",
        ruleset_id(ruleset)
    )
}

#[rstest]
#[case::as_it_should_be("staging", "shop.example/signup", &[])]
#[case::another_ruleset("other", "shop.example/signup", &["ruleset (FP_RULESET_ID)"])]
#[case::a_missing_route(
    "staging",
    "shop.example/signup, shop.example/join",
    &["IDENTIFICATION_PAGE_URLS", "route staging.shop.test/join"]
)]
fn a_drift_is_named(#[case] ruleset: &str, #[case] pages: &str, #[case] expected: &[&str]) {
    let staging = staging(GIVEN);
    staging.target(&staging.deployed(&file("flow", ruleset, pages, "")));
    staging.write("a.yaml", &page());
    let at = [
        "--target",
        "target.yaml",
        "--i-may-test",
        HOST,
        "--report",
        "json=there.json",
    ];
    let output = staging.run(&[["run", "a.yaml"].as_slice(), &at].concat());
    let text = said(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let report = report(staging.folder.path(), "there.json");
    let rows = report["target"]["drift"].as_array().unwrap().iter();
    let differs = rows.filter(|row| row["same"] == false);
    let named: Vec<&str> = differs.map(|row| row["what"].as_str().unwrap()).collect();
    assert_eq!(named, expected, "{text}");
    for what in expected {
        assert!(text.contains(&format!("≠ {what}")), "{text}");
    }
}

#[test]
fn an_old_worker_is_named() {
    // The site is deployed to by `edgeproof deploy`, with the worker of that time.
    let without = GIVEN.split("  deployments:").next().unwrap();
    let rulesets = &GIVEN[GIVEN.find("  rulesets:").unwrap()..];
    let staging = staging(&format!("{without}{rulesets}"));
    let old = repository("fixtures/workers/pass-through");
    let signup = "shop.example/signup";
    let deployed = file("flow", "staging", signup, &format!("worker: {old}\n"));
    staging.write("old.yaml", &deployed.replace("shop.example", HOST));
    let applied = staging.run(&["deploy", "apply", "old.yaml", "--yes"]);
    assert_eq!(applied.status.code(), Some(0), "{}", said(&applied));
    let new = repository("fixtures/workers/minimal-js");
    let named = file("flow", "staging", signup, &format!("worker: {new}\n"));
    staging.target(&staging.deployed(&named));
    staging.write("a.yaml", &page());
    let at = ["--target", "target.yaml", "--i-may-test", HOST];
    let output = staging.run(&[["run", "a.yaml"].as_slice(), &at].concat());
    let text = said(&output);
    assert!(text.contains("≠ version of the worker"), "{text}");
    assert_eq!(text.matches("≠ ").count(), 1, "{text}");
}
