//! Bodies of any length in bounded memory, other protocols, and ends of connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use edgeproof_edge::{EdgeSettings, Plan};
use edgeproof_ground::{
    body::{self, Body, BodyError},
    header_limits as limits,
};
use edgeproof_internet::Fault;
use edgeproof_test_support::wait::until;
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::world::{get, post, text, world, world_with};

/// What may be on the way between the two ends: the kernel's buffers of three connections and those of workerd.
/// Up to 26 MB were seen; without back-pressure it would be everything.
const ON_THE_WAY: u64 = 48 * 1024 * 1024;
/// A bound for what must happen soon; nothing waits for it when all is well.
const SOON: Duration = Duration::from_secs(60);
const PIECE: &[u8] = &[b'x'; 64 * 1024];

#[rstest]
#[case::past_the_worker("/endless")]
#[case::through_the_worker("/w/endless")]
#[tokio::test]
async fn an_endless_answer_flows_as_fast_as_it_is_read_and_ends_with_the_visitor(
    #[case] path: &str,
) {
    let world = world().await;
    let mut sender = world.http1().await;
    let response = sender.send_request(get(path)).await.unwrap();
    let mut body = response.into_body();
    let mut read = 0;
    while read < 2 * ON_THE_WAY {
        let frame = body.frame().await.unwrap().unwrap();
        read += frame.data_ref().map_or(0, Bytes::len) as u64;
        let given = world.origin.given.load(Ordering::SeqCst);
        assert!(given < read + ON_THE_WAY, "{given} given, {read} read");
    }
    drop((body, sender));
    timeout(SOON, world.origin.given_up.notified())
        .await
        .expect("the origin learns that the visitor has left");
}

/// A body of `bytes` that counts what was taken of it.
fn upload(bytes: u64) -> (Body, Arc<AtomicU64>) {
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let pieces = (0..bytes / PIECE.len() as u64).map(move |_| {
        counter.fetch_add(PIECE.len() as u64, Ordering::SeqCst);
        Ok::<_, BodyError>(Frame::data(Bytes::from_static(PIECE)))
    });
    let body = StreamBody::new(futures_util::stream::iter(pieces));
    (body::stream(body), sent)
}

#[rstest]
#[case::past_the_worker("/upload")]
#[case::through_the_worker("/w/upload")]
#[tokio::test]
async fn a_long_upload_arrives_whole(#[case] path: &str) {
    let world = world_with(EdgeSettings {
        plan: Plan::Enterprise,
        ..EdgeSettings::default()
    })
    .await;
    let (body, sent) = upload(2 * ON_THE_WAY);
    let response = world.ask(post(path, body)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let read = world.origin.read.load(Ordering::SeqCst);
    assert_eq!(read, sent.load(Ordering::SeqCst));
}

#[tokio::test]
async fn an_upload_that_nobody_reads_is_held_back() {
    let world = world_with(EdgeSettings {
        plan: Plan::Enterprise,
        ..EdgeSettings::default()
    })
    .await;
    let fault: Fault = serde_saphyr::from_str("{on: origin, fault: hang}").unwrap();
    world.internet.set_faults(vec![fault]).unwrap();
    let (body, sent) = upload(9 * ON_THE_WAY);
    let mut sender = world.http1().await;
    // It never ends: the bytes stop somewhere in the buffers, and then time is up.
    let ended = timeout(Duration::from_secs(2), sender.send_request(post("/", body))).await;
    assert!(ended.is_err());
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < ON_THE_WAY, "{sent}");
}

#[tokio::test]
async fn a_streamed_body_over_the_plan_is_413() {
    let world = world().await;
    let (body, _) = upload(Plan::Free.body_bytes() + 4 * PIECE.len() as u64);
    let response = world
        .http1()
        .await
        .send_request(post("/upload", body))
        .await;
    assert_eq!(response.unwrap().status(), StatusCode::PAYLOAD_TOO_LARGE);
    let read = world.origin.read.load(Ordering::SeqCst);
    assert!(read <= Plan::Free.body_bytes(), "{read}");
    let hop = &world.trace.exchanges()[0];
    let answered = hop.response.as_ref().map(|response| response.status);
    assert_eq!(answered, Some(StatusCode::PAYLOAD_TOO_LARGE));
}

