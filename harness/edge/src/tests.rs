use std::path::PathBuf;

use bytes::Bytes;
use edgeproof_deployment::FailureMode;
use edgeproof_ground::{
    body::{self, Body},
    process::ScratchDirectory,
    trace::{Exchange, Party},
};
use edgeproof_internet::{Destination, Handled, Handler, Peer};
use edgeproof_test_support::{client, server};
use http::{HeaderMap, Method, Request, Response, StatusCode, Version};
use hyper::{body::Incoming, client::conn};
use hyper_util::rt::TokioIo;
use rstest::rstest;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpStream, UnixListener},
};

use super::*;

/// Says who it is and which headers it saw.
struct Named(&'static str);

impl Named {
    fn response(&self, method: &Method, uri: &http::Uri, headers: &HeaderMap) -> Response<Body> {
        let mut response = Response::new(body::full(format!("{} {method} {uri}", self.0)));
        let copied = response.headers_mut();
        for (name, value) in headers {
            if let Ok(name) = http::HeaderName::from_bytes(format!("saw-{name}").as_bytes()) {
                copied.append(name, value.clone());
            }
        }
        response
    }
}

impl Handler for Named {
    fn handle(&self, request: Request<Body>) -> Handled {
        let response = self.response(request.method(), request.uri(), request.headers());
        Box::pin(async move { Ok(response) })
    }
}

/// A runtime with one worker, at a socket in this directory: it crashes as workerd shows it under `/throw`.
fn runtime(directory: &ScratchDirectory) -> PathBuf {
    let socket = directory.path().join("flow.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let respond = Arc::new(|request: Request<Incoming>| async move { Ok(worker(&request)) });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(server::serve_http(stream, Arc::clone(&respond)));
        }
    });
    socket
}

fn worker(request: &Request<Incoming>) -> Response<Body> {
    if request.uri().path() != "/throw" {
        return Named("worker").response(request.method(), request.uri(), request.headers());
    }
    let mut response = Response::new(body::full("Internal Server Error"));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let close = http::HeaderValue::from_static("close");
    response.headers_mut().insert("connection", close);
    response
}

struct World {
    edge: Edge,
    _runtime: ScratchDirectory,
    trace: Trace,
    authority: Arc<CertificateAuthority>,
}

async fn world() -> World {
    let trace = Trace::new();
    let internet = Internet::new(trace.clone());
    for host in ["shop.example", "direct.shop.example"] {
        internet.connect(
            host,
            Peer {
                name: "origin".to_owned(),
                party: Party::Origin,
                destination: Destination::Handler(Arc::new(Named("origin"))),
            },
        );
    }
    let authority = CertificateAuthority::of_process().unwrap();
    let route = |pattern: &str, worker: Option<&str>| Route {
        pattern: pattern.parse().unwrap(),
        worker: worker.map(str::to_owned),
        over_daily_limit: FailureMode::Closed,
    };
    let edge = Edge::start(EdgeOptions {
        zones: vec![Zone {
            name: "shop.example".to_owned(),
            hosts: [
                ("shop.example".to_owned(), true),
                ("down.shop.example".to_owned(), true),
                ("direct.shop.example".to_owned(), false),
                ("gone.shop.example".to_owned(), false),
            ]
            .into(),
            ..Zone::default()
        }],
        internet,
        visitors: HashMap::from([(
            IpAddr::from([203, 0, 113, 7]),
            Location {
                country: Some("DE".to_owned()),
                ..Location::default()
            },
        )]),
        colo: "FRA".to_owned(),
        head_timeout: HEAD_TIMEOUT,
        authority: Arc::clone(&authority),
        trace: trace.clone(),
    })
    .await
    .unwrap();
    let routes = vec![
        route("shop.example/api*", Some("flow")),
        route("shop.example/api/open*", None),
        route("shop.example/throw", Some("flow")),
    ];
    let directory = ScratchDirectory::create(&std::env::temp_dir(), "edgeproof-edge-").unwrap();
    let endpoint = WorkerEndpoint {
        cpu_ms: None,
        cache: None,
        socket: runtime(&directory),
        process: None,
        in_use: InUse::new().0,
        thrown: Thrown::default(),
    };
    edge.deployer()
        .deploy(routes, [("flow".to_owned(), endpoint)].into())
        .unwrap();
    World {
        edge,
        _runtime: directory,
        trace,
        authority,
    }
}

