//! A body that breaks off breaks off behind what came before it.
//!
//! hyper drops what it has not yet written when a body gives an error: the content before it, and the head too where the
//! error is there at once. The visitor, or the worker, is to get the head. So an error waits until its connection has had
//! a turn, in which hyper writes what it has; over HTTP/2 that is the turn of another task.
//!
//! Chromium forgets a head that it reads together with the reset of its stream. So over HTTP/2 the error waits for the
//! visitor too, who acknowledges a PING behind what came before.
//!
//! A client that does not read may still lose what is in no buffer of the kernel.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use edgeproof_ground::body::{self, Body, BodyError};
use futures_util::task::AtomicWaker;
use h2::{Ping, PingPong};
use http_body::{Frame, SizeHint};
use tokio::{
    sync::{Mutex, watch},
    time::timeout,
};

/// How long a visitor may take to acknowledge a PING; one that does not read is not waited for.
const PING_LIMIT: Duration = Duration::from_secs(5);

/// A connection that is served.
type Connection<'c, T> = Pin<&'c mut (dyn Future<Output = T> + Send + 'c)>;

/// The turns of one connection.
#[derive(Clone, Default)]
pub(super) struct Turns(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// How many have begun.
    begun: AtomicU64,
    /// How many have ended.
    ended: watch::Sender<u64>,
    /// Gives the connection a turn.
    connection: AtomicWaker,
    /// Asks the visitor at the other end, over HTTP/2.
    pings: OnceLock<Mutex<PingPong>>,
}

impl Turns {
    /// Drives the connection, and counts.
    pub(super) fn count<'c, T: 'c>(
        &'c self,
        mut connection: Connection<'c, T>,
    ) -> impl Future<Output = T> + Send + 'c {
        poll_fn(move |context| {
            self.0.connection.register(context.waker());
            let turn = self.0.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let output = connection.as_mut().poll(context);
            self.0.ended.send_replace(turn);
            output
        })
    }

    /// Has errors wait for the visitor too.
    pub(super) fn wait_for(&self, visitor: PingPong) {
        // A connection has one.
        let _ = self.0.pings.set(Mutex::new(visitor));
    }

    /// The same body of a response, whose error waits for a turn.
    pub(super) fn before_error(&self, body: Body) -> Body {
        body::stream(Patient {
            body,
            turns: self.clone(),
            late: None,
        })
    }

    /// Comes back after a turn that begins from now on, and when the visitor has read what was written in it.
    async fn next(self) {
        let begun = self.0.begun.load(Ordering::SeqCst);
        let mut ended = self.0.ended.subscribe();
        self.0.connection.wake();
        // The sender is here.
        let _ = ended.wait_for(|ended| *ended > begun).await;
        if let Some(pings) = self.0.pings.get() {
            let mut pings = pings.lock().await;
            // Fails where the connection has ended.
            let _ = timeout(PING_LIMIT, acknowledged(&mut pings)).await;
        }
    }
}

/// Comes back when the visitor has acknowledged a PING that is sent from now on.
async fn acknowledged(pings: &mut PingPong) -> Result<(), h2::Error> {
    if pings.send_ping(Ping::opaque()).is_err() {
        // One is under way that nobody waits for any more: its stream was cancelled, or it took too long.
        poll_fn(|context| pings.poll_pong(context)).await?;
        pings.send_ping(Ping::opaque())?;
    }
    poll_fn(|context| pings.poll_pong(context)).await.map(drop)
}

struct Patient {
    body: Body,
    turns: Turns,
    /// The error that waits, and what it waits for.
    late: Option<Late>,
}

type Late = Pin<Box<dyn Future<Output = BodyError> + Send>>;

impl http_body::Body for Patient {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.late.is_none() {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            let Some(Err(error)) = frame else {
                return Poll::Ready(frame);
            };
            let turn = self.turns.clone().next();
            self.late = Some(Box::pin(async move {
                turn.await;
                error
            }));
        }
        let Some(late) = &mut self.late else {
            return Poll::Ready(None);
        };
        let error = ready!(late.as_mut().poll(context));
        self.late = None;
        Poll::Ready(Some(Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.late.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
