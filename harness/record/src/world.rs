//! What a recorded scenario starts from: the `given` of another file, or a site in front of an app.

use std::{path::Path, sync::Arc};

use edgeproof_document::{
    LoadError, Mistake,
    node::{Key, Value, YamlNode},
    problem::Problem,
    source::{Sources, Span},
    yaml,
};

use crate::yaml::Node;

/// What a scenario starts from.
#[derive(Clone, Debug)]
pub struct World {
    /// The keys of the file that build it: `include` and `given`.
    pub(crate) keys: Node,
}

/// A site of one's own: hosts in front of an app, and what of it is protected.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Its hosts, each with its zone.
    pub hosts: Vec<(String, String)>,
    /// The address of the app behind them.
    pub app: String,
    /// The host of that address, where it is not on this machine.
    pub allow: Option<String>,
    /// Host and path of each page that gets the instrumentation.
    pub pages: Vec<String>,
    /// The calls that are protected, such as `POST shop.example/api/login`.
    pub apis: Vec<String>,
}

/// Why the world of a file is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The file cannot be read, or is no YAML.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl World {
    /// The world of a scenario: its text, as it stands in the file, so that variables stay variables.
    ///
    /// # Errors
    /// When the file cannot be read, or has a matrix: a recording is of one case.
    pub fn of_file(path: &Path) -> Result<Self, WorldError> {
        Self::read(path, None)
    }

    /// The world of one case of a scenario: of a matrix only its combination is kept.
    ///
    /// # Errors
    /// When the file cannot be read, or has this case no longer.
    pub fn of_case(path: &Path, name: &str) -> Result<Self, WorldError> {
        Self::read(path, Some(name))
    }

    fn read(path: &Path, case: Option<&str>) -> Result<Self, WorldError> {
        let text = std::fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let mut sources = Sources::default();
        let file = sources.add(path, text.clone());
        let sources = Arc::new(sources);
        let wrong = |problem| {
            LoadError::Mistakes(vec![Mistake {
                problem,
                sources: Arc::clone(&sources),
            }])
        };
        let node = yaml::parse(file, &text).map_err(wrong)?;
        let mut keys = Vec::new();
        if let Some((key, matrix)) = node.entry("matrix") {
            let at = Span {
                length: key.text.len(),
                ..key.at
            };
            let problem = |message: &str, label: &str, help: &str| Problem {
                message: message.to_owned(),
                at,
                label: label.to_owned(),
                help: Some(help.to_owned()),
            };
            let one = match case {
                Some(name) => combination(matrix, name).ok_or_else(|| {
                    problem(
                        &format!("the matrix makes no `{name}` any more"),
                        "it was another one",
                        "start the console again",
                    )
                }),
                None => Err(problem(
                    "a scenario with a matrix is many, and a recording is of one",
                    "this one has a matrix",
                    "record in a scenario without `matrix`, with one of its values filled in",
                )),
            };
            keys.push(("matrix".to_owned(), one.map_err(wrong)?));
        }
        for key in ["include", "given"] {
            keys.extend(node.get(key).map(|node| (key.to_owned(), Node::of(node))));
        }
        Ok(Self {
            keys: Node::Map(keys),
        })
    }

    /// A zone for each of the site's domains, and a deployment in front of what is protected.
    pub fn of_site(site: &Site) -> Self {
        let app = match &site.allow {
            None => Node::text(&site.app),
            Some(allow) => Node::map([
                ("address", Node::text(&site.app)),
                ("allow", Node::text(allow)),
            ]),
        };
        let mut given = Node::map([]);
        for (host, zone) in &site.hosts {
            let hosts = given.entry("zones").entry(zone).entry("hosts");
            *hosts.entry(host) = Node::map([("app", app.clone())]);
        }
        if !site.apis.is_empty() {
            let texts = |texts: &[String]| Node::List(texts.iter().map(Node::text).collect());
            // The star takes query strings too: without it, any of them evades the protection.
            let apis: Vec<String> = site.apis.iter().map(|api| format!("{api}*")).collect();
            *given.entry("deployments") = Node::map([(
                "flow",
                Node::map([
                    ("identification_pages", texts(&site.pages)),
                    ("protected_apis", texts(&apis)),
                    ("failure_mode", Node::text("closed")),
                    ("coverage", Node::text("host")),
                    ("ruleset", Node::text("recorded")),
                ]),
            )]);
            let rule = Node::map([
                ("if", Node::text("incognito")),
                (
                    "block",
                    Node::map([("status", Node::Plain("403".to_owned()))]),
                ),
            ]);
            *given.entry("rulesets") =
                Node::map([("recorded", Node::map([("rules", Node::List(vec![rule]))]))]);
        }
        Self {
            keys: Node::map([("given", given)]),
        }
    }

    /// The same with a visitor of this profile, unless there is one of this name.
    #[must_use]
    pub fn with_visitor(mut self, name: &str, profile: &str) -> Self {
        let visitors = self.keys.entry("given").entry("visitors");
        if !visitors.keys().any(|known| known == name) {
            *visitors.entry(name) = Node::map([("profile", Node::text(profile))]);
        }
        self
    }

    /// A file that describes it, without steps.
    pub fn text(&self) -> String {
        let mut file = vec![("scenario".to_owned(), Node::text("Recorded"))];
        if let Node::Map(keys) = &self.keys {
            file.extend(keys.clone());
        }
        Node::Map(file).document()
    }
}