/// How a visitor speaks to the edge.
#[derive(Clone, Copy, Debug)]
enum Wire {
    Plain,
    Tls,
    Http2,
}

impl World {
    async fn tcp(&self) -> TcpStream {
        let address = self.edge.address();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let visitor = "203.0.113.7:50000".parse().unwrap();
        stream.write_all(&preamble(visitor, address)).await.unwrap();
        stream
    }

    async fn ask(&self, wire: Wire, request: Request<Body>) -> Response<Bytes> {
        self.ask_over(self.tcp().await, wire, request).await
    }

    async fn ask_over(
        &self,
        stream: TcpStream,
        wire: Wire,
        request: Request<Body>,
    ) -> Response<Bytes> {
        let response = match wire {
            Wire::Plain => client::http1(stream).await.send_request(request).await,
            Wire::Tls => {
                let stream = self.tls("shop.example", stream, b"http/1.1").await.unwrap();
                client::http1(stream).await.send_request(request).await
            }
            Wire::Http2 => {
                let stream = self.tls("shop.example", stream, b"h2").await.unwrap();
                client::http2(stream).await.send_request(request).await
            }
        };
        client::whole(response.unwrap()).await
    }

    async fn tls(
        &self,
        host: &'static str,
        stream: TcpStream,
        protocol: &[u8],
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let config = self.authority.client_config(&[protocol]).unwrap();
        client::tls(stream, host, config).await
    }

    fn hop(&self, from: Party, to: Party) -> Exchange {
        self.trace
            .exchanges()
            .into_iter()
            .find(|exchange| (exchange.from, exchange.to) == (from, to))
            .expect("the hop was recorded")
    }
}

fn get(wire: Wire, path: &str) -> Request<Body> {
    let request = match wire {
        Wire::Http2 => Request::get(format!("https://shop.example{path}")),
        Wire::Plain | Wire::Tls => Request::get(path).header("host", "shop.example"),
    };
    request.body(body::empty()).unwrap()
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

#[rstest]
#[case(Wire::Plain, "http", "HTTP/1.1", "")]
#[case(Wire::Tls, "https", "HTTP/1.1", "TLSv1.3")]
#[case(Wire::Http2, "https", "HTTP/2", "TLSv1.3")]
#[tokio::test]
async fn a_worker_sees_the_visitor_over_every_protocol(
    #[case] wire: Wire,
    #[case] scheme: &str,
    #[case] protocol: &str,
    #[case] tls: &str,
) {
    let world = world().await;
    let response = world.ask(wire, get(wire, "/api/x?a=b")).await;
    assert_eq!(text(&response), "worker GET /api/x?a=b");
    let seen = |name: &str| response.headers()[&format!("saw-{name}")].to_str().unwrap();
    assert_eq!(seen("host"), "shop.example");
    assert_eq!(seen("cf-connecting-ip"), "203.0.113.7");
    assert_eq!(seen("x-edgeproof-proto"), scheme);
    let cf: serde_json::Value = serde_json::from_str(seen("x-edgeproof-cf")).unwrap();
    assert_eq!(cf["country"], "DE");
    assert_eq!(cf["httpProtocol"], protocol);
    assert_eq!(cf["tlsVersion"], tls);
    assert_eq!(response.headers()["server"], "cloudflare");
    assert_eq!(response.headers()["cf-ray"], seen("cf-ray"));
}

#[tokio::test]
async fn every_hop_has_the_ray_and_says_which_route_won() {
    let world = world().await;
    let response = world.ask(Wire::Tls, get(Wire::Tls, "/api")).await;
    let ray = response.headers()["cf-ray"].to_str().unwrap();
    for (from, to) in [(Party::Visitor, Party::Edge), (Party::Edge, Party::Worker)] {
        let hop = world.hop(from, to);
        assert_eq!(hop.ray.as_deref(), Some(ray));
        assert_eq!(
            hop.decision.as_deref(),
            Some("route shop.example/api* runs flow")
        );
        assert_eq!(hop.request.url, "https://shop.example/api");
    }
}

#[rstest]
#[case("/", "no route matches: no worker runs")]
#[case(
    "/api/open/x",
    "route shop.example/api/open* has no worker: no worker runs"
)]
#[tokio::test]
async fn without_a_worker_the_origin_answers(#[case] path: &str, #[case] decision: &str) {
    let world = world().await;
    let response = world.ask(Wire::Tls, get(Wire::Tls, path)).await;
    assert_eq!(
        text(&response),
        format!("origin GET https://shop.example{path}")
    );
    assert_eq!(response.headers()["saw-x-forwarded-for"], "203.0.113.7");
    assert!(!response.headers().contains_key("saw-x-real-ip"));
    assert_eq!(
        world.hop(Party::Visitor, Party::Edge).decision.as_deref(),
        Some(decision)
    );
    assert_eq!(
        world.hop(Party::Edge, Party::Origin).ray.as_deref(),
        response.headers()["cf-ray"].to_str().ok()
    );
}

