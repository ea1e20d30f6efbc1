//! A project of wrangler: `wrangler.json`, `wrangler.jsonc` or `wrangler.toml`, and what the Vite plugin writes in its form.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use edgeproof_build::ProjectBuild;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::{
    super::bundle::Bundle,
    Project, ProjectError, absolute, bindings, bundled,
    rules::{Rules, WrittenRule},
    says_something, text,
};

/// Keys that change nothing that could be seen here: who deploys where, and what watches.
const WITHOUT_EFFECT: [&str; 35] = [
    "$schema",
    "access",
    "account_id",
    "addresses",
    "build",
    "compliance_region",
    "configPath",
    "definedEnvironments",
    "dependencies_instrumentation",
    "dev",
    "env",
    "first_party_worker",
    "keep_names",
    "keep_vars",
    "legacy_env",
    "logfwdr",
    "logpush",
    "migrations",
    "name",
    "observability",
    "placement",
    "preserve_file_names",
    "preview_urls",
    "previews",
    "python_modules",
    "route",
    "routes",
    "send_metrics",
    "targetEnvironment",
    "topLevelName",
    "triggers",
    "upload_source_maps",
    "usage_model",
    "userConfigPath",
    "workers_dev",
];

/// Keys that an environment does not take from the top level.
const NOT_INHERITED: [&str; 27] = [
    "ai",
    "analytics_engine_datasets",
    "browser",
    "d1_databases",
    "define",
    "dispatch_namespaces",
    "durable_objects",
    "hyperdrive",
    "images",
    "kv_namespaces",
    "media",
    "mtls_certificates",
    "pipelines",
    "queues",
    "r2_buckets",
    "ratelimits",
    "secrets",
    "secrets_store_secrets",
    "send_email",
    "services",
    "tail_consumers",
    "unsafe",
    "vars",
    "vectorize",
    "version_metadata",
    "worker_loaders",
    "workflows",
];

/// What is honoured.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Configuration {
    main: Option<PathBuf>,
    compatibility_date: Option<String>,
    compatibility_flags: Vec<String>,
    vars: Map<String, Value>,
    rules: Vec<WrittenRule>,
    no_bundle: bool,
    find_additional_modules: Option<bool>,
    base_dir: Option<PathBuf>,
    limits: Limits,
    cache: Cache,
    exports: Map<String, Value>,
    secrets: Secrets,
    alias: BTreeMap<String, String>,
    define: BTreeMap<String, String>,
    tsconfig: Option<PathBuf>,
    minify: bool,
    jsx_factory: Option<String>,
    jsx_fragment: Option<String>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Limits {
    cpu_ms: Option<u64>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cache {
    enabled: bool,
    /// A worker here has one version, which shares its responses with no other.
    #[serde(rename = "cross_version_cache")]
    _cross_version_cache: bool,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Secrets {
    required: Vec<String>,
}

/// Where a tool says that the configuration is, for the project in this folder.
pub(super) fn redirected(folder: &Path) -> Result<Option<PathBuf>, ProjectError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Redirect {
        config_path: PathBuf,
    }
    let file = folder.join(".wrangler/deploy/config.json");
    if !file.is_file() {
        return Ok(None);
    }
    let redirect: Redirect = parse(&file, json(&file, &text(&file)?)?)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    Ok(Some(folder.join(redirect.config_path)))
}

/// Reads the project of a configuration.
pub(super) fn read(path: &Path, environment: Option<&str>) -> Result<Project, ProjectError> {
    let written = text(path)?;
    let whole = match path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        true => toml::from_str(&written).map_err(|error| wrong(path, error.to_string()))?,
        false => json(path, &written)?,
    };
    let configuration: Configuration = parse(path, of_environment(path, whole, environment)?)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let main = configuration.main.as_deref().ok_or_else(|| {
        wrong(
            path,
            "it has no `main`; a worker of static assets alone is not emulated",
        )
    })?;
    let main = folder.join(main);
    if !main.is_file() {
        let built = configuration
            .others
            .get("build")
            .and_then(|build| build["command"].as_str());
        let hint = built.map(|command| format!("; `{command}` makes it"));
        let message = format!(
            "its `main` is {}, which is not there{}",
            main.display(),
            hint.unwrap_or_default()
        );
        return Err(wrong(path, message));
    }
    let mut project = Project::of(code(path, folder, &main, &configuration)?);
    let Configuration {
        compatibility_date,
        compatibility_flags,
        vars,
        limits,
        cache,
        exports,
        secrets,
        others,
        ..
    } = configuration;
    project.compatibility(compatibility_date, compatibility_flags)?;
    project.cpu_ms = limits.cpu_ms;
    let of_entrypoint = exports
        .get("default")
        .and_then(|export| export["cache"]["enabled"].as_bool());
    project.cache = of_entrypoint.unwrap_or(cache.enabled);
    for (name, value) in vars {
        project.variable(name, value);
    }
    project.dev_vars(folder, environment, &secrets.required)?;
    project.demand_secrets(secrets.required, "secrets");
    let exports = exports
        .into_iter()
        .filter(|(_, export)| export["type"] != "worker");
    let exports = exports.map(|(name, export)| (format!("exports.{name}"), export));
    let limits = limits
        .others
        .into_iter()
        .map(|(key, value)| (format!("limits.{key}"), value));
    let others = others
        .into_iter()
        .filter(|(key, _)| !WITHOUT_EFFECT.contains(&key.as_str()));
    for (key, value) in others.chain(limits).chain(exports) {
        if says_something(&value) {
            project.missing.extend(bindings(&key, &value));
        }
    }
    Ok(project)
}

