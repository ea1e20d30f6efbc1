//! workerd with the production worker, and one server that answers for every host the worker asks.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use edgeproof_ground::runtime_headers::FORWARDED_PROTO_HEADER;
use edgeproof_runtime::LogSource;
pub(crate) use edgeproof_test_support::stub::{Reply, Seen as SentRequest, response};
use edgeproof_test_support::stub::{Stub, StubResponse};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::Notify;

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
    internet: Stub,
}

impl World {
    /// The worker with these variables in place of the usual ones; an empty one is not set. Platform and CDN answer as
    /// they should where `internet` says nothing.
    pub(crate) async fn start(
        variables: &[(&str, &str)],
        internet: impl Fn(&SentRequest) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        let internet = Stub::start(move |request| match request {
            _ if request.target() == "/sentinel" => Some(Reply::Drop),
            _ if !request.is_whole => None,
            _ => internet(request).or_else(|| Some(usual(request))),
        })
        .await;
        let mut all: BTreeMap<_, _> = VARIABLES.into_iter().collect();
        all.extend(variables.iter().copied());
        all.retain(|_, value| !value.is_empty());
        Self {
            worker: ProductionWorker::start(all, internet.address).await,
            internet,
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
        self.internet.seen()
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
        // The log is read beside the responses: when the line of this request is there, so are all before it.
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
    assert_eq!(world.asked_once("/api/create").body(), "a=1");
}
