//! A step that did nothing fails, whatever was to be done: it passes in no scenario.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path};

use edgeproof_run::exit;
use edgeproof_scenario::schema;
use serde_json::Value as Json;

use crate::edgeproof;

/// For each key of a step, steps that do nothing with it.
const IDLE: &[(&str, &str)] = &[
    ("click", "click: '#none'"),
    ("click", "click: '#send'"),
    ("click", "click: '#gift'"),
    ("fill", "fill: { '#none': a }"),
    ("fill", "fill: { '[name=light]': '77' }"),
    ("fill", "fill: { '[name=age]': old }"),
    ("select", "select: { '[name=plant]': Oak }"),
    ("upload", "upload: { '[name=name]': note.txt }"),
    ("hover", "hover: '#gift'"),
    ("check", "check: '[name=name]'"),
    ("uncheck", "uncheck: '[name=speed]'"),
    ("press", "press: { key: Enter, in: '#none' }"),
    ("submit", "submit: '#cancel'"),
    ("wait", "wait: GET /never"),
    ("wait", "wait: { for: '#none' }"),
    ("wait", "wait: { for: { text: Nothing of the kind } }"),
    ("run", "run: document.querySelector('#none').click()"),
    ("call", "click: '#show-terms'\n    call: POST /never"),
    ("dialog", "click: '#show-terms'\n    dialog: accept"),
    ("frame", "click: '#pay'\n    frame: '#none'"),
    ("window", "click: '#agree'\n    window: /terms"),
    (
        "capture",
        "click: '#show-terms'\n    call: GET /terms\n    capture: { code: { header: x-none } }",
    ),
];

/// Steps that always do something, or say how another is done.
const NOT_IDLE: [&str; 11] = [
    "visit",
    "request",
    "raw",
    "probe",
    "advance",
    "set",
    "deploy",
    "as",
    "expect",
    "timeout",
    "safe_to_repeat",
];

#[test]
fn every_key_of_a_step_is_tried_idle() {
    let schema = serde_json::to_value(schema::schema()).unwrap();
    // A step may be a value of the matrix too, which is a text.
    let keys = schema["$defs"]["Step"].pointer("/anyOf/0/properties");
    let keys = keys.unwrap().as_object().unwrap();
    let keys: BTreeSet<&str> = keys.keys().map(String::as_str).collect();
    let tried = IDLE.iter().map(|(key, _)| *key);
    let known: BTreeSet<&str> = tried.chain(NOT_IDLE).collect();
    assert_eq!(keys, known);
}

#[test]
fn a_step_that_did_nothing_fails() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("note.txt", "a note");
    for (index, (_, step)) in IDLE.iter().enumerate() {
        let mut text = String::from(
            "allow: [nothing-protected]\ngiven:\n  zones:\n    \
             shop.example: { hosts: { shop.example: { site: checkout } } }\n    \
             pay.example: { hosts: { pay.example: { site: checkout } } }\n  \
             visitors: { ann: { profile: regular } }\n",
        );
        writeln!(text, "scenario: Number {index}").unwrap();
        writeln!(text, "steps:\n  - visit: https://shop.example/order").unwrap();
        writeln!(text, "  - {step}\n    timeout: 2s").unwrap();
        write(&format!("idle_{index:02}.yaml"), &text);
    }
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/workers/pass-through");
    let worker = worker.to_str().unwrap();
    let output = edgeproof(folder.path(), &["run", ".", "--worker", worker, "--json"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        output.status.code(),
        Some(i32::from(exit::FAILED)),
        "{text}"
    );
    let results: Json = serde_json::from_str(&text).unwrap();
    let cases = results["cases"].as_array().unwrap();
    assert_eq!(cases.len(), IDLE.len());
    for (case, (key, step)) in cases.iter().zip(IDLE) {
        let failures = case["verdict"]["failed"].as_array();
        assert_eq!(failures.map(Vec::len), Some(1), "{key}: {step}: {case:#}");
    }
}
