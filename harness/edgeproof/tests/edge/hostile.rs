//! Clients that do not keep to the protocol: each is refused or bounded, and the edge goes on serving others.
//!
//! The protocol is hyper's; these tests show what that gives.

use std::{sync::atomic::Ordering, time::Duration};

use edgeproof_edge::EdgeSettings;
use edgeproof_ground::{body, trace::Party};
use http::HeaderValue;
use http_body_util::BodyExt;
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use crate::{
    frames::{
        self, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PREFACE,
        RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame,
    },
    world::{World, get, text, world, world_of},
};

/// A bound for what must happen soon; nothing waits for it when all is well.
const SOON: Duration = Duration::from_secs(60);

/// More than the kernel's buffers of two ends of a connection hold.
const MOST_ON_THE_WAY: usize = 48 * 1024 * 1024;

/// Sends bytes, and reads until the edge closes; the connection ends with `Connection: close` requests.
pub(crate) async fn exchange(world: &World, bytes: &[u8]) -> String {
    let mut stream = world.tcp().await;
    // The edge may close before it has read everything; what it answered is what counts.
    let _ = stream.write_all(bytes).await;
    let mut response = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut response))
        .await
        .unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

async fn still_serves(world: &World) {
    assert_eq!(
        text(&world.get("/w/url").await),
        "https://shop.example/w/url"
    );
}

// RFC 9112: §2.2 (bare CR), §3 (request line), §3.2 (Host), §5.1 (space before the colon), §5.2 (obs-fold),
// §6.1 (Transfer-Encoding), §6.3 (Content-Length), §7.1 (chunks).
#[rstest]
#[case::two_lengths(
    b"POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
)]
#[case::list_of_lengths(b"POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 1, 2\r\n\r\nab")]
#[case::signed_length(b"POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: +1\r\n\r\na")]
#[case::unknown_encoding(
    b"POST / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
)]
#[case::chunked_is_not_last(
    b"POST / HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"
)]
#[case::encoding_in_http_1_0(
    b"POST / HTTP/1.0\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
)]
#[case::length_beside_chunks(
    b"POST /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n\
      5c\r\nGET /smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n"
)]
#[case::length_behind_chunks(
    b"POST /upload HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\ncontent-length: 0\r\n\r\n\
      0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: shop.example\r\n\r\n"
)]
#[case::folded_header(b"GET / HTTP/1.1\r\nHost: shop.example\r\nX-A: a\r\n b\r\n\r\n")]
#[case::space_before_colon(b"GET / HTTP/1.1\r\nHost : shop.example\r\n\r\n")]
#[case::bare_return(b"GET / HTTP/1.1\r\nHost: shop.example\r\nX-A: a\rX-B: b\r\n\r\n")]
#[case::null_in_value(b"GET / HTTP/1.1\r\nHost: shop.example\r\nX-A: a\0b\r\n\r\n")]
#[case::no_host(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")]
#[case::two_hosts(
    b"GET / HTTP/1.1\r\nHost: shop.example\r\nHost: other.example\r\nConnection: close\r\n\r\n"
)]
#[case::no_version(b"GET /\r\n\r\n")]
#[case::space_in_target(b"GET /a b HTTP/1.1\r\nHost: shop.example\r\n\r\n")]
#[case::byte_that_is_not_utf_8(b"GET /caf\xe9 HTTP/1.1\r\nHost: shop.example\r\n\r\n")]
#[case::asterisk(b"OPTIONS * HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n")]
#[tokio::test]
async fn a_malformed_head_is_refused(#[case] bytes: &[u8]) {
    let world = world().await;
    let response = exchange(&world, bytes).await;
    assert!(
        response.starts_with("HTTP/1.1 400 ") || response.starts_with("HTTP/1.0 400 "),
        "{response}"
    );
    assert_eq!(world.origin.requests.load(Ordering::SeqCst), 0);
    still_serves(&world).await;
}

