//! What an account holds, as the REST API tells it: zones and their records, workers, versions, deployments, routes.

use std::collections::BTreeMap;

use edgeproof_edge::NormalizationType;
use serde::{Deserialize, Serialize};

/// Whether a token is in force.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TokenStatus {
    /// `active`, `disabled` or `expired`.
    pub status: String,
}

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Account {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

/// A zone that the token sees.
#[derive(Clone, Debug, Deserialize)]
pub struct ZoneFound {
    /// Its id.
    pub id: String,
    /// The domain.
    pub name: String,
    /// `active` where Cloudflare serves it.
    #[serde(default)]
    pub status: String,
    /// Whose it is.
    pub account: Account,
}

/// A DNS record.
#[derive(Clone, Debug, Deserialize)]
pub struct DnsRecord {
    /// The host.
    pub name: String,
    /// `A`, `CNAME` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether its traffic goes through the edge.
    #[serde(default)]
    pub proxied: bool,
    /// The address, or the name, that it leads to.
    #[serde(default)]
    pub content: String,
}

/// How a zone normalises URLs (API, URL Normalization).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct UrlNormalization {
    /// What gets the normalised URL.
    pub scope: NormalizationScope,
    /// By which rules.
    #[serde(rename = "type")]
    pub kind: NormalizationType,
}

/// What gets the normalised URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NormalizationScope {
    /// Routes, rules and workers.
    Incoming,
    /// The origin as well.
    Both,
    /// Nobody.
    None,
}

/// A worker in a list.
#[derive(Clone, Debug, Deserialize)]
pub struct Script {
    /// Its name.
    pub id: String,
    /// When it was uploaded last.
    pub modified_on: Option<String>,
}

/// A variable or another thing that a worker is given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Binding {
    /// Its name.
    pub name: String,
    /// `plain_text`, `secret_text` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// The value of a variable; secrets are never told.
    pub text: Option<String>,
    /// The value of a variable that is JSON.
    pub json: Option<serde_json::Value>,
}

/// A route of a zone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WorkerRoute {
    /// Its id.
    pub id: String,
    /// The pattern.
    pub pattern: String,
    /// The worker; a route without one keeps workers away.
    pub script: Option<String>,
    /// Whether requests bypass the worker once the daily limit is reached, where the API says so.
    #[serde(default)]
    pub request_limit_fail_open: Option<bool>,
}

/// A version of a worker: what it is made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Version {
    /// Its id.
    pub id: String,
    /// Changes with its modules.
    pub etag: String,
    /// What it is given.
    pub bindings: Vec<Binding>,
}

/// A version in the list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct VersionHead {
    /// Its id.
    pub id: String,
    /// 1 for the first version of the worker.
    #[serde(default)]
    pub number: usize,
    /// What was said of it when it was uploaded.
    #[serde(default)]
    annotations: Annotations,
    #[serde(default)]
    metadata: VersionMetadata,
}

/// A deployment: from its time on these versions ran.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Deployed {
    /// Its id.
    pub id: String,
    /// The versions, each with its share of the requests.
    pub versions: Vec<Share>,
    #[serde(default)]
    annotations: Annotations,
}

/// A version and its share of the requests.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
pub struct Share {
    /// The version.
    pub version_id: String,
    /// Of a hundred.
    pub percentage: f64,
}

/// What became of a worker: the latest deployments and versions, the latest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// What ran. The API tells the latest ten.
    pub deployments: Vec<Deployed>,
    /// What could run.
    pub versions: Vec<VersionHead>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct Annotations {
    #[serde(rename = "workers/message")]
    message: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct VersionMetadata {
    created_on: Option<String>,
}

impl VersionHead {
    /// A version in a list.
    #[cfg(test)]
    pub(crate) fn new(id: &str, number: usize, message: Option<&str>) -> Self {
        let message = message.map(str::to_owned);
        Self {
            id: id.to_owned(),
            number,
            annotations: Annotations { message },
            metadata: VersionMetadata::default(),
        }
    }

    /// The message it was uploaded with.
    pub fn message(&self) -> Option<&str> {
        self.annotations.message.as_deref()
    }

    /// When it was uploaded, as the API writes times.
    pub fn created_on(&self) -> Option<&str> {
        self.metadata.created_on.as_deref()
    }
}

impl Deployed {
    /// A deployment of one version.
    #[cfg(test)]
    pub(crate) fn new(id: &str, version: &str, message: Option<&str>) -> Self {
        let message = message.map(str::to_owned);
        Self {
            id: id.to_owned(),
            versions: vec![Share::whole(version)],
            annotations: Annotations { message },
        }
    }

    /// The message it was made with.
    pub fn message(&self) -> Option<&str> {
        self.annotations.message.as_deref()
    }
}

impl Share {
    /// A version that takes every request.
    pub fn whole(version: &str) -> Self {
        Self {
            version_id: version.to_owned(),
            percentage: 100.0,
        }
    }
}

impl Binding {
    /// Whether it is a variable, whose value is told.
    pub(crate) fn is_variable(&self) -> bool {
        matches!(self.kind.as_str(), "plain_text" | "json")
    }
}

/// The variables among the bindings, those that are JSON as its text.
pub(crate) fn variables(bindings: &[Binding]) -> BTreeMap<String, String> {
    let variables = bindings.iter().filter(|binding| binding.is_variable());
    let value = |binding: &Binding| match &binding.json {
        Some(json) => json.to_string(),
        None => binding.text.clone().unwrap_or_default(),
    };
    variables
        .map(|binding| (binding.name.clone(), value(binding)))
        .collect()
}

/// A version as the API tells it.
#[derive(Deserialize)]
pub(super) struct VersionDetail {
    pub(super) id: String,
    pub(super) resources: Resources,
}

/// What a version is made of.
#[derive(Deserialize)]
pub(super) struct Resources {
    #[serde(default)]
    pub(super) bindings: Vec<Binding>,
    pub(super) script: VersionScript,
}

/// The code of a version.
#[derive(Deserialize)]
pub(super) struct VersionScript {
    #[serde(default)]
    pub(super) etag: String,
}

/// The settings of a worker.
#[derive(Deserialize)]
pub(super) struct ScriptSettings {
    #[serde(default)]
    pub(super) tags: Option<Vec<String>>,
}

/// The list of deployments.
#[derive(Deserialize)]
pub(super) struct Deployments {
    pub(super) deployments: Vec<Deployed>,
}

/// The list of versions.
#[derive(Deserialize)]
pub(super) struct Versions {
    #[serde(default)]
    pub(super) items: Vec<VersionHead>,
}
