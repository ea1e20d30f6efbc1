//! What an emulated workspace is made of.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use super::{keys::Region, rules::Ruleset, stated::Stated};
use crate::clock::Clock;

/// A workspace of the platform, as the `given` part of a scenario states it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The bundle that the CDN serves.
    #[serde(skip)]
    pub agent: Bytes,
    /// The time of the rig.
    #[serde(skip)]
    pub clock: Clock,
    /// Where the workspace is.
    pub region: Region,
    /// The rulesets, by a name of the user's choice.
    #[serde(skip)]
    pub rulesets: BTreeMap<String, Ruleset>,
    /// Fields of every event that are what the scenario says, whatever was measured.
    pub signals: Stated,
}
