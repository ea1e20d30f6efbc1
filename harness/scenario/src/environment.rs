//! Values from outside: `${env.NAME}`, and `${env.NAME:-default}` where it may be missing.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use edgeproof_document::{
    node::{Value, YamlNode},
    problem::Problem,
};
use edgeproof_origin::launch::secret_texts;

use super::{
    filling::{self, Values},
    template,
};

/// How a reference to a variable begins.
const PREFIX: &str = "env.";

/// The variables that scenarios may use, by name.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, String>);

/// Why a file of variables cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VariablesError {
    /// It is not there, or no text.
    #[error("`{}` cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is no `NAME=VALUE`. What stands in it is not repeated: it may be a secret.
    #[error("{}:{line} is not `NAME=VALUE`", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
}

impl Variables {
    /// Those of this process.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// These and no others.
    pub fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// Gives a variable this value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Adds those of a file such as `.env`; what is set already stays.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is none.
    pub fn add_file(&mut self, path: &Path) -> Result<(), VariablesError> {
        let text = std::fs::read_to_string(path).map_err(|source| VariablesError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, value) = variable(line).ok_or_else(|| VariablesError::Line {
                path: path.to_owned(),
                line: index + 1,
            })?;
            self.0.entry(name).or_insert(value);
        }
        Ok(())
    }

    /// The node with every variable in its place; what is missing, and the values that nobody may read.
    pub fn fill(&self, node: &YamlNode) -> Filled {
        let mut used = BTreeMap::new();
        let mut missing = Vec::new();
        filling::references(node, &mut |reference| {
            let Some((name, default)) = parts(reference.name) else {
                return;
            };
            match (self.0.get(name), default) {
                (Some(value), _) => {
                    used.insert(name.to_owned(), value.clone());
                }
                (None, Some(_)) => {}
                // A program may mean something of its own.
                (None, None) if reference.in_program => {}
                (None, None) => missing.push(Problem {
                    message: format!("the environment variable `{name}` is not set"),
                    at: reference.at,
                    label: "here".to_owned(),
                    help: Some(format!(
                        "set it, put it into a file for `--env-file`, or write a default: `${{env.{name}:-value}}`"
                    )),
                }),
            }
        });
        Filled {
            node: filling::fill(node, self),
            missing,
            secrets: secret_texts(&used),
        }
    }
}

/// A node with the values of variables.
pub struct Filled {
    /// The node.
    pub node: YamlNode,
    /// The variables that are not set, each where it is asked for.
    pub missing: Vec<Problem>,
    /// The values that no report may show.
    pub secrets: Vec<String>,
}

impl Values for Variables {
    fn value(&self, reference: &str) -> Option<Value> {
        self.text(reference).map(Value::Text)
    }

    fn text(&self, reference: &str) -> Option<String> {
        let (name, default) = parts(reference)?;
        let value = self.0.get(name).map(String::as_str).or(default)?;
        // What comes from outside refers to nothing in here.
        Some(template::escape(value))
    }
}

/// The name of the variable that a reference means, and its default.
fn parts(reference: &str) -> Option<(&str, Option<&str>)> {
    let variable = reference.strip_prefix(PREFIX)?;
    Some(match variable.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (variable, None),
    })
}

/// `NAME=VALUE`, with or without `export` in front and quotes around the value.
fn variable(line: &str) -> Option<(String, String)> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let is_name = |name: &str| {
        let mut letters = name.chars();
        letters
            .next()
            .is_some_and(|first| first == '_' || first.is_ascii_alphabetic())
            && letters.all(|letter| letter == '_' || letter.is_ascii_alphanumeric())
    };
    if !is_name(name) {
        return None;
    }
    let value = value.trim();
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let (inner, rest) = value[1..].split_once(quote)?;
            // Only a comment may stand behind it.
            let rest = rest.trim();
            (rest.is_empty() || rest.starts_with('#')).then_some(inner)?
        }
        _ => value.split(" #").next().unwrap_or_default().trim_end(),
    };
    Some((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use edgeproof_document::yaml;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("A=1", Some(("A", "1")))]
    #[case("export A_B = two words # a comment", Some(("A_B", "two words")))]
    #[case("A='a # b' # c", Some(("A", "a # b")))]
    #[case("A=\"x=y\"", Some(("A", "x=y")))]
    #[case("A=", Some(("A", "")))]
    #[case("A=\"x", None)]
    #[case("A=\"x\"y", None)]
    #[case("1A=x", None)]
    #[case("A", None)]
    fn a_line_of_a_file_is_a_name_and_a_value(
        #[case] line: &str,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let read = variable(line);
        let read = read
            .as_ref()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        assert_eq!(read, expected);
    }

    #[test]
    fn what_is_set_stays_and_a_line_that_is_none_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        std::fs::write(&path, "# of the shop\nA=file\nB=file\n").unwrap();
        let mut variables = Variables::new([("A".to_owned(), "process".to_owned())]);
        variables.add_file(&path).unwrap();
        assert_eq!(variables.text("env.A").as_deref(), Some("process"));
        assert_eq!(variables.text("env.B").as_deref(), Some("file"));
        std::fs::write(&path, "A=1\nhunter2\n").unwrap();
        let error = variables.add_file(&path).unwrap_err().to_string();
        assert_eq!(error, format!("{}:2 is not `NAME=VALUE`", path.display()));
    }

    #[test]
    fn variables_are_filled_in_and_those_that_are_not_set_are_told() {
        let variables = Variables::new(
            [
                ("PORT", "3000"),
                ("API_TOKEN", "tok-123456"),
                ("ODD", "a${b}"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let text = "[\"${env.PORT}\", \"x${env.API_TOKEN}\", \"${env.ODD}\", \"${env.A:-b}\", \"${env.NONE}\", \"$${env.PORT}\"]";
        let filled = variables.fill(&yaml::parse(0, text).unwrap());
        let Value::List(items) = &filled.node.value else {
            panic!("{:?}", filled.node);
        };
        let items: Vec<_> = items
            .iter()
            .filter_map(|item| item.value.as_text())
            .collect();
        assert_eq!(
            items,
            [
                "3000",
                "xtok-123456",
                "a$${b}",
                "b",
                "${env.NONE}",
                "$${env.PORT}"
            ]
        );
        assert_eq!(filled.secrets, ["tok-123456"]);
        assert_eq!(filled.missing.len(), 1);
        assert_eq!(
            filled.missing[0].message,
            "the environment variable `NONE` is not set"
        );
    }
}
