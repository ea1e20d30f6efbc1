//! The platform over real sockets, asked as workers and SDKs ask it.

mod edge;
mod fault;
mod filtering;
mod ingress;
mod sdks;
mod server_api;

use bytes::Bytes;
use edgeproof_test_support::server_api::not_as_published;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value as Json, json};

use super::{Fingerprint, PlatformSettings, Ruleset, Signals, signals::Head};

struct FullResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl FullResponse {
    fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// Asks at the platform's address, under the name of one of its hosts.
async fn ask(
    platform: &Fingerprint,
    method: Method,
    host: &str,
    path: &str,
    key: Option<&str>,
    body: Vec<u8>,
) -> FullResponse {
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let mut request = Request::builder()
        .method(method)
        .uri(format!("http://{}{path}", platform.address()))
        .header("host", host)
        .header("content-type", "application/json");
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let response = client
        .request(request.body(Full::new(body.into())).unwrap())
        .await
        .unwrap();
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let answer = FullResponse {
        status: head.status,
        headers: head.headers,
        body,
    };
    // A fault is what is not as it should be.
    if platform.platform.settings.faults.is_empty()
        && !answer.body.is_empty()
        && let Some(published) = published(path, answer.status)
    {
        let not = not_as_published(published, &answer.json());
        assert!(not.is_empty(), "{path} is not as published: {not:?}");
    }
    answer
}

/// What an endpoint of the Server API answers, by its name in the published schema. That of the ingress is not published.
fn published(path: &str, status: StatusCode) -> Option<&'static str> {
    let path = path.split('?').next().unwrap_or_default();
    let found = match path.strip_prefix("/v4/")? {
        "edge" => "edge",
        "events" => "search",
        path if path.starts_with("events/") || path.starts_with("visitors/") => "event",
        _ => return None,
    };
    if status.is_client_error() || status.is_server_error() {
        return Some("error");
    }
    // A change and a deletion are answered with an empty body.
    Some(found)
}

fn signals(nonce: &str) -> Signals {
    let body = json!({
        "sdk": { "platform": "js", "version": "1.0.0", "integrations": ["fingerprint-flow-cloudflare/0.1/instrumentor"] },
        "fingerprint": {
            "visitorId": "0123456789abcdef0123456789abcdef",
            "confidence": { "score": 0.7, "comment": "0.7 for other platforms" },
            "components": {
                "timezone": { "value": "Europe/Berlin", "duration": 1 },
                "math": { "value": { "acos": 1.4 }, "duration": 1 },
                "osCpu": { "duration": 0 },
            },
        },
        "bot": { "bot": false },
        "incognito": { "isPrivate": true, "browserName": "Chrome" },
        "user_agent": USER_AGENT,
        "referrer": "",
        "unheard": { "of": 1 },
    });
    Signals {
        head: Head {
            url: "https://shop.example/sign-up".to_owned(),
            timestamp: TIMESTAMP,
            clock_ahead: Some(0),
            nonce: nonce.to_owned(),
            visitor_token: None,
        },
        body: serde_json::from_value(body).unwrap(),
    }
}

/// When the signals of these tests were handed out.
const TIMESTAMP: i64 = 1_795_000_000_123;

const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36";

fn send_body(signals: &Signals, ruleset_id: Option<&str>) -> Json {
    let mut body = json!({
        "fingerprint_data": signals.encode().unwrap(),
        "client_ip": "203.0.113.7",
        "client_host": "shop.example",
        "client_user_agent": USER_AGENT,
        "client_headers": { "cf-ray": "0123456789abcdef-FRA", "accept": "*/*" },
    });
    if let Some(id) = ruleset_id {
        body["ruleset_context"] = json!({ "ruleset_id": id });
    }
    body
}

async fn send(platform: &Fingerprint, body: &Json) -> FullResponse {
    let key = platform.keys().secret.clone();
    ask(
        platform,
        Method::POST,
        "api.fpjs.io",
        "/v4/send",
        Some(&key),
        body.to_string().into(),
    )
    .await
}

fn ruleset(text: Json) -> Ruleset {
    serde_json::from_value(text).unwrap()
}

async fn start(settings: PlatformSettings) -> Fingerprint {
    Fingerprint::start(settings).await.unwrap()
}

/// A workspace with these settings, written as a scenario writes them.
async fn workspace(settings: Json) -> Fingerprint {
    start(serde_json::from_value(settings).unwrap()).await
}
