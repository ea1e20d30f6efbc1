//! A request's body of which nobody reads the rest: it is read on for a while, so that the client comes to read the
//! response.
//!
//! A server that closes a connection on bytes it has not read makes the kernel reset it, and many clients write their
//! whole request before they read at all. So a server reads on and throws away, as nginx does (`lingering_close`,
//! `lingering_time`, `lingering_timeout`; its defaults are taken here).

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, header::EXPECT};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::{runtime::Handle, time::timeout};

use crate::body::{self, Body, BodyError};

/// How long is read on at most.
const LINGERING_TIME: Duration = Duration::from_secs(30);
/// How long the next bytes may take.
const LINGERING_TIMEOUT: Duration = Duration::from_secs(5);

/// The same request; what is left of its body when that is dropped is read on.
pub fn lingering<B>(request: Request<B>) -> Request<Body>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BodyError>,
{
    let awaits_word = request.headers().contains_key(EXPECT);
    request.map(|body| {
        body::stream(Lingering {
            body: Some(body::stream(body)),
            awaits_word,
        })
    })
}

struct Lingering {
    /// None once it has ended, in whatever way.
    body: Option<Body>,
    /// The client sends nothing before it is told to go on, which asking for the body does.
    awaits_word: bool,
}

impl http_body::Body for Lingering {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.awaits_word = false;
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let frame = ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let body = self.body.as_ref();
        body.map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if self.awaits_word || self.is_end_stream() {
            return;
        }
        // Where the runtime is ending, so is the connection.
        if let (Some(body), Ok(runtime)) = (self.body.take(), Handle::try_current()) {
            runtime.spawn(timeout(LINGERING_TIME, read_on(body)));
        }
    }
}

async fn read_on(mut body: Body) {
    while let Ok(Some(Ok(_))) = timeout(LINGERING_TIMEOUT, body.frame()).await {}
}
