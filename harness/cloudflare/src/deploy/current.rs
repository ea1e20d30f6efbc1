//! What is deployed at present, as the APIs tell it.

use std::collections::BTreeMap;

use super::marks::Marks;
use crate::client::{
    ApiError, ApiKey, Binding, Cloudflare, Management, Running, WorkerRoute, variables,
};

/// Everything that a deployment could meet.
#[derive(Clone, Debug, Default)]
pub(super) struct Current {
    /// The worker of the deployment's name.
    pub(super) script: Option<CurrentScript>,
    /// All routes of the zone.
    pub(super) routes: Vec<WorkerRoute>,
    /// The keys that were made for it.
    pub(super) keys: Vec<ApiKey>,
    /// The id of the environment that the file names.
    pub(super) environment: Option<String>,
}

/// A worker as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct CurrentScript {
    /// The id of the version that runs.
    pub(super) version: String,
    pub(super) etag: String,
    pub(super) tags: Vec<String>,
    pub(super) marks: Marks,
    pub(super) variables: BTreeMap<String, String>,
    /// Everything it is given beside variables.
    pub(super) others: Vec<Binding>,
}

impl CurrentScript {
    pub(super) fn new(running: Running, tags: Vec<String>) -> Self {
        let Running {
            version,
            etag,
            bindings,
        } = running;
        let variables = variables(&bindings);
        Self {
            version,
            etag: super::marks::plain_etag(&etag),
            marks: Marks::read(&tags),
            tags,
            variables,
            others: bindings
                .into_iter()
                .filter(|binding| !binding.is_variable())
                .collect(),
        }
    }

    /// Whether its modules are not those that were uploaded here.
    pub(super) fn is_script_changed(&self) -> bool {
        self.marks
            .etag
            .as_ref()
            .is_some_and(|etag| *etag != self.etag)
    }

    /// Whether it was uploaded here, and the attempt broke off.
    pub(super) fn is_unfinished(&self) -> bool {
        self.marks.made_here && self.marks.etag.is_none()
    }

    /// Whether it has a secret of this name.
    pub(super) fn has_secret(&self, name: &str) -> bool {
        self.others
            .iter()
            .any(|binding| binding.name == name && binding.kind == "secret_text")
    }

    /// Reads a worker, where there is one of this name.
    pub(super) async fn read(
        cloudflare: &Cloudflare,
        account: &str,
        worker: &str,
    ) -> Result<Option<Self>, ApiError> {
        let Some(running) = cloudflare.running(account, worker).await? else {
            return Ok(None);
        };
        let tags = cloudflare.tags(account, worker).await?;
        Ok(Some(Self::new(running, tags)))
    }
}

/// The name of the keys of a deployment: the account makes it unique in the workspace.
pub(super) fn key_name(account: &str, worker: &str) -> String {
    format!("edgeproof {account} {worker}")
}

/// The keys of a deployment.
pub(super) async fn keys(
    management: &Management,
    account: &str,
    worker: &str,
) -> Result<Vec<ApiKey>, ApiError> {
    management.keys(&key_name(account, worker)).await
}
