//! Request filtering: which identifications the workspace refuses.
//!
//! Ordered rules, the first that matches decides, and none allows, as published for the platform's request
//! filtering. Its rules are expr-lang over the request; what is emulated is the conditions themselves, stated as data.

use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use url::Url;

use super::{send::Connection, signals::Signals};

/// One rule of the filter.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FilterRule {
    /// Identifications that are let through.
    Allow(Condition),
    /// Identifications that are refused.
    Deny(Condition),
}

/// The conditions of a rule: all that are given must match. Of a list, one entry must be. Nothing stated is every
/// identification.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Condition {
    /// The page's origin, such as `https://shop.example`.
    pub origin: Option<Vec<String>>,
    /// The visitor's address lies in a range.
    #[schemars(with = "Option<Vec<String>>")]
    pub ip: Option<Vec<IpNet>>,
    /// The user agent contains a text.
    pub user_agent: Option<Vec<String>>,
    /// The agent's platform.
    pub sdk_platform: Option<Vec<String>>,
    /// The agent's version.
    pub sdk_version: Option<Vec<String>>,
    /// Request headers, by lower-case name, that have this value.
    pub headers: Option<Map<String, Json>>,
}

/// What the filter sees of an identification.
pub(super) struct Filtered<'a> {
    pub(super) signals: &'a Signals,
    pub(super) connection: &'a Connection,
    pub(super) headers: &'a Map<String, Json>,
}

/// The place of the rule that refuses this identification, if one does.
pub(super) fn denied(rules: &[FilterRule], request: &Filtered<'_>) -> Option<usize> {
    let decides = |rule: &FilterRule| match rule {
        FilterRule::Allow(condition) | FilterRule::Deny(condition) => condition.holds(request),
    };
    let place = rules.iter().position(decides)?;
    matches!(rules.get(place), Some(FilterRule::Deny(_))).then_some(place)
}

impl Condition {
    fn holds(&self, request: &Filtered<'_>) -> bool {
        let Filtered {
            signals,
            connection,
            headers,
        } = request;
        let sdk = &signals.body.sdk;
        one_of(&self.origin, |origin| {
            origin_of(&signals.head.url).is_some_and(|found| found == *origin)
        }) && one_of(&self.ip, |range| range.contains::<&IpAddr>(&connection.ip))
            && one_of(&self.user_agent, |part| {
                connection.user_agent.contains(part.as_str())
            })
            && one_of(&self.sdk_platform, |platform| sdk.platform == *platform)
            && one_of(&self.sdk_version, |version| sdk.version == *version)
            && self.headers.as_ref().is_none_or(|stated| {
                stated
                    .iter()
                    .all(|(name, value)| headers.get(name) == Some(value))
            })
    }
}

fn one_of<T>(stated: &Option<Vec<T>>, holds: impl FnMut(&T) -> bool) -> bool {
    stated
        .as_ref()
        .is_none_or(|stated| stated.iter().any(holds))
}

fn origin_of(url: &str) -> Option<String> {
    Url::parse(url)
        .ok()
        .map(|url| url.origin().ascii_serialization())
}
