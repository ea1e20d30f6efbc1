//! What Fingerprint's two APIs have in common: how a response is read, and a refusal.

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    error::{ApiError, Said},
    http::{ApiRequest, Http},
    page,
};

/// `{"error": {"code", "message"}}`. Both are documented for every refusal; the status is told even where one is missing.
#[derive(Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Deserialize)]
struct FailureBody {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Sends a request and reads what comes back; an empty response reads as `null`.
///
/// # Errors
/// When the API refuses, does not answer, or answers with something else.
pub(super) async fn ask<T: DeserializeOwned>(
    http: &Http,
    call: &ApiRequest,
) -> Result<T, ApiError> {
    let response = http.send(call).await?;
    page::refuse(call, &response)?;
    if response.status.is_success() {
        let body: &[u8] = match response.body.is_empty() {
            true => b"null",
            false => &response.body,
        };
        return serde_json::from_slice(body).map_err(|error| ApiError::UnexpectedResponse {
            call: call.name(),
            reason: http.hide(&error.to_string()),
        });
    }
    let said = said(&response.body).map(|said| Said {
        message: http.hide(&said.message),
        ..said
    });
    Err(ApiError::Refused {
        call: call.name(),
        status: response.status.as_u16(),
        errors: said.into_iter().collect(),
    })
}

/// Why an API refuses, where it says so.
fn said(body: &[u8]) -> Option<Said> {
    let Failure { error } = serde_json::from_slice(body).ok()?;
    Some(Said {
        code: error.code,
        message: error.message,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole(r#"{"error": {"code": "a", "message": "b"}}"#, Some("b (code a)"))]
    #[case::no_message(r#"{"error": {"code": "a"}}"#, Some("code a"))]
    #[case::no_code(r#"{"error": {"message": "b"}}"#, Some("b"))]
    #[case::neither(r#"{"error": {}}"#, Some("no reason given"))]
    #[case::no_envelope("busy", None)]
    fn a_refusal_is_told_as_far_as_it_says_why(#[case] body: &str, #[case] expected: Option<&str>) {
        let text = said(body.as_bytes()).map(|said| said.to_string());
        assert_eq!(text.as_deref(), expected);
    }
}
