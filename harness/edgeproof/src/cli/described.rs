//! What a file describes: a scenario, a deployment file, or the zones and deployments alone.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use edgeproof_cloudflare::deploy::DeploymentFile;
use edgeproof_document::{LoadError, Mistake, read, source::Sources, yaml};
use edgeproof_rig::{Description, Host, Zone};

use super::{
    CliError,
    reading::{Reading, STANDARD_INPUT},
};

/// What a file describes, whichever of the three kinds it is.
pub(super) fn description(path: &Path, reading: &Reading) -> Result<Description, CliError> {
    if path.as_os_str() == STANDARD_INPUT {
        return given(path, reading);
    }
    let text = std::fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let mut sources = Sources::default();
    let number = sources.add(path, text.clone());
    let node = yaml::parse(number, &text);
    let has = |key| node.as_ref().is_ok_and(|node| node.get(key).is_some());
    if has("zone") && has("name") {
        return Ok(deployed(&DeploymentFile::load(path)?));
    }
    if !(has("zones") || has("deployments")) {
        return given(path, reading);
    }
    let sources = Arc::new(sources);
    let read = node
        .map_err(|problem| vec![problem])
        .and_then(|node| read::read(&node));
    Ok(read.map_err(|problems| {
        let mistake = |problem| Mistake {
            problem,
            sources: Arc::clone(&sources),
        };
        LoadError::Mistakes(problems.into_iter().map(mistake).collect())
    })?)
}

/// What a scenario starts from, the first combination of one with a matrix.
fn given(path: &Path, reading: &Reading) -> Result<Description, CliError> {
    let first = reading.load_description(path)?.into_iter().next();
    Ok(first.ok_or(CliError::NothingSelected)?.scenario.given)
}

/// The zone of a deployment file, with the hosts that its patterns name.
fn deployed(file: &DeploymentFile) -> Description {
    let deployment = file.deployment();
    let apis = deployment.protected_apis.iter().map(|api| &api.url);
    let patterns = deployment.identification_pages.iter().chain(apis);
    let hosts = patterns.filter_map(|pattern| pattern.split('/').next());
    let hosts = hosts.chain([file.zone.as_str()]);
    let zone = Zone {
        hosts: hosts
            .map(|host| (host.to_owned(), Host::default()))
            .collect(),
        ..Zone::default()
    };
    Description {
        zones: BTreeMap::from([(file.zone.clone(), zone)]),
        deployments: BTreeMap::from([(file.name.clone(), deployment)]),
        ..Description::default()
    }
}
