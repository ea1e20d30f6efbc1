//! What a rule does: block with a response of its own, or allow with changed request headers.

use std::fmt;

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};

/// What happens to a call.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// The visitor gets this response and the origin gets no request.
    Block(Block),
    /// The call goes on to the origin, with these changes.
    Allow(Allow),
}

/// The response to a blocked call. It is not validated, as on the platform: the worker has to cope.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// The status. Default: 403. The worker under test takes 200 to 599.
    #[serde(default = "forbidden")]
    pub status: u16,
    /// The response headers.
    #[serde(default)]
    pub headers: Headers,
    /// The response body.
    #[serde(default)]
    pub body: Option<String>,
}

/// Changes of the request headers of an allowed call, made in this order.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Allow {
    /// Names of headers to remove.
    pub remove: Vec<String>,
    /// Headers to set, replacing existing ones.
    pub set: Headers,
    /// Headers to add to the existing ones.
    pub append: Headers,
}

/// Names and values of headers, in their order; a name may occur twice.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
#[schemars(with = "std::collections::BTreeMap<String, String>")]
pub struct Headers(pub Vec<Header>);

/// A header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The decision about one event, as the platform answers it (`rule_action`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleAction {
    /// The ruleset that was evaluated.
    pub ruleset_id: String,
    /// The rule that matched; none where the default action decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<String>,
    /// The condition of the rule that matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_expression: Option<String>,
    /// What happens.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// The action of a decision, discriminated by `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Outcome {
    /// The call goes on.
    Allow {
        /// The changes of its headers; absent where there are none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_header_modifications: Option<Modifications>,
    },
    /// The call is answered.
    Block {
        /// The status of the response.
        status_code: u16,
        /// Its headers.
        headers: Vec<Header>,
        /// Its body.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
}

/// Changes of request headers: remove, then set, then append.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Modifications {
    /// Names to remove.
    pub remove: Vec<String>,
    /// Headers to set.
    pub set: Vec<Header>,
    /// Headers to add.
    pub append: Vec<Header>,
}

impl Default for Action {
    fn default() -> Self {
        Self::Allow(Allow::default())
    }
}

impl RuleAction {
    pub(super) fn new(action: &Action, ruleset_id: &str, rule: Option<(String, &str)>) -> Self {
        let (rule_id, rule_expression) = rule.map(|(id, text)| (id, text.to_owned())).unzip();
        let outcome = match action {
            Action::Block(block) => Outcome::Block {
                status_code: block.status,
                headers: block.headers.0.clone(),
                body: block.body.clone(),
            },
            Action::Allow(allow) => Outcome::Allow {
                request_header_modifications: (*allow != Allow::default()).then(|| Modifications {
                    remove: allow.remove.clone(),
                    set: allow.set.0.clone(),
                    append: allow.append.0.clone(),
                }),
            },
        };
        Self {
            ruleset_id: ruleset_id.to_owned(),
            rule_id,
            rule_expression,
            outcome,
        }
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Headers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of header names to values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut headers = Vec::new();
                while let Some((name, value)) = map.next_entry()? {
                    headers.push(Header { name, value });
                }
                Ok(Headers(headers))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}

fn forbidden() -> u16 {
    403
}
