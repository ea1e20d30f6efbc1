//! Other accounts that the tokens see, and their zones, which may have the names of this one's. They hold nothing else.

use std::collections::BTreeMap;

use edgeproof_ground::international;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{ids::stable_id, settings::AccountName};

/// Another account: `{ name: Agency, zones: { shop.example: pending } }`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OtherAccount {
    /// Its name for people.
    pub name: String,
    /// Its zones, each with its status.
    #[serde(deserialize_with = "international::by_name")]
    pub zones: BTreeMap<String, ZoneStatus>,
}

/// How far a zone is on its way to Cloudflare. Only an active one is served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ZoneStatus {
    /// Its domain names Cloudflare's name servers.
    #[default]
    Active,
    /// Its domain does not name them yet.
    Pending,
    /// It has just been made.
    Initializing,
    /// Its domain names them no more.
    Moved,
    /// It was switched off.
    Deactivated,
}

impl ZoneStatus {
    /// As the API has it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Initializing => "initializing",
            Self::Moved => "moved",
            Self::Deactivated => "deactivated",
        }
    }
}

impl OtherAccount {
    /// Its id in paths.
    pub fn id(&self) -> String {
        let name = AccountName {
            id: None,
            name: self.name.clone(),
        };
        name.id()
    }

    /// The id of one of its zones.
    pub fn zone_id(&self, zone: &str) -> String {
        stable_id("zone", &format!("{} {zone}", self.name))
    }
}