#[rstest]
#[case(Wire::Tls)]
#[case(Wire::Http2)]
#[tokio::test]
async fn a_request_at_the_header_limit_passes_and_one_byte_more_is_refused(#[case] wire: Wire) {
    let world = world().await;
    for (extra, expected) in [(0, 200), (1, 413)] {
        let mut request = get(wire, "/api");
        let mut counted = request.headers().clone();
        counted.insert("host", http::HeaderValue::from_static("shop.example"));
        counted.insert("x-fill", http::HeaderValue::from_static(""));
        let room = edgeproof_ground::header_limits::REQUEST_HEADER_BYTES
            - edgeproof_ground::header_limits::header_bytes(&counted);
        let fill = "x".repeat(room + extra);
        request
            .headers_mut()
            .insert("x-fill", fill.parse().unwrap());
        let response = world.ask(wire, request).await;
        assert_eq!(response.status().as_u16(), expected);
    }
}

#[tokio::test]
async fn a_visitor_cannot_say_where_it_comes_from() {
    let world = world().await;
    let mut request = get(Wire::Tls, "/api");
    let forged = "192.0.2.1".parse().unwrap();
    request.headers_mut().insert("cf-connecting-ip", forged);
    let response = world.ask(Wire::Tls, request).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers()["cf-error-type"], "1000");
    assert_eq!(world.trace.exchanges().len(), 1);
}

#[rstest]
#[case(
    "/throw",
    "route shop.example/throw runs flow, which threw an exception or will never respond: error 1101"
)]
#[tokio::test]
async fn a_worker_that_fails_is_a_page_of_the_edge(#[case] path: &str, #[case] decision: &str) {
    let world = world().await;
    let response = world.ask(Wire::Tls, get(Wire::Tls, path)).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()["cf-error-type"], "1101");
    assert_eq!(
        world.hop(Party::Edge, Party::Worker).decision.as_deref(),
        Some(decision)
    );
}

#[rstest]
#[case("down.shop.example", 530)]
#[case("nobody.example", 409)]
#[case("", 400)]
#[tokio::test]
async fn a_host_without_an_origin_or_a_zone_is_a_page_of_the_edge(
    #[case] host: &str,
    #[case] expected: u16,
) {
    let world = world().await;
    let mut request = get(Wire::Tls, "/");
    request.headers_mut().insert("host", host.parse().unwrap());
    let response = world.ask(Wire::Tls, request).await;
    assert_eq!(response.status().as_u16(), expected);
}

#[tokio::test]
async fn a_dns_only_name_goes_past_the_edge() {
    let world = world().await;
    let mut request = get(Wire::Tls, "/");
    let host = "direct.shop.example".parse().unwrap();
    request.headers_mut().insert("host", host);
    let response = world.ask(Wire::Tls, request).await;
    assert_eq!(text(&response), "origin GET https://direct.shop.example/");
    assert!(!response.headers().contains_key("cf-ray"));
    assert!(!response.headers().contains_key("saw-cf-connecting-ip"));
    world.hop(Party::Visitor, Party::Origin);
}

