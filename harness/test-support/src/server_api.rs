//! The published responses of Fingerprint's Server API v4, as a schema: `fixtures/fingerprint/server-api.json`.

use std::{collections::HashMap, sync::LazyLock};

use jsonschema::Validator;
use serde_json::{Value as Json, json};

const SCHEMA: &str = include_str!("../../../fixtures/fingerprint/server-api.json");

static VALIDATORS: LazyLock<HashMap<&str, Validator>> = LazyLock::new(|| {
    let schema: Json = serde_json::from_str(SCHEMA).unwrap();
    let of = |response| {
        let schema = json!({ "$ref": format!("#/$defs/{response}"), "$defs": schema["$defs"] });
        (response, jsonschema::validator_for(&schema).unwrap())
    };
    ["event", "search", "edge", "error"]
        .into_iter()
        .map(of)
        .collect()
});

/// What of a response (`event`, `search`, `edge` or `error`) is not as published: a line each, with its place.
pub fn not_as_published(response: &str, value: &Json) -> Vec<String> {
    let errors = VALIDATORS[response].iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}
