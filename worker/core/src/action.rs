//! Rule actions: what a ruleset, or the configured fallback, decides about a protected call.

use serde::Deserialize;

use crate::headers::HeaderEdit;

/// What happens to a protected call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on to the origin, its request headers changed in this order.
    Allow(Vec<HeaderEdit>),
    /// It is answered here and the origin never sees it.
    Block(Block),
}

/// The answer of a block action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// 200 to 599.
    pub status: u16,
    /// Header fields of the answer, as the rule wrote them.
    pub headers: Vec<(String, String)>,
    /// The body; absent is not the same as empty, which names a content type.
    pub body: Option<String>,
}

/// The action of a ruleset, with what decided it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawAction")]
pub struct RuleAction {
    /// The ruleset that was evaluated.
    pub ruleset: String,
    /// The rule that matched; none when the ruleset's default decided.
    pub rule: Option<String>,
    /// What happens.
    pub action: Action,
}

/// The action for calls that could not be identified. It names no rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "RawAction")]
pub struct FallbackAction(pub Action);

impl Default for FallbackAction {
    /// 403 with an empty body: a failure mode that was not chosen is closed.
    fn default() -> Self {
        Self(Action::Block(Block {
            status: 403,
            headers: Vec::new(),
            body: None,
        }))
    }
}

/// Why an action could not be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ActionError {
    /// Neither `allow` nor `block`.
    #[error("unknown type of action")]
    Type,
    /// A rule action names its ruleset.
    #[error("ruleset_id is missing")]
    Ruleset,
    /// A block action has a status from 200 to 599.
    #[error("status_code is missing or outside 200 to 599")]
    Status,
}

/// The JSON of both kinds.
#[derive(Deserialize)]
struct RawAction {
    #[serde(rename = "type")]
    kind: String,
    ruleset_id: Option<String>,
    rule_id: Option<String>,
    request_header_modifications: Option<Modifications>,
    status_code: Option<f64>,
    headers: Option<Vec<Field>>,
    body: Option<String>,
}

#[derive(Deserialize)]
struct Modifications {
    remove: Option<Vec<String>>,
    set: Option<Vec<Field>>,
    append: Option<Vec<Field>>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    value: String,
}

impl Modifications {
    /// Remove, then set, then append: the order the platform documents.
    fn into_edits(self) -> Vec<HeaderEdit> {
        let remove = self.remove.unwrap_or_default().into_iter();
        let set = self.set.unwrap_or_default().into_iter();
        let append = self.append.unwrap_or_default().into_iter();
        remove
            .map(HeaderEdit::Remove)
            .chain(set.map(|field| HeaderEdit::Set(field.name, field.value)))
            .chain(append.map(|field| HeaderEdit::Append(field.name, field.value)))
            .collect()
    }
}

impl RawAction {
    fn action(self) -> Result<Action, ActionError> {
        match self.kind.as_str() {
            "allow" => Ok(Action::Allow(
                self.request_header_modifications
                    .map(Modifications::into_edits)
                    .unwrap_or_default(),
            )),
            "block" => Ok(Action::Block(Block {
                status: self
                    .status_code
                    .and_then(status)
                    .ok_or(ActionError::Status)?,
                headers: self
                    .headers
                    .unwrap_or_default()
                    .into_iter()
                    .map(|field| (field.name, field.value))
                    .collect(),
                body: self.body,
            })),
            _ => Err(ActionError::Type),
        }
    }
}

/// A status as the runtime takes it: 403.5 is 403, as in JavaScript.
fn status(number: f64) -> Option<u16> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    (200.0..600.0).contains(&number).then_some(number as u16)
}

impl TryFrom<RawAction> for RuleAction {
    type Error = ActionError;

    fn try_from(mut raw: RawAction) -> Result<Self, ActionError> {
        Ok(Self {
            ruleset: raw.ruleset_id.take().ok_or(ActionError::Ruleset)?,
            rule: raw.rule_id.take(),
            action: raw.action()?,
        })
    }
}

impl TryFrom<RawAction> for FallbackAction {
    type Error = ActionError;

    fn try_from(raw: RawAction) -> Result<Self, ActionError> {
        raw.action().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn an_allow_action_edits_in_the_order_remove_set_append() {
        let action: RuleAction = serde_json::from_str(
            r#"{"type":"allow","ruleset_id":"rs_1","rule_id":"r_1","request_header_modifications":
                {"append":[{"name":"c","value":"3"}],"set":[{"name":"b","value":"2"}],"remove":["a"]}}"#,
        )
        .unwrap();
        assert_eq!(
            action.action,
            Action::Allow(vec![
                HeaderEdit::remove("a"),
                HeaderEdit::set("b", "2"),
                HeaderEdit::append("c", "3"),
            ])
        );
        assert_eq!(
            (action.ruleset.as_str(), action.rule.as_deref()),
            ("rs_1", Some("r_1"))
        );
    }

    #[rstest]
    #[case(
        r#"{"type":"block","ruleset_id":"rs_1","status_code":429,"body":"no"}"#,
        Some(429)
    )]
    #[case(
        r#"{"type":"block","ruleset_id":"rs_1","status_code":403.5}"#,
        Some(403)
    )]
    #[case(r#"{"type":"block","ruleset_id":"rs_1","status_code":599}"#, Some(599))]
    #[case(r#"{"type":"block","ruleset_id":"rs_1","status_code":101}"#, None)]
    #[case(r#"{"type":"block","ruleset_id":"rs_1","status_code":600}"#, None)]
    #[case(r#"{"type":"block","ruleset_id":"rs_1","status_code":"403"}"#, None)]
    #[case(r#"{"type":"block","ruleset_id":"rs_1"}"#, None)]
    #[case(r#"{"type":"block","status_code":403}"#, None)]
    #[case(r#"{"type":"ignore","ruleset_id":"rs_1"}"#, None)]
    #[case(r#"{"ruleset_id":"rs_1"}"#, None)]
    fn a_block_action_needs_a_ruleset_and_a_status(
        #[case] text: &str,
        #[case] status: Option<u16>,
    ) {
        let read = serde_json::from_str::<RuleAction>(text).ok();
        assert_eq!(
            read.map(|rule| match rule.action {
                Action::Block(block) => block.status,
                Action::Allow(_) => 0,
            }),
            status
        );
    }

    #[test]
    fn a_fallback_action_needs_no_ruleset() {
        let text = r#"{"type":"allow"}"#;
        assert_eq!(
            serde_json::from_str::<FallbackAction>(text).unwrap(),
            FallbackAction(Action::Allow(Vec::new()))
        );
    }
}
