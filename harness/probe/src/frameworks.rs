//! Which shapes the origins of common frameworks run, as `fixtures/origins/measure` measured it.

use std::{collections::BTreeSet, sync::LazyLock};

use serde::{Deserialize, Serialize};

/// A framework, in the version that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    /// Its name, such as `express-5`.
    pub name: String,
    /// What was measured, with versions.
    pub version: String,
    /// When, as a date.
    pub measured: String,
    /// The rules whose shapes it runs, each with its family: `case/letter`.
    pub runs: BTreeSet<String>,
}

static MEASURED: LazyLock<Vec<Framework>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../measured.json")).unwrap_or_default());

/// Every framework that was measured.
pub fn frameworks() -> &'static [Framework] {
    &MEASURED
}

impl Framework {
    /// Whether it runs the shapes of a rule.
    pub fn runs(&self, family: &str, rule: &str) -> bool {
        self.runs.contains(&format!("{family}/{rule}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Call, Content, Surroundings, expand, families};

    #[test]
    fn what_was_measured_are_rules_of_the_table() {
        assert!(frameworks().len() >= 4, "{}", frameworks().len());
        let call = Call {
            method: http::Method::POST,
            host: "shop.example".to_owned(),
            path: "/api/create-account".to_owned(),
        };
        let around = Surroundings {
            routes: vec!["/fp/".to_owned()],
            hosts: vec!["www.shop.example".to_owned()],
            ..Surroundings::default()
        };
        let shapes = expand(families(), &call, &Content::default(), &around).unwrap();
        let mut known: BTreeSet<String> = shapes
            .iter()
            .map(|shape| format!("{}/{}", shape.id.family, shape.id.rule))
            .collect();
        known.insert("plain/call".to_owned());
        for framework in frameworks() {
            let unknown: Vec<_> = framework.runs.difference(&known).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", framework.name);
            assert!(framework.runs("plain", "call"), "{}", framework.name);
        }
    }
}
