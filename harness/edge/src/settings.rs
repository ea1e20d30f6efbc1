//! The settings of a zone: what its owner can choose, and what published sources leave open.

use std::time::Duration;

use edgeproof_ground::content_coding::Coding;
use edgeproof_internet::Limits;
use schemars::JsonSchema;
use serde::Deserialize;

use super::normalise::Normalization;

/// The settings of a zone's edge. Each default is Cloudflare's own, or what its documentation makes most likely.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EdgeSettings {
    /// Normalisation of URLs (documentation, Rules › Normalization).
    pub normalization: Normalization,
    /// The zone's plan, which bounds a request's body and names the compression.
    pub plan: Plan,
    /// What responses to visitors are compressed with: the first of these that the visitor accepts, as in a compression
    /// rule; an empty list compresses nothing. Default: what the plan has. Responses that are compressed already stay
    /// in their coding where the visitor accepts it, regardless of this setting.
    pub compression: Option<Vec<Compression>>,
    /// The longest URL in bytes; a longer one gets status 414. Default 32,768, as the page of error 414 says; the page
    /// of the Workers limits says 16 KB.
    pub url_bytes: usize,
    /// Whether a worker sees `X-Forwarded-For` although the visitor sent none. Default no: users report that it is
    /// added on the way to the origin; the documentation does not say.
    pub forwarded_for_in_worker: bool,
    /// How many requests a day workers may take on the free plan; further ones follow the route's failure mode.
    /// Default: no limit, as on the paid plan.
    pub daily_requests: Option<u64>,
    /// How many subrequests one invocation may make. Default 10,000, the paid plan's; the free plan has 50.
    pub subrequests: usize,
    /// How many milliseconds of processor time a worker may take until its response head; more is error 1102. The free
    /// plan has 10, the paid plan 30,000. Default: no limit, as workerd has none: what is measured is all the time the
    /// runtime took while the request was in it, which is only right while it has no other.
    pub cpu_ms: Option<u64>,
    /// How many milliseconds a connection with an origin may take; more is error 522. Default 19,000 (documentation,
    /// Fundamentals › Connection limits).
    pub origin_connect_ms: u64,
    /// How many milliseconds the head of an origin's response may take, once there is a connection and the request's
    /// body is passed on; more is error 524. Default 100,000 (same page).
    pub origin_read_ms: u64,
}

/// A coding that the edge compresses with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Compression {
    /// Zstandard.
    Zstd,
    /// Brotli.
    Br,
    /// Gzip.
    Gzip,
}

/// A zone's plan. It decides how large the body of a request may be (documentation, Workers › Limits), and what responses
/// are compressed with (documentation, Speed › Content compression).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// 100 MB; zstd, else br, else gzip.
    #[default]
    Free,
    /// 100 MB; br, else gzip.
    Pro,
    /// 200 MB; br, else gzip.
    Business,
    /// 500 MB; gzip.
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

    /// What it compresses with, the most wanted first. The documentation names the first of each; that the others follow
    /// is what it says of the compression rules that ask for zstd or br.
    fn compression(self) -> &'static [Compression] {
        match self {
            Self::Free => &[Compression::Zstd, Compression::Br, Compression::Gzip],
            Self::Pro | Self::Business => &[Compression::Br, Compression::Gzip],
            Self::Enterprise => &[Compression::Gzip],
        }
    }
}

impl EdgeSettings {
    /// The codings that responses are compressed with, the most wanted first.
    pub(super) fn codings(&self) -> Vec<Coding> {
        let compression = self.compression.as_deref();
        let compression = compression.unwrap_or(self.plan.compression());
        let coding = |compression: &Compression| match compression {
            Compression::Zstd => Coding::Zstd,
            Compression::Br => Coding::Brotli,
            Compression::Gzip => Coding::Gzip,
        };
        compression.iter().map(coding).collect()
    }

    /// How long an origin may take.
    pub(super) fn origin_limits(&self) -> Limits {
        Limits {
            connect: Duration::from_millis(self.origin_connect_ms),
            read: Duration::from_millis(self.origin_read_ms),
        }
    }
}

impl Default for EdgeSettings {
    fn default() -> Self {
        let limits = Limits::default();
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self {
            normalization: Normalization::default(),
            plan: Plan::default(),
            compression: None,
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
