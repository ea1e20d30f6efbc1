//! What the workers are in front of: the origin, the platform and the filtering node, as cheap as they can be.
//!
//! One hyper server on a thread of its own answers for all three; whatever it costs, it costs every contender alike. The
//! emulated platform and node of a rig would answer too, and take longer than the worker that is to be measured.

use std::{
    convert::Infallible,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use edgeproof_deployment::NODE_HOST;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Request, Response, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::oneshot};

use super::{
    case::{Case, NEXT_PAGE, SITE, Task},
    visitor::ADDRESS,
};

/// The server. It stops when it is dropped.
pub(super) struct Server {
    address: SocketAddr,
    responses: Arc<Responses>,
    _stop: oneshot::Sender<()>,
}

/// How many requests have come to each of the three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// To the origin.
    pub origin: u64,
    /// To the platform.
    pub platform: u64,
    /// To the filtering node.
    pub node: u64,
}

/// What is answered at present.
#[derive(Default)]
struct Responses {
    origin: Mutex<(Option<HeaderValue>, Bytes)>,
    pause_ms: AtomicU64,
    has_early_head: AtomicBool,
    asked: [AtomicU64; 3],
}

impl Server {
    /// Starts it on a port of the kernel's choice.
    pub(super) fn start() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let responses = Arc::new(Responses::default());
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&responses);
        thread::Builder::new()
            .name("bench-server".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = serve(listener, served) => {}
                        // Told or dropped, it is over.
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            address,
            responses,
            _stop: stop,
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it answers as the case needs it.
    pub(super) fn play(&self, case: &Case) {
        let html = HeaderValue::from_static("text/html; charset=utf-8");
        let json = HeaderValue::from_static("application/json");
        let origin = match case.task {
            Task::Page(bytes) | Task::EarlyHead(bytes) => (Some(html), page(bytes)),
            Task::Everything => (Some(html), page(NEXT_PAGE)),
            Task::Call | Task::Upload => (Some(json), Bytes::from_static(b"{}")),
        };
        *self.responses.origin() = origin;
        let milliseconds = u64::try_from(case.pause.as_millis()).unwrap_or(u64::MAX);
        self.responses.pause_ms.store(milliseconds, Relaxed);
        let has_early_head = matches!(case.task, Task::EarlyHead(_));
        self.responses.has_early_head.store(has_early_head, Relaxed);
    }

    /// How often each of the three was asked so far.
    pub(super) fn asked(&self) -> RequestCounts {
        let [origin, platform, node] = &self.responses.asked;
        RequestCounts {
            origin: origin.load(Relaxed),
            platform: platform.load(Relaxed),
            node: node.load(Relaxed),
        }
    }
}

impl RequestCounts {
    /// What one of so many visits asked. A copy for the node may come after the visit's response, so it is rounded.
    pub(super) fn of_each(self, visits: u64) -> Self {
        let each = |asked: u64| (asked + visits / 2).checked_div(visits).unwrap_or(0);
        Self {
            origin: each(self.origin),
            platform: each(self.platform),
            node: each(self.node),
        }
    }
}

impl std::ops::Sub for RequestCounts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            origin: self.origin - before.origin,
            platform: self.platform - before.platform,
            node: self.node - before.node,
        }
    }
}

impl Responses {
    fn origin(&self) -> std::sync::MutexGuard<'_, (Option<HeaderValue>, Bytes)> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pause(&self) -> Duration {
        Duration::from_millis(self.pause_ms.load(Relaxed))
    }

    async fn response(&self, request: Request<Incoming>) -> Response<Content> {
        // A worker's requests name the host they go to; those without one come straight from the visitor.
        let host = request.uri().host();
        let which = match host {
            None | Some(SITE) => 0,
            Some(NODE_HOST) => 2,
            Some(_) => 1,
        };
        self.asked[which].fetch_add(1, Relaxed);
        let mut body = request.into_body();
        // A body that breaks off has nobody left who waits for a response.
        while let Some(Ok(_)) = body.frame().await {}
        match which {
            0 => {
                let (kind, content) = self.origin().clone();
                if self.has_early_head.load(Relaxed) {
                    return response(kind, early_head(content, self.pause()));
                }
                response(kind, whole(content))
            }
            1 => {
                let wait = self.pause();
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
                response(
                    Some(HeaderValue::from_static("application/json")),
                    whole(identified()),
                )
            }
            _ => response(None, whole(Bytes::new())),
        }
    }
}

