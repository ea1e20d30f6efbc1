//! Faults of the platform: responses that are not what it would say, which a worker must survive.
//!
//! Faults of the transport (refused, reset, slow) are the internet's; those here need to know the response.

use edgeproof_ground::fault;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value as Json, json};
use wiremock::ResponseTemplate;

use super::response::{self, ApiError};

/// A fault of some responses, as a scenario writes it: `{ on: send, fault: replayed, first: 2 }`.
pub type PlatformFault = fault::Fault<Endpoint, PlatformFaultKind>;

/// The faults that are set.
pub(super) type PlatformFaults = fault::Faults<Endpoint, PlatformFaultKind>;

/// An endpoint whose responses can have faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `POST /v4/send`.
    Send,
    /// `POST /v4/edge`.
    Edge,
    /// Everything of the Server API.
    ServerApi,
    /// Everything of the Management API.
    Management,
}

/// What happens to a response.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlatformFaultKind {
    /// A member is left out: its dotted path, such as `event.ip_info`.
    Missing(String),
    /// A member has another type.
    WrongType(String),
    /// The rule action is of a type that no client knows.
    UnknownAction,
    /// A member of this many bytes is added.
    Huge(usize),
    /// The event is this many milliseconds older.
    Stale(i64),
    /// The event is this many milliseconds in the future.
    Future(i64),
    /// The event is of this page.
    Url(String),
    /// The event is of this address.
    Ip(String),
    /// The event says that its signals are replayed.
    Replayed,
    /// The body breaks off in the middle.
    InvalidJson,
    /// The platform returns an error instead.
    Error(ErrorResponse),
}

/// An error that the platform returns instead of its response.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorResponse {
    /// The status, such as 429.
    pub status: u16,
    /// The code in the envelope, such as `too_many_requests`.
    pub code: String,
    /// The message in the envelope.
    #[serde(default)]
    pub message: String,
    /// The `Retry-After` header, in seconds.
    pub retry_after: Option<u64>,
}

impl PlatformFaultKind {
    /// The response in place of this one.
    pub(super) fn apply(&self, mut body: Json) -> ResponseTemplate {
        // The responses of `/v4/edge` and of the Server API are the event itself.
        let root = if body.get("event").is_some() {
            "event."
        } else {
            ""
        };
        let at = |member: &str| format!("{root}{member}");
        match self {
            Self::Missing(path) => change(&mut body, path, |_| None),
            Self::WrongType(path) => change(&mut body, path, |value| Some(other_type(value))),
            Self::UnknownAction => {
                change(&mut body, "rule_action.type", |_| Some(json!("challenge")))
            }
            Self::Huge(bytes) => change(&mut body, "padding", |_| Some(json!("0".repeat(*bytes)))),
            Self::Stale(millis) => {
                change(&mut body, &at("timestamp"), |time| shifted(time, -millis))
            }
            Self::Future(millis) => {
                change(&mut body, &at("timestamp"), |time| shifted(time, *millis))
            }
            Self::Url(url) => change(&mut body, &at("url"), |_| Some(json!(url))),
            Self::Ip(ip) => change(&mut body, &at("ip_address"), |_| Some(json!(ip))),
            Self::Replayed => change(&mut body, &at("replayed"), |_| Some(json!(true))),
            Self::InvalidJson => return broken_off(&body),
            Self::Error(error) => return error.response(),
        }
        response::json(200, &body)
    }

    /// The error, where the response is one whatever was asked.
    pub(super) fn error(&self) -> Option<&ErrorResponse> {
        match self {
            Self::Error(error) => Some(error),
            _ => None,
        }
    }
}

impl ErrorResponse {
    pub(super) fn response(&self) -> ResponseTemplate {
        // An unheard-of status is the scenario's to try, as far as HTTP can carry it.
        let status = if (100..=999).contains(&self.status) {
            self.status
        } else {
            ApiError::FAILED.status
        };
        let body = json!({ "error": { "code": self.code, "message": self.message } });
        let response = response::json(status, &body);
        match self.retry_after {
            Some(seconds) => response.insert_header("retry-after", seconds.to_string()),
            None => response,
        }
    }
}

/// Changes the member at a dotted path, or removes it where the change has no value.
fn change(body: &mut Json, path: &str, change: impl FnOnce(Option<&Json>) -> Option<Json>) {
    let (parents, name) = path
        .rsplit_once('.')
        .map_or((None, path), |(parents, name)| (Some(parents), name));
    let parent = parents
        .into_iter()
        .flat_map(|parents| parents.split('.'))
        .try_fold(body, |value, key| value.get_mut(key));
    let Some(members) = parent.and_then(Json::as_object_mut) else {
        return;
    };
    match change(members.get(name)) {
        Some(value) => members.insert(name.to_owned(), value),
        None => members.remove(name),
    };
}

/// A value of a type that nothing in the published responses takes for the one that was there.
fn other_type(value: Option<&Json>) -> Json {
    match value {
        Some(Json::Object(_) | Json::Array(_)) => json!("text"),
        _ => json!({ "unexpected": [] }),
    }
}

fn shifted(time: Option<&Json>, by: i64) -> Option<Json> {
    time.and_then(Json::as_i64)
        .map(|time| json!(time.saturating_add(by)))
}

fn broken_off(body: &Json) -> ResponseTemplate {
    let text = body.to_string();
    let half: String = text.chars().take(text.chars().count() / 2).collect();
    ResponseTemplate::new(200).set_body_raw(half, "application/json")
}
