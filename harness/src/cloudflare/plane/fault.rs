//! Faults of the control plane: what goes wrong between a client and the API, on purpose.

use std::time::Duration;

use http::{Method, StatusCode};
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::ApiError;
use crate::scenario::call::CallPattern;

/// A fault, as a scenario writes it: `{ on: POST */workers/routes, fault: reset, after: 1, first: 1 }`.
///
/// Of the faults that are set, each counts the requests it is about from the moment it was set.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaneFault {
    /// Which requests, such as `PUT */workers/scripts/*`; all where it is absent.
    pub on: Option<CallPattern>,
    /// What happens to them.
    pub fault: PlaneFaultKind,
    /// Only the first so many requests; all of them where it is absent.
    pub first: Option<u64>,
    /// So many requests are let through before it begins.
    #[serde(default)]
    pub after: u64,
}

/// What goes wrong with a request to the API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PlaneFaultKind {
    /// The connection is dropped before anything happened.
    Reset,
    /// What was asked is done, and the connection is dropped before the answer.
    ResetAfterwards,
    /// No answer ever comes, and nothing happens.
    Hang,
    /// The request is held back for so many milliseconds and then goes on.
    Delay(u64),
    /// An error is answered, and nothing happens.
    Error(ErrorFault),
}

/// An error that a fault answers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorFault {
    /// The status: 400 to 599.
    #[schemars(range(min = 400, max = 599))]
    #[serde(deserialize_with = "error_status")]
    pub status: u16,
    /// Cloudflare's code; 10013 (an unknown error of theirs) where it is absent.
    #[serde(default = "unknown_error")]
    pub code: u32,
    /// The message.
    #[serde(default = "unknown_error_message")]
    pub message: String,
    /// What `Retry-After` says, in seconds.
    pub retry_after: Option<u64>,
}

fn error_status<'de, D: serde::Deserializer<'de>>(value: D) -> Result<u16, D::Error> {
    let status = u16::deserialize(value)?;
    if (400..600).contains(&status) {
        Ok(status)
    } else {
        Err(serde::de::Error::custom(format!(
            "{status} is not a status from 400 to 599"
        )))
    }
}

fn unknown_error() -> u32 {
    10013
}

fn unknown_error_message() -> String {
    "An unknown error has occurred. If this error persists, please report.".to_owned()
}

impl ErrorFault {
    /// An error of this status with Cloudflare's code for an error of its own.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            code: unknown_error(),
            message: unknown_error_message(),
            retry_after: None,
        }
    }

    pub(super) fn error(&self) -> ApiError {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        ApiError::fault(status, self.code, &self.message, self.retry_after)
    }
}

impl PlaneFault {
    /// Only the `n`-th request from now on, counted from 1.
    pub fn nth(n: u64, fault: PlaneFaultKind) -> Self {
        Self {
            on: None,
            fault,
            first: Some(1),
            after: n.saturating_sub(1),
        }
    }

    /// The same for these requests only.
    #[must_use]
    pub fn on(mut self, call: CallPattern) -> Self {
        self.on = Some(call);
        self
    }
}

impl PlaneFaultKind {
    /// A few words for the trace.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Reset => "connection dropped before anything happened".to_owned(),
            Self::ResetAfterwards => "connection dropped before the answer".to_owned(),
            Self::Hang => "no answer ever".to_owned(),
            Self::Delay(milliseconds) => {
                format!("held back for {:?}", Duration::from_millis(*milliseconds))
            }
            Self::Error(error) => format!("answered {} in its place", error.status),
        }
    }
}

/// The faults that are set, with how many requests each has seen.
#[derive(Debug, Default)]
pub(super) struct PlaneFaults(Vec<(PlaneFault, u64)>);

impl PlaneFaults {
    pub(super) fn new(faults: Vec<PlaneFault>) -> Self {
        Self(faults.into_iter().map(|fault| (fault, 0)).collect())
    }

    pub(super) fn push(&mut self, fault: PlaneFault) {
        self.0.push((fault, 0));
    }

    /// The faults that this request meets, in the order they were set.
    pub(super) fn meet(&mut self, method: &Method, url: &str) -> Vec<PlaneFaultKind> {
        let mut met = Vec::new();
        for (fault, seen) in &mut self.0 {
            if !fault
                .on
                .as_ref()
                .is_none_or(|call| call.matches(method, url))
            {
                continue;
            }
            let end = fault
                .first
                .map_or(u64::MAX, |first| fault.after.saturating_add(first));
            if (fault.after..end).contains(seen) {
                met.push(fault.fault.clone());
            }
            *seen += 1;
        }
        met
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(yaml: &str) -> Result<PlaneFault, String> {
        serde_saphyr::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn a_fault_counts_only_its_own_requests_from_when_it_was_set() {
        let mut faults = PlaneFaults::new(vec![
            read("{on: POST */routes, fault: reset, after: 1, first: 1}").unwrap(),
        ]);
        let mut meet = |method, url| faults.meet(&method, url).len();
        let url = "http://127.0.0.1/client/v4/zones/z/workers/routes";
        assert_eq!(meet(Method::GET, url), 0);
        assert_eq!(meet(Method::POST, url), 0);
        assert_eq!(meet(Method::POST, url), 1);
        assert_eq!(meet(Method::POST, url), 0);
    }

    #[test]
    fn the_nth_request_is_counted_from_one() {
        let mut faults = PlaneFaults::default();
        faults.push(PlaneFault::nth(2, PlaneFaultKind::ResetAfterwards));
        let met: Vec<usize> = (0..3)
            .map(|_| faults.meet(&Method::GET, "http://a/b").len())
            .collect();
        assert_eq!(met, [0, 1, 0]);
    }

    #[test]
    fn an_error_is_cloudflares_own_where_nothing_else_is_said() {
        let fault = read("{fault: {error: {status: 503, retry_after: 2}}}").unwrap();
        let expected = ErrorFault {
            retry_after: Some(2),
            ..ErrorFault::status(503)
        };
        assert_eq!(fault.fault, PlaneFaultKind::Error(expected));
    }

    #[rstest]
    #[case("{fault: {error: {status: 200}}}")]
    #[case("{fault: refuse}")]
    #[case("{on: nothing, fault: reset}")]
    fn a_misspelt_fault_is_refused(#[case] yaml: &str) {
        assert!(read(yaml).is_err());
    }
}
