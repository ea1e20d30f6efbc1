//! The rules engine: a ruleset is evaluated against the event of one identification and answers with an action.
//!
//! Assumptions, because nothing is published: rules are tried in their order and the first whose condition holds
//! decides, as in the platform's own request filtering; where none holds, the ruleset's default action decides,
//! and that is `allow` unless the ruleset says otherwise.

mod action;
pub mod expression;
pub mod fields;
mod report;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value as Json;

pub use action::{Action, Header, Headers, Outcome, RuleAction};
pub use expression::{Clause, Explanation, Expression, ExpressionError};
pub use report::{Report, Tried};

/// An ordered list of rules, as a scenario or a file of `fixtures/rulesets` writes it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Ruleset {
    /// What the ruleset is for; shown to people only.
    pub description: Option<String>,
    /// A disabled ruleset evaluates no rule and returns its default action (an assumption).
    pub disabled: bool,
    /// The rules, first match first.
    pub rules: Vec<Rule>,
    /// The action when no rule matches. Default: `allow` without changes.
    pub default: Option<Action>,
}

/// A condition and the action for the calls that match it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "RuleText")]
#[schemars(with = "RuleText")]
pub struct Rule {
    /// The condition.
    pub condition: Expression,
    /// What happens.
    pub action: Action,
    /// A disabled rule is passed over.
    pub disabled: bool,
}

/// A rule as it is written: `if`, and one of `block` and `allow`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct RuleText {
    #[serde(rename = "if")]
    condition: Expression,
    block: Option<action::Block>,
    allow: Option<action::Allow>,
    #[serde(default)]
    disabled: bool,
}

/// Why a rule could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a rule has one action: either `block` or `allow`")]
pub struct NotOneAction;

impl TryFrom<RuleText> for Rule {
    type Error = NotOneAction;

    fn try_from(text: RuleText) -> Result<Self, Self::Error> {
        let action = match (text.block, text.allow) {
            (Some(block), None) => Action::Block(block),
            (None, Some(allow)) => Action::Allow(allow),
            _ => return Err(NotOneAction),
        };
        Ok(Self {
            condition: text.condition,
            action,
            disabled: text.disabled,
        })
    }
}

impl Ruleset {
    /// The rule that decides about this event, with its place in the list; none where the default action decides.
    pub fn decide(&self, event: &Json) -> Option<(usize, &Rule)> {
        if self.disabled {
            return None;
        }
        self.rules
            .iter()
            .enumerate()
            .find(|(_, rule)| !rule.disabled && rule.condition.holds(event))
    }

    /// The action for this event, in the words of the platform's response. `id` is the ruleset's.
    pub fn evaluate(&self, id: &str, event: &Json) -> RuleAction {
        match self.decide(event) {
            Some((index, rule)) => {
                let rule_id = rule_id(id, index);
                RuleAction::new(&rule.action, id, Some((rule_id, rule.condition.text())))
            }
            None => {
                let allow = Action::default();
                RuleAction::new(self.default.as_ref().unwrap_or(&allow), id, None)
            }
        }
    }
}

/// The id of a ruleset of this name: `rs_` and 14 characters, the same in every run. A name that is an id stays one, so
/// that a deployment file means the same ruleset here and at the platform.
pub fn ruleset_id(name: &str) -> String {
    if name.starts_with("rs_") {
        return name.to_owned();
    }
    format!("rs_{}", super::ids::stable("ruleset", name, 14))
}

/// The id of the rule at this place of a ruleset: `r_` and 14 characters, the same in every run.
pub fn rule_id(ruleset_id: &str, index: usize) -> String {
    format!(
        "r_{}",
        super::ids::stable(ruleset_id, &index.to_string(), 14)
    )
}