/// The modules: as they are with `no_bundle`, else bundled.
fn code(
    path: &Path,
    folder: &Path,
    main: &Path,
    configuration: &Configuration,
) -> Result<Bundle, ProjectError> {
    let rules = Rules::of(&configuration.rules)?;
    if main.extension().is_some_and(|extension| extension == "py") {
        return Err(wrong(path, "workers in Python are not emulated"));
    }
    let finds_modules = configuration.find_additional_modules;
    if configuration.no_bundle {
        let base = configuration
            .base_dir
            .as_ref()
            .map(|base| folder.join(base));
        let base = base.as_deref().or_else(|| main.parent()).unwrap_or(folder);
        return match finds_modules.unwrap_or(true) {
            true => Ok(Bundle::of_files(base, main, |path| rules.kind(path))?),
            false => Ok(Bundle::of_file(main)?),
        };
    }
    if finds_modules == Some(true) {
        return Err(wrong(
            path,
            "`find_additional_modules` beside bundling is not emulated; set `no_bundle`, or let the bundler find them",
        ));
    }
    let build = ProjectBuild {
        entry: absolute(main)?,
        copied: rules.extensions()?,
        alias: configuration.alias.clone(),
        define: configuration.define.clone(),
        tsconfig: configuration
            .tsconfig
            .as_ref()
            .map(|file| folder.join(file)),
        minify: configuration.minify,
        jsx_factory: configuration.jsx_factory.clone(),
        jsx_fragment: configuration.jsx_fragment.clone(),
        has_node: has_node(configuration),
    };
    bundled(&build, &rules)
}

/// Whether the runtime will have Node's modules by their bare names.
fn has_node(configuration: &Configuration) -> bool {
    let has = |flag: &str| {
        configuration
            .compatibility_flags
            .iter()
            .any(|given| given == flag)
    };
    // From this date on the flag is a default.
    let is_default = configuration.compatibility_date.as_deref() >= Some("2026-08-04");
    (is_default || has("nodejs_compat") || has("nodejs_compat_v2")) && !has("no_nodejs_compat")
}

/// The configuration with what one of its environments says in place of the rest.
fn of_environment(
    path: &Path,
    whole: Value,
    environment: Option<&str>,
) -> Result<Value, ProjectError> {
    let Some(environment) = environment else {
        return Ok(whole);
    };
    let own = whole["env"][environment].clone();
    let Value::Object(own) = own else {
        let known = whole["env"].as_object().into_iter().flat_map(Map::keys);
        let known: Vec<&str> = known.map(String::as_str).collect();
        let message = format!(
            "it has no environment `{environment}`; it has: {}",
            known.join(", ")
        );
        return Err(wrong(path, message));
    };
    let Value::Object(mut merged) = whole else {
        return Ok(whole);
    };
    merged.retain(|key, _| !NOT_INHERITED.contains(&key.as_str()));
    merged.extend(own);
    Ok(Value::Object(merged))
}

/// JSON with remarks and trailing commas.
pub(super) fn json(path: &Path, text: &str) -> Result<Value, ProjectError> {
    jsonc_parser::parse_to_serde_value(text, &jsonc_parser::ParseOptions::default())
        .map_err(|error| wrong(path, error.to_string()))
}

pub(super) fn parse<T: DeserializeOwned>(path: &Path, value: Value) -> Result<T, ProjectError> {
    serde_json::from_value(value).map_err(|error| wrong(path, error.to_string()))
}

pub(super) fn wrong(path: &Path, message: impl Into<String>) -> ProjectError {
    ProjectError::Configuration {
        path: path.to_owned(),
        message: message.into(),
    }
}
