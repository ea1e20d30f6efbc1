//! The Server API v4, asked directly.

use http::{Method, StatusCode};
use rstest::rstest;

use super::*;

async fn get(platform: &Fingerprint, path: &str) -> FullResponse {
    let key = platform.keys().secret.clone();
    ask(
        platform,
        Method::GET,
        "api.fpjs.io",
        path,
        Some(&key),
        Vec::new(),
    )
    .await
}

async fn patch(platform: &Fingerprint, id: &str, body: Json) -> FullResponse {
    let key = platform.keys().secret.clone();
    let path = format!("/v4/events/{id}");
    ask(
        platform,
        Method::PATCH,
        "api.fpjs.io",
        &path,
        Some(&key),
        body.to_string().into(),
    )
    .await
}

async fn delete(platform: &Fingerprint, visitor: &str) -> FullResponse {
    let key = platform.keys().secret.clone();
    let path = format!("/v4/visitors/{visitor}");
    ask(
        platform,
        Method::DELETE,
        "api.fpjs.io",
        &path,
        Some(&key),
        Vec::new(),
    )
    .await
}

/// Signals of this moment: the API's default range ends now.
pub(super) fn now(nonce: &str) -> Signals {
    let mut signals = signals(nonce);
    signals.head.timestamp = edgeproof_ground::clock::Clock::default().now();
    signals
}

/// A workspace without limits and with three events: an ordinary one, a bot's, and one through a VPN.
async fn populated() -> (Fingerprint, Vec<String>) {
    let platform = workspace(json!({ "rate_limit": { "per_second": 1e6, "burst": 1e6 } })).await;
    let mut signals = [now("1"), now("2"), now("3")];
    for (place, signals) in signals.iter_mut().enumerate() {
        signals.head.timestamp += place as i64 - 10;
    }
    signals[1].body.bot.bot = true;
    signals[1].body.bot.bot_kind = Some("headless_chrome".to_owned());
    signals[1].body.incognito.is_private = false;
    signals[1].body.fingerprint.visitor_id = "another device".to_owned();
    signals[2].body.linked_id = Some("order-7".to_owned());
    signals[2].head.url = "https://other.example/login".to_owned();
    for (place, signals) in signals.iter().enumerate() {
        let mut body = send_body(signals, None);
        if place == 2 {
            body["client_ip"] = json!("198.51.100.70");
        }
        send(&platform, &body).await;
    }
    let ids = platform
        .events()
        .into_iter()
        .map(|record| record.event.event_id.clone())
        .collect();
    (platform, ids)
}

/// Which of the three events a search finds, in its order.
async fn search(platform: &Fingerprint, ids: &[String], query: &str) -> Vec<usize> {
    let response = get(platform, &format!("/v4/events?{query}")).await;
    assert_eq!(
        response.status,
        StatusCode::OK,
        "{query}: {:?}",
        response.body
    );
    let found = response.json();
    let events = found["events"].as_array().unwrap().iter();
    events
        .map(|event| ids.iter().position(|id| *id == event["event_id"]).unwrap())
        .collect()
}

#[rstest]
#[case("", &[2, 1, 0])]
#[case("reverse=true", &[0, 1, 2])]
#[case("limit=1", &[2])]
#[case("reverse=true&limit=2", &[0, 1])]
#[case("incognito=true", &[2, 0])]
#[case("incognito=false", &[1])]
#[case("virtual_machine=false", &[])]
#[case("bot=bad", &[1])]
#[case("bot=all", &[1])]
#[case("bot=none", &[2, 0])]
#[case("bot_info=all", &[1])]
#[case("bot_info_category=ai_agent&bot_info_category=browser_automation", &[1])]
#[case("bot_info_name=headless_chrome", &[1])]
#[case("vpn=true", &[2])]
#[case("ip_address=203.0.113.0/24", &[1, 0])]
#[case("ip_address=198.51.100.70", &[2])]
#[case("asn=64500", &[2])]
#[case("linked_id=order-7", &[2])]
#[case("origin=https://shop.example", &[1, 0])]
#[case("url=https://other.example/login", &[2])]
#[case("sdk_platform=js&sdk_version=1.0.0", &[2, 1, 0])]
#[case("sdk_platform=ios", &[])]
#[case("min_suspect_score=7", &[2])]
#[case("tor_node=true", &[])]
#[case("source=edge", &[])]
#[case("start=2020-01-01T00:00:00Z&end=2020-01-02T00:00:00Z", &[])]
#[case("start=2020-01-01T00:00:00Z", &[2, 1, 0])]
#[case("ii=some-sdk/1.0", &[2, 1, 0])]
#[tokio::test]
async fn a_search_finds_what_fits_every_filter(#[case] query: &str, #[case] expected: &[usize]) {
    let (platform, ids) = populated().await;
    assert_eq!(search(&platform, &ids, query).await, expected);
}

