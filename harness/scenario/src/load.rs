//! Finds scenario files and reads them.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use edgeproof_document::{
    LoadError, Mistake, node::YamlNode, problem::Problem, read, source::Sources, yaml,
};

use super::{app_folder, depends, file::Scenario, layers, matrix, names::unknown_names};

/// One scenario that can be run.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name: the path below `scenarios`, and the values of the matrix, joined with `::`.
    pub name: String,
    /// The file it was read from.
    pub file: PathBuf,
    /// What it says.
    pub scenario: Scenario,
    /// Where it says it.
    pub node: YamlNode,
    /// The files behind the places in `node`.
    pub sources: Arc<Sources>,
}

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

/// Reads all of these files; one that has a mistake does not hide the mistakes of the others.
pub fn load(files: &[PathBuf]) -> Result<Vec<Case>, LoadError> {
    let mut cases = Vec::new();
    let mut mistakes = Vec::new();
    for file in files {
        match load_file(file) {
            Ok(more) => cases.extend(more),
            Err(LoadError::Mistakes(more)) => mistakes.extend(more),
            Err(unreadable) => return Err(unreadable),
        }
    }
    mistakes.extend(depends::circles(&cases));
    if mistakes.is_empty() {
        Ok(cases)
    } else {
        Err(LoadError::Mistakes(mistakes))
    }
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

/// Reads one file.
pub fn load_file(path: &Path) -> Result<Vec<Case>, LoadError> {
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    load_text(path, &text)
}

/// Reads the text of a file that is, or is as if it were, at `path`.
pub fn load_text(path: &Path, text: &str) -> Result<Vec<Case>, LoadError> {
    let mut sources = Sources::default();
    let file = sources.add(path, text.to_owned());
    let assembled = yaml::parse(file, text)
        .map_err(|problem| vec![problem])
        .and_then(|node| layers::assemble(path, node, &mut sources))
        .and_then(|node| matrix::expand(&node));
    let sources = Arc::new(sources);
    let combinations = assembled.map_err(|problems| mistakes(problems, &sources))?;
    let mut cases = Vec::new();
    let mut problems = Vec::new();
    for mut combination in combinations {
        layers::redeployments(&mut combination.node);
        let folders = app_folder::work_in(&mut combination.node, &sources);
        if !folders.is_empty() {
            problems.extend(folders);
            continue;
        }
        match scenario(path, &combination.node) {
            Ok(scenario) => cases.push(Case {
                name: std::iter::once(name(path))
                    .chain(combination.labels)
                    .collect::<Vec<_>>()
                    .join("::"),
                file: path.to_owned(),
                scenario,
                node: combination.node,
                sources: Arc::clone(&sources),
            }),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() {
        return Ok(cases);
    }
    // A mistake outside the matrix is in every combination.
    problems.sort_by_key(|problem| (problem.at.file, problem.at.start));
    problems.dedup();
    Err(mistakes(problems, &sources))
}

/// Reads what one combination says, names included.
fn scenario(path: &Path, node: &YamlNode) -> Result<Scenario, Vec<Problem>> {
    let scenario = read::read::<Scenario>(node)?.with_a_visitor();
    let mut unknown = unknown_names(&scenario, node);
    unknown.extend(depends::unknown(path, &scenario, node));
    if unknown.is_empty() {
        Ok(scenario)
    } else {
        Err(unknown)
    }
}

fn mistakes(problems: Vec<Problem>, sources: &Arc<Sources>) -> LoadError {
    let mistake = |problem| Mistake {
        problem,
        sources: Arc::clone(sources),
    };
    LoadError::Mistakes(problems.into_iter().map(mistake).collect())
}

/// The name of a file: its path below the last folder called `scenarios`, without the ending, joined with `::`.
pub fn name(path: &Path) -> String {
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
