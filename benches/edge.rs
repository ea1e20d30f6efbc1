//! What the way of a request costs: `workerd` alone against edge + `workerd` + internet, with a worker that only
//! forwards, a page of 48 KB and eight connections. The stages in between are measured one by one.
//!
//! One iteration is one request; all eight connections work on the same iterations. Before criterion measures each
//! stage for itself, all of them take turns, so that whatever else the machine does meets all alike: that table is what
//! to compare, and it names the processor time of each stage, in this process and in `workerd`.
//!
//! Measured on two cores that others used as well, µs of processor time a request:
//!
//! | stage | here | `workerd` |
//! |---|---|---|
//! | origin alone | 23–33 | |
//! | edge and internet | 34–43 | |
//! | `workerd` alone | 51–65 | 180–210 |
//! | the same with the headers that the edge adds | 66–73 | 243–287 |
//! | edge, `workerd` and internet | 181–198 | 272–313 |
//!
//! So the headers that a worker on Cloudflare sees, and `request.cf`, cost `workerd` a third of what it takes for a bare
//! request; the two more sockets cost this process about 100 µs. The trace is under 1 % of it (`perf`).
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench that cannot go on has failed, and criterion's macros have no documentation"
)]

use std::{
    collections::{BTreeMap, HashMap},
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use edgeproof_bench::processor_time;
use edgeproof_deployment::FailureMode;
use edgeproof_edge::{
    CertificateAuthority, Edge, EdgeOptions, HEAD_TIMEOUT, InUse, Location, Outbound, Protocol,
    Route, Thrown, WorkerEndpoint, Zone, blob, preamble, request_cf,
};
use edgeproof_ground::{
    body::{self, Body},
    runtime_headers::{CF_BLOB_HEADER, FORWARDED_PROTO_HEADER},
    tools::{self, Tool},
    trace::{Party, Trace},
};
use edgeproof_internet::{Destination, Handled, Handler, Internet, Peer};
use edgeproof_runtime::{Bundle, Runtime, WorkerConfig, WorkerOptions};
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header::HOST};
use http_body_util::{BodyExt, Full};
use hyper::{client::conn::http1::SendRequest, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
};

const CONNECTIONS: usize = 8;
const PAGE: &[u8] = &[b'x'; 48 * 1024];

struct Page;

impl Handler for Page {
    fn handle(&self, _: Request<Body>) -> Handled {
        Box::pin(async { Ok(Response::new(body::full(PAGE))) })
    }
}

/// What the edge tells a worker: `workerd` alone is also measured with these, because each header costs it something.
const EDGE_HEADERS: [(&str, &str); 10] = [
    ("accept-encoding", "gzip, br"),
    ("cf-connecting-ip", "203.0.113.7"),
    ("cf-ipcountry", "XX"),
    ("cf-ray", "0123456789abcdef-FRA"),
    ("cf-visitor", r#"{"scheme":"http"}"#),
    ("connection", "Keep-Alive"),
    ("x-forwarded-proto", "http"),
    ("x-real-ip", "203.0.113.7"),
    (FORWARDED_PROTO_HEADER, "http"),
    (CF_BLOB_HEADER, ""),
];

/// Everything that is measured, side by side in one process.
struct Rig {
    /// A server that answers with the page, as bare as hyper makes it.
    origin: SocketAddr,
    /// `workerd` whose worker forwards to that server.
    alone: Runtime,
    edge: Edge,
    runtime: Runtime,
    _door: Outbound,
    _directory: tempfile::TempDir,
}

async fn serve_page() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let service = service_fn(|_| async {
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(PAGE))))
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

async fn run_worker(directory: &std::path::Path, internet: SocketAddr) -> Runtime {
    let worker = WorkerConfig {
        options: WorkerOptions::default(),
        name: "pass".to_owned(),
        bundle: Bundle::read(directory).unwrap(),
        variables: BTreeMap::new(),
        internet,
    };
    let workerd = tools::find(Tool::Workerd).unwrap();
    Runtime::start(&workerd, &[worker]).await.unwrap()
}

