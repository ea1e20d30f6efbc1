//! A scenario as a file states it.

use serde::Deserialize;

use super::{expect::ExpectAtEnd, given::Given, step::Step, time::Time};

/// A scenario file, after includes, defaults and the matrix have been worked in.
#[derive(Clone, Debug, Deserialize)]
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
    /// Why it is not run at present.
    pub skip: Option<String>,
    /// How long it may take altogether.
    pub timeout: Option<Time>,
    /// What it starts from.
    #[serde(default)]
    pub given: Given,
    /// What happens.
    pub steps: Vec<Step>,
    /// What must be true when all steps are done.
    #[serde(default)]
    pub expect: ExpectAtEnd,
}

/// What a failure means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The protection is broken.
    #[default]
    Required,
    /// It would be better otherwise; the run does not fail.
    Optional,
    /// Nothing is judged, only reported.
    Observe,
}
