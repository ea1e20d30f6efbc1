//! `POST /v4/send`: the worker hands over what a protected call brought, and gets the event and the decision.

use std::net::IpAddr;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use wiremock::{Request, ResponseTemplate};

use super::{
    Platform,
    answer::{self, ApiError},
    event::Event,
    identify,
    rules::RuleAction,
    signals::{Measurements, Signals},
    store::{Record, Store, Visit},
};

/// The cookie by which the platform recognises a browser.
const COOKIE: &str = "_iidt";

/// How long the cookie lives: 365 days, as its sibling in the published loader does.
const COOKIE_HOURS: i64 = 365 * 24;

/// The longest linked id, in characters.
const MAX_LINKED_ID: usize = 256;

/// What the worker sends. Unknown members are taken and ignored: the list is not published as complete.
#[derive(Deserialize)]
struct SendRequest {
    fingerprint_data: String,
    client_ip: String,
    client_host: String,
    client_user_agent: String,
    client_cookie: Option<String>,
    #[serde(default)]
    client_headers: Map<String, Json>,
    ruleset_context: Option<RulesetContext>,
}

#[derive(Deserialize)]
struct RulesetContext {
    ruleset_id: String,
}

/// What the platform knows about the visitor's connection, from the worker.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    /// The address, byte for byte as it came: the worker compares it so.
    pub(super) address: String,
    pub(super) ip: IpAddr,
    pub(super) host: String,
    pub(super) user_agent: String,
    pub(super) ray: Option<String>,
}

#[derive(Serialize)]
struct SendAnswer<'a> {
    agent_data: String,
    set_cookie_headers: [String; 1],
    event: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_action: Option<&'a RuleAction>,
}

/// Why a request was refused: the answer, and what was wrong with it.
pub(super) struct Refused {
    pub(super) error: ApiError,
    pub(super) reason: String,
}

pub(super) fn answer(platform: &Platform, request: &Request) -> Result<ResponseTemplate, Refused> {
    let sent: SendRequest = serde_json::from_slice(&request.body)
        .map_err(|error| refused(ApiError::INVALID_BODY, error.to_string()))?;
    let ip = sent.client_ip.parse().map_err(|_| {
        refused(
            ApiError::INVALID_ADDRESS,
            "client_ip is not an address".to_owned(),
        )
    })?;
    let signals = Signals::decode(&sent.fingerprint_data)
        .map_err(|error| refused(ApiError::INVALID_BODY, error.to_string()))?;
    let linked_id = signals.body.linked_id.as_deref().unwrap_or_default();
    if linked_id.chars().count() > MAX_LINKED_ID {
        return Err(refused(
            ApiError::LINKED_ID_TOO_LONG,
            "linked_id of the signals".to_owned(),
        ));
    }
    let ray = sent.client_headers.get("cf-ray").and_then(Json::as_str);
    let connection = Connection {
        address: sent.client_ip,
        ip,
        host: sent.client_host,
        user_agent: sent.client_user_agent,
        ray: ray.map(str::to_owned),
    };
    let ruleset_id = sent.ruleset_context.map(|context| context.ruleset_id);
    let cookie = sent.client_cookie.as_deref().and_then(cookie_value);
    identify(platform, &signals, connection, cookie, ruleset_id)
}

fn identify(
    platform: &Platform,
    signals: &Signals,
    connection: Connection,
    cookie: Option<&str>,
    ruleset_id: Option<String>,
) -> Result<ResponseTemplate, Refused> {
    let mut store = platform.store();
    let ruleset = match &ruleset_id {
        Some(id) => Some(store.ruleset(id).ok_or_else(|| {
            refused(
                ApiError::RULESET_NOT_FOUND,
                format!("no ruleset has the id {id}"),
            )
        })?),
        None => None,
    };
    let replayed = store.replayed(&signals.head.nonce);
    let visit = visit(&mut store, signals, cookie, platform.settings.clock.now());
    let agent_data = agent_data(&mut store, &visit);
    let cookie = match cookie {
        Some(value) if store.knows_token(value) => value.to_owned(),
        _ => store.give_token(&visit.visitor_id),
    };
    // The rest needs no memory, so that other requests need not wait for it.
    drop(store);

    let measured = identify::event(signals, &connection, &visit, replayed);
    let mut event = platform
        .settings
        .signals
        .apply(measured)
        .map_err(|error| refused(ApiError::INVALID_BODY, error.to_string()))?;
    let json = event
        .to_json()
        .map_err(|error| refused(ApiError::INVALID_BODY, error.to_string()))?;
    event.rule_action = ruleset
        .zip(ruleset_id)
        .map(|(ruleset, id)| ruleset.evaluate(&id, &json));
    let answer = SendAnswer {
        agent_data,
        set_cookie_headers: [set_cookie(&cookie, &connection.host)],
        event: &json,
        rule_action: event.rule_action.as_ref(),
    };
    let answer = answer::json(200, &answer);
    record(platform, event, connection, &signals.body);
    Ok(answer)
}

fn visit(store: &mut Store, signals: &Signals, cookie: Option<&str>, now: i64) -> Visit {
    let tokens: Vec<_> = signals
        .head
        .visitor_token
        .as_deref()
        .into_iter()
        .chain(cookie)
        .collect();
    store.visit(&tokens, &signals.body.fingerprint.visitor_id, now)
}

/// What the page's agent keeps: header-safe and free of quotes, because workers put it into headers and markup.
fn agent_data(store: &mut Store, visit: &Visit) -> String {
    let token = store.give_token(&visit.visitor_id);
    BASE64_URL_SAFE_NO_PAD.encode(json!({ "visitor_token": token }).to_string())
}

fn record(platform: &Platform, event: Event, connection: Connection, measured: &Measurements) {
    let attributes = identify::raw_attributes(&measured.fingerprint.components);
    let event = Event {
        raw_device_attributes: Some(attributes),
        ..event
    };
    let Connection { ray, host, .. } = connection;
    platform.store().records.push(Record { ray, host, event });
}

/// The value of the platform's cookie in `_iidt=value`.
fn cookie_value(header: &str) -> Option<&str> {
    let value = header.strip_prefix(COOKIE)?.strip_prefix('=')?;
    value.split(';').next().filter(|value| !value.is_empty())
}

/// The `Set-Cookie` header that the worker passes on, in the shape seen in production.
fn set_cookie(value: &str, host: &str) -> String {
    let expires = Timestamp::now()
        .checked_add(COOKIE_HOURS.hours())
        .unwrap_or(Timestamp::MAX)
        .to_zoned(TimeZone::UTC)
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string();
    // An address and a single label cannot carry a domain cookie.
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let domain = if name.contains('.') && name.parse::<IpAddr>().is_err() {
        format!(" Domain={name};")
    } else {
        String::new()
    };
    format!("{COOKIE}={value}; Path=/;{domain} Expires={expires}; HttpOnly; Secure; SameSite=None")
}

fn refused(error: ApiError, reason: String) -> Refused {
    Refused { error, reason }
}
