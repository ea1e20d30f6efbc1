//! Rule actions: what a ruleset, or the configured fallback, decides about a protected call.

use crate::{
    headers::HeaderEdit,
    json::{Json, JsonError, Object, Read},
};

/// What happens to a protected call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// It goes on to the origin, its request headers changed in this order.
    Allow(Vec<HeaderEdit>),
    /// It is answered here and the origin never sees it.
    Block(Block),
}

/// The response of a block action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// 200 to 599.
    pub status: u16,
    /// Header fields of the response, as the rule wrote them.
    pub headers: Vec<(String, String)>,
    /// The body; absent is not the same as empty, which names a content type.
    pub body: Option<String>,
}

/// The action of a ruleset, with what decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleAction {
    /// The ruleset that was evaluated.
    pub ruleset: String,
    /// The rule that matched; none when the ruleset's default decided.
    pub rule: Option<String>,
    /// What happens.
    pub action: Action,
}

impl Default for Action {
    /// 403 with an empty body: a failure mode that was not chosen is closed.
    fn default() -> Self {
        Self::Block(Block {
            status: 403,
            headers: Vec::new(),
            body: None,
        })
    }
}

impl RuleAction {
    pub(crate) fn read(action: Object<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            ruleset: action.required("ruleset_id")?,
            rule: action.optional("rule_id")?,
            action: Action::read(action)?,
        })
    }
}

impl Action {
    /// Reads the part that says what happens, which is all there is to the action of the failure mode.
    pub(crate) fn read(action: Object<'_>) -> Result<Self, JsonError> {
        match action.required("type")? {
            "allow" => Ok(Self::Allow(
                action
                    .optional("request_header_modifications")?
                    .map_or(Ok(Vec::new()), edits)?,
            )),
            "block" => Ok(Self::Block(Block {
                status: status(action.required("status_code")?)
                    .ok_or(JsonError::Member("status_code"))?,
                headers: fields(action, "headers")?
                    .map(|Field { name, value }| (name.to_owned(), value.to_owned()))
                    .collect(),
                body: action.optional("body")?,
            })),
            _ => Err(JsonError::Member("type")),
        }
    }
}

/// Remove, then set, then append: the order the platform documents.
fn edits(modifications: Object<'_>) -> Result<Vec<HeaderEdit>, JsonError> {
    let remove: Vec<String> = modifications.optional("remove")?.unwrap_or_default();
    let set = fields(modifications, "set")?;
    let append = fields(modifications, "append")?;
    Ok(remove
        .into_iter()
        .map(HeaderEdit::Remove)
        .chain(set.map(|Field { name, value }| HeaderEdit::set(name, value)))
        .chain(append.map(|Field { name, value }| HeaderEdit::append(name, value)))
        .collect())
}

struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

fn fields<'a>(
    object: Object<'a>,
    name: &'static str,
) -> Result<impl Iterator<Item = Field<'a>>, JsonError> {
    let fields: Option<Vec<Field>> = object.optional(name)?;
    Ok(fields.into_iter().flatten())
}

impl<'a> Read<'a> for Field<'a> {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        let field = Object::read(json)?;
        Some(Self {
            name: field.required("name").ok()?,
            value: field.required("value").ok()?,
        })
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(text: &str) -> Result<RuleAction, JsonError> {
        let json = Json::parse(text)?;
        RuleAction::read(Object::read(&json).unwrap())
    }

    #[test]
    fn an_allow_action_edits_in_the_order_remove_set_append() {
        let action = read(
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
        assert_eq!(
            read(text).ok().map(|rule| match rule.action {
                Action::Block(block) => block.status,
                Action::Allow(_) => 0,
            }),
            status
        );
    }

    #[test]
    fn a_fallback_action_needs_no_ruleset() {
        let json = Json::parse(r#"{"type":"allow"}"#).unwrap();
        let action = Action::read(Object::read(&json).unwrap());
        assert_eq!(action, Ok(Action::Allow(Vec::new())));
    }
}
