//! A Flow worker as the account has it, whoever deployed it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use edgeproof_deployment::derived_routes;
use serde::Serialize;
use serde_json::Value as Json;

use super::current::CurrentScript;
use crate::client::WorkerRoute;

/// The variables that only a Flow worker has.
const OF_FLOW: [&str; 3] = [
    "IDENTIFICATION_PAGE_URLS",
    "PROTECTED_APIS",
    "FP_PUBLIC_KEY",
];

/// A Flow worker of the account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeployedFlow {
    /// The worker.
    pub worker: String,
    /// Whether it was deployed with edgeproof.
    pub made_here: bool,
    /// The patterns of its pages.
    pub identification_pages: Vec<String>,
    /// Its APIs: method and pattern.
    pub protected_apis: Vec<String>,
    /// `open` or `closed`; nothing where its fallback is neither.
    pub failure_mode: Option<&'static str>,
    /// The ruleset that decides; without one it monitors.
    pub ruleset: Option<String>,
    /// The region of its workspace.
    pub region: Option<String>,
    /// The hash of its modules, where it was deployed with edgeproof.
    pub version: Option<String>,
    /// When it was uploaded last.
    pub modified_on: Option<String>,
    /// What was changed by hand since it was deployed.
    pub drift: Vec<String>,
    /// The patterns that run it, in all zones that the token sees.
    pub routes: Vec<String>,
}

impl DeployedFlow {
    /// Reads a worker; nothing where it is none of Flow.
    pub(super) fn of(
        worker: &str,
        modified_on: Option<String>,
        script: &CurrentScript,
        routes: &[WorkerRoute],
    ) -> Option<Self> {
        let variables = &script.variables();
        let made_here = script.is_made_here();
        let is_flow = OF_FLOW.iter().any(|name| variables.contains_key(*name));
        if !is_flow && !made_here {
            return None;
        }
        let own = routes
            .iter()
            .filter(|route| route.script.as_deref() == Some(worker));
        let routes: Vec<String> = own.map(|route| route.pattern.clone()).collect();
        let mut drift = script.by_hand();
        if made_here {
            drift.extend(of_routes(&expected_routes(variables), &routes));
        }
        Some(Self {
            worker: worker.to_owned(),
            made_here,
            identification_pages: texts(variables, "IDENTIFICATION_PAGE_URLS", |page| {
                page.as_str().map(str::to_owned)
            }),
            protected_apis: texts(variables, "PROTECTED_APIS", |api| {
                Some(format!(
                    "{} {}",
                    api["method"].as_str()?,
                    api["url"].as_str()?
                ))
            }),
            failure_mode: failure_mode(variables),
            ruleset: variables.get("FP_RULESET_ID").cloned(),
            region: variables.get("FP_REGION").cloned(),
            version: script.mark.as_ref().map(|mark| mark.bundle.clone()),
            modified_on,
            drift,
            routes,
        })
    }
}

/// The items of a variable with a JSON list. What is no list has none: nobody promised that the variable is right.
fn texts(
    variables: &BTreeMap<String, String>,
    name: &str,
    text: impl Fn(&Json) -> Option<String>,
) -> Vec<String> {
    let list: Vec<Json> = variables
        .get(name)
        .and_then(|value| serde_json::from_str(value).ok())
        .unwrap_or_default();
    list.iter().filter_map(text).collect()
}

/// The routes of a worker with these variables.
fn expected_routes(variables: &BTreeMap<String, String>) -> BTreeSet<String> {
    let text = |value: &Json| value.as_str().map(str::to_owned);
    derived_routes(
        texts(variables, "IDENTIFICATION_PAGE_URLS", text).iter(),
        texts(variables, "PROTECTED_APIS", |api| text(&api["url"])).iter(),
        texts(variables, "WALLARM_ROUTES", text).iter(),
        variables.get("WORKER_ROUTE_PREFIX"),
    )
}

/// The routes that are gone, and those that were added.
fn of_routes(expected: &BTreeSet<String>, routes: &[String]) -> Vec<String> {
    let gone = expected.iter().filter(|pattern| !routes.contains(pattern));
    let gone = gone.map(|pattern| format!("the route {pattern} was removed by hand"));
    let added = routes.iter().filter(|pattern| !expected.contains(*pattern));
    let added = added.map(|pattern| format!("the route {pattern} was added by hand"));
    gone.chain(added).collect()
}

fn failure_mode(variables: &BTreeMap<String, String>) -> Option<&'static str> {
    // Without a fallback the worker blocks.
    let Some(action) = variables.get("FP_FAILURE_FALLBACK_ACTION") else {
        return Some("closed");
    };
    let action: Json = serde_json::from_str(action).ok()?;
    match action["type"].as_str()? {
        "allow" => Some("open"),
        "block" => Some("closed"),
        _ => None,
    }
}

impl fmt::Display for DeployedFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  ", self.worker)?;
        match &self.ruleset {
            Some(ruleset) => write!(f, "protects by {ruleset}")?,
            None => write!(f, "monitors, without a ruleset")?,
        }
        let mode = self.failure_mode.unwrap_or("of its own");
        writeln!(f, ", failure mode {mode}")?;
        for page in &self.identification_pages {
            writeln!(f, "  page   {page}")?;
        }
        for api in &self.protected_apis {
            writeln!(f, "  API    {api}")?;
        }
        for route in &self.routes {
            writeln!(f, "  route  {route}")?;
        }
        match (&self.version, self.made_here) {
            (Some(version), _) => writeln!(f, "  bundle {version}")?,
            (None, true) => writeln!(f, "  bundle unknown")?,
            (None, false) => writeln!(f, "  not deployed with edgeproof")?,
        }
        for drift in &self.drift {
            writeln!(f, "  ! {drift}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::client::{Binding, Version};

    fn deployed(variables: &[(&str, &str)], tags: &[&str]) -> Option<DeployedFlow> {
        let bindings = variables
            .iter()
            .map(|(name, text)| Binding {
                name: (*name).to_owned(),
                kind: "plain_text".to_owned(),
                text: Some((*text).to_owned()),
                json: None,
            })
            .collect();
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let script = CurrentScript {
            version: Version {
                bindings,
                ..Version::default()
            },
            runs: true,
            tags,
            ..CurrentScript::default()
        };
        DeployedFlow::of("w", None, &script, &[])
    }

    #[rstest]
    #[case(&[], &[], false)]
    #[case(&[("OTHER", "1")], &["other"], false)]
    #[case(&[("PROTECTED_APIS", "[]")], &[], true)]
    #[case(&[], &["edgeproof"], true)]
    fn a_flow_worker_is_known_by_its_variables_or_its_tags(
        #[case] variables: &[(&str, &str)],
        #[case] tags: &[&str],
        #[case] is_flow: bool,
    ) {
        assert_eq!(deployed(variables, tags).is_some(), is_flow);
    }

    #[test]
    fn hostile_variables_are_read_as_far_as_they_go() {
        let found = deployed(
            &[
                ("IDENTIFICATION_PAGE_URLS", r#"["a.example/p", 5]"#),
                (
                    "PROTECTED_APIS",
                    r#"[{"method":"POST","url":"a.example/x"}, {"url":1}]"#,
                ),
                ("FP_FAILURE_FALLBACK_ACTION", "nonsense"),
                ("FP_RULESET_ID", "rs_1"),
            ],
            &[],
        );
        assert_eq!(
            found.unwrap().to_string(),
            "w  protects by rs_1, failure mode of its own\n  page   a.example/p\n  API    POST a.example/x\n  \
             not deployed with edgeproof\n"
        );
    }
}
