//! The connections to one application: those that may be used again, and how new ones begin.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use edgeproof_ground::{body::Body, header_limits as limits};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;

use super::{client::Error, connect::Connected, http2, tls::Offered};

/// How many connections of HTTP/1.1 are kept that carry nothing.
const MOST_KEPT: usize = 64;
/// The largest head that is read at all. One above the edge's limit is refused by the edge, which can say so.
pub(super) const LARGEST_HEAD: usize = 4 * limits::RESPONSE_HEADER_BYTES;

/// Connections to one application.
#[derive(Default)]
pub(super) struct Connections {
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    http1: Vec<http1::SendRequest<Body>>,
    http2: Option<http2::Sender>,
}

/// One of them.
pub(super) enum Connection {
    Http1(http1::SendRequest<Body>),
    Http2(http2::Sender),
}

impl Connections {
    /// One that was used before: of HTTP/2 where there is one, of HTTP/1.1 only for what `may_repeat`.
    pub(super) fn take(&self, offered: Offered, may_repeat: bool) -> Option<Connection> {
        if offered == Offered::Http1 {
            return None;
        }
        let mut kept = lock(&self.kept);
        if let Some(sender) = &kept.http2 {
            return Some(Connection::Http2(sender.clone()));
        }
        if !may_repeat {
            return None;
        }
        let mut senders = std::iter::from_fn(|| kept.http1.pop());
        senders
            .find(|sender| sender.is_ready())
            .map(Connection::Http1)
    }

    /// Begins HTTP on a new connection.
    pub(super) async fn open(&self, connected: Connected) -> Result<Connection, Error> {
        if connected.is_http2 {
            let sender = http2::Sender::begin(connected.stream).await?;
            lock(&self.kept).http2 = Some(sender.clone());
            return Ok(Connection::Http2(sender));
        }
        let (sender, driver) = http1::Builder::new()
            .max_headers(limits::HEADER_COUNT)
            .max_buf_size(LARGEST_HEAD)
            .handshake(TokioIo::new(connected.stream))
            .await?;
        tokio::spawn(driver.with_upgrades());
        Ok(Connection::Http1(sender))
    }

    /// Keeps a connection of HTTP/1.1 from when its response has ended.
    pub(super) fn keep(&self, mut sender: http1::SendRequest<Body>) {
        let kept = Arc::clone(&self.kept);
        tokio::spawn(async move {
            // One that is closed with its response is not kept.
            if sender.ready().await.is_err() {
                return;
            }
            let senders = &mut lock(&kept).http1;
            if senders.len() >= MOST_KEPT {
                senders.retain(|sender| !sender.is_closed());
            }
            if senders.len() < MOST_KEPT {
                senders.push(sender);
            }
        });
    }
}

fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    // A panic elsewhere leaves the lists whole: each change is one push or pop.
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}
