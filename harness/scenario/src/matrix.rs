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

use super::template;

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
    let mut combinations: Vec<Vec<Choice<'_>>> = vec![Vec::new()];
    let mut problems = Vec::new();
    for (name, values) in dimensions {
        match choices(name, values) {
            Ok(choices) => {
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
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(combinations
        .iter()
        .map(|chosen| Combination {
            labels: chosen.iter().map(|choice| choice.label.clone()).collect(),
            node: without_matrix(fill(node, chosen)),
        })
        .collect())
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
            .map(|item| match scalar_text(item) {
                Some(text) => Ok(choice(text, item)),
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

/// The node with every reference to a chosen value filled in; a place stays the place of the reference.
fn fill(node: &YamlNode, chosen: &[Choice<'_>]) -> YamlNode {
    let value = match &node.value {
        Value::Text(text) => match template::whole(text).and_then(|name| look_up(name, chosen)) {
            Some(value) => value.value,
            None => Value::Text(fill_text(text, chosen)),
        },
        Value::List(items) => Value::List(items.iter().map(|item| fill(item, chosen)).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, value)| {
                    let key = Key {
                        at: key.at,
                        text: fill_text(&key.text, chosen),
                    };
                    (key, fill(value, chosen))
                })
                .collect(),
        ),
        other => other.clone(),
    };
    YamlNode { at: node.at, value }
}

fn fill_text(text: &str, chosen: &[Choice<'_>]) -> String {
    template::fill(
        text,
        &|name| match chosen.iter().find(|choice| choice.name == name) {
            Some(choice) => Some(choice.label.clone()),
            None => look_up(name, chosen).and_then(|value| scalar_text(&value)),
        },
    )
}

/// What a name stands for: a value, or something below it.
fn look_up(name: &str, chosen: &[Choice<'_>]) -> Option<YamlNode> {
    let mut segments = name.split('.');
    let first = segments.next()?;
    let choice = chosen.iter().find(|choice| choice.name == first)?;
    choice.value.at_path(segments).cloned()
}

fn scalar_text(node: &YamlNode) -> Option<String> {
    match &node.value {
        Value::Bool(value) => Some(value.to_string()),
        Value::Integer(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        Value::Text(text) => Some(text.clone()),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_document::yaml;

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
        assert_eq!(node.get("a").unwrap().value, Value::Integer(403));
        assert_eq!(
            node.get("b").unwrap().value,
            Value::Text("in closed".into())
        );
        assert_eq!(node.get("c").unwrap().value, Value::Text("is 403".into()));
        assert_eq!(node.get("d").unwrap().value, Value::Bool(true));
        assert_eq!(
            node.get("closed").unwrap().value,
            Value::Text("${other}".into())
        );
        assert_eq!(
            node.at_path(["e", "status"]).unwrap().value,
            Value::Integer(403)
        );
        assert_eq!(node.get("matrix"), None);
    }

    #[test]
    fn values_that_cannot_be_multiplied_by_are_all_found() {
        let node = yaml::parse(0, "matrix: {a: 1, b: [], c: [{x: 1}]}\n").unwrap();
        assert_eq!(expand(&node).unwrap_err().len(), 3);
    }
}
