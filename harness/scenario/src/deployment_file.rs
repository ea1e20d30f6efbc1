//! `file:` in a deployment: what is tested is the file that gets deployed.
//!
//! The file stands below what the scenario says itself, as an included file would.

use edgeproof_cloudflare::deploy::DeploymentFile;
use edgeproof_document::{
    node::{Key, Value, YamlNode},
    problem::Problem,
};

use super::{
    files::{Files, Purpose, text_of},
    layers::over,
};

/// Works the files in: of what is given, and of what steps deploy anew.
pub(super) fn work_in(node: &mut YamlNode, files: &mut Files<'_>) {
    if let Some(given) = node.value_mut("given") {
        below(given, files);
    }
    if let Some(Value::List(steps)) = node.value_mut("steps") {
        for step in steps {
            if let Some(change) = step.value_mut("set") {
                below(change, files);
            }
            if let Some(Value::Map(deploying)) = step.value_mut("deploy") {
                let named = deploying
                    .iter_mut()
                    .filter(|(key, _)| matches!(key.text.as_str(), "plan" | "apply"));
                for (_, file) in named {
                    if let Err(problem) = in_place(file, files) {
                        files.problems.push(problem);
                    }
                }
            }
        }
    }
}

/// What is in the file in place of its path, and the path of its worker seen from where edgeproof runs.
fn in_place(node: &mut YamlNode, files: &mut Files<'_>) -> Result<(), Problem> {
    if !matches!(node.value, Value::Text(_)) {
        return Ok(());
    }
    (_, *node) = files.named(node, Purpose::Project)?;
    let worker = match node.get("worker") {
        Some(worker) => files.path_of(worker)?,
        None => return Ok(()),
    };
    if let Some(value) = node.value_mut("worker") {
        *value = text_of(&worker);
    }
    Ok(())
}

/// The deployments of a mapping that has some.
fn below(value: &mut Value, files: &mut Files<'_>) {
    let Some(Value::Map(deployments)) = value.value_mut("deployments") else {
        return;
    };
    for (_, deployment) in deployments {
        match whole(deployment, files) {
            Ok(Some(whole)) => *deployment = whole,
            Ok(None) => {}
            Err(more) => {
                files.problems.extend(more);
                // What it says itself is looked at all the same.
                if let Value::Map(own) = &mut deployment.value {
                    own.retain(|(key, _)| key.text != "file");
                }
            }
        }
    }
}

/// A deployment above the file that it names; nothing where it names none.
fn whole(deployment: &YamlNode, files: &mut Files<'_>) -> Result<Option<YamlNode>, Vec<Problem>> {
    let Value::Map(entries) = &deployment.value else {
        return Ok(None);
    };
    let Some((_, name)) = deployment.entry("file") else {
        return Ok(None);
    };
    let mut own = entries.clone();
    own.retain(|(key, _)| key.text != "file");
    let named = files.named(name, Purpose::Project);
    let (path, content) = named.map_err(|problem| vec![problem])?;
    let file = DeploymentFile::of_node(&path, &content)?;
    let own = YamlNode {
        at: deployment.at,
        value: Value::Map(own),
    };
    Ok(Some(over(Some(below_own(&file, &content)), own)))
}

