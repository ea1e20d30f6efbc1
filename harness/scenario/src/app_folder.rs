//! `in:` of an app that is started: the folder is seen from the file that says it.

use edgeproof_document::{
    node::{Key, Value, YamlNode},
    problem::Problem,
    source::{Sources, Span},
};

use super::deployment_file::path_of;

/// Completes the folders of the apps that are given. Where none is said it is that of the file with the command.
pub(super) fn work_in(node: &mut YamlNode, sources: &Sources) -> Vec<Problem> {
    let mut problems = Vec::new();
    let zones = node
        .value_mut("given")
        .and_then(|given| given.value_mut("zones"));
    for (_, zone) in entries(zones) {
        for (_, host) in entries(zone.value_mut("hosts")) {
            let app = host.value_mut("app");
            if let Some(Value::Map(app)) = app
                && let Err(problem) = complete(app, sources)
            {
                problems.push(problem);
            }
        }
    }
    problems
}

fn entries(value: Option<&mut Value>) -> &mut [(Key, YamlNode)] {
    value.map_or(&mut [], |value| match value {
        Value::Map(entries) => entries.as_mut_slice(),
        _ => &mut [],
    })
}

fn complete(app: &mut Vec<(Key, YamlNode)>, sources: &Sources) -> Result<(), Problem> {
    let text = |at: Span, text: &str| YamlNode {
        at,
        value: Value::Text(text.to_owned()),
    };
    let Some(run) = app.iter().find(|(key, _)| key.text == "run") else {
        return Ok(());
    };
    let at = run.1.at;
    let said = app.iter_mut().find(|(key, _)| key.text == "in");
    let here = text(at, ".");
    let folder = match &said {
        Some((_, folder)) => path_of(folder, sources)?,
        None => path_of(&here, sources)?,
    };
    // A process cannot be started in a folder without a name.
    let folder = match folder.to_string_lossy() {
        path if path.is_empty() => ".".to_owned(),
        path => path.into_owned(),
    };
    match said {
        Some((_, node)) => node.value = Value::Text(folder),
        None => app.push((
            Key {
                at,
                text: "in".to_owned(),
            },
            text(at, &folder),
        )),
    }
    Ok(())
}