#[tokio::test]
async fn a_dns_only_name_whose_origin_is_down_gets_no_page() {
    let world = world().await;
    let stream = world.tcp().await;
    let stream = world
        .tls("shop.example", stream, b"http/1.1")
        .await
        .unwrap();
    let mut sender = client::http1(stream).await;
    let mut request = get(Wire::Tls, "/");
    let host = "gone.shop.example".parse().unwrap();
    request.headers_mut().insert("host", host);
    sender.send_request(request).await.unwrap_err();
    let hop = world.hop(Party::Visitor, Party::Elsewhere);
    assert_eq!(hop.decision.as_deref(), Some("the name does not resolve"));
}

#[rstest]
#[case::of_the_origin("/", "origin GET https://shop.example./")]
#[case::of_the_worker("/api", "worker GET /api")]
#[tokio::test]
async fn a_name_with_a_dot_at_its_end_is_the_same_name(
    #[case] path: &'static str,
    #[case] expected: &str,
) {
    let world = world().await;
    let mut request = get(Wire::Tls, path);
    let host = "shop.example.".parse().unwrap();
    request.headers_mut().insert("host", host);
    let response = world.ask(Wire::Tls, request).await;
    assert_eq!(text(&response), expected);
}

#[tokio::test]
async fn tls_is_only_spoken_for_names_of_the_zones() {
    let world = world().await;
    let stream = world.tcp().await;
    let refused = world.tls("nobody.example", stream, b"h2").await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn http_2_is_spoken_as_http_2() {
    let world = world().await;
    let response = world.ask(Wire::Http2, get(Wire::Http2, "/")).await;
    assert_eq!(response.version(), Version::HTTP_2);
}

#[tokio::test]
async fn after_the_stop_nobody_listens() {
    let World { edge, .. } = world().await;
    let door = edge.door_for("192.0.2.1:50000".parse().unwrap());
    let door = door.await.unwrap();
    let addresses = [edge.address(), door.address()];
    edge.stop().await;
    for address in addresses {
        assert!(TcpStream::connect(address).await.is_err());
    }
}

#[rstest]
#[tokio::test]
async fn whoever_comes_through_a_door_is_its_visitor(
    #[values(Wire::Plain, Wire::Tls, Wire::Http2)] wire: Wire,
) {
    let world = world().await;
    let door = world.edge.door_for("192.0.2.1:50000".parse().unwrap());
    let door = door.await.unwrap();
    let stream = TcpStream::connect(door.address()).await.unwrap();
    let response = world.ask_over(stream, wire, get(wire, "/api")).await;
    assert_eq!(response.headers()["saw-cf-connecting-ip"], "192.0.2.1");
    let address = door.address();
    drop(door);
    // The task that listens ends at its next turn.
    tokio::task::yield_now().await;
    assert!(TcpStream::connect(address).await.is_err());
}

/// Asks through the worker's door as workerd does.
async fn ask_through_the_door(world: &World, request: &str) -> Response<Incoming> {
    let deployer = world.edge.deployer();
    let door = deployer.listen("flow").await.unwrap();
    let stream = TcpStream::connect(door.address()).await.unwrap();
    let (mut sender, connection) = conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let request = Request::get(request)
        .header("host", "forged.example")
        .header("x-edgeproof-proto", "https")
        .body(body::empty())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    drop(sender);
    driver.await.unwrap().unwrap();
    response
}

#[tokio::test]
async fn a_subrequest_goes_to_the_name_of_its_url() {
    let world = world().await;
    let response = ask_through_the_door(&world, "https://shop.example/x").await;
    assert_eq!(response.status(), StatusCode::OK);
    let hop = &world.trace.exchanges()[0];
    assert_eq!(hop.from, Party::Worker);
    assert_eq!(hop.request.headers["host"], "shop.example");
    assert!(!hop.request.headers.contains_key("x-edgeproof-proto"));
}

#[rstest]
#[case("https://nobody.example/", 530)]
#[case("/not-absolute", 400)]
#[tokio::test]
async fn a_worker_always_gets_an_answer(#[case] url: &str, #[case] expected: u16) {
    let response = ask_through_the_door(&world().await, url).await;
    assert_eq!(response.status().as_u16(), expected);
}