#[rstest]
#[case::size_overflows(b"FFFFFFFFFFFFFFFFF\r\n")]
#[case::negative_size(b"-1\r\nab\r\n")]
#[case::size_with_prefix(b"0x1\r\na\r\n")]
#[case::no_size(b"\r\n\r\n")]
#[case::no_end_of_chunk(b"1\r\nab\r\n0\r\n\r\n")]
#[tokio::test]
async fn a_malformed_chunk_ends_the_request(#[case] chunks: &[u8]) {
    let world = world().await;
    let head = b"POST /w/echo HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n";
    let response = exchange(&world, &[head, chunks].concat()).await;
    assert!(!response.contains("HTTP/1.1 200"), "{response}");
    still_serves(&world).await;
}

#[tokio::test]
async fn endless_chunk_extensions_end_the_request() {
    let world = world().await;
    let head =
        b"POST /w/echo HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n1;";
    let response = exchange(&world, &[&head[..], &[b'x'; 100_000]].concat()).await;
    assert!(!response.contains("HTTP/1.1 200"), "{response}");
    still_serves(&world).await;
}

/// The requests before it on the same connection are answered.
#[tokio::test]
async fn a_length_beside_chunks_is_refused_wherever_it_comes() {
    let world = world().await;
    let response = exchange(
        &world,
        b"POST /a HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 2\r\n\r\nab\
          POST /b HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ncd\r\n0\r\n\r\n\
          POST /c HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    )
    .await;
    assert!(
        response.contains("POST http://shop.example/a ab"),
        "{response}"
    );
    assert!(
        response.contains("POST http://shop.example/b cd"),
        "{response}"
    );
    assert!(response.contains("HTTP/1.1 400 "), "{response}");
    assert_eq!(world.origin.requests.load(Ordering::SeqCst), 2);
    still_serves(&world).await;
}

#[rstest]
#[case::no_preamble(b"")]
#[case::no_request(b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\n")]
#[case::half_a_handshake(b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\n\x16\x03\x01")]
#[case::half_a_head(b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\nGET / HTTP/1.1\r\nHost: sh")]
#[tokio::test]
async fn a_visitor_who_never_ends_a_head_is_shown_out(#[case] bytes: &[u8]) {
    let world = world_of(EdgeSettings::default(), Duration::from_millis(100)).await;
    let mut stream = tokio::net::TcpStream::connect(world.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut response = Vec::new();
    // It ends although the visitor keeps the connection open; what hyper says about it is hyper's.
    let _ = timeout(SOON, stream.read_to_end(&mut response))
        .await
        .unwrap();
    assert!(!response.starts_with(b"HTTP/1.1 200"));
    still_serves(&world).await;
}

#[tokio::test]
async fn http_2_is_only_spoken_over_tls() {
    let world = world().await;
    assert_eq!(exchange(&world, PREFACE).await, "");
    still_serves(&world).await;
}

/// RFC 9112 §2.2 lets a recipient take a lone LF as the end of a line.
#[tokio::test]
async fn lone_line_feeds_make_one_request_and_no_second() {
    let world = world().await;
    let response = exchange(
        &world,
        b"GET /a HTTP/1.1\nHost: shop.example\nConnection: close\n\nGET /b HTTP/1.1\nHost: shop.example\n\n",
    )
    .await;
    assert!(
        !response.contains("GET https://shop.example/b"),
        "{response}"
    );
    still_serves(&world).await;
}

#[rstest]
#[case::one_huge(1, 4 << 20)]
#[case::many_tiny(5000, 1)]
#[tokio::test]
async fn a_head_beyond_every_bound_is_refused_and_not_kept(
    #[case] headers: usize,
    #[case] length: usize,
) {
    let world = world().await;
    let mut head = "GET / HTTP/1.1\r\nHost: shop.example\r\n".to_owned();
    for number in 0..headers {
        head.push_str(&format!("x-{number}: {}\r\n", "x".repeat(length)));
    }
    head.push_str("\r\n");
    let response = exchange(&world, head.as_bytes()).await;
    assert!(
        response.is_empty() || response.starts_with("HTTP/1.1 431 "),
        "{response}"
    );
    assert!(world.trace.exchanges().is_empty());
    still_serves(&world).await;
}

#[rstest]
#[case(b"x-forwarded-for", b"192.0.2.1, 192.0.2.2")]
#[case(b"cf-worker", b"forged.example")]
#[case(b"cf-ray", b"0000000000000000-XXX")]
#[case(b"cf-ew-via", b"0")]
#[case(b"cf-ipcountry", b"XX")]
#[case(b"x-real-ip", b"192.0.2.1")]
#[case(b"x-forwarded-proto", b"http")]
#[case(b"x-edgeproof-proto", b"http")]
#[tokio::test]
async fn no_header_of_the_edge_can_be_forged(#[case] name: &'static [u8], #[case] value: &[u8]) {
    let world = world().await;
    let mut request = get("/w/pass");
    let name = http::HeaderName::from_bytes(name).unwrap();
    request
        .headers_mut()
        .insert(name.clone(), HeaderValue::from_bytes(value).unwrap());
    let response = world.ask(request).await;
    let worker = &world.hops(Party::Edge, Party::Worker)[0];
    let seen = worker.request.headers.get(&name);
    if name == "x-forwarded-for" {
        assert_eq!(seen.unwrap(), "192.0.2.1, 192.0.2.2, 203.0.113.7");
    } else {
        assert_ne!(seen.map(HeaderValue::as_bytes), Some(value));
    }
    assert_eq!(text(&response), "GET https://shop.example/w/pass ");
}

#[tokio::test]
async fn a_slow_head_holds_nobody_else_up() {
    let world = world().await;
    let mut slow = world.tcp().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost: shop")
        .await
        .unwrap();
    still_serves(&world).await;
    slow.write_all(b".example\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut response = String::new();
    slow.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK"), "{response}");
}

#[tokio::test]
async fn a_slow_body_holds_nobody_else_up() {
    let world = world().await;
    let mut slow = world.tcp().await;
    slow.write_all(b"POST /upload HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 9\r\nConnection: close\r\n\r\nslow")
        .await
        .unwrap();
    still_serves(&world).await;
    slow.write_all(b" body").await.unwrap();
    let mut response = String::new();
    slow.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with("slow body"), "{response}");
}

/// `:method: GET`, `:scheme: https`, `:path: /`, `:authority: shop.example`, without compression tables (RFC 7541).
const HEAD_BLOCK: &[u8] = b"\x82\x87\x84\x01\x0cshop.example";

/// Sends frames of HTTP/2 and reads frame types until the edge closes the connection.
async fn http2_exchange(world: &World, frames: &[Vec<u8>]) -> Vec<u8> {
    let stream = world.tls(b"h2").await;
    let (mut reader, mut writer) = tokio::io::split(stream);
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frames.concat());
    let writing = async {
        // The edge may have gone before everything is written.
        let _ = writer.write_all(&bytes).await;
        writer
    };
    let reading = async {
        let mut kinds = Vec::new();
        while let Ok((kind, _)) = frames::read(&mut reader).await {
            kinds.push(kind);
            if kind == GOAWAY {
                break;
            }
        }
        kinds
    };
    let (_, kinds) = timeout(SOON, async { tokio::join!(writing, reading) })
        .await
        .expect("the edge ends the connection");
    kinds
}

/// What the edge does with one request of HTTP/2.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The byte that stands for a status of the static table (RFC 7541 appendix A).
    Status(u8),
    Reset,
    /// The connection ends, which the `h2` crate does for what it cannot even read.
    GoneAway,
}
const OK: Outcome = Outcome::Status(0x88);
const BAD_REQUEST: Outcome = Outcome::Status(0x8c);

