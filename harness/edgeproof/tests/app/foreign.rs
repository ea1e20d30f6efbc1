//! Foreign applications: what is done with each connection, byte for byte.

use std::sync::Arc;

use edgeproof_ground::trace::Party;
use edgeproof_internet::Destination;
use edgeproof_origin::{App, Origin};
pub(crate) use edgeproof_test_support::server::{head, listening, serve_all};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::world::World;

/// The path past every worker, and the one through the worker of the zone.
pub(crate) const ROUTES: [(&str, Party); 2] = [("/a", Party::Edge), ("/w/a", Party::Worker)];

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
    world.put(Destination::Handler(Arc::new(origin.clone())));
    origin
}

/// What the last hop to the application says of itself.
pub(crate) fn last_decision(world: &World, from: Party) -> String {
    let hop = world.hops(from, Party::Origin).pop().unwrap();
    hop.decision.unwrap_or_default()
}
