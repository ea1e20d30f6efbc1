//! Protected APIs that something else takes calls from, or that calls reach in another way.

use edgeproof_deployment::{Deployment, ROUTE_PREFIX};
use edgeproof_fingerprint::rules::{Action, Ruleset};
use edgeproof_ground::pattern::{Pattern, Scheme, Target};
use edgeproof_rig::Description;

use super::{COVERAGE, Lint, OUTRANKS, PREFIX, SECRET};

/// A warning, with its place below the file's root.
type Warning = (Lint, Vec<String>, String);

/// The warnings of all deployments.
pub(super) fn lint(given: &Description) -> Vec<Warning> {
    let mut found = Vec::new();
    for (name, deployment) in &given.deployments {
        let place = ["given", "deployments", name].map(str::to_owned);
        for (index, api) in deployment.protected_apis.iter().enumerate() {
            let Ok(pattern) = api.url.parse::<Pattern>() else {
                continue;
            };
            let warnings = outranked(deployment, &api.url, &pattern);
            found.extend(warnings.into_iter().map(|(lint, message)| {
                let below = ["protected_apis".to_owned(), index.to_string()];
                (lint, [&place[..], &below[..]].concat(), message)
            }));
        }
        for host in deployment.uncovered_hosts() {
            let below = [place.as_slice(), &["protected_apis".to_owned()]].concat();
            let message = format!("no route of `{name}` covers `{host}/*`");
            found.push((COVERAGE, below, message));
        }
        if let Some(header) = unset_secret(given, deployment) {
            let below = [place.as_slice(), &["origin_secret".to_owned()]].concat();
            let message = format!("not every call that is allowed gets the header `{header}`");
            found.push((SECRET, below, message));
        }
    }
    found
}

/// What is more specific than an API and matches URLs of it.
fn outranked(deployment: &Deployment, url: &str, api: &Pattern) -> Vec<(Lint, String)> {
    let mut found = Vec::new();
    for text in &deployment.identification_pages {
        let Ok(page) = text.parse::<Pattern>() else {
            continue;
        };
        if *text != url && meet(&page, api) && outranks(&page, api) {
            found.push((OUTRANKS, format!("`{text}` is more specific than `{url}`")));
        }
    }
    let variable = deployment.variables.get("WORKER_ROUTE_PREFIX");
    let prefix = variable.map_or(ROUTE_PREFIX, String::as_str);
    let host = if api.host().starts_with('.') || api.host().is_empty() {
        format!("www{}", api.host())
    } else {
        api.host().to_owned()
    };
    if let Ok(own) = format!("{host}/{prefix}/*").parse::<Pattern>()
        && meet(&own, api)
        && outranks(&own, api)
    {
        found.push((
            PREFIX,
            format!("`/{prefix}/*` is more specific than `{url}`"),
        ));
    }
    found
}

/// Whether two patterns match a URL both: the shortest of one of them.
fn meet(one: &Pattern, other: &Pattern) -> bool {
    [one, other].into_iter().any(|pattern| {
        let wire = pattern.on_the_wire().replace("*.", "www.").replace('*', "");
        let rest = wire
            .split_once("://")
            .map_or(wire.as_str(), |(_, rest)| rest);
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let path_and_query = if path.is_empty() { "/" } else { path };
        [Scheme::Http, Scheme::Https].into_iter().any(|scheme| {
            let target = Target {
                scheme,
                host,
                path_and_query,
            };
            one.matches(target) && other.matches(target)
        })
    })
}

fn outranks(one: &Pattern, other: &Pattern) -> bool {
    let rank = |pattern: &Pattern| (pattern.specificity(), pattern.as_str().len());
    rank(one) > rank(other)
}

/// The header that the origin demands, where a call can be allowed without it.
fn unset_secret<'a>(given: &Description, deployment: &'a Deployment) -> Option<&'a str> {
    let header = deployment.origin_secret.as_deref()?;
    let ruleset: &Ruleset = given.rulesets.get(deployment.ruleset.as_ref()?)?;
    let sets = |action: &Action| match action {
        Action::Block(_) => true,
        Action::Allow(allow) => {
            let mut set = allow.set.0.iter();
            set.any(|field| field.name.eq_ignore_ascii_case(header))
        }
    };
    let rules = ruleset.rules.iter().filter(|rule| !rule.disabled);
    let is_set =
        rules.map(|rule| &rule.action).all(sets) && ruleset.default.as_ref().is_some_and(sets);
    (!is_set).then_some(header)
}
