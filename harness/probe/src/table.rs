//! The table of shapes: `shapes.yaml`, one row a rule.

use std::sync::LazyLock;

use indexmap::IndexMap;
use serde::Deserialize;

use super::{
    place::Place,
    reading::Reading,
    request::{Scheme, Version},
};

/// A family of shapes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Its name.
    #[serde(rename = "family")]
    pub name: String,
    /// What its shapes have in common.
    pub says: String,
    /// Its rules.
    pub rows: Vec<Row>,
}

/// A rule that makes shapes of any call. The texts are templates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Its name within the family.
    pub id: String,
    /// What it does, in plain words.
    pub says: String,
    /// Where in the path it stands.
    pub at: Option<Place>,
    /// The values of `{each}`.
    pub each: Option<Values>,
    /// The protected methods it is about; all where it is absent.
    #[serde(default, rename = "for")]
    pub methods: Vec<String>,
    /// What it wants to be there; without it the row makes no shapes.
    pub needs: Option<Needs>,
    /// What it gets past.
    #[serde(default)]
    pub past: Past,
    /// What somebody else sends before, to the same URL.
    pub before: Option<BeforeRow>,
    /// How an origin reads its paths as the plain one.
    #[serde(default)]
    pub reads: Vec<Reading>,
    /// The method.
    pub method: Option<String>,
    /// The scheme.
    #[serde(default)]
    pub scheme: Scheme,
    /// The `Host` header.
    pub host: Option<String>,
    /// The path, with a query.
    pub path: Option<String>,
    /// The target of the request line in place of the path.
    pub target: Option<String>,
    /// Headers; without a value, one that the plain call has is left out.
    #[serde(default)]
    pub headers: IndexMap<String, Option<String>>,
    /// The content, in the framing that the headers say.
    pub body: Option<String>,
    /// The version of HTTP.
    #[serde(default)]
    pub version: Version,
    /// Whether it goes to the origin's own address, past the edge.
    #[serde(default)]
    pub straight: bool,
    /// Signals that are made for it.
    pub signals: Option<String>,
}

/// What there is in some deployments only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// A connector: requests go through a filtering node.
    Connector,
    /// A page of the same host that gets the script.
    Page,
    /// A header that the origin demands.
    OriginSecret,
}

/// What a shape gets past, where it is a hole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Past {
    /// The origin runs the call of a visitor whom nobody identified.
    #[default]
    Identification,
    /// The origin gets what the filtering node did not see whole, or had blocked.
    Inspection,
    /// A visitor gets a page without the script from a cache.
    Instrumentation,
}

/// What is sent before a shape: GET for its target, by somebody else. The texts are templates.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeforeRow {
    /// The host; that of the call where it is absent.
    pub host: Option<String>,
    /// The method; GET where it is absent.
    pub method: Option<String>,
    /// Further headers.
    #[serde(default)]
    pub headers: IndexMap<String, String>,
    /// Signals that are made for it.
    pub signals: Option<String>,
}

/// The values that a row stands for.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Values {
    /// What differs from one deployment to another.
    Around(Around),
    /// These.
    Written(Vec<String>),
}

/// Values that come from around the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Around {
    /// Folders that other routes of the host lead to, with a slash at the end.
    Routes,
    /// Other hosts of the zones that lead to the same origin.
    Hosts,
}

static TABLE: LazyLock<Result<Vec<Family>, String>> = LazyLock::new(|| {
    serde_saphyr::from_str(include_str!("../shapes.yaml")).map_err(|error| error.to_string())
});

/// All families. The table is a part of this program, and a test reads it: it is empty only in a build that no test saw.
pub fn families() -> &'static [Family] {
    TABLE.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_table_can_be_read() {
        assert_eq!(TABLE.as_ref().map(|families| families.len() > 15), Ok(true));
    }

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let mut known = BTreeSet::new();
        for family in families() {
            for row in &family.rows {
                assert!(
                    known.insert((&family.name, &row.id)),
                    "{} {}",
                    family.name,
                    row.id
                );
            }
        }
    }
}
