//! A worker as it is uploaded: its modules, and what Cloudflare is to know of them.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use edgeproof_runtime::{Bundle, BundleError, COMPATIBILITY_DATE, ModuleKind, Syntax};
use serde_json::{Value as Json, json};

use super::{multipart::Form, secret::Secret};

/// The modules of a worker.
#[derive(Clone, Debug)]
pub struct Upload {
    syntax: Syntax,
    /// The main module first.
    modules: Vec<(String, &'static str, Bytes)>,
}

/// Why a worker cannot be uploaded.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// The directory holds no worker.
    #[error(transparent)]
    Bundle(#[from] BundleError),
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
    /// Secrets and their values.
    pub secrets: BTreeMap<String, Secret>,
    /// Secrets that stay what they are in a version of the worker: their names, and the version.
    pub kept_secrets: Vec<(String, String)>,
    /// What the version says of itself.
    pub message: String,
}

impl Upload {
    /// Reads the worker in a directory.
    ///
    /// # Errors
    /// When it holds no worker, or a module cannot be read.
    pub fn read(directory: &Path) -> Result<Self, UploadError> {
        let bundle = Bundle::read(directory)?;
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
            };
            modules.push((module.name, content_type, content.into()));
        }
        Ok(Self {
            syntax: bundle.syntax,
            modules,
        })
    }

    /// What tells two workers apart: 16 hexadecimal digits over names and contents.
    pub fn hash(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (name, _, content) in &self.modules {
            for part in [name.as_bytes(), content] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part);
            }
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
        let variables =
            variables.map(|(name, text)| json!({"type": "plain_text", "name": name, "text": text}));
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
            "compatibility_date": COMPATIBILITY_DATE,
            "compatibility_flags": [],
            "keep_bindings": [],
            "annotations": {"workers/message": metadata.message},
        })
    }
}
