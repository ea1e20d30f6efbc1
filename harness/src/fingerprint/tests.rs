//! The platform over real sockets, asked as a worker asks it.

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{signals::Head, *};

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
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
) -> Answer {
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
    Answer {
        status: head.status,
        headers: head.headers,
        body,
    }
}

fn signals(nonce: &str) -> Signals {
    let body = json!({
        "sdk": { "platform": "js", "version": "1.0.0" },
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
            timestamp: 1_795_000_000_123,
            nonce: nonce.to_owned(),
            visitor_token: None,
        },
        body: serde_json::from_value(body).unwrap(),
    }
}

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

async fn send(platform: &Fingerprint, body: &Json) -> Answer {
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

async fn start(settings: Settings) -> Fingerprint {
    Fingerprint::start(settings).await.unwrap()
}

#[tokio::test]
async fn the_cdn_serves_the_agent_for_the_public_key_only() {
    let platform = start(Settings {
        agent: Bytes::from_static(b"export {}"),
        ..Settings::default()
    })
    .await;
    let path = format!("/v4/{}", platform.keys().public);

    let found = ask(&platform, Method::GET, CDN_HOST, &path, None, Vec::new()).await;
    assert_eq!(found.status, StatusCode::OK);
    assert_eq!(
        found.headers["content-type"],
        "text/javascript; charset=utf-8"
    );
    assert_eq!(found.headers["cache-control"], AGENT_CACHE);
    assert_eq!(&found.body[..], b"export {}");

    let other = ask(
        &platform,
        Method::GET,
        CDN_HOST,
        "/v4/another",
        None,
        Vec::new(),
    )
    .await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_identification_answers_what_the_worker_checks_and_is_recorded() {
    let platform = start(Settings::default()).await;
    let answer = send(&platform, &send_body(&signals("n1"), None)).await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();

    let event = &body["event"];
    assert_eq!(event["replayed"], false);
    assert_eq!(event["timestamp"], 1_795_000_000_123_i64);
    assert_eq!(event["url"], "https://shop.example/sign-up");
    assert_eq!(event["ip_address"], "203.0.113.7");
    assert_eq!(event["ip_info"]["v4"]["address"], "203.0.113.7");
    assert_eq!(event["bot"], "not_detected");
    assert_eq!(event["incognito"], true);
    assert_eq!(event["browser_details"]["browser_name"], "Chrome");
    assert_eq!(event["identification"]["visitor_found"], false);
    assert!(event.get("bot_info").is_none());
    assert!(body.get("rule_action").is_none());
    let agent_data = body["agent_data"].as_str().unwrap();
    assert!(
        agent_data
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    );
    let cookie = body["set_cookie_headers"][0].as_str().unwrap();
    assert!(
        cookie.starts_with("_iidt=") && cookie.contains("; Domain=shop.example; Expires="),
        "{cookie}"
    );

    let records = platform.events();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].ray.as_deref(), Some("0123456789abcdef-FRA"));
    assert_eq!(records[0].host, "shop.example");
    assert!(records[0].event.flag("incognito"));
    let attributes = records[0].event.raw_device_attributes.as_ref().unwrap();
    assert_eq!(attributes["timezone"], "Europe/Berlin");
    assert!(attributes["math"].is_string());
    assert!(!attributes.contains_key("oscpu"));
}

#[tokio::test]
async fn signals_that_were_sent_before_are_replayed() {
    let platform = start(Settings::default()).await;
    let body = send_body(&signals("same"), None);
    assert_eq!(
        send(&platform, &body).await.json()["event"]["replayed"],
        false
    );
    assert_eq!(
        send(&platform, &body).await.json()["event"]["replayed"],
        true
    );
    let other = send_body(&signals("other"), None);
    assert_eq!(
        send(&platform, &other).await.json()["event"]["replayed"],
        false
    );
}

