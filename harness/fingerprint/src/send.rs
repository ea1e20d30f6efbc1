//! `POST /v4/send`: the worker hands over what a protected call brought, and gets the event and the decision.

use std::net::IpAddr;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::{
    Platform, attributes,
    event::Event,
    filtering::{self, Filtered},
    identify, intelligence,
    response::{self, ApiError, Refused},
    rules::RuleAction,
    signals::{Measurements, Signals},
    store::{Record, Store, VisitorHistory},
    velocity::Sighting,
};

/// The cookie by which the platform recognises a browser.
const COOKIE: &str = "_iidt";

/// How long the cookie lives: 365 days, as its sibling in the published loader does.
const COOKIE_HOURS: i64 = 365 * 24;

/// The longest linked id, in characters.
pub(super) const MAX_LINKED_ID: usize = 256;

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
    /// The id of the environment of the key that asked.
    pub(super) environment: String,
}

#[derive(Serialize)]
struct SendResponse<'a> {
    agent_data: String,
    set_cookie_headers: [String; 1],
    event: &'a Json,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_action: Option<&'a RuleAction>,
}

pub(super) fn response(
    platform: &Platform,
    body: &[u8],
    environment: &str,
) -> Result<Vec<u8>, Refused> {
    let sent: SendRequest = serde_json::from_slice(body)
        .map_err(|error| ApiError::INVALID_BODY.because(error.to_string()))?;
    let ip = sent
        .client_ip
        .parse()
        .map_err(|_| ApiError::INVALID_ADDRESS.because("client_ip is not an address"))?;
    let signals = Signals::decode(&sent.fingerprint_data)
        .map_err(|error| ApiError::INVALID_BODY.because(error.to_string()))?;
    let linked_id = signals.body.linked_id.as_deref().unwrap_or_default();
    if linked_id.chars().count() > MAX_LINKED_ID {
        return Err(ApiError::LINKED_ID_TOO_LONG.because("linked_id of the signals"));
    }
    let ray = sent.client_headers.get("cf-ray").and_then(Json::as_str);
    let connection = Connection {
        address: sent.client_ip,
        ip,
        host: sent.client_host,
        user_agent: sent.client_user_agent,
        ray: ray.map(str::to_owned),
        environment: environment.to_owned(),
    };
    let headers = &sent.client_headers;
    let filtered = Filtered {
        signals: &signals,
        connection: &connection,
        headers,
    };
    if let Some(place) = filtering::denied(&platform.settings.filters, &filtered) {
        return Err(ApiError::FILTERED.because(format!("filter rule {} denies it", place + 1)));
    }
    let ruleset_id = sent.ruleset_context.map(|context| context.ruleset_id);
    let cookie = sent.client_cookie.as_deref().and_then(cookie_value);
    identify(
        platform,
        &signals,
        connection,
        cookie,
        ruleset_id.as_deref(),
    )
}

fn identify(
    platform: &Platform,
    signals: &Signals,
    connection: Connection,
    cookie: Option<&str>,
    ruleset_id: Option<&str>,
) -> Result<Vec<u8>, Refused> {
    let mut store = platform.store();
    let now = platform.settings.clock.now();
    let ruleset = ruleset_id
        .map(|id| Ok::<_, Refused>((id, store.ruleset(id, now)?)))
        .transpose()?;
    let visit = visit(platform, &mut store, signals, &connection, cookie);
    let agent_data = agent_data(&mut store, &visit);
    let cookie = match cookie {
        Some(value) if store.knows_token(value) => value.to_owned(),
        _ => store.give_token(&visit.visitor_id),
    };
    // The rest needs no memory, so that other requests need not wait for it.
    drop(store);

    let at = signals.head.handed_out(now);
    let networks = &platform.settings.networks;
    let measured = identify::event(signals, &connection, &visit, networks, at);
    let mut event = platform
        .settings
        .complete(measured, connection.ip, &platform.signals())?;
    let json = event.to_json().map_err(ApiError::failed)?;
    event.rule_action = ruleset.map(|(id, ruleset)| ruleset.evaluate(id, &json));
    let response = response::body(&SendResponse {
        agent_data,
        set_cookie_headers: [set_cookie(&cookie, &connection.host, now)],
        event: &json,
        rule_action: event.rule_action.as_ref(),
    })?;
    record(platform, event, connection, &signals.body);
    Ok(response)
}

/// What the memory of the platform adds to a visit.
fn visit(
    platform: &Platform,
    store: &mut Store,
    signals: &Signals,
    connection: &Connection,
    cookie: Option<&str>,
) -> VisitorHistory {
    let now = platform.settings.clock.now();
    let token = signals.head.visitor_token.as_deref();
    let tokens: Vec<_> = token.into_iter().chain(cookie).collect();
    let replayed = store.replayed(&signals.head.nonce);
    let visit = store.visit(&tokens, &signals.body.fingerprint.visitor_id, now);
    let network = intelligence::look_up(&platform.settings.networks, connection.ip);
    let country = network
        .and_then(|(_, network)| network.info.geolocation.as_ref())
        .and_then(|place| place.country_code.as_deref());
    let velocity = store.history.count(Sighting {
        at: now,
        visitor: &visit.visitor_id,
        address: &connection.address,
        linked_id: signals.body.linked_id.as_deref(),
        country,
    });
    VisitorHistory {
        replayed,
        velocity,
        ..visit
    }
}

/// What the page's agent keeps: header-safe and free of quotes, because workers put it into headers and markup.
fn agent_data(store: &mut Store, visit: &VisitorHistory) -> String {
    let token = store.give_token(&visit.visitor_id);
    BASE64_URL_SAFE_NO_PAD.encode(json!({ "visitor_token": token }).to_string())
}

fn record(platform: &Platform, event: Event, connection: Connection, measured: &Measurements) {
    let attributes = attributes::published(&measured.fingerprint.components);
    let event = Event {
        raw_device_attributes: Some(attributes),
        ..event
    };
    let Connection { ray, host, .. } = connection;
    platform.store().record(Record { ray, host, event });
}

/// The value of the platform's cookie in `_iidt=value`.
fn cookie_value(header: &str) -> Option<&str> {
    let value = header.strip_prefix(COOKIE)?.strip_prefix('=')?;
    value.split(';').next().filter(|value| !value.is_empty())
}

/// The `Set-Cookie` header that the worker passes on, in the shape seen in production.
fn set_cookie(value: &str, host: &str, now: i64) -> String {
    let expires = Timestamp::from_millisecond(now)
        .unwrap_or(Timestamp::MAX)
        .checked_add(COOKIE_HOURS.hours())
        .unwrap_or(Timestamp::MAX)
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
