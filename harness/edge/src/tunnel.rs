//! Connections that left HTTP for another protocol, such as a WebSocket: bytes go both ways until one side ends.

use std::sync::{Arc, Mutex, PoisonError};

use edgeproof_ground::body::Body;
use http::{Response, StatusCode};
use hyper::upgrade::{OnUpgrade, on};
use hyper_util::rt::TokioIo;
use tokio::{io::copy_bidirectional, task::JoinSet};

use super::endpoint::OpenVisit;

/// All tunnels of a socket; dropping the last clone closes them.
#[derive(Clone, Default)]
pub(crate) struct Tunnels {
    open: Arc<Mutex<JoinSet<()>>>,
}

impl Tunnels {
    /// Joins the asking side with the side that gave `response`, where that one changed the protocol.
    pub(crate) fn join(&self, asking: OnUpgrade, response: &mut Response<Body>) {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return;
        }
        let visit = response.extensions_mut().remove::<OpenVisit>();
        let answering = on(response);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that have ended need no place any more.
        while open.try_join_next().is_some() {}
        open.spawn(async move {
            // A worker's side of it is a visit until the tunnel closes.
            let _visit = visit;
            let (Ok(asking), Ok(answering)) = tokio::join!(asking, answering) else {
                return;
            };
            // How a tunnel ends concerns its two ends only.
            let _ =
                copy_bidirectional(&mut TokioIo::new(asking), &mut TokioIo::new(answering)).await;
        });
    }
}
