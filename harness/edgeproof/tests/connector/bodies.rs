//! Bodies: the same bytes at the node and at the origin, whatever they are.

use std::time::Duration;

use bytes::Bytes;
use edgeproof_ground::body;
use http_body_util::StreamBody;
use hyper::body::Frame;
use rstest::rstest;

use crate::world::{NODE, Node, SITE, World, binary, request};

const LIMIT: (&str, &str) = ("WALLARM_BODY_LIMIT", "1000000");

/// The same bytes in pieces, of a length that is not told.
fn chunked(content: &Bytes) -> body::Body {
    let pieces: Vec<_> = content
        .chunks(50_000)
        .map(|piece| Ok::<_, body::BodyError>(Frame::data(content.slice_ref(piece))))
        .collect();
    body::stream(StreamBody::new(futures_util::stream::iter(pieces)))
}

#[rstest]
#[case("inline", 1)]
#[case("inline", 65_536)]
#[case("inline", 65_537)]
#[case("inline", 1_000_000)]
#[case("inline", 50_000_000)]
#[case("async", 1)]
#[case("async", 65_536)]
#[case("async", 1_000_000)]
#[case("async", 50_000_000)]
#[tokio::test]
async fn an_upload_is_the_same_at_the_node_and_at_the_origin(
    #[case] mode: &str,
    #[case] bytes: usize,
) {
    let slow = [("WALLARM_MODE", mode), ("WALLARM_TIMEOUT_MS", "20000")];
    for is_chunked in [false, true] {
        let world = World::start(Node::Verdict, &slow).await;
        let upload = binary(bytes);
        let body = if is_chunked {
            chunked(&upload)
        } else {
            body::full(upload.clone())
        };
        let response = world.ask(request("POST", "/upload", body)).await;
        assert_eq!(response.status(), 200);
        for host in [NODE, SITE] {
            let seen = world.internet.until(host, |seen| seen.is_whole).await;
            assert_eq!(
                (seen.bytes(), seen.hash()),
                (bytes, blake3::hash(&upload)),
                "{host}"
            );
        }
        let told = world.internet.at(SITE)[0]
            .headers
            .get("content-length")
            .cloned();
        let length = (!is_chunked).then(|| bytes.into());
        assert_eq!(told, length, "in chunks: {is_chunked}");
    }
}

#[tokio::test]
async fn the_origin_gets_nothing_before_the_verdict() {
    for bytes in [1000, 1_000_000] {
        let world = World::start(Node::Silent, &[("WALLARM_TIMEOUT_MS", "60000")]).await;
        let visit = world.send(request("POST", "/upload", body::full(binary(bytes))));
        let watched = async {
            world.internet.until(NODE, |seen| seen.is_whole).await;
            assert!(world.internet.at(SITE).is_empty());
        };
        tokio::select! {
            _ = visit => panic!("there was a response without a verdict"),
            () = watched => {}
        }
    }
}

#[tokio::test]
async fn an_early_verdict_ends_the_upload() {
    let world = World::start(Node::Early, &[]).await;
    let endless =
        futures_util::stream::repeat_with(|| Ok::<_, body::BodyError>(Frame::data(binary(10_000))));
    let body = body::stream(StreamBody::new(endless));
    let response = tokio::time::timeout(
        Duration::from_secs(20),
        world.send(request("POST", "/upload", body)),
    );
    assert_eq!(response.await.unwrap().status(), 403);
    assert!(world.internet.at(SITE).is_empty());
}

#[tokio::test]
async fn of_a_body_over_the_limit_the_node_sees_the_start_and_the_failure_mode_decides() {
    let upload = binary(3_000_000);
    for (mode, status) in [("open", 200), ("closed", 403)] {
        for is_chunked in [false, true] {
            let world = World::start(Node::Verdict, &[LIMIT, ("WALLARM_FAILURE_MODE", mode)]).await;
            let body = if is_chunked {
                chunked(&upload)
            } else {
                body::full(upload.clone())
            };
            let response = world.send(request("POST", "/upload", body)).await;
            assert_eq!(response.status(), status);
            let node = world.internet.until(NODE, |seen| seen.is_whole).await;
            assert!(
                (1_000_000..1_100_000).contains(&node.bytes()),
                "{}",
                node.bytes()
            );
            assert_eq!(node.hash(), blake3::hash(&upload[..node.bytes()]));
            world.logged("only the start of the body").await;
            if status == 200 {
                let origin = world.internet.until(SITE, |seen| seen.is_whole).await;
                assert_eq!(
                    (origin.bytes(), origin.hash()),
                    (upload.len(), blake3::hash(&upload))
                );
            }
        }
    }
}

#[tokio::test]
async fn an_attack_in_front_of_a_body_over_the_limit_is_blocked() {
    let world = World::start(Node::Verdict, &[LIMIT]).await;
    let response = world
        .send(request("POST", "/attack", body::full(binary(3_000_000))))
        .await;
    assert_eq!(response.status(), 403);
    assert!(world.internet.at(SITE).is_empty());
}

/// What one body held is there for the next one.
#[tokio::test]
async fn the_limit_is_for_bodies_at_the_same_time() {
    let world = World::start(Node::Verdict, &[LIMIT, ("WALLARM_FAILURE_MODE", "closed")]).await;
    for target in ["/upload", "/attack", "/upload", "/upload"] {
        let expected = if target == "/attack" { 403 } else { 200 };
        assert_eq!(world.post(target, binary(900_000)).await.status(), expected);
    }
    assert!(world.log("only the start").is_empty());
}
