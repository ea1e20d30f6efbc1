//! A worker as its author has it: a folder of modules, one file, or the project of a tool, with what it says of itself.

mod build_output;
mod dev_vars;
mod rules;
mod wrangler;

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use edgeproof_build::{BuildError, ProjectBuild, build_project};
use edgeproof_ground::process::ScratchDirectory;
use serde_json::Value;

use super::{
    bundle::{Bundle, BundleError, Syntax},
    compatibility::{self, DateError},
    config::WorkerOptions,
};

/// A worker, and what it says of itself.
#[derive(Clone, Debug)]
pub struct Project {
    /// Its code.
    pub bundle: Bundle,
    /// Its variables that are texts, secrets among them.
    pub variables: BTreeMap<String, String>,
    /// Which of the variables are secrets.
    pub secrets: BTreeSet<String>,
    /// Its JSON variables, and what it wants of the runtime.
    pub options: WorkerOptions,
    /// Milliseconds of processor time that one invocation may take.
    pub cpu_ms: Option<u64>,
    /// Whether Workers Cache is in front of it.
    pub cache: bool,
    /// What it asks for and does not get here.
    pub missing: Vec<MissingBinding>,
}

/// Something that a project binds and that is not emulated.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingBinding {
    /// The name in `env`, where it has one.
    pub name: Option<String>,
    /// The key of the configuration.
    pub kind: String,
}

/// Why there is no worker.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// Its modules cannot be read.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// It cannot be bundled.
    #[error("the worker could not be bundled")]
    Build(#[from] BuildError),
    /// A file cannot be read.
    #[error("{} could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No room for what is bundled.
    #[error("no folder could be made for the bundled worker")]
    Folder(#[source] io::Error),
    /// The file is none of those that are known.
    #[error(
        "{} is no worker; a worker is a folder, a script (.js, .mjs, .ts), or a wrangler.json, .jsonc or .toml",
        .0.display()
    )]
    Unknown(PathBuf),
    /// The configuration is not what it should be.
    #[error("{}: {message}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the way out.
        message: String,
    },
    /// A type of module that the runtime here does not have.
    #[error(
        "modules of type `{0}` are not emulated; ESModule, CommonJS, CompiledWasm, Text and Data are"
    )]
    Kind(String),
    /// A pattern of a rule that is not understood.
    #[error("`{0}` is not a pattern that can be used here; write one such as `**/*.md`")]
    Glob(String),
    /// A compatibility date that the runtime does not have.
    #[error(transparent)]
    Date(#[from] DateError),
    /// It binds what is not emulated.
    #[error(
        "it binds what is not emulated: {}; `--allow-missing-bindings` runs it without",
        listed(.0)
    )]
    Missing(Vec<MissingBinding>),
}

impl fmt::Display for MissingBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "`{name}` ({})", self.kind),
            None => write!(f, "`{}`", self.kind),
        }
    }
}

fn listed(missing: &[MissingBinding]) -> String {
    let texts: Vec<String> = missing.iter().map(MissingBinding::to_string).collect();
    texts.join(", ")
}

/// The names of a configuration, the first that wrangler looks for first.
const CONFIGURATIONS: [&str; 3] = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/// Names of a main module that has to be bundled first.
const TYPESCRIPT: [&str; 6] = [
    "index.ts",
    "worker.ts",
    "main.ts",
    "src/index.ts",
    "src/worker.ts",
    "src/main.ts",
];

