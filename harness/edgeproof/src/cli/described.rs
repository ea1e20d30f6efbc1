//! What a file describes: a scenario, a deployment file, or the zones and deployments alone.

use std::{collections::BTreeMap, path::Path};

use edgeproof_cloudflare::deploy::DeploymentFile;
use edgeproof_document::{file, read};
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
    let described = file::load(path, |node| {
        let has = |key| node.get(key).is_some();
        if has("zone") && has("name") {
            let deployment = DeploymentFile::of_node(path, node)?;
            Ok(Some(deployed(&deployment)))
        } else if has("zones") || has("deployments") {
            read::read(node).map(Some)
        } else {
            Ok(None)
        }
    });
    match described? {
        Some(description) => Ok(description),
        None => given(path, reading),
    }
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
