//! Servers of Node.js as applications: plain, with TLS, and with HTTP/2 by ALPN.

use std::{ffi::OsStr, process::Stdio, time::Duration};

use bytes::Bytes;
use edgeproof_edge::{EdgeSettings, Plan};
use edgeproof_ground::body::{self, Body, BodyError};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

use crate::{
    foreign::{ROUTES, last_decision, put},
    world::{World, world, world_with},
};

/// A bound for what must happen soon; nothing waits for it when all is well.
const SOON: Duration = Duration::from_secs(60);
const PIECE: &[u8] = &[b'x'; 64 * 1024];
const PIECES: usize = 64;

/// The application's process, and the descriptions of its servers with the version that each speaks to the edge.
pub(crate) struct AppProcess {
    _process: Child,
    ports: Value,
    _files: tempfile::TempDir,
}

impl AppProcess {
    pub(crate) async fn start() -> Self {
        let files = tempfile::tempdir().unwrap();
        let own = rcgen::generate_simple_self_signed(["shop.example".to_owned()]).unwrap();
        let (key, certificate) = (files.path().join("key.pem"), files.path().join("cert.pem"));
        std::fs::write(&key, own.signing_key.serialize_pem()).unwrap();
        std::fs::write(&certificate, own.cert.pem()).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/app/server.mjs");
        let mut process = Command::new("node")
            .args([OsStr::new(script), key.as_os_str(), certificate.as_os_str()])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("Node.js is installed: ci/setup does it");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        Self {
            _process: process,
            ports: serde_json::from_str(&line).unwrap(),
            _files: files,
        }
    }

    /// Each server: how it is described, and the version of HTTP it is to see.
    pub(crate) fn servers(&self) -> [(String, &'static str); 3] {
        let tls = |name: &str| {
            let port = &self.ports[name];
            format!("{{ address: 'https://localhost:{port}', certificate: any }}")
        };
        [
            (format!("http://localhost:{}", self.ports["plain"]), "1.1"),
            (tls("tls"), "1.1"),
            (tls("http2"), "2.0"),
        ]
    }
}

/// The versions that a visitor speaks.
#[derive(Clone, Copy, Debug)]
enum Spoken {
    Http1,
    Http2,
}

const SPOKEN: [Spoken; 2] = [Spoken::Http1, Spoken::Http2];

async fn ask(
    world: &World,
    spoken: Spoken,
    method: &str,
    path: &str,
    headers: &[(&'static str, &str)],
    body: Body,
) -> Response<Incoming> {
    let mut request = Request::new(body);
    *request.method_mut() = method.parse().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(*name, value);
    }
    match spoken {
        Spoken::Http1 => {
            *request.uri_mut() = path.parse().unwrap();
            let host = HeaderValue::from_static("shop.example");
            request.headers_mut().insert("host", host);
            world.http1().await.send_request(request).await.unwrap()
        }
        Spoken::Http2 => {
            *request.uri_mut() = format!("https://shop.example{path}").parse().unwrap();
            world.http2().await.send_request(request).await.unwrap()
        }
    }
}

async fn bytes(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}

/// The route's path with another last part.
fn below(route: &str, path: &str) -> String {
    route.replace("/a", path)
}

fn upload() -> Body {
    let pieces = (0..PIECES).map(|_| Ok::<_, BodyError>(Frame::data(Bytes::from_static(PIECE))));
    body::stream(StreamBody::new(futures_util::stream::iter(pieces)))
}

#[tokio::test]
async fn every_visitor_reaches_every_application_in_the_version_that_it_speaks() {
    let (world, node) = (world().await, AppProcess::start().await);
    let content = PIECE.repeat(PIECES);
    let hash = ring::digest::digest(&ring::digest::SHA256, &content);
    let hash: String = hash
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for (app, version) in node.servers() {
        put(&world, &app);
        for (spoken, (path, _)) in SPOKEN
            .into_iter()
            .flat_map(|spoken| ROUTES.map(|route| (spoken, route)))
        {
            let case = format!("{app}, {spoken:?}, {path}");
            for method in ["GET", "HEAD", "POST", "OPTIONS", "DELETE"] {
                let response = ask(&world, spoken, method, path, &[], body::empty()).await;
                assert_eq!(response.status(), StatusCode::OK, "{case}, {method}");
                let text = bytes(response).await;
                if method != "HEAD" {
                    let seen: Value = serde_json::from_slice(&text).unwrap();
                    assert_eq!(seen["method"], method, "{case}");
                    assert_eq!(seen["version"], version, "{case}");
                }
            }
            let response = ask(&world, spoken, "POST", path, &[], upload()).await;
            let seen: Value = serde_json::from_slice(&bytes(response).await).unwrap();
            assert_eq!(seen["length"], content.len(), "{case}");
            assert_eq!(seen["sha256"], hash.as_str(), "{case}");
        }
    }
}

#[tokio::test]
async fn a_download_of_any_length_arrives_whole() {
    let (world, node) = (world().await, AppProcess::start().await);
    for (app, _) in node.servers() {
        put(&world, &app);
        for (spoken, (path, _)) in SPOKEN
            .into_iter()
            .flat_map(|spoken| ROUTES.map(|route| (spoken, route)))
        {
            let path = below(path, "/download");
            let response = ask(
                &world,
                spoken,
                "GET",
                &path,
                &[("x-pieces", "800")],
                body::empty(),
            )
            .await;
            let mut body = response.into_body();
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                length += frame.unwrap().data_ref().map_or(0, Bytes::len);
            }
            assert_eq!(length, 800 * PIECE.len(), "{app}, {spoken:?}, {path}");
        }
    }
}

#[tokio::test]
async fn a_long_upload_is_no_slow_application() {
    let settings = EdgeSettings {
        plan: Plan::Enterprise,
        origin_read_ms: 400,
        ..EdgeSettings::default()
    };
    let (world, node) = (world_with(settings).await, AppProcess::start().await);
    for (app, _) in node.servers() {
        put(&world, &app);
        // A piece now and then, for longer than the application may take.
        let pieces = futures_util::stream::unfold(0, |sent| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let piece = Ok::<_, BodyError>(Frame::data(Bytes::from_static(b"piece")));
            (sent < 8).then_some((piece, sent + 1))
        });
        let body = body::stream(StreamBody::new(pieces));
        let response = ask(&world, Spoken::Http1, "POST", "/a", &[], body).await;
        assert_eq!(response.status(), StatusCode::OK, "{app}");
    }
}

