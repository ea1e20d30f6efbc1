//! Steps that are written while a rig runs: they are read as if they stood at the end of its file.

use std::{path::Path, sync::Arc};

use edgeproof_document::{LoadError, Mistake, node::Value, problem::Problem, source::Span, yaml};

use super::{
    case::{Case, unknown},
    file::Scenario,
    filling, layers,
    names::unknown_names,
    reading::read_around,
};

impl Case {
    /// The same case with no steps.
    #[must_use]
    pub fn without_steps(mut self) -> Self {
        if let Some(steps) = self.node.value_mut("steps") {
            *steps = Value::List(Vec::new());
        }
        self.scenario.steps.clear();
        self
    }

    /// The same case with further steps: YAML of one of them, or of a list. A deployment that one of them changes keeps what
    /// the steps before have made of it. Paths in them are relative to where the process runs.
    ///
    /// # Errors
    /// Every mistake in them.
    pub fn with_steps(&self, text: &str) -> Result<Self, LoadError> {
        let mut case = self.clone();
        let mut sources = (*self.sources).clone();
        let file = sources.add(Path::new("step"), text.to_owned());
        case.sources = Arc::new(sources);
        let read = case.append(file, text);
        let sources = &case.sources;
        let mistake = |problem| Mistake {
            problem,
            sources: Arc::clone(sources),
        };
        match read {
            Ok(()) => Ok(case),
            Err(problems) => Err(LoadError::Mistakes(
                problems.into_iter().map(mistake).collect(),
            )),
        }
    }

    fn append(&mut self, file: u32, text: &str) -> Result<(), Vec<Problem>> {
        let written = yaml::parse(file, text).map_err(|problem| vec![problem])?;
        let written = match written.value {
            Value::List(steps) => steps,
            _ => vec![written],
        };
        let before = self.scenario.steps.len();
        if let Some(Value::List(steps)) = self.node.value_mut("steps") {
            steps.extend(written);
        }
        layers::redeployments(&mut self.node);
        let finished = filling::finish(&self.node, &self.unique);
        let (scenario, mut problems) = read_around::<Scenario>(&finished, &unknown(&self.node));
        let Some(scenario) = scenario.map(Scenario::with_a_visitor) else {
            return Err(problems);
        };
        if problems.is_empty() {
            problems.extend(unknown_names(&scenario, &finished));
        }
        if problems.is_empty() && scenario.steps.len() == before {
            problems.push(Problem {
                message: "there is no step here; write one such as `set: { faults: [] }`"
                    .to_owned(),
                at: Span {
                    file,
                    ..Span::default()
                },
                label: String::new(),
                help: None,
            });
        }
        self.scenario.steps = scenario.steps;
        match problems.is_empty() {
            true => Ok(()),
            false => Err(problems),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{
        load::load_text,
        step::{Action, Change},
    };

    const FILE: &str = "
scenario: a
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  deployments: { flow: { failure_mode: closed, ruleset: strict } }
  rulesets: { strict: {}, lax: {} }
steps:
  - advance: 1s
";

    fn case() -> Case {
        let cases = load_text(Path::new("a.yaml"), FILE).unwrap();
        cases.into_iter().next().unwrap().without_steps()
    }

    fn change(case: &Case, index: usize) -> &Change {
        match &case.scenario.steps[index].action {
            Action::Set(change) => change,
            other => panic!("{}", other.name()),
        }
    }

    #[test]
    fn a_deployment_keeps_what_earlier_steps_made_of_it() {
        let case = case();
        let first = "set: { deployments: { flow: { ruleset: lax } } }";
        let case = case.with_steps(first).unwrap();
        let second = "- set: { deployments: { flow: { failure_mode: open } } }";
        let case = case.with_steps(second).unwrap();
        let flow = &change(&case, 1).deployments["flow"];
        assert_eq!(flow.ruleset.as_deref(), Some("lax"));
        assert_eq!(case.scenario.steps.len(), 2);
    }

    #[rstest]
    #[case::no_yaml("set: {", "step:")]
    #[case::no_step("[]", "there is no step here")]
    #[case::unknown_key("sett: {}", "sett")]
    #[case::unknown_ruleset("set: { deployments: { flow: { ruleset: nobody } } }", "nobody")]
    fn a_mistake_is_told_with_its_place(#[case] step: &str, #[case] expected: &str) {
        let error = case().with_steps(step).unwrap_err();
        let LoadError::Mistakes(mistakes) = error else {
            panic!("{error}");
        };
        let text = mistakes[0].render(edgeproof_document::problem::TextStyle::PLAIN);
        assert!(text.contains(expected), "{text}");
    }
}
