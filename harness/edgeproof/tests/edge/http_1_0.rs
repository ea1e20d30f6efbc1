//! Visitors who speak HTTP/1.0.

use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{hostile::exchange, world::world};

// An end of the connection is the end of the body, whatever was asked for: HTTP/1.0 has no chunks.
#[rstest]
#[case::of_known_length("/w/url", "http://shop.example/w/url", "content-length")]
#[case::in_pieces("/w/streamed", "in pieces", "")]
#[case::past_the_worker("/a", "GET http://shop.example/a ", "content-length")]
#[tokio::test]
async fn a_response_is_framed_as_http_1_0_reads_it(
    #[case] path: &str,
    #[case] expected: &str,
    #[case] length: &str,
) {
    let world = world().await;
    let request = format!("GET {path} HTTP/1.0\r\nHost: shop.example\r\n\r\n");
    let response = exchange(&world, request.as_bytes()).await;
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200 OK"), "{head}");
    assert!(!head.contains("transfer-encoding"), "{head}");
    assert!(head.contains(length), "{head}");
    assert_eq!(body, expected);
}

#[tokio::test]
async fn a_connection_is_kept_where_the_visitor_asks_for_it() {
    let world = world().await;
    let mut stream = world.tcp().await;
    let request = b"GET /w/url HTTP/1.0\r\nHost: shop.example\r\nConnection: keep-alive\r\n\r\n";
    for _ in 0..3 {
        stream.write_all(request).await.unwrap();
        let mut response = Vec::new();
        while !response.ends_with(b"http://shop.example/w/url") {
            assert_ne!(stream.read_buf(&mut response).await.unwrap(), 0);
        }
        let response = String::from_utf8(response).unwrap();
        assert!(response.contains("connection: keep-alive"), "{response}");
    }
}

#[tokio::test]
async fn a_request_without_host_is_refused() {
    let world = world().await;
    let response = exchange(&world, b"GET /w/url HTTP/1.0\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.0 400 "), "{response}");
}

#[tokio::test]
async fn a_worker_reads_the_version() {
    let world = world().await;
    let request = b"GET /w/cf HTTP/1.0\r\nHost: shop.example\r\n\r\n";
    let response = exchange(&world, request).await;
    assert!(
        response.contains(r#""httpProtocol":"HTTP/1.0""#),
        "{response}"
    );
}
