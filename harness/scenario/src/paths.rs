//! Paths in a file are relative to that file: each becomes one that is seen from where edgeproof runs.

use edgeproof_document::node::{Key, Value, YamlNode};

use super::files::{Files, text_of};

/// Completes the paths of workers, of apps that are started and of bodies. What is not there is told by the one who needs it.
pub(super) fn work_in(node: &mut YamlNode, files: &mut Files<'_>) {
    let given = node.value_mut("given");
    if let Some(given) = given {
        workers(given, files);
        for (_, zone) in entries(given.value_mut("zones")) {
            for (_, host) in entries(zone.value_mut("hosts")) {
                if let Some(Value::Map(app)) = host.value_mut("app") {
                    app_folder(app, files);
                }
            }
        }
    }
    let Some(Value::List(steps)) = node.value_mut("steps") else {
        return;
    };
    for step in steps {
        if let Some(change) = step.value_mut("set") {
            workers(change, files);
        }
        let deploying = step.value_mut("deploy");
        for (key, file) in entries(deploying) {
            if matches!(key.text.as_str(), "plan" | "apply") && file.get("worker").is_some() {
                worker(file, files);
            }
        }
        for (_, chosen) in entries(step.value_mut("upload")) {
            match &mut chosen.value {
                Value::List(items) => items.iter_mut().for_each(|item| content(item, files)),
                _ => content(chosen, files),
            }
        }
        let request = step.value_mut("request");
        let body = request.and_then(|request| request.value_mut("body"));
        for (key, file) in entries(body) {
            if key.text == "file" {
                content(file, files);
            }
        }
    }
}

/// The name of a file that is sent as it is.
fn content(file: &mut YamlNode, files: &mut Files<'_>) {
    if matches!(file.value, Value::Map(_) | Value::List(_)) {
        return;
    }
    // One whose name a captured value completes is looked for when it is sent.
    let is_known = !file.value.as_text().is_some_and(|name| name.contains("${"));
    let found = match is_known {
        true => files.content(file),
        false => files.path_of(file),
    };
    match found {
        Ok(path) => file.value = text_of(&path),
        Err(problem) => files.problems.push(problem),
    }
}

/// The workers of a mapping that has deployments.
fn workers(value: &mut Value, files: &mut Files<'_>) {
    for (_, deployment) in entries(value.value_mut("deployments")) {
        worker(deployment, files);
    }
}

fn worker(deployment: &mut YamlNode, files: &mut Files<'_>) {
    let Some(name) = deployment
        .get("worker")
        .filter(|name| !name.value.is_null())
    else {
        return;
    };
    match files.path_of(name) {
        Ok(path) => {
            if let Some(value) = deployment.value_mut("worker") {
                *value = text_of(&path);
            }
        }
        Err(problem) => files.problems.push(problem),
    }
}

/// `in:` of an app that is started. Where none is said it is the folder of the file with the command.
fn app_folder(app: &mut Vec<(Key, YamlNode)>, files: &mut Files<'_>) {
    let Some((_, run)) = app.iter().find(|(key, _)| key.text == "run") else {
        return;
    };
    let at = run.at;
    let here = YamlNode {
        at,
        value: Value::Text(".".to_owned()),
    };
    let said = app.iter_mut().find(|(key, _)| key.text == "in");
    let folder = match files.path_of(said.as_ref().map_or(&here, |(_, folder)| folder)) {
        Ok(folder) => text_of(&folder),
        Err(problem) => return files.problems.push(problem),
    };
    match said {
        Some((_, node)) => node.value = folder,
        None => app.push((
            Key {
                at,
                text: "in".to_owned(),
            },
            YamlNode { at, value: folder },
        )),
    }
}

fn entries(value: Option<&mut Value>) -> &mut [(Key, YamlNode)] {
    value.map_or(&mut [], |value| match value {
        Value::Map(entries) => entries.as_mut_slice(),
        _ => &mut [],
    })
}
