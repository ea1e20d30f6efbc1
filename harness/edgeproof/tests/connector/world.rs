//! The worker in workerd, and an internet of three: the node, the platform and the origin, which note what they see.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use edgeproof_ground::{
    body::{self, Body, BodyError},
    runtime_headers::FORWARDED_PROTO_HEADER,
};
use edgeproof_runtime::{LogLine, LogSource};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::{net::TcpListener, sync::watch};

use crate::production_worker::ProductionWorker;

pub(crate) const NODE: &str = "node.test";
pub(crate) const SITE: &str = "shop.example";
pub(crate) const PLATFORM: &str = "api.fpjs.io";
pub(crate) const VISITOR: &str = "203.0.113.7";

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A request that one of the three got.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) host: String,
    pub(crate) method: String,
    /// Path and query as they came.
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: usize,
    pub(crate) hash: blake3::Hash,
    /// The body has come to its end.
    pub(crate) is_whole: bool,
    /// `attack` stands in the target or in what was read of the body.
    pub(crate) is_attack: bool,
}

/// What the node does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Node {
    /// 403 where `attack` stands in the target or in the body, 200 else, once the body has ended.
    Verdict,
    /// This status, with a `Location` of the node's.
    Status(u16),
    /// 403 in the middle of a body.
    Early,
    /// The connection ends without a response.
    Dropped,
    /// The connection ends in the middle of the body.
    DroppedInBody,
    /// No response.
    Silent,
    /// It takes the start of the body and no more.
    Stalled,
    /// 200, and a body of the response that never ends.
    Endless,
}

/// What happened so far: every test waits for what it needs of it.
#[derive(Clone)]
pub(crate) struct Internet {
    seen: Arc<Mutex<Vec<Seen>>>,
    /// Counts what was seen.
    changed: Arc<watch::Sender<()>>,
    node: Arc<Mutex<Node>>,
    /// Whether the platform and the origin may answer; they wait until then.
    is_open: Arc<watch::Sender<bool>>,
    /// What the platform decides.
    rule: Arc<Mutex<&'static str>>,
}

pub(crate) struct World {
    pub(crate) internet: Internet,
    worker: ProductionWorker,
}

/// A response that was read to its end.
pub(crate) type FullResponse = Response<Bytes>;

impl World {
    /// The worker with these variables beside `WALLARM_NODE`.
    pub(crate) async fn start(node: Node, variables: &[(&str, &str)]) -> Self {
        let internet = Internet {
            seen: Arc::default(),
            changed: Arc::new(watch::Sender::new(())),
            node: Arc::new(Mutex::new(node)),
            is_open: Arc::new(watch::Sender::new(true)),
            rule: Arc::new(Mutex::new(r#"{"type":"allow","ruleset_id":"rs_1"}"#)),
        };
        let address = internet.clone().listen().await;
        let defaults = [
            ("WALLARM_NODE", "https://node.test/in"),
            ("FP_LOG_LEVEL", "debug"),
        ];
        let variables: BTreeMap<_, _> = defaults.iter().chain(variables).copied().collect();
        let worker = ProductionWorker::start(variables, address).await;
        Self { internet, worker }
    }

    pub(crate) async fn get(&self, target: &str) -> FullResponse {
        self.ask(request("GET", target, body::empty())).await
    }

    pub(crate) async fn post(&self, target: &str, body: impl Into<Bytes>) -> FullResponse {
        self.ask(request("POST", target, body::full(body))).await
    }

    /// Asks and reads the whole response.
    pub(crate) async fn ask(&self, request: Request<Body>) -> FullResponse {
        let (head, body) = self.send(request).await.into_parts();
        Response::from_parts(head, body.collect().await.unwrap().to_bytes())
    }

    /// Asks; gives the head of the response.
    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Incoming> {
        self.worker.send(request).await
    }

    /// Sends it on a connection of its own, independent of the test's other requests.
    pub(crate) fn sending(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let address = self.worker.address;
        async move {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream))
                    .await
                    .unwrap();
            tokio::select! {
                _ = sender.send_request(request) => {}
                _ = connection => {}
            }
        }
    }

