//! What the node's response means.

use super::{Connector, FailureMode};
use crate::{
    log::{LogEntry, LogLevel},
    request::RequestHead,
    response::OwnResponse,
};

/// What came of a call to the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The head of its response arrived; no more of the response is read.
    Status(u16),
    /// It kept the visitor waiting for longer than it may.
    Deadline,
    /// The runtime could not reach it, or lost it.
    Unreachable,
    /// The runtime does not send this request, or not all of it.
    Refused,
    /// There is no address to ask.
    NoNode,
    /// The worker broke off while it was asked.
    Broken,
}

/// Whether a request goes on to the origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Pass,
    /// The visitor gets this response.
    Block(OwnResponse),
}

/// A verdict, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub log: LogEntry,
}

/// Why there is no verdict, or one about a part only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Failure {
    #[error("no verdict in time")]
    Deadline,
    #[error("the node could not be reached")]
    Unreachable,
    #[error("the node answered {0}, which is no verdict")]
    Status(u16),
    #[error("the node refused to read it, with status {0}")]
    Unread(u16),
    #[error("the runtime refuses to send it to the node")]
    Refused,
    #[error("WALLARM_NODE cannot be used")]
    NoNode,
    #[error("the worker broke off")]
    Broken,
    #[error("the node saw only the start of the body, which is larger than this isolate can hold")]
    BodyTooLarge,
}

impl Failure {
    /// Whether the request itself is why there is no verdict. The failure mode is for a node that fails: it would let
    /// whoever can write such a request choose not to be inspected.
    fn is_of_the_request(self) -> bool {
        matches!(self, Self::Unread(_) | Self::Refused)
    }
}

impl Outcome {
    /// Whether it is a verdict.
    pub fn is_verdict(self) -> bool {
        matches!(self, Self::Status(200..=299 | 403))
    }
}

impl Connector {
    /// Judges what came of a call. `is_cut` says that the node saw only the start of the body, `has_judged` that it has
    /// judged a request before; `now` tells the time for the visitor to read.
    pub fn judge(
        &self,
        head: &RequestHead,
        outcome: Outcome,
        is_cut: bool,
        has_judged: bool,
        now: &dyn Fn() -> String,
    ) -> Judgement {
        match read(outcome, is_cut) {
            // Where it refuses whatever it is sent, it is the node that is in trouble.
            Err(Failure::Unread(status)) if !has_judged => {
                self.failed(Failure::Status(status), head, now)
            }
            Ok(true) => Judgement {
                verdict: Verdict::Pass,
                log: LogEntry::new(LogLevel::Debug, "allow", "wallarm: the node let it pass"),
            },
            Ok(false) => Judgement {
                verdict: Verdict::Block(self.block_response(head, &now())),
                log: LogEntry::new(LogLevel::Info, "block", "wallarm: the node blocked it"),
            },
            Err(failure) => self.failed(failure, head, now),
        }
    }

    /// The line about a copy that did not reach the node as a whole; none where it did.
    pub fn copied(&self, outcome: Outcome, is_cut: bool) -> Option<LogEntry> {
        let failure = read(outcome, is_cut).err()?;
        let reason = format!("wallarm, copy: {failure}");
        Some(LogEntry::new(level(failure), "copy", reason))
    }

    /// The line about a call of the worker that came back to it.
    pub fn looped(&self) -> LogEntry {
        const REASON: &str = "wallarm: the worker's own call to the node came back to it";
        LogEntry::new(LogLevel::Warn, "loop", REASON)
    }

    fn failed(&self, failure: Failure, head: &RequestHead, now: &dyn Fn() -> String) -> Judgement {
        let is_open = self.failure_mode == FailureMode::Open && !failure.is_of_the_request();
        let (decision, verdict) = if is_open {
            ("allow", Verdict::Pass)
        } else {
            ("block", Verdict::Block(self.block_response(head, &now())))
        };
        let cause = if failure.is_of_the_request() {
            "wallarm"
        } else {
            "wallarm, failure mode"
        };
        let reason = format!("{cause}: {failure}");
        Judgement {
            verdict,
            log: LogEntry::new(level(failure), decision, reason),
        }
    }
}

/// Whether the request passes. A part of a body can show an attack; that it shows none says nothing about the rest.
fn read(outcome: Outcome, is_cut: bool) -> Result<bool, Failure> {
    match outcome {
        Outcome::Status(403) => Ok(false),
        Outcome::Status(200..=299) if is_cut => Err(Failure::BodyTooLarge),
        Outcome::Status(200..=299) => Ok(true),
        // What servers response to a request that they do not read: its head or body is too large or malformed for them,
        // or they do not know its method.
        Outcome::Status(status @ (400 | 405 | 411 | 413 | 414 | 417 | 431 | 501 | 505)) => {
            Err(Failure::Unread(status))
        }
        Outcome::Status(status) => Err(Failure::Status(status)),
        Outcome::Refused => Err(Failure::Refused),
        Outcome::Deadline => Err(Failure::Deadline),
        Outcome::Unreachable => Err(Failure::Unreachable),
        Outcome::NoNode => Err(Failure::NoNode),
        Outcome::Broken => Err(Failure::Broken),
    }
}

