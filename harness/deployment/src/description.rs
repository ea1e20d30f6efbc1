//! A deployment as people describe it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{Connector, Coverage, FailureMode, ProtectedApi, RealNode};

/// A worker in front of pages and APIs, in the words of the vendor's dashboard.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Deployment {
    /// A worker: a folder, a script, or a configuration of wrangler, behind whose path `#NAME` may name an environment.
    /// Default: the worker of this repository.
    pub worker: Option<String>,
    /// The date whose runtime behaviour the worker gets. Default: its own, or else a recent one.
    pub compatibility_date: Option<String>,
    /// Single changes of the runtime. Default: the worker's own.
    pub compatibility_flags: Option<Vec<String>>,
    /// URL patterns of the pages that get the instrumentation.
    pub identification_pages: Vec<String>,
    /// The APIs that are protected, such as `POST shop.example/api/create-account*`.
    pub protected_apis: Vec<ProtectedApi>,
    /// What happens to a protected call that could not be identified.
    pub failure_mode: FailureMode,
    /// The ruleset that decides; without one the worker monitors and blocks nothing.
    pub ruleset: Option<String>,
    /// How much of the hosts of its APIs the worker sees; default: the pages and APIs, as their patterns are written.
    pub coverage: Option<Coverage>,
    /// The request header that the origin demands of protected calls. An allow rule of the ruleset sets it, to a value that
    /// only the two know, so what did not pass the worker is refused by the origin.
    pub origin_secret: Option<String>,
    /// Route patterns; default: derived from the pages, the APIs and the worker's own prefix.
    pub routes: Option<Vec<String>>,
    /// The Wallarm connector of the same worker; without it no traffic goes through a node.
    pub wallarm: Option<Connector>,
    /// A real filtering node in place of the emulated one.
    pub node: Option<RealNode>,
    /// Whether Workers Cache is in front of the worker: what it has stored is served without running the worker.
    pub cache: bool,
    /// Further worker variables that are texts; they win over the derived ones and the worker's own. An empty value removes
    /// one.
    pub variables: BTreeMap<String, String>,
    /// The same for variables that are JSON, as a list or a mapping of the configuration is.
    pub json_variables: BTreeMap<String, Value>,
    /// The same for secrets.
    pub secrets: BTreeMap<String, String>,
}
