//! A response that comes before the request has been read: the visitor gets it every time.

use std::time::Duration;

use bytes::Bytes;
use edgeproof_ground::body::{self, BodyError};
use edgeproof_internet::Destination;
use edgeproof_test_support::server;
use futures_util::StreamExt;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use rstest::rstest;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::world::{World, world};

/// A bound for what must happen soon; nothing waits for it when all is well.
const SOON: Duration = Duration::from_secs(60);
const MEGABYTE: usize = 1024 * 1024;
const PIECE: &[u8] = &[b'x'; 64 * 1024];

/// How a visitor sends the body.
#[derive(Clone, Copy, Debug)]
enum Upload {
    Length,
    Chunked,
    Http2,
}

/// Uploads to `path`; gives the status and the body of the response.
async fn upload(
    world: &World,
    path: &str,
    how: Upload,
    bytes: usize,
    pause: Duration,
) -> (u16, Bytes) {
    let exchange = async {
        match how {
            Upload::Http2 => upload_http2(world, path, bytes, pause).await,
            Upload::Length | Upload::Chunked => {
                let mut stream = world.tcp().await;
                send(&mut stream, path, how, bytes, pause).await;
                read(stream).await
            }
        }
    };
    timeout(SOON, exchange).await.expect("a response comes")
}

