//! A rig's middle by hand: edge, workerd with three workers, internet, and an origin that tells what it saw.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use edgeproof_deployment::FailureMode;
use edgeproof_edge::{
    CacheInFront, CertificateAuthority, Edge, EdgeOptions, EdgeSettings, HEAD_TIMEOUT, InUse,
    Location, Outbound, Route, Thrown, WorkerEndpoint, Zone, preamble,
};
use edgeproof_ground::{
    body::{self, Body},
    header_limits as limits,
    tools::{self, Tool},
    trace::{Exchange, Party, Trace},
};
use edgeproof_internet::{Destination, Handled, Handler, Internet, Peer};
use edgeproof_runtime::{Bundle, Runtime, WorkerConfig, WorkerOptions};
use edgeproof_test_support::client;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::client::conn;
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::client::TlsStream;

/// The worker behind a cache.
const CACHED: &str = "cached";

/// The visitor's address in all of these tests.
pub(crate) const VISITOR: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));

pub(crate) struct World {
    edge: Option<Edge>,
    pub(crate) address: SocketAddr,
    pub(crate) internet: Internet,
    pub(crate) trace: Trace,
    pub(crate) origin: Arc<Origin>,
    authority: Arc<CertificateAuthority>,
    pub(crate) runtime: Runtime,
    _doors: Vec<Outbound>,
    _directory: tempfile::TempDir,
}

/// Everything that is not behind a worker. It counts what it was asked and what of its bodies was taken.
#[derive(Default)]
pub(crate) struct Origin {
    pub(crate) requests: AtomicU64,
    /// Bytes of request bodies it has read.
    pub(crate) read: AtomicU64,
    /// Bytes of its endless response that were taken from it.
    pub(crate) given: Arc<AtomicU64>,
    /// Opened by a test: a request for `/gate` waits for it.
    pub(crate) gate: tokio::sync::Notify,
    /// Told when its endless response is given up.
    pub(crate) given_up: Arc<tokio::sync::Notify>,
}

struct OriginHandle(Arc<Origin>);

impl Handler for OriginHandle {
    fn handle(&self, request: Request<Body>) -> Handled {
        let origin = Arc::clone(&self.0);
        Box::pin(async move { Ok(origin.response(request).await) })
    }
}

/// A piece of the endless response.
const PIECE: &[u8] = &[b'x'; 16 * 1024];

/// Tells when it is dropped.
struct GivenUp(Arc<tokio::sync::Notify>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Origin {
    async fn response(&self, request: Request<Body>) -> Response<Body> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let (head, mut body) = request.into_parts();
        if head.uri.path() == "/hangs" {
            std::future::pending::<()>().await;
        }
        if head.uri.path() == "/gate" {
            self.gate.notified().await;
        }
        if head.uri.path() == "/refuse" {
            let mut response = Response::new(body::full("refused by the origin"));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return response;
        }
        let mut text = Vec::new();
        while let Some(Ok(frame)) = body.frame().await {
            let Ok(data) = frame.into_data() else { break };
            self.read.fetch_add(data.len() as u64, Ordering::SeqCst);
            if text.len() < 1024 {
                text.extend_from_slice(&data);
            }
        }
        text.truncate(1024);
        let mut response = match head.uri.path() {
            path if path.ends_with("/endless") => Response::new(self.endless()),
            "/renewed.css" => renewed(&head.headers),
            "/varying.css" => varying(&head.headers),
            _ => {
                let text = String::from_utf8_lossy(&text).into_owned();
                let uri = &head.uri;
                Response::new(body::full(format!("{} {uri} {text}", head.method)))
            }
        };
        let headers = response.headers_mut();
        headers.insert("x-accel-redirect", HeaderValue::from_static("/internal"));
        if head.uri.path() == "/oversized" {
            let huge = "x".repeat(limits::RESPONSE_HEADER_BYTES);
            headers.insert("x-huge", HeaderValue::from_str(&huge).unwrap());
        }
        tell(&head.headers, headers);
        response
    }

    fn endless(&self) -> Body {
        let given = Arc::clone(&self.given);
        let given_up = GivenUp(Arc::clone(&self.given_up));
        let pieces = futures_util::stream::repeat_with(move || {
            // Kept as long as the stream.
            let _kept = &given_up;
            given.fetch_add(PIECE.len() as u64, Ordering::SeqCst);
            Ok::<_, body::BodyError>(hyper::body::Frame::data(Bytes::from_static(PIECE)))
        });
        body::stream(StreamBody::new(pieces))
    }
}