async fn rig() -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let source = "export default { fetch: (request) => fetch(request) }";
    std::fs::write(directory.path().join("index.js"), source).unwrap();
    let origin = serve_page().await;
    let alone = run_worker(directory.path(), origin).await;

    let trace = Trace::new();
    let internet = Internet::new(trace.clone());
    let peer = Peer {
        name: "origin".to_owned(),
        party: Party::Origin,
        destination: Destination::Handler(Arc::new(Page)),
    };
    internet.connect("shop.example", peer);
    let edge = Edge::start(EdgeOptions {
        zones: vec![Zone {
            name: "shop.example".to_owned(),
            hosts: [("shop.example".to_owned(), true)].into(),
            ..Zone::default()
        }],
        internet,
        visitors: HashMap::new(),
        colo: "FRA".to_owned(),
        head_timeout: HEAD_TIMEOUT,
        authority: CertificateAuthority::of_process().unwrap(),
        trace,
    })
    .await
    .unwrap();
    let deployer = edge.deployer();
    let door = deployer.listen("pass").await.unwrap();
    let runtime = run_worker(directory.path(), door.address()).await;
    let route = Route {
        pattern: "shop.example/worker*".parse().unwrap(),
        worker: Some("pass".to_owned()),
        over_daily_limit: FailureMode::Open,
    };
    let endpoint = WorkerEndpoint {
        cpu_ms: None,
        cache: None,
        thrown: Thrown::default(),
        socket: runtime.sockets()["pass"].clone(),
        process: runtime.process_id(),
        in_use: InUse::new().0,
    };
    let workers = [("pass".to_owned(), endpoint)].into();
    deployer.deploy(vec![route], workers).unwrap();
    Rig {
        origin,
        alone,
        edge,
        runtime,
        _door: door,
        _directory: directory,
    }
}

async fn connect(address: SocketAddr, through_the_edge: bool) -> SendRequest<Body> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    if through_the_edge {
        let visitor = "203.0.113.7:50000".parse().unwrap();
        stream.write_all(&preamble(visitor, address)).await.unwrap();
    }
    let (sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(driver);
    sender
}

/// One way of a request.
struct Stage {
    name: &'static str,
    address: SocketAddr,
    through_the_edge: bool,
    path: &'static str,
    headers: HeaderMap,
    /// The `workerd` that works for it.
    workerd: Option<u32>,
}

impl Stage {
    fn all(rig: &Rig) -> [Self; 5] {
        let plain = HeaderMap::from_iter([(HOST, HeaderValue::from_static("shop.example"))]);
        let mut told = plain.clone();
        for (name, value) in EDGE_HEADERS {
            told.insert(name, HeaderValue::from_static(value));
        }
        let protocol = Protocol {
            http: "HTTP/1.1",
            tls: "",
            cipher: "",
        };
        let cf = request_cf(&Location::default(), &protocol, "FRA", None);
        told.insert(CF_BLOB_HEADER, blob(&cf));
        let stage = |name, address, path| Self {
            name,
            address,
            through_the_edge: address == rig.edge.address(),
            path,
            headers: plain.clone(),
            workerd: None,
        };
        let alone = rig.alone.address("pass").unwrap();
        let edge = rig.edge.address();
        [
            stage("origin_alone", rig.origin, "/"),
            stage("edge_and_internet", edge, "/"),
            Self {
                workerd: rig.alone.process_id(),
                ..stage("workerd_alone", alone, "/worker")
            },
            Self {
                workerd: rig.alone.process_id(),
                headers: told,
                ..stage("workerd_alone_with_headers", alone, "/worker")
            },
            Self {
                workerd: rig.runtime.process_id(),
                ..stage("edge_workerd_internet", edge, "/worker")
            },
        ]
    }

