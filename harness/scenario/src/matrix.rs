//! Multiplies a scenario: one case for each combination of the values under `matrix`.
//!
//! ```yaml
//! matrix:
//!   fault: [refuse, hang]
//!   mode:
//!     closed: { failure_mode: closed, status: 403 }
//!     open:   { failure_mode: open, status: 200 }
//! ```
//!
//! Where `${fault}` stands alone it is the value, whatever that is; within a text it is the label. `${mode.status}` is
//! what stands below.

use edgeproof_document::{
    node::{Key, Value, YamlNode},
    problem::Problem,
};

use super::filling::{self, Values};

/// Cases of the largest matrix, and values that all of them hold together. A suite that takes minutes has some hundreds.
const MOST_CASES: usize = 10_000;
const MOST_VALUES: usize = 5_000_000;

/// One combination.
#[derive(Clone, Debug)]
pub struct Combination {
    /// The labels of the chosen values, in the order of the matrix.
    pub labels: Vec<String>,
    /// The file with the values filled in.
    pub node: YamlNode,
}

/// A value that was chosen for a name of the matrix.
#[derive(Clone, Debug)]
struct Choice<'a> {
    name: &'a str,
    label: String,
    value: &'a YamlNode,
}

/// Every combination, the last name of the matrix varying fastest. One where there is no matrix.
pub fn expand(node: &YamlNode) -> Result<Vec<Combination>, Vec<Problem>> {
    let Some(matrix) = node.get("matrix") else {
        return Ok(vec![Combination {
            labels: Vec::new(),
            node: node.clone(),
        }]);
    };
    let Value::Map(dimensions) = &matrix.value else {
        return Err(vec![problem(
            matrix,
            "the matrix must be a mapping from names to values",
            "write `mode: [open, closed]` below it",
        )]);
    };
    let mut chosen_of = Vec::new();
    let mut problems = Vec::new();
    for (name, values) in dimensions {
        match choices(name, values) {
            Ok(choices) => chosen_of.push(choices),
            Err(problem) => problems.push(problem),
        }
    }
    problems.extend(too_many(node, matrix, &chosen_of));
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut combinations: Vec<Vec<Choice<'_>>> = vec![Vec::new()];
    for choices in chosen_of {
        combinations = combinations
            .iter()
            .flat_map(|chosen| {
                choices.iter().map(move |choice| {
                    let mut chosen = chosen.clone();
                    chosen.push(choice.clone());
                    chosen
                })
            })
            .collect();
    }
    Ok(combinations
        .iter()
        .map(|chosen| Combination {
            labels: chosen.iter().map(|choice| choice.label.clone()).collect(),
            node: without_matrix(filling::fill(node, &Chosen(chosen))),
        })
        .collect())
}

/// Says so where there are more cases than anybody runs, before they are made.
fn too_many(node: &YamlNode, matrix: &YamlNode, choices: &[Vec<Choice<'_>>]) -> Option<Problem> {
    let cases = choices.iter().fold(1_usize, |cases, choices| {
        cases.saturating_mul(choices.len())
    });
    let allowed = (MOST_VALUES / values(node).max(1)).clamp(1, MOST_CASES);
    (cases > allowed).then(|| {
        problem(
            matrix,
            &format!("this matrix makes {cases} cases; at most {allowed} are possible here"),
            "give it fewer values, or name the combinations that matter as one mapping",
        )
    })
}

/// How many values a tree has.
fn values(node: &YamlNode) -> usize {
    match &node.value {
        Value::List(items) => items.iter().map(values).sum::<usize>() + 1,
        Value::Map(entries) => {
            entries
                .iter()
                .map(|(_, value)| values(value))
                .sum::<usize>()
                + 1
        }
        Value::Plain(_) | Value::Text(_) => 1,
    }
}

/// The values of one name: a list of words and numbers, or a mapping from labels to anything.
fn choices<'a>(name: &'a Key, values: &'a YamlNode) -> Result<Vec<Choice<'a>>, Problem> {
    let choice = |label: String, value: &'a YamlNode| Choice {
        name: &name.text,
        label,
        value,
    };
    let help = "give it a list such as `[open, closed]`, or a mapping from labels to values";
    let choices: Vec<_> = match &values.value {
        Value::List(items) => items
            .iter()
            .map(|item| match item.value.as_text() {
                Some(text) => Ok(choice(text.to_owned(), item)),
                None => Err(problem(
                    item,
                    "a value in a list must be a word or a number",
                    "write a mapping from labels to values instead",
                )),
            })
            .collect::<Result<_, _>>()?,
        Value::Map(entries) => entries
            .iter()
            .map(|(key, value)| choice(key.text.clone(), value))
            .collect(),
        _ => return Err(problem(values, "these are not values for a matrix", help)),
    };
    if choices.is_empty() {
        return Err(problem(values, "this list of the matrix is empty", help));
    }
    Ok(choices)
}

