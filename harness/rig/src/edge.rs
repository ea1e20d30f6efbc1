//! What the edge is told of a description.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
};

use edgeproof_deployment::Expansion;
use edgeproof_edge::{self as edge, Location, Route};
use edgeproof_ground::pattern::PatternError;

use super::{Description, Visitor, Zone};

/// The zones as the edge takes them.
pub fn zones(description: &Description) -> Vec<edge::Zone> {
    let zone = |(name, zone): (&String, &Zone)| edge::Zone {
        name: name.clone(),
        hosts: zone
            .hosts
            .iter()
            .map(|(name, host)| (name.clone(), host.proxied))
            .collect(),
        custom_domains: zone.custom_domains.clone(),
        settings: zone.edge.clone(),
    };
    description.zones.iter().map(zone).collect()
}

/// The routes of the zones, then those of the deployments, or the worker whose pattern is not one.
pub fn routes(
    description: &Description,
    expansions: &BTreeMap<String, Expansion>,
) -> Result<Vec<Route>, (String, PatternError)> {
    let zones = description.zones.values();
    let mut routes: Vec<Route> = zones.flat_map(|zone| zone.routes.clone()).collect();
    for (worker, expansion) in expansions {
        for pattern in &expansion.routes {
            routes.push(Route {
                pattern: pattern.parse().map_err(|source| (worker.clone(), source))?,
                worker: Some(worker.clone()),
                over_daily_limit: edgeproof_deployment::FailureMode::Closed,
            });
        }
    }
    Ok(routes)
}

/// What the edge knows of the visitors' addresses.
pub(super) fn locations(description: &Description) -> HashMap<IpAddr, Location> {
    let location = |visitor: &Visitor| {
        let location = Location {
            country: Some(visitor.country.clone()),
            ..visitor.location.clone()
        };
        (visitor.ip, location)
    };
    description.visitors.values().map(location).collect()
}
