//! What a worker wrote to its console, and what the runtime says itself.

use serde::Deserialize;

/// One line of the runtime's structured log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// How serious it is.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// Whether the worker's own code wrote it; the runtime did otherwise.
    pub console: bool,
}

/// How serious a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For whoever debugs.
    Debug,
    /// Progress; `console.log` too.
    #[serde(alias = "log")]
    Info,
    /// Something is odd.
    #[serde(alias = "warning")]
    Warn,
    /// Something went wrong.
    #[serde(alias = "fatal")]
    Error,
}

/// The runtime writes `{timestamp: number, level, message}` for the console and
/// `{timestamp: "text", level, source, message, …}` for itself.
#[derive(Deserialize)]
struct Structured {
    level: LogLevel,
    message: String,
    timestamp: serde_json::Value,
}

impl LogLine {
    /// Reads one line of output. What is no structured line is the runtime's own word, taken as an error.
    pub(super) fn read(line: &str) -> Self {
        match serde_json::from_str::<Structured>(line) {
            Ok(structured) => Self {
                level: structured.level,
                message: structured.message,
                console: structured.timestamp.is_number(),
            },
            Err(_) => Self {
                level: LogLevel::Error,
                message: line.to_owned(),
                console: false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        r#"{"timestamp":1763755200000,"level":"log","message":"hello"}"#,
        LogLevel::Info,
        "hello",
        true
    )]
    #[case(
        r#"{"timestamp":"2026-11-21T20:00:00Z","level":"error","source":"io/worker","message":"boom","context_depth":0}"#,
        LogLevel::Error,
        "boom",
        false
    )]
    #[case(
        "service hello: Uncaught SyntaxError",
        LogLevel::Error,
        "service hello: Uncaught SyntaxError",
        false
    )]
    fn a_line_is_the_workers_or_the_runtimes(
        #[case] line: &str,
        #[case] level: LogLevel,
        #[case] message: &str,
        #[case] console: bool,
    ) {
        assert_eq!(
            LogLine::read(line),
            LogLine {
                level,
                message: message.to_owned(),
                console
            }
        );
    }
}