#[tokio::test]
async fn a_websocket_of_an_application_and_its_subprotocol_pass() {
    let (world, node) = (world().await, AppProcess::start().await);
    for (app, _) in node.servers() {
        put(&world, &app);
        for (path, _) in ROUTES {
            let case = format!("{app}, {path}");
            let mut request = format!("wss://shop.example{path}")
                .into_client_request()
                .unwrap();
            let offered = HeaderValue::from_static("chat.v2, chat.v1");
            request
                .headers_mut()
                .insert("sec-websocket-protocol", offered);
            let stream = world.tls(b"http/1.1").await;
            let (mut socket, response) = client_async(request, stream).await.expect(&case);
            assert_eq!(
                response.headers()["sec-websocket-protocol"],
                "chat.v2",
                "{case}"
            );
            for said in ["one", "two"] {
                socket.send(Message::text(said)).await.unwrap();
                let heard = timeout(SOON, socket.next()).await.unwrap();
                assert_eq!(heard.unwrap().unwrap(), Message::text(said), "{case}");
            }
            socket.close(None).await.unwrap();
        }
    }
}

#[tokio::test]
async fn events_are_streamed_at_once() {
    let (world, node) = (world().await, AppProcess::start().await);
    for (app, _) in node.servers() {
        put(&world, &app);
        for (spoken, (path, _)) in SPOKEN
            .into_iter()
            .flat_map(|spoken| ROUTES.map(|route| (spoken, route)))
        {
            let case = format!("{app}, {spoken:?}, {path}");
            let events = ask(
                &world,
                spoken,
                "GET",
                &below(path, "/events"),
                &[],
                body::empty(),
            )
            .await;
            assert_eq!(events.headers()["content-type"], "text/event-stream");
            let mut body = events.into_body();
            let first = timeout(SOON, body.frame())
                .await
                .expect(&case)
                .unwrap()
                .unwrap();
            assert_eq!(first.into_data().unwrap(), "data: first\n\n", "{case}");
            // The second event exists only after the first one has arrived.
            ask(&world, spoken, "POST", "/release", &[], body::empty()).await;
            let rest = timeout(SOON, body.collect()).await.expect(&case).unwrap();
            assert_eq!(rest.to_bytes(), "data: second\n\n", "{case}");
        }
    }
}

