//! Deployments at Cloudflare: one file, planned, applied, listed and deleted through the REST API.
//!
//! What is deployed is read back from Cloudflare each time; nothing about it is kept on this machine. A version that was
//! made here says so, with the hashes of what was uploaded, so that later changes by hand are noticed.

mod apply;
mod attempt;
mod conflicts;
mod current;
mod delete;
mod deployed;
mod desired;
mod drift;
mod error;
mod file;
mod history;
mod mark;
mod place;
mod plan;
mod rules;
pub mod schema;
mod show;
mod site;
mod under_way;
mod undo;

pub use apply::{Planned, Stop};
pub use delete::{Deleted, Deletion};
pub use deployed::DeployedFlow;
pub use drift::Compared;
pub use error::{DeployError, Reason, Refusal};
pub use file::{DeploymentFile, LogLevel, Wallarm};
pub use place::{Api, Page};
pub use plan::{Action, Change, Plan};
pub use rules::MOST;
pub use schema::text as schema_text;

use std::path::PathBuf;

use edgeproof_build::BuildError;

use super::client::{Cloudflare, Management};

/// Makes, changes and removes deployments with the tokens it was given.
#[derive(Clone, Debug)]
pub struct Deployer {
    /// Where workers and routes are.
    pub cloudflare: Cloudflare,
    /// Where keys are made; listing does without.
    pub management: Option<Management>,
    /// The account, by id; the zone's own where it is not said.
    pub account: Option<String>,
    /// A directory with the worker of deployments that name none; the one of this repository, built when it is needed.
    pub worker: Option<PathBuf>,
    /// Whether an attempt that began lately and was not finished is taken for killed.
    pub take_over: bool,
}

impl Deployer {
    /// The directory of the worker that a file deploys.
    fn worker_of(&self, file: &DeploymentFile) -> Result<PathBuf, BuildError> {
        match (&file.worker, &self.worker) {
            (Some(worker), _) | (None, Some(worker)) => Ok(worker.clone()),
            (None, None) => edgeproof_build::build_worker(&edgeproof_build::WorkerBuild::default()),
        }
    }

    fn management(&self) -> Result<&Management, Refusal> {
        self.management.as_ref().ok_or(Refusal::NoManagementKey)
    }
}
