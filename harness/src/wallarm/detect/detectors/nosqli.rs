//! Operators and code in queries of document databases.

use super::{Detector, Sign, everywhere, excerpt};
use crate::wallarm::detect::{attack::AttackType, value::Value};

pub(super) const DETECTOR: Detector = Detector {
    attack: AttackType::Nosqli,
    triggers: &[
        "$",
        "db.",
        "this.",
        "return",
        "||",
        "&&",
        "mapreduce",
        "emit(",
        "sleep(",
        "_all_docs",
        "flushall",
        "config set",
        "slaveof",
        "new date",
    ],
    signatures: &[
        (
            "operator as a name",
            r"^\$(?:eq|ne|gte?|lte?|n?in|not|n?or|and|exists|type|mod|regex|text|where|expr|all|elemmatch|size|jsonschema|function|accumulator|lookup|merge|out|comment|rand|slice|options|set|unset|push|pull|inc|rename|func|match|group|project)$",
        ),
        (
            "operator in brackets",
            r"\[\s*['\x22]?\$(?:eq|ne|gte?|lte?|n?in|not|n?or|and|exists|type|mod|regex|text|where|expr|all|elemmatch|size|func)\b['\x22]?\s*\]",
        ),
        (
            "operator in a query",
            r#"[{,\[(]?\s*['"]?\$(?:eq|ne|gte?|lte?|n?in|not|n?or|and|exists|type|mod|regex|where|expr|all|elemmatch|size|func|function|accumulator|lookup)['"]?\s*:\s*(?:['"\[{\d/-]|null|true|false|function|this|\w+\()"#,
        ),
        (
            "code in a condition",
            r"\$where\b|\bthis\.[\w.]+\s*(?:={2,3}|!==?|[<>]=?|\.match\s*\(|\.constructor|\[)|\bfunction\s*\(\s*\)\s*\{\s*return\b",
        ),
        (
            "statement after a quote",
            r#"['"]\s*\)?\s*;\s*(?:return\b|var\s+\w+\s*=|while\s*\(|for\s*\(|sleep\s*\(|db\.|if\s*\(|this\.|throw\b|it\s*=)"#,
        ),
        (
            "condition after a quote",
            r#"['"`]\s*(?:\|\||&&)\s*(?:['"`]?\w*['"`]?\s*(?:={1,3}|!==?|[<>])|this\b|true\b|!|\(|1\b|new\b|sleep\b|db\.)"#,
        ),
        (
            "command",
            r"\bdb\.(?:\w+\.)?(?:find|insert|update|remove|drop|save|aggregate|mapreduce|getcollection\w*|dropdatabase|stats|version|createcollection|eval|adduser|createuser|hostinfo|runcommand|admincommand|collection|auth|loadserverscripts|injection)\w*\s*\(",
        ),
        (
            "delay",
            r"\bnew date\(\s*\)\s*(?:;|-|\.gettime)|\bdo\s*\{.{0,80}\}\s*while\s*\(|while\s*\(\s*(?:true|1)\s*\)",
        ),
        (
            "command of a store",
            r"(?:^|\n|\\r\\n|['\x22])\s*(?:flushall|flushdb|slaveof\s+\S+\s+\d+|config\s+(?:set|get)\s+\w+|eval\s+['\x22].{0,80}['\x22]\s+\d|\*\d+\n\$\d+|(?:set|add|gets|delete|append|incr)\s+\S+\s+\d+\s+\d+\s+\d+)(?:\s|$|\n)",
        ),
    ],
    engine: Some(ends_open),
    applies: everywhere,
};

/// An operator at the end of a text that closes braces it never opened: `', $or: [ {}, { 'a': 'a`.
fn ends_open(value: &Value) -> Option<Sign> {
    let text = value.folded.as_str();
    let at = text
        .find("$or")
        .or_else(|| text.find("$nor"))
        .or_else(|| text.find("$and"))?;
    let balance =
        |open: char, close: char| text.matches(open).count() != text.matches(close).count();
    (text[at..].contains(['[', '{']) && (balance('{', '}') || balance('[', ']'))).then(|| Sign {
        name: "unbalanced query",
        payload: excerpt(text, at, text.len()),
    })
}
