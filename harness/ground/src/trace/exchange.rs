//! One hop: who asked whom for what, and what came back.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use http::{HeaderMap, Method, Request, Response, StatusCode};

use super::{Counted, NotKept, bodies::Bodies};

/// One end of a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Party {
    /// The person or program that visits the site: a browser or an HTTP client.
    Visitor,
    /// The Cloudflare zone in front of the site.
    Edge,
    /// The worker under test, in the runtime.
    Worker,
    /// The site itself.
    Origin,
    /// The Fingerprint platform: agent CDN, ingress, Server API.
    Fingerprint,
    /// The Wallarm filtering node.
    Wallarm,
    /// Whoever deploys: a person, a pipeline, `edgeproof deploy`, wrangler.
    Operator,
    /// Cloudflare's REST API.
    ControlPlane,
    /// A name that nobody in this rig answers for.
    Elsewhere,
}

impl fmt::Display for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Visitor => "visitor",
            Self::Edge => "edge",
            Self::Worker => "worker",
            Self::Origin => "origin",
            Self::Fingerprint => "Fingerprint",
            Self::Wallarm => "Wallarm node",
            Self::Operator => "operator",
            Self::ControlPlane => "control plane",
            Self::Elsewhere => "elsewhere",
        })
    }
}

/// The head of a request as the receiving side of the hop saw it.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method.
    pub method: Method,
    /// The absolute URL, not normalised.
    pub url: String,
    /// The headers; they may hold secrets, so reports redact them.
    pub headers: HeaderMap,
    /// Bytes of body that passed this hop, known once the body ended.
    pub body_bytes: u64,
}

/// The head of a response as the asking side of the hop got it.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// Bytes of body that passed this hop, known once the body ended.
    pub body_bytes: u64,
}

impl RequestHead {
    /// The head of a request whose URI is absolute.
    pub fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            url: request.uri().to_string(),
            headers: request.headers().clone(),
            body_bytes: 0,
        }
    }
}

impl ResponseHead {
    /// The head of a response.
    pub fn of<B>(answer: &Response<B>) -> Self {
        Self {
            status: answer.status(),
            headers: answer.headers().clone(),
            body_bytes: 0,
        }
    }
}

/// One hop of a request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Exchange {
    /// The `CF-Ray` of the visitor's request that this hop belongs to, where it is known.
    pub ray: Option<String>,
    /// Who asked.
    pub from: Party,
    /// Who was asked.
    pub to: Party,
    /// The request as it arrived.
    pub request: RequestHead,
    /// The response; none where the connection was dropped or nothing has come yet.
    pub response: Option<ResponseHead>,
    /// When the request arrived, since the start of the trace.
    pub started: Duration,
    /// How long the head of the response took.
    pub took: Option<Duration>,
    /// The decision that was taken here, and why.
    pub decision: Option<String>,
    /// The fault that was applied here.
    pub fault: Option<String>,
    /// What the worker threw here that nobody caught, with its stack.
    pub exception: Option<String>,
    /// The address it came from, where a visitor asked.
    pub client: Option<IpAddr>,
    /// The name of the worker that ran, where one did.
    pub worker: Option<String>,
    pub(super) bodies: Arc<Bodies>,
}

impl Exchange {
    /// The beginning of a body, as it passed: with its content codings, and as long as the trace remembers it. Nothing where
    /// the trace keeps no bodies.
    pub fn body(&self, side: Counted) -> Vec<u8> {
        self.bodies.of(side)
    }

    /// The beginning of the request's body, at most 256 KiB, where it is kept whatever the trace does.
    ///
    /// # Errors
    /// Where nobody has asked for it, or it had to make room for others.
    pub fn request_body(&self) -> Result<Vec<u8>, NotKept> {
        self.bodies.of_request()
    }
}
