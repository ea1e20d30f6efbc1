//! Answers of the platform: JSON, and the error envelope that all its APIs share.

use serde::Serialize;
use wiremock::ResponseTemplate;

/// An error of the Server API v4: a status, a code and a message, as published.
///
/// What `/v4/send` answers to a bad request is not published; it answers with these as well (an assumption).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: u16,
    /// The code in the envelope.
    pub code: &'static str,
    /// The message in the envelope.
    pub message: &'static str,
}

#[derive(Serialize)]
struct Envelope {
    error: Body,
}

#[derive(Serialize)]
struct Body {
    code: &'static str,
    message: &'static str,
}

impl ApiError {
    const fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self {
            status,
            code,
            message,
        }
    }

    /// A request that cannot be parsed; the message says what is wrong with it.
    pub(super) const fn unreadable(message: &'static str) -> Self {
        Self::new(400, "request_cannot_be_parsed", message)
    }

    pub(super) const INVALID_BODY: Self = Self::unreadable("request body is not valid");
    pub(super) const INVALID_ADDRESS: Self = Self::unreadable("invalid ip address");
    pub(super) const LINKED_ID_TOO_LONG: Self =
        Self::unreadable("linked_id can't be greater than 256 characters long");
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
    pub(super) const TOO_LARGE: Self = Self::new(413, "payload_too_large", "payload too large");

    /// The error as the platform answers it.
    pub(super) fn answer(self) -> ResponseTemplate {
        let envelope = Envelope {
            error: Body {
                code: self.code,
                message: self.message,
            },
        };
        json(self.status, &envelope)
    }
}

/// An answer with a JSON body.
pub(super) fn json(status: u16, body: &impl Serialize) -> ResponseTemplate {
    match serde_json::to_vec(body) {
        Ok(body) => ResponseTemplate::new(status).set_body_raw(body, "application/json"),
        Err(_) => ResponseTemplate::new(500),
    }
}