async fn outcome(world: &World, fields: &[(&str, &[u8])]) -> Outcome {
    let mut stream = world.tls(b"h2").await;
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(fields)));
    stream.write_all(&bytes).await.unwrap();
    loop {
        let (kind, content) = frames::read(&mut stream).await.unwrap();
        match kind {
            HEADERS => return Outcome::Status(content[0]),
            // RFC 9113 §8.1.1: PROTOCOL_ERROR.
            RST_STREAM if content == 1_u32.to_be_bytes() => return Outcome::Reset,
            GOAWAY => return Outcome::GoneAway,
            SETTINGS | WINDOW_UPDATE => {}
            other => panic!("a frame of type {other}"),
        }
    }
}

const METHOD: (&str, &[u8]) = (":method", b"GET");
const SCHEME: (&str, &[u8]) = (":scheme", b"https");
const AUTHORITY: (&str, &[u8]) = (":authority", b"shop.example");
const PATH: (&str, &[u8]) = (":path", b"/");

// RFC 9113 §8.2.1 (names), §8.2.2 (fields of a connection), §8.3.1 (pseudo-header fields).
#[rstest]
#[case::good(&[METHOD, SCHEME, AUTHORITY, PATH], OK)]
#[case::no_method(&[SCHEME, AUTHORITY, PATH], Outcome::Reset)]
#[case::no_scheme(&[METHOD, AUTHORITY, PATH], Outcome::Reset)]
#[case::no_path(&[METHOD, SCHEME, AUTHORITY], Outcome::Reset)]
#[case::no_authority(&[METHOD, SCHEME, PATH], BAD_REQUEST)]
#[case::host_in_its_place(&[METHOD, SCHEME, PATH, ("host", b"shop.example")], OK)]
#[case::two_paths(&[METHOD, SCHEME, AUTHORITY, PATH, PATH], Outcome::Reset)]
#[case::pseudo_header_behind_a_header(&[METHOD, SCHEME, AUTHORITY, ("a", b"b"), PATH], Outcome::Reset)]
#[case::unknown_pseudo_header(&[METHOD, SCHEME, AUTHORITY, PATH, (":a", b"b")], Outcome::GoneAway)]
#[case::empty_path(&[METHOD, SCHEME, AUTHORITY, (":path", b"")], Outcome::Reset)]
#[case::path_without_slash(&[METHOD, SCHEME, AUTHORITY, (":path", b"w/url")], Outcome::Reset)]
#[case::query_only(&[METHOD, SCHEME, AUTHORITY, (":path", b"?a=b")], BAD_REQUEST)]
#[case::asterisk(&[METHOD, SCHEME, AUTHORITY, (":path", b"*")], BAD_REQUEST)]
#[case::asterisk_of_options(&[SCHEME, (":method", b"OPTIONS"), AUTHORITY, (":path", b"*")], BAD_REQUEST)]
#[case::less_than_in_the_path(&[METHOD, SCHEME, AUTHORITY, (":path", b"/a<b")], Outcome::Reset)]
#[case::byte_that_is_not_utf_8(&[METHOD, SCHEME, AUTHORITY, (":path", b"/caf\xe9")], Outcome::GoneAway)]
#[case::other_raw_bytes(&[METHOD, SCHEME, AUTHORITY, (":path", b"/\"{}|^\\\xc3\xa9")], OK)]
#[case::other_host(&[METHOD, SCHEME, AUTHORITY, PATH, ("host", b"other.example")], BAD_REQUEST)]
#[case::same_host(&[METHOD, SCHEME, AUTHORITY, PATH, ("host", b"Shop.example")], OK)]
#[case::capital_in_a_name(&[METHOD, SCHEME, AUTHORITY, PATH, ("X-A", b"b")], Outcome::GoneAway)]
#[case::connection(&[METHOD, SCHEME, AUTHORITY, PATH, ("connection", b"close")], Outcome::Reset)]
#[case::upgrade(&[METHOD, SCHEME, AUTHORITY, PATH, ("upgrade", b"h2c")], Outcome::Reset)]
#[case::keep_alive(&[METHOD, SCHEME, AUTHORITY, PATH, ("keep-alive", b"5")], Outcome::Reset)]
#[case::transfer_encoding(&[METHOD, SCHEME, AUTHORITY, PATH, ("transfer-encoding", b"chunked")], Outcome::Reset)]
#[case::te(&[METHOD, SCHEME, AUTHORITY, PATH, ("te", b"gzip")], Outcome::Reset)]
#[case::te_trailers(&[METHOD, SCHEME, AUTHORITY, PATH, ("te", b"trailers")], OK)]
#[tokio::test]
async fn what_http_2_forbids_is_refused(
    #[case] fields: &[(&str, &[u8])],
    #[case] expected: Outcome,
) {
    let world = world().await;
    let outcome = timeout(SOON, outcome(&world, fields)).await.unwrap();
    assert_eq!(outcome, expected);
    let reached = world.origin.requests.load(Ordering::SeqCst) > 0;
    assert_eq!(reached, expected == OK);
    still_serves(&world).await;
}