/// A matrix of the one combination that this case is: the names of cases end with their labels.
fn combination(matrix: &YamlNode, case: &str) -> Option<Node> {
    let Value::Map(dimensions) = &matrix.value else {
        return None;
    };
    let (mut rest, mut chosen) = (case, Vec::new());
    for (name, values) in dimensions.iter().rev() {
        let (before, one) = choice(values, rest)?;
        rest = before;
        chosen.push((name.text.clone(), one));
    }
    chosen.reverse();
    Some(Node::Map(chosen))
}

/// The value whose label a name ends with, and the name before it.
fn choice<'a>(values: &YamlNode, name: &'a str) -> Option<(&'a str, Node)> {
    let before = |label: &str| name.strip_suffix(label)?.strip_suffix("::");
    let shortest = |(before, _): &(&str, Node)| before.len();
    match &values.value {
        Value::List(items) => {
            let one = |item: &YamlNode| {
                Some((
                    before(item.value.as_text()?)?,
                    Node::List(vec![Node::of(item)]),
                ))
            };
            items.iter().filter_map(one).min_by_key(shortest)
        }
        Value::Map(entries) => {
            let one = |(key, value): &(Key, YamlNode)| {
                let value = Node::Map(vec![(key.text.clone(), Node::of(value))]);
                Some((before(&key.text)?, value))
            };
            entries.iter().filter_map(one).min_by_key(shortest)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::list("matrix: { a: [1.10, off] }", "signup::off", "matrix: { a: [off] }")]
    #[case::number("matrix: { a: [1.10, off] }", "signup::1.10", "matrix: { a: [1.10] }")]
    #[case::two(
        "matrix: { a: [x, y], b: { closed: { status: 403 }, open: {} } }",
        "y::signup::x::closed",
        "matrix: { a: [x], b: { closed: { status: 403 } } }"
    )]
    #[case::label_within_another(
        "matrix: { a: ['a::b', b] }",
        "s::a::b",
        "matrix: { a: ['a::b'] }"
    )]
    fn of_a_matrix_the_world_of_a_case_has_its_own_combination(
        #[case] matrix: &str,
        #[case] case: &str,
        #[case] expected: &str,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("signup.yaml");
        let given = "given: { clock: '${a}' }";
        std::fs::write(&file, format!("{matrix}\n{given}\n")).unwrap();
        let world = World::of_case(&file, case).unwrap();
        let of = |text: &str| Node::of(&yaml::parse(0, text).unwrap());
        assert_eq!(world.keys, of(&format!("{expected}\n{given}")));
        assert!(World::of_case(&file, "signup::none").is_err());
        assert!(World::of_file(&file).is_err());
    }
}
