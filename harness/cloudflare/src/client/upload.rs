//! A worker as it is uploaded: its modules, and what Cloudflare is to know of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use edgeproof_runtime::{COMPATIBILITY_DATE, ModuleKind, Project, ProjectError, Syntax};
use serde_json::{Value as Json, json};

use super::{Secret, multipart::Form};

/// The modules of a worker.
#[derive(Clone, Debug)]
pub struct Upload {
    syntax: Syntax,
    /// The main module first.
    modules: Vec<(String, &'static str, Bytes)>,
    /// The date whose runtime behaviour it wants; the usual one where it is absent.
    compatibility_date: Option<String>,
    /// Single changes of the runtime that it wants.
    compatibility_flags: Vec<String>,
}

/// Why a worker cannot be uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// There is no worker at the path.
    #[error(transparent)]
    Project(#[from] ProjectError),
    /// Its project says more than its code, a date and flags.
    #[error(
        "the worker's own configuration has {}, which would not be deployed; deploy it with wrangler, or name its built folder",
        .0.join(", ")
    )]
    Configured(Vec<String>),
    /// A module cannot be read.
    #[error("{} could not be read", path.display())]
    Read {
        /// The module.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What is uploaded beside the modules.
#[derive(Clone, Debug, Default)]
pub struct Metadata {
    /// Variables, in the clear.
    pub variables: BTreeMap<String, String>,
    /// Which of the variables are JSON, as its text.
    pub json: BTreeSet<String>,
    /// Secrets and their values.
    pub secrets: BTreeMap<String, Secret>,
    /// Secrets that stay what they are in a version of the worker: their names, and the version.
    pub kept_secrets: Vec<(String, String)>,
    /// What the version says of itself.
    pub message: String,
}

impl Upload {
    /// Reads the worker at a path.
    ///
    /// # Errors
    /// When there is none, a module cannot be read, or its project says what would not be deployed.
    pub fn read(path: &Path) -> Result<Self, UploadError> {
        let project = Project::read(path)?.complete(false)?;
        let variables = project
            .variables
            .keys()
            .chain(project.options.json_variables.keys());
        let mut configured: Vec<String> = variables.map(|name| format!("`{name}`")).collect();
        configured.extend(project.cpu_ms.map(|_| "`limits`".to_owned()));
        configured.extend(project.cache.then(|| "`cache`".to_owned()));
        if !configured.is_empty() {
            return Err(UploadError::Configured(configured));
        }
        let bundle = project.bundle;
        let mut modules = Vec::new();
        for module in bundle.modules {
            let content = std::fs::read(&module.path).map_err(|source| UploadError::Read {
                path: module.path.clone(),
                source,
            })?;
            let content_type = match (bundle.syntax, module.kind) {
                (Syntax::ServiceWorker, ModuleKind::EsModule) => "application/javascript",
                (Syntax::Module, ModuleKind::EsModule) => "application/javascript+module",
                (_, ModuleKind::Wasm) => "application/wasm",
                (_, ModuleKind::Text) => "text/plain",
                (_, ModuleKind::Data) => "application/octet-stream",
                (_, ModuleKind::CommonJs) => "application/javascript",
                (_, ModuleKind::Json) => "application/json",
            };
            modules.push((module.name, content_type, content.into()));
        }
        Ok(Self {
            syntax: bundle.syntax,
            modules,
            compatibility_date: project.options.compatibility_date,
            compatibility_flags: project.options.compatibility_flags,
        })
    }

    /// The same with another date, or other flags.
    #[must_use]
    pub fn compatible(mut self, date: Option<String>, flags: Option<Vec<String>>) -> Self {
        self.compatibility_date = date.or(self.compatibility_date);
        self.compatibility_flags = flags.unwrap_or(self.compatibility_flags);
        self
    }

    /// What tells two workers apart: 16 hexadecimal digits over names and contents, and what it wants of the runtime.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, _, content) in &self.modules {
            for part in [name.as_bytes(), content] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
        }
        let wanted = self
            .compatibility_date
            .iter()
            .chain(&self.compatibility_flags);
        for part in wanted {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }

    /// The form: its content type and its body.
    pub(super) fn form(&self, metadata: &Metadata) -> (String, Bytes) {
        let mut form = Form::new();
        let metadata = self.metadata(metadata).to_string();
        form.field("metadata", "application/json", metadata.as_bytes());
        for (name, content_type, content) in &self.modules {
            form.file(name, content_type, content);
        }
        form.finish()
    }

    fn metadata(&self, metadata: &Metadata) -> Json {
        let variables = metadata.variables.iter();
        let variables = variables.map(|(name, text)| {
            let json = metadata
                .json
                .contains(name)
                .then(|| serde_json::from_str::<Json>(text));
            match json {
                Some(Ok(value)) => json!({"type": "json", "name": name, "json": value}),
                _ => json!({"type": "plain_text", "name": name, "text": text}),
            }
        });
        let secrets = metadata.secrets.iter().map(
            |(name, text)| json!({"type": "secret_text", "name": name, "text": text.reveal()}),
        );
        let kept = metadata.kept_secrets.iter();
        let kept = kept
            .map(|(name, version)| json!({"type": "inherit", "name": name, "version_id": version}));
        let bindings: Vec<Json> = variables.chain(secrets).chain(kept).collect();
        let main = self.modules.first().map(|(name, _, _)| name.as_str());
        let main_key = match self.syntax {
            Syntax::Module => "main_module",
            Syntax::ServiceWorker => "body_part",
        };
        json!({
            main_key: main.unwrap_or_default(),
            "bindings": bindings,
            "compatibility_date": self.compatibility_date.as_deref().unwrap_or(COMPATIBILITY_DATE),
            "compatibility_flags": self.compatibility_flags,
            "keep_bindings": [],
            "annotations": {"workers/message": metadata.message},
        })
    }
}
