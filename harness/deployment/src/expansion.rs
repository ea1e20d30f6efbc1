//! Expands a deployment into what Cloudflare stores: variables and routes.
//!
//! The variables are the public ones of the Flow worker, so that the vendor's worker and this repository's can
//! be deployed with the same description.

use std::collections::{BTreeMap, BTreeSet};

use edgeproof_ground::pattern::Pattern;
use serde_json::json;

use super::{Coverage, Deployment, FailureMode, connector_variables};

/// Derived variables that the vendor's worker takes as JSON. Given as texts it answers 500 to every URL (tried).
const JSON: [&str; 3] = [
    "FP_FAILURE_FALLBACK_ACTION",
    "IDENTIFICATION_PAGE_URLS",
    "PROTECTED_APIS",
];

/// Derived variables that are secrets.
const SECRETS: [&str; 1] = ["FP_SECRET_KEY"];

/// The first path segment of the worker's own URLs: scripts and browser cache.
pub const ROUTE_PREFIX: &str = "fp";

/// What is stored for a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// Variables and secrets of the worker, those that are JSON as its text.
    pub variables: BTreeMap<String, String>,
    /// Which of the variables are JSON: the form that the vendor's example configuration gives them.
    pub json: BTreeSet<String>,
    /// Which of the variables are secrets.
    pub secrets: BTreeSet<String>,
    /// Route patterns that run it.
    pub routes: Vec<String>,
}

/// The keys of the deployment's environment at the platform.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// The key pages show.
    pub public: &'a str,
    /// The key only the worker knows.
    pub secret: &'a str,
}

/// Expands the deployment of a worker. `ruleset` is the platform's id of the ruleset it names.
pub fn expand(
    worker: &str,
    deployment: &Deployment,
    keys: Keys<'_>,
    ruleset: Option<&str>,
) -> Expansion {
    let apis: Vec<_> = deployment
        .protected_apis
        .iter()
        .map(|api| json!({"method": api.method.as_str(), "url": api.url}))
        .collect();
    let fallback = match deployment.failure_mode {
        FailureMode::Open => json!({"type": "allow"}),
        FailureMode::Closed => json!({"type": "block", "status_code": 403}),
    };
    let derived = [
        ("FP_PUBLIC_KEY", keys.public.to_owned()),
        ("FP_SECRET_KEY", keys.secret.to_owned()),
        ("FP_REGION", "us".to_owned()),
        ("FP_RULESET_ID", ruleset.unwrap_or_default().to_owned()),
        ("FP_FAILURE_FALLBACK_ACTION", fallback.to_string()),
        (
            "IDENTIFICATION_PAGE_URLS",
            json!(deployment.identification_pages).to_string(),
        ),
        ("PROTECTED_APIS", json!(apis).to_string()),
        ("WORKER_ROUTE_PREFIX", ROUTE_PREFIX.to_owned()),
    ];
    let mut variables: BTreeMap<String, String> = derived
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    variables.extend(connector_variables::variables(worker, deployment));
    let mut json: BTreeSet<String> = JSON.map(str::to_owned).into();
    let mut secrets: BTreeSet<String> = SECRETS.map(str::to_owned).into();
    for (name, text) in &deployment.variables {
        json.remove(name);
        variables.insert(name.clone(), text.clone());
    }
    for (name, value) in &deployment.json_variables {
        json.insert(name.clone());
        secrets.remove(name);
        variables.insert(name.clone(), value.to_string());
    }
    for (name, text) in &deployment.secrets {
        json.remove(name);
        secrets.insert(name.clone());
        variables.insert(name.clone(), text.clone());
    }
    variables.retain(|_, value| !value.is_empty());
    json.retain(|name| variables.contains_key(name));
    secrets.retain(|name| variables.contains_key(name));
    let routes = deployment.routes.clone().unwrap_or_else(|| {
        let connector = deployment.wallarm.iter();
        let mut routes = derived_routes(
            deployment.identification_pages.iter(),
            deployment.protected_apis.iter().map(|api| &api.url),
            connector.flat_map(|wallarm| &wallarm.routes),
            variables.get("WORKER_ROUTE_PREFIX"),
        );
        if deployment.coverage == Some(Coverage::Host) {
            let apis = deployment.protected_apis.iter();
            routes.extend(apis.map(|api| format!("{}/*", host(without_scheme(&api.url)))));
        }
        routes.into_iter().collect()
    });
    let routes = routes.into_iter().map(on_the_wire).collect();
    Expansion {
        variables,
        json,
        secrets,
        routes,
    }
}

/// A route that is not ASCII as URLs travel: what Cloudflare makes of others is not documented.
fn on_the_wire(route: String) -> String {
    match route.is_ascii() && !route.contains(' ') {
        true => route,
        false => route
            .parse()
            .map_or(route, |pattern: Pattern| pattern.on_the_wire()),
    }
}

