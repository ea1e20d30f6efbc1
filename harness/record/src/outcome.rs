//! What happened, as expectations.

use serde_json::Value as Json;

use crate::{
    call::{Behind, SIGNALS},
    yaml::Node,
};

/// What is expected of a call that had this status, and of which this happened behind the edge.
pub(crate) fn expect(status: Option<u16>, had_signals: bool, behind: Option<&Behind>) -> Node {
    let mut expect = Vec::new();
    let mut expected = |key: &str, node| expect.push((key.to_owned(), node));
    // A browser that has the response already asks only whether it is still valid.
    if let Some(status) = status.filter(|status| *status != 304) {
        expected("status", Node::Plain(status.to_string()));
    }
    let is_present =
        |present| Node::map([(SIGNALS, Node::map([("present", Node::bool(present))]))]);
    if had_signals {
        expected("request", Node::map([("headers", is_present(true))]));
    }
    if let Some(behind) = behind {
        let mut origin = Node::map([("reached", Node::bool(behind.reached))]);
        if behind.reached && had_signals && !behind.signals_at_origin {
            *origin.entry("headers") = is_present(false);
        }
        expected("origin", origin);
    }
    Node::Map(expect)
}

/// What is expected of an event: which rule decided, and how.
pub(crate) fn event(event: &Json) -> Node {
    let action = &event["rule_action"];
    let text = |key: &str| action[key].as_str().map(Node::text);
    let decided = ["type", "rule_expression"];
    let decided = decided
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), text(key)?)));
    let decided: Vec<(String, Node)> = decided.collect();
    match decided.is_empty() {
        true => Node::map([]),
        false => Node::map([("rule_action", Node::Map(decided))]),
    }
}