#[tokio::test]
async fn pages_follow_each_other_until_there_is_no_key() {
    let (platform, ids) = populated().await;
    let first = get(&platform, "/v4/events?limit=2&total_hits=1000")
        .await
        .json();
    assert_eq!(first["events"].as_array().unwrap().len(), 2);
    assert_eq!(first["total_hits"], 3);
    let key = first["pagination_key"].as_str().unwrap();
    let second = get(
        &platform,
        &format!("/v4/events?limit=2&pagination_key={key}"),
    )
    .await
    .json();
    assert_eq!(second["events"][0]["event_id"], ids[0]);
    assert!(second.get("pagination_key").is_none() && second.get("total_hits").is_none());
}

#[rstest]
#[case("/v4/events?limit=0", 400, "invalid limit")]
#[case("/v4/events?limit=101", 400, "invalid limit")]
#[case("/v4/events?bot=evil", 400, "invalid bot type")]
#[case("/v4/events?ip_address=1.2.3", 400, "invalid ip address")]
#[case("/v4/events?start=yesterday", 400, "invalid start time")]
#[case("/v4/events?end=2026-13-01T00:00:00Z", 400, "invalid end time")]
#[case("/v4/events?reverse=maybe", 400, "invalid reverse param")]
#[case("/v4/events?pagination_key=none", 400, "invalid pagination key")]
#[case("/v4/events?visitor_id=short", 400, "invalid visitor id")]
#[case("/v4/events?visitor_id=abcdefghij0123456789", 404, "visitor not found")]
#[case(
    "/v4/events?bot_info_category=friend",
    400,
    "invalid bot_info_category param"
)]
#[case("/v4/events?incognito=1", 400, "invalid incognito param")]
#[case("/v4/events/nonsense", 400, "invalid event_id")]
#[case("/v4/events/1708102555327.NLOjmg", 404, "event id not found")]
#[tokio::test]
async fn a_wrong_question_gets_the_published_error(
    #[case] path: &str,
    #[case] status: u16,
    #[case] message: &str,
) {
    let (platform, _) = populated().await;
    let response = get(&platform, path).await;
    assert_eq!(response.status.as_u16(), status);
    assert_eq!(response.json()["error"]["message"], message);
}

#[tokio::test]
async fn an_event_is_read_with_a_decision_only_if_a_ruleset_is_named() {
    let (platform, ids) = populated().await;
    let ruleset_id = platform.set_ruleset(
        "private",
        ruleset(json!({ "rules": [{ "if": "incognito", "block": {} }] })),
    );
    let path = format!("/v4/events/{}", ids[0]);
    let event = get(&platform, &path).await.json();
    assert_eq!(event["incognito"], true);
    assert_eq!(event["raw_device_attributes"]["timezone"], "Europe/Berlin");
    assert!(event.get("rule_action").is_none());
    let decided = get(&platform, &format!("{path}?ruleset_id={ruleset_id}"))
        .await
        .json();
    assert_eq!(decided["rule_action"]["type"], "block");
    let unknown = get(&platform, &format!("{path}?ruleset_id=rs_none")).await;
    assert_eq!(unknown.json()["error"]["code"], "ruleset_not_found");
}

#[tokio::test]
async fn an_event_can_be_changed_and_found_by_what_was_changed() {
    let (platform, ids) = populated().await;
    let change = json!({ "linked_id": "order-9", "suspect": true, "tags": { "a": 1 } });
    let response = patch(&platform, &ids[1], change).await;
    assert_eq!((response.status, response.body.len()), (StatusCode::OK, 0));
    assert_eq!(
        search(&platform, &ids, "suspect=true&linked_id=order-9").await,
        [1]
    );
    let tags = get(&platform, &format!("/v4/events/{}", ids[1]))
        .await
        .json()["tags"]
        .clone();
    assert_eq!(tags, json!({ "a": 1 }));
}

#[rstest]
#[case(json!({ "unknown": 1 }), "request body is not valid")]
#[case(json!({ "suspect": "yes" }), "request body is not valid")]
#[case(json!({ "linked_id": "x".repeat(257) }), "linked_id can't be greater than 256 characters long")]
#[tokio::test]
async fn a_wrong_change_is_refused(#[case] change: Json, #[case] message: &str) {
    let (platform, ids) = populated().await;
    let response = patch(&platform, &ids[0], change).await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert_eq!(response.json()["error"]["message"], message);
}

