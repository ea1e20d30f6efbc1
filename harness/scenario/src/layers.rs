//! Shared parts: `_defaults.yaml` of the folders above, and what a file includes.
//!
//! A layer says what holds unless the file says otherwise. Mappings are merged key by key; everything else is replaced.
//! The order, weakest first: defaults of the outermost folder, of the inner ones, the included files, the file itself.

use std::path::{Path, PathBuf};

use edgeproof_document::node::{Key, Value, YamlNode};

use super::files::{self, Files, Purpose};

/// The name of a folder's defaults.
pub const DEFAULTS: &str = "_defaults.yaml";

/// Included files may include others this deep.
const DEPTH: usize = 8;

/// The text of the file at `path`, with everything it builds on worked in. What is wrong with that is told in `files`;
/// nothing is left where the file itself cannot be read.
pub(super) fn assemble(path: &Path, text: &str, files: &mut Files<'_>) -> Option<YamlNode> {
    // The file itself comes first: it is the one that is shown as the others' reason.
    let node = match files.parse(path, text) {
        Ok(node) => node,
        Err(problem) => {
            files.problems.push(problem);
            return None;
        }
    };
    let mut base: Option<YamlNode> = None;
    for defaults in defaults_above(path) {
        // Where none lies there is none.
        let Ok(text) = files::read(&defaults) else {
            continue;
        };
        match files.parse(&defaults, &text) {
            Ok(layer) => base = Some(over(base, layer)),
            Err(problem) => files.problems.push(problem),
        }
    }
    let node = includes(node, files, DEPTH);
    let mut node = over(base, node);
    if let Value::Map(entries) = &mut node.value {
        for (key, value) in entries {
            if key.text == "steps" {
                *value = steps(value.clone(), files, DEPTH);
            }
        }
    }
    Some(node)
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

/// Where defaults may lie: the folders above a file, from the nearest one that is called `scenarios` where there is one,
/// the outermost first. It is the same wherever edgeproof runs.
pub fn defaults_above(path: &Path) -> Vec<PathBuf> {
    let path = files::absolute(path);
    let is_last = |folder: &&Path| folder.ends_with("scenarios");
    let mut folders: Vec<&Path> = path.ancestors().skip(1).collect();
    if let Some(last) = folders.iter().position(is_last) {
        folders.truncate(last + 1);
    }
    let here = std::env::current_dir().unwrap_or_default();
    let shown = |folder: &Path| {
        let file = folder.join(DEFAULTS);
        // As people write it.
        file.strip_prefix(&here)
            .map_or(file.clone(), Path::to_owned)
    };
    folders.into_iter().rev().map(shown).collect()
}

/// The node above what it includes.
fn includes(mut node: YamlNode, files: &mut Files<'_>, depth: usize) -> YamlNode {
    let Value::Map(entries) = &mut node.value else {
        return node;
    };
    let Some(position) = entries.iter().position(|(key, _)| key.text == "include") else {
        return node;
    };
    let (_, include) = entries.remove(position);
    let names = match include.value {
        Value::List(items) => items,
        _ => vec![include],
    };
    let mut base = None;
    for name in names {
        if let Some(layer) = included(&name, files, depth) {
            base = Some(over(base, includes(layer, files, depth - 1)));
        }
    }
    over(base, node)
}

/// The steps, with the steps of other files in place of `- include: file`.
fn steps(node: YamlNode, files: &mut Files<'_>, depth: usize) -> YamlNode {
    let Value::List(items) = node.value else {
        return node;
    };
    let mut all = Vec::new();
    for item in items {
        let Some(name) = item.get("include") else {
            all.push(item);
            continue;
        };
        let Some(more) = included(name, files, depth) else {
            continue;
        };
        let more = steps(more, files, depth - 1);
        match more.value {
            Value::List(more) => all.extend(more),
            _ => files.problems.push(files::at(
                name,
                "an included file of steps must be a list of steps".to_owned(),
                None,
            )),
        }
    }
    YamlNode {
        at: node.at,
        value: Value::List(all),
    }
}

/// The file that a node names. Why there is none is told in `files`.
fn included(name: &YamlNode, files: &mut Files<'_>, depth: usize) -> Option<YamlNode> {
    let found = match depth {
        0 => Err(files::at(
            name,
            "files include each other too deeply".to_owned(),
            None,
        )),
        _ => files.named(name, Purpose::Part),
    };
    found
        .map_err(|problem| files.problems.push(problem))
        .ok()
        .map(|(_, node)| node)
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
        (below, above) if above.is_null() => YamlNode {
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
    use crate::files::Outside;

    fn assembled(files: &[(&str, &str)], path: &str) -> Result<YamlNode, Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let target = folder.path().join(name);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, text).unwrap();
        }
        let path = folder.path().join(path);
        let text = fs::read_to_string(&path).unwrap();
        let outside = Outside::default();
        let mut files = Files::of(&path, &outside);
        let node = assemble(&path, &text, &mut files);
        node.filter(|_| files.problems.is_empty()).ok_or_else(|| {
            let problems = std::mem::take(&mut files.problems);
            problems
                .into_iter()
                .map(|problem| {
                    let place = files.sources.place(problem.at).unwrap();
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
        let found = node.at_path(path.split('.'))?;
        found.value.as_text().map(str::to_owned)
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
    fn defaults_hold_for_their_folder_and_below_whatever_it_is_called() {
        let files = [
            ("_defaults.yaml", "given: {a: outer, b: outer}\n"),
            ("checks/_defaults.yaml", "given: {b: inner}\n"),
            ("checks/flow/a.yaml", "given: {c: own}\n"),
        ];
        let node = assembled(&files, "checks/flow/a.yaml").unwrap();
        let found = ["a", "b", "c"].map(|key| text(&node, &format!("given.{key}")).unwrap());
        assert_eq!(found, ["outer", "inner", "own"]);
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
        assert!(
            problems[0].starts_with("a.yaml:2 `/_none.yaml` cannot be read"),
            "{problems:?}"
        );
        assert_eq!(
            problems[1],
            "_loop.yaml:1 files include each other too deeply"
        );
    }
}
