//! Identifications that the workspace refuses.

use http::StatusCode;
use rstest::rstest;

use super::*;

#[rstest]
#[case(json!([]), true)]
#[case(json!([{ "deny": {} }]), false)]
#[case(json!([{ "allow": { "origin": ["https://shop.example"] } }, { "deny": {} }]), true)]
#[case(json!([{ "allow": { "origin": ["https://other.example"] } }, { "deny": {} }]), false)]
#[case(json!([{ "deny": { "ip": ["203.0.113.0/24"] } }]), false)]
#[case(json!([{ "deny": { "ip": ["203.0.113.0/24"], "origin": ["https://other.example"] } }]), true)]
#[case(json!([{ "deny": { "user_agent": ["curl", "Chrome/156"] } }]), false)]
#[case(json!([{ "deny": { "sdk_platform": ["android"] } }]), true)]
#[case(json!([{ "deny": { "sdk_version": ["1.0.0"] } }]), false)]
#[case(json!([{ "deny": { "headers": { "accept": "*/*" } } }]), false)]
#[tokio::test]
async fn the_first_filter_rule_that_matches_decides_and_none_allows(
    #[case] filters: Json,
    #[case] passes: bool,
) {
    let platform = workspace(json!({ "filters": filters })).await;
    let response = send(&platform, &send_body(&signals("1"), None)).await;
    if passes {
        assert_eq!(response.status, StatusCode::OK);
        assert_eq!(platform.events().len(), 1);
    } else {
        assert_eq!(response.status, StatusCode::FORBIDDEN);
        assert_eq!(response.json()["error"]["code"], "request_filtered");
        assert!(platform.events().is_empty());
        assert!(platform.refusals()[0].reason.contains("filter rule"));
    }
}
