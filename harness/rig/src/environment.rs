//! What every rig of this process shares: tools, the certificate authority, the built worker, the browsers, the user's own apps.

use std::{
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use edgeproof_browser::{Engine, Pool, Profile, Trust};
use edgeproof_edge::{CertificateAuthority, CertificateError};
use edgeproof_ground::{
    memory::Memory,
    tools::{self, Tool, ToolError},
};
use edgeproof_origin::launch;

use super::Description;

/// Made once a process; rigs borrow it.
#[derive(Clone)]
pub struct Environment {
    pub(super) workerd: PathBuf,
    pub(super) authority: Arc<CertificateAuthority>,
    pub(super) agent: Bytes,
    pub(super) sites: PathBuf,
    /// The worker that deployments without one of their own run.
    pub(super) worker: PathBuf,
    /// Whether workers run without the bindings that are not emulated.
    pub(super) allow_missing_bindings: bool,
    /// Whether the runtime opens its inspector.
    pub(super) inspect: bool,
    /// How many MiB of what happened a rig keeps, whatever its description says.
    memory_mb: Option<NonZeroU32>,
    pub(super) browsers: Pool,
    /// The browser of visitors that name none.
    pub(super) engine: Engine,
    pub(super) apps: launch::Pool,
}

/// Why no rig can be started here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// A tool is missing.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The worker or the agent could not be built.
    #[error(transparent)]
    Build(#[from] edgeproof_build::BuildError),
    /// The certificate authority could not be made.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// A built file could not be read.
    #[error("{} could not be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn folder_of_sites() -> PathBuf {
    tools::home().join("fixtures/sites")
}

/// The names of the sites that a host can have.
pub fn sites() -> Vec<String> {
    let entries = std::fs::read_dir(folder_of_sites());
    let is_site = |folder: &PathBuf| folder.join("site.json").is_file();
    let name = |folder: PathBuf| Some(folder.file_name()?.to_string_lossy().into_owned());
    let folders = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    let mut names: Vec<String> = folders.filter(is_site).filter_map(name).collect();
    names.sort();
    names
}

impl Environment {
    /// Finds the tools, builds the worker of this repository unless `worker` names another one, and bundles the
    /// agent. What is built already is taken as it is.
    ///
    /// # Errors
    /// When a tool is missing or something cannot be built. A missing browser is an error only when it is asked for.
    pub fn prepare(worker: Option<&Path>) -> Result<Self, EnvironmentError> {
        let authority = CertificateAuthority::of_process()?;
        let worker = match worker {
            Some(directory) => directory.to_owned(),
            None => edgeproof_build::build_worker(&edgeproof_build::WorkerBuild::default())?,
        };
        let agent = edgeproof_build::build_agent()?;
        let agent = std::fs::read(&agent).map_err(|source| EnvironmentError::Read {
            path: agent,
            source,
        })?;
        let profiles = tools::cache().join("profiles");
        Ok(Self {
            workerd: tools::find(Tool::Workerd)?,
            agent: agent.into(),
            sites: folder_of_sites(),
            worker,
            allow_missing_bindings: false,
            inspect: false,
            memory_mb: None,
            browsers: Pool::new(
                &profiles,
                Trust {
                    key: authority.spki_sha256_base64(),
                    certificate: authority.certificate_pem(),
                },
            ),
            engine: Engine::default(),
            apps: launch::Pool::default(),
            authority,
        })
    }

    /// The same with these apps: those that run already are used, and those that are started outlive this.
    #[must_use]
    pub fn with_apps(mut self, apps: launch::Pool) -> Self {
        self.apps = apps;
        self
    }

    /// The same, where workers run without the bindings that are not emulated.
    #[must_use]
    pub fn allowing_missing_bindings(mut self, allow: bool) -> Self {
        self.allow_missing_bindings = allow;
        self
    }

    /// The same with a runtime that can be looked into with DevTools: see `Rig::inspector`.
    #[must_use]
    pub fn inspected(mut self, inspect: bool) -> Self {
        self.inspect = inspect;
        self
    }

    /// The same, where each rig keeps so many MiB of what happened, whatever its description says.
    #[must_use]
    pub fn keeping_megabytes(mut self, megabytes: Option<NonZeroU32>) -> Self {
        self.memory_mb = megabytes.or(self.memory_mb);
        self
    }

    pub(super) fn memory_of(&self, description: &Description) -> Memory {
        let stated = self.memory_mb.or(description.memory_mb);
        stated.map_or_else(Memory::default, |stated| Memory::of_megabytes(stated.get()))
    }

    /// The same with browsers that show their windows.
    #[must_use]
    pub fn headed(mut self) -> Self {
        self.browsers = self.browsers.headed();
        self
    }

    /// The same with another browser for visitors that name none.
    #[must_use]
    pub fn with_engine(mut self, engine: Engine) -> Self {
        self.engine = engine;
        self
    }

    /// The browser of visitors that name none.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Makes a browser ready meanwhile, for the next visitor of the profile.
    pub fn prepare_browser(&self, engine: Engine, profile: Profile) {
        self.browsers.prepare(engine, profile);
    }
}
