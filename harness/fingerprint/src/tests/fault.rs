//! Responses that are not what the platform would say.

use http::StatusCode;
use rstest::rstest;

use super::*;

async fn faulty(fault: Json) -> FullResponse {
    let platform = workspace(json!({ "faults": [{ "on": "send", "fault": fault }] })).await;
    let id = platform.set_ruleset("all", ruleset(json!({ "rules": [] })));
    send(&platform, &send_body(&signals("1"), Some(&id))).await
}

#[rstest]
#[case(json!({ "missing": "event.ip_info" }), "/event/ip_info", None)]
#[case(json!({ "missing": "agent_data" }), "/agent_data", None)]
#[case(json!({ "missing": "rule_action" }), "/rule_action", None)]
#[case(json!({ "wrong_type": "event.ip_info" }), "/event/ip_info", Some(json!("text")))]
#[case(json!({ "wrong_type": "event.replayed" }), "/event/replayed", Some(json!({ "unexpected": [] })))]
#[case(json!("unknown_action"), "/rule_action/type", Some(json!("challenge")))]
#[case(json!({ "stale": 3001 }), "/event/timestamp", Some(json!(TIMESTAMP - 3001)))]
#[case(json!({ "future": 86_400_000 }), "/event/timestamp", Some(json!(TIMESTAMP + 86_400_000)))]
#[case(json!({ "url": "https://evil.example/" }), "/event/url", Some(json!("https://evil.example/")))]
#[case(json!({ "ip": "192.0.2.9" }), "/event/ip_address", Some(json!("192.0.2.9")))]
#[case(json!("replayed"), "/event/replayed", Some(json!(true)))]
#[case(json!({ "huge": 3 }), "/padding", Some(json!("000")))]
#[tokio::test]
async fn one_member_of_the_answer_is_changed(
    #[case] fault: Json,
    #[case] member: &str,
    #[case] expected: Option<Json>,
) {
    let response = faulty(fault).await;
    assert_eq!(response.status, StatusCode::OK);
    assert_eq!(response.json().pointer(member), expected.as_ref());
}

#[tokio::test]
async fn a_body_can_break_off() {
    let response = faulty(json!("invalid_json")).await;
    assert_eq!(response.status, StatusCode::OK);
    let error = serde_json::from_slice::<Json>(&response.body).unwrap_err();
    assert!(error.is_eof(), "{error}");
    assert!(response.body.starts_with(b"{"));
}

#[tokio::test]
async fn an_error_can_be_stated_with_its_retry_after() {
    let fault =
        json!({ "error": { "status": 429, "code": "too_many_requests", "retry_after": 7 } });
    let response = faulty(fault).await;
    assert_eq!(response.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(response.headers["retry-after"], "7");
    assert_eq!(response.json()["error"]["code"], "too_many_requests");
}

#[tokio::test]
async fn a_fault_has_its_share_of_the_responses() {
    let platform = workspace(
        json!({ "faults": [{ "on": "send", "fault": "replayed", "after": 1, "first": 2 }] }),
    )
    .await;
    let mut replayed = Vec::new();
    for nonce in ["1", "2", "3", "4"] {
        let response = send(&platform, &send_body(&signals(nonce), None)).await;
        replayed.push(response.json()["event"]["replayed"].as_bool().unwrap());
    }
    assert_eq!(replayed, [false, true, true, false]);
}

#[rstest]
#[case::send("send", "POST /v4/send")]
#[case::edge("edge", "POST /v4/edge")]
#[case::server_api("server_api", "GET /v4/events")]
#[tokio::test]
async fn each_endpoint_has_faults_of_its_own(#[case] on: &str, #[case] endpoint: &str) {
    let error = json!({ "error": { "status": 503, "code": "failed" } });
    let platform = workspace(json!({ "faults": [{ "on": on, "fault": error }] })).await;
    let key = platform.keys().secret.clone();
    for asked in ["POST /v4/send", "POST /v4/edge", "GET /v4/events"] {
        let (method, path) = asked.split_once(' ').unwrap();
        let method = method.parse().unwrap();
        let response = ask(
            &platform,
            method,
            "api.fpjs.io",
            path,
            Some(&key),
            b"{}".to_vec(),
        )
        .await;
        assert_eq!(response.status == 503, asked == endpoint, "{asked}");
    }
}
