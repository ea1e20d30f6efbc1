//! The way from a browser to the edge of the rig that borrowed it.

mod socks;
mod traffic;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
};

use tokio::{
    io::{AsyncWriteExt, copy_bidirectional_with_sizes},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::reach::Reach;

/// How much is carried at once. A response comes in pieces of up to so many bytes, and each piece costs two calls of the
/// kernel.
const PIECE: usize = 64 * 1024;

/// Where connections lead.
#[derive(Clone, Debug)]
pub enum GatewayTarget {
    /// All of them to the edge of a rig.
    Edge {
        /// The edge.
        edge: SocketAddr,
        /// What is said first on every connection: the visitor's address.
        preamble: Vec<u8>,
    },
    /// Each to the host that is asked for.
    Network(Reach),
}

pub(crate) use socks::is_among;
pub(crate) use traffic::{Host, Traffic};

/// A listener whose connections lead along the current [`GatewayTarget`]; without one they are refused. Changing the
/// way cuts every connection of the old one.
#[derive(Debug)]
pub(crate) struct Gateway {
    address: SocketAddr,
    target: watch::Sender<Option<GatewayTarget>>,
    traffic: Traffic,
}

impl Gateway {
    /// Listens on a port of the kernel's choice.
    pub(crate) async fn open() -> io::Result<Self> {
        Self::listen(Handshake::Straight).await
    }

    /// The same for clients that speak SOCKS5: every name leads there, but for these and all below them, which are refused.
    pub(crate) async fn open_proxy(refused: &'static [&'static str]) -> io::Result<Self> {
        Self::listen(Handshake::Proxy { refused }).await
    }

    async fn listen(handshake: Handshake) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (target, current) = watch::channel(None);
        let traffic = Traffic::default();
        tokio::spawn(accept(listener, handshake, current, traffic.clone()));
        Ok(Self {
            address,
            target,
            traffic,
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The connections to each host, where clients say to which they go.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// From now on connections lead there; those of before are cut.
    pub(crate) fn lead(&self, target: Option<GatewayTarget>) {
        self.target.send_replace(target);
    }
}

/// What is said before a connection leads anywhere.
#[derive(Clone, Copy, Debug)]
enum Handshake {
    /// Nothing.
    Straight,
    /// The client says in SOCKS5 where it wants to go.
    Proxy { refused: &'static [&'static str] },
}

async fn accept(
    listener: TcpListener,
    handshake: Handshake,
    mut current: watch::Receiver<Option<GatewayTarget>>,
    traffic: Traffic,
) {
    loop {
        tokio::select! {
            // The gateway was dropped.
            gone = current.changed() => if gone.is_err() { return },
            accepted = listener.accept() => {
                let target = current.borrow_and_update().clone();
                if let (Ok((visitor, _)), Some(target)) = (accepted, target) {
                    tokio::spawn(lead(visitor, handshake, target, current.clone(), traffic.clone()));
                }
            }
        }
    }
}

async fn lead(
    mut visitor: TcpStream,
    handshake: Handshake,
    target: GatewayTarget,
    mut current: watch::Receiver<Option<GatewayTarget>>,
    traffic: Traffic,
) {
    let carry = async {
        visitor.set_nodelay(true)?;
        let mut wanted = None;
        if let Handshake::Proxy { refused } = handshake {
            let (name, port) = socks::wanted(&mut visitor).await?;
            if is_among(&name, refused) {
                socks::response(&mut visitor, false).await?;
                return Ok((0, 0));
            }
            wanted = Some((name, port));
        }
        let connected = connect(&target, wanted.as_ref()).await;
        if wanted.is_some() {
            socks::response(&mut visitor, connected.is_ok()).await?;
        }
        let mut far = connected?;
        let _open = wanted.map(|(host, _)| traffic.open(host));
        let carried = copy_bidirectional_with_sizes(&mut visitor, &mut far, PIECE, PIECE).await;
        if carried.is_err() && matches!(target, GatewayTarget::Network(_)) {
            // An end would be that of a response that has no length.
            visitor.set_zero_linger()?;
        }
        carried
    };
    tokio::select! {
        // A broken connection is what the visitor sees; there is nobody to tell.
        _ = carry => {}
        _ = current.changed() => {}
    }
}

/// The connection to where a target leads somebody who wants to reach this host and port.
async fn connect(target: &GatewayTarget, wanted: Option<&(String, u16)>) -> io::Result<TcpStream> {
    match (target, wanted) {
        (GatewayTarget::Edge { edge, preamble }, _) => {
            let mut stream = TcpStream::connect(edge).await?;
            stream.set_nodelay(true)?;
            stream.write_all(preamble).await?;
            Ok(stream)
        }
        (GatewayTarget::Network(reach), Some((host, port))) => reach.connect(host, *port).await,
        // Who does not say where he wants to go gets nowhere.
        (GatewayTarget::Network(_), None) => Err(io::ErrorKind::InvalidInput.into()),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn edge() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (listener, address)
    }

    #[tokio::test]
    async fn a_connection_leads_to_the_edge_with_the_preamble_first() {
        let (listener, address) = edge().await;
        let gateway = Gateway::open().await.unwrap();
        gateway.lead(Some(GatewayTarget::Edge {
            edge: address,
            preamble: b"from ann\n".to_vec(),
        }));
        let mut visitor = TcpStream::connect(gateway.address()).await.unwrap();
        visitor.write_all(b"hello").await.unwrap();
        let (mut arrived, _) = listener.accept().await.unwrap();
        let mut bytes = [0; 14];
        arrived.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"from ann\nhello");
    }

    #[tokio::test]
    async fn a_new_way_cuts_the_connections_of_the_old_one() {
        let (listener, address) = edge().await;
        let gateway = Gateway::open().await.unwrap();
        gateway.lead(Some(GatewayTarget::Edge {
            edge: address,
            preamble: b"x".to_vec(),
        }));
        let mut visitor = TcpStream::connect(gateway.address()).await.unwrap();
        let (mut arrived, _) = listener.accept().await.unwrap();
        arrived.read_u8().await.unwrap();
        gateway.lead(None);
        assert_eq!(visitor.read(&mut [0; 8]).await.unwrap_or(0), 0);
    }

    #[tokio::test]
    async fn what_a_site_resets_is_reset_for_the_visitor() {
        let (listener, address) = edge().await;
        let gateway = Gateway::open_proxy(&[]).await.unwrap();
        let reach = Reach::new(
            ["a.example".to_owned()],
            Vec::new(),
            [("a.example".to_owned(), address)].into(),
        );
        gateway.lead(Some(GatewayTarget::Network(reach)));
        let mut visitor = TcpStream::connect(gateway.address()).await.unwrap();
        let asks = b"\x05\x01\x00\x05\x01\x00\x03\x09a.example\x01\xbb";
        visitor.write_all(asks).await.unwrap();
        let (mut site, _) = listener.accept().await.unwrap();
        // Two responses of the proxy, and a half one of the site.
        site.write_all(b"half").await.unwrap();
        visitor.read_exact(&mut [0; 2 + 10 + 4]).await.unwrap();
        site.set_zero_linger().unwrap();
        drop(site);
        let error = visitor.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn without_a_way_connections_are_closed() {
        let gateway = Gateway::open().await.unwrap();
        let mut visitor = TcpStream::connect(gateway.address()).await.unwrap();
        assert_eq!(visitor.read(&mut [0; 8]).await.unwrap_or(0), 0);
    }
}