fn problem(node: &YamlNode, message: &str, help: &str) -> Problem {
    Problem {
        message: message.to_owned(),
        at: node.at,
        label: "here".to_owned(),
        help: Some(help.to_owned()),
    }
}

fn without_matrix(mut node: YamlNode) -> YamlNode {
    if let Value::Map(entries) = &mut node.value {
        entries.retain(|(key, _)| key.text != "matrix");
    }
    node
}

/// The values of one combination, by name.
struct Chosen<'a>(&'a [Choice<'a>]);

impl Values for Chosen<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        look_up(name, self.0).map(|node| node.value.clone())
    }

    fn text(&self, name: &str) -> Option<String> {
        match self.0.iter().find(|choice| choice.name == name) {
            Some(choice) => Some(choice.label.clone()),
            None => look_up(name, self.0)?.value.as_text().map(str::to_owned),
        }
    }
}

/// What a name stands for: a value, or something below it.
fn look_up<'a>(name: &str, chosen: &'a [Choice<'a>]) -> Option<&'a YamlNode> {
    let mut segments = name.split('.');
    let first = segments.next()?;
    let choice = chosen.iter().find(|choice| choice.name == first)?;
    choice.value.at_path(segments)
}

#[cfg(test)]
mod tests {
    use edgeproof_document::{node::Meaning, yaml};

    use super::*;

    fn expanded(text: &str) -> Vec<(String, YamlNode)> {
        expand(&yaml::parse(0, text).unwrap())
            .unwrap()
            .into_iter()
            .map(|combination| (combination.labels.join(" "), combination.node))
            .collect()
    }

    #[test]
    fn every_combination_is_a_case() {
        let labels: Vec<String> = expanded("matrix: {a: [1, 2], b: {x: {}, y: {}}}\n")
            .into_iter()
            .map(|(labels, _)| labels)
            .collect();
        assert_eq!(labels, ["1 x", "1 y", "2 x", "2 y"]);
    }

    #[test]
    fn values_keep_their_type_where_they_stand_alone() {
        let text = "matrix: {mode: {closed: {status: 403, on: true}}}\n\
                    a: ${mode.status}\nb: in ${mode}\nc: is ${mode.status}\nd: ${mode.on}\n${mode}: ${other}\ne: ${mode}\n";
        let (_, node) = &expanded(text)[0];
        let meaning = |path: &[&str]| match &node.at_path(path.iter().copied()).unwrap().value {
            Value::Plain(plain) => plain.meaning,
            other => panic!("{other:?}"),
        };
        assert_eq!(meaning(&["a"]), Meaning::Integer(403));
        assert_eq!(
            node.get("b").unwrap().value,
            Value::Text("in closed".into())
        );
        assert_eq!(node.get("c").unwrap().value, Value::Text("is 403".into()));
        assert_eq!(meaning(&["d"]), Meaning::Bool(true));
        assert_eq!(
            node.get("closed").unwrap().value,
            Value::Text("${other}".into())
        );
        assert_eq!(meaning(&["e", "status"]), Meaning::Integer(403));
        assert_eq!(node.get("matrix"), None);
    }

    #[test]
    fn a_number_is_the_label_that_stands_in_the_file() {
        let (labels, node) = &expanded("matrix: {a: [1.10]}\nb: v${a}\n")[0];
        assert_eq!(labels, "1.10");
        assert_eq!(node.get("b").unwrap().value.as_text(), Some("v1.10"));
    }

    #[test]
    fn a_matrix_of_more_cases_than_anybody_runs_is_refused_before_they_are_made() {
        let values = (0..1000)
            .map(|n| n.to_string())
            .collect::<Vec<_>>()
            .join(", ");
        let text = format!("matrix: {{a: [{values}], b: [{values}], c: [{values}]}}\n");
        let problems = expand(&yaml::parse(0, &text).unwrap()).unwrap_err();
        assert_eq!(problems.len(), 1);
        let message = &problems[0].message;
        let expected = "this matrix makes 1000000000 cases; at most ";
        assert!(message.starts_with(expected), "{message}");
    }

    #[test]
    fn values_that_cannot_be_multiplied_by_are_all_found() {
        let node = yaml::parse(0, "matrix: {a: 1, b: [], c: [{x: 1}]}\n").unwrap();
        assert_eq!(expand(&node).unwrap_err().len(), 3);
    }
}
