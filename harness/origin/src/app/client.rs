//! Asks an application: over HTTP/2 where it agrees on that in TLS, over HTTP/1.1 else.

use std::{fmt, io};

use edgeproof_ground::{
    body::{self, Body},
    causes::{causes, with_causes},
    hop_by_hop::remove_hop_by_hop,
    response_framing::{self, UnknownCoding},
};
use edgeproof_internet::{Decided, Failure, Limits, Unreachable};
use h2::Reason;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header::{CONNECTION, HOST, UPGRADE},
    uri::{Authority, PathAndQuery, Scheme},
};
use http_body::Body as _;
use hyper::client::conn::TrySendError;

use super::{
    App, AppError,
    connect::{self, ConnectError},
    connections::{Connection, Connections},
    tls::{Offered, Tls},
    waiting::{Late, Progress},
};

/// A client of one application.
pub(crate) struct Client {
    app: App,
    tls: Option<Tls>,
    connections: Connections,
}

/// What the application is asked for, in its own terms.
struct Target {
    /// With scheme and authority, as HTTP/2 takes it.
    absolute: Uri,
    /// The path and the query alone, as HTTP/1.1 takes it.
    path: Uri,
    host: HeaderValue,
    offered: Offered,
}

/// Why an application gave no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("the connection ended early, or the response is not HTTP")]
    Http1(#[from] hyper::Error),
    #[error("the connection or the stream ended early, or the response is not HTTP/2")]
    Http2(#[from] h2::Error),
    #[error("it switched protocols without being asked")]
    Unasked,
    #[error(transparent)]
    TransferCoding(#[from] UnknownCoding),
    #[error(transparent)]
    Late(#[from] Late),
    #[error("the request cannot be passed on")]
    Target(#[source] http::Error),
    #[error(
        "it closed the connection, which it had kept open, on this request ({}); once more, over a new connection: {}",
        with_causes(first),
        with_causes(again)
    )]
    Twice { first: Box<Self>, again: Box<Self> },
}

/// What the trace says of a request that got its response the second time.
const SENT_AGAIN: &str = "sent twice: the application closed the connection, which it had kept open, on this request, \
    and got it again over a new one";

/// A failed attempt, with the request where it was not sent.
type Attempt = (Error, Option<Request<Body>>);

impl Client {
    /// A client that has no connection yet.
    ///
    /// # Errors
    /// Where the application cannot be asked as it is described.
    pub(crate) fn new(app: App) -> Result<Self, AppError> {
        app.check()?;
        let tls = app.address.is_https().then(|| Tls::new(app.certificate));
        Ok(Self {
            tls: tls
                .transpose()
                .map_err(|error| AppError::Tls(error.to_string()))?,
            app,
            connections: Connections::default(),
        })
    }

    /// Passes a request on to the application, within the [`Limits`] among its extensions. `again` is told when it is
    /// about to be sent a second time.
    pub(crate) async fn send(
        &self,
        request: Request<Body>,
        again: impl Fn(),
    ) -> Result<Response<Body>, Failure> {
        self.respond(request, again).await.map_err(|error| Failure {
            unreachable: error.unreachable(),
            cause: format!(
                "the application at {} did not respond: {}",
                self.app.address,
                with_causes(&error)
            ),
        })
    }

    async fn respond(
        &self,
        mut request: Request<Body>,
        again: impl Fn(),
    ) -> Result<Response<Body>, Error> {
        let limits = request.extensions().get::<Limits>();
        let limits = limits.copied().unwrap_or_default();
        remove_hop_by_hop(request.headers_mut());
        let target = self.target(&request).map_err(Error::Target)?;
        // An application may close a connection at the very moment it is used again. What may be asked twice (RFC 9110
        // §9.2.2) is then asked once more; over HTTP/1.1 the rest goes over a connection of its own.
        let mut repeated = repeated(&request, target.offered);
        if let Some(kept) = self.connections.take(target.offered, repeated.is_some()) {
            match self.exchange(kept, request, &target, limits).await {
                Ok(response) => return Ok(response),
                Err((_, Some(unsent))) => request = unsent,
                Err((error, None)) => match repeated.take().filter(|_| error.is_closed()) {
                    Some(repeated) => {
                        let response = self.over_new(repeated, &target, limits, again).await;
                        return twice(error, response);
                    }
                    None => return Err(error),
                },
            }
        }
        self.over_new(request, &target, limits, || {}).await
    }

    /// Asks over a new connection; `sending` is told once there is one.
    async fn over_new(
        &self,
        request: Request<Body>,
        target: &Target,
        limits: Limits,
        sending: impl Fn(),
    ) -> Result<Response<Body>, Error> {
        let connection = self.connect(target, limits).await?;
        sending();
        let response = self.exchange(connection, request, target, limits).await;
        response.map_err(|(error, _)| error)
    }

    /// What the application is asked for: the base path before the path, and its own host where it insists on one.
    fn target(&self, request: &Request<Body>) -> Result<Target, http::Error> {
        let asked = request.uri();
        let path = asked.path_and_query().map_or("/", PathAndQuery::as_str);
        let path = match path.starts_with('/') {
            true => PathAndQuery::try_from(format!("{}{path}", self.app.address.base_path()))?,
            false => PathAndQuery::try_from(path)?,
        };
        let host = match (&self.app.host, request.headers().get(HOST)) {
            (Some(host), _) => host.0.clone(),
            (None, Some(host)) => Authority::try_from(host.as_bytes())?,
            (None, None) => Authority::try_from(asked.host().unwrap_or_default())?,
        };
        let scheme = match self.tls {
            Some(_) => Scheme::HTTPS,
            None => Scheme::HTTP,
        };
        Ok(Target {
            host: HeaderValue::try_from(host.as_str())?,
            path: Uri::from(path.clone()),
            absolute: Uri::builder()
                .scheme(scheme)
                .authority(host)
                .path_and_query(path)
                .build()?,
            offered: match request.headers().contains_key(UPGRADE) {
                true => Offered::Http1,
                false => Offered::Both,
            },
        })
    }

    async fn connect(&self, target: &Target, limits: Limits) -> Result<Connection, Error> {
        let host = target.absolute.host().unwrap_or_default();
        let (address, tls) = (&self.app.address, self.tls.as_ref());
        let connected = connect::connect(address, tls, host, target.offered, limits.connect);
        self.connections.open(connected.await?).await
    }

    /// Asks over one connection.
    async fn exchange(
        &self,
        connection: Connection,
        request: Request<Body>,
        target: &Target,
        limits: Limits,
    ) -> Result<Response<Body>, Attempt> {
        let progress = Progress::begin();
        let request = request.map(|body| progress.of(body));
        let response = match connection {
            Connection::Http1(mut sender) => {
                let request = target.over_http1(request);
                let response = progress.within(limits.read, sender.try_send_request(request));
                let response = response.await.map_err(late)?.map_err(unsent_over_http1)?;
                self.connections.keep(sender);
                response.map(body::stream)
            }
            Connection::Http2(sender) => {
                let request = target.over_http2(request);
                let response = progress.within(limits.read, sender.send(request)).await;
                let response = response.map_err(late)?;
                response.map_err(|(error, unsent)| (error.into(), unsent))?
            }
        };
        received(response, target).map_err(|error| (error, None))
    }
}

impl Target {
    fn over_http1(&self, mut request: Request<Body>) -> Request<Body> {
        *request.uri_mut() = self.path.clone();
        *request.version_mut() = Version::HTTP_11;
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        if self.offered == Offered::Both {
            // What an origin sees of Cloudflare.
            headers.insert(CONNECTION, HeaderValue::from_static("Keep-Alive"));
        }
        request
    }

    fn over_http2(&self, mut request: Request<Body>) -> Request<Body> {
        *request.uri_mut() = self.absolute.clone();
        *request.version_mut() = Version::HTTP_2;
        request.headers_mut().remove(HOST);
        request.headers_mut().remove(CONNECTION);
        request
    }
}

impl Error {
    fn unreachable(&self) -> Unreachable {
        match self {
            Self::Connect(error) => error.unreachable(),
            Self::Http1(_)
            | Self::Http2(_)
            | Self::Unasked
            | Self::TransferCoding(_)
            | Self::Target(_) => Unreachable::Reset,
            Self::Late(Late(limit)) => Unreachable::ReadTimeout(*limit),
            // An application that ends over a request closes the connection, and then nobody listens: the first counts.
            Self::Twice { first, again } => match **again {
                Self::Connect(_) => first.unreachable(),
                _ => again.unreachable(),
            },
        }
    }

    /// Whether the connection was closed, be it in good order or not.
    fn is_closed(&self) -> bool {
        let (is_closed, io) = match self {
            Self::Http1(error) => (
                error.is_incomplete_message() || error.is_closed() || error.is_canceled(),
                causes(error).find_map(|cause| cause.downcast_ref::<io::Error>()),
            ),
            // A stream that is refused was not looked at (RFC 9113 §8.7).
            Self::Http2(error) => (
                error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM),
                error.get_io(),
            ),
            _ => return false,
        };
        is_closed
            || matches!(
                io.map(io::Error::kind),
                Some(
                    io::ErrorKind::ConnectionReset
                        | io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::BrokenPipe
                        | io::ErrorKind::UnexpectedEof
                )
            )
    }
}

/// The outcome of a request that was sent again after `first`, and says so.
fn twice(first: Error, again: Result<Response<Body>, Error>) -> Result<Response<Body>, Error> {
    match again {
        Ok(mut response) => {
            let decided = Decided(SENT_AGAIN.to_owned());
            response.extensions_mut().insert(decided);
            Ok(response)
        }
        Err(again) => Err(Error::Twice {
            first: Box::new(first),
            again: Box::new(again),
        }),
    }
}

fn late(error: Late) -> Attempt {
    (error.into(), None)
}

fn unsent_over_http1(mut error: TrySendError<Request<Body>>) -> Attempt {
    let unsent = error.take_message();
    (error.into_error().into(), unsent)
}

/// The same request again, where it may be sent twice: one without a body, of a method that asks for the same effect.
fn repeated(request: &Request<Body>, offered: Offered) -> Option<Request<Body>> {
    let method: &Method = request.method();
    if offered == Offered::Http1 || !method.is_idempotent() || !request.body().is_end_stream() {
        return None;
    }
    let mut repeated = Request::new(body::empty());
    *repeated.method_mut() = method.clone();
    *repeated.headers_mut() = request.headers().clone();
    Some(repeated)
}

/// The response as it goes on: what concerns the connection with the application stays behind.
fn received(mut response: Response<Body>, target: &Target) -> Result<Response<Body>, Error> {
    if response.status() == StatusCode::SWITCHING_PROTOCOLS && target.offered == Offered::Both {
        return Err(Error::Unasked);
    }
    *response.version_mut() = Version::HTTP_11;
    response_framing::settle(&mut response)?;
    remove_hop_by_hop(response.headers_mut());
    Ok(response)
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("app", &self.app)
            .finish_non_exhaustive()
    }
}
