//! workerd with the production worker, and one server that answers for every host the worker asks.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use edgeproof_ground::runtime_headers::FORWARDED_PROTO_HEADER;
use edgeproof_runtime::LogSource;
use futures_util::{StreamExt as _, stream};
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};

use crate::production_worker::ProductionWorker;

/// The visitor's address.
pub(crate) const VISITOR: &str = "203.0.113.7";

/// The secret key of the workspace; it must never be seen but by the platform.
pub(crate) const SECRET: &str = "sk-never-to-be-seen";

pub(crate) const INSTRUMENTOR: &str = "<script src=\"/fp/instrumentor.iife.js\"></script>";

/// What a deployment sets; a test says what differs.
const VARIABLES: [(&str, &str); 9] = [
    ("WORKER_ROUTE_PREFIX", "fp"),
    ("FP_PUBLIC_KEY", "pk"),
    ("FP_SECRET_KEY", SECRET),
    ("FP_RULESET_ID", "rs_1"),
    ("FP_CDN_HOST", "cdn.example"),
    ("FP_INGRESS_BASE_HOST", "ingress.example"),
    ("FP_LOG_LEVEL", "error"),
    (
        "PROTECTED_APIS",
        r#"[{"method":"POST","url":"shop.example/api/*"},{"method":"GET","url":"shop.example/report*"}]"#,
    ),
    (
        "IDENTIFICATION_PAGE_URLS",
        r#"["shop.example/page*","https://www.shop.example/*"]"#,
    ),
];

/// How a browser asks for a page.
pub(crate) const NAVIGATION: &str = "sec-fetch-dest: document\nsec-fetch-mode: navigate";

/// Calls that fail reach the origin.
pub(crate) const OPEN: (&str, &str) = ("FP_FAILURE_FALLBACK_ACTION", r#"{"type":"allow"}"#);

/// Calls that fail are refused.
pub(crate) const CLOSED: (&str, &str) = (
    "FP_FAILURE_FALLBACK_ACTION",
    r#"{"type":"block","status_code":403}"#,
);

/// Nothing is ever refused.
pub(crate) const MONITORING: (&str, &str) = ("FP_RULESET_ID", "");

/// A request the worker made.
#[derive(Clone, Debug)]
pub(crate) struct SentRequest {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// What the server does with it.
pub(crate) enum Reply {
    Response(StubResponse),
    /// The connection ends without a response.
    Drop,
    /// No response ever comes.
    Silence,
    /// The head comes, the body never does.
    SilentBody,
    /// The first piece comes at once, the others when the test says so.
    Held(StubResponse, Arc<Notify>),
    /// The body breaks off behind its pieces.
    BreaksOff(StubResponse),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct StubResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) pieces: Vec<Bytes>,
}

impl StubResponse {
    fn of(status: u16, headers: &[(&str, &str)], pieces: Vec<Bytes>) -> Self {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            status,
            headers: headers.iter().map(own).collect(),
            pieces,
        }
    }
}

/// What the visitor got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Got {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A response of one piece.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
    pieces(status, headers, vec![body.into()])
}

/// A response whose body comes in these pieces.
pub(crate) fn pieces(status: u16, headers: &[(&str, &str)], pieces: Vec<Bytes>) -> Reply {
    Reply::Response(StubResponse::of(status, headers, pieces))
}

/// A page that breaks off behind this.
pub(crate) fn breaks_off(headers: &[(&str, &str)], start: impl Into<Bytes>) -> Reply {
    Reply::BreaksOff(StubResponse::of(200, headers, vec![start.into()]))
}

/// A page whose start comes at once, and its rest when `rest` is notified.
pub(crate) fn held(
    headers: &[(&str, &str)],
    start: impl Into<Bytes>,
    rest: impl Into<Bytes>,
    release: &Arc<Notify>,
) -> Reply {
    let pieces = vec![start.into(), rest.into()];
    Reply::Held(StubResponse::of(200, headers, pieces), Arc::clone(release))
}

pub(crate) fn html(body: impl Into<Bytes>) -> Reply {
    response(200, &[("content-type", "text/html; charset=utf-8")], body)
}

pub(crate) fn json(body: &Value) -> Reply {
    response(
        200,
        &[("content-type", "application/json")],
        body.to_string(),
    )
}

/// What the platform answers to a call of [`VISITOR`] from a page of `shop.example`, of this very moment.
pub(crate) fn identified() -> Value {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis();
    json!({
        "agent_data": "agent-data",
        "rule_action": {"type": "allow", "ruleset_id": "rs_1"},
        "set_cookie_headers": ["_iidt=1; Path=/; HttpOnly"],
        "event": {
            "replayed": false,
            "timestamp": u64::try_from(now).unwrap(),
            "url": "https://shop.example/page",
            "ip_address": VISITOR,
            "ip_info": {"v4": {"address": VISITOR}},
        },
    })
}

