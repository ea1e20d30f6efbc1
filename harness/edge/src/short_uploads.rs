//! Uploads over HTTP/2 that end short of the length they announced, because their response came.
//!
//! A client that meets a refusal in its upload stops, and many end the stream then, curl 7 among them. h2 takes such a
//! stream for malformed, which it is (RFC 9113 §8.1.1), and resets it, with what it has not written of the response. So
//! once a response has begun, an end that comes short is kept from h2: to it, and to anyone who reads the upload, the rest
//! does not come. A stream that ends short before its response is reset as ever.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use edgeproof_ground::body::{Body, BodyError, Observer, observed};
use http_body::Body as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection of which h2 does not read ends that come short.
pub(super) struct Lenient<S> {
    stream: S,
    frames: Frames,
    buffer: Box<[u8]>,
    /// What of the buffer is for h2, and behind it a head of a frame that has not come whole.
    ready: std::ops::Range<usize>,
    end: usize,
}

/// The uploads of one connection that have not ended. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Uploads(Arc<Mutex<HashMap<u32, Upload>>>);

#[derive(Default)]
struct Upload {
    came: u64,
    announced: Option<u64>,
    has_response: bool,
}

impl<S> Lenient<S> {
    pub(super) fn new(stream: S) -> (Self, Uploads) {
        let uploads = Uploads::default();
        let lenient = Self {
            stream,
            frames: Frames {
                to_come: PREFACE,
                uploads: uploads.clone(),
            },
            buffer: vec![0; 16 * 1024].into(),
            ready: 0..0,
            end: 0,
        };
        (lenient, uploads)
    }
}

impl Uploads {
    /// The same body of a request; what it announced is known for as long as somebody has it.
    pub(super) fn known(&self, stream: u32, body: Body) -> Body {
        if let Some(upload) = self.all().get_mut(&stream) {
            upload.announced = body.size_hint().exact();
        }
        let held = Held {
            uploads: self.clone(),
            stream,
        };
        observed(body, held)
    }

