//! Async: the node watches, and nobody waits for it.

use edgeproof_ground::body::{self, BodyError};
use futures_util::{StreamExt, stream};
use http_body_util::StreamBody;
use hyper::body::Frame;
use rstest::rstest;
use tokio::sync::oneshot;

use crate::world::{NODE, Node, SITE, World, binary, request};

const ASYNC: (&str, &str) = ("WALLARM_MODE", "async");

#[tokio::test]
async fn an_attack_reaches_origin_and_node_and_is_not_blocked() {
    let world = World::start(Node::Verdict, &[ASYNC]).await;
    assert_eq!(world.post("/attack", "id=1").await.status(), 200);
    let copy = world.internet.until(NODE, |seen| seen.is_whole).await;
    assert_eq!(
        (copy.method.as_str(), copy.target()),
        ("POST", "/in/attack")
    );
    assert_eq!(copy.headers["x-forwarded-host"], SITE);
    assert_eq!(copy.hash(), blake3::hash(b"id=1"));
}

/// The response is there while the node still reads; the copy arrives all the same, once.
#[tokio::test]
async fn the_copy_outlives_the_answer() {
    // Longer than the responses take on a machine that is busy with other things.
    let world = World::start(Node::Silent, &[ASYNC, ("WALLARM_TIMEOUT_MS", "10000")]).await;
    for bytes in [0, 1000, 1_000_000] {
        let body = body::full(binary(bytes));
        assert_eq!(world.ask(request("POST", "/", body)).await.status(), 200);
    }
    assert!(
        world.log("copy").is_empty(),
        "no response waited for the node's"
    );
    world.logged("wallarm, copy: no verdict in time").await;
    let mut copies: Vec<usize> = world
        .internet
        .at(NODE)
        .iter()
        .map(|seen| seen.bytes())
        .collect();
    copies.sort_unstable();
    assert_eq!(copies, [0, 1000, 1_000_000]);
    assert!(world.internet.at(NODE).iter().all(|seen| seen.is_whole));
}

/// A small body is read in one go for both, so neither gets a request that may break off half-way.
#[tokio::test]
async fn a_small_upload_reaches_nobody_before_it_is_whole() {
    let world = World::start(Node::Verdict, &[ASYNC]).await;
    let upload = binary(1000);
    let (go_on, may_go_on) = oneshot::channel::<()>();
    let (start, end) = (upload.slice(..500), upload.slice(500..));
    let pieces = stream::once(async { Ok::<_, BodyError>(Frame::data(start)) });
    let pieces = pieces.chain(stream::once(async {
        may_go_on.await?;
        Ok(Frame::data(end))
    }));
    let mut slow = request("POST", "/slow", body::stream(StreamBody::new(pieces)));
    slow.headers_mut().insert("content-length", 1000.into());
    let meanwhile = async {
        for _ in 0..3 {
            world.post("/quick", "id=1").await;
        }
        let seen = [NODE, SITE].map(|host| world.internet.at(host));
        go_on.send(()).unwrap();
        seen
    };
    let (response, seen) = tokio::join!(world.ask(slow), meanwhile);
    assert!(
        seen.iter()
            .flatten()
            .all(|seen| seen.target().ends_with("/quick")),
        "{seen:?}"
    );
    assert_eq!(response.status(), 200);
    let last = world.internet.at(SITE).pop().unwrap();
    assert_eq!(
        (last.target(), last.hash()),
        ("/slow", blake3::hash(&upload))
    );
}

#[rstest]
#[case(Node::Dropped, "the node could not be reached")]
#[case(Node::Status(502), "the node answered 502")]
#[case(Node::Stalled, "no verdict in time")]
#[tokio::test]
async fn a_failed_copy_is_logged_once_and_touches_nobody(#[case] node: Node, #[case] reason: &str) {
    let closed = ("WALLARM_FAILURE_MODE", "closed");
    let soon = ("WALLARM_TIMEOUT_MS", "200");
    let world = World::start(node, &[ASYNC, closed, soon, ("FP_LOG_LEVEL", "error")]).await;
    let upload = binary(3_000_000);
    let response = world
        .ask(request("POST", "/", body::full(upload.clone())))
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(world.internet.at(SITE)[0].hash(), blake3::hash(&upload));
    let line = world.logged(reason).await;
    assert!(
        line.message.contains(r#""decision":"copy""#),
        "{}",
        line.message
    );
    world.internet.set_node(Node::Verdict);
    world.get("/").await;
    assert_eq!(world.log("wallarm").len(), 1, "{:?}", world.log("wallarm"));
}

/// A node that does not read holds the copy back and nothing else; what would be too much is not kept for it.
#[tokio::test]
async fn what_a_slow_node_has_not_taken_is_held_up_to_the_limit() {
    let variables = [
        ASYNC,
        ("WALLARM_TIMEOUT_MS", "20000"),
        ("WALLARM_BODY_LIMIT", "500000"),
    ];
    let world = World::start(Node::Stalled, &variables).await;
    let upload = binary(20_000_000);
    let response = world
        .ask(request("POST", "/", body::full(upload.clone())))
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(world.internet.at(SITE)[0].hash(), blake3::hash(&upload));
    assert!(!world.internet.at(NODE)[0].is_whole);
}