    async fn connections(&self) -> Vec<SendRequest<Body>> {
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(connect(self.address, self.through_the_edge).await);
        }
        connections
    }

    fn request(&self) -> Request<Body> {
        let mut request = Request::new(body::empty());
        *request.uri_mut() = Uri::from_static(self.path);
        request.headers_mut().clone_from(&self.headers);
        request
    }

    /// The time that `iterations` requests take over all connections.
    async fn load(&self, connections: &mut Vec<SendRequest<Body>>, iterations: u64) -> Duration {
        let left = AtomicI64::new(i64::try_from(iterations).unwrap());
        let start = Instant::now();
        let work = connections.iter_mut().map(|sender| async {
            while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                sender.ready().await.unwrap();
                let response = sender.send_request(self.request()).await.unwrap();
                assert_eq!(response.status(), 200);
                let mut body = response.into_body();
                let mut bytes = 0;
                while let Some(frame) = body.frame().await {
                    bytes += frame.unwrap().data_ref().map_or(0, Bytes::len);
                }
                assert_eq!(bytes, PAGE.len());
            }
        });
        futures_util::future::join_all(work).await;
        start.elapsed()
    }
}

/// What a stage has cost over all its turns.
#[derive(Clone, Copy, Default)]
struct Cost {
    wall: Duration,
    own: Duration,
    workerd: Duration,
}

/// All stages by turns.
async fn compare(stages: &[Stage]) {
    const TURNS: u32 = 20;
    const REQUESTS: u32 = 500;
    let mut costs = vec![Cost::default(); stages.len()];
    let mut connections = Vec::new();
    for stage in stages {
        let mut open = stage.connections().await;
        stage.load(&mut open, 200).await;
        connections.push(open);
    }
    for _ in 0..TURNS {
        for ((stage, open), cost) in stages.iter().zip(&mut connections).zip(&mut costs) {
            let used = || {
                let used = |process| processor_time(process).unwrap_or_default();
                let workerd = stage.workerd.map(used).unwrap_or_default();
                (used(std::process::id()), workerd)
            };
            let before = used();
            cost.wall += stage.load(open, REQUESTS.into()).await;
            let after = used();
            cost.own += after.0.saturating_sub(before.0);
            cost.workerd += after.1.saturating_sub(before.1);
        }
    }
    println!("µs a request, by turns        wall   CPU here  CPU workerd");
    for (stage, cost) in stages.iter().zip(&costs) {
        let [wall, own, workerd] = [cost.wall, cost.own, cost.workerd]
            .map(|time| time.as_secs_f64() * 1e6 / f64::from(TURNS * REQUESTS));
        println!("{:<26} {wall:>8.0} {own:>10.0} {workerd:>12.0}", stage.name);
    }
    let rate = |name: &str| {
        let place = stages.iter().position(|stage| stage.name == name).unwrap();
        costs[place].wall.as_secs_f64()
    };
    let whole = rate("edge_workerd_internet");
    for alone in ["workerd_alone", "workerd_alone_with_headers"] {
        println!(
            "edge + workerd + internet: {:.0} % of the requests of {alone}",
            100.0 * rate(alone) / whole
        );
    }
}

fn page_of_48_kb(criterion: &mut Criterion) {
    // One thread for everything but `workerd`, which has one of its own: on two cores, threads that wake one another
    // for every piece of a body cost more than they save (a sixth of the time, measured).
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let rig = runtime.block_on(rig());
    let stages = Stage::all(&rig);
    runtime.block_on(compare(&stages));
    let mut group = criterion.benchmark_group("page_of_48_kb");
    group.throughput(Throughput::Elements(1));
    for stage in &stages {
        let mut connections = runtime.block_on(stage.connections());
        group.bench_function(stage.name, |bencher| {
            bencher.iter_custom(|iterations| {
                runtime.block_on(stage.load(&mut connections, iterations))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, page_of_48_kb);
criterion_main!(benches);
