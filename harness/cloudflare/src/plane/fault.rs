//! Faults of the control plane: what goes wrong between a client and the API, on purpose.

use std::time::Duration;

use edgeproof_ground::{call::CallPattern, fault};
use http::StatusCode;
use schemars::JsonSchema;
use serde::Deserialize;

use super::error::ApiError;

/// A fault of the API, as a scenario writes it: `{ on: POST */workers/routes, fault: reset, after: 1, first: 1 }`.
///
/// Without `on` it is about every request.
pub type PlaneFault = fault::Fault<Option<CallPattern>, PlaneFaultKind>;

/// The faults that are set.
pub(super) type PlaneFaults = fault::Faults<Option<CallPattern>, PlaneFaultKind>;

/// What goes wrong with a request to the API.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PlaneFaultKind {
    /// The connection is dropped before anything happened.
    Reset,
    /// The request takes effect, and the connection is dropped before the response.
    ResetAfterwards,
    /// There is no response, and nothing happens.
    Hang,
    /// The request is delayed by this many milliseconds.
    Delay(u64),
    /// The response is an error, and nothing happens.
    Error(ErrorFault),
}

/// An error response that a fault gives.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorFault {
    /// The status: 400 to 599.
    #[schemars(range(min = 400, max = 599))]
    #[serde(deserialize_with = "error_status")]
    pub status: u16,
    /// Cloudflare's error code. Default: 10013 (unknown error).
    #[serde(default = "unknown_error")]
    pub code: u32,
    /// The message.
    #[serde(default = "unknown_error_message")]
    pub message: String,
    /// The value of `Retry-After`, in seconds.
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

impl PlaneFaultKind {
    /// A few words for the trace.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Reset => "connection dropped before anything happened".to_owned(),
            Self::ResetAfterwards => "connection dropped before the response".to_owned(),
            Self::Hang => "no response".to_owned(),
            Self::Delay(milliseconds) => {
                format!("delayed by {:?}", Duration::from_millis(*milliseconds))
            }
            Self::Error(error) => format!("responded with {} in its place", error.status),
        }
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
    fn an_error_is_cloudflares_own_where_nothing_else_is_said() {
        let fault = read("{fault: {error: {status: 503, retry_after: 2}}}").unwrap();
        let expected = ErrorFault {
            retry_after: Some(2),
            ..ErrorFault::status(503)
        };
        assert_eq!(fault.fault, PlaneFaultKind::Error(expected));
    }

    #[rstest]
    #[case(
        "{fault: {error: {status: 200}}}",
        "200 is not a status from 400 to 599"
    )]
    #[case("{fault: refuse}", "unknown variant `refuse`")]
    #[case(
        "{on: nothing, fault: reset}",
        "`nothing` is not a request pattern, such as"
    )]
    fn a_misspelt_fault_is_refused(#[case] yaml: &str, #[case] message: &str) {
        let error = read(yaml).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}
