//! Sends shapes to the edge of a rig, and to nobody else.

use std::time::Duration;

use bytes::Bytes;
use edgeproof_ground::trace::Trace;
use edgeproof_rig::{Client, ClientError, Rig, RigError};
use http::{Method, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};

use super::{
    judge::{RequestPath, request_path},
    request::{Scheme, WrittenRequest},
};

/// How long a response may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How a shape is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Over {
    /// As bytes.
    #[serde(rename = "HTTP/1")]
    Http1,
    /// In frames.
    #[serde(rename = "HTTP/2")]
    Http2,
}

impl Over {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1",
            Self::Http2 => "HTTP/2",
        }
    }
}

/// A client that sends what it is given, one after the other, so that the trace says what became of each.
pub(super) struct Sender {
    client: Client,
    trace: Trace,
}

/// What came of a request.
pub(super) struct Sent {
    /// The response; none where none came.
    pub(super) response: Option<Response<Bytes>>,
    pub(super) path: RequestPath,
    /// The hops that there were before.
    before: usize,
}

impl Sent {
    /// The status of the response.
    pub(super) fn status(&self) -> Option<StatusCode> {
        Some(self.response.as_ref()?.status())
    }
}

/// How often the trace is looked at for what comes after the response.
const LOOKS: usize = 50;
const UNTIL_NEXT_LOOK: Duration = Duration::from_millis(20);

impl Sender {
    pub(super) fn new(rig: &Rig, visitor: &str) -> Result<Self, RigError> {
        Ok(Self {
            client: rig.client(visitor)?,
            trace: rig.trace().clone(),
        })
    }

    /// Sends a request over HTTP/1, byte for byte; nothing where its host cannot be connected to.
    pub(super) async fn over_http1(&self, request: &WrittenRequest) -> Option<Sent> {
        let scheme = match request.scheme {
            Scheme::Https => "https",
            Scheme::Http => "http",
        };
        let to: Uri = format!("{scheme}://{}", request.to).parse().ok()?;
        // The response to HEAD has no body, and that to anything unknown has one.
        let method = match request.method.as_str() {
            "HEAD" => Method::HEAD,
            _ => Method::POST,
        };
        let bytes = Bytes::from(request.text());
        Some(self.sent(self.client.send_raw(&to, method, bytes)).await)
    }

    /// Sends a request over HTTP/2.
    pub(super) async fn over_http2(&self, request: http::Request<Bytes>) -> Sent {
        self.sent(self.client.exchange(request.map(Full::new)))
            .await
    }

    async fn sent(
        &self,
        response: impl Future<Output = Result<Response<Incoming>, ClientError>>,
    ) -> Sent {
        let before = self.trace.count();
        let whole = async {
            let (head, body) = response.await.ok()?.into_parts();
            // To its end, or as far as it comes: what the worker does meanwhile belongs to it. What switches protocols has no
            // end.
            let body = match head.status {
                StatusCode::SWITCHING_PROTOCOLS => Bytes::new(),
                _ => {
                    let whole = body.collect().await;
                    whole.map(Collected::to_bytes).unwrap_or_default()
                }
            };
            Some(Response::from_parts(head, body))
        };
        let response = tokio::time::timeout(PATIENCE, whole).await.ok().flatten();
        Sent {
            path: request_path(&self.trace.since(before), response.is_some()),
            response,
            before,
        }
    }

    /// Looks at the trace again until `is_so`, for what a worker does after its response; whether it came to be so.
    pub(super) async fn comes_to(&self, sent: &Sent, is_so: impl Fn(&RequestPath) -> bool) -> bool {
        for _ in 0..LOOKS {
            let hops = self.trace.since(sent.before);
            if is_so(&request_path(&hops, sent.response.is_some())) {
                return true;
            }
            tokio::time::sleep(UNTIL_NEXT_LOOK).await;
        }
        false
    }
}