#[tokio::test]
async fn a_websocket_of_the_worker_reaches_the_visitor() {
    let world = world().await;
    let mut request = get("/w/socket");
    for (name, value) in [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ] {
        request
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    let response = world.http1().await.send_request(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    let mut socket = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
    // A masked text frame with a mask of zeros (RFC 6455 §5.2).
    socket.write_all(b"\x81\x82\0\0\0\0hi").await.unwrap();
    let mut frame = [0; 9];
    socket.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, b"\x81\x07echo hi");
}

#[tokio::test]
async fn a_visitor_who_waits_is_told_to_go_on_when_the_body_is_wanted() {
    let world = world().await;
    let mut stream = world.tcp().await;
    let head = b"POST /w/echo HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut goes_on = [0; 25];
    stream.read_exact(&mut goes_on).await.unwrap();
    assert_eq!(&goes_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hi").await.unwrap();
    let mut response = Vec::new();
    while !response.ends_with(b"hi") {
        assert_ne!(stream.read_buf(&mut response).await.unwrap(), 0);
    }
    assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_visitor_who_waits_is_not_told_to_go_on_where_the_head_is_refused() {
    let world = world().await;
    let mut stream = world.tcp().await;
    let length = Plan::Free.body_bytes() + 1;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = [0; 12];
    stream.read_exact(&mut response).await.unwrap();
    assert_eq!(&response, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_request_under_way_ends_before_the_edge_does() {
    let mut world = world().await;
    let fault: Fault = serde_saphyr::from_str("{on: origin, fault: {delay: 300}}").unwrap();
    world.internet.set_faults(vec![fault]).unwrap();
    let mut sender = world.http1().await;
    let request = tokio::spawn(async move {
        let response = sender.send_request(get("/")).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    });
    // Under way from the moment its first hop is recorded.
    until("a hop", || !world.trace.exchanges().is_empty()).await;
    world.stop_edge().await;
    assert_eq!(request.await.unwrap(), "GET https://shop.example/ ");
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let world = world().await;
    let mut sender = world.http1().await;
    for _ in 0..20 {
        sender.ready().await.unwrap();
        let response = sender.send_request(get("/w/url")).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body, "https://shop.example/w/url");
    }
}

#[tokio::test]
async fn many_streams_of_http_2_are_answered_side_by_side() {
    let world = world().await;
    let sender = world.http2().await;
    let responses = (0..50).map(|number| {
        let mut sender = sender.clone();
        async move {
            let url = format!("https://shop.example/w/pass?{number}");
            let request = http::Request::get(&url).body(body::empty()).unwrap();
            let response = sender.send_request(request).await.unwrap();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(bytes, format!("GET {url} "));
        }
    });
    futures_util::future::join_all(responses).await;
}

#[rstest]
#[case(limits::REQUEST_HEADER_BYTES, 200)]
#[case(limits::REQUEST_HEADER_BYTES + 1, 413)]
#[tokio::test]
async fn a_request_at_the_header_limit_reaches_the_worker(
    #[case] bytes: usize,
    #[case] expected: u16,
) {
    let world = world().await;
    let mut request = get("/w/url");
    let used = limits::header_bytes(request.headers()) + limits::header_line_bytes("x-fill", b"");
    let fill = HeaderValue::try_from("x".repeat(bytes - used)).unwrap();
    request.headers_mut().insert("x-fill", fill);
    let response = world.ask(request).await;
    assert_eq!(response.status(), expected);
    if expected == 200 {
        assert_eq!(text(&response), "https://shop.example/w/url");
    }
}
