//! What becomes of an application that fails.

use std::{future::Future, pin::Pin, time::Duration};

use edgeproof_edge::EdgeSettings;
use edgeproof_ground::body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    foreign::{ROUTES, head, last_decision, listening, put},
    world::{World, get, text, world, world_with},
};

/// How an application serves a connection.
type Serve = fn(TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Sends these bytes after the request's head, and closes.
async fn after_head(mut stream: TcpStream, bytes: Vec<u8>) {
    if head(&mut stream).await.is_some() {
        // The edge may have closed already.
        let _ = stream.write_all(&bytes).await;
    }
}

fn response(header: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{header}\r\ncontent-length: 2\r\n\r\nok").into_bytes()
}

/// What is said of every connection that ends too early; who sees a FIN and who a reset depends on the moment.
const BROKE_OFF: &str = "the connection ended early";

/// What an application does, the status that the visitor gets, and a word of the cause in the trace.
const FAILURES: &[(&str, u16, &str, Serve)] = &[
    ("resets at once", 520, BROKE_OFF, |stream| {
        Box::pin(async move { stream.set_zero_linger().unwrap() })
    }),
    ("closes at once", 520, BROKE_OFF, |stream| {
        Box::pin(async move { drop(stream) })
    }),
    ("closes after the request", 520, "closed", |stream| {
        Box::pin(after_head(stream, Vec::new()))
    }),
    ("resets after the request", 520, "reset", |mut stream| {
        Box::pin(async move {
            head(&mut stream).await;
            stream.set_zero_linger().unwrap();
        })
    }),
    ("closes in the head", 520, "closed", |stream| {
        Box::pin(after_head(stream, b"HTTP/1.1 200 OK\r\nx-a".to_vec()))
    }),
    ("speaks another protocol", 520, "invalid HTTP", |stream| {
        Box::pin(after_head(
            stream,
            b"220 mail.example ESMTP\r\n\r\n".to_vec(),
        ))
    }),
    (
        "sends a header name with a space",
        520,
        "invalid HTTP header",
        |stream| Box::pin(after_head(stream, response("bad header: x"))),
    ),
    ("sends two lengths", 520, "content-length", |stream| {
        Box::pin(after_head(stream, response("content-length: 3")))
    }),
    (
        "sends 200 KB of headers",
        520,
        "the limit is 131072",
        |stream| {
            Box::pin(after_head(
                stream,
                response(&format!("x: {}", "y".repeat(200_000))),
            ))
        },
    ),
    ("sends a head without an end", 520, "too large", |stream| {
        Box::pin(async move {
            let mut stream = stream;
            head(&mut stream).await;
            let line = format!("x: {}\r\n", "y".repeat(8_000));
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n").await;
            while stream.write_all(line.as_bytes()).await.is_ok() {}
        })
    }),
    (
        "changes the protocol unasked",
        520,
        "without being asked",
        |stream| {
            let switch = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            Box::pin(after_head(stream, switch.into()))
        },
    ),
    ("says nothing", 524, "nothing came within 0.2 s", |stream| {
        Box::pin(async move {
            let _open = stream;
            std::future::pending().await
        })
    }),
];

async fn asked_over_http2(world: &World, path: &str) -> http::Response<bytes::Bytes> {
    let request = Request::get(format!("https://shop.example{path}"))
        .header("accept", "application/json")
        .body(body::empty())
        .unwrap();
    let response = world.http2().await.send_request(request).await.unwrap();
    let (parts, body) = response.into_parts();
    http::Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

/// Both visitors, on both ways, get the edge's page, and the hop says who was asked and what went wrong.
async fn is_told(world: &World, case: &str, address: &str, status: u16, cause: &str) {
    let number = if status == 530 { 1016 } else { status }.to_string();
    for (path, from) in ROUTES {
        let mut request = get(path);
        let accept = http::HeaderValue::from_static("application/json");
        request.headers_mut().insert("accept", accept);
        for response in [
            world.ask(request).await,
            asked_over_http2(world, path).await,
        ] {
            assert_eq!(response.status(), status, "{case}, {path}");
            assert_eq!(
                response.headers()["cf-error-type"],
                *number,
                "{case}, {path}"
            );
            let content_type = &response.headers()["content-type"];
            assert_eq!(content_type, "application/json; charset=utf-8", "{case}");
            let problem: serde_json::Value = serde_json::from_str(text(&response)).unwrap();
            assert_eq!(problem["status"], status, "{case}");
        }
        let decision = last_decision(world, from);
        assert!(decision.contains(cause), "{case}, {path}: {decision}");
        let who = format!("the application at {address} ");
        let told = decision.contains(&who) || cause.contains("the limit");
        assert!(told, "{case}, {path}: {decision}");
    }
}

fn impatient() -> EdgeSettings {
    EdgeSettings {
        origin_connect_ms: 200,
        origin_read_ms: 200,
        ..EdgeSettings::default()
    }
}

#[tokio::test]
async fn an_application_that_fails_is_the_page_that_cloudflare_gives_for_it() {
    let world = world_with(impatient()).await;
    for (case, status, cause, serve) in FAILURES {
        let address = format!("http://{}", listening(serve).await);
        put(&world, &address);
        is_told(&world, case, &address, *status, cause).await;
    }
}

#[tokio::test]
async fn an_application_that_is_not_up_is_521() {
    let world = world().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for host in ["127.0.0.1", "localhost"] {
        let address = format!("http://{host}:{port}");
        put(&world, &address);
        is_told(&world, host, &address, 521, "Connection refused").await;
    }
}

#[tokio::test]
async fn a_connection_that_nobody_takes_is_522() {
    let world = world_with(impatient()).await;
    // A queue for one connection that is full: the kernel leaves further ones without a word.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    let address = format!("http://{address}");
    put(&world, &address);
    is_told(&world, "full", &address, 522, "no connection within 0.2 s").await;
}

#[tokio::test]
async fn a_name_without_an_address_is_530() {
    let world = world().await;
    // A name that no name server has (RFC 6761 §6.4).
    let address = "http://app.invalid:3000";
    put(
        &world,
        &format!("{{ address: '{address}', allow: app.invalid }}"),
    );
    is_told(&world, "no such name", address, 530, "has no address").await;
}

/// What of a body comes before it breaks off, and how its length is said.
const BROKEN: &[(&str, &str)] = &[
    ("of a known length", "content-length: 100\r\n\r\nhalf"),
    (
        "in chunks",
        "transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ),
    ("in a chunk", "transfer-encoding: chunked\r\n\r\n64\r\nhalf"),
];

#[tokio::test]
async fn a_body_that_breaks_off_breaks_off_for_the_visitor() {
    let world = world().await;
    for (case, rest) in BROKEN {
        let address = listening(move |stream| {
            let response = format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n{rest}");
            after_head(stream, response.into_bytes())
        });
        put(&world, &format!("http://{}", address.await));
        for (path, _) in ROUTES {
            let response = world.http1().await.send_request(get(path)).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{case}, {path}");
            response.into_body().collect().await.expect_err(case);

            let request = Request::get(format!("https://shop.example{path}"));
            let request = request.body(body::empty()).unwrap();
            let response = world.http2().await.send_request(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{case}, {path}");
            response.into_body().collect().await.expect_err(case);
        }
    }
}
