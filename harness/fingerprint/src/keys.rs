//! API keys and regions of the workspace.

use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;

/// The keys of one deployment. The public one is in every page; the secret one must be in no log and no report.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// Names the workspace to the CDN.
    pub public: String,
    /// Authorises the ingress and the Server API.
    pub secret: String,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

/// Where a workspace keeps its data; each region has hosts of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// Global.
    #[default]
    Us,
    /// Europe.
    Eu,
    /// Asia.
    Ap,
}

/// The host the agent is loaded from.
pub const CDN_HOST: &str = "fpcdn.io";

impl Region {
    /// All regions.
    pub const ALL: [Self; 3] = [Self::Us, Self::Eu, Self::Ap];

    /// The region's host for ingress and Server API.
    pub fn host(self) -> &'static str {
        match self {
            Self::Us => "api.fpjs.io",
            Self::Eu => "eu.api.fpjs.io",
            Self::Ap => "ap.api.fpjs.io",
        }
    }

    /// The region whose host this is.
    pub(super) fn of_host(host: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|region| region.host() == host)
    }
}