    /// What the worker wrote about decisions that `reason` is part of.
    pub(crate) fn log(&self, reason: &str) -> Vec<LogLine> {
        let lines = self.worker.runtime.log().into_iter();
        lines
            .filter(|line| line.source == LogSource::Console && line.message.contains(reason))
            .collect()
    }

    /// Waits until the worker has written it.
    pub(crate) async fn logged(&self, reason: &str) -> LogLine {
        let wanted =
            |line: &LogLine| line.source == LogSource::Console && line.message.contains(reason);
        match self.worker.runtime.wait_for_log(PATIENCE, wanted).await {
            Some(line) => line,
            None => panic!("`{reason}` is not in {:#?}", self.worker.runtime.log()),
        }
    }
}

/// A visitor's request as the edge hands it to the worker.
pub(crate) fn request(method: &str, target: &str, body: Body) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(target)
        .header("host", SITE)
        .header(FORWARDED_PROTO_HEADER, "https")
        .header("cf-connecting-ip", VISITOR)
        .header("x-real-ip", VISITOR)
        .header("cf-ray", "8f00c0ffee00beef-FRA")
        .header("user-agent", "test")
        .body(body)
        .unwrap()
}

/// Bytes of every value, never the same twice.
pub(crate) fn binary(bytes: usize) -> Bytes {
    let mut content = vec![0; bytes];
    fastrand::Rng::with_seed(bytes as u64).fill(&mut content);
    content.into()
}

impl Internet {
    async fn listen(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let internet = self.clone();
                let service = service_fn(move |request| internet.clone().response(request));
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        address
    }

    pub(crate) fn set_node(&self, node: Node) {
        *self.node.lock().unwrap() = node;
    }

    pub(crate) fn set_rule(&self, rule: &'static str) {
        *self.rule.lock().unwrap() = rule;
    }

    /// From now on the platform and the origin wait with their answers, or no longer do.
    pub(crate) fn set_open(&self, is_open: bool) {
        self.is_open.send_replace(is_open);
    }

