//! The worker in workerd, and an internet of three: the node, the platform and the origin, which note what they see.

use std::{
    collections::BTreeMap,
    ops::Deref,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use edgeproof_ground::{
    body::{self, Body},
    runtime_headers::FORWARDED_PROTO_HEADER,
};
use edgeproof_runtime::{LogLine, LogSource};
pub(crate) use edgeproof_test_support::stub::Seen;
use edgeproof_test_support::{
    client,
    stub::{Reply, Stub, response},
    wait::PATIENCE,
};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use memchr::memmem;
use tokio::sync::watch;

use crate::production_worker::ProductionWorker;

pub(crate) const NODE: &str = "node.test";
pub(crate) const SITE: &str = "shop.example";
pub(crate) const PLATFORM: &str = "api.fpjs.io";
pub(crate) const VISITOR: &str = "203.0.113.7";

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

/// What the three do, as tests change it. All that they got is in the stub.
pub(crate) struct Internet {
    stub: Stub,
    node: Arc<Mutex<Node>>,
    /// Whether the platform and the origin may answer; they wait until then.
    is_open: watch::Sender<bool>,
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
        let internet = Internet::start(node).await;
        let defaults = [
            ("WALLARM_NODE", "https://node.test/in"),
            ("FP_LOG_LEVEL", "debug"),
        ];
        let variables: BTreeMap<_, _> = defaults.iter().chain(variables).copied().collect();
        let worker = ProductionWorker::start(variables, internet.address).await;
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
        client::whole(self.send(request).await).await
    }

    /// Asks; gives the head of the response.
    pub(crate) async fn send(&self, request: Request<Body>) -> Response<Incoming> {
        self.worker.send(request).await
    }

    /// Sends it on a connection of its own, which ends with the future.
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

impl Deref for Internet {
    type Target = Stub;

    fn deref(&self) -> &Stub {
        &self.stub
    }
}

impl Internet {
    async fn start(node: Node) -> Self {
        let node = Arc::new(Mutex::new(node));
        let rule = Arc::new(Mutex::new(r#"{"type":"allow","ruleset_id":"rs_1"}"#));
        let (is_open, opened) = watch::channel(true);
        let (the_node, the_rule) = (Arc::clone(&node), Arc::clone(&rule));
        let stub = Stub::start(move |seen| match seen.host() {
            NODE => the_node.lock().unwrap().reply(seen),
            _ if !seen.is_whole => None,
            host => {
                let response = match host {
                    PLATFORM => response(200, &[], identified(*the_rule.lock().unwrap())),
                    _ => response(200, &[], "the origin"),
                };
                Some(Reply::Once(opened.clone(), Box::new(response)))
            }
        });
        Self {
            stub: stub.await,
            node,
            is_open,
            rule,
        }
    }

    pub(crate) fn set_node(&self, node: Node) {
        *self.node.lock().unwrap() = node;
    }

    pub(crate) fn set_rule(&self, rule: &'static str) {
        *self.rule.lock().unwrap() = rule;
    }

    /// From now on the platform and the origin wait with their responses, or no longer do.
    pub(crate) fn set_open(&self, is_open: bool) {
        self.is_open.send_replace(is_open);
    }

    /// The hosts in the order in which they were asked.
    pub(crate) fn order(&self) -> Vec<String> {
        let seen = self.seen().into_iter();
        seen.map(|seen| seen.host().to_owned()).collect()
    }
}

/// What the platform answers, of this very moment.
fn identified(rule: &str) -> String {
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    let now = now.as_millis();
    format!(
        r#"{{"agent_data":"agent","rule_action":{rule},"event":{{"replayed":false,"timestamp":{now},
        "url":"https://{SITE}/","ip_address":"{VISITOR}","ip_info":{{"v4":{{"address":"{VISITOR}"}}}}}}}}"#
    )
}

impl Node {
    /// What comes of a request, once enough of it has come.
    fn reply(self, seen: &Seen) -> Option<Reply> {
        let status = |status| {
            let elsewhere = [("location", "https://node.test/elsewhere")];
            response(status, &elsewhere, "the node")
        };
        let is_attack =
            || seen.target().contains("attack") || memmem::find(&seen.body(), b"attack").is_some();
        let (has_begun, is_whole) = (seen.bytes() > 0 || seen.is_whole, seen.is_whole);
        match self {
            Self::Dropped => Some(Reply::Drop),
            Self::Early => has_begun.then(|| status(403)),
            Self::DroppedInBody => has_begun.then_some(Reply::Drop),
            Self::Stalled => has_begun.then_some(Reply::Silence),
            Self::Verdict => is_whole.then(|| status(if is_attack() { 403 } else { 200 })),
            Self::Status(code) => is_whole.then(|| status(code)),
            Self::Silent => is_whole.then_some(Reply::Silence),
            Self::Endless => is_whole.then_some(Reply::SilentBody),
        }
    }
}
