//! The memory of an isolate, and visitors who want all of it.

use bytes::Bytes;
use edgeproof_ground::body::{self, Body, BodyError};
use futures_util::{StreamExt, future::join_all, stream};
use http::Request;
use http_body_util::StreamBody;
use hyper::body::Frame;
use rstest::rstest;
use tokio::task::JoinHandle;

use crate::world::{NODE, Node, SITE, World, binary, request};

/// The default of `WALLARM_BODY_LIMIT`.
const LIMIT: usize = 64 << 20;

/// An attack behind 200 KB.
fn attack() -> Bytes {
    [&binary(200_000)[..], b"attack", &binary(100_000)[..]]
        .concat()
        .into()
}

fn from(address: &str, mut request: Request<Body>) -> Request<Body> {
    let headers = request.headers_mut();
    headers.insert("cf-connecting-ip", address.parse().unwrap());
    headers.insert("x-real-ip", address.parse().unwrap());
    request
}

/// An upload that lacks its last byte.
fn endless(bytes: usize) -> Request<Body> {
    let content = binary(bytes);
    let pieces: Vec<_> = content
        .chunks(60_000)
        .map(|piece| Ok::<_, BodyError>(Frame::data(content.slice_ref(piece))))
        .collect();
    let pieces = stream::iter(pieces).chain(stream::pending());
    let mut endless = request("POST", "/hostile", body::stream(StreamBody::new(pieces)));
    endless
        .headers_mut()
        .insert("content-length", (bytes + 1).into());
    endless
}

/// So many uploads that lack their last byte, from so many networks in turn; they have filled what there is to fill.
async fn flood(
    world: &World,
    uploads: usize,
    bytes: usize,
    networks: usize,
) -> Vec<JoinHandle<()>> {
    let mut tasks = Vec::new();
    for upload in 0..uploads {
        let address = format!("2001:db8:0:{:x}::1", upload % networks);
        tasks.push(tokio::spawn(world.sending(from(&address, endless(bytes)))));
    }
    let wanted = (uploads * bytes).min(LIMIT * 3 / 4);
    let is_full =
        |seen: &[crate::world::Seen]| seen.iter().map(|seen| seen.bytes()).sum::<usize>() >= wanted;
    world.internet.until_all(NODE, is_full).await;
    tasks
}

/// How many honest uploads were inspected whole and reached the origin whole, and how many attacks were blocked.
async fn honest(world: &World, uploads: usize) -> (usize, usize) {
    let harmless = binary(300_000);
    let visits = (0..uploads).map(async |upload| {
        let address = format!("203.0.113.{upload}");
        let fine = request("POST", "/honest", body::full(harmless.clone()));
        let bad = request("POST", "/bad", body::full(attack()));
        (
            world.ask(from(&address, fine)).await.status(),
            world.ask(from(&address, bad)).await.status(),
        )
    });
    let answers = join_all(visits).await;
    let at = |host| {
        let hash = blake3::hash(&harmless);
        let seen = world.internet.at(host).into_iter();
        seen.filter(|seen| {
            seen.target().ends_with("/honest") && seen.is_whole && seen.hash() == hash
        })
        .count()
    };
    let passed = answers.iter().filter(|(fine, _)| *fine == 200).count();
    let blocked = answers.iter().filter(|(_, bad)| *bad == 403).count();
    assert!(
        world
            .internet
            .at(SITE)
            .iter()
            .all(|seen| !seen.target().ends_with("/bad")),
        "no attack reached the origin"
    );
    (passed.min(at(NODE)).min(at(SITE)), blocked)
}

#[rstest]
// Nine and a hundred that fill the memory and no more, so that only newcomers are too many.
#[case::nine_of_one_network(9, 7_450_000, 1)]
#[case::nine_of_many_networks(9, 7_450_000, 9)]
#[case::a_hundred_of_one_network(100, 670_000, 1)]
#[case::a_hundred_of_many_networks(100, 670_000, 100)]
#[case::more_than_there_is_room_for(100, 1_000_000, 10)]
#[tokio::test]
async fn uploads_that_never_end_take_the_place_of_nobody(
    #[case] uploads: usize,
    #[case] bytes: usize,
    #[case] networks: usize,
    #[values("open", "closed")] mode: &str,
) {
    let variables = [
        ("WALLARM_FAILURE_MODE", mode),
        ("WALLARM_TIMEOUT_MS", "10000"),
    ];
    let world = World::start(Node::Verdict, &variables).await;
    let flood = flood(&world, uploads, bytes, networks).await;
    assert_eq!(honest(&world, 20).await, (20, 20));
    for upload in flood {
        upload.abort();
    }
}

/// Their visitors went away; the runtime tells nobody.
#[tokio::test]
async fn what_broken_uploads_held_is_there_for_others() {
    let world = World::start(Node::Verdict, &[("WALLARM_FAILURE_MODE", "closed")]).await;
    for upload in flood(&world, 9, 7_000_000, 9).await {
        upload.abort();
        let _ = upload.await;
    }
    assert_eq!(honest(&world, 5).await, (5, 5));
    // As much as there is: only if nothing is held any more.
    let large = world.post("/large", binary(50_000_000)).await;
    assert_eq!(large.status(), 200);
}

/// Neither memory nor time of their own for each.
#[tokio::test]
async fn a_body_of_tiny_chunks_arrives_in_large_pieces() {
    let content = binary(100_000);
    let pieces: Vec<_> = content
        .chunks(1)
        .map(|piece| Ok::<_, BodyError>(Frame::data(content.slice_ref(piece))))
        .collect();
    let world = World::start(Node::Verdict, &[]).await;
    let tiny = body::stream(StreamBody::new(stream::iter(pieces)));
    let response = world.ask(request("POST", "/upload", tiny)).await;
    assert_eq!(response.status(), 200);
    for host in [NODE, SITE] {
        let seen = world.internet.until(host, |seen| seen.is_whole).await;
        assert_eq!(seen.hash(), blake3::hash(&content), "{host}");
    }
}
