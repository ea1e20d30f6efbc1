//! A scenario as a file states it.

use std::{collections::BTreeSet, time::Duration};

use edgeproof_browser::{Engine, Profile};
use edgeproof_deployment::Deployment;
use edgeproof_ground::time::Time;
use edgeproof_rig::{Description, Visitor};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::{
    expect::ExpectAtEnd,
    step::{Action, Step},
};

/// A scenario file, after includes, defaults and the matrix have been worked in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it proves, as a claim.
    #[serde(rename = "scenario")]
    pub title: String,
    /// Words to select it by.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The documents a rule comes from.
    #[serde(default)]
    pub refs: Vec<String>,
    /// What a failure means.
    #[serde(default)]
    pub kind: Kind,
    /// Warnings of `edgeproof check` that do not apply, by id.
    #[serde(default)]
    pub allow: Vec<String>,
    /// Scenarios that must pass first, by name such as `flow::regular_passes`; where one does not, this one is skipped.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Why it is not run at present.
    pub skip: Option<String>,
    /// How long it may take altogether.
    pub timeout: Option<Time>,
    /// What it starts from: the rig.
    #[serde(default)]
    pub given: Description,
    /// What happens.
    pub steps: Vec<Step>,
    /// What must be true when all steps are done.
    #[serde(default)]
    pub expect: ExpectAtEnd,
    /// Files that this one builds on, worked in before it is read.
    #[serde(default)]
    #[schemars(skip)]
    pub include: WorkedIn,
    /// The values it is multiplied by, worked in before it is read.
    #[serde(default)]
    #[schemars(skip)]
    pub matrix: WorkedIn,
    /// The schema that an editor checks this file with, such as `./schema.json`.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
}

/// A key that is worked in before its mapping is read. It is among the keys that are known, so that one who mistypes it is
/// told.
#[derive(Clone, Copy, Debug, Default)]
pub struct WorkedIn;

impl<'de> Deserialize<'de> for WorkedIn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// The name of the visitor that is there when none is described: one HTTP client.
pub const DEFAULT_VISITOR: &str = "visitor";

impl Scenario {
    /// Somebody has to take the steps.
    pub(super) fn with_a_visitor(mut self) -> Self {
        if self.given.visitors.is_empty() {
            self.given
                .visitors
                .insert(DEFAULT_VISITOR.to_owned(), Visitor::default());
        }
        self
    }

    /// Who takes a step: the one it names, or the only one there is.
    pub fn visitor_of<'a>(&'a self, step: &'a Step) -> Option<&'a str> {
        match &step.visitor {
            Some(name) => Some(name),
            None if self.given.visitors.len() == 1 => {
                self.given.visitors.keys().next().map(String::as_str)
            }
            None => None,
        }
    }

    /// The browsers that its visitors come with, each once; the default is that of visitors that name none.
    pub fn engines(&self, default: Engine) -> BTreeSet<Engine> {
        let browsers = self.browsers(default).into_iter();
        browsers.map(|(engine, _)| engine).collect()
    }

    /// The browser and the profile of whoever takes a step in one, step by step.
    pub fn browsers(&self, default: Engine) -> Vec<(Engine, Profile)> {
        let named = self.steps.iter().filter_map(|step| self.visitor_of(step));
        let visitors = named.filter_map(|name| self.given.visitors.get(name));
        visitors
            .filter(|visitor| visitor.profile != Profile::Http)
            .map(|visitor| (self.given.engine_of(visitor, default), visitor.profile))
            .collect()
    }

    /// How long the apps that it starts may take until they are ready, altogether.
    pub fn ready_within(&self) -> Duration {
        let hosts = self
            .given
            .zones
            .values()
            .flat_map(|zone| zone.hosts.values());
        let apps = hosts.filter_map(|host| host.app.as_ref()?.launch.as_ref());
        apps.map(|launch| launch.ready_within).sum()
    }

    /// Whether it may run the worker under test: a deployment that names no worker does, and so may a step that deploys.
    pub fn may_run_worker_under_test(&self) -> bool {
        let names_none = |deployment: &Deployment| deployment.worker.is_none();
        let may = |step: &Step| match &step.action {
            Action::Set(change) => change.deployments.values().any(names_none),
            Action::Deploy(_) => true,
            _ => false,
        };
        self.given.deployments.values().any(names_none) || self.steps.iter().any(may)
    }

    /// All names that resolve.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.given
            .zones
            .values()
            .flat_map(|zone| zone.hosts.keys().chain(zone.custom_domains.keys()))
            .map(String::as_str)
    }
}

/// What a failure means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The protection is broken.
    #[default]
    Required,
    /// The documents of the products leave it open: required of the worker of edgeproof, optional for any other.
    Recommended,
    /// It would be better otherwise; the run does not fail.
    Optional,
    /// Nothing is judged, only reported.
    Observe,
}
