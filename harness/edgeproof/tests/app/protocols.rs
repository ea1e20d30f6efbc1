//! Nothing that concerns one connection goes on to the next, in either direction.

use edgeproof_ground::body;
use http::Request;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    foreign::{ROUTES, head, listening, mirror, put},
    world::{World, get, world},
};

/// Headers of one connection, and one that the visitors below call so.
const OF_A_CONNECTION: [&str; 9] = [
    "upgrade",
    "http2-settings",
    "te",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "x-named",
    "sec-x-named",
    "x-edgeproof-proto",
];

/// What visitors of HTTP/1 send behind the method and the path.
const VISITORS: [(&str, &str); 6] = [
    ("HTTP/1.0", "HTTP/1.0\r\nHost: shop.example\r\n\r\n"),
    (
        "HTTP/1.0 that keeps its connection",
        "HTTP/1.0\r\nHost: shop.example\r\nConnection: keep-alive, close\r\nKeep-Alive: 300\r\n\r\n",
    ),
    (
        "HTTP/1.0 with an upgrade",
        "HTTP/1.0\r\nHost: shop.example\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    ),
    (
        "HTTP/1.1",
        "HTTP/1.1\r\nHost: shop.example\r\nConnection: close, X-Named\r\nConnection: Sec-X-Named\r\n\
         X-Named: 1\r\nSec-X-Named: 2\r\nTE: trailers, deflate\r\nProxy-Connection: keep-alive\r\n\
         Keep-Alive: timeout=5\r\n\r\n",
    ),
    (
        "h2c",
        "HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade, HTTP2-EdgeSettings, close\r\nUpgrade: h2c\r\n\
         HTTP2-EdgeSettings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n\r\n",
    ),
    (
        "TLS within HTTP",
        "HTTP/1.1\r\nHost: shop.example\r\nConnection: Upgrade, close\r\nUpgrade: TLS/1.2\r\n\r\n",
    ),
];

/// Sends bytes over plain HTTP and reads until the edge closes.
async fn raw(world: &World, request: &str) -> String {
    let mut stream = world.tcp().await;
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8(response).unwrap()
}

async fn over_http2(world: &World, path: &str) -> (http::HeaderMap, String) {
    let request = Request::get(format!("https://shop.example{path}"))
        .header("te", "trailers")
        .body(body::empty())
        .unwrap();
    let response = world.http2().await.send_request(request).await.unwrap();
    let headers = response.headers().clone();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (headers, String::from_utf8(body.to_vec()).unwrap())
}

fn is_clean(head: &str, path: &str, case: &str) {
    let mut lines = head.split("\r\n");
    assert_eq!(
        lines.next(),
        Some(format!("GET {path} HTTP/1.1").as_str()),
        "{case}"
    );
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        let name = name.to_lowercase();
        assert!(
            !OF_A_CONNECTION.contains(&name.as_str()),
            "{case}, {path}: {line}"
        );
        assert!(
            name != "connection" || value == "Keep-Alive",
            "{case}, {path}: {line}"
        );
    }
}

#[tokio::test]
async fn nothing_of_the_visitors_connection_reaches_an_application() {
    let world = world().await;
    put(&world, &format!("http://{}", listening(mirror).await));
    for (path, _) in ROUTES {
        for (case, rest) in VISITORS {
            let response = raw(&world, &format!("GET {path} {rest}")).await;
            let (head, body) = response.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(" 200 OK"), "{case}, {path}: {head}");
            is_clean(body, path, case);
        }
        is_clean(&over_http2(&world, path).await.1, path, "HTTP/2");
    }
}

#[tokio::test]
async fn nothing_of_an_applications_connection_reaches_the_visitor() {
    let world = world().await;
    let address = listening(|mut stream| async move {
        while head(&mut stream).await.is_some() {
            let response = "HTTP/1.1 200 OK\r\nConnection: Upgrade, X-Named, keep-alive\r\nUpgrade: h2,h2c\r\n\
                X-Named: 1\r\nKeep-Alive: timeout=5, max=100\r\nProxy-Connection: keep-alive\r\n\
                content-length: 2\r\n\r\nok";
            if stream.write_all(response.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    put(&world, &format!("http://{}", address.await));
    for (path, _) in ROUTES {
        let (headers, _) = over_http2(&world, path).await;
        for headers in [headers, world.ask(get(path)).await.headers().clone()] {
            for name in OF_A_CONNECTION.into_iter().chain(["connection"]) {
                assert!(!headers.contains_key(name), "{path}: {headers:?}");
            }
        }
    }
}

/// Three ways to say where a response ends.
const ENDINGS: [(&str, &str); 3] = [
    ("HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\ncontent"),
    (
        "no length",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\ncontent",
    ),
    (
        "chunks",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\ncon\r\n4\r\ntent\r\n0\r\n\r\n",
    ),
];

#[tokio::test]
async fn a_response_ends_for_each_visitor_as_its_version_says() {
    let world = world().await;
    for (case, response) in ENDINGS {
        let address = listening(move |mut stream| async move {
            head(&mut stream).await;
            let _ = stream.write_all(response.as_bytes()).await;
        });
        put(&world, &format!("http://{}", address.await));
        for (path, _) in ROUTES {
            let old = raw(
                &world,
                &format!("GET {path} HTTP/1.0\r\nHost: shop.example\r\n\r\n"),
            )
            .await;
            let (head, body) = old.split_once("\r\n\r\n").unwrap();
            assert!(
                !head.to_lowercase().contains("transfer-encoding"),
                "{case}, {path}: {head}"
            );
            assert_eq!(body, "content", "{case}, {path}");

            let new =
                format!("GET {path} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
            let new = raw(&world, &new).await;
            assert!(
                new.starts_with("HTTP/1.1 200 OK\r\n"),
                "{case}, {path}: {new}"
            );
            assert_eq!(
                over_http2(&world, path).await.1,
                "content",
                "{case}, {path}"
            );
        }
    }
}
