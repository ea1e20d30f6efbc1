//! The control plane that a description gives, with what is on it from the start.

use edgeproof_cloudflare::plane::{AccountSettings, ControlPlane, Placed, Record, ZoneSettings};
use edgeproof_deployment::FailureMode;
use edgeproof_edge as edge;
use edgeproof_fingerprint::Fingerprint;
use edgeproof_ground::trace::Trace;

use super::{Description, Environment, RigError, Zone, desired};

/// Starts the control plane that the description gives, with its zones and deployments on it.
pub(super) async fn start(
    environment: &Environment,
    description: &Description,
    fingerprint: &Fingerprint,
    trace: &Trace,
) -> Result<Option<ControlPlane>, RigError> {
    let Some(given) = &description.cloudflare else {
        return Ok(None);
    };
    let plane = ControlPlane::start(AccountSettings {
        zones: description.zones.iter().map(zone).collect(),
        // One clock for the whole rig.
        clock: description.fingerprint.clock.clone(),
        trace: trace.clone(),
        workerd: Some(environment.workerd.clone()),
        ..given.clone()
    })
    .await?;
    let routes = description
        .zones
        .values()
        .flat_map(|zone| zone.routes.clone());
    plane
        .place_routes(routes.collect())
        .map_err(|source| RigError::Given {
            worker: "the routes of the zones".to_owned(),
            source: Box::new(source),
        })?;
    place(environment, &plane, description, fingerprint)?;
    Ok(Some(plane))
}

fn zone((name, zone): (&String, &Zone)) -> ZoneSettings {
    let hosts = zone.hosts.iter();
    ZoneSettings {
        name: name.clone(),
        records: hosts
            .map(|(host, described)| Record::of_host(host, described.proxied))
            .collect(),
        custom_domains: zone.custom_domains.clone(),
        normalization: zone.edge.normalization,
    }
}

/// Puts the deployments of the description on the control plane, as if somebody had uploaded them.
pub(super) fn place(
    environment: &Environment,
    plane: &ControlPlane,
    description: &Description,
    fingerprint: &Fingerprint,
) -> Result<(), RigError> {
    for (name, expansion) in desired::expand(description, fingerprint)? {
        let deployment = description.deployments.get(&name);
        let project = desired::project(environment, deployment, &name, &expansion)?;
        let placed = Placed::of(project);
        let routes = expansion.routes.iter().map(|pattern| {
            Ok(edge::Route {
                pattern: pattern.parse().map_err(|source| RigError::Route {
                    worker: name.clone(),
                    source,
                })?,
                worker: Some(name.clone()),
                over_daily_limit: FailureMode::Closed,
            })
        });
        let routes = routes.collect::<Result<_, RigError>>()?;
        plane
            .place(&name, &placed, routes)
            .map_err(|source| RigError::Given {
                worker: name.clone(),
                source: Box::new(source),
            })?;
    }
    Ok(())
}
