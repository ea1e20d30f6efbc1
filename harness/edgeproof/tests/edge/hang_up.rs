//! A visitor who hangs up: what was made for her is cancelled as far as the origin, and only `waitUntil` lives on.

use std::{net::Shutdown, time::Duration};

use bytes::Bytes;
use edgeproof_ground::{
    body::{self, Body, BodyError},
    trace::Party,
};
use edgeproof_internet::Destination;
use edgeproof_test_support::{client, server, wait::until};
use http_body_util::{BodyExt, StreamBody};
use hyper::{body::Frame, client::conn};
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
    time::timeout,
};

use crate::world::{World, world};

/// A bound for what must happen soon; nothing waits for it when all is well.
const SOON: Duration = Duration::from_secs(20);

/// How a visitor leaves.
#[derive(Clone, Copy, Debug)]
enum HangUp {
    /// She closes her connection.
    Http1Close,
    /// She resets her connection.
    Http1Reset,
    /// She closes the sending half only.
    Http1HalfClose,
    /// She resets the one stream.
    Http2Stream,
    /// She closes the connection with all its streams.
    Http2Connection,
}

/// When she leaves.
#[derive(Clone, Copy, Debug)]
enum When {
    BeforeTheResponse,
    InTheResponse,
    InTheUpload,
}

/// What the origin saw.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Asked,
    Closed,
}

/// An origin on a socket of its own. It reads a request, answers as far as it shall, and tells when the client goes.
async fn origin(world: &World, response: &'static [u8]) -> mpsc::UnboundedReceiver<Seen> {
    let (tell, seen) = mpsc::unbounded_channel();
    let address = server::listening(move |stream| hold(stream, response, tell.clone())).await;
    world.put(Destination::Address(address));
    seen
}

async fn hold(mut stream: TcpStream, response: &[u8], tell: mpsc::UnboundedSender<Seen>) {
    if server::head(&mut stream).await.is_none() {
        return;
    }
    stream.write_all(response).await.unwrap();
    tell.send(Seen::Asked).unwrap();
    let mut rest = Vec::new();
    while stream.read_buf(&mut rest).await.unwrap_or_default() > 0 {}
    tell.send(Seen::Closed).unwrap();
}

/// A visitor with a request under way.
enum Visitor {
    Http1(TcpStream),
    Http2(Http2),
}

struct Http2 {
    /// Aborted, it resets the stream.
    exchange: JoinHandle<()>,
    /// The connection below HTTP/2.
    socket: std::net::TcpStream,
    /// While it is there, so is the connection.
    _sender: conn::http2::SendRequest<Body>,
}

impl Visitor {
    async fn asks(world: &World, path: &str, how: HangUp, when: When) -> Self {
        match how {
            HangUp::Http2Stream | HangUp::Http2Connection => {
                Self::Http2(asks_http2(world, path, when).await)
            }
            _ => {
                let mut stream = world.tcp().await;
                let request = match when {
                    When::InTheUpload => format!(
                        "POST {path} HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 100\r\n\r\nbegun"
                    ),
                    _ => format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\n\r\n"),
                };
                stream.write_all(request.as_bytes()).await.unwrap();
                if let When::InTheResponse = when {
                    let mut response = Vec::new();
                    while !response.ends_with(b"begun\r\n") {
                        assert_ne!(stream.read_buf(&mut response).await.unwrap(), 0);
                    }
                }
                Self::Http1(stream)
            }
        }
    }

    /// Hangs up; gives what is left of the visitor.
    async fn hangs_up(mut self, how: HangUp) -> Option<Self> {
        match (&mut self, how) {
            (Self::Http1(stream), HangUp::Http1HalfClose) => stream.shutdown().await.unwrap(),
            (Self::Http1(stream), HangUp::Http1Reset) => {
                stream.set_zero_linger().unwrap();
                return None;
            }
            (Self::Http1(_), _) => return None,
            (Self::Http2(visitor), HangUp::Http2Stream) => visitor.exchange.abort(),
            (Self::Http2(visitor), _) => visitor.socket.shutdown(Shutdown::Both).unwrap(),
        }
        Some(self)
    }
}

