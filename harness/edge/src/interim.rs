//! Interim responses to a visitor over HTTP/1.1, such as 103 Early Hints. hyper cannot send them, so they are written past
//! it, between its own bytes.
//!
//! Where there is room: hyper flushes its connection when it has nothing of its own left to write, so whatever it wrote
//! before, the end of an earlier response too, has left by then. And it writes nothing of a final response before the
//! service has given that, which waits until the interim ones are written ([`Waiting::written`]). Both happen in the task of
//! the connection; it is woken for every interim response that comes.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use edgeproof_ground::interim::Interim;
use futures_util::task::AtomicWaker;
use http::Response;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How many bytes of interim responses may wait for a visitor who does not read. What comes beyond is dropped, as a proxy
/// that cannot wait may do with what has no effect on the final response.
const MOST_WAITING: usize = 64 * 1024;

/// A connection between whose bytes interim responses are written.
pub(super) struct Interspersed<S> {
    stream: S,
    waiting: Waiting,
    /// Whether a part of what waits is written already.
    begun: bool,
}

/// The interim responses of one connection that are not yet written.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Shared>);

#[derive(Default)]
struct Shared {
    bytes: Mutex<BytesMut>,
    connection: AtomicWaker,
}

impl<S> Interspersed<S> {
    pub(super) fn new(stream: S) -> (Self, Waiting) {
        let waiting = Waiting::default();
        let interspersed = Self {
            stream,
            waiting: waiting.clone(),
            begun: false,
        };
        (interspersed, waiting)
    }
}

impl Waiting {
    /// Takes the interim responses to the request that the connection serves now.
    pub(super) fn taker(&self) -> Interim {
        let waiting = self.clone();
        Interim::to(move |response| waiting.push(&response))
    }

    fn push(&self, response: &Response<()>) {
        let mut bytes = self.bytes();
        let message = message(response);
        if bytes.len() + message.len() <= MOST_WAITING {
            bytes.extend_from_slice(&message);
            self.0.connection.wake();
        }
    }

    /// Comes back when all that have come are written. Only for the connection's own task, which is woken by then.
    pub(super) async fn written(&self) {
        poll_fn(|_| match self.bytes().is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }

    fn bytes(&self) -> MutexGuard<'_, BytesMut> {
        // A panic elsewhere leaves whole messages.
        self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The response as HTTP/1.1 writes it (RFC 9112 §4): a head alone.
fn message(response: &Response<()>) -> Vec<u8> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut message = format!("HTTP/1.1 {} {reason}\r\n", status.as_str()).into_bytes();
    for (name, value) in response.headers() {
        message.extend_from_slice(name.as_str().as_bytes());
        message.extend_from_slice(b": ");
        message.extend_from_slice(value.as_bytes());
        message.extend_from_slice(b"\r\n");
    }
    message.extend_from_slice(b"\r\n");
    message
}

impl<S: AsyncWrite + Unpin> Interspersed<S> {
    fn poll_waiting(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut bytes = self.waiting.bytes();
        if bytes.is_empty() {
            return Poll::Ready(Ok(()));
        }
        while !bytes.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(context, &bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            bytes.advance(written);
            self.begun = true;
        }
        self.begun = false;
        drop(bytes);
        // The service may wait for this.
        self.waiting.0.connection.wake();
        Poll::Ready(Ok(()))
    }

    /// Ends what is written in part, which hyper's bytes must not cut.
    fn poll_begun(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.begun {
            true => self.poll_waiting(context),
            false => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Interspersed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Interspersed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_begun(context))?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_begun(context))?;
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.waiting.0.connection.register(context.waker());
        ready!(self.poll_waiting(context))?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, time::Duration};

    use bytes::Bytes;
    use http::{Request, StatusCode};
    use http_body_util::Full;
    use hyper::{body::Incoming, server::conn::http1, service::service_fn};
    use hyper_util::rt::TokioIo;
    use rstest::rstest;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        time::timeout,
    };

    use super::*;

    /// Gives two interim responses to its taker and then a final one with a long body.
    async fn talk(waiting: Waiting, request: Request<Incoming>) -> Response<Full<Bytes>> {
        for name in ["first", "second"] {
            let mut early = Response::new(());
            *early.status_mut() = StatusCode::EARLY_HINTS;
            early.headers_mut().insert("x-which", name.parse().unwrap());
            waiting.push(&early);
            tokio::task::yield_now().await;
        }
        waiting.written().await;
        let body = request.uri().path().repeat(500);
        Response::new(Full::new(body.into()))
    }

    #[rstest]
    #[tokio::test]
    async fn however_little_is_written_at_a_time_nothing_is_cut(
        #[values(1, 7, 100, 1 << 20)] room: usize,
    ) {
        let (mut visitor, edge) = tokio::io::duplex(room);
        let (stream, waiting) = Interspersed::new(edge);
        let service = service_fn(move |request| {
            let response = talk(waiting.clone(), request);
            async move { Ok::<_, Infallible>(response.await) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let requests = "GET /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\nconnection: close\r\n\r\n";
        let exchange = async {
            let mut seen = String::new();
            let (mut read, mut write) = tokio::io::split(&mut visitor);
            let (_, sent, got) = tokio::join!(
                connection,
                write.write_all(requests.as_bytes()),
                read.read_to_string(&mut seen)
            );
            sent.unwrap();
            got.unwrap();
            seen
        };
        let seen = timeout(Duration::from_secs(20), exchange).await.unwrap();
        let early = |name: &str| format!("HTTP/1.1 103 Early Hints\r\nx-which: {name}\r\n\r\n");
        for path in ["/a", "/b"] {
            let expected = format!("{}{}HTTP/1.1 200 OK\r\n", early("first"), early("second"));
            assert!(seen.contains(&expected), "{seen}");
            assert!(seen.contains(&path.repeat(500)), "{seen}");
        }
        assert!(seen.starts_with("HTTP/1.1 103"), "{seen}");
    }

    #[tokio::test]
    async fn a_visitor_who_does_not_read_is_not_waited_for_without_end() {
        let waiting = Waiting::default();
        let mut early = Response::new(());
        *early.status_mut() = StatusCode::EARLY_HINTS;
        let long = "x".repeat(1000).parse().unwrap();
        early.headers_mut().insert("x-long", long);
        for _ in 0..1000 {
            waiting.push(&early);
        }
        assert!(waiting.bytes().len() <= MOST_WAITING);
    }
}
