//! The attacks of a rig that keeps running, for another process: what `edgeproof attacks` reads.

use std::{convert::Infallible, net::SocketAddr};

use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use tokio::{net::TcpListener, task::JoinSet};

use super::{Attack, Node};
use crate::body::{self, Body};

/// The only path there is.
const PATH: &str = "/attacks";

/// A listener on the loopback interface that gives out a node's attacks. Dropping it closes it.
#[derive(Debug)]
pub struct Console {
    address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

/// Why the attacks of a running rig could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// No port could be had on the loopback address.
    #[error("no port could be had for the console of the filtering node")]
    Bind(#[source] std::io::Error),
    /// Nobody listens, or nobody who speaks HTTP.
    #[error("no rig answers at {address}; `edgeproof up FILE` starts one and prints its address")]
    Unreachable {
        /// Where it was looked for.
        address: SocketAddr,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Somebody else listens.
    #[error("what answers at {address} is no console of edgeproof")]
    NotAConsole {
        /// Where.
        address: SocketAddr,
    },
}

impl Console {
    /// Opens a console on a port of the kernel's choice.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn open(node: Node) -> Result<Self, ConsoleError> {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .map_err(ConsoleError::Bind)?;
        let address = listener.local_addr().map_err(ConsoleError::Bind)?;
        let task = tokio::spawn(accept(listener, address, node));
        Ok(Self { address, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The attacks of the rig whose console listens there.
    ///
    /// # Errors
    /// Where nobody listens, or somebody else.
    pub async fn attacks(address: SocketAddr) -> Result<Vec<Attack>, ConsoleError> {
        let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| {
            ConsoleError::Unreachable { address, source }
        };
        let client: Client<HttpConnector, Body> =
            Client::builder(TokioExecutor::new()).build_http();
        let request = Request::get(format!("http://{address}{PATH}"))
            .body(body::empty())
            .map_err(|error| unreachable(error.into()))?;
        let answer = client
            .request(request)
            .await
            .map_err(|error| unreachable(error.into()))?;
        let is_console = answer.status() == StatusCode::OK;
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|error| unreachable(error.into()))?;
        serde_json::from_slice(&body.to_bytes())
            .ok()
            .filter(|_| is_console)
            .ok_or(ConsoleError::NotAConsole { address })
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, address: SocketAddr, node: Node) {
    // The connections end with this task.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let node = node.clone();
                let service = service_fn(move |request| {
                    let answer = answer(&request, address, &node);
                    async move { Ok::<_, Infallible>(answer) }
                });
                connections.spawn(async move {
                    // How a connection ends is the asking side's concern.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

fn answer(request: &Request<Incoming>, address: SocketAddr, node: &Node) -> Response<Body> {
    let refused = |status| {
        let mut answer = Response::new(body::empty());
        *answer.status_mut() = status;
        answer
    };
    // A page whose name was made to lead here asks with its own name.
    let host = request.headers().get(header::HOST);
    if host.is_none_or(|host| host.as_bytes() != address.to_string().as_bytes()) {
        return refused(StatusCode::MISDIRECTED_REQUEST);
    }
    if request.uri().path() != PATH {
        return refused(StatusCode::NOT_FOUND);
    }
    match serde_json::to_vec(&node.attacks()) {
        Ok(attacks) => Response::new(body::full(attacks)),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wallarm::Settings;

    #[tokio::test]
    async fn a_console_gives_out_attacks_until_it_is_dropped() {
        let node = Node::new(Settings::default());
        let console = Console::open(node).await.unwrap();
        let address = console.address();
        assert_eq!(Console::attacks(address).await.unwrap(), []);
        drop(console);
        // The task ends at its next turn.
        loop {
            match Console::attacks(address).await {
                Err(ConsoleError::Unreachable { .. }) => break,
                Ok(_) => tokio::task::yield_now().await,
                Err(other) => panic!("{other}"),
            }
        }
    }

    #[tokio::test]
    async fn a_page_under_another_name_gets_nothing() {
        let console = Console::open(Node::new(Settings::default())).await.unwrap();
        let client: Client<HttpConnector, Body> = Client::builder(TokioExecutor::new())
            .set_host(false)
            .build_http();
        let request = Request::get(format!("http://{}{PATH}", console.address()))
            .header(header::HOST, "evil.example")
            .body(body::empty())
            .unwrap();
        let answer = client.request(request).await.unwrap();
        assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST);
    }
}