impl Project {
    /// Reads the worker at a path: a folder, a script, or a configuration. Behind a `#` may stand the environment of the
    /// configuration that is meant.
    ///
    /// # Errors
    /// When there is none, or it cannot be read or bundled. What it asks for and does not get here stands in
    /// [`Project::missing`].
    pub fn read(path: &Path) -> Result<Self, ProjectError> {
        let (path, environment) = with_environment(path);
        let path = path.as_path();
        if !path.is_dir() {
            return match path.extension().and_then(OsStr::to_str) {
                Some("json" | "jsonc" | "toml") => wrangler::read(path, environment),
                Some("js" | "mjs") => Ok(Self::of(Bundle::of_file(path)?)),
                Some("ts" | "mts" | "tsx" | "jsx") => Self::of_sources(path),
                _ if path.exists() => Err(ProjectError::Unknown(path.to_owned())),
                _ => Ok(Self::of(Bundle::read(path)?)),
            };
        }
        if let Some(configuration) = wrangler::redirected(path)? {
            return wrangler::read(&configuration, None);
        }
        let configurations = CONFIGURATIONS.map(|name| path.join(name));
        if let Some(configuration) = configurations.into_iter().find(|path| path.is_file()) {
            return wrangler::read(&configuration, environment);
        }
        if let Some(worker) = build_output::worker(path)? {
            return build_output::read(&worker);
        }
        match Bundle::read(path) {
            Err(BundleError::NoMain(directory)) => {
                let mut sources = TYPESCRIPT.iter().map(|name| directory.join(name));
                match sources.find(|source| source.is_file()) {
                    Some(source) => Self::of_sources(&source),
                    None => Err(BundleError::NoMain(directory).into()),
                }
            }
            read => Ok(Self::of(read?)),
        }
    }

    /// The same, where nothing that it binds is missing, or that is allowed.
    ///
    /// # Errors
    /// The names of what is missing.
    pub fn complete(self, allow_missing: bool) -> Result<Self, ProjectError> {
        match self.missing.is_empty() || allow_missing {
            true => Ok(self),
            false => Err(ProjectError::Missing(self.missing)),
        }
    }

    /// A worker that says nothing of itself.
    pub fn of(bundle: Bundle) -> Self {
        Self {
            bundle,
            variables: BTreeMap::new(),
            secrets: BTreeSet::new(),
            options: WorkerOptions::default(),
            cpu_ms: None,
            cache: false,
            missing: Vec::new(),
        }
    }

    /// Takes a variable away, whatever its type.
    pub fn take_away(&mut self, variable: &str) {
        self.variables.remove(variable);
        self.options.json_variables.remove(variable);
        self.secrets.remove(variable);
    }

    fn of_sources(entry: &Path) -> Result<Self, ProjectError> {
        let copied = rules::Rules::of(&[])?.extensions()?;
        let build = ProjectBuild {
            entry: absolute(entry)?,
            copied,
            ..ProjectBuild::default()
        };
        Ok(Self::of(bundled(&build, &rules::Rules::of(&[])?)?))
    }

    /// Takes a date and flags.
    fn compatibility(
        &mut self,
        date: Option<String>,
        flags: Vec<String>,
    ) -> Result<(), ProjectError> {
        if let Some(date) = &date {
            compatibility::check(date)?;
        }
        self.options.compatibility_date = date;
        self.options.compatibility_flags = flags;
        Ok(())
    }

    /// Takes a variable: a text, or any other JSON.
    fn variable(&mut self, name: String, value: Value) {
        match value {
            Value::String(text) => {
                self.variables.insert(name, text);
            }
            other => {
                self.options.json_variables.insert(name, other.to_string());
            }
        }
    }

    /// Takes the secrets for development beside the configuration; they win over variables of the same name. Where the
    /// configuration names its secrets, others are not taken.
    fn dev_vars(
        &mut self,
        folder: &Path,
        environment: Option<&str>,
        named: &[String],
    ) -> Result<(), ProjectError> {
        let files = dev_vars::Files::of(folder, environment);
        let mut values = BTreeMap::new();
        for file in files.paths() {
            values.extend(dev_vars::read(&text(file)?));
        }
        for (name, value) in files.meant(values) {
            let is_variable = self.variables.contains_key(&name)
                || self.options.json_variables.contains_key(&name);
            if !(named.is_empty() || is_variable || named.contains(&name)) {
                continue;
            }
            self.options.json_variables.remove(&name);
            self.secrets.insert(name.clone());
            self.variables.insert(name, value);
        }
        Ok(())
    }