/// A valid identification in which one part is another: `patch` is merged into it, `null` takes a part away.
pub(crate) fn identified_but(patch: &Value) -> Value {
    let mut whole = identified();
    merge(&mut whole, patch);
    whole
}

fn merge(into: &mut Value, patch: &Value) {
    match (into, patch) {
        (Value::Object(into), Value::Object(patch)) => {
            for (name, value) in patch {
                if value.is_null() {
                    into.remove(name);
                } else {
                    merge(into.entry(name.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (into, patch) => *into = patch.clone(),
    }
}

pub(crate) struct World {
    worker: ProductionWorker,
    asked: Arc<Mutex<Vec<SentRequest>>>,
}

impl World {
    /// The worker with these variables in place of the usual ones; an empty one is not set. Platform and CDN answer as
    /// they should where `internet` says nothing.
    pub(crate) async fn start(
        variables: &[(&str, &str)],
        internet: impl Fn(&SentRequest) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::default();
        let internet = serve(Arc::clone(&asked), Arc::new(internet)).await;
        let mut all: BTreeMap<_, _> = VARIABLES.into_iter().collect();
        all.extend(variables.iter().copied());
        all.retain(|_, value| !value.is_empty());
        Self {
            worker: ProductionWorker::start(all, internet).await,
            asked,
        }
    }

    /// Sends a request as the edge would: header fields as lines, beside those it always sets.
    pub(crate) async fn send(
        &self,
        method: &str,
        url: &str,
        lines: &str,
        body: impl Into<Bytes>,
    ) -> Got {
        let (head, body) = self.open(method, url, lines, body).await.into_parts();
        Got {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.collect().await.unwrap().to_bytes(),
        }
    }

    /// The same, with the body still to be read.
    pub(crate) async fn open(
        &self,
        method: &str,
        url: &str,
        lines: &str,
        body: impl Into<Bytes>,
    ) -> Response<Incoming> {
        let url: http::Uri = url.parse().unwrap();
        let mut request = Request::builder()
            .method(method)
            .uri(url.path_and_query().unwrap().as_str())
            .header("host", url.host().unwrap())
            .header(FORWARDED_PROTO_HEADER, url.scheme_str().unwrap());
        let usual = [
            ("user-agent", "Chromium"),
            ("cf-connecting-ip", VISITOR),
            ("cf-ray", "8f0a1b2c3d4e5f60-FRA"),
        ];
        for (name, value) in usual {
            if !lines
                .lines()
                .any(|line| line.starts_with(&format!("{name}:")))
            {
                request = request.header(name, value);
            }
        }
        for line in lines.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        self.worker.send(request).await
    }

    /// A call of the protected API by a page of the same origin, with signals.
    pub(crate) async fn call(&self, lines: &str) -> Got {
        let lines = format!("origin: https://shop.example\nfp-data: signals\n{lines}");
        self.send("POST", "https://shop.example/api/create", &lines, "a=1")
            .await
    }

    /// A navigation of a browser.
    pub(crate) async fn page(&self) -> Got {
        self.get("/page", NAVIGATION).await
    }

    pub(crate) async fn get(&self, target: &str, lines: &str) -> Got {
        let url = format!("https://shop.example{target}");
        self.send("GET", &url, lines, "").await
    }

    /// Everything the worker asked.
    pub(crate) fn asked(&self) -> Vec<SentRequest> {
        self.asked.lock().unwrap().clone()
    }

    /// What it asked of URLs that contain this.
    pub(crate) fn asked_of(&self, part: &str) -> Vec<SentRequest> {
        let mut asked = self.asked();
        asked.retain(|asked| asked.url.contains(part));
        asked
    }

    /// The one request it made to a URL that contains this.
    pub(crate) fn asked_once(&self, part: &str) -> SentRequest {
        let mut asked = self.asked_of(part);
        assert_eq!(asked.len(), 1, "{part}: {asked:?}");
        asked.remove(0)
    }

    /// The lines the worker has logged so far.
    pub(crate) async fn log(&self) -> Vec<String> {
        // The log is read beside the answers: when the line of this request is there, so are all before it.
        self.send(
            "GET",
            "https://shop.example/sentinel",
            "cf-ray: sentinel",
            "",
        )
        .await;
        let runtime = &self.worker.runtime;
        let lines = runtime
            .wait_for_log(LOG_LIMIT, |line| line.message.contains("sentinel"))
            .await;
        assert!(
            lines.is_some(),
            "the log does not come: {:?}",
            runtime.log()
        );
        let mut lines = runtime.log();
        // The runtime tells of connections that end; that is no word of the worker's.
        lines
            .retain(|line| line.source == LogSource::Console && !line.message.contains("sentinel"));
        lines.into_iter().map(|line| line.message).collect()
    }
}

/// How long a line of the log may take from the worker to the test.
const LOG_LIMIT: Duration = Duration::from_secs(20);

type Internet = Arc<dyn Fn(&SentRequest) -> Option<Reply> + Send + Sync>;

async fn serve(asked: Arc<Mutex<Vec<SentRequest>>>, internet: Internet) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (asked, internet) = (Arc::clone(&asked), Arc::clone(&internet));
            let service = service_fn(move |request| {
                let (asked, internet) = (Arc::clone(&asked), Arc::clone(&internet));
                async move { respond(request, &asked, &internet).await }
            });
            tokio::spawn(
                hyper::server::conn::http1::Builder::new()
                    .max_buf_size(1 << 20)
                    .serve_connection(TokioIo::new(stream), service),
            );
        }
    });
    address
}

type ReplyBody = http_body_util::combinators::BoxBody<Bytes, std::io::Error>;

async fn respond(
    request: Request<Incoming>,
    asked: &Mutex<Vec<SentRequest>>,
    internet: &Internet,
) -> Result<Response<ReplyBody>, std::io::Error> {
    let (head, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(std::io::Error::other)?
        .to_bytes();
    let request = SentRequest {
        method: head.method,
        url: head.uri.to_string(),
        headers: head.headers,
        body,
    };
    let reply = match internet(&request) {
        _ if request.url.ends_with("/sentinel") => Reply::Drop,
        Some(reply) => reply,
        None => usual(&request),
    };
    asked.lock().unwrap().push(request);
    match reply {
        Reply::Drop => Err(std::io::Error::other("dropped")),
        Reply::Silence => std::future::pending().await,
        Reply::SilentBody => Ok(Response::new(BodyExt::boxed(StreamBody::new(
            stream::pending::<Result<Frame<Bytes>, _>>(),
        )))),
        Reply::Response(answer) => {
            let body = if let [whole] = answer.pieces.as_slice() {
                BodyExt::boxed(Full::new(whole.clone()).map_err(|never| match never {}))
            } else {
                BodyExt::boxed(StreamBody::new(stream::iter(frames(&answer))))
            };
            Ok(replied(&answer, body))
        }
        Reply::Held(answer, release) => {
            let frames = stream::iter(frames(&answer)).enumerate();
            let held = frames.then(move |(index, frame)| {
                let release = Arc::clone(&release);
                async move {
                    if index > 0 {
                        release.notified().await;
                    }
                    frame
                }
            });
            Ok(replied(&answer, BodyExt::boxed(StreamBody::new(held))))
        }
        Reply::BreaksOff(answer) => {
            // hyper drops what it has not written when a body fails, so the end waits for a turn of the connection.
            let end = stream::once(async {
                tokio::time::sleep(Duration::from_millis(20)).await;
                Err(std::io::Error::other("the body broke off"))
            });
            let body = StreamBody::new(stream::iter(frames(&answer)).chain(end));
            Ok(replied(&answer, BodyExt::boxed(body)))
        }
    }
}

fn frames(answer: &StubResponse) -> Vec<Result<Frame<Bytes>, std::io::Error>> {
    let pieces = answer.pieces.iter().cloned();
    pieces.map(|piece| Ok(Frame::data(piece))).collect()
}

fn replied(answer: &StubResponse, body: ReplyBody) -> Response<ReplyBody> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(name, value);
    }
    response.body(body).unwrap()
}

/// How platform, CDN and origin answer when nothing is wrong.
fn usual(request: &SentRequest) -> Reply {
    if request.url.ends_with("/v4/send") {
        json(&identified())
    } else if request.url.ends_with("/v4/edge") {
        json(&json!({"ip_info": {"v4": {"address": VISITOR, "asn_name": "Example"}}, "vpn": true}))
    } else if request.url.contains("/page") {
        html("<!doctype html><html><head><title>Shop</title></head><body></body></html>")
    } else {
        response(200, &[("content-type", "application/json")], "{}")
    }
}

#[tokio::test]
async fn a_protected_call_is_identified_and_answered() {
    let world = World::start(&[], |_| None).await;
    let got = world.call("").await;
    assert_eq!(got.status, 200, "{got:?}");
    assert_eq!(got.header("fp-agent-data"), Some("agent-data"));
    assert_eq!(got.header("set-cookie"), Some("_iidt=1; Path=/; HttpOnly"));
    assert_eq!(world.asked().len(), 2);
    assert_eq!(world.asked_once("/api/create").body, "a=1");
}
