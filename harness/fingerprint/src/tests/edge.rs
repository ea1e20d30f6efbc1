//! `/v4/edge` and the browser-cache request.

use http::{Method, StatusCode};
use rstest::rstest;

use super::*;

async fn edge(platform: &Fingerprint, body: &Json) -> FullResponse {
    let key = platform.keys().secret.clone();
    ask(
        platform,
        Method::POST,
        "api.fpjs.io",
        "/v4/edge",
        Some(&key),
        body.to_string().into(),
    )
    .await
}

fn request() -> Json {
    json!({
        "headers": [
            { "name": "host", "value": "shop.example" },
            { "name": "user-agent", "value": USER_AGENT },
            { "name": "cf-ray", "value": "0123456789abcdef-FRA" },
        ],
        "url": "https://shop.example/",
        "method": "GET",
        "ipv4_address": "198.51.100.130",
    })
}

#[tokio::test]
async fn an_edge_event_tells_of_the_address_and_is_recorded() {
    let platform = start(PlatformSettings::default()).await;
    let event = edge(&platform, &request()).await.json();
    assert_eq!(event["ip_info"]["v4"]["address"], "198.51.100.130");
    assert_eq!(event["proxy"], true);
    assert_eq!(event["proxy_details"]["provider"], "Example Proxy");
    assert!(event.get("bot_info").is_none() && event.get("identification").is_none());
    let record = &platform.events()[0];
    assert!(record.is_edge());
    assert_eq!(record.event.event_id, event["event_id"].as_str().unwrap());
    assert_eq!(record.ray.as_deref(), Some("0123456789abcdef-FRA"));
}

#[rstest]
#[case(&[("user-agent", "Mozilla/5.0 (compatible; Googlebot/2.1)")], Some(("Google", "unknown")))]
#[case(&[("signature-agent", "\"https://agent.example\""), ("signature-input", "sig=();tag=\"web-bot-auth\"")], Some(("https://agent.example", "signed")))]
#[case(&[("signature-agent", "\"https://agent.example\""), ("signature-input", "sig=();tag=\"other\"")], None)]
#[case(&[("user-agent", "Mozilla/5.0 HeadlessChrome/156.0.0.0")], None)]
#[tokio::test]
async fn a_bot_is_known_by_its_signature_or_its_own_word(
    #[case] headers: &[(&str, &str)],
    #[case] expected: Option<(&str, &str)>,
) {
    let platform = start(PlatformSettings::default()).await;
    let mut body = request();
    body["headers"] = headers
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    let event = edge(&platform, &body).await.json();
    let found = event.get("bot_info").map(|info| {
        (
            info["provider"].as_str().unwrap(),
            info["identity"].as_str().unwrap(),
        )
    });
    assert_eq!(found, expected);
}

#[rstest]
#[case("/extra", json!(1), "request body contains an unknown field \"extra\"")]
#[case("/headers", json!([]), "request body is not valid")]
#[case("/method", Json::Null, "request body is not valid")]
#[case(
    "/ipv4_address",
    Json::Null,
    "at least one of ipv4_address or ipv6_address is required"
)]
#[case("/ipv4_address", json!("1.2.3"), "invalid ip address")]
#[tokio::test]
async fn a_wrong_edge_request_is_refused(
    #[case] member: &str,
    #[case] value: Json,
    #[case] message: &str,
) {
    let platform = start(PlatformSettings::default()).await;
    let mut body = request();
    body[&member[1..]] = value;
    let response = edge(&platform, &body).await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert_eq!(response.json()["error"]["message"], message);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let platform = start(PlatformSettings::default()).await;
    let mut body = request();
    body["tags"] = json!({ "a": "0".repeat(2 * 1024 * 1024) });
    let response = edge(&platform, &body).await;
    assert_eq!(response.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(response.json()["error"]["code"], "payload_too_large");
}

#[tokio::test]
async fn the_browser_cache_answers_text_that_is_the_same_for_the_same_path() {
    let platform = start(PlatformSettings::default()).await;
    let get = async |path: &str| {
        ask(
            &platform,
            Method::GET,
            "api.fpjs.io",
            path,
            None,
            Vec::new(),
        )
        .await
    };
    let response = get("/Gk2x/aB9?q=1").await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.headers["content-type"], "text/plain");
    assert_eq!(response.body.len(), 92);
    assert_eq!(get("/Gk2x/aB9?q=1").await.body, response.body);
    assert_ne!(get("/Gk2x/other").await.body, response.body);
}
