//! The Build Output of Cloudflare's build tools: `.cloudflare/output/v0` and `v1`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    super::bundle::{Bundle, Module, ModuleKind},
    MissingBinding, Project, ProjectError, absolute, bindings, says_something, text, unreadable,
    wrangler::{json, parse, wrong},
};

/// The configuration of one worker.
const CONFIGURATION: &str = "worker.config.json";

/// Keys that change nothing that could be seen here.
const WITHOUT_EFFECT: [&str; 9] = [
    "accountId",
    "logpush",
    "name",
    "observability",
    "placement",
    "previewUrls",
    "tags",
    "triggers",
    "workersDev",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Configuration {
    manifest: Option<Manifest>,
    compatibility_date: Option<String>,
    #[serde(default)]
    compatibility_flags: Vec<String>,
    #[serde(default)]
    env: BTreeMap<String, Binding>,
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    cache: Value,
    #[serde(default)]
    exports: Map<String, Value>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(rename = "type", default)]
    kind: ManifestKind,
    main_module: String,
    #[serde(default)]
    modules: BTreeMap<String, ListedModule>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ManifestKind {
    /// Every module is listed.
    #[default]
    Complete,
    /// There are others, which their extensions tell.
    Partial,
}

#[derive(Deserialize)]
struct ListedModule {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Binding {
    #[serde(rename = "type")]
    kind: String,
    value: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Limits {
    cpu_ms: Option<u64>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// The folder of the one worker that a folder is, or has below it; nothing where there is no Build Output.
pub(super) fn worker(folder: &Path) -> Result<Option<PathBuf>, ProjectError> {
    if folder.join(CONFIGURATION).is_file() {
        return Ok(Some(folder.to_owned()));
    }
    let roots = [".cloudflare/output/v1", ".cloudflare/output/v0", "."];
    let workers = roots.iter().map(|root| folder.join(root).join("workers"));
    let Some(workers) = workers.into_iter().find(|workers| workers.is_dir()) else {
        return Ok(None);
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(&workers).map_err(unreadable(&workers))? {
        let path = entry.map_err(unreadable(&workers))?.path();
        if path.join(CONFIGURATION).is_file() {
            found.push(path);
        }
    }
    found.sort();
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only.clone())),
        several => {
            let names: Vec<String> = several
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            let message = format!("it has several workers; name one of {}", names.join(", "));
            Err(wrong(&workers, message))
        }
    }
}

/// Reads the worker in the folder with its configuration.
pub(super) fn read(folder: &Path) -> Result<Project, ProjectError> {
    let path = folder.join(CONFIGURATION);
    let configuration: Configuration = parse(&path, json(&path, &text(&path)?)?)?;
    let Some(manifest) = &configuration.manifest else {
        return Err(wrong(
            &path,
            "it has no `manifest`; a worker of static assets alone is not emulated",
        ));
    };
    let mut project = Project::of(code(&path, &absolute(&folder.join("bundle"))?, manifest)?);
    project.compatibility(
        configuration.compatibility_date,
        configuration.compatibility_flags,
    )?;
    project.cpu_ms = configuration.limits.cpu_ms;
    project.cache = configuration.cache["enabled"] == true;
    let mut secrets = Vec::new();
    for (name, Binding { kind, value }) in configuration.env {
        match (kind.as_str(), value) {
            ("text" | "json", Some(value)) => project.variable(name, value),
            ("secret", Some(Value::String(text))) => {
                project.secrets.insert(name.clone());
                project.variables.insert(name, text);
            }
            ("secret", _) => secrets.push(name),
            (_, _) => project.missing.push(MissingBinding {
                name: Some(name),
                kind,
            }),
        }
    }
    // The output may be deep below the project with its secrets.
    let folders = folder.ancestors().take(6);
    if let Some(with_secrets) = folders
        .into_iter()
        .find(|folder| folder.join(".dev.vars").is_file())
    {
        project.dev_vars(with_secrets, None, &[])?;
    }
    project.demand_secrets(secrets, "secret");
    let exports = configuration
        .exports
        .into_iter()
        .filter(|(_, export)| export["type"] != "worker");
    let exports = exports.map(|(name, export)| (format!("exports.{name}"), export));
    let limits = configuration.limits.others.into_iter();
    let limits = limits.map(|(key, value)| (format!("limits.{key}"), value));
    let others = configuration.others.into_iter();
    let others = others.filter(|(key, _)| !WITHOUT_EFFECT.contains(&key.as_str()));
    for (key, value) in others.chain(limits).chain(exports) {
        if says_something(&value) {
            project.missing.extend(bindings(&key, &value));
        }
    }
    if folder.join("assets").is_dir() {
        project.missing.extend(bindings("assets", &Value::Null));
    }
    Ok(project)
}

fn code(path: &Path, folder: &Path, manifest: &Manifest) -> Result<Bundle, ProjectError> {
    let mut modules = Vec::new();
    for (name, listed) in &manifest.modules {
        let kind = match listed.kind.as_str() {
            "esm" => ModuleKind::EsModule,
            "cjs" => ModuleKind::CommonJs,
            "wasm" => ModuleKind::Wasm,
            "text" => ModuleKind::Text,
            "data" => ModuleKind::Data,
            "json" => ModuleKind::Json,
            "sourcemap" => continue,
            other => return Err(ProjectError::Kind(other.to_owned())),
        };
        let file = folder.join(name);
        let real = absolute(&file)?;
        if !real.starts_with(folder) {
            return Err(wrong(
                path,
                format!("the module `{name}` is outside of its bundle"),
            ));
        }
        modules.push(Module {
            name: name.clone(),
            path: real,
            kind,
        });
    }
    if manifest.kind == ManifestKind::Partial {
        for module in Bundle::files(folder)? {
            if !modules.iter().any(|listed| listed.name == module.name) {
                modules.push(module);
            }
        }
    }
    let main = modules
        .iter()
        .position(|module| module.name == manifest.main_module);
    let main = main.ok_or_else(|| {
        wrong(
            path,
            format!(
                "its `mainModule`, `{}`, is none of its modules",
                manifest.main_module
            ),
        )
    })?;
    let main = modules.remove(main);
    modules.insert(0, main);
    Ok(Bundle::of_modules(modules)?)
}
