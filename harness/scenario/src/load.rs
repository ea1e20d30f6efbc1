//! Finds scenario files and reads them.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use edgeproof_document::{
    LoadError, Mistake,
    node::{Key, Value, YamlNode},
    problem::Problem,
    read::read_partly,
    source::Sources,
};

use super::{
    case::{self, Unique},
    depends, deployment_file, existing,
    file::Scenario,
    files::{self, Files},
    filling, layers, matrix,
    names::{unknown_names, without_value},
    other_words, paths,
    reading::read_around,
};

pub use super::{
    case::Case,
    environment::{Variables, VariablesError},
    files::Outside,
};

/// All scenario files at or below the paths, sorted. Files whose name begins with `_` are parts of others.
pub fn find(paths: &[PathBuf]) -> Result<Vec<PathBuf>, LoadError> {
    let mut files = Vec::new();
    for path in paths {
        let unreadable = |source| LoadError::Unreadable {
            path: path.clone(),
            source,
        };
        let kind = path.metadata().map_err(unreadable)?;
        if kind.is_dir() {
            collect(path, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), LoadError> {
    let unreadable = |source| LoadError::Unreadable {
        path: folder.to_owned(),
        source,
    };
    for entry in folder.read_dir().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let path = entry.path();
        if entry.file_type().map_err(unreadable)?.is_dir() {
            collect(&path, files)?;
        } else if is_scenario(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_scenario(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.starts_with('_') && (name.ends_with(".yaml") || name.ends_with(".yml"))
}

/// What files say, and the files of which nobody knows because of a mistake.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The cases of the files that could be read.
    pub cases: Vec<Case>,
    /// The other files.
    pub broken: Vec<Broken>,
}

/// A file with mistakes, and what is known of it all the same.
#[derive(Debug)]
pub struct Broken {
    /// The file.
    pub file: PathBuf,
    /// What its case would be called.
    pub name: String,
    /// What it proves, where it says so.
    pub title: Option<String>,
    /// Its tags, where they can be read.
    pub tags: Vec<String>,
    /// What is wrong.
    pub mistakes: Vec<Mistake>,
}

impl Loaded {
    /// The cases, where there is no mistake anywhere.
    ///
    /// # Errors
    /// Every mistake of every file.
    pub fn whole(self) -> Result<Vec<Case>, LoadError> {
        let mistakes: Vec<Mistake> = self
            .broken
            .into_iter()
            .flat_map(|broken| broken.mistakes)
            .collect();
        match mistakes.is_empty() {
            true => Ok(self.cases),
            false => Err(LoadError::Mistakes(mistakes)),
        }
    }
}

impl Outside {
    /// Reads all of these files; one that has a mistake hides neither the mistakes of the others nor what they say.
    pub fn load(&self, files: &[PathBuf]) -> Loaded {
        let mut loaded = Loaded::default();
        for file in files {
            match self.load_file(file) {
                Ok(cases) => loaded.cases.extend(cases),
                Err(broken) => loaded.broken.push(*broken),
            }
        }
        let circles = depends::circles(&loaded.cases);
        let stuck: Vec<usize> = circles.iter().map(|(index, _)| *index).collect();
        for (index, mistake) in circles {
            let case = &loaded.cases[index];
            loaded.broken.push(Broken {
                file: case.file.clone(),
                name: case.name.clone(),
                title: Some(case.scenario.title.clone()),
                tags: case.scenario.tags.clone(),
                mistakes: vec![mistake],
            });
        }
        let mut index = 0..;
        loaded
            .cases
            .retain(|_| !index.next().is_some_and(|index| stuck.contains(&index)));
        loaded
    }

    /// Reads one file.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load_file(&self, path: &Path) -> Result<Vec<Case>, Box<Broken>> {
        let read = match files::is_yaml(path) {
            true => files::read(path).map_err(|error| format!("cannot be read: {error}")),
            false => Err("is no scenario: its name does not end in `.yaml` or `.yml`".to_owned()),
        };
        match read {
            Ok(text) => self.load_text(path, &text),
            Err(why) => Err(Box::new(Broken {
                file: path.to_owned(),
                name: name(path),
                title: None,
                tags: Vec::new(),
                mistakes: mistakes(
                    vec![Problem {
                        message: format!("`{}` {why}", path.display()),
                        at: edgeproof_document::source::Span::default(),
                        label: String::new(),
                        help: None,
                    }],
                    &Arc::default(),
                ),
            })),
        }
    }

    /// Reads the text of a file that is, or is as if it were, at `path`.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn load_text(&self, path: &Path, text: &str) -> Result<Vec<Case>, Box<Broken>> {
        let mut files = Files::of(path, self);
        let node = layers::assemble(path, text, &mut files);
        let mut read = Vec::new();
        if let Some(node) = &node {
            match matrix::expand(node) {
                Ok(combinations) => {
                    for combination in combinations {
                        let (node, scenario) = combined(path, combination.node, &mut files);
                        if let Some(scenario) = scenario {
                            read.push((combination.labels, node, scenario));
                        }
                    }
                }
                Err(problems) => files.problems.extend(problems),
            }
        }
        let Files {
            sources,
            problems,
            mut secrets,
            ..
        } = files;
        secrets.sort();
        secrets.dedup();
        let sources = Arc::new(sources);
        if !problems.is_empty() {
            let known = |key: &str| node.as_ref().and_then(|node| node.get(key));
            let title = known("scenario").and_then(|title| title.value.as_text());
            return Err(Box::new(Broken {
                file: path.to_owned(),
                name: name(path),
                title: title.map(|title| without(&secrets, title)),
                tags: texts(known("tags")),
                mistakes: mistakes(in_order(problems, &secrets), &sources),
            }));
        }
        let case = |(labels, node, mut scenario): (Vec<String>, YamlNode, Scenario)| {
            let parts: Vec<String> = std::iter::once(name(path)).chain(labels).collect();
            scenario.title = without(&secrets, &scenario.title);
            Case {
                name: without(&secrets, &parts.join("::")),
                file: path.to_owned(),
                scenario,
                node,
                sources: Arc::clone(&sources),
                secrets: secrets.clone(),
                unique: Unique::new(),
            }
        };
        Ok(read.into_iter().map(case).collect())
    }
}

/// Reads all of these files as [`Outside::load`] does, with the variables of this process.
///
/// # Errors
/// Every mistake of every file.
pub fn load(files: &[PathBuf]) -> Result<Vec<Case>, LoadError> {
    of_process().load(files).whole()
}

/// Reads one file, with the variables of this process.
///
/// # Errors
/// Every mistake in it.
pub fn load_file(path: &Path) -> Result<Vec<Case>, LoadError> {
    let read = of_process().load_file(path);
    read.map_err(|broken| LoadError::Mistakes(broken.mistakes))
}

/// Reads the text of a file that is, or is as if it were, at `path`, with the variables of this process.
///
/// # Errors
/// Every mistake in it.
pub fn load_text(path: &Path, text: &str) -> Result<Vec<Case>, LoadError> {
    let read = of_process().load_text(path, text);
    read.map_err(|broken| LoadError::Mistakes(broken.mistakes))
}

fn of_process() -> Outside {
    Outside {
        variables: Variables::of_process(),
        ..Outside::default()
    }
}

/// What one combination says, with everything worked in that it names; what is wrong with it is told in `files`.
fn combined(
    path: &Path,
    mut node: YamlNode,
    files: &mut Files<'_>,
) -> (YamlNode, Option<Scenario>) {
    paths::work_in(&mut node, files);
    deployment_file::work_in(&mut node, files);
    layers::redeployments(&mut node);
    if files.may_be_without_steps() {
        with_steps(&mut node);
    }
    let unknown = case::unknown(&node);
    let finished = filling::finish(&node, &Unique::new());
    let (scenario, mut problems) = read_around::<Scenario>(&finished, &unknown);
    let scenario = scenario.map(Scenario::with_a_visitor);
    // A value without which a step cannot be read takes the step with it, and every later one would be another.
    let steps = |node: &YamlNode| match node.get("steps").map(|steps| &steps.value) {
        Some(Value::List(steps)) => steps.len(),
        _ => 0,
    };
    if let Some(scenario) = &scenario
        && problems.is_empty()
        && scenario.steps.len() != steps(&node)
    {
        let (_, all) = read_partly::<Scenario>(&finished);
        problems = all;
    }
    let unnamed = without_value(&node);
    let is_read = problems.is_empty() && unnamed.is_empty();
    files.problems.extend(unnamed);
    other_words::explain(&finished, &mut problems);
    // What stands where a value is missing is no mistake of its own.
    problems.retain(|problem| files.problems.iter().all(|told| told.at != problem.at));
    if let Some(scenario) = &scenario {
        // Names can be looked up where everything that has one could be read.
        if is_read {
            problems.extend(unknown_names(scenario, &finished));
            problems.extend(depends::unknown(path, scenario, &finished));
        }
        let allows = files.outside.allow_missing_bindings;
        let missing = existing::missing(scenario, &finished, &mut files.workers, allows);
        problems.extend(missing);
    }
    files.problems.extend(problems);
    (node, scenario)
}

/// A description of a rig is read as a scenario in which nothing happens.
fn with_steps(node: &mut YamlNode) {
    let at = node.at;
    if node.get("steps").is_none()
        && let Value::Map(entries) = &mut node.value
    {
        let (text, value) = ("steps".to_owned(), Value::List(Vec::new()));
        entries.push((Key { at, text }, YamlNode { at, value }));
    }
}

/// Each mistake once, in the order of the files; one outside the matrix is in every combination.
fn in_order(mut problems: Vec<Problem>, secrets: &[String]) -> Vec<Problem> {
    for problem in &mut problems {
        problem.message = without(secrets, &problem.message);
        problem.help = problem.help.as_ref().map(|help| without(secrets, help));
    }
    problems.sort_by_key(|problem| (problem.at.file, problem.at.start));
    let mut once: Vec<Problem> = Vec::new();
    for problem in problems {
        let same_place = once.iter().rev().take_while(|other| other.at == problem.at);
        if !same_place.into_iter().any(|other| *other == problem) {
            once.push(problem);
        }
    }
    once
}

/// The text without values that nobody may read.
fn without(secrets: &[String], text: &str) -> String {
    secrets.iter().fold(text.to_owned(), |text, secret| {
        text.replace(secret.as_str(), "[redacted]")
    })
}

fn texts(node: Option<&YamlNode>) -> Vec<String> {
    match node.map(|node| &node.value) {
        Some(Value::List(items)) => items
            .iter()
            .filter_map(|item| item.value.as_text().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

fn mistakes(problems: Vec<Problem>, sources: &Arc<Sources>) -> Vec<Mistake> {
    let mistake = |problem| Mistake {
        problem,
        sources: Arc::clone(sources),
    };
    problems.into_iter().map(mistake).collect()
}

/// The file of a case below `folder`: the longest beginning of its name that is one.
pub fn file_of(folder: &Path, name: &str) -> Option<PathBuf> {
    let parts: Vec<&str> = name.split("::").collect();
    (1..=parts.len()).rev().find_map(|length| {
        let path: PathBuf = parts[..length].iter().collect();
        ["yaml", "yml"]
            .iter()
            .map(|ending| folder.join(format!("{}.{ending}", path.display())))
            .find(|file| file.is_file())
    })
}

/// The name of a file: its path below the last folder called `scenarios`, without the ending, joined with `::`.
pub fn name(path: &Path) -> String {
    let whole = files::absolute(path);
    let is_below = |path: &Path| {
        path.components()
            .any(|part| part.as_os_str() == "scenarios")
    };
    // A file is called the same from wherever it is named.
    let path = match !is_below(path) && is_below(&whole) {
        true => &whole,
        false => path,
    };
    let parts: Vec<String> = path
        .with_extension("")
        .components()
        .filter_map(|part| match part {
            Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    let below = parts
        .iter()
        .rposition(|part| part == "scenarios")
        .map_or(parts.len().saturating_sub(1), |folder| folder + 1);
    parts[below.min(parts.len().saturating_sub(1))..].join("::")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("scenarios/flow/incognito.yaml", "flow::incognito")]
    #[case("/home/ann/scenarios/a/scenarios/x/y.yml", "x::y")]
    #[case("login.yaml", "login")]
    #[case("checks/login.yaml", "login")]
    fn a_case_is_named_by_its_path(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(name(Path::new(path)), expected);
    }

    #[test]
    fn a_description_of_a_rig_is_no_scenario_unless_it_may_be() {
        let text = "scenario: A shop\ngiven:\n  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }\n";
        assert_eq!(mistakes(text), "1:1 `steps` is missing (add `steps:`)\n");
        let outside = Outside {
            may_be_without_steps: true,
            ..Outside::default()
        };
        let cases = outside.load_text(Path::new("a.yaml"), text).unwrap();
        assert_eq!(cases[0].scenario.steps.len(), 0);
    }

    fn mistakes(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.yaml");
        std::fs::write(&path, text).unwrap();
        match load_file(&path) {
            Err(LoadError::Mistakes(mistakes)) => mistakes
                .iter()
                .map(|mistake| {
                    let place = mistake.sources.place(mistake.problem.at).unwrap();
                    let help = mistake.problem.help.clone().unwrap_or_default();
                    format!(
                        "{}:{} {} ({help})\n",
                        place.line, place.column, mistake.problem.message
                    )
                })
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_that_refer_to_nothing_are_found_while_reading() {
        let text = "\
scenario: x
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup }, shop.test: {} } } }
  deployments: { flow: { ruleset: no-incognto } }
  rulesets: { no-incognito: {} }
  visitors: { ann: { profile: incognito }, bob: {} }
steps:
  - visit: https://shop.exmaple/
    as: anne
  - click: a
    as: bob
  - request: GET https://shop.example/
  - request: GET https://shop.example/
    as: ann
";
        assert_eq!(
            mistakes(text),
            "\
3:80 `shop.test` is not in the zone `shop.example` (name it `shop.example` or `….shop.example`, or give it a zone of its own)
3:80 `shop.test` needs an origin: either `site` or `app` (`site: signup` serves fixtures/sites/signup; `app: http://127.0.0.1:3000` your own, `app: { run: npm start }` starts it)
4:35 there is no ruleset `no-incognto` (did you mean `no-incognito`?)
8:12 no zone has the host `shop.exmaple` (did you mean `shop.example`?)
9:9 there is no visitor `anne` (did you mean `ann`?)
10:12 `click` needs a browser, but this visitor is an HTTP client (give the visitor a profile: regular, incognito or automated)
12:5 this step does not say which visitor takes it (add `as:`; choose from: ann, bob)
13:14 `request` is for HTTP clients, but this visitor is a browser (add a visitor without a profile, and select it with `as:`)
"
        );
    }

    #[test]
    fn an_application_that_cannot_be_asked_is_found_where_it_stands() {
        let text = "\
scenario: x
given:
  zones:
    shop.example:
      hosts:
        shop.example: { app: http://app.internal }
        a.shop.example: { app: 127.0.0.1:3000 }
        b.shop.example: { app: { address: http://127.0.0.1/?a, host: a b } }
        c.shop.example: { app: { adress: http://127.0.0.1 } }
        d.shop.example: { app: { address: http://127.0.0.1, certificate: any } }
        e.shop.example: { app: { address: http://app.internal, allow: app.internal } }
steps: []
";
        assert_eq!(
            mistakes(text),
            r#"6:30 `http://app.internal` is not on this machine; to use it all the same, write `app: { address: "http://app.internal", allow: "app.internal" }` ()
7:32 `127.0.0.1:3000` is not the address of an application, such as `http://127.0.0.1:3000` ()
8:43 `http://127.0.0.1/?a` has a query, which the address of an application cannot have ()
8:70 `a b` is not a host, such as `localhost:5173` ()
9:34 unknown key `adress` (did you mean `address`?)
"#
        );
        let text = text.replace("http://app.internal }", "http://127.0.0.1 }");
        let (read, rest) = (text.split('\n'), ["a", "b", "c"]);
        let whole = |line: &&str| {
            !rest
                .iter()
                .any(|host| line.contains(&format!(" {host}.shop")))
        };
        let text = read.filter(whole).collect::<Vec<_>>().join("\n");
        assert_eq!(
            mistakes(&text),
            "7:74 `certificate` needs an https address, but `http://127.0.0.1` is not one (use an https \
             address, or leave `certificate` out)\n"
        );
    }

    #[test]
    fn mistakes_in_what_the_account_holds_are_found_where_they_stand() {
        let text = "\
scenario: x
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  cloudflare:
    account: { id: 12 }
    plan: business
    tokens:
      reader: { permissions: [Workers Scripts:Write], zones: [shop.exmaple] }
    records: { shop.exmaple: [] }
    propagation_delay: soon
    faults: [{ on: PUT */scripts/*, fault: refuse }]
steps: []
";
        let found = mistakes(text);
        let lines: Vec<&str> = found
            .lines()
            .filter_map(|line| line.split(':').next())
            .collect();
        assert_eq!(lines, ["5", "6", "8", "10", "11"], "{found}");
        let text = "\
scenario: x
given:
  zones: { shop.example: { hosts: { shop.example: { site: signup } } } }
  cloudflare:
    tokens: { reader: { zones: [shop.exmaple] } }
    records: { shop.exmaple: [] }
steps: []
";
        assert_eq!(
            mistakes(text),
            "\
5:33 there is no zone `shop.exmaple` (did you mean `shop.example`?)
6:30 there is no zone `shop.exmaple` (did you mean `shop.example`?)
"
        );
    }
}
