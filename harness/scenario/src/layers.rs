//! Shared parts: `_defaults.yaml` of the folders above, and what a file includes.
//!
//! A layer says what holds unless the file says otherwise. Mappings are merged key by key; everything else is replaced.
//! The order, weakest first: defaults of the outermost folder, of the inner ones, the included files, the file itself.

use std::path::{Component, Path, PathBuf};

use edgeproof_document::{
    node::{Key, Value, YamlNode},
    problem::Problem,
    source::Sources,
    yaml,
};

use super::deployment_file;

/// The name of a folder's defaults.
pub const DEFAULTS: &str = "_defaults.yaml";

/// Included files may include others this deep.
const DEPTH: usize = 8;

/// The file at `path` with everything it builds on worked in.
pub fn assemble(
    path: &Path,
    node: YamlNode,
    sources: &mut Sources,
) -> Result<YamlNode, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut base: Option<YamlNode> = None;
    for defaults in defaults_above(path) {
        let Ok(text) = std::fs::read_to_string(&defaults) else {
            continue;
        };
        let file = sources.add(&defaults, text.clone());
        match yaml::parse(file, &text) {
            Ok(layer) => base = Some(over(base, layer)),
            Err(problem) => problems.push(problem),
        }
    }
    let node = includes(path, node, sources, DEPTH).map_err(|more| {
        problems.extend(more);
        problems.clone()
    })?;
    let mut node = over(base, node);
    if let Value::Map(entries) = &mut node.value {
        for (key, value) in entries {
            if key.text == "steps" {
                match steps(path, value.clone(), sources, DEPTH) {
                    Ok(steps) => *value = steps,
                    Err(more) => problems.extend(more),
                }
            }
        }
    }
    problems.extend(deployment_file::work_in(&mut node, sources));
    if problems.is_empty() {
        Ok(node)
    } else {
        Err(problems)
    }
}

/// Completes what steps deploy anew: what `set: { deployments: … }` does not say is as it was before.
pub(super) fn redeployments(node: &mut YamlNode) {
    let mut current: Vec<(Key, YamlNode)> = match node.at_path(["given", "deployments"]) {
        Some(YamlNode {
            value: Value::Map(given),
            ..
        }) => given.clone(),
        _ => Vec::new(),
    };
    let Some(Value::List(steps)) = node.value_mut("steps") else {
        return;
    };
    for step in steps {
        let change = step.value_mut("set");
        let Some(Value::Map(deployments)) = change.and_then(|set| set.value_mut("deployments"))
        else {
            continue;
        };
        for (key, deployment) in deployments {
            let before = current.iter().position(|(known, _)| known.text == key.text);
            let base = before.map(|index| current.swap_remove(index).1);
            *deployment = over(base, deployment.clone());
            current.push((key.clone(), deployment.clone()));
        }
    }
}

/// Where defaults may lie: the folders from `scenarios` down to the file's own.
fn defaults_above(path: &Path) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for folder in path.ancestors().skip(1) {
        folders.push(folder.join(DEFAULTS));
        if folder.file_name().is_some_and(|name| name == "scenarios") {
            break;
        }
    }
    if !folders.last().is_some_and(|last| {
        last.parent()
            .is_some_and(|folder| folder.ends_with("scenarios"))
    }) {
        // Outside of a folder called `scenarios` only the file's own folder counts.
        folders.truncate(1);
    }
    folders.reverse();
    folders
}

/// The node above what it includes.
fn includes(
    path: &Path,
    mut node: YamlNode,
    sources: &mut Sources,
    depth: usize,
) -> Result<YamlNode, Vec<Problem>> {
    let Value::Map(entries) = &mut node.value else {
        return Ok(node);
    };
    let Some(position) = entries.iter().position(|(key, _)| key.text == "include") else {
        return Ok(node);
    };
    let (_, include) = entries.remove(position);
    let names = match include.value {
        Value::List(items) => items,
        _ => vec![include],
    };
    let mut base = None;
    let mut problems = Vec::new();
    for name in names {
        match included(path, &name, sources, depth) {
            Ok((path, layer)) => match includes(&path, layer, sources, depth - 1) {
                Ok(layer) => base = Some(over(base, layer)),
                Err(more) => problems.extend(more),
            },
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(over(base, node))
    } else {
        Err(problems)
    }
}

/// The steps, with the steps of other files in place of `- include: file`.
fn steps(
    path: &Path,
    node: YamlNode,
    sources: &mut Sources,
    depth: usize,
) -> Result<YamlNode, Vec<Problem>> {
    let Value::List(items) = node.value else {
        return Ok(node);
    };
    let mut all = Vec::new();
    let mut problems = Vec::new();
    for item in items {
        let Some(name) = item.get("include") else {
            all.push(item);
            continue;
        };
        let more = included(path, name, sources, depth)
            .map_err(|problem| vec![problem])
            .and_then(|(path, node)| steps(&path, node, sources, depth - 1));
        match more {
            Ok(YamlNode {
                value: Value::List(more),
                ..
            }) => all.extend(more),
            Ok(other) => problems.push(problem(
                &other,
                "an included file of steps must be a list of steps",
            )),
            Err(more) => problems.extend(more),
        }
    }
    if problems.is_empty() {
        Ok(YamlNode {
            at: node.at,
            value: Value::List(all),
        })
    } else {
        Err(problems)
    }
}

/// The file that a node names, seen from the file at `path`.
fn included(
    path: &Path,
    name: &YamlNode,
    sources: &mut Sources,
    depth: usize,
) -> Result<(PathBuf, YamlNode), Problem> {
    let Value::Text(text) = &name.value else {
        return Err(problem(name, "an included file must be named by its path"));
    };
    if depth == 0 {
        return Err(problem(name, "files include each other too deeply"));
    }
    let target = lexical(&path.parent().unwrap_or(Path::new("")).join(text));
    let content = std::fs::read_to_string(&target).map_err(|error| {
        problem(
            name,
            &format!("`{}` cannot be read: {error}", target.display()),
        )
    })?;
    let file = sources.add(&target, content.clone());
    Ok((target, yaml::parse(file, &content)?))
}

/// The path without `a/..`, for people; the files of a suite are not behind links.
pub(super) fn lexical(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        let above = matches!(short.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::ParentDir if above => {
                short.pop();
            }
            Component::CurDir => {}
            other => short.push(other),
        }
    }
    short
}