/// What visitors send is everyday; a node that fails is not.
fn level(failure: Failure) -> LogLevel {
    match failure {
        Failure::BodyTooLarge | Failure::Unread(_) | Failure::Refused => LogLevel::Warn,
        _ => LogLevel::Error,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{configuration::Configuration, headers::Headers};

    fn connector(failure_mode: &str) -> Connector {
        Configuration::read(|name| match name {
            "WALLARM_NODE" => Some("https://node.example".to_owned()),
            "WALLARM_FAILURE_MODE" => Some(failure_mode.to_owned()),
            _ => None,
        })
        .wallarm
        .unwrap()
    }

    fn judge(failure_mode: &str, outcome: Outcome, is_cut: bool) -> Judgement {
        let head = RequestHead::new("GET", "https://shop.example/", Headers::default()).unwrap();
        connector(failure_mode).judge(&head, outcome, is_cut, true, &|| "now".to_owned())
    }

    #[rstest]
    #[case(200, true)]
    #[case(204, true)]
    #[case(403, false)]
    fn the_node_decides_in_either_failure_mode(#[case] status: u16, #[case] passes: bool) {
        for mode in ["open", "closed"] {
            let judgement = judge(mode, Outcome::Status(status), false);
            assert_eq!(judgement.verdict == Verdict::Pass, passes, "{mode}");
            assert!(judgement.log.level >= LogLevel::Info);
        }
    }

    #[rstest]
    #[case(
        Outcome::Status(302),
        false,
        "the node answered 302, which is no verdict",
        LogLevel::Error
    )]
    #[case(
        Outcome::Status(404),
        false,
        "the node answered 404, which is no verdict",
        LogLevel::Error
    )]
    #[case(
        Outcome::Status(415),
        false,
        "the node answered 415, which is no verdict",
        LogLevel::Error
    )]
    #[case(
        Outcome::Status(500),
        false,
        "the node answered 500, which is no verdict",
        LogLevel::Error
    )]
    #[case(
        Outcome::Status(521),
        true,
        "the node answered 521, which is no verdict",
        LogLevel::Error
    )]
    #[case(Outcome::Deadline, false, "no verdict in time", LogLevel::Error)]
    #[case(
        Outcome::Unreachable,
        false,
        "the node could not be reached",
        LogLevel::Error
    )]
    #[case(Outcome::NoNode, false, "WALLARM_NODE cannot be used", LogLevel::Error)]
    #[case(Outcome::Broken, false, "the worker broke off", LogLevel::Error)]
    #[case(
        Outcome::Status(200),
        true,
        "the node saw only the start of the body, which is larger than this isolate can hold",
        LogLevel::Warn
    )]
    fn without_a_verdict_the_failure_mode_decides(
        #[case] outcome: Outcome,
        #[case] is_cut: bool,
        #[case] reason: &str,
        #[case] level: LogLevel,
    ) {
        let open = judge("open", outcome, is_cut);
        assert_eq!(open.verdict, Verdict::Pass);
        let closed = judge("closed", outcome, is_cut);
        assert!(matches!(closed.verdict, Verdict::Block(response) if response.status == 403));
        for (log, decision) in [(open.log, "allow"), (closed.log, "block")] {
            assert_eq!(log.reason, format!("wallarm, failure mode: {reason}"));
            assert_eq!((log.decision, log.level), (decision, level));
        }
        let copied = connector("open").copied(outcome, is_cut).unwrap();
        assert_eq!(copied.reason, format!("wallarm, copy: {reason}"));
    }

    #[rstest]
    #[case(Outcome::Refused, "the runtime refuses to send it to the node")]
    #[case(Outcome::Status(400), "the node refused to read it, with status 400")]
    #[case(Outcome::Status(405), "the node refused to read it, with status 405")]
    #[case(Outcome::Status(413), "the node refused to read it, with status 413")]
    #[case(Outcome::Status(414), "the node refused to read it, with status 414")]
    #[case(Outcome::Status(431), "the node refused to read it, with status 431")]
    #[case(Outcome::Status(501), "the node refused to read it, with status 501")]
    fn a_request_that_cannot_be_inspected_is_blocked_in_either_failure_mode(
        #[case] outcome: Outcome,
        #[case] reason: &str,
    ) {
        for mode in ["open", "closed"] {
            for is_cut in [false, true] {
                let judgement = judge(mode, outcome, is_cut);
                assert!(
                    matches!(judgement.verdict, Verdict::Block(response) if response.status == 403)
                );
                assert_eq!(judgement.log.reason, format!("wallarm: {reason}"));
                assert_eq!(
                    (judgement.log.decision, judgement.log.level),
                    ("block", LogLevel::Warn)
                );
            }
        }
        let copied = connector("open").copied(outcome, false).unwrap();
        assert_eq!(copied.reason, format!("wallarm, copy: {reason}"));
    }

    #[test]
    fn a_node_that_has_judged_nothing_is_in_trouble() {
        let head = RequestHead::new("GET", "https://shop.example/", Headers::default()).unwrap();
        let now = || "now".to_owned();
        let judgement = connector("open").judge(&head, Outcome::Status(400), false, false, &now);
        assert_eq!(judgement.verdict, Verdict::Pass);
        assert_eq!(
            judgement.log.reason,
            "wallarm, failure mode: the node answered 400, which is no verdict"
        );
    }

    #[test]
    fn a_block_about_the_start_of_a_body_is_a_block() {
        let judgement = judge("open", Outcome::Status(403), true);
        assert_ne!(judgement.verdict, Verdict::Pass);
    }

    #[rstest]
    #[case(200)]
    #[case(403)]
    fn a_copy_that_arrived_is_no_news(#[case] status: u16) {
        assert_eq!(
            connector("closed").copied(Outcome::Status(status), false),
            None
        );
    }
}
