//! One scenario that can be run, and its steps with the values that are known when they are taken.

use std::{
    collections::BTreeMap,
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
use edgeproof_ground::international;
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
        if filling::mentions(&self.node, UNIQUE) {
            case.unique = Unique::new();
            case.read_again();
        }
        case
    }

    /// The same case at other hosts: in what visitors do and in what is expected, each of these names is another one. What
    /// the rig is made of stays.
    #[must_use]
    pub fn at_hosts(&self, hosts: &BTreeMap<String, String>) -> Self {
        let mut case = self.clone();
        let names = written_names(&self.node, hosts);
        for key in ["steps", "expect"] {
            if let Some(value) = case.node.value_mut(key) {
                rename(value, &names);
            }
        }
        if let Some(given) = case.node.value_mut("given")
            && let Some(visitors) = given.value_mut("visitors")
        {
            rename(visitors, &names);
        }
        case.read_again();
        case
    }

    /// Reads the scenario from the node again, which says what can be read as before.
    fn read_again(&mut self) {
        let node = filling::finish(&self.node, &self.unique);
        let (scenario, _) = super::reading::read_around::<Scenario>(&node, &unknown(&self.node));
        if let Some(scenario) = scenario {
            // What is shown of it stays as it was shown before, without secrets.
            let title = std::mem::take(&mut self.scenario.title);
            self.scenario = scenario.with_a_visitor();
            self.scenario.title = title;
        }
    }
}

/// The hosts as they may be written in a scenario: on the wire, in letters, and as the zones have them; each with its other
/// name.
fn written_names(node: &YamlNode, hosts: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (host, other) in hosts {
        names.insert(host.clone(), other.clone());
        names.insert(international::in_letters(host), other.clone());
    }
    if let Some(Value::Map(zones)) = node.at_path(["given", "zones"]).map(|zones| &zones.value) {
        for (_, zone) in zones {
            let Some(Value::Map(keys)) = zone.get("hosts").map(|hosts| &hosts.value) else {
                continue;
            };
            for (key, _) in keys {
                let host = international::host_or_as_written(&key.text);
                if let Some(other) = hosts.get(host.as_ref()) {
                    names.insert(key.text.clone(), other.clone());
                }
            }
        }
    }
    names
}

fn rename(value: &mut Value, names: &BTreeMap<String, String>) {
    match value {
        Value::Text(text) => *text = renamed(text, names),
        Value::Plain(_) => {}
        Value::List(items) => {
            for item in items {
                rename(&mut item.value, names);
            }
        }
        Value::Map(entries) => {
            for (key, item) in entries {
                key.text = renamed(&key.text, names);
                rename(&mut item.value, names);
            }
        }
    }
}

/// A text with other names of hosts. One that is a part of a longer name, or the domain of a mail address, is none.
pub fn renamed(text: &str, names: &BTreeMap<String, String>) -> String {
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let mut renamed = String::new();
    let mut rest = text;
    'text: while let Some(first) = rest.chars().next() {
        let before = renamed.chars().next_back();
        if before.is_none_or(|c| !is_part(c) && c != '.' && c != '@') {
            for (name, other) in names {
                let Some(behind) = rest.strip_prefix(name.as_str()) else {
                    continue;
                };
                let mut next = behind.chars();
                let goes_on = match next.next() {
                    Some('.') => next.next().is_some_and(is_part),
                    next => next.is_some_and(is_part),
                };
                if !goes_on {
                    renamed.push_str(other);
                    rest = behind;
                    continue 'text;
                }
            }
        }
        renamed.push(first);
        rest = &rest[first.len_utf8()..];
    }
    renamed
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
