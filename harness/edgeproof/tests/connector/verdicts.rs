//! Inline: the node decides, and what it is sent.

use edgeproof_ground::body;
use rstest::rstest;

use crate::world::{NODE, Node, SITE, VISITOR, World, request};

#[rstest]
#[case("GET", "/harmless")]
#[case("POST", "/harmless?a=b")]
#[case("DELETE", "/")]
#[tokio::test]
async fn what_the_node_lets_pass_reaches_the_origin_after_it(
    #[case] method: &str,
    #[case] target: &str,
) {
    let world = World::start(Node::Verdict, &[]).await;
    let response = world.ask(request(method, target, body::empty())).await;
    assert_eq!(
        (response.status().as_u16(), &response.body()[..]),
        (200, &b"the origin"[..])
    );
    assert_eq!(world.internet.order(), [NODE, SITE]);
    assert_eq!(world.internet.at(SITE)[0].target(), target);
    world.logged("the node let it pass").await;
}

#[tokio::test]
async fn a_blocked_request_gets_a_plain_text_and_never_reaches_the_origin() {
    let world = World::start(Node::Verdict, &[("FP_LOG_LEVEL", "info")]).await;
    let response = world.post("/attack", "id=1").await;
    assert_eq!(response.status(), 403);
    assert_eq!(&response.body()[..], b"Request blocked.");
    assert_eq!(response.headers().get("location"), None);
    assert_eq!(world.internet.order(), [NODE]);
    let line = world.logged("the node blocked it").await;
    assert_eq!(
        line.message,
        r#"{"level":"info","ray":"8f00c0ffee00beef-FRA","decision":"block","reason":"wallarm: the node blocked it"}"#
    );
}

#[tokio::test]
async fn the_node_sees_the_request_as_the_visitor_sent_it() {
    let world = World::start(Node::Verdict, &[]).await;
    let target = "/a//b/%2Fc%5c?x=%27%3cscript%3E&y=%00&z=caf%e9&../";
    let mut sent = request("PATCH", target, body::full("a=b"));
    for (name, value) in [
        ("content-type", "application/x-www-form-urlencoded"),
        ("cookie", "a=b"),
        ("fp-data", "signals"),
        ("x-forwarded-host", "forged.example"),
        ("x-wallarm-loop", "forged"),
    ] {
        sent.headers_mut().insert(name, value.parse().unwrap());
    }
    world.ask(sent).await;
    let seen = &world.internet.at(NODE)[0];
    assert_eq!(seen.method, "PATCH");
    assert_eq!(seen.target(), format!("/in{target}"));
    for (name, value) in [
        ("content-type", "application/x-www-form-urlencoded"),
        ("content-length", "3"),
        ("cookie", "a=b"),
        ("fp-data", "signals"),
        ("user-agent", "test"),
        ("x-forwarded-host", SITE),
        ("cf-connecting-ip", VISITOR),
        ("x-real-ip", VISITOR),
        ("cf-ray", "8f00c0ffee00beef-FRA"),
    ] {
        assert_eq!(seen.headers[name], value, "{name}");
    }
    assert_ne!(seen.headers["x-wallarm-loop"], "forged");
    assert_eq!(seen.hash(), blake3::hash(b"a=b"));
    // The origin is not told what concerns the node, nor the signals.
    let origin = &world.internet.at(SITE)[0];
    assert_eq!(origin.headers.get("x-wallarm-loop"), None);
    assert_eq!(origin.headers.get("fp-data"), None);
    assert_eq!(origin.headers["x-forwarded-host"], "forged.example");
}

#[rstest]
#[case("GET", "/app.JS", "accept: */*", false)]
#[case("GET", "/app.js?attack", "accept: */*", true)]
#[case("POST", "/app.js", "accept: */*", true)]
#[case("GET", "/static/%2e%2e/%2e%2e/etc/passwd.js", "accept: */*", true)]
#[case("GET", "/static/../../etc/passwd.js", "accept: */*", true)]
#[case("GET", "/users.js", "cookie: id=1' or 1=1--", true)]
#[case("GET", "/users.js", "user-agent: <script>alert(1)</script>", true)]
#[case(
    "GET",
    "/users.js",
    "referer: https://x/?q=<script>alert(1)</script>",
    true
)]
#[case("GET", "/users.js", "x-api-version: ' or 1=1--", true)]
#[tokio::test]
async fn only_a_plain_request_for_a_static_file_skips_the_node(
    #[case] method: &str,
    #[case] target: &str,
    #[case] header: &'static str,
    #[case] is_asked: bool,
) {
    let world = World::start(Node::Verdict, &[]).await;
    let mut sent = request(method, target, body::empty());
    let (name, value) = header.split_once(": ").unwrap();
    sent.headers_mut().insert(name, value.parse().unwrap());
    world.ask(sent).await;
    assert_eq!(world.internet.at(NODE).len(), usize::from(is_asked));
}

#[tokio::test]
async fn only_the_routes_are_inspected() {
    const ROUTES: (&str, &str) = ("WALLARM_ROUTES", r#"["shop.example/api/*"]"#);
    let world = World::start(Node::Verdict, &[ROUTES]).await;
    assert_eq!(world.get("/attack").await.status(), 200);
    assert_eq!(world.get("/api/attack").await.status(), 403);
    assert_eq!(world.internet.order(), [SITE, NODE]);
}

#[tokio::test]
async fn a_page_tells_the_blocked_visitor_what_the_owner_needs() {
    let world = World::start(Node::Verdict, &[("WALLARM_BLOCK_PAGE", "page")]).await;
    let response = world.get("/attack").await;
    assert_eq!(response.status(), 403);
    assert_eq!(
        response.headers()["content-type"],
        "text/html;charset=UTF-8"
    );
    let page = std::str::from_utf8(response.body()).unwrap();
    for part in [
        "<dd>8f00c0ffee00beef-FRA</dd>",
        "<dd>203.0.113.7</dd>",
        "<dd>20",
    ] {
        assert!(page.contains(part), "`{part}` is not in {page}");
    }
}

#[tokio::test]
async fn a_redirect_of_the_node_is_not_followed() {
    let world = World::start(Node::Status(302), &[]).await;
    assert_eq!(world.get("/").await.status(), 200);
    assert_eq!(world.internet.order(), [NODE, SITE]);
    world.logged("the node answered 302").await;
}

#[tokio::test]
async fn the_body_of_the_nodes_answer_is_not_waited_for() {
    let world = World::start(Node::Endless, &[]).await;
    assert_eq!(world.get("/").await.status(), 200);
}

#[tokio::test]
async fn a_connector_alone_says_nothing_about_flow() {
    let world = World::start(Node::Verdict, &[]).await;
    world.get("/").await;
    world.logged("the node let it pass").await;
    assert!(world.log("is not set").is_empty(), "{:?}", world.log(""));
}
