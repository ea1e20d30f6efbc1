//! Why a deployment is not made, and what was left where one broke off.

use edgeproof_build::BuildError;

use crate::client::{ApiError, UploadError};

/// Why a deployment was not made, changed or deleted.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// A rule forbids it; nothing was changed.
    #[error("nothing was changed:\n{}", listed(.0))]
    Refused(Vec<Refusal>),
    /// An API refused or did not respond before anything was changed.
    #[error("nothing was changed")]
    Api(#[from] ApiError),
    /// The worker cannot be built.
    #[error("nothing was changed")]
    Build(#[from] BuildError),
    /// The worker cannot be read.
    #[error("nothing was changed")]
    Upload(#[source] Box<UploadError>),
    /// It broke off half-way, and all that was done was undone.
    #[error(
        "{reason}\nThe deployment was not completed; everything is undone:\n{}",
        bulleted(undone)
    )]
    Undone {
        /// Why it broke off.
        reason: Reason,
        /// What was undone.
        undone: Vec<String>,
    },
    /// It failed half-way, and some changes are still in place.
    #[error(
        "{reason}\n{}Still in place:\n{}",
        undone_first(undone),
        bulleted(stands)
    )]
    HalfMade {
        /// Why it broke off.
        reason: Reason,
        /// What was undone.
        undone: Vec<String>,
        /// What stands, and how it is removed.
        stands: Vec<String>,
    },
}

/// Why something broke off.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// An API.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// Ctrl-C, or an order to end.
    #[error("interrupted")]
    Interrupted,
    /// Somebody else changed what the plan was made of.
    #[error("{0}; plan again")]
    Raced(String),
}

impl From<UploadError> for DeployError {
    fn from(error: UploadError) -> Self {
        Self::Upload(Box::new(error))
    }
}

/// A rule that forbids a deployment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token is not one.
    #[error("Cloudflare does not know the token in CLOUDFLARE_API_TOKEN; create a new one")]
    UnknownToken,
    /// The token is not in force.
    #[error("the token in CLOUDFLARE_API_TOKEN is {0}; it must be active")]
    InactiveToken(String),
    /// The token may not do something.
    #[error("the token lacks the permission {permission} on {on}")]
    Permission {
        /// As Cloudflare's dashboard names it.
        permission: &'static str,
        /// The account or zone.
        on: String,
    },
    /// No such zone.
    #[error(
        "the token sees no zone `{0}`; check the zone's name, its account and the token's zones"
    )]
    NoZone(String),
    /// The zone is not served.
    #[error("the zone `{zone}` is {status} at Cloudflare, so no worker runs in it")]
    InactiveZone {
        /// The zone.
        zone: String,
        /// Its status.
        status: String,
    },
    /// The account is not told.
    #[error("the token has access to {0} accounts; set CLOUDFLARE_ACCOUNT_ID to the one to use")]
    WhichAccount(usize),
    /// A host that no DNS record has.
    #[error(
        "`{host}` has no A, AAAA or CNAME record in the zone, so no visitor reaches a worker there"
    )]
    NoRecord {
        /// The host.
        host: String,
    },
    /// A host whose traffic goes past the edge.
    #[error(
        "`{host}` is DNS-only: its traffic bypasses Cloudflare, so no worker sees it; set its DNS record to proxied"
    )]
    DnsOnly {
        /// The host.
        host: String,
    },
    /// Another worker has the route.
    #[error("the route `{pattern}` {}", served_by(worker.as_deref()))]
    RouteTaken {
        /// The pattern.
        pattern: String,
        /// The worker; a route without one keeps workers away.
        worker: Option<String>,
    },
    /// A route of another worker, in other words, takes all that one of ours is for.
    #[error(
        "the route `{theirs}` {} and wins over `{own}`, for example for {example}; remove it, or deploy to other URLs",
        served_by(worker.as_deref())
    )]
    RouteOutranked {
        /// Ours.
        own: String,
        /// The other one.
        theirs: String,
        /// Its worker; a route without one keeps workers away.
        worker: Option<String>,
        /// A URL of ours that it takes.
        example: String,
    },
    /// A worker of this name is not ours.
    #[error("there is a worker `{0}` that was not deployed with edgeproof; it is not overwritten")]
    Foreign(String),
    /// Another attempt has begun, and was not finished.
    #[error(
        "another run began to deploy `{worker}` {since} s ago; wait until it is done, or, if it was killed, {wait} s, or let \
         `--take-over` continue from there at once"
    )]
    UnderWay {
        /// The worker.
        worker: String,
        /// Seconds since it uploaded.
        since: i64,
        /// Seconds until it is taken for killed.
        wait: i64,
    },
    /// Somebody else changed what the plan was made of, before anything else was changed.
    #[error("{0}; plan again")]
    Raced(String),
    /// Several versions share the requests.
    #[error(
        "several versions of `{0}` share its requests (a gradual deployment); finish that first, in the dashboard or with \
         `wrangler versions deploy`"
    )]
    Split(String),
    /// Several zones have the name.
    #[error(
        "the token sees the zone `{zone}` in several accounts: {accounts}; set CLOUDFLARE_ACCOUNT_ID to the one to use"
    )]
    WhichZone {
        /// The zone.
        zone: String,
        /// The accounts, by name and id.
        accounts: String,
    },
    /// The keys would have to be others.
    #[error(
        "the keys of `{worker}` {why}; keys are not rotated: delete the deployment and create it again"
    )]
    Rotation {
        /// The worker.
        worker: String,
        /// What is the matter with them.
        why: &'static str,
    },
    /// No key for the Management API.
    #[error(
        "FINGERPRINT_MANAGEMENT_API_KEY is not set; it is needed to create and delete the deployment's keys"
    )]
    NoManagementKey,
    /// No such environment.
    #[error("the Fingerprint workspace has no environment `{0}`")]
    NoEnvironment(String),
    /// Nothing of this name is deployed.
    #[error("there is no deployment `{0}`; `edgeproof deploy list` shows all of them")]
    NotDeployed(String),
}

impl From<Refusal> for DeployError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(vec![refusal])
    }
}

fn served_by(worker: Option<&str>) -> String {
    match worker {
        Some(worker) => format!("is served by the worker `{worker}`"),
        None => "keeps workers away: it has none".to_owned(),
    }
}

fn listed(refusals: &[Refusal]) -> String {
    let lines: Vec<String> = refusals
        .iter()
        .map(|refusal| format!("  - {refusal}"))
        .collect();
    lines.join("\n")
}

fn bulleted(lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("  - {line}")).collect();
    lines.join("\n")
}

fn undone_first(undone: &[String]) -> String {
    if undone.is_empty() {
        String::new()
    } else {
        format!("Undone:\n{}\n", bulleted(undone))
    }
}
