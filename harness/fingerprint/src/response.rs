//! Responses of the platform: JSON, and the error envelope that all its APIs share.

use std::borrow::Cow;

use serde::Serialize;
use wiremock::ResponseTemplate;

/// An error of the Server API v4: a status, a code and a message, as published.
///
/// What `/v4/send` answers to a bad request is not published; it answers with these as well (an assumption).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The code in the envelope.
    pub code: &'static str,
    /// The message in the envelope.
    pub message: Cow<'static, str>,
    /// In how many seconds to ask again, where the response says so.
    pub retry_after: Option<u64>,
}

/// A refused request: what it is answered, and what was wrong with it in more words than the response has.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) error: ApiError,
    pub(super) reason: String,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    code: &'static str,
    message: &'a str,
}

impl ApiError {
    const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message: Cow::Borrowed(message),
            retry_after: None,
        }
    }

    /// A request that cannot be parsed; the message says what is wrong with it.
    pub(super) fn unreadable(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            ..Self::INVALID_BODY
        }
    }

    /// A caller that asked too often, and may ask again in so many seconds.
    pub(super) fn too_many(message: &'static str, seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds),
            ..Self::new(429, "too_many_requests", message)
        }
    }

    /// The error, with what was wrong in words for anyone who reads the records.
    pub(super) fn because(self, reason: impl Into<String>) -> Refused {
        Refused {
            error: self,
            reason: reason.into(),
        }
    }

    pub(super) const INVALID_BODY: Self =
        Self::new(400, "request_cannot_be_parsed", "request body is not valid");
    pub(super) const INVALID_ADDRESS: Self =
        Self::new(400, "request_cannot_be_parsed", "invalid ip address");
    pub(super) const LINKED_ID_TOO_LONG: Self = Self::new(
        400,
        "request_cannot_be_parsed",
        "linked_id can't be greater than 256 characters long",
    );
    pub(super) const RULESET_NOT_FOUND: Self =
        Self::new(400, "ruleset_not_found", "ruleset not found");
    pub(super) const KEY_REQUIRED: Self = Self::new(
        403,
        "secret_api_key_required",
        "secret API key in header is missing or empty",
    );
    pub(super) const KEY_NOT_FOUND: Self = Self::new(
        403,
        "secret_api_key_not_found",
        "no fingerprint workspace found for specified secret API key",
    );
    pub(super) const WRONG_REGION: Self = Self::new(403, "wrong_region", "wrong region");
    pub(super) const EVENT_NOT_FOUND: Self =
        Self::new(404, "event_not_found", "event id not found");
    pub(super) const VISITOR_NOT_FOUND: Self =
        Self::new(404, "visitor_not_found", "visitor not found");
    pub(super) const FAILED: Self = Self::new(500, "failed", "internal server error");
    /// Neither code nor message of a filtered identification is published (an assumption).
    pub(super) const FILTERED: Self = Self::new(403, "request_filtered", "request filtered");
    pub(super) const TOO_LARGE: Self = Self::new(413, "payload_too_large", "payload too large");

    /// The codes of the Management API are not published (an assumption).
    pub(super) const MANAGEMENT_KEY: Self = Self::new(
        401,
        "unauthorized",
        "Management API key is missing or wrong",
    );
    pub(super) const API_VERSION: Self =
        Self::new(400, "bad_request", "X-API-Version is missing or not known");
    pub(super) const ENVIRONMENT_NOT_FOUND: Self =
        Self::new(404, "not_found", "environment not found");
    pub(super) const KEY_ID_NOT_FOUND: Self = Self::new(404, "not_found", "API key not found");

    /// A fault of the platform itself.
    #[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
    pub(super) fn failed(error: serde_json::Error) -> Refused {
        Self::FAILED.because(error.to_string())
    }

    /// The error as the platform answers it.
    pub(super) fn response(&self) -> ResponseTemplate {
        let envelope = Envelope {
            error: Body {
                code: self.code,
                message: &self.message,
            },
        };
        let response = json(self.status, &envelope);
        match self.retry_after {
            Some(seconds) => response.insert_header("retry-after", seconds.to_string()),
            None => response,
        }
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        let reason = error.message.clone().into_owned();
        Self { error, reason }
    }
}

/// A response with a JSON body.
pub(super) fn json(status: u16, body: &impl Serialize) -> ResponseTemplate {
    match serde_json::to_vec(body) {
        Ok(body) => raw(status, body),
        Err(_) => ResponseTemplate::new(500),
    }
}

/// The body of a JSON response.
pub(super) fn body(body: &impl Serialize) -> Result<Vec<u8>, Refused> {
    serde_json::to_vec(body).map_err(ApiError::failed)
}

/// A response with a JSON body that is already written; none where it is empty.
pub(super) fn raw(status: u16, body: Vec<u8>) -> ResponseTemplate {
    let response = ResponseTemplate::new(status);
    if body.is_empty() {
        response
    } else {
        response.set_body_raw(body, "application/json")
    }
}
