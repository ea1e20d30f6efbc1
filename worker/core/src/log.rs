//! Log lines: one JSON object for each decision, nothing about the person at `info` and above.

use serde::Serialize;

/// How much is logged; each level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// What went wrong. A good request writes nothing.
    #[default]
    Error,
    /// What was ignored or repaired.
    Warn,
    /// Every decision.
    Info,
    /// Decisions about calls that merely pass.
    Debug,
}

impl LogLevel {
    /// Reads `error`, `warn`, `info` or `debug`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "error" => Some(Self::Error),
            "warn" => Some(Self::Warn),
            "info" => Some(Self::Info),
            "debug" => Some(Self::Debug),
            _ => None,
        }
    }

    /// The word in variables and log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// One decision and why it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// From which configured level on it is written.
    pub level: LogLevel,
    /// What was decided, in a word: `allow`, `block`, `fallback`, `inject`, ...
    pub decision: &'static str,
    /// Why. It holds no part of the request and no secret.
    pub reason: String,
    /// The rule that decided.
    pub rule: Option<String>,
}

impl LogEntry {
    /// An entry that names no rule.
    pub fn new(level: LogLevel, decision: &'static str, reason: impl Into<String>) -> Self {
        Self {
            level,
            decision,
            reason: reason.into(),
            rule: None,
        }
    }

    /// The line, without its end. `ray` is the id Cloudflare gave the request.
    pub fn line(&self, ray: Option<&str>) -> String {
        #[derive(Serialize)]
        struct Line<'a> {
            level: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            ray: Option<&'a str>,
            decision: &'static str,
            reason: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            rule: Option<&'a str>,
        }
        let line = Line {
            level: self.level.as_str(),
            ray,
            decision: self.decision,
            reason: &self.reason,
            rule: self.rule.as_deref(),
        };
        serde_json::to_string(&line).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object() {
        let entry = LogEntry::new(LogLevel::Warn, "fallback", "a \"quoted\"\nreason");
        let line = entry.line(Some("8f-FRA"));
        assert!(!line.contains('\n'));
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["level"], "warn");
        assert_eq!(read["ray"], "8f-FRA");
        assert_eq!(read["reason"], "a \"quoted\"\nreason");
        assert_eq!(read.get("rule"), None);
    }

    #[test]
    fn levels_are_ordered_from_quiet_to_loud() {
        assert!(LogLevel::Error < LogLevel::Warn && LogLevel::Info < LogLevel::Debug);
        assert_eq!(LogLevel::default(), LogLevel::Error);
    }
}
