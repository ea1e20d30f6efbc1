//! Reads a tree in which some values are not known yet: those that earlier steps capture.
//!
//! `${name}` may stand in place of anything, and what it will be is seen only when it is filled in. Until then one of a few
//! samples stands there where a text does not fit, so that everything around it is checked all the same.

use std::collections::BTreeMap;

use edgeproof_document::{
    node::{Value, YamlNode},
    problem::Problem,
    read,
    source::Span,
    yaml,
};
use serde::de::DeserializeOwned;

/// What the values of the language look like. Each place takes one of these.
const SAMPLES: [&str; 14] = [
    "500",
    "1",
    "true",
    "1s",
    "GET /",
    "GET https://sample.example/",
    "https://sample.example/",
    "{}",
    "[]",
    "x-sample",
    "Enter",
    "refuse",
    "192.0.2.1",
    "2026-01-01T00:00:00Z",
];

/// What can be read of a tree, and what is wrong with it. `unknown` are the places of values that are not known yet. Where
/// none of the samples fits, such a value is left out: it is judged when it is known.
pub(super) fn read_around<T: DeserializeOwned>(
    node: &YamlNode,
    unknown: &[Span],
) -> (Option<T>, Vec<Problem>) {
    if unknown.is_empty() {
        return read::read_partly(node);
    }
    let mut tried: BTreeMap<(u32, usize), usize> = BTreeMap::new();
    let mut attempt = node.clone();
    loop {
        let (value, mut problems) = read::read_partly(&attempt);
        let mut is_changed = false;
        for problem in &problems {
            if !unknown.contains(&problem.at) {
                continue;
            }
            let next = tried
                .entry((problem.at.file, problem.at.start))
                .or_default();
            if let Some(sample) = SAMPLES
                .get(*next)
                .and_then(|text| yaml::parse(0, text).ok())
            {
                replace(&mut attempt, problem.at, &sample.value);
                *next += 1;
                is_changed = true;
            }
        }
        if !is_changed {
            if value.is_some() {
                problems.retain(|problem| !unknown.contains(&problem.at));
            }
            return (value, problems);
        }
    }
}

/// Puts a value where another one stands, or a text in place of a key.
fn replace(node: &mut YamlNode, at: Span, value: &Value) {
    if node.at == at {
        node.value = value.clone();
        return;
    }
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| replace(item, at, value)),
        Value::Map(entries) => {
            for (key, below) in entries {
                match value.as_text().filter(|_| key.at == at) {
                    Some(text) => text.clone_into(&mut key.text),
                    None => replace(below, at, value),
                }
            }
        }
        Value::Plain(_) | Value::Text(_) => {}
    }
}