#[rstest]
#[tokio::test]
async fn connect_is_refused(#[values(false, true)] http2: bool) {
    let world = world().await;
    let request = http::Request::connect("shop.example:443")
        .header("host", "shop.example:443")
        .body(body::empty())
        .unwrap();
    let status = if http2 {
        world
            .http2()
            .await
            .send_request(request)
            .await
            .unwrap()
            .status()
    } else {
        world
            .http1()
            .await
            .send_request(request)
            .await
            .unwrap()
            .status()
    };
    assert_eq!(status, 405);
    assert_eq!(world.origin.requests.load(Ordering::SeqCst), 0);
}

/// The head of a request whose body follows.
fn begin(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS, stream, HEAD_BLOCK)
}

/// Frames that cost a visitor little, many times; `number` counts from 0.
// Published as CVE-2023-44487 (resets), CVE-2025-8671 (streams that make the server reset them), CVE-2019-9512 (pings),
// CVE-2019-9515 (settings) and CVE-2019-9518 (frames without content).
#[rstest]
#[case::resets(|number| [
    frame(HEADERS, END_STREAM | END_HEADERS, 2 * number + 1, HEAD_BLOCK),
    frame(RST_STREAM, 0, 2 * number + 1, &8_u32.to_be_bytes()),
].concat())]
#[case::streams_that_the_edge_must_reset(|number| [
    begin(2 * number + 1),
    frame(WINDOW_UPDATE, 0, 2 * number + 1, &0_u32.to_be_bytes()),
].concat())]
#[case::more_streams_than_it_offers(|number| begin(2 * number + 1))]
#[case::frames_without_content(|number| match number {
    0 => begin(1),
    _ => frame(DATA, 0, 1, b""),
})]
#[tokio::test]
async fn a_flood_of_http_2_ends_its_connection(#[case] flood: fn(u32) -> Vec<u8>) {
    let world = world().await;
    let frames: Vec<_> = (0..20_000).map(flood).collect();
    let kinds = http2_exchange(&world, &frames).await;
    assert_eq!(kinds.last(), Some(&GOAWAY), "{kinds:?}");
    assert!(world.origin.requests.load(Ordering::SeqCst) < 2000);
    still_serves(&world).await;
}

