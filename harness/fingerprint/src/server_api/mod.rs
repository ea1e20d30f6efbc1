//! The Server API v4: events are read, searched and changed, visitors deleted.

mod limits;
mod search;

use std::{borrow::Cow, sync::Arc};

use http::Method;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use wiremock::Request;

pub(super) use limits::Limits;
pub use limits::RateLimit;

use super::{
    Platform, ids,
    response::{self, ApiError, Refused},
    send::MAX_LINKED_ID,
    store::Record,
};

/// Events older than this cannot be changed; the API says they are not there (an assumption).
const CHANGEABLE: i64 = 31 * 24 * 60 * 60 * 1000;

/// What can be changed of an event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Update {
    linked_id: Option<String>,
    tags: Option<Map<String, Json>>,
    suspect: Option<bool>,
}

/// A request of the Server API, as its path names it.
pub(super) enum Operation {
    /// `GET /v4/events`.
    Search,
    /// `GET /v4/events/{event_id}`.
    Get(String),
    /// `PATCH /v4/events/{event_id}`.
    Update(String),
    /// `DELETE /v4/visitors/{visitor_id}`.
    Delete(String),
}

impl Operation {
    /// What is asked for; none where the path is not of the Server API.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let path = request.url.path().strip_prefix("/v4/")?;
        let (resource, id) = path.split_once('/').unwrap_or((path, ""));
        let id = percent_decode_str(id).decode_utf8_lossy().into_owned();
        match (&request.method, resource) {
            (&Method::GET, "events") if id.is_empty() => Some(Self::Search),
            (&Method::GET, "events") => Some(Self::Get(id)),
            (&Method::PATCH, "events") => Some(Self::Update(id)),
            (&Method::DELETE, "visitors") => Some(Self::Delete(id)),
            _ => None,
        }
    }

    /// The response, as far as the key's limits allow one.
    pub(super) fn response(
        &self,
        platform: &Platform,
        request: &Request,
        key: &str,
    ) -> Result<Vec<u8>, Refused> {
        let now = platform.settings.clock.now();
        let limit = &platform.settings.rate_limit;
        match self {
            Self::Search => {
                platform
                    .store()
                    .limits
                    .ordinary(key, limit, now, "too many search requests")
            }
            Self::Get(_) | Self::Update(_) => {
                platform
                    .store()
                    .limits
                    .ordinary(key, limit, now, "too many requests")
            }
            Self::Delete(_) => platform.store().limits.deletion(key, now),
        }?;
        match self {
            Self::Search => search::response(platform, request),
            Self::Get(id) => get(platform, request, id),
            Self::Update(id) => update(platform, request, id),
            Self::Delete(id) => delete(platform, id),
        }
    }
}

fn get(platform: &Platform, request: &Request, id: &str) -> Result<Vec<u8>, Refused> {
    let mut event = event(platform, id)?.event.clone();
    // What was decided at the visit is not part of the event; what is asked for now is.
    event.rule_action = None;
    let asked = request
        .url
        .query_pairs()
        .find(|(name, _)| name == "ruleset_id");
    if let Some((_, id)) = asked {
        let ruleset = platform
            .store()
            .ruleset(&id, platform.settings.clock.now())?;
        let json = event.to_json().map_err(ApiError::failed)?;
        event.rule_action = Some(ruleset.evaluate(&id, &json));
    }
    response::body(&event)
}

fn update(platform: &Platform, request: &Request, id: &str) -> Result<Vec<u8>, Refused> {
    let update: Update = serde_json::from_slice(&request.body)
        .map_err(|error| ApiError::INVALID_BODY.because(error.to_string()))?;
    if update
        .linked_id
        .as_ref()
        .is_some_and(|id| id.chars().count() > MAX_LINKED_ID)
    {
        return Err(ApiError::LINKED_ID_TOO_LONG.into());
    }
    let found = event(platform, id)?;
    if found.event.timestamp < platform.settings.clock.now() - CHANGEABLE {
        return Err(ApiError::EVENT_NOT_FOUND.because("the event is older than a month"));
    }
    platform.store().change(id, |event| {
        if let Some(linked_id) = update.linked_id {
            event.linked_id = Some(linked_id);
        }
        if let Some(tags) = update.tags {
            event.tags = Some(Json::Object(tags));
        }
        if let Some(suspect) = update.suspect {
            event.suspect = Some(suspect);
        }
    });
    Ok(Vec::new())
}

fn delete(platform: &Platform, visitor_id: &str) -> Result<Vec<u8>, Refused> {
    if visitor_id.is_empty() {
        return Err(ApiError::unreadable("visitor id is required").into());
    }
    check_visitor_id(visitor_id)?;
    let now = platform.settings.clock.now();
    if platform.store().delete_visitor(visitor_id, now) {
        Ok(Vec::new())
    } else {
        Err(ApiError::VISITOR_NOT_FOUND.into())
    }
}

fn event(platform: &Platform, id: &str) -> Result<Arc<Record>, Refused> {
    if !ids::is_event(id) {
        return Err(ApiError::unreadable("invalid event_id").into());
    }
    let now = platform.settings.clock.now();
    let store = platform.store();
    let found = store.kept(now).find(|record| record.event.event_id == id);
    found.ok_or_else(|| ApiError::EVENT_NOT_FOUND.into())
}

/// Refuses what has not the form of a visitor's id.
fn check_visitor_id(id: &str) -> Result<(), Refused> {
    if id.len() == ids::VISITOR_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(ApiError::unreadable("invalid visitor id").into())
}

/// A parameter that cannot be read. Messages beyond the published ones are made in their manner.
fn invalid(what: impl Into<Cow<'static, str>>) -> Refused {
    ApiError::unreadable(what).into()
}
