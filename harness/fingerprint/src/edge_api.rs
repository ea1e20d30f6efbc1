//! `POST /v4/edge`: what a request alone tells about its sender, without an agent.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{
    Platform,
    event::{BotInfo, Event, Level, Source},
    identify, ids,
    response::{self, ApiError, Refused},
    rules::Header,
    send::{Connection, MAX_LINKED_ID},
    store::Record,
};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct EdgeRequest {
    headers: Vec<Header>,
    url: String,
    method: String,
    ipv4_address: Option<String>,
    ipv6_address: Option<String>,
    linked_id: Option<String>,
    tags: Option<Json>,
}

/// The members of the event that the caller is told; the Server API has the others.
const TOLD: [&str; 11] = [
    "event_id",
    "timestamp",
    "ip_info",
    "bot_info",
    "ip_blocklist",
    "proxy",
    "proxy_confidence",
    "proxy_details",
    "vpn",
    "vpn_confidence",
    "vpn_methods",
];

/// Crawlers that name themselves: a part of their user agent, category, provider and name.
const CRAWLERS: [(&str, &str, &str, &str); 6] = [
    ("Googlebot", "search_engine_crawler", "Google", "Googlebot"),
    ("bingbot", "search_engine_crawler", "Microsoft", "Bingbot"),
    ("GPTBot", "ai_crawler", "OpenAI", "GPTBot"),
    ("ClaudeBot", "ai_crawler", "Anthropic", "ClaudeBot"),
    ("ChatGPT-User", "ai_assistant", "OpenAI", "ChatGPT-User"),
    (
        "AhrefsBot",
        "search_engine_optimization",
        "Ahrefs",
        "AhrefsBot",
    ),
];

pub(super) fn response(
    platform: &Platform,
    body: &[u8],
    environment: &str,
) -> Result<Vec<u8>, Refused> {
    let asked = read(body)?;
    let address = asked.ipv4_address.as_ref().or(asked.ipv6_address.as_ref());
    let address = address.ok_or_else(|| {
        Refused::from(ApiError::unreadable(
            "at least one of ipv4_address or ipv6_address is required",
        ))
    })?;
    let ip: IpAddr = address
        .parse()
        .map_err(|_| Refused::from(ApiError::INVALID_ADDRESS))?;
    let header = |name: &str| {
        asked
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    };
    let connection = Connection {
        address: address.clone(),
        ip,
        host: header("host").unwrap_or_default().to_owned(),
        user_agent: header("user-agent").unwrap_or_default().to_owned(),
        ray: header("cf-ray").map(str::to_owned),
        environment: environment.to_owned(),
    };
    let now = platform.settings.clock.now();
    let mut event = Event {
        event_id: ids::event(now),
        timestamp: now,
        source: Some(Source::Edge),
        environment_id: Some(environment.to_owned()),
        linked_id: asked.linked_id.clone(),
        tags: asked.tags.clone(),
        url: Some(asked.url.clone()),
        user_agent: Some(connection.user_agent.clone()),
        ip_address: Some(address.clone()),
        bot_info: bot_info(
            header("signature-agent").zip(header("signature-input")),
            &connection.user_agent,
        ),
        ..Event::default()
    };
    identify::address(&mut event, None, &connection, &platform.settings.networks);
    let event = platform.settings.switch_off(event);
    let told = match event.to_json().map_err(ApiError::failed)? {
        Json::Object(mut members) => {
            members.retain(|name, _| TOLD.contains(&name.as_str()));
            members
        }
        _ => Map::new(),
    };
    let response = response::body(&told)?;
    let Connection { ray, host, .. } = connection;
    platform.store().record(Record { ray, host, event });
    Ok(response)
}

fn read(body: &[u8]) -> Result<EdgeRequest, Refused> {
    let asked: EdgeRequest = serde_json::from_slice(body).map_err(|error| {
        let reason = error.to_string();
        match reason
            .strip_prefix("unknown field `")
            .and_then(|rest| rest.split('`').next())
        {
            Some(field) => ApiError::unreadable(format!(
                "request body contains an unknown field \"{field}\""
            ))
            .into(),
            None => ApiError::INVALID_BODY.because(reason),
        }
    })?;
    if asked.headers.is_empty() {
        return Err(ApiError::INVALID_BODY.because("headers is empty"));
    }
    if asked
        .linked_id
        .as_ref()
        .is_some_and(|id| id.chars().count() > MAX_LINKED_ID)
    {
        return Err(ApiError::LINKED_ID_TOO_LONG.into());
    }
    Ok(asked)
}

/// Whoever signs its requests (Web Bot Auth), or names itself. Signatures are not verified here: that needs the
/// signer's key directory, so the identity is `signed` and never `verified`.
fn bot_info(signature: Option<(&str, &str)>, user_agent: &str) -> Option<BotInfo> {
    let info = |category: &str, provider: &str, name: &str, identity: &str, confidence| BotInfo {
        category: category.to_owned(),
        provider: provider.to_owned(),
        provider_url: None,
        name: name.to_owned(),
        identity: identity.to_owned(),
        confidence,
    };
    if let Some((agent, input)) = signature
        && input.contains("tag=\"web-bot-auth\"")
    {
        let agent = agent.trim_matches('"');
        return Some(info("unknown", agent, agent, "signed", Level::High));
    }
    CRAWLERS
        .into_iter()
        .find(|(part, ..)| user_agent.contains(part))
        .map(|(_, category, provider, name)| info(category, provider, name, "unknown", Level::Low))
}
