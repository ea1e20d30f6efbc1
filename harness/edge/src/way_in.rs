//! The ways in for visitors: the port of the edge, where each connection says who comes, and doors, where that is known.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

use super::{
    connection::{self, Stop},
    front::Front,
};

/// How long the requests under way get when the edge stops.
const GRACE: Duration = Duration::from_secs(1);

/// A port of its own for one visitor, who need not say who it is. Dropping it closes it and every connection through it.
#[derive(Debug)]
pub struct VisitorDoor {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl VisitorDoor {
    pub(super) async fn open(way_in: WayIn) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(accept(listener, way_in));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for VisitorDoor {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How connections of a port come in.
#[derive(Clone)]
pub(super) struct WayIn {
    pub(super) front: Arc<Front>,
    pub(super) tls: TlsAcceptor,
    /// Who comes; none where every connection says so itself.
    pub(super) visitor: Option<SocketAddr>,
    pub(super) stop: Stop,
}

pub(super) async fn accept(listener: TcpListener, way_in: WayIn) {
    // The connections end with this task: the set aborts what is left when it is dropped.
    let mut connections = JoinSet::new();
    let mut stopped = pin!(way_in.stop.clone().asked());
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error here concerns one connection that never came to be.
                if let Ok((stream, _)) = accepted {
                    let way_in = way_in.clone();
                    connections.spawn(async move {
                        // A visitor who breaks off has nobody to be told.
                        let _ = connection::serve(way_in, stream).await;
                    });
                }
            }
            Some(_) = connections.join_next() => {}
            () = &mut stopped => break,
        }
    }
    drop(listener);
    let _ = timeout(GRACE, async {
        while connections.join_next().await.is_some() {}
    })
    .await;
}
