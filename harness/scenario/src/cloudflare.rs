//! What a scenario expects of the emulated control plane: what was asked of it, and what the account holds.

use std::collections::{BTreeMap, BTreeSet};

use edgeproof_document::range::Range;
use edgeproof_ground::call::CallPattern;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{status::StatusMatcher, text::TextMatcher};

/// What must be true of the control plane: of the requests of a step, or of all of them; and of the account as it is then.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectCloudflare {
    /// Requests to the API, and how often.
    pub requests: Vec<ApiRequests>,
    /// The scripts of the account, by name; there are no others.
    pub scripts: Option<BTreeMap<String, ExpectScript>>,
    /// The routes of all zones: each pattern with the script it runs, or null. There are no others.
    pub routes: Option<BTreeMap<String, Option<String>>>,
    /// A message to show when one of these is not met.
    pub message: Option<String>,
}

/// Requests of one kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiRequests {
    /// Which, such as `PUT */workers/scripts/flow*`.
    pub call: CallPattern,
    /// How many times. Default: at least once.
    pub times: Option<Range>,
    /// The status that each of them got.
    pub status: Option<StatusMatcher>,
    /// A message to show when it does not match.
    pub message: Option<String>,
}

/// A script as it runs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectScript {
    /// Variables by name; there may be others.
    pub variables: BTreeMap<String, TextMatcher>,
    /// The names of all its secrets.
    pub secrets: Option<BTreeSet<String>>,
    /// How many versions there are.
    pub versions: Option<Range>,
    /// A message to show when one of these is not met.
    pub message: Option<String>,
}
