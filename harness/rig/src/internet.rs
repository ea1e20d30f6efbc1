//! Who can be reached in a rig, and under which name.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use edgeproof_deployment::NODE_HOST;
use edgeproof_fingerprint::Fingerprint;
use edgeproof_ground::{memory::Memory, trace::Party};
use edgeproof_internet::{Destination, Internet, Peer};
use edgeproof_origin::Origin;
use edgeproof_wallarm::{self as wallarm, WallarmNode};

use super::{BorrowedApp, Description, Environment, Host, RigError};

/// The parts that a fault can be about, by name.
pub const PARTS: [&str; 4] = [ORIGIN, INGRESS, CDN, NODE];

const ORIGIN: &str = "origin";
const INGRESS: &str = "ingress";
const CDN: &str = "cdn";
const NODE: &str = "wallarm";

/// The sites and apps, each under its name.
pub(super) fn connect_origins(
    internet: &Internet,
    description: &Description,
    sites: &Path,
    apps: &[BorrowedApp],
    memory: &Memory,
) -> Result<BTreeMap<String, Origin>, RigError> {
    let mut origins = BTreeMap::new();
    for (name, host) in description.zones.values().flat_map(|zone| &zone.hosts) {
        let origin = open_origin(name, host, sites, apps)?.keeping_in(memory);
        internet.connect(
            name,
            Peer {
                name: ORIGIN.to_owned(),
                party: Party::Origin,
                destination: Destination::Handler(Arc::new(origin.clone())),
            },
        );
        origins.insert(name.clone(), origin);
    }
    Ok(origins)
}

fn open_origin(
    name: &str,
    host: &Host,
    sites: &Path,
    apps: &[BorrowedApp],
) -> Result<Origin, RigError> {
    match (&host.site, &host.app) {
        (Some(site), None) => Origin::site(&sites.join(site)).map_err(|source| RigError::Site {
            host: name.to_owned(),
            source,
        }),
        (None, Some(app)) => {
            let started = app.launch.as_ref().and_then(|launch| {
                let mut processes = apps.iter().map(BorrowedApp::process);
                processes.find(|process| process.launch() == launch)
            });
            Ok(match started {
                Some(process) => Origin::started(app, Arc::clone(process))?,
                None => Origin::app(app)?,
            })
        }
        _ => Err(RigError::Host(name.to_owned())),
    }
}

/// The platform under its names.
pub(super) async fn connect_fingerprint(
    internet: &Internet,
    description: &Description,
    environment: &Environment,
    memory: &Memory,
) -> Result<Fingerprint, RigError> {
    let mut settings = description.fingerprint.clone();
    settings.agent_bundle = environment.agent.clone();
    settings.rulesets.clone_from(&description.rulesets);
    let fingerprint = Fingerprint::start_keeping_in(settings, memory).await?;
    for host in Fingerprint::hosts() {
        let name = if host == edgeproof_fingerprint::CDN_HOST {
            CDN
        } else {
            INGRESS
        };
        internet.connect(
            host,
            Peer {
                name: name.to_owned(),
                party: Party::Fingerprint,
                destination: Destination::Address(fingerprint.address()),
            },
        );
    }
    Ok(fingerprint)
}

/// The emulated node under its name.
pub(super) fn connect_node(
    internet: &Internet,
    description: &Description,
    memory: &Memory,
) -> WallarmNode {
    let settings = wallarm::NodeSettings {
        // One clock for the whole rig: a step that moves it moves the lists too.
        clock: description.fingerprint.clock.clone(),
        ..description.node.clone()
    };
    let node = WallarmNode::keeping_in(settings, memory);
    let destination = Destination::Handler(Arc::new(node.clone()));
    internet.connect(NODE_HOST, node_at(destination));
    node
}

/// Each real node under the name of its deployment.
pub(super) fn connect_real_nodes(internet: &Internet, description: &Description) {
    for (name, deployment) in &description.deployments {
        if let Some(real) = &deployment.node {
            let destination = Destination::Address(real.address);
            internet.connect(
                &edgeproof_deployment::node_host(name, deployment),
                node_at(destination),
            );
        }
    }
}

fn node_at(destination: Destination) -> Peer {
    Peer {
        name: NODE.to_owned(),
        party: Party::Wallarm,
        destination,
    }
}