#[tokio::test]
async fn a_visitor_is_recognised_by_token_by_cookie_and_by_device() {
    let platform = start(Settings::default()).await;
    let first = send(&platform, &send_body(&signals("n1"), None))
        .await
        .json();
    let visitor = &first["event"]["identification"]["visitor_id"];
    assert_eq!(visitor.as_str().map(str::len), Some(20));

    let mut again = signals("n2");
    let same_device = send(&platform, &send_body(&again, None)).await.json();
    assert_eq!(
        &same_device["event"]["identification"]["visitor_id"],
        visitor
    );
    assert_eq!(
        same_device["event"]["identification"]["visitor_found"],
        true
    );

    // Another device, so that only what the platform gave away can be what it is recognised by.
    again.body.fingerprint.visitor_id = "another".to_owned();
    again.head.nonce = "n3".to_owned();
    let stranger = send(&platform, &send_body(&again, None)).await.json();
    assert_ne!(&stranger["event"]["identification"]["visitor_id"], visitor);

    again.head.nonce = "n4".to_owned();
    let mut with_cookie = send_body(&again, None);
    let cookie = first["set_cookie_headers"][0]
        .as_str()
        .unwrap()
        .split(';')
        .next()
        .unwrap();
    with_cookie["client_cookie"] = json!(cookie);
    let known = send(&platform, &with_cookie).await.json();
    assert_eq!(&known["event"]["identification"]["visitor_id"], visitor);

    let agent_data = first["agent_data"].as_str().unwrap();
    let agent_data: Json = serde_json::from_slice(
        &base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, agent_data).unwrap(),
    )
    .unwrap();
    again.head.visitor_token = Some(agent_data["visitor_token"].as_str().unwrap().to_owned());
    let known = send(&platform, &send_body(&again, None)).await.json();
    assert_eq!(&known["event"]["identification"]["visitor_id"], visitor);
}

#[tokio::test]
async fn the_first_rule_that_holds_decides_and_none_allows() {
    let platform = start(Settings::default()).await;
    let id = platform.set_ruleset(
        "sign-up",
        ruleset(json!({ "rules": [
            { "if": "bot == 'bad'", "block": { "status": 429 } },
            { "if": "incognito", "block": {
                "status": 403, "headers": { "content-type": "application/json" }, "body": "{}",
            } },
            { "if": "true", "allow": {} },
        ] })),
    );
    let blocked = send(&platform, &send_body(&signals("n1"), Some(&id)))
        .await
        .json();
    assert_eq!(
        blocked["rule_action"],
        json!({
            "ruleset_id": id,
            "rule_id": rules::rule_id(&id, 1),
            "rule_expression": "incognito",
            "type": "block",
            "status_code": 403,
            "headers": [{ "name": "content-type", "value": "application/json" }],
            "body": "{}",
        })
    );
    assert!(blocked["event"].get("rule_action").is_none());
    assert!(platform.events()[0].event.rule_action.is_some());

    platform.set_ruleset(
        "sign-up",
        ruleset(json!({ "rules": [{ "if": "vpn", "block": {} }] })),
    );
    let allowed = send(&platform, &send_body(&signals("n2"), Some(&id)))
        .await
        .json();
    assert_eq!(
        allowed["rule_action"],
        json!({ "ruleset_id": id, "type": "allow" })
    );
}

#[tokio::test]
async fn an_allow_rule_changes_headers() {
    let platform = start(Settings::default()).await;
    let id = platform.set_ruleset(
        "mark",
        ruleset(json!({ "rules": [{ "if": "incognito", "allow": {
            "remove": ["x-old"], "set": { "x-incognito": "1" }, "append": { "x-seen": "a" },
        } }] })),
    );
    let action = &send(&platform, &send_body(&signals("n1"), Some(&id)))
        .await
        .json()["rule_action"];
    assert_eq!(
        action["request_header_modifications"],
        json!({
            "remove": ["x-old"],
            "set": [{ "name": "x-incognito", "value": "1" }],
            "append": [{ "name": "x-seen", "value": "a" }],
        })
    );
}