#[tokio::test]
async fn an_event_older_than_a_month_cannot_be_changed() {
    let settings = PlatformSettings::default();
    let clock = settings.clock.clone();
    let platform = start(settings).await;
    send(&platform, &send_body(&now("1"), None)).await;
    let id = platform.events()[0].event.event_id.clone();
    clock.advance(std::time::Duration::from_secs(32 * 24 * 3600));
    let response = patch(&platform, &id, json!({ "suspect": true })).await;
    assert_eq!(response.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_deleted_visitor_is_new_again_and_its_events_go_after_a_day() {
    let settings = PlatformSettings::default();
    let clock = settings.clock.clone();
    let platform = start(settings).await;
    let first = send(&platform, &send_body(&now("1"), None)).await.json();
    let visitor = first["event"]["identification"]["visitor_id"]
        .as_str()
        .unwrap();
    let path = format!(
        "/v4/events/{}",
        first["event"]["event_id"].as_str().unwrap()
    );

    assert_eq!(delete(&platform, visitor).await.status, StatusCode::OK);
    assert_eq!(
        delete(&platform, visitor).await.json()["error"]["code"],
        "visitor_not_found"
    );
    assert_eq!(
        delete(&platform, "short").await.json()["error"]["message"],
        "invalid visitor id"
    );
    assert_eq!(
        delete(&platform, "").await.json()["error"]["message"],
        "visitor id is required"
    );
    assert_eq!(get(&platform, &path).await.status, StatusCode::OK);
    clock.advance(std::time::Duration::from_secs(24 * 3600));
    assert_eq!(
        get(&platform, &path).await.json()["error"]["code"],
        "event_not_found"
    );

    let again = send(&platform, &send_body(&now("2"), None)).await.json();
    assert_eq!(again["event"]["identification"]["visitor_found"], false);
}

#[tokio::test]
async fn a_key_that_asks_too_often_waits_until_its_bucket_refills() {
    let settings = PlatformSettings::default();
    let clock = settings.clock.clone();
    let platform = start(PlatformSettings {
        rate_limit: super::super::RateLimit {
            per_second: 0.001,
            burst: 2.0,
        },
        ..settings
    })
    .await;
    for _ in 0..2 {
        assert_eq!(get(&platform, "/v4/events").await.status, StatusCode::OK);
    }
    let refused = get(&platform, "/v4/events").await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(
        refused.json()["error"]["message"],
        "too many search requests"
    );
    assert!(
        refused.headers["retry-after"]
            .to_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 900
    );
    clock.advance(std::time::Duration::from_secs(1000));
    assert_eq!(get(&platform, "/v4/events").await.status, StatusCode::OK);
}

// The errors that no request of ours provokes, as published; a scenario states them.
#[rstest]
#[case(400, "request_read_timeout", "request read timeout")]
#[case(403, "subscription_not_active", "forbidden")]
#[case(403, "feature_not_enabled", "feature not enabled")]
#[case(409, "state_not_ready", "resource is not mutable yet, try again")]
#[case(500, "failed", "internal server error")]
#[case(504, "failed", "gateway timeout")]
#[tokio::test]
async fn every_other_published_error_can_be_stated(
    #[case] status: u16,
    #[case] code: &str,
    #[case] message: &str,
) {
    let error = json!({ "status": status, "code": code, "message": message });
    let platform = workspace(json!({
        "faults": [{ "on": "server_api", "fault": { "error": error }, "first": 1 }],
    }))
    .await;
    let response = get(&platform, "/v4/events").await;
    assert_eq!(response.status.as_u16(), status);
    let envelope = json!({ "error": { "code": code, "message": message } });
    assert_eq!(response.json(), envelope);
    assert_eq!(get(&platform, "/v4/events").await.status, StatusCode::OK);
}

#[rstest]
#[case::no_key(None, "api.fpjs.io", "secret_api_key_required")]
#[case::empty_key(Some(""), "api.fpjs.io", "secret_api_key_required")]
#[case::unknown_key(Some("nobody's"), "api.fpjs.io", "secret_api_key_not_found")]
#[case::wrong_region(None, "eu.api.fpjs.io", "wrong_region")]
#[tokio::test]
async fn who_may_not_ask_is_told_so_with_403_at_every_endpoint(
    #[case] key: Option<&str>,
    #[case] host: &str,
    #[case] code: &str,
    #[values(
        "GET /v4/events",
        "POST /v4/send",
        "POST /v4/edge",
        "DELETE /v4/visitors/abcdefghij0123456789"
    )]
    endpoint: &str,
) {
    let platform = start(PlatformSettings::default()).await;
    let own = platform.keys().secret.clone();
    let key = if code == "wrong_region" {
        Some(own.as_str())
    } else {
        key
    };
    let (method, path) = endpoint.split_once(' ').unwrap();
    let method = method.parse().unwrap();
    let response = ask(&platform, method, host, path, key, b"{}".to_vec()).await;
    assert_eq!(response.status, StatusCode::FORBIDDEN);
    assert_eq!(response.json()["error"]["code"], code);
}
