//! What is deployed at present, as the APIs tell it.

use std::collections::BTreeMap;

use super::{
    desired::PUBLIC_KEY,
    history::{self, History},
    mark::{self, Mark},
};
use crate::client::{
    ApiError, ApiKey, Cloudflare, KeyType, Management, Version, WorkerRoute, variables,
};

/// Everything that a deployment could meet.
#[derive(Clone, Debug, Default)]
pub(super) struct Current {
    /// The worker of the deployment's name.
    pub(super) script: Option<CurrentScript>,
    /// All routes of the zone.
    pub(super) routes: Vec<WorkerRoute>,
    /// The keys that were made for it, and for earlier attempts.
    pub(super) keys: Vec<ApiKey>,
    /// The id of the environment that the file names.
    pub(super) environment: Option<String>,
}

/// A worker as it is.
#[derive(Clone, Debug, Default)]
pub(super) struct CurrentScript {
    /// The id of the deployment that counts.
    pub(super) deployment: String,
    /// Its version.
    pub(super) version: Version,
    /// Whether that runs, and not one that came too late.
    pub(super) runs: bool,
    /// Whether several versions share the requests.
    pub(super) is_split: bool,
    /// What the version says of itself.
    pub(super) mark: Option<Mark>,
    /// When it was uploaded, as the API writes times.
    pub(super) uploaded_on: Option<String>,
    /// The last version that was deployed from here, where somebody else's came after it.
    pub(super) last_made_here: Option<Version>,
    pub(super) tags: Vec<String>,
}

impl CurrentScript {
    /// Reads a worker, where there is one of this name.
    pub(super) async fn read(
        cloudflare: &Cloudflare,
        account: &str,
        worker: &str,
    ) -> Result<Option<Self>, ApiError> {
        let Some(past) = cloudflare.past(account, worker).await? else {
            return Ok(None);
        };
        let history = History::new(past);
        let mut current = Self {
            tags: cloudflare.tags(account, worker).await?,
            ..Self::default()
        };
        let finished = mark::finished(&current.tags).map(str::to_owned);
        let Some(standing) = history.standing_after(finished.as_deref()) else {
            return Ok(Some(current));
        };
        let version = history::version(standing);
        current.deployment.clone_from(&standing.id);
        current.is_split = standing.versions.len() > 1;
        current.runs = history.latest() == Some(standing);
        current.mark = history.mark(version);
        let head = history.head(version);
        current.uploaded_on = head.and_then(|head| head.created_on().map(str::to_owned));
        current.version = cloudflare.version(account, worker, version).await?;
        if current.mark.is_none()
            && let Some(last) = history.last_made_here(finished.as_deref())
        {
            current.last_made_here = Some(cloudflare.version(account, worker, last).await?);
        }
        Ok(Some(current))
    }

    /// Whether it was deployed here, whoever changed it since.
    pub(super) fn is_made_here(&self) -> bool {
        self.mark.is_some() || self.last_made_here.is_some() || mark::is_made_here(&self.tags)
    }

    /// Its variables.
    pub(super) fn variables(&self) -> BTreeMap<String, String> {
        variables(&self.version.bindings)
    }

    /// Whether an attempt made it that was not finished.
    pub(super) fn is_unfinished(&self) -> bool {
        let is_finished = |mark: &Mark| mark::finished(&self.tags) == Some(&mark.attempt);
        !self.runs || self.mark.as_ref().is_some_and(|mark| !is_finished(mark))
    }

    /// The version whose secret is the deployment's: others may have changed it since.
    pub(super) fn with_secret(&self) -> &Version {
        self.last_made_here.as_ref().unwrap_or(&self.version)
    }

    /// Whether there is a secret of this name to be kept.
    pub(super) fn has_secret(&self, name: &str) -> bool {
        let mut bindings = self.with_secret().bindings.iter();
        bindings.any(|binding| binding.name == name && binding.kind == "secret_text")
    }

    /// The public and the secret key that it is deployed with.
    pub(super) fn keys<'a>(&self, keys: &'a [ApiKey]) -> Option<(&'a ApiKey, &'a ApiKey)> {
        let variables = variables(&self.with_secret().bindings);
        let in_use = variables.get(PUBLIC_KEY)?;
        let is_in_use = |key: &&ApiKey| {
            key.kind == KeyType::Public
                && key
                    .token
                    .as_ref()
                    .is_some_and(|token| token.reveal() == in_use)
        };
        let public = keys.iter().find(is_in_use)?;
        let is_beside = |key: &&ApiKey| key.kind == KeyType::Secret && key.name == public.name;
        Some((public, keys.iter().find(is_beside)?))
    }

    /// What was changed at Cloudflare since the last deployment.
    pub(super) fn by_hand(&self) -> Vec<String> {
        if !self.is_made_here() {
            return Vec::new();
        }
        let told: &[&str] = match (&self.mark, &self.last_made_here) {
            (Some(_), _) if self.is_unfinished() => &["the last attempt was interrupted"],
            (Some(mark), _) if mark.variables != mark::hash(&self.variables()) => {
                &["variables were changed by hand"]
            }
            (Some(_), _) => &[],
            (None, None) => &["the worker was changed by hand"],
            (None, Some(last)) => {
                let script = last.etag != self.version.etag;
                let variables = variables(&last.bindings) != self.variables();
                match (script, variables) {
                    (true, true) => &[
                        "the script was changed by hand",
                        "variables were changed by hand",
                    ],
                    (true, false) => &["the script was changed by hand"],
                    (false, true) => &["variables were changed by hand"],
                    (false, false) => &["a secret or a setting was changed by hand"],
                }
            }
        };
        told.iter().map(|told| (*told).to_owned()).collect()
    }
}

/// What the names of a deployment's keys begin with: the account makes it unique in the workspace.
fn of_deployment(account: &str, worker: &str) -> String {
    format!("edgeproof {account} {worker} ")
}

/// The name of both keys of an attempt.
pub(super) fn key_name(account: &str, worker: &str, attempt: &str) -> String {
    format!("{}{attempt}", of_deployment(account, worker))
}

/// The keys of a deployment, of all its attempts.
pub(super) async fn keys(
    management: &Management,
    account: &str,
    worker: &str,
) -> Result<Vec<ApiKey>, ApiError> {
    let own = of_deployment(account, worker);
    let mut keys = management.keys().await?;
    keys.retain(|key| key.name.starts_with(&own));
    Ok(keys)
}

/// The keys of one attempt.
pub(super) async fn keys_named(
    management: &Management,
    name: &str,
) -> Result<Vec<ApiKey>, ApiError> {
    let mut keys = management.keys().await?;
    keys.retain(|key| key.name == name);
    Ok(keys)
}
