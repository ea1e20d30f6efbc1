//! The form's field `metadata`: what a script is to be beside its code.

use std::collections::BTreeMap;

use edgeproof_runtime::{WorkerOptions, check_compatibility_date};
use jiff::{Timestamp, civil::Date};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    account::Cache,
    error::ApiError,
    limits::{CPU_MS, WorkersPlan},
};

/// What the field says. Every member is honoured, or kept with a message that it has no effect here, or refused.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Metadata {
    pub(super) main_module: Option<String>,
    pub(super) body_part: Option<String>,
    pub(super) bindings: Vec<Value>,
    keep_bindings: Option<Vec<String>>,
    compatibility_date: Option<String>,
    compatibility_flags: Vec<String>,
    pub(super) usage_model: Option<String>,
    pub(super) annotations: Map<String, Value>,
    pub(super) limits: Limits,
    cache_options: CacheOptions,
    exports: Map<String, Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Workers Cache in front of the entrypoints that say nothing of it themselves.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CacheOptions {
    enabled: bool,
    cross_version_cache: bool,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The entrypoint that routes run.
const DEFAULT_ENTRYPOINT: &str = "default";

/// What one invocation may take.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Limits {
    /// Milliseconds of processor time.
    pub(super) cpu_ms: Option<u64>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Members that the script keeps whatever its version.
const OF_THE_SCRIPT: [&str; 3] = ["logpush", "observability", "tags"];

/// Members that change nothing that could be seen here. A response says so of each.
const WITHOUT_EFFECT: [&str; 6] = [
    "code_update_strategy",
    "logpush",
    "observability",
    "package_dependencies",
    "placement",
    "tags",
];

/// The date of a script that names none: the first there was.
const FIRST_COMPATIBILITY_DATE: &str = "2021-11-02";

impl Metadata {
    /// What the runtime is to know of it.
    pub(super) fn options(&self) -> WorkerOptions {
        let date = self.compatibility_date.as_deref();
        WorkerOptions {
            json_variables: BTreeMap::new(),
            compatibility_date: Some(date.unwrap_or(FIRST_COMPATIBILITY_DATE).to_owned()),
            compatibility_flags: self.compatibility_flags.clone(),
            has_cache: false,
            is_tailed: false,
        }
    }

    /// Workers Cache in front of the entrypoint that routes run.
    pub(super) fn cache(&self) -> Option<Cache> {
        let own = self.exports.get(DEFAULT_ENTRYPOINT);
        let own = own.and_then(|export| export["cache"]["enabled"].as_bool());
        own.unwrap_or(self.cache_options.enabled).then_some(Cache {
            across_versions: self.cache_options.cross_version_cache,
        })
    }

    /// The kinds of bindings that stay although the upload does not have them: what it says, or secrets. Older versions of
    /// `wrangler deploy` say nothing and are documented to keep secrets, so that is what saying nothing means.
    pub(super) fn kept(&self) -> Vec<&str> {
        match &self.keep_bindings {
            Some(kinds) => kinds.iter().map(String::as_str).collect(),
            None => vec!["secret_text"],
        }
    }

    /// What of it belongs to the script and not to the version.
    pub(super) fn script_settings(&self) -> Map<String, Value> {
        let of_script = |(key, _): &(&String, &Value)| OF_THE_SCRIPT.contains(&key.as_str());
        let others = self.others.iter().filter(of_script);
        others
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// The members that say something and have no effect.
    pub(super) fn without_effect(&self) -> impl Iterator<Item = &str> {
        let said = self
            .others
            .iter()
            .filter(|(_, value)| says_something(value));
        said.map(|(key, _)| key.as_str())
            .filter(|key| WITHOUT_EFFECT.contains(key))
    }

    /// Lets pass what is honoured, or has no effect that could be missed.
    ///
    /// # Errors
    /// 7000 with the name of a member that would change what runs and does not here, 10021 for a date, 10206 and 100328 for
    /// a limit.
    pub(super) fn check(&self, plan: WorkersPlan) -> Result<(), ApiError> {
        let members = self.others.iter().map(|(key, value)| (key.clone(), value));
        let exports = self.exports.iter();
        let exports = exports.filter(|(name, export)| !is_plain_entrypoint(name, export));
        let exports = exports.map(|(name, export)| (format!("exports.{name}"), export));
        let cache = self.cache_options.others.iter();
        let cache = cache.map(|(key, value)| (format!("cache_options.{key}"), value));
        let limits = self.limits.others.iter();
        let limits = limits.map(|(key, value)| (format!("limits.{key}"), value));
        let mut unknown = members
            .filter(|(key, _)| !WITHOUT_EFFECT.contains(&key.as_str()))
            .chain(exports)
            .chain(cache)
            .chain(limits)
            .filter(|(_, value)| says_something(value));
        if let Some((key, _)) = unknown.next() {
            let what = format!("`{key}` in the metadata of a script");
            return Err(ApiError::not_emulated(&what));
        }
        match self.limits.cpu_ms {
            Some(_) if plan == WorkersPlan::Free => return Err(ApiError::limit_on_free_plan()),
            Some(limit) if limit > CPU_MS => return Err(ApiError::large_cpu_limit(CPU_MS)),
            _ => {}
        }
        check_date(self.compatibility_date.as_deref())
    }
}

/// Whether a value asks for anything. What is empty, or switched off, does not.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => match members.get("enabled") {
            Some(Value::Bool(false)) => false,
            _ => !members.is_empty(),
        },
        _ => true,
    }
}

/// An entrypoint as every worker has one. Only the default one is run, so no other has a cache.
fn is_plain_entrypoint(name: &str, export: &Value) -> bool {
    let mut settings = export["cache"].as_object().into_iter().flat_map(Map::keys);
    let has_plain_cache = match name {
        DEFAULT_ENTRYPOINT => settings.all(|key| key == "enabled"),
        _ => !says_something(&export["cache"]),
    };
    export["type"] == json!("worker") && has_plain_cache
}

/// The date as Cloudflare checks it, and that the runtime here knows it.
fn check_date(date: Option<&str>) -> Result<(), ApiError> {
    let Some(written) = date else {
        return Ok(());
    };
    let date: Option<Date> = written.parse().ok().filter(|_| written.len() == 10);
    // In UTC, of the machine: the runtime does not have the rig's clock.
    let now = Timestamp::now().to_string();
    let today = now.split('T').next().and_then(|today| today.parse().ok());
    match date {
        None => Err(ApiError::invalid_script(format!(
            "Invalid compatibility date: {written:?} is not of the form 2026-11-21."
        ))),
        Some(_) if date > today => Err(ApiError::invalid_script(format!(
            "Can't set compatibility date in the future: {written}"
        ))),
        // Cloudflare would take it.
        Some(_) => check_compatibility_date(written)
            .map_err(|error| ApiError::invalid_script(error.to_string())),
    }
}