/// Fresh for no time, and unchanged whenever it is asked.
fn renewed(asked: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(body::full("0123456789"));
    if asked.get("if-none-match").is_some_and(|tag| tag == "\"a\"") {
        response = Response::new(body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert("etag", HeaderValue::from_static("\"a\""));
    let for_a_second = HeaderValue::from_static("max-age=1, stale-if-error=3600");
    headers.insert("cache-control", for_a_second);
    response
}

/// One response for each encoding and each language.
fn varying(asked: &HeaderMap) -> Response<Body> {
    let text = ["accept-encoding", "accept-language"].map(|name| {
        let value = asked.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    });
    let mut response = Response::new(body::full(text.join("; ")));
    let vary = HeaderValue::from_static("Accept-Encoding, Accept-Language");
    response.headers_mut().insert("vary", vary);
    response
}

/// Copies the headers an origin saw into its response.
fn tell(seen: &HeaderMap, response: &mut HeaderMap) {
    for (name, value) in seen {
        let name = HeaderName::from_bytes(format!("saw-{name}").as_bytes()).unwrap();
        response.append(name, value.clone());
    }
}

pub(crate) async fn world() -> World {
    world_with(EdgeSettings::default()).await
}

/// Two zones: `shop.example` with the worker of `worker.js` below `/w/` and a custom domain, `other.example` with a
/// worker on every path; `vendor.test` is not behind the edge.
pub(crate) async fn world_with(settings: EdgeSettings) -> World {
    world_of(settings, HEAD_TIMEOUT).await
}

/// The same with the time that a visitor has for a head.
pub(crate) async fn world_of(settings: EdgeSettings, head_timeout: Duration) -> World {
    let trace = Trace::new();
    let internet = Internet::new(trace.clone());
    let origin = Arc::new(Origin::default());
    for (host, name, party) in [
        ("shop.example", "origin", Party::Origin),
        ("other.example", "other", Party::Origin),
        ("vendor.test", "vendor", Party::Fingerprint),
    ] {
        let destination = Destination::Handler(Arc::new(OriginHandle(Arc::clone(&origin))));
        put(&internet, host, name, party, destination);
    }
    let authority = CertificateAuthority::of_process().unwrap();
    let edge = Edge::start(EdgeOptions {
        zones: zones(settings),
        internet: internet.clone(),
        visitors: HashMap::from([(VISITOR, germany())]),
        colo: "FRA".to_owned(),
        head_timeout,
        authority: Arc::clone(&authority),
        trace: trace.clone(),
    })
    .await
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut doors = Vec::new();
    let mut workers = Vec::new();
    for (name, source) in [
        ("flow", include_str!("worker.js")),
        (CACHED, include_str!("cached.js")),
        (
            "domain",
            "export default { fetch: (request) => new Response('domain ' + request.url) }",
        ),
        (
            "other",
            // It calls the first zone, which calls it: a loop.
            "export default { fetch: (request) => request.url.endsWith('/loop') \
             ? fetch('https://shop.example/w/loop') : fetch(request) }",
        ),
    ] {
        let door = edge.deployer().listen(name).await.unwrap();
        workers.push(worker(directory.path(), name, source, door.address()));
        doors.push(door);
    }
    let runtime = Runtime::start(&tools::find(Tool::Workerd).unwrap(), &workers)
        .await
        .unwrap();
    let routes = vec![
        route("shop.example/w/*", Some("flow")),
        route("shop.example/cached/*", Some(CACHED)),
        route("other.example/cached/*", Some(CACHED)),
        route("shop.example/w/skipped*", None),
        route("other.example/*", Some("other")),
    ];
    edge.deployer().deploy(routes, endpoints(&runtime)).unwrap();
    World {
        address: edge.address(),
        edge: Some(edge),
        internet,
        trace,
        origin,
        authority,
        runtime,
        _doors: doors,
        _directory: directory,
    }
}

fn put(internet: &Internet, host: &str, name: &str, party: Party, destination: Destination) {
    let name = name.to_owned();
    internet.connect(
        host,
        Peer {
            name,
            party,
            destination,
        },
    );
}

fn endpoints(runtime: &Runtime) -> BTreeMap<String, WorkerEndpoint> {
    let process = runtime.process_id();
    let (in_use, _) = InUse::new();
    let endpoint = |(name, socket): (&String, &PathBuf)| {
        let in_use = in_use.clone();
        (
            name.clone(),
            WorkerEndpoint {
                cpu_ms: None,
                cache: (name == CACHED).then(|| CacheInFront {
                    version: Some("1".to_owned()),
                }),
                socket: socket.clone(),
                process,
                in_use,
                thrown: Thrown::default(),
            },
        )
    };
    runtime.sockets().iter().map(endpoint).collect()
}

fn zones(settings: EdgeSettings) -> Vec<Zone> {
    vec![
        Zone {
            name: "shop.example".to_owned(),
            hosts: [("shop.example".to_owned(), true)].into(),
            custom_domains: [("domain.shop.example".to_owned(), "domain".to_owned())].into(),
            settings,
        },
        Zone {
            name: "other.example".to_owned(),
            hosts: [("other.example".to_owned(), true)].into(),
            ..Zone::default()
        },
    ]
}

fn route(pattern: &str, worker: Option<&str>) -> Route {
    Route {
        pattern: pattern.parse().unwrap(),
        worker: worker.map(str::to_owned),
        over_daily_limit: FailureMode::Closed,
    }
}

fn germany() -> Location {
    Location {
        country: Some("DE".to_owned()),
        city: Some("Köln".to_owned()),
        ..Location::default()
    }
}

fn worker(directory: &Path, name: &str, source: &str, internet: SocketAddr) -> WorkerConfig {
    let directory = directory.join(name);
    std::fs::create_dir(&directory).unwrap();
    std::fs::write(directory.join("index.js"), source).unwrap();
    WorkerConfig {
        options: WorkerOptions {
            // The default from 2026-11-17 on.
            compatibility_flags: vec!["enable_request_signal".to_owned()],
            has_cache: name == CACHED,
            ..WorkerOptions::default()
        },
        name: name.to_owned(),
        bundle: Bundle::read(&directory).unwrap(),
        variables: BTreeMap::new(),
        internet,
    }
}

impl World {
    /// A connection of the visitor, with nothing but the preamble sent.
    pub(crate) async fn tcp(&self) -> TcpStream {
        let address = self.address;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let visitor = SocketAddr::new(VISITOR, 50_000);
        stream.write_all(&preamble(visitor, address)).await.unwrap();
        stream
    }

    pub(crate) async fn tls(&self, protocol: &[u8]) -> TlsStream<TcpStream> {
        self.tls_over(self.tcp().await, protocol).await
    }

    /// TLS over a connection of the visitor.
    pub(crate) async fn tls_over(
        &self,
        stream: TcpStream,
        protocol: &[u8],
    ) -> TlsStream<TcpStream> {
        let config = self.authority.client_config(&[protocol]).unwrap();
        client::tls(stream, "shop.example", config).await.unwrap()
    }

    /// A connection that speaks HTTP/1.1 over TLS.
    pub(crate) async fn http1(&self) -> conn::http1::SendRequest<Body> {
        client::http1(self.tls(b"http/1.1").await).await
    }

    /// A connection that speaks HTTP/2.
    pub(crate) async fn http2(&self) -> conn::http2::SendRequest<Body> {
        client::http2(self.tls(b"h2").await).await
    }

    /// Puts another origin behind `shop.example`.
    pub(crate) fn put(&self, destination: Destination) {
        put(
            &self.internet,
            "shop.example",
            "origin",
            Party::Origin,
            destination,
        );
    }

    /// Stops the edge in good order; the rest of the world stays.
    pub(crate) async fn stop_edge(&mut self) {
        if let Some(edge) = self.edge.take() {
            edge.stop().await;
        }
    }

    /// Asks and reads the whole response.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Response<Bytes> {
        client::whole(self.http1().await.send_request(request).await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Response<Bytes> {
        self.ask(get(path)).await
    }

    /// The hops between two parties, in order.
    pub(crate) fn hops(&self, from: Party, to: Party) -> Vec<Exchange> {
        let hops = self.trace.exchanges().into_iter();
        hops.filter(|hop| (hop.from, hop.to) == (from, to))
            .collect()
    }
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path)
        .header("host", "shop.example")
        .body(body::empty())
        .unwrap()
}

pub(crate) fn post(path: &str, body: Body) -> Request<Body> {
    Request::post(path)
        .header("host", "shop.example")
        .body(body)
        .unwrap()
}

pub(crate) fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

/// What the origin saw in a header.
pub(crate) fn saw<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    let value = response.headers().get(format!("saw-{name}"))?;
    Some(value.to_str().unwrap())
}