/// What the file says, in the words of a scenario; each value where the file has it.
fn below_own(file: &DeploymentFile, content: &YamlNode) -> YamlNode {
    let deployment = file.deployment();
    let place = |path: &[&str]| {
        let found = content.at_path(path.iter().copied());
        found.map_or(content.at, |node| node.at)
    };
    let text = |path: &[&str], text: String| YamlNode {
        at: place(path),
        value: Value::Text(text),
    };
    let list = |key: &str, items: Vec<String>| {
        let items = items.into_iter().enumerate();
        let items = items.map(|(index, item)| text(&[key, &index.to_string()], item));
        YamlNode {
            at: place(&[key]),
            value: Value::List(items.collect()),
        }
    };
    let apis = deployment.protected_apis.iter();
    let apis = apis.map(|api| format!("{} {}", api.method, api.url));
    let mut entries = vec![
        (
            "identification_pages",
            list("identification_pages", deployment.identification_pages),
        ),
        ("protected_apis", list("protected_apis", apis.collect())),
    ];
    if let Some(worker) = deployment.worker {
        entries.push(("worker", text(&["worker"], worker)));
    }
    for key in [
        "failure_mode",
        "ruleset",
        "coverage",
        "origin_secret",
        "compatibility_date",
        "compatibility_flags",
    ] {
        entries.extend(content.get(key).map(|node| (key, node.clone())));
    }
    if let Some(wallarm) = content.get("wallarm") {
        let mut wallarm = wallarm.clone();
        if let Value::Map(settings) = &mut wallarm.value {
            settings.retain(|(key, _)| key.text != "node");
        }
        entries.push(("wallarm", wallarm));
    }
    let variables = deployment.variables.into_iter();
    let variables = variables.map(|(name, value)| (key(&name, content), text(&[], value)));
    let variables = YamlNode {
        at: content.at,
        value: Value::Map(variables.collect()),
    };
    entries.push(("variables", variables));
    let entries = entries.into_iter();
    YamlNode {
        at: content.at,
        value: Value::Map(
            entries
                .map(|(name, node)| (key(name, content), node))
                .collect(),
        ),
    }
}

fn key(name: &str, content: &YamlNode) -> Key {
    let own = content.entry(name).map(|(key, _)| key.at);
    Key {
        at: own.unwrap_or(content.at),
        text: name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use edgeproof_deployment::FailureMode;
    use edgeproof_document::LoadError;

    use crate::load::{self, Case};

    const FILE: &str = "
name: shop
zone: shop.example
identification_pages: [{ path: /signup, prefix: true }]
protected_apis: [{ method: POST, path: /api, prefix: true }]
failure_mode: closed
ruleset: rs_1
region: eu
wallarm: { node: 'https://node.wallarm.example', mode: async }
";

    fn loaded(file: &str, deployment: &str) -> Result<Case, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("deployments")).unwrap();
        fs::write(folder.path().join("deployments/shop.yaml"), file).unwrap();
        let scenario = format!(
            "scenario: x\ngiven:\n  rulesets: {{rs_1: {{}}}}\n  deployments: {{flow: {deployment}}}\nsteps: []\n"
        );
        let path = folder.path().join("a.yaml");
        fs::write(&path, scenario).unwrap();
        match load::load_file(&path) {
            Ok(mut cases) => Ok(cases.remove(0)),
            Err(LoadError::Mistakes(mistakes)) => Err(mistakes
                .iter()
                .map(|mistake| {
                    let place = mistake.sources.place(mistake.problem.at).unwrap();
                    let name = place
                        .file
                        .file_name()
                        .unwrap()
                        .to_string_lossy()
                        .into_owned();
                    format!("{name}:{} {}", place.line, mistake.problem.message)
                })
                .collect()),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn a_scenario_runs_what_the_file_says_and_says_otherwise_where_it_wants_to() {
        let case = loaded(FILE, "{file: deployments/shop.yaml, failure_mode: open}").unwrap();
        let deployment = &case.scenario.given.deployments["flow"];
        assert_eq!(deployment.identification_pages, ["shop.example/signup*"]);
        assert_eq!(deployment.protected_apis[0].url, "shop.example/api*");
        assert_eq!(deployment.failure_mode, FailureMode::Open);
        assert_eq!(deployment.ruleset.as_deref(), Some("rs_1"));
        assert_eq!(deployment.variables["FP_REGION"], "eu");
        assert!(deployment.wallarm.is_some());
    }

    #[test]
    fn a_mistake_in_the_file_is_shown_there() {
        let wrong = FILE.replace("region: eu", "regio: eu");
        assert_eq!(
            loaded(&wrong, "{file: deployments/shop.yaml}").unwrap_err(),
            ["shop.yaml:8 unknown key `regio`"]
        );
        let missing = loaded(FILE, "{file: deployments/none.yaml}").unwrap_err();
        assert!(missing[0].starts_with("a.yaml:4 `"), "{missing:?}");
    }
}
