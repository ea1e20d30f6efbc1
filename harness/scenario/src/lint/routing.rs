//! Pages and APIs that never meet the worker of their deployment.

use std::collections::BTreeMap;

use edgeproof_deployment::Keys;
use edgeproof_edge::RouteTable;
use edgeproof_ground::{
    international,
    pattern::{Scheme, Target},
};
use edgeproof_rig::{self as rig, Description};

use super::{Lint, SHADOWED, UNROUTED};

/// The warnings, each with its place below the file's root.
pub(super) fn lint(given: &Description) -> Vec<(Lint, Vec<String>, String)> {
    let keys = Keys {
        public: "",
        secret: "",
    };
    let expansions: BTreeMap<_, _> = given
        .deployments
        .iter()
        .map(|(name, deployment)| {
            (
                name.clone(),
                edgeproof_deployment::expand(name, deployment, keys, None),
            )
        })
        .collect();
    // A pattern that is none is an error of its own when the rig starts.
    let Ok(routes) = rig::routes(given, &expansions) else {
        return Vec::new();
    };
    let table = RouteTable::new(routes);
    let mut found = Vec::new();
    for (worker, deployment) in &given.deployments {
        let pages = deployment.identification_pages.iter();
        let apis = deployment.protected_apis.iter().map(|api| &api.url);
        let pages = pages.map(|page| ("identification_pages", page)).enumerate();
        let apis = apis.map(|api| ("protected_apis", api)).enumerate();
        for (index, (key, pattern)) in pages.chain(apis) {
            if let Some((lint, message)) = missed(&table, worker, pattern) {
                let index = index.to_string();
                let path = ["given", "deployments", worker, key, &index].map(str::to_owned);
                found.push((lint, path.to_vec(), message));
            }
        }
    }
    found
}

/// What keeps the worker from the shortest URL that the pattern means.
fn missed(table: &RouteTable, worker: &str, pattern: &str) -> Option<(Lint, String)> {
    let wire = international::pattern(pattern).unwrap_or_else(|_| pattern.to_owned());
    let (scheme, rest) = match wire.split_once("://") {
        Some(("http", rest)) => (Scheme::Http, rest),
        Some((_, rest)) => (Scheme::Https, rest),
        None => (Scheme::Https, wire.as_str()),
    };
    let shortest = rest.replace("*.", "www.").replace('*', "");
    let (host, path) = match shortest.find('/') {
        Some(slash) => shortest.split_at(slash),
        None => (shortest.as_str(), "/"),
    };
    let route = table.choose(Target {
        scheme,
        host,
        path_and_query: path,
    });
    match route {
        None => Some((
            UNROUTED,
            format!("no route runs `{worker}` for `{pattern}`"),
        )),
        Some(route) => match &route.worker {
            Some(runs) if runs == worker => None,
            // Two that claim one pattern are another warning.
            Some(_) if route.pattern.as_str() == pattern => None,
            Some(other) => {
                let message = format!(
                    "for `{pattern}` the route `{}` runs `{other}`",
                    route.pattern
                );
                Some((SHADOWED, message))
            }
            None => {
                let message = format!(
                    "for `{pattern}` the route `{}` runs no worker",
                    route.pattern
                );
                Some((SHADOWED, message))
            }
        },
    }
}
