//! How much of a host the worker sees, and what becomes of calls that it does not see.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Deployment, FailureMode};

/// How much of the hosts of its protected APIs the worker sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Coverage {
    /// The pages and the APIs, as their patterns are written.
    Urls,
    /// Every URL of each host, so that no spelling of a protected URL passes the worker by.
    Host,
}

/// The variable that switches the guard of near misses off.
const GUARD: &str = "FP_GUARD";

impl Deployment {
    /// Whether the worker of this repository takes near misses of protected calls for protected.
    pub fn is_guarded(&self) -> bool {
        let is_off = |value: &String| value.trim().eq_ignore_ascii_case("off");
        self.worker.is_none()
            && self.failure_mode == FailureMode::Closed
            && self.ruleset.is_some()
            && !self.variables.get(GUARD).is_some_and(is_off)
    }

    /// The hosts of protected APIs on which a near miss reaches the origin without meeting the worker: the deployment is to be
    /// closed, none of its routes covers the host, and nothing says that this is meant or that the origin closes the rest.
    pub fn uncovered_hosts(&self) -> BTreeSet<&str> {
        let routes = self.routes.iter().flatten().chain(self.connector_routes());
        let covered: BTreeSet<&str> = routes
            .filter_map(|route| without_scheme(route).strip_suffix("/*"))
            .collect();
        let is_open = self.failure_mode == FailureMode::Open || self.ruleset.is_none();
        if is_open || self.coverage.is_some() || self.origin_secret.is_some() {
            return BTreeSet::new();
        }
        let hosts = self.protected_apis.iter().map(|api| {
            let rest = without_scheme(&api.url);
            rest.split_once('/').unwrap_or((rest, ""))
        });
        hosts
            .filter(|(host, path)| *path != "*" && !covered.contains(host))
            .map(|(host, _)| host)
            .collect()
    }

    fn connector_routes(&self) -> impl Iterator<Item = &String> {
        let derived = self.wallarm.iter().filter(|_| self.routes.is_none());
        derived.flat_map(|wallarm| &wallarm.routes)
    }
}

fn without_scheme(pattern: &str) -> &str {
    pattern.split_once("://").map_or(pattern, |(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn deployment(more: &Value) -> Deployment {
        let mut whole = json!({
            "identification_pages": ["shop.example/signup"],
            "protected_apis": ["POST https://api.shop.example/login*", "PUT shop.example/account"],
            "failure_mode": "closed",
            "ruleset": "anybody",
        });
        let more = more.as_object().cloned().unwrap_or_default();
        whole.as_object_mut().unwrap().extend(more);
        serde_json::from_value(whole).unwrap()
    }

    #[rstest]
    #[case(json!({}), &["api.shop.example", "shop.example"])]
    #[case(json!({"coverage": "host"}), &[])]
    #[case(json!({"coverage": "urls"}), &[])]
    #[case(json!({"origin_secret": "x-from-the-worker"}), &[])]
    #[case(json!({"failure_mode": "open"}), &[])]
    #[case(json!({"ruleset": null}), &[])]
    #[case(json!({"routes": ["api.shop.example/*", "shop.example/account"]}), &["shop.example"])]
    #[case(json!({"protected_apis": ["POST shop.example/*"]}), &[])]
    #[case(json!({"wallarm": {"routes": ["shop.example/*"]}}), &["api.shop.example"])]
    fn hosts_that_no_route_covers_are_known(#[case] more: Value, #[case] expected: &[&str]) {
        let hosts = deployment(&more);
        assert!(
            hosts
                .uncovered_hosts()
                .into_iter()
                .eq(expected.iter().copied())
        );
    }

    #[rstest]
    #[case(json!({}), true)]
    #[case(json!({"variables": {"FP_GUARD": "Off"}}), false)]
    #[case(json!({"failure_mode": "open"}), false)]
    #[case(json!({"ruleset": null}), false)]
    #[case(json!({"worker": "other"}), false)]
    fn the_guard_is_that_of_the_worker_of_this_repository(
        #[case] more: Value,
        #[case] expected: bool,
    ) {
        assert_eq!(deployment(&more).is_guarded(), expected);
    }
}
