//! One scenario that can be run, and its steps with the values that are known when they are taken.

use std::{
    hash::{BuildHasher, RandomState},
    path::PathBuf,
    sync::Arc,
};

use edgeproof_document::{
    node::{Value, YamlNode},
    problem::Problem,
    read,
    source::{Sources, Span},
};
use serde::de::DeserializeOwned;

use super::{
    expect::ExpectAtEnd,
    file::Scenario,
    filling::{self, Values},
    step::Step,
};

/// The name of the value that differs from run to run.
pub(super) const UNIQUE: &str = "unique";

/// One scenario that can be run.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name: the path below `scenarios`, and the values of the matrix, joined with `::`.
    pub name: String,
    /// The file it was read from.
    pub file: PathBuf,
    /// What it says, as far as that is known before it runs.
    pub scenario: Scenario,
    /// Where it says it; captured values are not in their places yet.
    pub node: YamlNode,
    /// The files behind the places in `node`.
    pub sources: Arc<Sources>,
    /// Values from outside that no report may show.
    pub secrets: Vec<String>,
    /// What `${unique}` stands for.
    pub(super) unique: Unique,
}

/// A value that differs from run to run: letters and digits, as fit for a mail address as for a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unique(String);

impl Unique {
    pub(super) fn new() -> Self {
        // Each state is seeded anew by the system.
        let (left, right) = (
            RandomState::new().hash_one(0),
            RandomState::new().hash_one(1),
        );
        Self(format!("{:016x}", left ^ right.rotate_left(32)))
    }
}

impl Values for Unique {
    fn value(&self, name: &str) -> Option<Value> {
        (name == UNIQUE).then(|| Value::Text(self.0.clone()))
    }
}

impl Case {
    /// A step with the values that are known by now.
    ///
    /// # Errors
    /// A value does not fit where it stands.
    pub fn step(&self, index: usize, captured: &dyn Values) -> Result<Step, Vec<Problem>> {
        self.filled(&["steps", &index.to_string()], captured)
            .unwrap_or_else(|| Ok(self.scenario.steps[index].clone()))
    }

    /// What must be true at the end, with the values that are known by then.
    ///
    /// # Errors
    /// A value does not fit where it stands.
    pub fn end(&self, captured: &dyn Values) -> Result<ExpectAtEnd, Vec<Problem>> {
        self.filled(&["expect"], captured)
            .unwrap_or_else(|| Ok(self.scenario.expect.clone()))
    }

    /// The part at `path`, read again; nothing where no value is filled in there.
    fn filled<T: DeserializeOwned>(
        &self,
        path: &[&str],
        captured: &dyn Values,
    ) -> Option<Result<T, Vec<Problem>>> {
        let node = self.node.at_path(path.iter().copied())?;
        let mut is_filled = false;
        filling::references(node, &mut |_| is_filled = true);
        is_filled.then(|| read::read(&filling::finish(node, &(&self.unique, captured))))
    }

    /// The same case for another run: `${unique}` is another value.
    #[must_use]
    pub fn anew(&self) -> Self {
        let mut case = self.clone();
        if !filling::mentions(&self.node, UNIQUE) {
            return case;
        }
        case.unique = Unique::new();
        let node = filling::finish(&case.node, &case.unique);
        let (scenario, _) = super::reading::read_around::<Scenario>(&node, &unknown(&case.node));
        if let Some(scenario) = scenario {
            // What is shown of it stays as it was shown before, without secrets.
            let title = case.scenario.title;
            case.scenario = scenario.with_a_visitor();
            case.scenario.title = title;
        }
        case
    }
}

/// The places of values that are not known before a case runs.
pub(super) fn unknown(node: &YamlNode) -> Vec<Span> {
    let mut places = Vec::new();
    filling::references(node, &mut |reference| {
        // A variable of the environment that is still there is not set, and has been told.
        if reference.name != UNIQUE && !reference.name.starts_with("env.") {
            places.push(reference.at);
        }
    });
    places
}

#[cfg(test)]
mod tests;