/// A flood that has a response for each frame is as slow as its visitor reads: nothing is kept for it.
#[rstest]
#[case::pings(frame(PING, 0, 0, b"01234567"))]
#[case::settings(frame(SETTINGS, 0, 0, b""))]
#[tokio::test]
async fn a_flood_whose_answers_nobody_reads_is_held_back(#[case] frame: Vec<u8>) {
    let world = world().await;
    let mut stream = world.tls(b"h2").await;
    stream.write_all(PREFACE).await.unwrap();
    let flood = frame.repeat(64 * 1024 / frame.len());
    let mut sent = 0;
    while let Ok(written) = timeout(Duration::from_secs(2), stream.write(&flood)).await {
        match written {
            Ok(written) => sent += written,
            Err(_) => break,
        }
        assert!(sent < MOST_ON_THE_WAY, "{sent}");
    }
    still_serves(&world).await;
}

#[tokio::test]
async fn a_flood_of_continuations_ends_the_connection() {
    let world = world().await;
    let mut frames = vec![frame(HEADERS, END_STREAM, 1, HEAD_BLOCK)];
    // A header without compression, again and again, and never an end.
    let header = [&b"\0\x01x\x7f\x81\x7c"[..], &[b'x'; 16_000]].concat();
    frames.extend((0..2000).map(|_| frame(CONTINUATION, 0, 1, &header)));
    let kinds = http2_exchange(&world, &frames).await;
    assert_eq!(kinds.last(), Some(&GOAWAY), "{kinds:?}");
    assert!(world.trace.exchanges().is_empty());
    still_serves(&world).await;
}

#[tokio::test]
async fn a_header_bomb_over_http_2_is_refused() {
    let world = world().await;
    let mut sender = world.http2().await;
    let mut request = http::Request::get("https://shop.example/w/url");
    for number in 0..2000 {
        request = request.header(format!("x-{number}"), "x".repeat(400));
    }
    let request = request.body(body::empty()).unwrap();
    if let Ok(response) = sender.send_request(request).await {
        assert!(matches!(response.status().as_u16(), 413 | 431));
        let _ = response.into_body().collect().await;
    }
    assert_eq!(world.origin.requests.load(Ordering::SeqCst), 0);
    still_serves(&world).await;
}
