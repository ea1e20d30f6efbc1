//! What a worker wrote to its console, what it threw, and what the runtime says itself.

use std::time::Instant;

use serde::Deserialize;

/// One line of the runtime's structured log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it was read.
    pub at: Instant,
    /// How serious it is.
    pub level: LogLevel,
    /// The text; that of an exception has its stack.
    pub message: String,
    /// Who said it.
    pub source: LogSource,
}

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogSource {
    /// The worker's own code, with `console.log()` and its kind.
    Console,
    /// The worker's own code, by an exception that nobody caught.
    Exception,
    /// The runtime.
    Runtime,
}

/// How serious a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// For the one who debugs.
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

/// What a line of the runtime's output is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// A line of the log.
    Line(LogLine),
    /// A request was answered with status 500 because of this exception.
    Failed(String),
    /// Something that other lines say too, or that is for the runtime's own developers.
    Nothing,
}

/// Reads the output of a runtime line by line.
#[derive(Clone, Debug, Default)]
pub(super) struct LogReader {
    /// The last exception: further lines tell of it in other words.
    exception: Option<String>,
}

/// The runtime writes `{timestamp: number, level, message}` for the console and
/// `{timestamp: "text", level, source, message, …}` for itself.
#[derive(Deserialize)]
struct Structured {
    level: LogLevel,
    message: String,
    timestamp: serde_json::Value,
}

/// What the console of a worker in the old syntax is written as, whatever its level.
const OLD_CONSOLE: &str = "console.log(); message() = ";

/// An exception that left the worker's code, as `--verbose` has it.
const THROWN: &str = "uncaught exception; source = ";

/// The same, or one of the runtime's own that ended a request.
const CANCELLED: &str = "uncaught exception; exception = ";

/// The same once more, where the request was answered with status 500.
const ANSWERED: &str = "Uncaught exception: ";

/// What a worker asked for with `passThroughOnException()` failed too.
const FALLBACK: &str = "sentryErrorContext = failOpenFallback";

impl LogReader {
    /// Reads one line of output. What is no structured line is the runtime's own word, taken as an error.
    ///
    /// Measured on workerd 1.20261117.1.
    pub(super) fn read(&mut self, line: &str) -> Read {
        let Ok(structured) = serde_json::from_str::<Structured>(line) else {
            return said(LogLevel::Error, LogSource::Runtime, line);
        };
        let Structured { level, message, .. } = &structured;
        if structured.timestamp.is_number() {
            return said(*level, LogSource::Console, message);
        }
        if let Some(arguments) = message.strip_prefix(OLD_CONSOLE) {
            return said(*level, LogSource::Console, &joined(arguments));
        }
        if let Some(thrown) = message.strip_prefix(THROWN) {
            let text = thrown.split_once("; stack = ");
            let text = text.or_else(|| thrown.split_once("; exception = "));
            return self.thrown(text.map_or(thrown, |(_, text)| text));
        }
        if let Some(cancelled) = message.strip_prefix(CANCELLED) {
            let text = described(cancelled);
            return match &self.exception {
                Some(known) if is_of(known, text) => Read::Nothing,
                _ => self.thrown(text),
            };
        }
        if let Some(answered) = message.strip_prefix(ANSWERED) {
            let text = described(answered);
            let known = self.exception.take();
            let known = known.filter(|known| is_of(known, text));
            return Read::Failed(known.unwrap_or_else(|| text.to_owned()));
        }
        if message.ends_with(FALLBACK) {
            return Read::Failed(self.exception.take().unwrap_or_default());
        }
        match level {
            LogLevel::Debug | LogLevel::Info => Read::Nothing,
            LogLevel::Warn | LogLevel::Error => {
                said(*level, LogSource::Runtime, without_addresses(message))
            }
        }
    }

    fn thrown(&mut self, text: &str) -> Read {
        self.exception = Some(text.to_owned());
        said(
            LogLevel::Error,
            LogSource::Exception,
            &format!("Uncaught {text}"),
        )
    }
}

/// Whether the runtime's description is of this exception. What is thrown and is no error is described as one.
fn is_of(exception: &str, described: &str) -> bool {
    exception.starts_with(described) || described.strip_prefix("Error: ") == Some(exception)
}

fn said(level: LogLevel, source: LogSource, message: &str) -> Read {
    Read::Line(LogLine {
        at: Instant::now(),
        level,
        message: message.to_owned(),
        source,
    })
}

