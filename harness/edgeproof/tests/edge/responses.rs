//! Responses as applications and the edge itself make them: what of them reaches the visitor, in each of her versions.

use std::time::Duration;

use bytes::Bytes;
use edgeproof_ground::body::{self, BodyError};
use edgeproof_internet::Destination;
use edgeproof_test_support::server;
use http::{Request, Response, header::CONTENT_LENGTH};
use http_body_util::BodyExt;
use rstest::rstest;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::{
    frames::{
        self, ACKNOWLEDGED, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, RST_STREAM,
        SETTINGS, block, frame,
    },
    world::{World, world},
};

#[derive(Clone, Copy, Debug)]
enum Visitor {
    Http1,
    Http2,
}

impl Visitor {
    /// Asks over a connection of her own. The body is what came of it, or why it broke off.
    async fn asks(
        self,
        world: &World,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Response<Result<Bytes, BodyError>> {
        let mut request = Request::builder().method(method);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let response = match self {
            Self::Http1 => {
                let request = request.uri(path).header("host", "shop.example");
                let request = request.body(body::empty()).unwrap();
                world.http1().await.send_request(request).await
            }
            Self::Http2 => {
                let request = request.uri(format!("https://shop.example{path}"));
                let request = request.body(body::empty()).unwrap();
                world.http2().await.send_request(request).await
            }
        };
        let (head, body) = response.unwrap().into_parts();
        let body = body.collect().await;
        Response::from_parts(head, body.map(|it| it.to_bytes()).map_err(Into::into))
    }
}

/// Puts an application behind `shop.example` that answers every request with these bytes and closes.
async fn application(world: &World, response: &'static str) {
    world.put(Destination::Address(server::hasty(response).await));
}

#[rstest]
#[case::no_such_escape("/a%zz", &[], 400)]
#[case::prohibited("/a", &[("cf-connecting-ip", "192.0.2.1")], 403)]
#[case::origin_down("/a", &[], 521)]
#[case::worker_threw("/w/throw", &[], 500)]
#[case::origin_down_behind_the_worker("/w/a", &[], 521)]
#[tokio::test]
async fn a_page_of_the_edge_has_no_content_for_head(
    #[case] path: &str,
    #[case] fields: &[(&str, &str)],
    #[case] status: u16,
    #[values(Visitor::Http1, Visitor::Http2)] visitor: Visitor,
) {
    let world = world().await;
    world.put(Destination::Refused);
    let response = visitor.asks(&world, "HEAD", path, fields).await;
    assert_eq!(response.status(), status);
    assert_eq!(response.into_body().unwrap(), "");
}

#[rstest]
#[case::malformed_chunk("Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")]
#[case::nothing_of_a_length("Content-Length: 500\r\n\r\n")]
#[case::nothing_in_chunks("Transfer-Encoding: chunked\r\n\r\n")]
#[case::some_of_a_length("Content-Length: 500\r\n\r\nhello")]
#[case::some_chunks("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n")]
#[tokio::test]
async fn a_body_that_breaks_off_at_once_does_not_take_its_head_along(
    #[case] rest: &str,
    #[values("/a", "/w/a")] path: &str,
    #[values(Visitor::Http1, Visitor::Http2)] visitor: Visitor,
) {
    let world = world().await;
    let response = format!("HTTP/1.1 203 Odd\r\nX-App: yes\r\n{rest}");
    application(&world, response.leak()).await;
    for time in 0..50 {
        let response = visitor.asks(&world, "GET", path, &[]).await;
        assert_eq!(response.status(), 203, "time {time}");
        assert_eq!(response.headers()["x-app"], "yes");
        assert!(response.into_body().is_err(), "time {time}");
    }
}

/// A visitor's connection for frames, to an application whose body breaks off.
async fn frames_of_half(world: &World) -> impl AsyncRead + AsyncWrite + Unpin {
    application(world, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
    let mut stream = world.tls(b"h2").await;
    let first = [PREFACE.to_vec(), frame(SETTINGS, 0, 0, &[])].concat();
    stream.write_all(&first).await.unwrap();
    stream
}

/// Asks in this stream of the connection, and gives the acknowledgement of the PING that comes behind the body.
async fn asks_until_ping(
    connection: &mut (impl AsyncRead + AsyncWrite + Unpin),
    stream: u32,
) -> Vec<u8> {
    let fields: [(&str, &[u8]); 4] = [
        (":method", b"GET"),
        (":scheme", b"https"),
        (":authority", b"shop.example"),
        (":path", b"/a"),
    ];
    let head = frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(&fields));
    connection.write_all(&head).await.unwrap();
    let mut kinds = Vec::new();
    let ping = loop {
        match frames::read(connection).await.unwrap() {
            (PING, content) => break content,
            (RST_STREAM, _) => panic!("it was reset at once, behind {kinds:?}"),
            (kind, _) => kinds.push(kind),
        }
    };
    assert!(kinds.ends_with(&[HEADERS, DATA]), "{kinds:?}");
    frame(PING, ACKNOWLEDGED, 0, &ping)
}

/// Chromium forgets a head that it reads together with the reset.
#[tokio::test]
async fn a_stream_is_reset_once_the_visitor_has_read_what_came_of_it() {
    let world = world().await;
    let mut connection = frames_of_half(&world).await;
    let acknowledged = asks_until_ping(&mut connection, 1).await;
    // Nothing more comes until it is acknowledged.
    let early = timeout(Duration::from_millis(200), frames::read(&mut connection)).await;
    assert!(early.is_err(), "{early:?}");
    connection.write_all(&acknowledged).await.unwrap();
    let (kind, _) = frames::read(&mut connection).await.unwrap();
    assert_eq!(kind, RST_STREAM);
}

#[tokio::test]
async fn a_visitor_who_lets_go_of_a_stream_is_waited_for_in_the_next_all_the_same() {
    const CANCEL: [u8; 4] = [0, 0, 0, 8];
    let world = world().await;
    let mut connection = frames_of_half(&world).await;
    let acknowledged = asks_until_ping(&mut connection, 1).await;
    let cancelled = frame(RST_STREAM, 0, 1, &CANCEL);
    let both = [cancelled, acknowledged].concat();
    connection.write_all(&both).await.unwrap();
    asks_until_ping(&mut connection, 3).await;
}

#[rstest]
#[case::the_same_twice(
    "200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
    200,
    "hello"
)]
#[case::the_same_in_one_field("200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", 200, "hello")]
#[case::beside_chunked(
    "200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    200,
    "hello"
)]
#[case::no_content("204 No Content\r\nContent-Length: 5\r\n\r\nhello", 204, "")]
#[tokio::test]
async fn at_most_one_length_of_a_response_goes_on(
    #[case] response: &'static str,
    #[case] status: u16,
    #[case] content: &'static str,
    #[values("/a", "/w/a")] path: &str,
    #[values(Visitor::Http1, Visitor::Http2)] visitor: Visitor,
) {
    let world = world().await;
    application(&world, format!("HTTP/1.1 {response}").leak()).await;
    let response = visitor.asks(&world, "GET", path, &[]).await;
    assert_eq!(response.status(), status);
    let lengths = response.headers().get_all(CONTENT_LENGTH).iter();
    let lengths: Vec<_> = lengths.collect();
    match &lengths[..] {
        [] => {}
        [length] => assert_eq!(*length, "5"),
        many => panic!("{many:?}"),
    }
    assert!(status != 204 || lengths.is_empty(), "{lengths:?}");
    assert_eq!(response.into_body().unwrap(), content);
}

#[rstest]
#[tokio::test]
async fn a_response_in_an_unknown_transfer_coding_is_520(
    #[values("/a", "/w/a")] path: &str,
    #[values(Visitor::Http1, Visitor::Http2)] visitor: Visitor,
) {
    let world = world().await;
    let response =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    application(&world, response).await;
    let response = visitor.asks(&world, "GET", path, &[]).await;
    assert_eq!(response.status(), 520);
}