fn problem(node: &YamlNode, message: &str) -> Problem {
    Problem {
        message: message.to_owned(),
        at: node.at,
        label: "here".to_owned(),
        help: None,
    }
}

/// A layer above another one.
pub(super) fn over(base: Option<YamlNode>, node: YamlNode) -> YamlNode {
    let Some(base) = base else {
        return node;
    };
    match (base.value, node.value) {
        (Value::Map(below), Value::Map(mut above)) => {
            for (key, value) in below {
                match above.iter_mut().find(|(known, _)| known.text == key.text) {
                    Some((_, own)) => *own = over(Some(value), own.clone()),
                    None => above.push((key, value)),
                }
            }
            YamlNode {
                at: node.at,
                value: Value::Map(above),
            }
        }
        (below, Value::Null) => YamlNode {
            at: base.at,
            value: below,
        },
        (_, value) => YamlNode { at: node.at, value },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn assembled(files: &[(&str, &str)], path: &str) -> Result<YamlNode, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let target = folder.path().join(name);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, text).unwrap();
        }
        let path = folder.path().join(path);
        let text = fs::read_to_string(&path).unwrap();
        let mut sources = Sources::default();
        let file = sources.add(&path, text.clone());
        assemble(&path, yaml::parse(file, &text).unwrap(), &mut sources).map_err(|problems| {
            problems
                .into_iter()
                .map(|problem| {
                    let place = sources.place(problem.at).unwrap();
                    let name = place
                        .file
                        .file_name()
                        .unwrap()
                        .to_string_lossy()
                        .into_owned();
                    let message = problem.message.replace(folder.path().to_str().unwrap(), "");
                    format!("{name}:{} {message}", place.line)
                })
                .collect()
        })
    }

    fn text(node: &YamlNode, path: &str) -> Option<String> {
        match &node.at_path(path.split('.'))?.value {
            Value::Text(text) => Some(text.clone()),
            _ => None,
        }
    }

    #[test]
    fn the_nearer_layer_wins_key_by_key() {
        let node = assembled(
            &[
                (
                    "scenarios/_defaults.yaml",
                    "given: {a: outer, b: outer, c: outer, d: outer}\n",
                ),
                (
                    "scenarios/x/_defaults.yaml",
                    "given: {b: inner, c: inner, d: inner}\n",
                ),
                ("scenarios/x/_part.yaml", "given: {c: part, d: part}\n"),
                (
                    "scenarios/x/a.yaml",
                    "include: _part.yaml\ngiven: {d: own}\n",
                ),
                ("_defaults.yaml", "given: {a: outside}\n"),
            ],
            "scenarios/x/a.yaml",
        )
        .unwrap();
        let all: Vec<_> = ["a", "b", "c", "d"]
            .iter()
            .map(|key| text(&node, &format!("given.{key}")).unwrap())
            .collect();
        assert_eq!(all, ["outer", "inner", "part", "own"]);
        assert_eq!(node.get("include"), None);
    }

    #[test]
    fn steps_of_another_file_stand_where_they_are_included() {
        let node = assembled(
            &[
                ("_two.yaml", "- visit: b\n- visit: c\n"),
                (
                    "a.yaml",
                    "steps:\n  - visit: a\n  - include: _two.yaml\n  - visit: d\n",
                ),
            ],
            "a.yaml",
        )
        .unwrap();
        let all: Vec<_> = (0..4)
            .map(|index| text(&node, &format!("steps.{index}.visit")).unwrap())
            .collect();
        assert_eq!(all, ["a", "b", "c", "d"]);
    }

    #[test]
    fn what_cannot_be_included_is_said_where_it_is_asked_for() {
        let problems = assembled(
            &[
                ("_loop.yaml", "include: _loop.yaml\n"),
                ("a.yaml", "include:\n  - _none.yaml\n  - _loop.yaml\n"),
            ],
            "a.yaml",
        )
        .unwrap_err();
        assert!(problems[0].starts_with("a.yaml:2 `/_none.yaml` cannot be read"));
        assert_eq!(
            problems[1],
            "_loop.yaml:1 files include each other too deeply"
        );
    }
}