async fn asks_http2(world: &World, path: &str, when: When) -> Http2 {
    let tcp = world.tcp().await.into_std().unwrap();
    let socket = tcp.try_clone().unwrap();
    let stream = world
        .tls_over(TcpStream::from_std(tcp).unwrap(), b"h2")
        .await;
    let mut sender = client::http2(stream).await;
    let kept = sender.clone();
    let upload = futures_util::stream::unfold(true, |first| async move {
        if !first {
            std::future::pending::<()>().await;
        }
        let piece = Ok::<_, BodyError>(Frame::data(Bytes::from_static(b"begun")));
        Some((piece, false))
    });
    let url = format!("https://shop.example{path}");
    let request = match when {
        When::InTheUpload => http::Request::post(url).body(body::stream(StreamBody::new(upload))),
        _ => http::Request::get(url).body(body::empty()),
    };
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let exchange = tokio::spawn(async move {
        let Ok(response) = sender.send_request(request.unwrap()).await else {
            return;
        };
        let mut body = response.into_body();
        let _ = body.frame().await;
        let _ = begun.send(());
        while let Some(Ok(_)) = body.frame().await {}
    });
    if let When::InTheResponse = when {
        has_begun.await.unwrap();
    }
    Http2 {
        exchange,
        socket,
        _sender: kept,
    }
}

/// Waits until a hop between two parties has been decided in these words.
async fn decided(world: &World, from: Party, to: Party, words: &str) {
    let said = || {
        let hops = world.hops(from, to).into_iter();
        hops.filter_map(|hop| hop.decision).collect::<Vec<_>>()
    };
    let is_said = || said().iter().any(|decision| decision.contains(words));
    until(&format!("`{words}` in {:?}", said()), is_said).await;
}

const BEGUN: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n";

#[rstest]
#[case::before_the_response(
    When::BeforeTheResponse,
    b"",
    "the visitor hung up before the response"
)]
#[case::in_the_response(
    When::InTheResponse,
    BEGUN,
    "the visitor hung up in the body of the response"
)]
#[case::in_the_upload(
    When::InTheUpload,
    b"",
    "the visitor hung up in the body of the request"
)]
#[tokio::test]
async fn a_visitor_who_hangs_up_cancels_what_was_made_for_her(
    #[case] when: When,
    #[case] response: &'static [u8],
    #[case] words: &str,
    #[values("/page", "/w/page")] path: &str,
    #[values(
        HangUp::Http1Close,
        HangUp::Http1Reset,
        HangUp::Http1HalfClose,
        HangUp::Http2Stream,
        HangUp::Http2Connection
    )]
    how: HangUp,
) {
    let world = world().await;
    let mut seen = origin(&world, response).await;
    let visitor = Visitor::asks(&world, path, how, when).await;
    let asked = timeout(SOON, seen.recv())
        .await
        .expect("the origin is asked");
    assert_eq!(asked, Some(Seen::Asked));
    let _listening = visitor.hangs_up(how).await;
    let closed = timeout(SOON, seen.recv()).await;
    assert_eq!(
        closed.expect("the origin's connection is closed"),
        Some(Seen::Closed)
    );
    let words = match (when, how) {
        // The stream, or the connection, is gone as a whole before its body is.
        (When::InTheUpload, HangUp::Http2Stream | HangUp::Http2Connection) => "the visitor hung up",
        _ => words,
    };
    decided(&world, Party::Visitor, Party::Edge, words).await;
}

#[rstest]
#[tokio::test]
async fn a_worker_learns_that_its_visitor_hung_up_and_what_waits_lives_on(
    #[values(
        HangUp::Http1Close,
        HangUp::Http1Reset,
        HangUp::Http1HalfClose,
        HangUp::Http2Stream,
        HangUp::Http2Connection
    )]
    how: HangUp,
) {
    let world = world().await;
    let visitor = Visitor::asks(&world, "/w/signal", how, When::BeforeTheResponse).await;
    reached(&world, "/hangs").await;
    let _listening = visitor.hangs_up(how).await;
    reached(&world, "/aborted").await;
    reached(&world, "/lived-on").await;
}

/// Waits until the worker has asked the vendor for a path.
async fn reached(world: &World, path: &str) {
    let hops = || world.hops(Party::Worker, Party::Fingerprint);
    let is_asked = || hops().iter().any(|hop| hop.request.url.ends_with(path));
    until(&format!("the vendor is asked for {path}"), is_asked).await;
}

#[tokio::test]
async fn a_visitor_who_is_served_has_not_hung_up() {
    let world = world().await;
    for path in ["/w/url", "/page", "/w/throw"] {
        world.get(path).await;
    }
    let head = http::Request::head("/w/throw").header("host", "shop.example");
    world.ask(head.body(body::empty()).unwrap()).await;
    let hops = world.trace.exchanges().into_iter();
    let decisions: Vec<String> = hops.filter_map(|hop| hop.decision).collect();
    assert!(
        !decisions
            .iter()
            .any(|decision| decision.contains("hung up")),
        "{decisions:?}"
    );
}
