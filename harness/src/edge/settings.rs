//! The settings of a zone: what its owner can choose, and what published sources leave open.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::normalise::Normalization;
use crate::internet::Limits;

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
    /// How many milliseconds of processor time a worker may take until the head of its answer; more is error 1102. The
    /// free plan has 10, the paid plan 30,000. Default: no limit, as workerd has none: what is measured is all the time
    /// the runtime took while the request was in it, which is only right while it has no other.
    pub cpu_ms: Option<u64>,
    /// How many milliseconds a connection with an origin may take; more is error 522. Default 19,000 (documentation,
    /// Fundamentals › Connection limits).
    pub origin_connect_ms: u64,
    /// How many milliseconds the head of an origin's answer may take, once there is a connection and the request's body
    /// is passed on; more is error 524. Default 100,000 (same page).
    pub origin_read_ms: u64,
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

impl Settings {
    /// How long an origin may take.
    pub(super) fn origin_limits(&self) -> Limits {
        Limits {
            connect: Duration::from_millis(self.origin_connect_ms),
            read: Duration::from_millis(self.origin_read_ms),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        let limits = Limits::default();
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            normalization: Normalization::default(),
            plan: Plan::default(),
            url_bytes: 32 * 1024,
            forwarded_for_in_worker: false,
            daily_requests: None,
            subrequests: 10_000,
            cpu_ms: None,
            origin_connect_ms: milliseconds(limits.connect),
            origin_read_ms: milliseconds(limits.read),
        }
    }
}