    /// The response to this one begins.
    pub(super) fn respond(&self, stream: u32) {
        if let Some(upload) = self.all().get_mut(&stream) {
            upload.has_response = true;
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<u32, Upload>> {
        // A panic elsewhere leaves the map whole: each change is one of a value.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets an upload when its body is dropped.
struct Held {
    uploads: Uploads,
    stream: u32,
}

impl Observer for Held {
    fn data(&mut self, _: &Bytes) -> Result<(), BodyError> {
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.uploads.all().remove(&self.stream);
    }
}

/// What a client sends before its first frame (RFC 9113 §3.4).
const PREFACE: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
/// The head of a frame: length, type, flags and stream (RFC 9113 §4.1).
const HEAD: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;
const PADDED: u8 = 8;

/// The frames of a connection, as they come.
struct Frames {
    /// How many bytes there are until the next head.
    to_come: usize,
    uploads: Uploads,
}

impl Frames {
    /// Takes the ends that come short from the next bytes; gives how many of them are for h2. The rest is the start of a
    /// head, to be given again with what follows.
    fn pass(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        loop {
            let content = self.to_come.min(bytes.len() - at);
            at += content;
            self.to_come -= content;
            let Some((head, content)) = bytes[at..].split_at_mut_checked(HEAD) else {
                return at;
            };
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            let is_padded = head[3] == DATA && head[4] & PADDED != 0;
            let padding = match content.first() {
                _ if !is_padded => 0,
                Some(padding) => 1 + usize::from(*padding),
                None if length > 0 => return at,
                None => 0,
            };
            self.frame(head, length.saturating_sub(padding) as u64);
            at += HEAD;
            self.to_come = length;
        }
    }

    /// Notes a frame with so many bytes of a body, and takes its end where that comes short.
    fn frame(&self, head: &mut [u8], length: u64) {
        let stream = u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]);
        let is_end = head[4] & END_STREAM != 0;
        let mut uploads = self.uploads.all();
        match head[3] {
            // h2 bounds how many there are.
            HEADERS if !is_end => {
                uploads.entry(stream).or_default();
            }
            DATA => {
                let Some(upload) = uploads.get_mut(&stream) else {
                    return;
                };
                upload.came += length;
                let is_short = upload
                    .announced
                    .is_some_and(|announced| upload.came < announced);
                if is_end && upload.has_response && is_short {
                    head[4] &= !END_STREAM;
                }
            }
            RST_STREAM => {
                uploads.remove(&stream);
            }
            _ => {}
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Lenient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        while this.ready.is_empty() {
            this.buffer.copy_within(this.ready.end..this.end, 0);
            this.end -= this.ready.end;
            this.ready = 0..0;
            let mut read = ReadBuf::new(&mut this.buffer[this.end..]);
            ready!(Pin::new(&mut this.stream).poll_read(context, &mut read))?;
            let came = read.filled().len();
            this.end += came;
            if came == 0 {
                // What is left is for h2 to judge.
                this.ready.end = this.end;
                break;
            }
            this.ready.end = this.frames.pass(&mut this.buffer[..this.end]);
        }
        let length = this.ready.len().min(buffer.remaining());
        buffer.put_slice(&this.buffer[this.ready.start..this.ready.start + length]);
        this.ready.start += length;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lenient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
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

#[cfg(test)]
mod tests {
    use edgeproof_ground::body;
    use http_body_util::{BodyExt, Full};
    use rstest::rstest;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn frame(kind: u8, flags: u8, stream: u8, content: &[u8]) -> Vec<u8> {
        let head = [0, 0, content.len() as u8, kind, flags, 0, 0, 0, stream];
        [&head, content].concat()
    }

    /// A body of a request on stream 1 that announced ten bytes.
    fn ten(uploads: &Uploads) -> Body {
        let body = Full::new(Bytes::from_static(b"0123456789"));
        uploads.known(1, body::stream(body.map_err(|never| match never {})))
    }

    /// What h2 reads of frames behind the preface and the head of a request, which come in pieces of a length.
    async fn read(frames: &[Vec<u8>], piece: usize, has_response: bool) -> Vec<u8> {
        let (mut visitor, edge) = tokio::io::duplex(piece);
        let (mut lenient, uploads) = Lenient::new(edge);
        let begin = [
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            frame(HEADERS, 4, 1, b"x"),
        ]
        .concat();
        let mut seen = vec![0; begin.len()];
        let (written, read) =
            tokio::join!(visitor.write_all(&begin), lenient.read_exact(&mut seen));
        assert!(written.is_ok() && read.is_ok());
        assert_eq!(seen, begin);
        let _body = ten(&uploads);
        if has_response {
            uploads.respond(1);
        }
        let rest = frames.concat();
        let writing = async {
            visitor.write_all(&rest).await.unwrap();
            visitor.shutdown().await
        };
        let mut seen = Vec::new();
        let (written, read) = tokio::join!(writing, lenient.read_to_end(&mut seen));
        assert!(written.is_ok() && read.is_ok());
        seen
    }

    // Content of three bytes, of which two are of the body and one is the length of no padding.
    #[rstest]
    #[case::short(&[frame(DATA, END_STREAM, 1, b"012")], 4, true)]
    #[case::short_without_content(&[frame(DATA, END_STREAM, 1, b"")], 4, true)]
    #[case::padded(&[frame(DATA, 0, 1, b"0123456"), frame(DATA, END_STREAM | PADDED, 1, b"\x02ab\0\0")], 20, true)]
    #[case::whole(&[frame(DATA, 0, 1, b"01234"), frame(DATA, END_STREAM, 1, b"56789")], 18, false)]
    #[case::whole_and_padded(&[frame(DATA, END_STREAM | PADDED, 1, b"\x010123456789\0")], 4, false)]
    #[case::another_stream(&[frame(DATA, END_STREAM, 3, b"012")], 4, false)]
    #[case::behind_a_reset(&[frame(RST_STREAM, 0, 1, b"0000"), frame(DATA, END_STREAM, 1, b"0")], 17, false)]
    #[case::no_data(&[frame(HEADERS, END_STREAM, 1, b"trailer")], 4, false)]
    #[tokio::test]
    async fn an_end_that_comes_short_behind_the_response_is_kept_from_h2(
        #[case] frames: &[Vec<u8>],
        #[case] flags: usize,
        #[case] kept: bool,
        #[values(1, 5, 9, 10, 1000)] piece: usize,
    ) {
        let sent = frames.concat();
        assert_eq!(read(frames, piece, false).await, sent);
        let mut expected = sent.clone();
        if kept {
            expected[flags] &= !END_STREAM;
        }
        assert_eq!(read(frames, piece, true).await, expected);
    }

    #[tokio::test]
    async fn an_upload_is_forgotten_with_its_body() {
        let (mut visitor, edge) = tokio::io::duplex(1000);
        let (mut lenient, uploads) = Lenient::new(edge);
        let bytes = [vec![0; PREFACE], frame(HEADERS, 4, 1, b"x")].concat();
        visitor.write_all(&bytes).await.unwrap();
        lenient.read_exact(&mut vec![0; bytes.len()]).await.unwrap();
        let body = ten(&uploads);
        assert_eq!(uploads.all().len(), 1);
        drop(body);
        assert_eq!(uploads.all().len(), 0);
    }
}
