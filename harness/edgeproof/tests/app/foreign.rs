//! Foreign applications: what is done with each connection, byte for byte.

use std::{net::SocketAddr, sync::Arc};

use edgeproof_ground::trace::Party;
use edgeproof_internet::{Destination, Peer};
use edgeproof_origin::{App, Origin};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::world::World;

/// The path past every worker, and the one through the worker of the zone.
pub(crate) const ROUTES: [(&str, Party); 2] = [("/a", Party::Edge), ("/w/a", Party::Worker)];

/// Listens on a port of its own; each connection is for `serve`.
pub(crate) async fn listening<F, S>(serve: F) -> SocketAddr
where
    F: Fn(TcpStream) -> S + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    serve_all(listener, serve);
    address
}

/// Gives every connection of the listener to `serve`.
pub(crate) fn serve_all<F, S>(listener: TcpListener, serve: F)
where
    F: Fn(TcpStream) -> S + Send + 'static,
    S: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
}

/// Reads until the end of a head; nothing where the connection ended before.
pub(crate) async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// Responds to each request of a connection with the head that came.
pub(crate) async fn mirror(mut stream: TcpStream) {
    while let Some(head) = head(&mut stream).await {
        let length = head.len();
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{head}");
        if stream.write_all(response.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The application of this description, short or long, is now behind `shop.example`.
pub(crate) fn put(world: &World, app: &str) -> Origin {
    #[derive(serde::Deserialize)]
    struct Hosts {
        shop: edgeproof_rig::Host,
    }
    let hosts: Hosts = serde_saphyr::from_str(&format!("shop: {{ app: {app} }}")).unwrap();
    let app: App = hosts.shop.app.unwrap();
    let origin = Origin::app(&app).unwrap();
    world.internet.connect(
        "shop.example",
        Peer {
            name: "origin".to_owned(),
            party: Party::Origin,
            destination: Destination::Handler(Arc::new(origin.clone())),
        },
    );
    origin
}

/// What the last hop to the application says of itself.
pub(crate) fn last_decision(world: &World, from: Party) -> String {
    let hop = world.hops(from, Party::Origin).pop().unwrap();
    hop.decision.unwrap_or_default()
}
