//! A connection to an application: its name becomes addresses, one of them takes the connection, and TLS begins.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use edgeproof_ground::server_connection::ServerConnection;
use edgeproof_internet::Unreachable;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::rustls::pki_types::ServerName;

use super::{
    Address,
    tls::{self, Offered, Tls},
};

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    #[error("`{host}` has no address")]
    Name { host: String, source: io::Error },
    /// What came of each address; the kind is the last one's.
    #[error("{tried}")]
    Tcp { tried: String, kind: io::ErrorKind },
    #[error("no connection within {} s", .0.as_secs_f64())]
    Timeout(Duration),
    #[error("`{0}` cannot be the name of a server in TLS")]
    ServerName(String),
    #[error("TLS with {address}")]
    Tls {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("TLS with {address} was not agreed on within {} s", .limit.as_secs_f64())]
    TlsTimeout {
        address: SocketAddr,
        limit: Duration,
    },
}

impl ConnectError {
    /// What the edge makes of it. Cloudflare does not say what a handshake that never ends is; here it is a failed one.
    pub(super) fn unreachable(&self) -> Unreachable {
        match self {
            Self::Name { .. } => Unreachable::NameUnknown,
            Self::Timeout(_) => Unreachable::ConnectTimeout,
            Self::Tcp { kind, .. } => match kind {
                io::ErrorKind::ConnectionRefused => Unreachable::Refused,
                io::ErrorKind::TimedOut => Unreachable::ConnectTimeout,
                io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => {
                    Unreachable::Reset
                }
                _ => Unreachable::NoRoute,
            },
            Self::Tls { source, .. } if tls::is_about_certificate(source) => {
                Unreachable::Certificate
            }
            Self::ServerName(_) | Self::Tls { .. } | Self::TlsTimeout { .. } => Unreachable::Tls,
        }
    }
}

/// What bytes go through.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection, and whether HTTP/2 was agreed on.
pub(super) struct Connected {
    pub(super) stream: Box<dyn Stream>,
    pub(super) is_http2: bool,
}

/// Connects to the application; `host` is the name it is asked by, `limit` the time for the connection and then for the
/// handshake.
pub(super) async fn connect(
    address: &Address,
    tls: Option<&Tls>,
    host: &str,
    offered: Offered,
    limit: Duration,
) -> Result<Connected, ConnectError> {
    let stream = timeout(limit, connect_tcp(address))
        .await
        .map_err(|_| ConnectError::Timeout(limit))??;
    // Without it a small request waits for the acknowledgement of the one before.
    let _ = stream.set_nodelay(true);
    let peer = stream.peer_addr();
    let stream = ServerConnection::new(stream);
    let Some(tls) = tls else {
        return Ok(Connected {
            stream: Box::new(stream),
            is_http2: false,
        });
    };
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|_| ConnectError::ServerName(host.to_owned()))?;
    let address = peer.map_err(|error| ConnectError::Tcp {
        tried: error.to_string(),
        kind: error.kind(),
    })?;
    let stream = timeout(limit, tls.connector(offered).connect(name, stream))
        .await
        .map_err(|_| ConnectError::TlsTimeout { address, limit })?
        .map_err(|source| ConnectError::Tls { address, source })?;
    Ok(Connected {
        is_http2: stream.get_ref().1.alpn_protocol() == Some(tls::HTTP_2),
        stream: Box::new(stream),
    })
}

impl Address {
    /// Whether something listens there.
    pub(crate) async fn accepts(&self) -> bool {
        let connected = connect_tcp(self).await;
        // A connection from a free port to the same one is accepted by nobody but itself.
        connected.is_ok_and(|stream| match (stream.local_addr(), stream.peer_addr()) {
            (Ok(local), Ok(peer)) => local != peer,
            _ => false,
        })
    }
}

async fn connect_tcp(address: &Address) -> Result<TcpStream, ConnectError> {
    let mut tried = Vec::new();
    let mut kind = io::ErrorKind::NotFound;
    for address in addresses(address).await? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                kind = error.kind();
                tried.push(format!("{address}: {error}"));
            }
        }
    }
    Err(ConnectError::Tcp {
        tried: tried.join(", "),
        kind,
    })
}

/// Where a name leads. `localhost` is both loopback addresses in the order of browsers: an application that listens on
/// `localhost` listens on one of them, and which one it is depends on its runtime.
async fn addresses(address: &Address) -> Result<Vec<SocketAddr>, ConnectError> {
    let port = address.port();
    if address.is_localhost() {
        return Ok(vec![
            (Ipv6Addr::LOCALHOST, port).into(),
            (Ipv4Addr::LOCALHOST, port).into(),
        ]);
    }
    let found = lookup_host((address.host(), port)).await;
    let found = found.map(Iterator::collect::<Vec<_>>);
    found
        .and_then(|found| match found.is_empty() {
            true => Err(io::Error::from(io::ErrorKind::NotFound)),
            false => Ok(found),
        })
        .map_err(|source| ConnectError::Name {
            host: address.host().to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(io::ErrorKind::ConnectionRefused, 521)]
    #[case(io::ErrorKind::TimedOut, 522)]
    #[case(io::ErrorKind::HostUnreachable, 523)]
    #[case(io::ErrorKind::NetworkUnreachable, 523)]
    #[case(io::ErrorKind::AddrNotAvailable, 523)]
    #[case(io::ErrorKind::ConnectionReset, 520)]
    fn what_the_kernel_says_of_a_connection_has_a_status(
        #[case] kind: io::ErrorKind,
        #[case] status: u16,
    ) {
        let tried = String::new();
        let error = ConnectError::Tcp { tried, kind };
        assert_eq!(error.unreachable().status(), status);
    }
}