/// The arguments of `console.log()`, given as JSON, as a console shows them.
fn joined(arguments: &str) -> String {
    let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(arguments) else {
        return arguments.to_owned();
    };
    let texts = values.iter().map(|value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// `TypeError: x` of `workerd/jsg/value.h:1456: failed: remote.jsg.TypeError: x`, and no addresses of the runtime's code.
fn described(exception: &str) -> &str {
    let exception = without_addresses(exception);
    exception
        .split_once("jsg.")
        .map_or(exception, |(_, described)| described)
}

fn without_addresses(message: &str) -> &str {
    message
        .split_once("\nstack: /")
        .map_or(message, |(message, _)| message)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// What the lines say: `source level message`, `failed message`.
    fn read(lines: &[&str]) -> Vec<String> {
        let mut reader = LogReader::default();
        let told = |line: &&str| match reader.read(line) {
            Read::Line(line) => Some(format!(
                "{:?} {:?} {}",
                line.source, line.level, line.message
            )),
            Read::Failed(text) => Some(format!("failed {text}")),
            Read::Nothing => None,
        };
        lines.iter().filter_map(told).collect()
    }

    const THROWN: &str = r#"{"timestamp":"1","level":"info","source":"s","message":"uncaught exception; source = Uncaught (in promise); stack = TypeError: no\n    at f (lib.js:1:30)","context_depth":0}"#;
    const THROWN_AGAIN: &str = r#"{"timestamp":"1","level":"info","source":"s","message":"uncaught exception; exception = workerd/jsg/value.h:1: failed: jsg.TypeError: no\nstack: /a/workerd@3f /a/workerd@3e","context_depth":0}"#;
    const ANSWERED: &str = r#"{"timestamp":"1","level":"error","source":"s","message":"Uncaught exception: workerd/jsg/value.h:1: failed: remote.jsg.TypeError: no","context_depth":0}"#;
    const HUNG: &str = r#"{"timestamp":"1","level":"info","source":"s","message":"uncaught exception; exception = workerd/io/io-context.c++:2: failed: jsg.Error: it hung\nstack: /a/workerd@3f","context_depth":0}"#;
    const OLD: &str = r#"{"timestamp":"1","level":"info","source":"s","message":"console.log(); message() = [\"says\", 1, {\"a\":[2]}, null]","context_depth":0}"#;
    const FALLBACK: &str = r#"{"timestamp":"1","level":"error","source":"s","message":"e = rust/worker/ffi.rs:104: failed: connecting is not allowed\nstack: /a/workerd@2b; sentryErrorContext = failOpenFallback","context_depth":0}"#;

    #[rstest]
    #[case::console(&[r#"{"timestamp":1,"level":"log","message":"hello"}"#], &["Console Info hello"])]
    #[case::old_console(&[OLD], &[r#"Console Info says 1 {"a":[2]} null"#])]
    #[case::exception(
        &[THROWN, THROWN_AGAIN, ANSWERED],
        &["Exception Error Uncaught TypeError: no\n    at f (lib.js:1:30)", "failed TypeError: no\n    at f (lib.js:1:30)"]
    )]
    #[case::exception_after_the_response(
        &[THROWN, THROWN_AGAIN],
        &["Exception Error Uncaught TypeError: no\n    at f (lib.js:1:30)"]
    )]
    #[case::hung(&[HUNG, ANSWERED], &["Exception Error Uncaught Error: it hung", "failed TypeError: no"])]
    #[case::fallback(
        &[THROWN, FALLBACK],
        &["Exception Error Uncaught TypeError: no\n    at f (lib.js:1:30)", "failed TypeError: no\n    at f (lib.js:1:30)"]
    )]
    #[case::runtime(
        &[r#"{"timestamp":"1","level":"error","source":"s","message":"boom\nstack: /a/workerd@3f"}"#],
        &["Runtime Error boom"]
    )]
    #[case::for_its_developers(&[r#"{"timestamp":"1","level":"info","source":"s","message":"started"}"#], &[])]
    #[case::no_structure(
        &["service hello: Uncaught SyntaxError"],
        &["Runtime Error service hello: Uncaught SyntaxError"]
    )]
    fn a_line_is_the_workers_or_the_runtimes(#[case] lines: &[&str], #[case] expected: &[&str]) {
        assert_eq!(read(lines), expected);
    }
}