    /// What a host has seen.
    pub(crate) fn at(&self, host: &str) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter(|seen| seen.host == host)
            .cloned()
            .collect()
    }

    /// The hosts in the order in which they were asked.
    pub(crate) fn order(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        seen.iter().map(|seen| seen.host.clone()).collect()
    }

    /// Waits until the first request that a host saw is as wanted.
    pub(crate) async fn until(&self, host: &str, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let seen = self
            .until_all(host, |seen| seen.first().is_some_and(&wanted))
            .await;
        seen.into_iter().next().unwrap()
    }

    /// Waits until all that a host saw is as wanted.
    pub(crate) async fn until_all(
        &self,
        host: &str,
        wanted: impl Fn(&[Seen]) -> bool,
    ) -> Vec<Seen> {
        let mut changes = self.changed.subscribe();
        let found = async {
            loop {
                let seen = self.at(host);
                if wanted(&seen) {
                    return seen;
                }
                changes.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(PATIENCE, found).await {
            Ok(seen) => seen,
            Err(_) => panic!("it never happened at {host}: {:#?}", self.at(host)),
        }
    }

    async fn response(self, request: Request<Incoming>) -> Result<Response<Body>, BodyError> {
        let host = request.uri().host().unwrap().to_owned();
        let node = *self.node.lock().unwrap();
        if host == NODE {
            let (index, body) = self.note(host, request);
            return self.node(node, index, body).await;
        }
        let is_platform = host == PLATFORM;
        let (index, body) = self.note(host, request);
        self.read(index, body, usize::MAX).await?;
        self.is_open
            .subscribe()
            .wait_for(|is_open| *is_open)
            .await?;
        if !is_platform {
            return Ok(Response::new(body::full("the origin")));
        }
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_millis();
        let rule = *self.rule.lock().unwrap();
        let response = format!(
            r#"{{"agent_data":"agent","rule_action":{rule},"event":{{"replayed":false,"timestamp":{now},
            "url":"https://{SITE}/","ip_address":"{VISITOR}","ip_info":{{"v4":{{"address":"{VISITOR}"}}}}}}}}"#
        );
        Ok(Response::new(body::full(response)))
    }

    async fn node(
        self,
        node: Node,
        index: usize,
        body: Incoming,
    ) -> Result<Response<Body>, BodyError> {
        let status = |status: u16| {
            let response = Response::builder().status(status);
            let response = response.header("location", "https://node.test/elsewhere");
            response.body(body::full("the node")).map_err(Into::into)
        };
        match node {
            Node::Verdict => {
                let is_attack = self.read(index, body, usize::MAX).await?;
                status(if is_attack { 403 } else { 200 })
            }
            Node::Status(code) => {
                self.read(index, body, usize::MAX).await?;
                status(code)
            }
            Node::Early => {
                self.read(index, body, 1).await?;
                status(403)
            }
            Node::Dropped => Err("dropped".into()),
            Node::DroppedInBody => {
                self.read(index, body, 1).await?;
                Err("dropped".into())
            }
            Node::Silent => {
                self.read(index, body, usize::MAX).await?;
                std::future::pending().await
            }
            Node::Stalled => {
                self.read(index, body, 1).await?;
                std::future::pending().await
            }
            Node::Endless => {
                self.read(index, body, usize::MAX).await?;
                let pending =
                    futures_util::stream::pending::<Result<hyper::body::Frame<Bytes>, BodyError>>();
                Ok(Response::new(body::stream(
                    http_body_util::StreamBody::new(futures_util::StreamExt::boxed(pending)),
                )))
            }
        }
    }

    fn note(&self, host: String, request: Request<Incoming>) -> (usize, Incoming) {
        let (head, body) = request.into_parts();
        let target = head.uri.path_and_query().unwrap().as_str().to_owned();
        let mut seen = self.seen.lock().unwrap();
        seen.push(Seen {
            host,
            method: head.method.to_string(),
            is_attack: target.contains("attack"),
            target,
            headers: head.headers,
            bytes: 0,
            hash: blake3::hash(b""),
            is_whole: false,
        });
        self.changed.send_replace(());
        (seen.len() - 1, body)
    }

    /// Reads a body up to `limit` bytes or its end; says whether the request is an attack.
    async fn read(
        &self,
        index: usize,
        mut body: Incoming,
        limit: usize,
    ) -> Result<bool, BodyError> {
        const ATTACK: &[u8] = b"attack";
        let mut hasher = blake3::Hasher::new();
        let mut bytes = 0;
        // The end of what was read, in case an attack began there.
        let mut last = Vec::new();
        while bytes < limit {
            let frame = body.frame().await.transpose()?;
            let mut seen = self.seen.lock().unwrap();
            if let Some(data) = frame.as_ref().and_then(|frame| frame.data_ref()) {
                bytes += data.len();
                hasher.update(data);
                seen[index].bytes = bytes;
                last.extend_from_slice(data);
                seen[index].is_attack |= memmem::find(&last, ATTACK).is_some();
                last.drain(..last.len().saturating_sub(ATTACK.len() - 1));
            } else if frame.is_none() {
                seen[index].is_whole = true;
                seen[index].hash = hasher.finalize();
            }
            drop(seen);
            self.changed.send_replace(());
            if frame.is_none() {
                break;
            }
        }
        if limit < usize::MAX {
            // The rest stays unread, and the connection open.
            std::mem::forget(body);
        }
        let seen = self.seen.lock().unwrap();
        Ok(seen[index].is_attack)
    }
}