async fn serve(listener: std::net::TcpListener, responses: Arc<Responses>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    while let Ok((stream, _)) = listener.accept().await {
        // Small responses must not wait for one another; where the system refuses, they do for all alike.
        let _ = stream.set_nodelay(true);
        let responses = Arc::clone(&responses);
        let service = service_fn(move |request| {
            let responses = Arc::clone(&responses);
            async move { Ok::<_, Infallible>(responses.response(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .serve_connection(TokioIo::new(stream), service);
        tokio::spawn(connection);
    }
}

/// The body of a response.
type Content = UnsyncBoxBody<Bytes, Infallible>;

fn response(kind: Option<HeaderValue>, content: Content) -> Response<Content> {
    let mut response = Response::new(content);
    if let Some(kind) = kind {
        response.headers_mut().insert(CONTENT_TYPE, kind);
    }
    response
}

fn whole(content: Bytes) -> Content {
    Full::new(content).boxed_unsync()
}

/// A page whose head is sent at once and the rest after a pause.
fn early_head(mut page: Bytes, pause: Duration) -> Content {
    let head = page.split_to(HEAD.len().min(page.len()));
    let rest = stream::once(async move {
        tokio::time::sleep(pause).await;
        Ok(Frame::data(page))
    });
    StreamBody::new(stream::iter([Ok(Frame::data(head))]).chain(rest)).boxed_unsync()
}

/// The head of every page.
const HEAD: &str = "<!doctype html><html><head><meta charset=utf-8><title>Shop</title><script src=/app.js></script></head><body>";

/// A page with a usual head, and paragraphs up to the size.
fn page(bytes: usize) -> Bytes {
    const PARAGRAPH: &str =
        "<div class=\"row\"><p>Lorem ipsum dolor sit amet</p><a href=\"/more\">more</a></div>\n";
    const END: &str = "</body></html>";
    let room = bytes.saturating_sub(HEAD.len() + END.len());
    let paragraphs = PARAGRAPH.repeat(room / PARAGRAPH.len());
    let filling = " ".repeat(room % PARAGRAPH.len());
    [HEAD, &paragraphs, &filling, END].concat().into()
}

/// What the platform says of every call: allowed, and of this very moment.
fn identified() -> Bytes {
    let now = SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .as_millis();
    format!(
        r#"{{"agent_data":"agent","rule_action":{{"type":"allow","ruleset_id":"rs_bench"}},"set_cookie_headers":["_iidt=1; Path=/"],"event":{{"replayed":false,"timestamp":{now},"url":"https://{SITE}/","ip_address":"{ADDRESS}","ip_info":{{"v4":{{"address":"{ADDRESS}"}}}}}}}}"#
    )
    .into()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn the_head_of_a_page_comes_before_the_rest() {
        let mut body = early_head(page(1000), Duration::from_millis(5));
        let head = body.frame().now_or_never().flatten().unwrap().unwrap();
        assert_eq!(head.into_data().unwrap(), HEAD);
        assert!(body.frame().now_or_never().is_none());
        let rest = body.frame().await.unwrap().unwrap();
        assert_eq!(rest.into_data().unwrap().len(), 1000 - HEAD.len());
    }

    #[test]
    fn a_page_has_its_size() {
        for bytes in [1000, 50_000, 1_000_000] {
            assert_eq!(page(bytes).len(), bytes);
        }
    }
}
