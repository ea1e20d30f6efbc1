//! What the account holds, told to anyone who expects something of it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    account::{Account, Script, Zone},
    bindings::BindingValue,
};

/// What the account holds at one moment. Of secrets it knows names only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The scripts, by name.
    pub scripts: BTreeMap<String, ScriptState>,
    /// The routes of all zones, in the order they were made.
    pub routes: Vec<RouteState>,
}

/// A script as it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptState {
    /// The id of the version that runs.
    pub version: String,
    /// How many versions there are.
    pub versions: usize,
    /// Hash of its modules.
    pub etag: String,
    /// Names of its modules, the main one first.
    pub modules: Vec<String>,
    /// Its variables; those that are JSON as text.
    pub variables: BTreeMap<String, String>,
    /// Names of its secrets.
    pub secrets: BTreeSet<String>,
}

/// A route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteState {
    /// The zone.
    pub zone: String,
    /// Its id.
    pub id: String,
    /// Its pattern.
    pub pattern: String,
    /// The script it runs, where it runs one.
    pub script: Option<String>,
}

impl State {
    /// The patterns of the routes that run this script.
    pub fn routes_of(&self, script: &str) -> Vec<&str> {
        self.routes
            .iter()
            .filter(|route| route.script.as_deref() == Some(script))
            .map(|route| route.pattern.as_str())
            .collect()
    }

    pub(super) fn of(account: &Account) -> Self {
        let of_zone = |zone: &Zone| -> Vec<RouteState> {
            let routes = zone.routes.iter();
            routes
                .map(|route| RouteState {
                    zone: zone.name.clone(),
                    id: route.id.clone(),
                    pattern: route.pattern.as_str().to_owned(),
                    script: route.script.clone(),
                })
                .collect()
        };
        Self {
            scripts: account
                .scripts
                .iter()
                .map(|(name, script)| (name.clone(), ScriptState::of(script)))
                .collect(),
            routes: account.zones.iter().flat_map(of_zone).collect(),
        }
    }
}

impl ScriptState {
    fn of(script: &Script) -> Self {
        let Some(version) = script.deployed() else {
            return Self::default();
        };
        let mut state = Self {
            version: version.id.clone(),
            versions: script.versions.len(),
            etag: version.code.etag.clone(),
            modules: version
                .code
                .modules
                .iter()
                .map(|module| module.name.clone())
                .collect(),
            ..Self::default()
        };
        for binding in &version.bindings {
            let name = binding.name.clone();
            match &binding.value {
                BindingValue::Text(text) => {
                    state.variables.insert(name, text.clone());
                }
                BindingValue::Json(value) => {
                    state.variables.insert(name, value.to_string());
                }
                BindingValue::Secret(_) => {
                    state.secrets.insert(name);
                }
            }
        }
        state
    }
}
