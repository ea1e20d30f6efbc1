//! A connection on which other bytes are sent than its user writes.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Sends the given bytes once something is written, and nothing of what is written. Reading is as it was.
///
/// So a client that knows HTTP can read the response to a request that it would never make.
pub(super) struct Replacing<S> {
    stream: S,
    left: Bytes,
}

impl<S> Replacing<S> {
    pub(super) fn new(stream: S, bytes: Bytes) -> Self {
        Self {
            stream,
            left: bytes,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Replacing<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        written: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        while this.left.has_remaining() {
            let sent = ready!(Pin::new(&mut this.stream).poll_write(context, &this.left))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            this.left.advance(sent);
        }
        Poll::Ready(Ok(written.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Replacing<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn the_given_bytes_are_sent_once_whatever_is_written() {
        let (near, mut far) = tokio::io::duplex(4);
        let mut near = Replacing::new(near, Bytes::from_static(b"as it is"));
        let writing = tokio::spawn(async move {
            near.write_all(b"GET / HTTP/1.1").await.unwrap();
            near.write_all(b"more").await.unwrap();
            near.shutdown().await.unwrap();
        });
        let mut sent = String::new();
        far.read_to_string(&mut sent).await.unwrap();
        writing.await.unwrap();
        assert_eq!(sent, "as it is");
    }
}
