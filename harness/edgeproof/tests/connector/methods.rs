//! Requests that the runtime does not simply send on: a GET with a body, a handshake with one.

use edgeproof_ground::body;
use rstest::rstest;

use crate::world::{NODE, Node, SITE, World, binary, request};

#[rstest]
#[tokio::test]
async fn a_get_that_declares_a_length_reaches_node_and_origin(
    #[values("GET", "HEAD")] method: &str,
    #[values("", "id=1")] content: &str,
    #[values("inline", "async")] mode: &str,
) {
    let variables = [("WALLARM_MODE", mode), ("WALLARM_FAILURE_MODE", "closed")];
    let world = World::start(Node::Verdict, &variables).await;
    let mut sent = request(method, "/search", body::full(content.to_owned()));
    sent.headers_mut()
        .insert("content-length", content.len().into());
    assert_eq!(world.ask(sent).await.status(), 200);
    for host in [NODE, SITE] {
        let seen = world.internet.until(host, |seen| seen.is_whole).await;
        assert_eq!(
            (seen.method.as_str(), seen.hash()),
            (method, blake3::hash(content.as_bytes())),
            "{host}"
        );
    }
}

#[tokio::test]
async fn an_attack_in_the_body_of_a_get_is_blocked() {
    let world = World::start(Node::Verdict, &[]).await;
    let response = world
        .ask(request("GET", "/search", body::full("an attack")))
        .await;
    assert_eq!(response.status(), 403);
    assert!(world.internet.at(SITE).is_empty());
}

/// No node sees it, and open mode is for nodes that fail.
#[tokio::test]
async fn a_large_body_of_a_get_is_blocked_in_open_mode() {
    let world = World::start(Node::Verdict, &[]).await;
    let large = request("GET", "/search", body::full(binary(65_537)));
    assert_eq!(world.ask(large).await.status(), 403);
    assert!(world.internet.order().is_empty());
    world.logged("the runtime refuses to send it").await;
}

#[tokio::test]
async fn a_large_body_of_a_get_reaches_the_origin_where_the_node_only_watches() {
    let world = World::start(Node::Verdict, &[("WALLARM_MODE", "async")]).await;
    let large = request("GET", "/search", body::full(binary(65_537)));
    assert_eq!(world.ask(large).await.status(), 200);
    let seen = world.internet.until(SITE, |seen| seen.is_whole).await;
    assert_eq!(seen.hash(), blake3::hash(&binary(65_537)));
    world.logged("copy: the runtime refuses to send it").await;
}

/// The runtime would make a GET without a body of it.
#[rstest]
#[case(1000)]
#[case(200_000)]
#[tokio::test]
async fn a_handshake_with_a_body_is_the_same_at_node_and_origin(#[case] bytes: usize) {
    let world = World::start(Node::Verdict, &[]).await;
    let mut sent = request("POST", "/chat", body::full(binary(bytes)));
    for (name, value) in [("connection", "upgrade"), ("upgrade", "websocket")] {
        sent.headers_mut().insert(name, value.parse().unwrap());
    }
    assert_eq!(world.ask(sent).await.status(), 200);
    for host in [NODE, SITE] {
        let seen = world.internet.until(host, |seen| seen.is_whole).await;
        assert_eq!(
            (seen.method.as_str(), seen.hash()),
            ("POST", blake3::hash(&binary(bytes))),
            "{host}"
        );
    }
}
