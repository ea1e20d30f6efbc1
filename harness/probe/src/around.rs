//! What a description has around a call: pages, other routes, other hosts.

use edgeproof_deployment::Keys;
use edgeproof_rig::{Description, Host};

use super::{call::Call, expand::Surroundings};

/// What is around the call.
pub fn around(description: &Description, call: &Call) -> Surroundings {
    Surroundings {
        routes: routes(description, call),
        hosts: hosts(description, call),
    }
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
        assert_eq!(page(&description, &call()), "https://shop.example/signup");
    }

    #[test]
    fn a_host_without_pages_has_its_root() {
        assert_eq!(
            page(&Description::default(), &call()),
            "https://shop.example"
        );
    }
}