#[tokio::test]
async fn stated_fields_replace_measured_ones_and_rules_see_them() {
    let stated = json!({ "incognito": false, "bot": "good", "suspect_score": 9, "ip_info.v4.asn_name": "Example" });
    let platform = start(Settings {
        signals: serde_json::from_value(stated).unwrap(),
        ..Settings::default()
    })
    .await;
    let id = platform.set_ruleset(
        "all",
        ruleset(json!({ "rules": [
            { "if": "not incognito and bot == 'good' and suspect_score == 9", "block": {} },
        ] })),
    );
    let answer = send(&platform, &send_body(&signals("n1"), Some(&id)))
        .await
        .json();
    assert_eq!(answer["rule_action"]["type"], "block");
    assert_eq!(answer["event"]["ip_info"]["v4"]["asn_name"], "Example");
    assert_eq!(answer["event"]["ip_info"]["v4"]["address"], "203.0.113.7");
    assert_eq!(platform.events()[0].event.bot, Some(event::Bot::Good));
}

#[rstest]
#[case(json!({ "incognitoo": true }), "did you mean `incognito`?")]
#[case(json!({ "incognito": "yes" }), "`incognito` is true or false, not \"yes\"")]
#[case(json!({ "bot": "evil" }), "`bot` is one of bad, good, not_detected, not \"evil\"")]
#[case(json!({ "bot_info.name": "x" }), "the stated fields do not make an event: missing field `category`")]
fn a_wrong_stated_field_is_refused(#[case] stated: Json, #[case] message: &str) {
    let error = serde_json::from_value::<Stated>(stated)
        .unwrap_err()
        .to_string();
    assert!(error.contains(message), "{error}");
}

#[rstest]
#[case(json!({ "rules": [{ "if": "incognit", "block": {} }] }), "did you mean `incognito`?")]
#[case(json!({ "rules": [{ "if": "incognito" }] }), "either `block` or `allow`")]
#[case(json!({ "rules": [{ "if": "incognito", "block": {}, "allow": {} }] }), "either `block` or `allow`")]
#[case(json!({ "rules": [{ "if": "incognito", "block": { "state": 403 } }] }), "unknown field `state`")]
#[case(json!({ "rule": [] }), "unknown field `rule`")]
#[case(json!({ "rules": [{ "if": "incognito", "block": { "headers": { "a": 1 } } }] }), "expected a string")]
fn a_wrong_ruleset_is_refused(#[case] text: Json, #[case] message: &str) {
    let error = serde_json::from_value::<Ruleset>(text)
        .unwrap_err()
        .to_string();
    assert!(error.contains(message), "{error}");
}

#[rstest]
#[case::no_key("api.fpjs.io", None, "{}", 403, "secret_api_key_required")]
#[case::empty_key("api.fpjs.io", Some(""), "{}", 403, "secret_api_key_required")]
#[case::other_key("api.fpjs.io", Some("another"), "{}", 403, "secret_api_key_not_found")]
#[case::other_region("eu.api.fpjs.io", Some("secret"), "{}", 403, "wrong_region")]
#[case::no_json("api.fpjs.io", Some("secret"), "{", 400, "request_cannot_be_parsed")]
#[case::no_members("api.fpjs.io", Some("secret"), "{}", 400, "request_cannot_be_parsed")]
#[tokio::test]
async fn a_wrong_request_gets_the_published_error(
    #[case] host: &str,
    #[case] key: Option<&str>,
    #[case] body: &str,
    #[case] status: u16,
    #[case] code: &str,
) {
    let platform = start(Settings::default()).await;
    let secret = platform.keys().secret.clone();
    let key = key.map(|key| {
        if key == "secret" {
            secret.as_str()
        } else {
            key
        }
    });
    let answer = ask(&platform, Method::POST, host, "/v4/send", key, body.into()).await;
    assert_eq!(answer.status.as_u16(), status);
    let envelope = answer.json();
    assert_eq!(envelope["error"]["code"], code);
    assert_eq!(envelope["error"].as_object().unwrap().len(), 2);
    assert_eq!(platform.refusals()[0].error.code, code);
    assert!(platform.events().is_empty());
}

