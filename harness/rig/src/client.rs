//! A visitor without a browser: an HTTP client that comes to the edge from the visitor's address, or to a deployed site.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use edgeproof_browser::{Gate, Reach};
use edgeproof_edge::{CertificateAuthority, CertificateError, preamble};
use edgeproof_ground::header_limits::HEADER_COUNT;
use http::{
    HeaderValue, Method, Request, Response, Uri, Version,
    header::{COOKIE, HOST},
};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, pki_types::ServerName},
};
use url::Url;

use super::replacing::Replacing;

/// An HTTP client of one visitor. Each request has a connection of its own.
#[derive(Clone)]
pub struct Client {
    destination: Destination,
}

/// Where its connections lead.
#[derive(Clone)]
enum Destination {
    /// To the edge of a rig, from the visitor's address.
    Edge {
        edge: SocketAddr,
        visitor: SocketAddr,
        authority: Arc<CertificateAuthority>,
    },
    /// To hosts of the real network, whose certificates are verified.
    Network {
        reach: Reach,
        trust: Arc<ClientConfig>,
        gate: Arc<Gate>,
    },
}

/// Why a request got no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The URL is not absolute, or of no scheme the edge speaks.
    #[error("`{0}` is not an http:// or https:// address")]
    Url(Uri),
    /// The connection or the TLS handshake failed.
    #[error("the edge could not be reached")]
    Connect(#[source] std::io::Error),
    /// The same at a host of the real network.
    #[error("`{host}` could not be reached")]
    Host {
        /// The host.
        host: String,
        /// Why.
        source: std::io::Error,
    },
    /// TLS could not be set up.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// The connection broke, or what came was no HTTP, before there was a whole head (with [`Client::send`]: a whole body).
    #[error("no response could be read")]
    Http(#[from] hyper::Error),
}

/// What TLS says in its own words, said so that the way out is seen.
fn in_plain_words(error: std::io::Error) -> std::io::Error {
    use tokio_rustls::rustls::{CertificateError, Error as TlsError};
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    let words = match inner {
        Some(TlsError::InvalidMessage(_)) => "what answers there does not speak TLS",
        Some(TlsError::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "no authority that is trusted here signed its certificate; a target file names one of your own as \
             `certificate_authority`"
        }
        Some(TlsError::InvalidCertificate(CertificateError::Other(other)))
            if format!("{other:?}").contains("CaUsedAsEndEntity") =>
        {
            "its certificate is that of an authority, which no server may use; sign one for the server with it \
             (`basicConstraints=CA:FALSE`)"
        }
        _ => return error,
    };
    std::io::Error::new(error.kind(), words)
}

/// The same URL with `/` for a path that is not written, which every client sends (RFC 9110 §4.2.3).
fn with_path(url: Uri) -> Uri {
    let mut parts = url.clone().into_parts();
    let written = parts
        .path_and_query
        .as_ref()
        .map_or("", |path| path.as_str());
    if written.starts_with('/') {
        return url;
    }
    parts.path_and_query = format!("/{written}").parse().ok();
    Uri::from_parts(parts).unwrap_or(url)
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Client {
    pub(super) fn new(
        edge: SocketAddr,
        visitor: SocketAddr,
        authority: Arc<CertificateAuthority>,
    ) -> Self {
        Self {
            destination: Destination::Edge {
                edge,
                visitor,
                authority,
            },
        }
    }

    /// A client on the real network. Requests to the hosts of the gate carry what it lets through.
    pub(super) fn of_network(reach: Reach, trust: Arc<ClientConfig>, gate: Arc<Gate>) -> Self {
        Self {
            destination: Destination::Network { reach, trust, gate },
        }
    }

    /// Sends a request with an absolute URL, in the version it names, and reads the whole response.
    ///
    /// # Errors
    /// When the edge cannot be reached or gives no whole response.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ClientError> {
        let response = self.exchange(request.map(Full::new)).await?;
        let (head, body) = response.into_parts();
        Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
    }

    /// Sends a request with a streamed body and returns as soon as the head of the response is there.
    ///
    /// # Errors
    /// When the edge cannot be reached or gives no response.
    pub async fn exchange<B>(
        &self,
        mut request: Request<B>,
    ) -> Result<Response<hyper::body::Incoming>, ClientError>
    where
        B: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let uri = with_path(request.uri().clone());
        request.uri_mut().clone_from(&uri);
        self.pass(&mut request);
        let stream = self.connect(&uri, request.version()).await?;
        if request.version() == Version::HTTP_2 {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                    .await?;
            tokio::spawn(connection);
            return Ok(sender.send_request(request).await?);
        }
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            // Header names as they were given: what a server makes of their case is the server's affair.
            .preserve_header_case(true)
            .max_headers(HEADER_COUNT)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(connection.with_upgrades());
        if !request.headers().contains_key(HOST)
            && let Some(host) = uri
                .authority()
                .and_then(|authority| HeaderValue::from_str(authority.as_str()).ok())
        {
            request.headers_mut().insert(HOST, host);
        }
        *request.uri_mut() = uri
            .path_and_query()
            .map_or_else(|| Uri::from_static("/"), |path| path.clone().into());
        Ok(sender.send_request(request).await?)
    }

    /// Sends bytes as they are over a connection to the host of `to`, and reads the response as HTTP/1.1, its head at first. `method`
    /// is what the bytes ask with, as far as they say: the response to `HEAD` has no body.
    ///
    /// # Errors
    /// When the edge cannot be reached or gives no response.
    pub async fn send_raw(
        &self,
        to: &Uri,
        method: Method,
        bytes: Bytes,
    ) -> Result<Response<hyper::body::Incoming>, ClientError> {
        let stream = self.connect(to, Version::HTTP_11).await?;
        let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
            .max_headers(HEADER_COUNT)
            .handshake(TokioIo::new(Replacing::new(stream, bytes)))
            .await?;
        tokio::spawn(connection);
        // What hyper writes for this request is not sent; it is there so that hyper reads the response.
        let request = Request::builder().method(method).uri("/");
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|_| ClientError::Url(to.clone()))?;
        Ok(sender.send_request(request).await?)
    }

    /// Adds what the gate of the host lets through.
    fn pass<B>(&self, request: &mut Request<B>) {
        let Destination::Network { gate, .. } = &self.destination else {
            return;
        };
        if !Url::parse(&request.uri().to_string()).is_ok_and(|url| gate.is_for(&url)) {
            return;
        }
        let headers = request.headers_mut();
        for (name, value) in &gate.headers {
            headers.insert(name.clone(), value.clone());
        }
        for (name, value) in &gate.cookies {
            if let Ok(cookie) = HeaderValue::try_from(format!("{name}={value}")) {
                headers.append(COOKIE, cookie);
            }
        }
    }

    /// Opens a connection to where this host and port are, and says whose it is.
    async fn open(&self, host: &str, port: u16) -> Result<TcpStream, ClientError> {
        match &self.destination {
            Destination::Edge { edge, visitor, .. } => {
                let opened = async {
                    let mut stream = TcpStream::connect(edge).await?;
                    stream.set_nodelay(true)?;
                    stream.write_all(&preamble(*visitor, *edge)).await?;
                    Ok(stream)
                };
                opened.await.map_err(ClientError::Connect)
            }
            Destination::Network { reach, .. } => {
                let opened = reach.connect(host, port).await;
                opened.map_err(|source| self.unreachable(host, source))
            }
        }
    }

    fn unreachable(&self, host: &str, source: std::io::Error) -> ClientError {
        match &self.destination {
            Destination::Edge { .. } => ClientError::Connect(source),
            Destination::Network { .. } => ClientError::Host {
                host: host.to_owned(),
                source: in_plain_words(source),
            },
        }
    }

    /// What is trusted, and which protocols are offered.
    fn tls(&self, protocol: &[u8]) -> Result<ClientConfig, ClientError> {
        Ok(match &self.destination {
            Destination::Edge { authority, .. } => authority.client_config(&[protocol])?,
            Destination::Network { trust, .. } => {
                let mut config = ClientConfig::clone(trust);
                config.alpn_protocols = vec![protocol.to_vec()];
                config
            }
        })
    }

    async fn connect(&self, uri: &Uri, version: Version) -> Result<Box<dyn Stream>, ClientError> {
        let host = uri.host().ok_or_else(|| ClientError::Url(uri.clone()))?;
        let usual = match uri.scheme_str() {
            Some("http") => 80,
            Some("https") => 443,
            _ => return Err(ClientError::Url(uri.clone())),
        };
        let stream = self.open(host, uri.port_u16().unwrap_or(usual)).await?;
        match uri.scheme_str() {
            Some("https") => {
                let protocol: &[u8] = if version == Version::HTTP_2 {
                    b"h2"
                } else {
                    b"http/1.1"
                };
                let config = self.tls(protocol)?;
                let name = ServerName::try_from(host.to_owned())
                    .map_err(|_| ClientError::Url(uri.clone()))?;
                let stream = TlsConnector::from(Arc::new(config))
                    .connect(name, stream)
                    .await
                    .map_err(|source| self.unreachable(host, source))?;
                Ok(Box::new(stream))
            }
            _ => Ok(Box::new(stream)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://shop.example", "/")]
    #[case("https://shop.example?a=b", "/?a=b")]
    #[case("https://shop.example/?a=b", "/?a=b")]
    #[case("https://shop.example/a?b", "/a?b")]
    fn a_url_without_a_path_is_that_of_the_root(#[case] url: Uri, #[case] expected: &str) {
        let target = with_path(url).into_parts().path_and_query;
        assert_eq!(target.unwrap().as_str(), expected);
    }

    #[tokio::test]
    async fn a_response_may_have_more_headers_than_a_hundred() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let edge = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let headers: String = (0..300)
                .map(|number| format!("x-{number}: 1\r\n"))
                .collect();
            let response = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n");
            stream.write_all(response.as_bytes()).await.unwrap();
            stream
        };
        let authority = CertificateAuthority::of_process().unwrap();
        let client = Client::new(edge, "192.0.2.1:1".parse().unwrap(), authority);
        let request = Request::get("http://shop.example/").body(Bytes::new());
        let (response, _) = tokio::join!(client.send(request.unwrap()), serve);
        assert_eq!(response.unwrap().headers().len(), 301);
    }
}