    /// Notes each secret that the project demands and nobody gives.
    fn demand_secrets(&mut self, names: impl IntoIterator<Item = String>, kind: &str) {
        for name in names {
            if !self.variables.contains_key(&name) {
                self.missing.push(MissingBinding {
                    name: Some(name),
                    kind: kind.to_owned(),
                });
            }
        }
    }
}

/// A path, and the environment behind its `#`. A file whose name has a `#` is that file.
fn with_environment(path: &Path) -> (PathBuf, Option<&str>) {
    let whole = || (path.to_owned(), None);
    if path.exists() {
        return whole();
    }
    match path.to_str().and_then(|text| text.rsplit_once('#')) {
        Some((before, environment)) if Path::new(before).exists() => {
            (PathBuf::from(before), Some(environment))
        }
        _ => whole(),
    }
}

/// The bundle of sources, in a folder that lives as long as it.
fn bundled(build: &ProjectBuild, rules: &rules::Rules) -> Result<Bundle, ProjectError> {
    let folder = ScratchDirectory::create(&std::env::temp_dir(), "edgeproof-bundled-")
        .map_err(ProjectError::Folder)?;
    let main = build_project(build, &folder.path())?;
    let mut bundle = Bundle::of_files(&folder.path(), &main, |path| rules.kind(path))?;
    bundle.folder = Some(Arc::new(folder));
    keep_queries(&mut bundle, &text(&main)?);
    if bundle.syntax == Syntax::ServiceWorker && bundle.modules.len() > 1 {
        return Err(ProjectError::Configuration {
            path: build.entry.clone(),
            message: "a worker in the old syntax cannot import modules that are no scripts; export a handler instead"
                .to_owned(),
        });
    }
    Ok(bundle)
}

/// The bundler keeps the query of an import such as `./a.wasm?module`, so it is a part of that module's name.
fn keep_queries(bundle: &mut Bundle, main: &str) {
    for index in 1..bundle.modules.len() {
        let module = &mut bundle.modules[index];
        let name = format!("{}?module", module.name);
        if !main.contains(&format!("\"./{name}\"")) {
            continue;
        }
        let is_imported_plainly = main.contains(&format!("\"./{}\"", module.name));
        let queried = super::bundle::Module {
            name,
            ..module.clone()
        };
        match is_imported_plainly {
            true => bundle.modules.push(queried),
            false => *module = queried,
        }
    }
}

fn absolute(path: &Path) -> Result<PathBuf, ProjectError> {
    path.canonicalize().map_err(unreadable(path))
}

fn text(path: &Path) -> Result<String, ProjectError> {
    std::fs::read_to_string(path).map_err(unreadable(path))
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> ProjectError {
    let path = path.to_owned();
    move |source| ProjectError::Read { path, source }
}

/// Whether a value asks for anything. What is empty, or switched off, does not.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => members.values().any(says_something),
        _ => true,
    }
}

/// What a key of a configuration binds: the names in it, or itself.
fn bindings(kind: &str, value: &Value) -> Vec<MissingBinding> {
    let mut names = Vec::new();
    collect_names(value, &mut names);
    let binding = |name| MissingBinding {
        name,
        kind: kind.to_owned(),
    };
    match names.is_empty() {
        true => vec![binding(None)],
        false => names.into_iter().map(|name| binding(Some(name))).collect(),
    }
}

fn collect_names(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        Value::Object(members) => {
            let own = members.get("binding").or_else(|| members.get("name"));
            match own.and_then(Value::as_str) {
                Some(name) => names.push(name.to_owned()),
                None => members
                    .values()
                    .for_each(|member| collect_names(member, names)),
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
