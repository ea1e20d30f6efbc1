//! What a description has around a call: pages, other routes, other hosts.

use edgeproof_deployment::{Connector, Keys};
use edgeproof_rig::{Description, Host};

use super::{call::Call, expand::Surroundings};

/// What is around the call.
pub fn around(description: &Description, call: &Call) -> Surroundings {
    Surroundings {
        routes: routes(description, call),
        hosts: hosts(description, call),
        page: page_path(description, call),
        has_connector: connector(description).is_some(),
        origin_secret: origin_secret(description).map(str::to_owned),
    }
}

/// The header that the origin demands.
pub(super) fn origin_secret(description: &Description) -> Option<&str> {
    let mut deployments = description.deployments.values();
    deployments.find_map(|deployment| deployment.origin_secret.as_deref())
}

/// The connector of the description, where requests go through a filtering node.
pub(super) fn connector(description: &Description) -> Option<&Connector> {
    let mut deployments = description.deployments.values();
    deployments.find_map(|deployment| deployment.wallarm.as_ref())
}

/// The path of a page of the same host that gets the script, where a cache may have it.
fn page_path(description: &Description, call: &Call) -> Option<String> {
    let mut deployments = description.deployments.values();
    // Of a worker of somebody else's nobody here knows whether it brings a cache.
    let may_be_cached = deployments.any(|deployment| {
        let has_pages = !deployment.identification_pages.is_empty();
        has_pages && (deployment.cache || deployment.worker.is_some())
    });
    let page = page(description, call);
    let path = page.strip_prefix(&format!("https://{}", call.host))?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = match path {
        "" => "/",
        path => path,
    };
    may_be_cached.then(|| path.to_owned())
}

/// A page that may make the call.
pub fn page(description: &Description, call: &Call) -> String {
    let deployments = description.deployments.values();
    let pages = deployments.flat_map(|deployment| &deployment.identification_pages);
    let pages = pages.map(|page| page.split_once("://").map_or(&**page, |(_, rest)| rest));
    let of_host = |page: &&str| page.split('/').next() == Some(&call.host);
    let page = pages.into_iter().find(of_host).unwrap_or(&call.host);
    format!("https://{}", page.trim_end_matches('*'))
}

/// Folders that routes of the host lead to, and in which the call is not.
fn routes(description: &Description, call: &Call) -> Vec<String> {
    let keys = Keys {
        public: "",
        secret: "",
    };
    let of_zones = description.zones.values().flat_map(|zone| &zone.routes);
    let mut patterns: Vec<String> = of_zones
        .map(|route| route.pattern.as_str().to_owned())
        .collect();
    for (name, deployment) in &description.deployments {
        patterns.extend(edgeproof_deployment::expand(name, deployment, keys, None).routes);
    }
    let folder = |pattern: &str| {
        let pattern = pattern.split_once("://").map_or(pattern, |(_, rest)| rest);
        let (host, path) = pattern.split_at(pattern.find('/')?);
        let is_on_host = match host.strip_prefix('*') {
            Some(end) => call.host.ends_with(end),
            None => call.host.eq_ignore_ascii_case(host),
        };
        let folder = &path[..=path.rfind('/')?];
        let is_elsewhere = folder != "/" && !call.path.starts_with(folder);
        (is_on_host && is_elsewhere).then(|| folder.to_owned())
    };
    let mut folders: Vec<String> = patterns
        .iter()
        .filter_map(|pattern| folder(pattern))
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

/// Other hosts that lead to what the host of the call leads to.
fn hosts(description: &Description, call: &Call) -> Vec<String> {
    let all = || description.zones.values().flat_map(|zone| &zone.hosts);
    let behind = |host: &Host| (host.site.clone(), host.app.clone());
    let Some((_, own)) = all().find(|(name, _)| **name == call.host) else {
        return Vec::new();
    };
    all()
        .filter(|(name, host)| **name != call.host && behind(host) == behind(own))
        .map(|(name, _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIPTION: &str = "
zones:
  shop.example:
    hosts:
      shop.example: { site: signup }
      www.shop.example: { site: signup }
      direct.shop.example: { site: signup, proxied: false }
      other.shop.example: { site: checkout }
    routes: [{ pattern: 'shop.example/static/*' }, { pattern: 'other.shop.example/x/*' }]
deployments:
  flow:
    identification_pages: [shop.example/signup*]
    protected_apis: [POST shop.example/api/create-account*]
";

    fn call() -> Call {
        Call {
            method: http::Method::POST,
            host: "shop.example".to_owned(),
            path: "/api/create-account".to_owned(),
        }
    }

    #[test]
    fn what_is_around_a_call_is_what_leads_elsewhere_or_to_the_same_origin() {
        let description: Description = serde_saphyr::from_str(DESCRIPTION).unwrap();
        let around = around(&description, &call());
        assert_eq!(around.routes, ["/fp/", "/static/"]);
        assert_eq!(around.hosts, ["direct.shop.example", "www.shop.example"]);
        assert!(around.page.is_none() && !around.has_connector && around.origin_secret.is_none());
        assert_eq!(page(&description, &call()), "https://shop.example/signup");
    }

    #[test]
    fn a_page_is_looked_at_where_a_cache_may_have_it_and_a_node_where_there_is_one() {
        let more = "\n    cache: true\n    wallarm: {}\n    origin_secret: x-secret\n";
        let description: Description =
            serde_saphyr::from_str(&format!("{}{more}", DESCRIPTION.trim_end())).unwrap();
        let around = around(&description, &call());
        assert_eq!(around.page.as_deref(), Some("/signup"));
        assert!(around.has_connector);
        assert_eq!(around.origin_secret.as_deref(), Some("x-secret"));
    }

    #[test]
    fn a_host_without_pages_has_its_root() {
        assert_eq!(
            page(&Description::default(), &call()),
            "https://shop.example"
        );
    }
}
