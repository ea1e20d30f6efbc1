//! The settings of a zone: what its owner can choose, and what published sources leave open.

use schemars::JsonSchema;
use serde::Deserialize;

use super::normalise::Normalization;

/// The settings of a zone's edge. Each default is Cloudflare's own, or what its documentation makes most likely.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Normalisation of URLs (documentation, Rules › Normalization).
    pub normalization: Normalization,
    /// The zone's plan, which bounds a request's body.
    pub plan: Plan,
    /// The longest URL in bytes; a longer one is answered with 414. Default 32,768, as the page of error 414 says; the
    /// page of the Workers limits says 16 KB.
    pub url_bytes: usize,
    /// Whether a worker sees `X-Forwarded-For` although the visitor sent none. Default no: users report that it is
    /// added on the way to the origin; the documentation does not say.
    pub forwarded_for_in_worker: bool,
    /// How many requests a day workers may take on the free plan; further ones follow the route's failure mode.
    /// Default: no limit, as on the paid plan.
    pub daily_requests: Option<u64>,
    /// How many subrequests one invocation may make. Default 10,000, the paid plan's; the free plan has 50.
    pub subrequests: usize,
}

/// A zone's plan. It decides how large the body of a request may be (documentation, Workers › Limits).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// 100 MB.
    #[default]
    Free,
    /// 100 MB.
    Pro,
    /// 200 MB.
    Business,
    /// 500 MB.
    Enterprise,
}

impl Plan {
    /// The largest body of a request, in bytes; a larger one is answered with 413.
    pub fn body_bytes(self) -> u64 {
        let megabytes = match self {
            Self::Free | Self::Pro => 100,
            Self::Business => 200,
            Self::Enterprise => 500,
        };
        megabytes * 1_000_000
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            normalization: Normalization::default(),
            plan: Plan::default(),
            url_bytes: 32 * 1024,
            forwarded_for_in_worker: false,
            daily_requests: None,
            subrequests: 10_000,
        }
    }
}
