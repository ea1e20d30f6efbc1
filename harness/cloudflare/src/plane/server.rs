//! The API on a socket of this machine.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use edgeproof_ground::{
    body::Body,
    clock::Clock,
    header_limits::HEADER_COUNT,
    trace::{Hop, Party, RequestHead, Trace},
};
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{
    account::Account,
    call::ApiCall,
    code::Validator,
    dispatch,
    envelope::{self, PlaneResponse},
    error::ApiError,
    fault::{PlaneFaultKind, PlaneFaults},
    snapshot::{Pending, Snapshot},
    tails::{self, Tails},
};

/// The path under which the API stands.
pub(super) const BASE_PATH: &str = "/client/v4";

/// Bytes of a request that are read: the largest script, a form around it, and a source map.
const MAX_REQUEST: usize = 128 * 1024 * 1024;

/// How long the edge may take until it follows what a tail reads; it takes half a second.
const PUBLISHED: Duration = Duration::from_secs(10);

/// What every connection shares.
pub(super) struct Shared {
    pub(super) address: SocketAddr,
    pub(super) account: Arc<Mutex<Account>>,
    pub(super) tails: Arc<Tails>,
    /// The time of the rig.
    pub(super) clock: Clock,
    pub(super) faults: Mutex<PlaneFaults>,
    pub(super) validator: Validator,
    pub(super) trace: Trace,
    /// What of the account the edge does not have yet.
    pub(super) pending: Arc<Pending>,
}

/// The connection ends without a response.
#[derive(Debug, thiserror::Error)]
#[error("a fault drops the connection")]
struct Dropped;

/// Takes connections until it is aborted; they end with it.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error here concerns one connection that never came to be.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(Arc::clone(&shared), stream));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream) {
    // Without it a small response waits for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { shared.response(request).await }
    });
    // A client that breaks off has nobody to be told.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .max_headers(HEADER_COUNT)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
}

impl Shared {
    async fn response(&self, request: Request<Incoming>) -> Result<Response<Body>, Dropped> {
        if request.uri().path().starts_with(tails::PATH) {
            // Whoever is connected misses nothing: by now the edge runs what is followed.
            let _ = tokio::time::timeout(PUBLISHED, self.pending.settled()).await;
            return Ok(tails::connect(&self.tails, &self.clock, request));
        }
        let (parts, body) = request.into_parts();
        let url = format!("http://{}{}", self.address, parts.uri);
        let mut head = RequestHead {
            method: parts.method.clone(),
            url: url.clone(),
            headers: parts.headers.clone(),
            body_bytes: 0,
        };
        redact(&mut head);
        let hop = self.trace.begin(Party::Operator, Party::ControlPlane, head);
        let body = Limited::new(body, MAX_REQUEST).collect().await;
        let outcome = match body {
            Ok(body) => {
                let call = call(parts, body.to_bytes());
                self.under_faults(&call, &url, &hop).await?
            }
            Err(_) => Err(ApiError::body_too_large()),
        };
        if let Err(error) = &outcome {
            hop.decided(error.line());
        }
        let response = envelope::response(outcome);
        hop.answered(&response);
        Ok(response)
    }

    /// Applies what goes wrong with this request, and answers it where it may.
    async fn under_faults(
        &self,
        call: &ApiCall,
        url: &str,
        hop: &Hop,
    ) -> Result<Result<PlaneResponse, ApiError>, Dropped> {
        let met = self
            .faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .meet(|on| on.as_ref().is_none_or(|on| on.matches(&call.method, url)));
        let mut responses = true;
        for fault in &met {
            hop.faulted(fault.line());
            match fault {
                PlaneFaultKind::Reset => return Err(Dropped),
                PlaneFaultKind::ResetAfterwards => responses = false,
                PlaneFaultKind::Hang => std::future::pending().await,
                PlaneFaultKind::Delay(milliseconds) => {
                    tokio::time::sleep(Duration::from_millis(*milliseconds)).await;
                }
                PlaneFaultKind::Error(error) => return Ok(Err(error.error())),
            }
        }
        let outcome = self.ask(call).await;
        if responses { Ok(outcome) } else { Err(Dropped) }
    }

    async fn ask(&self, call: &ApiCall) -> Result<PlaneResponse, ApiError> {
        if !is_below_base(&call.path) {
            return Err(ApiError::no_such_object(&call.path));
        }
        let call = &ApiCall {
            path: call.path[BASE_PATH.len()..].to_owned(),
            ..call.clone()
        };
        let outcome = dispatch::response(
            &self.account,
            &self.validator,
            &self.address.to_string(),
            call,
        )
        .await;
        if outcome.is_ok() && call.method != Method::GET {
            self.note_change();
        }
        outcome
    }

    /// Tells anyone who runs what is deployed that it is no longer the same.
    fn note_change(&self) {
        // Taken and told behind one lock, so that a later change is not told first.
        let account = dispatch::lock(&self.account);
        self.pending.add(|| Snapshot::of(&account));
    }
}

fn is_below_base(path: &str) -> bool {
    path.strip_prefix(BASE_PATH)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn call(parts: http::request::Parts, body: Bytes) -> ApiCall {
    let query: BTreeMap<String, String> =
        url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    ApiCall {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query,
        headers: parts.headers,
        body,
    }
}

/// Tokens do not come into the trace.
fn redact(head: &mut RequestHead) {
    for name in [
        header::AUTHORIZATION,
        header::HeaderName::from_static("x-auth-key"),
    ] {
        if let Some(value) = head.headers.get_mut(name) {
            *value = HeaderValue::from_static("[redacted]");
        }
    }
}
