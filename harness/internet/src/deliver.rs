//! Carries one request to its destination, through the faults, and records the hop.

use std::{net::SocketAddr, time::Duration};

use edgeproof_ground::{
    body::{self, Body},
    causes::with_causes,
    header_limits::{HEADER_COUNT, RESPONSE_HEADER_BYTES, header_bytes},
    interim,
    pattern::{Scheme, Target},
    response_framing,
    server_connection::Connector,
    trace::{Counted, Hop, Party, counted},
};
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
    Decided, Destination, Failure, FaultKind, Internet, Limits, Peer, ResponseFault, Unreachable,
    faulty_body,
};

pub(super) type HttpClient = Client<Connector, Body>;

pub(super) fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(Limits::default().connect));
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .set_host(false)
        .http1_max_headers(HEADER_COUNT)
        .build(Connector::new(connector))
}

impl Internet {
    /// Sends a request with an absolute URI to where its host leads, records the hop, and gives the response.
    ///
    /// # Errors
    /// Where the destination gives no response; see [`Unreachable::status`] for what the edge makes of it.
    pub async fn send(
        &self,
        request: Request<Body>,
        from: Party,
    ) -> Result<Response<Body>, Unreachable> {
        let peer = request.uri().host().and_then(|host| self.peer(host));
        let to = party(peer.as_ref());
        let hop = self.shared.trace.begin(from, to, &request);
        match self.deliver(request, peer, &hop).await.and_then(passed_on) {
            Ok(mut response) => {
                if let Some(Decided(reason)) = response.extensions_mut().remove() {
                    hop.decided(reason);
                }
                hop.answered(&response);
                Ok(response.map(|body| counted(body, hop, Counted::Response)))
            }
            Err(failure) => {
                hop.decided(failure.cause);
                Err(failure.unreachable)
            }
        }
    }

    async fn deliver(
        &self,
        mut request: Request<Body>,
        peer: Option<Peer>,
        hop: &Hop,
    ) -> Result<Response<Body>, Failure> {
        let name = peer.as_ref().map(|peer| peer.name.as_str());
        let url = target(request.uri());
        let faults = self.faults().meet(|on| on.matches(name, url));
        if !faults.is_empty() {
            let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
            hop.faulted(words.join(", "));
        }
        let mut limits = request.extensions().get().copied().unwrap_or_default();
        for fault in &faults {
            if let Some(response) = suffer(fault, &mut limits).await? {
                return Ok(response);
            }
        }
        request.extensions_mut().insert(limits);
        let early = hop.clone();
        interim::pass_on(&mut request, move |status| {
            early.then(&format!("{status} before the response"));
        });
        let counted_hop = hop.clone();
        // The origin and the node record what they get themselves.
        let is_kept = hop.from() == Party::Worker
            && !matches!(party(peer.as_ref()), Party::Origin | Party::Wallarm);
        if is_kept {
            hop.keep_request();
        }
        let request = request.map(|body| counted(body, counted_hop, Counted::Request));
        let mut response = match peer.map(|peer| peer.destination) {
            None => Err(Unreachable::NameUnknown.into()),
            Some(Destination::Refused) => Err(Unreachable::Refused.into()),
            Some(Destination::Handler(handler)) => handler.handle(request).await,
            Some(Destination::Address(address)) => {
                match timeout(limits.read, self.forward(request, address)).await {
                    Ok(response) => response,
                    Err(_) => Err(Unreachable::ReadTimeout(limits.read).into()),
                }
            }
        }?;
        for fault in faults {
            match fault {
                FaultKind::Truncate(bytes) => {
                    response = response.map(|body| faulty_body::truncated(body, bytes));
                }
                FaultKind::Dribble(bytes) => {
                    response = response.map(|body| faulty_body::dribbled(body, bytes));
                }
                _ => {}
            }
        }
        Ok(response)
    }

    async fn forward(
        &self,
        mut request: Request<Body>,
        address: SocketAddr,
    ) -> Result<Response<Body>, Failure> {
        if !request.headers().contains_key(HOST)
            && let Some(host) = request.uri().authority()
            && let Ok(host) = HeaderValue::from_str(host.as_str())
        {
            request.headers_mut().insert(HOST, host);
        }
        *request.uri_mut() = at(request.uri(), address).ok_or(Unreachable::Reset)?;
        *request.version_mut() = http::Version::HTTP_11;
        let response = self.shared.client.request(request).await;
        response
            .map(|response| response.map(body::stream))
            .map_err(|error| Failure {
                unreachable: match error.is_connect() {
                    true => Unreachable::Refused,
                    false => Unreachable::Reset,
                },
                cause: format!("{address} did not respond: {}", with_causes(&error)),
            })
    }
}

/// Who is asked.
fn party(peer: Option<&Peer>) -> Party {
    peer.map_or(Party::Elsewhere, |peer| peer.party)
}

/// What a fault does before the destination is asked: nothing, a delay, a response in its place, or a failure.
async fn suffer(
    fault: &FaultKind,
    limits: &mut Limits,
) -> Result<Option<Response<Body>>, Unreachable> {
    match fault {
        FaultKind::Refuse => Err(Unreachable::Refused),
        FaultKind::Reset => Err(Unreachable::Reset),
        FaultKind::NoConnection => Err(Unreachable::ConnectTimeout),
        FaultKind::NoRoute => Err(Unreachable::NoRoute),
        FaultKind::Tls => Err(Unreachable::Tls),
        FaultKind::Certificate => Err(Unreachable::Certificate),
        FaultKind::NoSuchName => Err(Unreachable::NameUnknown),
        FaultKind::Hang => {
            sleep(limits.read).await;
            Err(Unreachable::ReadTimeout(limits.read))
        }
        FaultKind::Answer(response) => Ok(Some(in_its_place(response))),
        FaultKind::Delay(milliseconds) => {
            let delay = Duration::from_millis(*milliseconds);
            sleep(delay.min(limits.read)).await;
            let left = limits.read.checked_sub(delay);
            limits.read = left.ok_or(Unreachable::ReadTimeout(limits.read))?;
            Ok(None)
        }
        FaultKind::Truncate(_) | FaultKind::Dribble(_) => Ok(None),
    }
}

/// The response with one length at most, where its head is one that the edge passes on.
fn passed_on(mut response: Response<Body>) -> Result<Response<Body>, Failure> {
    response_framing::settle(&mut response).map_err(|error| Failure {
        unreachable: Unreachable::Reset,
        cause: error.to_string(),
    })?;
    let (bytes, most) = (header_bytes(response.headers()), RESPONSE_HEADER_BYTES);
    if bytes <= most {
        return Ok(response);
    }
    Err(Failure {
        unreachable: Unreachable::Reset,
        cause: format!("{bytes} bytes of response headers, the limit is {most}"),
    })
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

fn in_its_place(fault: &ResponseFault) -> Response<Body> {
    let mut response = Response::new(body::full(fault.body.clone()));
    *response.status_mut() = fault.status;
    *response.headers_mut() = fault.headers.clone();
    response
}
