//! Carries one request to its destination, through the faults, and records the hop.

use std::{net::SocketAddr, time::Duration};

use http::{
    HeaderValue, Request, Response, Uri,
    header::HOST,
    uri::{Authority, Scheme as UriScheme},
};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::{sleep, timeout};

use super::{
    AnswerFault, Decided, Destination, FaultKind, Internet, Peer, ReadLimit, Unreachable,
    faulty_body,
};
use crate::{
    body::{self, Body},
    edge::{Scheme, Target, limits::HEADER_COUNT},
    trace::{Counted, Hop, Party, RequestHead, ResponseHead, counted},
};

/// How long the edge waits for the head of an answer (documentation, Fundamentals › Connection limits).
pub const READ_TIMEOUT: Duration = Duration::from_secs(100);
/// How long the edge waits for a connection (same page).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(19);

pub(super) type HttpClient = Client<HttpConnector, Body>;

pub(super) fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .set_host(false)
        .http1_max_headers(HEADER_COUNT)
        .build(connector)
}

impl Internet {
    /// Sends a request with an absolute URI to where its host leads, records the hop, and gives the answer.
    ///
    /// # Errors
    /// Where the destination gives no answer; see [`Unreachable::status`] for what the edge makes of it.
    pub async fn send(
        &self,
        request: Request<Body>,
        from: Party,
    ) -> Result<Response<Body>, Unreachable> {
        let peer = request.uri().host().and_then(|host| self.peer(host));
        let party = peer.as_ref().map_or(Party::Elsewhere, |peer| peer.party);
        let hop = self
            .shared
            .trace
            .begin(from, party, RequestHead::of(&request));
        let limit = request.extensions().get::<ReadLimit>();
        let limit = limit.map_or(READ_TIMEOUT, |limit| limit.0);
        let answer = match timeout(limit, self.deliver(request, peer, &hop)).await {
            Ok(answer) => answer,
            Err(_) => Err(Unreachable::ReadTimeout(limit)),
        };
        match answer {
            Ok(mut answer) => {
                if let Some(Decided(reason)) = answer.extensions_mut().remove() {
                    hop.decided(reason);
                }
                hop.answered(ResponseHead::of(&answer));
                Ok(answer.map(|body| counted(body, hop, Counted::Response)))
            }
            Err(unreachable) => {
                hop.decided(unreachable.to_string());
                Err(unreachable)
            }
        }
    }

    async fn deliver(
        &self,
        request: Request<Body>,
        peer: Option<Peer>,
        hop: &Hop,
    ) -> Result<Response<Body>, Unreachable> {
        let name = peer.as_ref().map(|peer| peer.name.as_str());
        let url = target(request.uri());
        let faults = self.faults().meet(|on| on.matches(name, url));
        if !faults.is_empty() {
            let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
            hop.faulted(words.join(", "));
        }
        for fault in &faults {
            match fault {
                FaultKind::Refuse => return Err(Unreachable::Refused),
                FaultKind::Reset => return Err(Unreachable::Reset),
                FaultKind::NoConnection => return Err(Unreachable::ConnectTimeout),
                FaultKind::NoRoute => return Err(Unreachable::NoRoute),
                FaultKind::Tls => return Err(Unreachable::Tls),
                FaultKind::Certificate => return Err(Unreachable::Certificate),
                FaultKind::NoSuchName => return Err(Unreachable::NameUnknown),
                FaultKind::Hang => std::future::pending().await,
                FaultKind::Answer(answer) => return Ok(in_its_place(answer)),
                FaultKind::Delay(milliseconds) => {
                    sleep(Duration::from_millis(*milliseconds)).await;
                }
                FaultKind::Truncate(_) | FaultKind::Dribble(_) => {}
            }
        }
        let counted_hop = hop.clone();
        let request = request.map(|body| counted(body, counted_hop, Counted::Request));
        let mut answer = match peer.map(|peer| peer.destination) {
            None => Err(Unreachable::NameUnknown),
            Some(Destination::Refused) => Err(Unreachable::Refused),
            Some(Destination::Handler(handler)) => Ok(handler.handle(request).await),
            Some(Destination::Address(address)) => self.forward(request, address).await,
        }?;
        for fault in faults {
            match fault {
                FaultKind::Truncate(bytes) => {
                    answer = answer.map(|body| faulty_body::truncated(body, bytes));
                }
                FaultKind::Dribble(bytes) => {
                    answer = answer.map(|body| faulty_body::dribbled(body, bytes));
                }
                _ => {}
            }
        }
        Ok(answer)
    }

    async fn forward(
        &self,
        mut request: Request<Body>,
        address: SocketAddr,
    ) -> Result<Response<Body>, Unreachable> {
        if !request.headers().contains_key(HOST)
            && let Some(host) = request.uri().authority()
            && let Ok(host) = HeaderValue::from_str(host.as_str())
        {
            request.headers_mut().insert(HOST, host);
        }
        *request.uri_mut() = at(request.uri(), address).ok_or(Unreachable::Reset)?;
        *request.version_mut() = http::Version::HTTP_11;
        match self.shared.client.request(request).await {
            Ok(answer) => Ok(answer.map(body::stream)),
            Err(error) if error.is_connect() => Err(Unreachable::Refused),
            Err(_) => Err(Unreachable::Reset),
        }
    }
}

/// The same path and query at a socket of this machine.
fn at(uri: &Uri, address: SocketAddr) -> Option<Uri> {
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(UriScheme::HTTP);
    parts.authority = Some(Authority::try_from(address.to_string()).ok()?);
    Uri::from_parts(parts).ok()
}

fn target(uri: &Uri) -> Option<Target<'_>> {
    Some(Target {
        scheme: if uri.scheme() == Some(&UriScheme::HTTP) {
            Scheme::Http
        } else {
            Scheme::Https
        },
        host: uri.host()?,
        path_and_query: uri.path_and_query().map_or("/", |path| path.as_str()),
    })
}

fn in_its_place(fault: &AnswerFault) -> Response<Body> {
    let mut answer = Response::new(body::full(fault.body.clone()));
    *answer.status_mut() = fault.status;
    *answer.headers_mut() = fault.headers.clone();
    answer
}
