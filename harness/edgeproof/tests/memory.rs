//! The memory of a rig stays as it is, whatever streams through it: the edge and everything else in this process, and
//! workerd in its own.
//!
//! One test, because what is measured is the whole process: in a file of its own nothing else runs in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

#[path = "edge/frames.rs"]
#[allow(dead_code, reason = "the other tests of the edge need more of it")]
mod frames;
#[path = "edge/world.rs"]
#[allow(dead_code, reason = "the other tests of the edge need more of it")]
mod world;

use std::sync::atomic::Ordering;

use bytes::Bytes;
use edgeproof_edge::{EdgeSettings, Plan};
use edgeproof_ground::body::{self, BodyError};
use frames::{END_HEADERS, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, block, frame, read};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use tokio::io::AsyncWriteExt;
use world::{World, get, post, world_with};

const MEGABYTE: u64 = 1_000_000;
const PIECE: &[u8] = &[b'x'; 64 * 1024];
/// How much more than before a process may hold: the buffers of its connections and the trace, and nothing that grows
/// with a body or with the number of requests.
const ROOM: u64 = 150 * MEGABYTE;

/// The most memory that a process has held so far, in bytes (proc_pid_status(5)).
fn most_held(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.unwrap().split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// Runs the step and fails where one of the two processes held more than [`ROOM`] more than before.
async fn stays_flat(world: &World, what: &str, step: impl Future<Output = ()>) {
    let processes = [std::process::id(), world.runtime.process_id().unwrap()];
    let before = processes.map(most_held);
    step.await;
    for (process, before) in processes.into_iter().zip(before) {
        let grown = most_held(process).saturating_sub(before);
        assert!(
            grown < ROOM,
            "{what}: process {process} grew by {grown} bytes"
        );
    }
}

async fn upload(world: &World, path: &str, bytes: u64) {
    let pieces = (0..bytes / PIECE.len() as u64)
        .map(|_| Ok::<_, BodyError>(Frame::data(Bytes::from_static(PIECE))));
    let body = body::stream(StreamBody::new(futures_util::stream::iter(pieces)));
    let response = world.ask(post(path, body)).await;
    assert_eq!(response.status(), 200);
}

async fn read_endless(world: &World, path: &str, bytes: u64) {
    let mut sender = world.http1().await;
    let mut body = sender.send_request(get(path)).await.unwrap().into_body();
    let mut read = 0;
    while read < bytes {
        let frame = body.frame().await.unwrap().unwrap();
        read += frame.data_ref().map_or(0, Bytes::len) as u64;
    }
}

/// Opens so many streams of HTTP/2 and resets them once the edge has begun on them, which no limit of the protocol
/// forbids; meanwhile another visitor is served.
async fn reset_streams(world: &World, path: &str, streams: u32) {
    let fields: [(&str, &[u8]); 5] = [
        (":method", b"POST"),
        (":scheme", b"https"),
        (":authority", b"shop.example"),
        (":path", path.as_bytes()),
        ("x-filler", &[b'x'; 100]),
    ];
    let head = block(&fields);
    let mut stream = world.tls(b"h2").await;
    let first = [PREFACE.to_vec(), frame(SETTINGS, 0, 0, b"")].concat();
    stream.write_all(&first).await.unwrap();
    for batch in 0..streams / 100 {
        let ids = (0..100).map(|number| 2 * (100 * batch + number) + 1);
        let open = ids
            .clone()
            .flat_map(|id| frame(HEADERS, END_HEADERS, id, &head));
        let reset = ids.flat_map(|id| frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
        for mut frames in [open.collect::<Vec<_>>(), reset.collect()] {
            frames.extend(frame(PING, 0, 0, b"01234567"));
            stream.write_all(&frames).await.unwrap();
            // The edge answers the ping behind everything it was sent.
            while read(&mut stream).await.unwrap().0 != PING {}
        }
        assert_eq!(world.get("/").await.status(), 200);
    }
}

#[tokio::test]
async fn whatever_streams_through_a_rig_its_memory_stays_flat() {
    let world = world_with(EdgeSettings {
        plan: Plan::Enterprise,
        ..EdgeSettings::default()
    })
    .await;
    // What every first request takes is taken.
    upload(&world, "/w/upload", MEGABYTE).await;
    for path in ["/upload", "/w/upload"] {
        stays_flat(&world, path, upload(&world, path, 500 * MEGABYTE)).await;
    }
    assert!(world.origin.read.load(Ordering::SeqCst) > 990 * MEGABYTE);
    for path in ["/endless", "/w/endless"] {
        stays_flat(&world, path, read_endless(&world, path, 500 * MEGABYTE)).await;
    }
    let bombs = async {
        for _ in 0..500 {
            let mut request = get("/w/url");
            for number in 0..500 {
                let name = http::HeaderName::try_from(format!("x-{number}")).unwrap();
                let value = http::HeaderValue::try_from("x".repeat(800)).unwrap();
                request.headers_mut().insert(name, value);
            }
            assert_eq!(world.ask(request).await.status(), 413);
        }
    };
    // 200 MB of heads, of which the trace keeps the latest 64 MiB.
    stays_flat(&world, "header bombs", bombs).await;
    for path in ["/hangs", "/w/pass"] {
        stays_flat(&world, "reset streams", reset_streams(&world, path, 20_000)).await;
    }
}
