//! What an emulated account is made of.

use std::{collections::BTreeMap, path::PathBuf};

use edgeproof_edge::Normalization;
use edgeproof_ground::{clock::Clock, international, pattern::Pattern, time::Time, trace::Trace};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Secret,
    access::Token,
    fault::PlaneFault,
    ids::{is_id, stable_id},
    limits::WorkersPlan,
    neighbours::{OtherAccount, ZoneStatus},
};

/// An account and its control plane, as the `given` part of a scenario states it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountSettings {
    /// The account.
    pub account: AccountName,
    /// The Workers plan, which sets the limits.
    pub plan: WorkersPlan,
    /// API tokens by a name of the user's choice; default: one called `deployer` with every permission that a
    /// deployment needs.
    pub tokens: IndexMap<String, Token>,
    /// DNS records beside those of the zones' hosts, by zone.
    #[serde(deserialize_with = "international::by_name")]
    pub records: BTreeMap<String, Vec<Record>>,
    /// Workers that are there already, beside those of the deployments, by name.
    pub workers: BTreeMap<String, GivenWorker>,
    /// The subdomain of workers.dev.
    pub subdomain: Option<String>,
    /// Zones of the account that are not active, each with its status. What the API tells of them is all that changes.
    #[serde(deserialize_with = "international::by_name")]
    pub zone_status: BTreeMap<String, ZoneStatus>,
    /// Other accounts that the tokens see.
    pub other_accounts: Vec<OtherAccount>,
    /// How long what is deployed takes to reach the edge, such as `5s`, on the rig's clock. Default: no time. In
    /// production it is seconds; Cloudflare publishes no number.
    pub propagation_delay: Option<Time>,
    /// What goes wrong between a client and the API.
    pub faults: Vec<PlaneFault>,
    /// The zones.
    #[serde(skip)]
    pub zones: Vec<ZoneSettings>,
    /// The time of the rig.
    #[serde(skip)]
    pub clock: Clock,
    /// Where the requests are recorded.
    #[serde(skip)]
    pub trace: Trace,
    /// The runtime that a script must start in to be accepted. Without one, code is not looked at.
    #[serde(skip)]
    pub workerd: Option<PathBuf>,
}

/// What the account is called.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AccountName {
    /// 32 hexadecimal digits; default: derived from the name.
    #[serde(deserialize_with = "account_id")]
    #[schemars(with = "Option<String>")]
    pub id: Option<String>,
    /// Its name for people.
    pub name: String,
}

impl AccountName {
    /// The id in paths.
    pub fn id(&self) -> String {
        self.id
            .clone()
            .unwrap_or_else(|| stable_id("account", &self.name))
    }
}

impl Default for AccountName {
    fn default() -> Self {
        Self {
            id: None,
            name: "edgeproof".to_owned(),
        }
    }
}

fn account_id<'de, D: serde::Deserializer<'de>>(value: D) -> Result<Option<String>, D::Error> {
    match Option::<String>::deserialize(value)? {
        Some(id) if !is_id(&id) => Err(serde::de::Error::custom(format!(
            "`{id}` is not an account id, which has 32 hexadecimal digits"
        ))),
        id => Ok(id),
    }
}

/// A zone of the account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneSettings {
    /// The domain. Its id is [`stable_id`]`("zone", name)`.
    pub name: String,
    /// Its DNS records.
    pub records: Vec<Record>,
    /// Custom domains: host names that a worker serves by itself, each with the worker.
    pub custom_domains: BTreeMap<String, String>,
    /// How it normalises URLs.
    pub normalization: Normalization,
}

impl ZoneSettings {
    /// A zone in which each of these names has an address and goes through the edge.
    pub fn proxied(name: &str, hosts: &[&str]) -> Self {
        Self {
            name: name.to_owned(),
            records: hosts
                .iter()
                .map(|host| Record::of_host(host, true))
                .collect(),
            ..Self::default()
        }
    }
}

/// A DNS record.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The whole name.
    #[serde(deserialize_with = "international::name")]
    pub name: String,
    /// `A`, `AAAA`, `CNAME`, `TXT` and so on.
    #[serde(rename = "type", default = "address_record")]
    pub kind: String,
    /// What it says.
    #[serde(default = "documentation_address")]
    pub content: String,
    /// Whether the name goes through the edge (orange cloud).
    #[serde(default)]
    pub proxied: bool,
}

impl Record {
    /// The record that the name of a rig's host has.
    pub fn of_host(name: &str, proxied: bool) -> Self {
        Self {
            name: name.to_ascii_lowercase(),
            kind: address_record(),
            content: documentation_address(),
            proxied,
        }
    }
}

fn address_record() -> String {
    "A".to_owned()
}

/// RFC 5737: no machine has it.
fn documentation_address() -> String {
    "192.0.2.1".to_owned()
}

/// A worker that is there before anything is deployed.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GivenWorker {
    /// A directory with a built worker. Default: a worker that passes every request on.
    pub worker: Option<PathBuf>,
    /// Its variables.
    pub variables: BTreeMap<String, String>,
    /// Its secrets.
    pub secrets: BTreeMap<String, Secret>,
    /// Whether Workers Cache is in front of it.
    pub cache: bool,
    /// Patterns of the routes that run it.
    pub routes: Vec<Pattern>,
}

/// What a step can change of a running control plane.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Changes {
    /// The faults from now on, in place of those before; `[]` ends all.
    pub faults: Vec<PlaneFault>,
}
