//! The connector and Flow on one request: at the same time, the stricter wins, and no call is left over.

use bytes::Bytes;
use edgeproof_ground::body;
use http::Request;
use rstest::rstest;

use crate::world::{NODE, Node, PLATFORM, SITE, World, request};

const FLOW: [(&str, &str); 7] = [
    ("WORKER_ROUTE_PREFIX", "fp"),
    ("FP_PUBLIC_KEY", "public"),
    ("FP_SECRET_KEY", "secret"),
    ("FP_RULESET_ID", "rs_1"),
    (
        "PROTECTED_APIS",
        r#"[{"method":"POST","url":"shop.example/api/*"}]"#,
    ),
    // Long enough that nothing below happens because time ran out.
    ("WALLARM_TIMEOUT_MS", "25000"),
    ("FP_TIMEOUT_MS", "25000"),
];

const BLOCK: &str =
    r#"{"type":"block","ruleset_id":"rs_1","status_code":451,"body":"the rule","headers":[]}"#;

fn call(target: &str, body: impl Into<Bytes>) -> Request<body::Body> {
    let mut call = request("POST", target, body::full(body));
    let headers = call.headers_mut();
    headers.insert("origin", "https://shop.example".parse().unwrap());
    headers.insert("fp-data", "AAAA".parse().unwrap());
    call
}

fn form(target: &str, fields: &str) -> Request<body::Body> {
    let mut call = call(target, fields.to_owned());
    call.headers_mut().remove("fp-data");
    let kind = "application/x-www-form-urlencoded".parse().unwrap();
    call.headers_mut().insert("content-type", kind);
    call
}

/// Neither waits for the other: the node is asked while the platform has not answered.
#[tokio::test]
async fn verdict_and_identification_run_at_the_same_time() {
    let world = World::start(Node::Verdict, &FLOW).await;
    world.internet.set_open(false);
    let visit = world.ask(call("/api/create", "a=b"));
    let watched = async {
        world.internet.until(PLATFORM, |seen| seen.is_whole).await;
        world.internet.until(NODE, |seen| seen.is_whole).await;
        assert!(world.internet.at(SITE).is_empty());
        world.internet.set_open(true);
    };
    let (response, ()) = tokio::join!(visit, watched);
    assert_eq!(response.status(), 200);
    assert_eq!(world.internet.at(SITE)[0].hash(), blake3::hash(b"a=b"));
    assert_eq!(world.internet.order().len(), 3);
}

#[rstest]
#[case("/api/create", false, 200, "the origin")]
#[case("/api/create", true, 451, "the rule")]
#[case("/api/attack", false, 403, "Request blocked.")]
#[tokio::test]
async fn the_stricter_result_wins(
    #[case] target: &str,
    #[case] blocks: bool,
    #[case] status: u16,
    #[case] text: &str,
) {
    let world = World::start(Node::Verdict, &FLOW).await;
    if blocks {
        world.internet.set_rule(BLOCK);
    }
    let response = world.ask(call(target, "")).await;
    assert_eq!(
        (response.status().as_u16(), &response.body()[..]),
        (status, text.as_bytes())
    );
    assert_eq!(world.internet.at(SITE).len(), usize::from(status == 200));
}

/// The platform never answers; the visitor gets the node's verdict, and the platform's connection ends.
#[tokio::test]
async fn when_the_node_blocks_the_identification_is_given_up() {
    let world = World::start(Node::Verdict, &FLOW).await;
    world.internet.set_open(false);
    let response = world.ask(call("/api/attack", "a=b")).await;
    assert_eq!(response.status(), 403);
    assert_eq!(&response.body()[..], b"Request blocked.");
    assert!(
        world.log("failure mode").is_empty(),
        "{:?}",
        world.log("failure mode")
    );
}

/// The node never answers; the visitor gets the rule's response.
#[rstest]
#[case(1000)]
#[case(500_000)]
#[tokio::test]
async fn when_the_rule_blocks_the_verdict_is_given_up(#[case] bytes: usize) {
    let world = World::start(Node::Silent, &FLOW).await;
    world.internet.set_rule(BLOCK);
    let response = world.ask(call("/api/create", vec![0; bytes])).await;
    assert_eq!(response.status(), 451);
    assert!(world.internet.at(SITE).is_empty());
    assert!(
        world.log("wallarm").is_empty(),
        "{:?}",
        world.log("wallarm")
    );
}

/// A node that watches sees what came, whatever becomes of it; of what it has not taken yet it is spared the rest.
#[tokio::test]
async fn when_the_rule_blocks_a_node_that_watches_has_its_copy() {
    let variables = [&FLOW[..], &[("WALLARM_MODE", "async")]].concat();
    let world = World::start(Node::Verdict, &variables).await;
    world.internet.set_rule(BLOCK);
    let response = world.ask(call("/api/attack", "a=b")).await;
    assert_eq!(response.status(), 451);
    let copy = world.internet.until(NODE, |seen| seen.is_whole).await;
    assert_eq!(copy.hash(), blake3::hash(b"a=b"));
    assert!(world.internet.at(SITE).is_empty());
}

#[tokio::test]
async fn a_call_that_flow_blocks_without_asking_is_not_sent_to_the_node() {
    let world = World::start(Node::Verdict, &FLOW).await;
    let mut call = call("/api/create", "");
    call.headers_mut().remove("fp-data");
    assert_eq!(world.ask(call).await.status(), 403);
    assert!(
        world.internet.order().is_empty(),
        "{:?}",
        world.internet.order()
    );
}

/// The node sees the form as it was sent, the origin without the signals.
#[rstest]
#[case("inline", 10)]
#[case("inline", 300_000)]
#[case("async", 10)]
#[case("async", 300_000)]
#[tokio::test]
async fn a_form_with_signals_reaches_both(#[case] mode: &str, #[case] filler: usize) {
    let mut variables = FLOW.to_vec();
    variables.push(("WALLARM_MODE", mode));
    let world = World::start(Node::Verdict, &variables).await;
    let filler = "x".repeat(filler);
    let fields = format!("fp-data=AAAA&email=ann%40shop.example&text={filler}");
    let response = world.ask(form("/api/create", &fields)).await;
    assert_eq!(response.status(), 200);
    let node = world.internet.until(NODE, |seen| seen.is_whole).await;
    assert_eq!(node.hash(), blake3::hash(fields.as_bytes()));
    let origin = world.internet.until(SITE, |seen| seen.is_whole).await;
    let without = format!("email=ann%40shop.example&text={filler}");
    assert_eq!(
        (origin.bytes(), origin.hash()),
        (without.len(), blake3::hash(without.as_bytes()))
    );
    assert_eq!(world.internet.at(PLATFORM).len(), 1);
}

/// Pages are analysed while the node is asked.
#[tokio::test]
async fn a_blocked_page_is_blocked_while_its_analysis_runs() {
    let mut variables = FLOW.to_vec();
    variables.push(("FP_EDGE_API", "true"));
    variables.push(("IDENTIFICATION_PAGE_URLS", r#"["shop.example/attack"]"#));
    let world = World::start(Node::Verdict, &variables).await;
    world.internet.set_open(false);
    let response = world.get("/attack").await;
    assert_eq!(response.status(), 403);
    assert!(world.internet.at(SITE).is_empty());
}
