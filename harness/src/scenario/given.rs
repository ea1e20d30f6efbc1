//! What a scenario starts from: the rig, and what the platform knows.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    fingerprint::{self, Ruleset, Stated},
    internet::Fault,
    rig::{Deployment, Description, Visitor, Zone},
};

/// The `given` part of a file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Given {
    /// The zones of the Cloudflare account, by domain name.
    pub zones: BTreeMap<String, Zone>,
    /// What is deployed in front of them, by worker name.
    pub deployments: BTreeMap<String, Deployment>,
    /// The rulesets of the workspace, by name.
    pub rulesets: BTreeMap<String, Ruleset>,
    /// Who visits, by a name of the user's choice. One HTTP client called `visitor` where nobody is described.
    pub visitors: BTreeMap<String, Visitor>,
    /// What goes wrong, and where.
    pub faults: Vec<Fault>,
    /// Fields of every identification event that are what is stated here, whatever was measured.
    pub signals: Stated,
    /// The rest of the Fingerprint workspace.
    pub fingerprint: fingerprint::Settings,
}

/// The name of the visitor that is there when none is described.
pub const DEFAULT_VISITOR: &str = "visitor";

impl Given {
    /// The rig to start.
    pub fn description(&self) -> Description {
        Description {
            zones: self.zones.clone(),
            deployments: self.deployments.clone(),
            rulesets: self.rulesets.clone(),
            fingerprint: fingerprint::Settings {
                signals: self.signals.clone(),
                ..self.fingerprint.clone()
            },
            visitors: self.visitors(),
            faults: self.faults.clone(),
        }
    }

    /// Everybody who may take a step.
    pub fn visitors(&self) -> BTreeMap<String, Visitor> {
        if self.visitors.is_empty() {
            return BTreeMap::from([(DEFAULT_VISITOR.to_owned(), Visitor::default())]);
        }
        self.visitors.clone()
    }

    /// All names that resolve.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.zones
            .values()
            .flat_map(|zone| zone.hosts.keys())
            .map(String::as_str)
    }
}
