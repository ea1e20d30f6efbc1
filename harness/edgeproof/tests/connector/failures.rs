//! Inline, and no verdict: the failure mode decides.

use std::time::Duration;

use edgeproof_ground::body;
use http_body_util::StreamBody;
use hyper::body::Frame;
use rstest::rstest;
use tokio::{sync::mpsc, time::Instant};

use crate::world::{NODE, Node, SITE, World, binary, request};

const CLOSED: (&str, &str) = ("WALLARM_FAILURE_MODE", "closed");
const SOON: (&str, &str) = ("WALLARM_TIMEOUT_MS", "300");

#[rstest]
#[case(Node::Dropped, "could not be reached")]
#[case(Node::Status(500), "the node answered 500")]
#[case(Node::Status(521), "the node answered 521")]
#[case(Node::Status(525), "the node answered 525")]
#[case(Node::Status(415), "the node answered 415")]
#[case(Node::Silent, "no verdict in time")]
#[tokio::test]
async fn without_a_verdict_the_failure_mode_decides(#[case] node: Node, #[case] reason: &str) {
    for mode in ["open", "closed"] {
        let world = World::start(node, &[SOON, ("WALLARM_FAILURE_MODE", mode)]).await;
        let response = world.post("/", "a=b").await;
        let is_open = mode == "open";
        assert_eq!(response.status(), if is_open { 200 } else { 403 }, "{mode}");
        assert_eq!(world.internet.at(NODE).len(), 1, "{mode}");
        let origin = world.internet.at(SITE);
        assert_eq!(origin.len(), usize::from(is_open), "{mode}");
        if let Some(seen) = origin.first() {
            assert_eq!(seen.hash(), blake3::hash(b"a=b"));
        }
        world.logged(reason).await;
        assert_eq!(world.log(reason).len(), 1);
    }
}

/// Whoever can provoke such a response would choose not to be inspected.
#[rstest]
#[case(400)]
#[case(413)]
#[case(414)]
#[case(431)]
#[tokio::test]
async fn a_request_that_the_node_refuses_to_read_is_blocked_in_open_mode(#[case] status: u16) {
    let world = World::start(Node::Verdict, &[]).await;
    assert_eq!(world.get("/").await.status(), 200);
    world.internet.set_node(Node::Status(status));
    assert_eq!(world.post("/", "a=b").await.status(), 403);
    assert_eq!(world.internet.at(SITE).len(), 1);
    world.logged("the node refused to read it").await;
}

#[tokio::test]
async fn a_node_that_has_read_nothing_yet_takes_no_site_down() {
    let world = World::start(Node::Status(400), &[]).await;
    assert_eq!(world.post("/", "a=b").await.status(), 200);
    world.logged("the node answered 400").await;
}

#[rstest]
#[case(Node::Dropped)]
#[case(Node::DroppedInBody)]
#[case(Node::Stalled)]
#[case(Node::Status(503))]
#[tokio::test]
async fn a_large_body_reaches_the_origin_whole_when_the_node_fails(#[case] node: Node) {
    let world = World::start(node, &[SOON]).await;
    let upload = binary(5_000_000);
    let response = world.post("/upload", upload.clone()).await;
    assert_eq!(response.status(), 200);
    let seen = &world.internet.at(SITE)[0];
    assert_eq!(
        (seen.bytes(), seen.hash()),
        (upload.len(), blake3::hash(&upload))
    );
}

/// Time is the node's only while it is waited for: who sends slowly does not get past it.
#[tokio::test]
async fn a_slow_visitor_does_not_use_up_the_nodes_time() {
    for declares in [true, false] {
        let world = World::start(Node::Verdict, &[SOON]).await;
        let (sender, receiver) = mpsc::channel::<Result<Frame<bytes::Bytes>, body::BodyError>>(1);
        let receiver = futures_util::stream::unfold(receiver, async |mut receiver| {
            let frame = receiver.recv().await?;
            Some((frame, receiver))
        });
        let mut slow = request(
            "POST",
            "/attack",
            body::stream(StreamBody::new(Box::pin(receiver))),
        );
        if declares {
            slow.headers_mut()
                .insert("content-length", "4".parse().unwrap());
        }
        let visit = world.ask(slow);
        let typing = async {
            for piece in [&b"id"[..], &b"=1"[..]] {
                sender.send(Ok(Frame::data(piece.into()))).await.unwrap();
                // Longer than the node may take. This is the behaviour in question and no wait for a condition.
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
            drop(sender);
        };
        let (response, ()) = tokio::join!(visit, typing);
        assert_eq!(response.status(), 403, "declares its length: {declares}");
        assert!(world.internet.at(SITE).is_empty());
    }
}

#[tokio::test]
async fn the_deadline_is_kept() {
    let world = World::start(Node::Silent, &[("WALLARM_TIMEOUT_MS", "200")]).await;
    let start = Instant::now();
    assert_eq!(world.get("/").await.status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[rstest]
#[case(&[], 200)]
#[case(&[CLOSED], 403)]
#[case(&[CLOSED, ("WALLARM_MODE", "async")], 200)]
#[tokio::test]
async fn a_node_that_is_no_url_takes_no_site_down_in_open_mode(
    #[case] variables: &[(&str, &str)],
    #[case] status: u16,
) {
    let mut variables = variables.to_vec();
    variables.push(("WALLARM_NODE", "node.test"));
    let world = World::start(Node::Verdict, &variables).await;
    assert_eq!(world.get("/").await.status(), status);
    world.logged("WALLARM_NODE is not valid").await;
}
