//! What a deployment file says beside what is deployed. It only reads.

use std::collections::{BTreeMap, BTreeSet};

use edgeproof_ground::redaction::{REDACTED, is_secret_variable};
use serde_json::Value as Json;

use super::{
    Deployer,
    current::CurrentScript,
    desired::{Desired, PUBLIC_KEY},
    error::DeployError,
    file::DeploymentFile,
};
use crate::client::WorkerRoute;

/// The variable that names the ruleset.
const RULESET: &str = "FP_RULESET_ID";

/// One thing that a file says, and what is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// What it is, such as `route shop.example/signup` or `FP_REGION`.
    pub what: String,
    /// What the file says; nothing where it says nothing.
    pub file: Option<String>,
    /// What is deployed; nothing where there is nothing.
    pub deployed: Option<String>,
    /// Whether that is the same; nothing where it cannot be known.
    pub same: Option<bool>,
}

impl Deployer {
    /// Compares a file with what is deployed under its worker's name. `renamed` says what a text of the file, such as a
    /// pattern, is where it is deployed: a file may be written for other hosts.
    ///
    /// # Errors
    /// What keeps it from being known.
    pub async fn compare(
        &self,
        file: &DeploymentFile,
        renamed: impl Fn(&str) -> String,
    ) -> Result<Vec<Compared>, DeployError> {
        let desired = Desired::of(file, &self.worker_of(file)?)?;
        self.check_token().await?;
        let account = self.account().await?;
        let worker = &desired.worker;
        let Some(script) = CurrentScript::read(&self.cloudflare, &account, worker).await? else {
            return Ok(vec![Compared {
                what: "worker".to_owned(),
                file: Some(worker.clone()),
                deployed: None,
                same: Some(false),
            }]);
        };
        let mut all = vec![version(&desired, &script)];
        let expected = desired.variables.iter();
        let expected = expected.map(|(name, value)| (name.clone(), renamed(value)));
        all.extend(variables(&expected.collect(), &script.variables()));
        let routes: BTreeSet<String> = desired.routes.iter().map(|route| renamed(route)).collect();
        all.extend(of_routes(
            worker,
            &routes,
            &self.all_routes(&account).await?,
        ));
        Ok(all)
    }
}

fn version(desired: &Desired, script: &CurrentScript) -> Compared {
    let deployed = script.mark.as_ref().map(|mark| mark.bundle.clone());
    Compared {
        what: "version of the worker".to_owned(),
        file: Some(desired.bundle.clone()),
        same: deployed.as_ref().map(|bundle| *bundle == desired.bundle),
        deployed: Some(deployed.unwrap_or_else(|| "not deployed with edgeproof".to_owned())),
    }
}

fn variables(
    expected: &BTreeMap<String, String>,
    deployed: &BTreeMap<String, String>,
) -> Vec<Compared> {
    let names: BTreeSet<&String> = expected.keys().chain(deployed.keys()).collect();
    // Keys are made at Fingerprint; no file has them.
    let names = names.into_iter().filter(|name| *name != PUBLIC_KEY);
    names
        .map(|name| {
            let (file, there) = (expected.get(name), deployed.get(name));
            let shown = |value: &String| match is_secret_variable(name) {
                true => REDACTED.to_owned(),
                false => value.clone(),
            };
            Compared {
                what: match name.as_str() {
                    RULESET => format!("ruleset ({RULESET})"),
                    name => name.to_owned(),
                },
                file: file.map(shown),
                deployed: there.map(shown),
                same: Some(is_same(file, there)),
            }
        })
        .collect()
}

/// Two texts of JSON may be spaced in two ways.
fn is_same(one: Option<&String>, other: Option<&String>) -> bool {
    let json = |text: Option<&String>| serde_json::from_str::<Json>(text?).ok();
    one == other || json(one).is_some_and(|value| json(other) == Some(value))
}

fn of_routes(worker: &str, expected: &BTreeSet<String>, all: &[WorkerRoute]) -> Vec<Compared> {
    let leads = |route: &WorkerRoute| route.script.clone().unwrap_or("no worker".to_owned());
    let wanted = expected.iter().map(|pattern| {
        let found = all.iter().find(|route| route.pattern == *pattern);
        let deployed = found.map(leads);
        Compared {
            what: format!("route {pattern}"),
            file: Some(worker.to_owned()),
            same: Some(deployed.as_deref() == Some(worker)),
            deployed,
        }
    });
    let others = all.iter().filter(|route| {
        route.script.as_deref() == Some(worker) && !expected.contains(&route.pattern)
    });
    let others = others.map(|route| Compared {
        what: format!("route {}", route.pattern),
        file: None,
        deployed: Some(leads(route)),
        same: Some(false),
    });
    wanted.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(pattern: &str, script: Option<&str>) -> WorkerRoute {
        WorkerRoute {
            id: pattern.to_owned(),
            pattern: pattern.to_owned(),
            script: script.map(str::to_owned),
            request_limit_fail_open: None,
        }
    }

    #[test]
    fn a_route_that_is_gone_or_leads_elsewhere_and_one_that_was_added_are_told() {
        let expected = ["a/*", "b/*", "c/*"].map(str::to_owned).into();
        let all = [
            route("a/*", Some("flow")),
            route("b/*", Some("other")),
            route("d/*", Some("flow")),
            route("e/*", Some("other")),
        ];
        let told: Vec<_> = of_routes("flow", &expected, &all)
            .into_iter()
            .map(|row| (row.what, row.deployed.unwrap_or_default(), row.same))
            .collect();
        let row = |what: &str, deployed: &str, same| {
            (format!("route {what}"), deployed.to_owned(), Some(same))
        };
        assert_eq!(
            told,
            [
                row("a/*", "flow", true),
                row("b/*", "other", false),
                row("c/*", "", false),
                row("d/*", "flow", false),
            ]
        );
    }

    #[test]
    fn variables_are_compared_as_what_they_mean_and_no_secret_is_shown() {
        let map = |pairs: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            pairs.iter().map(owned).collect::<BTreeMap<_, _>>()
        };
        let expected = map(&[("A", "[1, 2]"), ("FP_RULESET_ID", "rs_1"), ("A_TOKEN", "x")]);
        let deployed = map(&[
            ("A", "[1,2]"),
            ("FP_PUBLIC_KEY", "pk"),
            ("FP_RULESET_ID", "rs_2"),
            ("A_TOKEN", "y"),
            ("B", "1"),
        ]);
        let told: Vec<_> = variables(&expected, &deployed)
            .into_iter()
            .map(|row| (row.what, row.deployed.unwrap_or_default(), row.same))
            .collect();
        let row = |what: &str, deployed: &str, same| (what.to_owned(), deployed.to_owned(), same);
        assert_eq!(
            told,
            [
                row("A", "[1,2]", Some(true)),
                row("A_TOKEN", REDACTED, Some(false)),
                row("B", "1", Some(false)),
                row("ruleset (FP_RULESET_ID)", "rs_2", Some(false)),
            ]
        );
    }
}
