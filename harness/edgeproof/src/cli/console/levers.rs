//! What can be changed while a rig runs. Every change is a step, so that it can be written down.

use std::time::{Duration, Instant};

use edgeproof_document::{LoadError, problem::TextStyle, read};
use edgeproof_ground::{causes, clock::Clock};
use edgeproof_rig::Rig;
use edgeproof_run::execute;
use edgeproof_scenario::load::Case;
use serde_json::{Map, Value as Json};

/// What was described, and the steps that were taken since.
pub(super) struct Levers {
    case: Case,
    /// What was described, as it is now.
    given: Json,
    taken: Vec<Taken>,
}

/// A step that was taken.
pub(super) struct Taken {
    /// When it was done, since the trace began.
    pub(super) at: Duration,
    /// As it was written.
    pub(super) text: String,
}

impl Levers {
    pub(super) fn new(case: Case) -> Self {
        let given = case.node.get("given").map(read::read::<Json>);
        Self {
            given: given.and_then(Result::ok).unwrap_or_default(),
            case: case.without_steps(),
            taken: Vec::new(),
        }
    }

    /// The case from which the rig was started.
    pub(super) fn case(&self) -> &Case {
        &self.case
    }

    /// What runs, in the words of `given`.
    pub(super) fn given(&self) -> &Json {
        &self.given
    }

    /// The steps that were taken, in order.
    pub(super) fn taken(&self) -> &[Taken] {
        &self.taken
    }

    /// Takes steps; returns what there is to say of them, or what is wrong with them.
    pub(super) async fn take(
        &mut self,
        rig: &Rig,
        clock: &Clock,
        text: &str,
    ) -> Result<String, String> {
        let before = self.case.scenario.steps.len();
        let case = self
            .case
            .with_steps(text)
            .map_err(|error| mistakes(&error))?;
        let mut said = Vec::new();
        for index in before..case.scenario.steps.len() {
            let step = &case.scenario.steps[index];
            let done = execute::take(rig, clock, step).await;
            said.push(done.map_err(|error| causes::with_causes(&*error))?);
            let node = case.node.at_path(["steps", &index.to_string()]);
            if let Some(Ok(step)) = node.map(read::read::<Json>) {
                change(&mut self.given, &step["set"]);
            }
        }
        self.case = case;
        self.taken.push(Taken {
            at: rig.trace().at(Instant::now()),
            text: text.trim_end().to_owned(),
        });
        said.retain(|text| !text.is_empty());
        Ok(said.join("\n"))
    }
}

/// What is wrong with what was written, in full.
pub(super) fn mistakes(error: &LoadError) -> String {
    match error {
        LoadError::Mistakes(mistakes) => {
            let texts = mistakes
                .iter()
                .map(|mistake| mistake.render(TextStyle::PLAIN));
            texts.collect::<Vec<_>>().join("\n")
        }
        other => causes::with_causes(other),
    }
}

/// The description after `set`: faults and signals are others, everything else is changed by name.
fn change(given: &mut Json, set: &Json) {
    let (Json::Object(given), Json::Object(set)) = (given, set) else {
        return;
    };
    for (key, value) in set {
        match key.as_str() {
            "signals" => {
                let platform = given
                    .entry("fingerprint")
                    .or_insert_with(|| Map::new().into());
                platform["signals"] = value.clone();
            }
            "faults" => {
                given.insert(key.clone(), value.clone());
            }
            _ => {
                let known = given.entry(key).or_insert_with(|| Map::new().into());
                if let (Json::Object(known), Json::Object(value)) = (known, value) {
                    known.extend(value.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_description_is_what_the_steps_have_made_of_it() {
        let mut given = json!({
            "deployments": { "flow": { "ruleset": "a" }, "other": {} },
            "node": { "mode": "block", "host": "x" },
            "faults": [1],
        });
        let set = json!({
            "deployments": { "flow": { "ruleset": "b" } },
            "node": { "mode": "off" },
            "faults": [],
            "signals": { "incognito": true },
        });
        change(&mut given, &set);
        let expected = json!({
            "deployments": { "flow": { "ruleset": "b" }, "other": {} },
            "node": { "mode": "off", "host": "x" },
            "faults": [],
            "fingerprint": { "signals": { "incognito": true } },
        });
        assert_eq!(given, expected);
    }
}
