//! Connections to servers: the runtime, what stands behind names, and the user's own application.
//!
//! A server may answer and close before it has read the whole body, as a 413 does. The kernel then refuses what is written,
//! and hyper would give up the exchange although the response is there to be read. Here a refused write only waits: hyper
//! goes on to read what the server has said, to its end.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection, HttpConnector},
    rt::TokioIo,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tower_service::Service;

/// Opens connections.
#[derive(Clone, Debug)]
pub struct Connector(HttpConnector);

impl Connector {
    /// Connections as `http` opens them.
    pub fn new(http: HttpConnector) -> Self {
        Self(http)
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<ServerConnection<TcpStream>>;
    type Error = Box<dyn std::error::Error + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, address: Uri) -> Self::Future {
        let connecting = self.0.call(address);
        Box::pin(async move {
            let stream = connecting.await?.into_inner();
            Ok(TokioIo::new(ServerConnection::new(stream)))
        })
    }
}

/// A connection to a server.
#[derive(Debug)]
pub struct ServerConnection<S> {
    stream: S,
    server: Server,
}

/// What is known of the server's side.
#[derive(Debug)]
enum Server {
    Reads,
    /// It reads no more; what it has written may be on its way. Who writes is woken when that has ended.
    Deaf(Waker),
    Gone,
}

impl<S: Connection> Connection for ServerConnection<S> {
    fn connected(&self) -> Connected {
        self.stream.connected()
    }
}

impl<S> ServerConnection<S> {
    /// A connection that is open.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            server: Server::Reads,
        }
    }

    /// What a write is to make of its result.
    fn written(
        &mut self,
        written: Poll<io::Result<usize>>,
        context: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Ready(Err(error)) if is_refusal(error) => {
                self.server = Server::Deaf(context.waker().clone());
                Poll::Pending
            }
            _ => written,
        }
    }

    /// What a write gets without the kernel being asked.
    fn refused(&mut self, context: &Context<'_>) -> Option<Poll<io::Result<usize>>> {
        match &mut self.server {
            Server::Reads => None,
            Server::Deaf(writer) => {
                writer.clone_from(context.waker());
                Some(Poll::Pending)
            }
            Server::Gone => Some(Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))),
        }
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

impl<S: AsyncRead + Unpin> AsyncRead for ServerConnection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buffer.remaining();
        let read = ready!(Pin::new(&mut self.stream).poll_read(context, buffer));
        let ended = read.is_err() || (room > 0 && buffer.remaining() == room);
        if ended
            && matches!(self.server, Server::Deaf(_))
            && let Server::Deaf(writer) = std::mem::replace(&mut self.server, Server::Gone)
        {
            writer.wake();
        }
        Poll::Ready(read)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for ServerConnection<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if let Some(refused) = self.refused(context) {
            return refused;
        }
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(refused) = self.refused(context) {
            return refused;
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.written(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
