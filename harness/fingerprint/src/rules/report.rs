//! Says how a ruleset came to its decision: what `edgeproof rules test` prints.

use std::fmt;

use serde_json::Value as Json;

use super::{Clause, Explanation, Outcome, RuleAction, Ruleset};

/// How a ruleset decided about an event.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// Each rule up to the one that decided, in their order.
    pub tried: Vec<Tried>,
    /// The decision.
    pub action: RuleAction,
    /// Whether the whole ruleset is disabled.
    pub disabled: bool,
}

/// What became of one rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// Its place in the ruleset, from 1.
    pub place: usize,
    /// Its condition.
    pub condition: String,
    /// Why the condition held or not; none where the rule is disabled.
    pub explanation: Option<Explanation>,
}

impl Ruleset {
    /// Evaluates the ruleset and keeps why. `id` is the ruleset's.
    pub fn report(&self, id: &str, event: &Json) -> Report {
        let last = self
            .decide(event)
            .map_or(self.rules.len(), |(place, _)| place + 1);
        let rules = self.rules.iter().take(if self.disabled { 0 } else { last });
        let tried = rules.enumerate().map(|(place, rule)| Tried {
            place: place + 1,
            condition: rule.condition.text().to_owned(),
            explanation: (!rule.disabled).then(|| rule.condition.explain(event)),
        });
        Report {
            tried: tried.collect(),
            action: self.evaluate(id, event),
            disabled: self.disabled,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.disabled {
            writeln!(f, "the ruleset is disabled")?;
        }
        for rule in &self.tried {
            write!(f, "{rule}")?;
        }
        let decided = match self.tried.last() {
            Some(rule) if self.action.rule_id.is_some() => format!("rule {}", rule.place),
            _ => "no rule".to_owned(),
        };
        writeln!(f, "{decided} decides: {}", self.action.outcome)
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            condition,
            explanation,
        } = self;
        let Some(explanation) = explanation else {
            return writeln!(f, "rule {place} is disabled: {condition}");
        };
        let verdict = if explanation.holds {
            "holds"
        } else {
            "does not hold"
        };
        writeln!(f, "rule {place} {verdict}: {condition}")?;
        explanation
            .clauses
            .iter()
            .try_for_each(|clause| writeln!(f, "    {clause}"))
    }
}

impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}", self.text, self.holds)?;
        if let [(field, Some(value))] = self.fields.as_slice()
            && *field == self.text
            && format!("{value}") == format!("{}", self.holds)
        {
            return Ok(());
        }
        for (place, (field, value)) in self.fields.iter().enumerate() {
            let sign = if place == 0 { ":" } else { "," };
            match value {
                Some(value) => write!(f, "{sign} {field} is {value}")?,
                None => write!(f, "{sign} the event has no {field}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block { status_code, .. } => write!(f, "block with {status_code}"),
            Self::Allow {
                request_header_modifications: None,
            } => f.write_str("allow"),
            Self::Allow {
                request_header_modifications: Some(_),
            } => f.write_str("allow with changed headers"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(event: &Json) -> String {
        let ruleset: Ruleset = serde_json::from_value(json!({ "rules": [
            { "if": "bot == 'bad' or proxy", "block": {} },
            { "if": "true", "block": {}, "disabled": true },
            { "if": "incognito and suspect_score >= 4", "block": { "status": 418 } },
            { "if": "vpn", "allow": {} },
        ] }))
        .unwrap();
        ruleset.report("rs_1", event).to_string()
    }

    #[test]
    fn a_report_names_the_clauses_and_the_values_that_decided() {
        assert_eq!(
            report(&json!({ "bot": "not_detected", "incognito": true, "suspect_score": 9 })),
            "rule 1 does not hold: bot == 'bad' or proxy\n\
             \x20   bot == 'bad' is false: bot is \"not_detected\"\n\
             \x20   proxy is false: the event has no proxy\n\
             rule 2 is disabled: true\n\
             rule 3 holds: incognito and suspect_score >= 4\n\
             \x20   incognito is true\n\
             \x20   suspect_score >= 4 is true: suspect_score is 9\n\
             rule 3 decides: block with 418\n"
        );
    }

    #[test]
    fn where_no_rule_holds_the_report_says_so() {
        let report = report(&json!({}));
        assert!(report.ends_with("no rule decides: allow\n"), "{report}");
    }
}