#[rstest]
#[case("fingerprint_data", json!(""), "request body is not valid")]
#[case("fingerprint_data", json!("AQ"), "request body is not valid")]
#[case("fingerprint_data", json!("not base64url!"), "request body is not valid")]
#[case("client_ip", json!("shop.example"), "invalid ip address")]
#[case("client_user_agent", json!(null), "request body is not valid")]
#[case("ruleset_context", json!({ "ruleset_id": "rs_none" }), "ruleset not found")]
#[tokio::test]
async fn a_wrong_member_is_refused(
    #[case] member: &str,
    #[case] value: Json,
    #[case] message: &str,
) {
    let platform = start(Settings::default()).await;
    let mut body = send_body(&signals("n1"), None);
    body[member] = value;
    let answer = send(&platform, &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error"]["message"], message);
}

#[tokio::test]
async fn a_stopped_platform_no_longer_listens() {
    let platform = start(Settings::default()).await;
    let address = platform.address();
    drop(platform);
    // The listener is closed by its own thread a moment later.
    let closed = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), closed)
        .await
        .unwrap();
}

#[test]
fn signals_that_unpack_to_too_much_are_refused() {
    let mut bomb = signals("n1");
    bomb.body.tag = Some(json!("0".repeat(2 * 1024 * 1024)));
    let text = bomb.encode().unwrap();
    assert!(text.len() < 20_000);
    assert!(matches!(
        Signals::decode(&text),
        Err(signals::SignalsError::TooLarge)
    ));
}

proptest! {
    #[test]
    fn any_text_is_decoded_or_refused(text in "[A-Za-z0-9_-]{0,300}") {
        let _ = Signals::decode(&text);
    }

    /// The same for bytes that begin as signals do.
    #[test]
    fn any_bytes_behind_a_version_are_decoded_or_refused(length in 0_u32..40, rest in proptest::collection::vec(proptest::num::u8::ANY, 0..100)) {
        let mut bytes = vec![1];
        bytes.extend(length.to_be_bytes());
        bytes.extend(rest);
        let text = base64::Engine::encode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, bytes);
        prop_assert!(Signals::decode(&text).is_err());
    }

    #[test]
    fn what_is_encoded_is_decoded(url in "\\PC{0,80}", nonce in "\\PC{0,30}", private: bool, timestamp in 0_i64..8_640_000_000_000_000) {
        let mut signals = signals(&nonce);
        signals.head.url = url;
        signals.head.timestamp = timestamp;
        signals.body.incognito.is_private = private;
        prop_assert_eq!(Signals::decode(&signals.encode().unwrap()).unwrap(), signals);
    }
}

#[test]
fn the_rulesets_of_the_fixtures_are_valid() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/rulesets");
    let mut read = 0;
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let ruleset: Ruleset =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert!(!ruleset.rules.is_empty(), "{path:?}");
        read += 1;
    }
    assert!(read > 0);
}

#[test]
fn an_error_in_a_ruleset_file_has_line_and_column() {
    let error =
        serde_saphyr::from_str::<Ruleset>("rules:\n  - if: incognit\n    block: {}\n").unwrap_err();
    assert!(
        error.to_string().contains("did you mean `incognito`?"),
        "{error}"
    );
    assert_eq!(error.location().map(|place| place.line()), Some(2));
}

/// A task that polls often without a pause runs out of its budget; wiremock alone then hangs when it stops.
#[tokio::test]
async fn a_busy_task_can_stop_platforms() {
    for _ in 0..200 {
        drop(start(Settings::default()).await);
    }
}