/// The pages, the APIs, the traffic for the filtering node, and on every host of a page the worker's own paths.
pub fn derived_routes<'a>(
    pages: impl Iterator<Item = &'a String> + Clone,
    apis: impl Iterator<Item = &'a String>,
    connector: impl Iterator<Item = &'a String>,
    prefix: Option<&String>,
) -> BTreeSet<String> {
    let mut routes: BTreeSet<String> = pages
        .clone()
        .chain(apis)
        .chain(connector)
        .cloned()
        .collect();
    if let Some(prefix) = prefix {
        routes.extend(pages.map(|page| format!("{}/{prefix}/*", host(page))));
    }
    routes
}

/// A pattern for both schemes: a near miss comes by either.
fn without_scheme(pattern: &str) -> &str {
    pattern.split_once("://").map_or(pattern, |(_, rest)| rest)
}

/// The host of a pattern, with its scheme where it names one.
fn host(pattern: &str) -> &str {
    let start = pattern.find("://").map_or(0, |colon| colon + 3);
    let end = pattern[start..]
        .find('/')
        .map_or(pattern.len(), |slash| start + slash);
    &pattern[..end]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn deployment() -> Deployment {
        Deployment {
            identification_pages: vec!["shop.example/signup".to_owned()],
            protected_apis: vec!["POST api.shop.example/create*".parse().unwrap()],
            failure_mode: FailureMode::Closed,
            ..Deployment::default()
        }
    }

    const KEYS: Keys<'static> = Keys {
        public: "pk",
        secret: "sk",
    };

    #[test]
    fn routes_cover_the_pages_the_apis_and_the_workers_own_paths() {
        assert_eq!(
            expand("flow", &deployment(), KEYS, None).routes,
            [
                "api.shop.example/create*",
                "shop.example/fp/*",
                "shop.example/signup"
            ]
        );
    }

    #[test]
    fn routes_cover_the_hosts_of_the_apis_where_that_is_wanted() {
        let deployment = Deployment {
            coverage: Some(Coverage::Host),
            protected_apis: vec!["POST https://api.shop.example/create*".parse().unwrap()],
            ..deployment()
        };
        assert_eq!(
            expand("flow", &deployment, KEYS, None).routes,
            [
                "api.shop.example/*",
                "https://api.shop.example/create*",
                "shop.example/fp/*",
                "shop.example/signup"
            ]
        );
    }

    #[test]
    fn routes_are_as_urls_travel_and_variables_as_they_were_written() {
        let deployment = Deployment {
            identification_pages: vec!["smörgås.example/å".to_owned()],
            ..Deployment::default()
        };
        let expansion = expand("flow", &deployment, KEYS, None);
        assert_eq!(
            expansion.routes,
            [
                "xn--smrgs-pra0j.example/fp/*",
                "xn--smrgs-pra0j.example/%C3%A5"
            ]
        );
        let pages = &expansion.variables["IDENTIFICATION_PAGE_URLS"];
        assert_eq!(pages, r#"["smörgås.example/å"]"#);
    }

    #[test]
    fn without_a_ruleset_the_worker_monitors() {
        let variables = expand("flow", &deployment(), KEYS, None).variables;
        assert!(!variables.contains_key("FP_RULESET_ID"));
        let variables = expand("flow", &deployment(), KEYS, Some("rs_1")).variables;
        assert_eq!(variables["FP_RULESET_ID"], "rs_1");
    }

    #[test]
    fn variables_of_the_file_win_and_empty_ones_remove() {
        let mut deployment = deployment();
        deployment.variables = BTreeMap::from([
            ("FP_REGION".to_owned(), "eu".to_owned()),
            ("FP_SECRET_KEY".to_owned(), String::new()),
        ]);
        let variables = expand("flow", &deployment, KEYS, None).variables;
        assert_eq!(variables["FP_REGION"], "eu");
        assert!(!variables.contains_key("FP_SECRET_KEY"));
    }

    #[test]
    fn variables_have_the_form_that_they_are_given_in() {
        let mut deployment = deployment();
        deployment.variables = BTreeMap::from([("PROTECTED_APIS".to_owned(), "[]".to_owned())]);
        deployment.json_variables = BTreeMap::from([("LIMITS".to_owned(), json!({"day": 5}))]);
        deployment.secrets = BTreeMap::from([("TOKEN".to_owned(), "t".to_owned())]);
        let expansion = expand("flow", &deployment, KEYS, None);
        assert!(expansion.json.iter().eq([
            "FP_FAILURE_FALLBACK_ACTION",
            "IDENTIFICATION_PAGE_URLS",
            "LIMITS"
        ]));
        assert!(expansion.secrets.iter().eq(["FP_SECRET_KEY", "TOKEN"]));
        assert_eq!(expansion.variables["LIMITS"], r#"{"day":5}"#);
    }

    #[rstest]
    #[case("shop.example/signup", "shop.example")]
    #[case("https://shop.example/a/b", "https://shop.example")]
    #[case("*.shop.example/*", "*.shop.example")]
    #[case("shop.example", "shop.example")]
    fn the_host_of_a_pattern(#[case] pattern: &str, #[case] expected: &str) {
        assert_eq!(host(pattern), expected);
    }
}
