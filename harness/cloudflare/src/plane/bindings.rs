//! What a script finds in its environment: variables and secrets.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    Secret,
    account::Version,
    error::ApiError,
    limits::{BINDING_NAME, VARIABLE_BYTES, WorkersPlan},
};

/// A variable or a secret.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) value: BindingValue,
}

/// What a binding holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum BindingValue {
    Text(String),
    Json(Value),
    Secret(Secret),
}

/// A binding of an upload: a value, or the one that the version before had.
#[derive(Debug)]
pub(super) enum Wanted {
    Here(Binding),
    /// The name, and the version; without one the latest.
    Inherited(String, Option<String>),
}

impl Binding {
    pub(super) fn text(name: &str, text: &str) -> Self {
        Self {
            name: name.to_owned(),
            value: BindingValue::Text(text.to_owned()),
        }
    }

    pub(super) fn json(name: &str, value: &Value) -> Self {
        Self {
            name: name.to_owned(),
            value: BindingValue::Json(value.clone()),
        }
    }

    pub(super) fn secret(name: &str, secret: Secret) -> Self {
        Self {
            name: name.to_owned(),
            value: BindingValue::Secret(secret),
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            BindingValue::Text(_) => "plain_text",
            BindingValue::Json(_) => "json",
            BindingValue::Secret(_) => "secret_text",
        }
    }

    /// What the API tells of it: of a secret its name.
    pub(super) fn shown(&self) -> Value {
        let (name, kind) = (&self.name, self.kind());
        match &self.value {
            BindingValue::Text(text) => json!({"name": name, "type": kind, "text": text}),
            BindingValue::Json(value) => json!({"name": name, "type": kind, "json": value}),
            BindingValue::Secret(_) => json!({"name": name, "type": kind}),
        }
    }

    fn bytes(&self) -> usize {
        match &self.value {
            BindingValue::Text(text) => text.len(),
            BindingValue::Json(value) => value.to_string().len(),
            BindingValue::Secret(secret) => secret.reveal().len(),
        }
    }
}

/// Reads one entry of `bindings`.
///
/// # Errors
/// 10052 where it is none, 7000 where it is of a kind that is not emulated.
pub(super) fn read(entry: &Value) -> Result<Wanted, ApiError> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    let name = text("name")
        .filter(|name| !name.is_empty())
        .ok_or_else(|| ApiError::invalid_binding("it has no name"))?;
    let missing = |key: &str| ApiError::invalid_binding(format!("'{name}' has no `{key}`"));
    let here = |value| {
        let name = name.to_owned();
        Ok(Wanted::Here(Binding { name, value }))
    };
    match text("type").ok_or_else(|| missing("type"))? {
        "plain_text" => here(BindingValue::Text(
            text("text").ok_or_else(|| missing("text"))?.to_owned(),
        )),
        "json" => here(BindingValue::Json(
            entry.get("json").ok_or_else(|| missing("json"))?.clone(),
        )),
        "secret_text" => here(BindingValue::Secret(Secret::new(
            text("text").ok_or_else(|| missing("text"))?,
        ))),
        "inherit" => {
            let version = text("version_id").filter(|version| *version != "latest");
            Ok(Wanted::Inherited(
                name.to_owned(),
                version.map(str::to_owned),
            ))
        }
        other => Err(ApiError::not_emulated(&format!(
            "bindings of type {other}; `{name}` is one"
        ))),
    }
}

/// Reads one entry of the `bindings` of settings, where a name without a value is the binding that is there: nobody can repeat
/// the value of a secret. `wrangler secret bulk` sends all others so.
///
/// # Errors
/// The same.
pub(super) fn read_of_settings(entry: &Value) -> Result<Wanted, ApiError> {
    let has_value = entry.get("text").is_some() || entry.get("json").is_some();
    match entry.get("name").and_then(Value::as_str) {
        Some(name) if !has_value => Ok(Wanted::Inherited(name.to_owned(), None)),
        _ => read(entry),
    }
}

/// The bindings of the next version: what is wanted, and of the previous ones those of the kinds to keep.
///
/// # Errors
/// 10057 where there is nothing to inherit, and whatever [`check`] refuses.
pub(super) fn resolve(
    wanted: Vec<Wanted>,
    versions: &[Version],
    keep: &[&str],
    plan: WorkersPlan,
) -> Result<Vec<Binding>, ApiError> {
    let latest = versions.last();
    let previous = latest.map_or(&[][..], |version| &version.bindings);
    let mut bindings = Vec::new();
    for wanted in wanted {
        bindings.push(match wanted {
            Wanted::Here(binding) => binding,
            Wanted::Inherited(name, version) => version
                .map_or(latest, |id| {
                    versions.iter().find(|version| version.id == id)
                })
                .and_then(|version| version.bindings.iter().find(|binding| binding.name == name))
                .cloned()
                .ok_or_else(|| ApiError::nothing_to_inherit(&name))?,
        });
    }
    let kept: Vec<Binding> = previous
        .iter()
        .filter(|old| keep.contains(&old.kind()))
        .filter(|old| !bindings.iter().any(|new| new.name == old.name))
        .cloned()
        .collect();
    bindings.extend(kept);
    check(&bindings, plan)?;
    Ok(bindings)
}

/// Lets pass bindings within the limits, each name once.
///
/// # Errors
/// 10053, 10054, 10055 and 10100.
pub(super) fn check(bindings: &[Binding], plan: WorkersPlan) -> Result<(), ApiError> {
    let mut names = BTreeSet::new();
    for binding in bindings {
        if !names.insert(binding.name.as_str()) {
            return Err(ApiError::duplicate_binding(&binding.name));
        }
        if binding.name.chars().count() > BINDING_NAME {
            return Err(ApiError::long_binding_name(BINDING_NAME));
        }
        if binding.bytes() > VARIABLE_BYTES {
            return Err(ApiError::large_variable(&binding.name, VARIABLE_BYTES));
        }
    }
    if bindings.len() > plan.variables() {
        return Err(ApiError::too_many_variables(plan.variables()));
    }
    Ok(())
}
