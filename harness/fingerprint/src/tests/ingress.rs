//! The CDN, `/v4/send` and what it decides.

use bytes::Bytes;
use http::{Method, StatusCode};
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value as Json, json};

use super::{
    super::{
        AGENT_CACHE, CDN_HOST, PlatformSettings, Ruleset, Signals, Stated, event, rules, signals,
    },
    *,
};

#[tokio::test]
async fn the_cdn_serves_the_agent_for_the_public_key_only() {
    let platform = start(PlatformSettings {
        agent_bundle: Bytes::from_static(b"export {}"),
        ..PlatformSettings::default()
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
    let platform = start(PlatformSettings::default()).await;
    let response = send(&platform, &send_body(&signals("n1"), None)).await;
    assert_eq!(response.status, StatusCode::OK);
    let body = response.json();

    let event = &body["event"];
    assert_eq!(event["replayed"], false);
    assert_eq!(event["timestamp"], TIMESTAMP);
    assert_eq!(event["url"], "https://shop.example/sign-up");
    assert_eq!(event["ip_address"], "203.0.113.7");
    assert_eq!(event["ip_info"]["v4"]["address"], "203.0.113.7");
    assert_eq!(event["bot"], "not_detected");
    assert_eq!(event["incognito"], true);
    assert_eq!(
        event["sdk"]["integrations"],
        json!([{ "name": "fingerprint-flow-cloudflare", "version": "0.1", "subintegration": { "name": "instrumentor" } }])
    );
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
    let platform = start(PlatformSettings::default()).await;
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
    let platform = start(PlatformSettings::default()).await;
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
    let platform = start(PlatformSettings::default()).await;
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

    let id = platform.set_ruleset(
        "others",
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
    let platform = start(PlatformSettings::default()).await;
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
    let platform = start(PlatformSettings {
        signals: serde_json::from_value(stated).unwrap(),
        ..PlatformSettings::default()
    })
    .await;
    let id = platform.set_ruleset(
        "all",
        ruleset(json!({ "rules": [
            { "if": "not incognito and bot == 'good' and suspect_score == 9", "block": {} },
        ] })),
    );
    let response = send(&platform, &send_body(&signals("n1"), Some(&id)))
        .await
        .json();
    assert_eq!(response["rule_action"]["type"], "block");
    assert_eq!(response["event"]["ip_info"]["v4"]["asn_name"], "Example");
    assert_eq!(response["event"]["ip_info"]["v4"]["address"], "203.0.113.7");
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
    let platform = start(PlatformSettings::default()).await;
    let secret = platform.keys().secret.clone();
    let key = key.map(|key| {
        if key == "secret" {
            secret.as_str()
        } else {
            key
        }
    });
    let response = ask(&platform, Method::POST, host, "/v4/send", key, body.into()).await;
    assert_eq!(response.status.as_u16(), status);
    let envelope = response.json();
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
    let platform = start(PlatformSettings::default()).await;
    let mut body = send_body(&signals("n1"), None);
    body[member] = value;
    let response = send(&platform, &body).await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert_eq!(response.json()["error"]["message"], message);
}

#[tokio::test]
async fn a_stopped_platform_no_longer_listens() {
    let platform = start(PlatformSettings::default()).await;
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
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/rulesets");
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
        drop(start(PlatformSettings::default()).await);
    }
}

#[tokio::test]
async fn a_changed_ruleset_is_in_force_after_the_delay_and_a_new_one_at_once() {
    let settings = PlatformSettings::default();
    let clock = settings.clock.clone();
    let platform = start(settings).await;
    let allow_all = || ruleset(json!({ "rules": [] }));
    let block_all = || ruleset(json!({ "rules": [{ "if": "true", "block": {} }] }));
    let id = platform.set_ruleset("sign-up", block_all());
    let decide = async |nonce: &str| {
        let response = send(&platform, &send_body(&signals(nonce), Some(&id))).await;
        response.json()["rule_action"]["type"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(decide("1").await, "block");
    platform.set_ruleset("sign-up", allow_all());
    assert_eq!(decide("2").await, "block");
    clock.advance(std::time::Duration::from_secs(59));
    assert_eq!(decide("3").await, "block");
    clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(decide("4").await, "allow");
}

#[rstest]
#[case(json!({ "disabled": true, "rules": [{ "if": "true", "block": {} }] }), "allow")]
#[case(json!({ "rules": [{ "if": "true", "block": {}, "disabled": true }] }), "allow")]
#[case(json!({ "rules": [], "default": { "block": { "status": 451 } } }), "block")]
#[tokio::test]
async fn rules_and_rulesets_can_be_disabled_and_a_default_be_set(
    #[case] text: Json,
    #[case] expected: &str,
) {
    let platform = start(PlatformSettings::default()).await;
    let id = platform.set_ruleset("sign-up", ruleset(text));
    let action = &send(&platform, &send_body(&signals("1"), Some(&id)))
        .await
        .json()["rule_action"];
    assert_eq!(action["type"], expected);
    assert!(action.get("rule_id").is_none() && action.get("rule_expression").is_none());
}

#[tokio::test]
async fn an_event_says_what_address_counters_and_browser_tell() {
    let platform = start(PlatformSettings::default()).await;
    let mut body = send_body(&signals("1"), None);
    // A public VPN in New York, a browser in Berlin, and a user agent the page does not have.
    body["client_ip"] = json!("198.51.100.70");
    body["client_user_agent"] = json!("curl/8.14.1");
    let event = &send(&platform, &body).await.json()["event"];
    assert_eq!(event["vpn"], true);
    assert_eq!(
        event["vpn_methods"],
        json!({ "timezone_mismatch": true, "public_vpn": true, "relay": false })
    );
    assert_eq!(event["vpn_origin_timezone"], "Europe/Berlin");
    assert_eq!(event["proxy"], false);
    assert_eq!(event["proxy_confidence"], "high");
    assert_eq!(event["ip_info"]["v4"]["asn_network"], "198.51.100.64/26");
    assert_eq!(event["tampering"], true);
    assert_eq!(
        event["velocity"]["events"],
        json!({ "5_minutes": 1, "1_hour": 1, "24_hours": 1 })
    );
    // Incognito 4, time zone 3, public VPN 4, anomaly 8.
    assert_eq!(event["suspect_score"], 19);
}

#[tokio::test]
async fn what_is_switched_off_reads_false_and_does_not_score() {
    let settings = json!({ "switched_off": ["incognito", "vpn", "bot"], "signals_of": { "198.51.100.70": { "bot": "bad" } } });
    let platform = workspace(settings).await;
    let mut body = send_body(&signals("1"), None);
    body["client_ip"] = json!("198.51.100.70");
    let event = &send(&platform, &body).await.json()["event"];
    assert_eq!(event["incognito"], false);
    assert_eq!(event["vpn"], false);
    assert_eq!(event["bot"], "not_detected");
    assert_eq!(event["suspect_score"], 0);
}

#[tokio::test]
async fn fields_can_be_stated_for_the_visits_of_one_address() {
    let platform = workspace(json!({ "signals_of": { "192.0.2.1": { "bot": "bad" } } })).await;
    let mut body = send_body(&signals("1"), None);
    assert_eq!(
        send(&platform, &body).await.json()["event"]["bot"],
        "not_detected"
    );
    body["client_ip"] = json!("192.0.2.1");
    assert_eq!(send(&platform, &body).await.json()["event"]["bot"], "bad");
}

#[tokio::test]
async fn keys_of_another_environment_are_keys_and_their_events_say_so() {
    let platform = start(PlatformSettings::default()).await;
    let keys = platform.make_keys("staging");
    let body = send_body(&signals("1"), None).to_string();
    let response = ask(
        &platform,
        Method::POST,
        "api.fpjs.io",
        "/v4/send",
        Some(&keys.secret),
        body.into(),
    )
    .await;
    let other = send(&platform, &send_body(&signals("2"), None))
        .await
        .json();
    let environment = &response.json()["event"]["environment_id"];
    assert!(environment.as_str().unwrap().starts_with("ae_"));
    assert_ne!(environment, &other["event"]["environment_id"]);
    let path = format!("/v4/{}", keys.public);
    assert_eq!(
        ask(&platform, Method::GET, CDN_HOST, &path, None, Vec::new())
            .await
            .status,
        StatusCode::OK
    );
}

#[test]
fn secret_keys_are_not_shown() {
    let keys = super::super::Keys {
        public: "p-key".to_owned(),
        secret: "s-key".to_owned(),
    };
    assert_eq!(format!("{keys:?}"), "Keys { public: \"p-key\", .. }");
}

/// The resident memory of this process, in MiB.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<usize>().unwrap() / 1024
}

/// 512 MiB, of many at a time, so that each replaced mock has requests that wait.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_is_not_kept_and_every_request_has_its_response() {
    let platform = std::sync::Arc::new(start(PlatformSettings::default()).await);
    let before = resident();
    let many = (0..16).map(|_| {
        let platform = std::sync::Arc::clone(&platform);
        tokio::spawn(async move {
            let body = json!({ "padding": "0".repeat(512 * 1024) });
            for _ in 0..64 {
                let response = send(&platform, &body).await;
                assert_eq!(response.status, StatusCode::BAD_REQUEST);
            }
        })
    });
    for done in many.collect::<Vec<_>>() {
        done.await.unwrap();
    }
    let grown = resident().saturating_sub(before);
    // Other tests of this process take some as well.
    assert!(grown < 256, "{grown} MiB");
}