/// Writes the whole request before anything is read, as many clients do.
async fn send(stream: &mut TcpStream, path: &str, how: Upload, bytes: usize, pause: Duration) {
    let framing = match how {
        Upload::Length => format!("Content-Length: {bytes}"),
        _ => "Transfer-Encoding: chunked".to_owned(),
    };
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n{framing}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..bytes / PIECE.len() {
        if let Upload::Chunked = how {
            let size = format!("{:x}\r\n", PIECE.len());
            stream.write_all(size.as_bytes()).await.unwrap();
        }
        stream.write_all(PIECE).await.unwrap();
        if let Upload::Chunked = how {
            stream.write_all(b"\r\n").await.unwrap();
        }
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
    if let Upload::Chunked = how {
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    }
}

/// Reads a response that ends with its connection.
async fn read(mut stream: TcpStream) -> (u16, Bytes) {
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    let head = response
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap()
        + 4;
    let status = String::from_utf8_lossy(&response[9..12]).parse().unwrap();
    (status, Bytes::copy_from_slice(&response[head..]))
}

async fn upload_http2(world: &World, path: &str, bytes: usize, pause: Duration) -> (u16, Bytes) {
    let pieces = futures_util::stream::unfold(bytes / PIECE.len(), move |left| async move {
        if !pause.is_zero() {
            sleep(pause).await;
        }
        let piece = Ok::<_, BodyError>(Frame::data(Bytes::from_static(PIECE)));
        (left > 0).then(|| (piece, left - 1))
    });
    let request = http::Request::post(format!("https://shop.example{path}"))
        .body(body::stream(StreamBody::new(pieces)))
        .unwrap();
    let response = world.http2().await.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    (
        status,
        response.into_body().collect().await.unwrap().to_bytes(),
    )
}

#[rstest]
#[case::worker_refuses("/w/refuse", 403)]
#[case::worker_throws("/w/throw", 500)]
#[case::origin_refuses_past_the_worker("/refuse", 413)]
#[case::origin_refuses_through_the_worker("/w/pass/refuse", 413)]
#[tokio::test]
async fn an_early_response_reaches_the_visitor_every_time(
    #[case] path: &str,
    #[case] expected: u16,
    #[values(Upload::Length, Upload::Chunked, Upload::Http2)] how: Upload,
    #[values((1, 30), (5, 30), (50, 3))] size: (usize, usize),
) {
    let world = world().await;
    let (megabytes, times) = size;
    for time in 0..times {
        let (status, body) = upload(&world, path, how, megabytes * MEGABYTE, Duration::ZERO).await;
        assert_eq!(status, expected, "time {time}: {body:?}");
        match expected {
            403 => assert_eq!(body, "refused by the worker"),
            413 => assert_eq!(body, "refused by the origin"),
            _ => assert!(String::from_utf8_lossy(&body).contains("1101"), "{body:?}"),
        }
    }
}

/// As curl does on a refusal: the stream ends when the head of the response is there, short of the announced length.
#[rstest]
#[case::refused_by_the_edge("/a%zz", 400)]
#[case::refused_by_the_worker("/w/refuse", 403)]
#[case::refused_by_the_origin("/refuse", 413)]
#[case::refused_by_the_application("/upload", 413)]
#[case::refused_at_length("/w/refuse-at-length?3000", 403)]
#[tokio::test]
async fn an_upload_that_ends_short_on_an_early_response_does_not_cut_it(
    #[case] path: &str,
    #[case] expected: u16,
) {
    let world = world().await;
    if path == "/upload" {
        world.put(hasty_application().await);
    }
    for time in 0..60 {
        let (responded, has_responded) = tokio::sync::oneshot::channel::<()>();
        let first = Ok::<_, BodyError>(Frame::data(Bytes::from_static(&PIECE[..16_000])));
        let last = futures_util::stream::once(async move {
            let _ = has_responded.await;
            Ok(Frame::data(Bytes::new()))
        });
        let pieces = futures_util::stream::iter([first]).chain(last);
        let request = http::Request::post(format!("https://shop.example{path}"))
            .header("content-length", 5 * MEGABYTE)
            .body(body::stream(StreamBody::new(pieces)))
            .unwrap();
        let response = world.http2().await.send_request(request).await.unwrap();
        let _ = responded.send(());
        assert_eq!(response.status(), expected, "time {time}");
        let body = response.into_body().collect().await;
        let body = body.unwrap_or_else(|error| panic!("time {time}: {error:?}"));
        let length = body.to_bytes().len();
        match path.split_once('?') {
            Some((_, kilobytes)) => assert_eq!(length, kilobytes.parse::<usize>().unwrap() * 1024),
            None => assert_ne!(length, 0, "time {time}"),
        }
    }
}

/// An application that knows its limit.
async fn hasty_application() -> Destination {
    let response = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 22\r\nConnection: close\r\n\r\n\
                    refused by application";
    Destination::Address(server::hasty(response).await)
}

#[rstest]
#[case::past_the_worker("/upload")]
#[case::through_the_worker("/w/upload")]
#[tokio::test]
async fn an_application_that_closes_on_an_upload_has_answered(
    #[case] path: &str,
    #[values(Upload::Length, Upload::Chunked, Upload::Http2)] how: Upload,
    #[values((1, 30), (5, 30), (50, 3))] size: (usize, usize),
) {
    let world = world().await;
    world.put(hasty_application().await);
    let (megabytes, times) = size;
    for time in 0..times {
        let (status, body) = upload(&world, path, how, megabytes * MEGABYTE, Duration::ZERO).await;
        assert_eq!(
            (status, &body[..]),
            (413, &b"refused by application"[..]),
            "time {time}"
        );
    }
}

#[rstest]
#[tokio::test]
async fn a_slow_visitor_gets_an_early_response_too(
    #[values("/w/refuse", "/w/throw", "/refuse")] path: &str,
    #[values(Upload::Length, Upload::Chunked, Upload::Http2)] how: Upload,
) {
    let world = world().await;
    let pause = Duration::from_millis(50);
    let (status, _) = upload(&world, path, how, MEGABYTE, pause).await;
    assert!(matches!(status, 403 | 413 | 500), "{status}");
}

#[rstest]
#[tokio::test]
async fn an_early_response_of_any_length_arrives_whole(
    #[values(Upload::Length, Upload::Chunked, Upload::Http2)] how: Upload,
    #[values((40, 30), (500, 10), (3000, 5))] size: (usize, usize),
) {
    let world = world().await;
    let (kilobytes, times) = size;
    let path = format!("/w/refuse-at-length?{kilobytes}");
    for time in 0..times {
        let (status, body) = upload(&world, &path, how, 5 * MEGABYTE, Duration::ZERO).await;
        assert_eq!((status, body.len()), (403, kilobytes * 1024), "time {time}");
    }
}

#[tokio::test]
async fn a_connection_is_kept_after_an_early_response() {
    let world = world().await;
    let mut sender = world.http1().await;
    for _ in 0..3 {
        sender.ready().await.unwrap();
        let body = body::full(vec![b'x'; MEGABYTE]);
        let request = crate::world::post("/w/refuse", body);
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 403);
        response.into_body().collect().await.unwrap();
    }
}