#[tokio::test]
async fn ranges_and_the_response_behind_an_early_hint_pass() {
    let (world, node) = (world().await, AppProcess::start().await);
    for (app, _) in node.servers() {
        put(&world, &app);
        for (spoken, (path, _)) in SPOKEN
            .into_iter()
            .flat_map(|spoken| ROUTES.map(|route| (spoken, route)))
        {
            let case = format!("{app}, {spoken:?}, {path}");
            let range = [("range", "bytes=2-4")];
            let response = ask(
                &world,
                spoken,
                "GET",
                &below(path, "/range"),
                &range,
                body::empty(),
            )
            .await;
            assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{case}");
            assert_eq!(
                response.headers()["content-range"],
                "bytes 2-4/10",
                "{case}"
            );
            assert_eq!(bytes(response).await, "234", "{case}");
            let response = ask(
                &world,
                spoken,
                "GET",
                &below(path, "/hints"),
                &[],
                body::empty(),
            )
            .await;
            assert_eq!(response.status(), StatusCode::OK, "{case}");
            assert_eq!(bytes(response).await, "page", "{case}");
        }
    }
}

#[tokio::test]
async fn trailers_pass_past_every_worker() {
    let (world, node) = (world().await, AppProcess::start().await);
    for (app, _) in node.servers() {
        put(&world, &app);
        for spoken in SPOKEN {
            let asks = [("te", "trailers"), ("trailer", "x-upload")];
            let response = ask(
                &world,
                spoken,
                "GET",
                "/trailers",
                &asks[..1],
                body::empty(),
            )
            .await;
            let collected = response.into_body().collect().await.unwrap();
            let sum = collected
                .trailers()
                .and_then(|trailers| trailers.get("x-sum"));
            assert_eq!(
                sum,
                Some(&HeaderValue::from_static("42")),
                "{app}, {spoken:?}"
            );

            let mut trailers = HeaderMap::new();
            trailers.insert("x-upload", HeaderValue::from_static("7"));
            let frames = [
                Frame::data(Bytes::from_static(b"content")),
                Frame::trailers(trailers),
            ];
            let frames = futures_util::stream::iter(frames.map(Ok::<_, BodyError>));
            let upload = body::stream(StreamBody::new(frames));
            let response = ask(&world, spoken, "POST", "/a", &asks, upload).await;
            let seen: Value = serde_json::from_slice(&bytes(response).await).unwrap();
            assert_eq!(seen["trailers"]["x-upload"], "7", "{app}, {spoken:?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_is_526_unless_any_is_taken() {
    let (world, node) = (world().await, AppProcess::start().await);
    for name in ["tls", "http2"] {
        put(&world, &format!("https://localhost:{}", node.ports[name]));
        for (path, from) in ROUTES {
            let response = ask(&world, Spoken::Http1, "GET", path, &[], body::empty()).await;
            assert_eq!(response.status().as_u16(), 526);
            assert_eq!(response.headers()["cf-error-type"], "526");
            let decision = last_decision(&world, from);
            assert!(decision.contains("invalid peer certificate"), "{decision}");
        }
    }
}

#[tokio::test]
async fn an_application_without_tls_at_an_https_address_is_525() {
    let (world, node) = (world().await, AppProcess::start().await);
    put(
        &world,
        &format!("https://localhost:{}", node.ports["plain"]),
    );
    for (path, from) in ROUTES {
        let response = ask(&world, Spoken::Http1, "GET", path, &[], body::empty()).await;
        assert_eq!(response.status().as_u16(), 525);
        let decision = last_decision(&world, from);
        assert!(decision.contains("TLS with 127.0.0.1"), "{decision}");
    }
}
