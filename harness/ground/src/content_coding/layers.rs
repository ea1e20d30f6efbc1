//! The readers that undo and apply one coding each.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use async_compression::{
    Level,
    tokio::bufread::{
        BrotliDecoder, BrotliEncoder, DeflateDecoder, GzipDecoder, GzipEncoder, ZlibDecoder,
        ZlibEncoder, ZstdDecoder, ZstdEncoder,
    },
    zstd::DParameter,
};
use tokio::io::{AsyncBufRead, AsyncRead, BufReader, ReadBuf};

use super::Coding;

/// A layer's source, and a layer itself.
pub(super) type Reader = Pin<Box<dyn AsyncBufRead + Send>>;

/// Base-two logarithm of the largest window of a zstd frame that a client has to support (RFC 9659 §3).
const ZSTD_WINDOW_LOG: u32 = 23;
/// How hard Brotli tries, of 0 to 11: what is common for responses that are made while the visitor waits.
const BROTLI_QUALITY: i32 = 4;

/// What was coded in `coding`, as it was before.
pub(super) fn decoder(coding: Coding, reader: Reader) -> Reader {
    match coding {
        Coding::Gzip => buffered(Members(Some(GzipDecoder::new(reader)))),
        Coding::Brotli => buffered(BrotliDecoder::new(reader)),
        Coding::Deflate => buffered(Inflate::Unread(Some(reader))),
        Coding::Zstd => {
            let window = DParameter::window_log_max(ZSTD_WINDOW_LOG);
            let mut decoder = ZstdDecoder::with_params(reader, &[window]);
            // RFC 8878 §3: content is one frame or several.
            decoder.multiple_members(true);
            buffered(decoder)
        }
    }
}

/// The same in `coding`. What was read is passed on whenever no more is there.
pub(super) fn encoder(coding: Coding, reader: Reader) -> Reader {
    match coding {
        Coding::Gzip => buffered(GzipEncoder::new(reader)),
        Coding::Brotli => {
            let quality = Level::Precise(BROTLI_QUALITY);
            buffered(BrotliEncoder::with_quality(reader, quality))
        }
        Coding::Deflate => buffered(ZlibEncoder::new(reader)),
        Coding::Zstd => buffered(ZstdEncoder::new(reader)),
    }
}

fn buffered(reader: impl AsyncRead + Send + 'static) -> Reader {
    Box::pin(BufReader::new(reader))
}

/// gzip: a series of members (RFC 1952 §2.2). What follows them and is none is passed over, as browsers do.
struct Members(Option<GzipDecoder<Reader>>);

impl AsyncRead for Members {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(member) = &mut self.0 {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut *member).poll_read(context, buffer))?;
            if buffer.filled().len() > before {
                break;
            }
            let next = ready!(member.get_mut().as_mut().poll_fill_buf(context))?;
            let is_member = matches!(next, [0x1f] | [0x1f, 0x8b, ..]);
            self.0 = self
                .0
                .take()
                .filter(|_| is_member)
                .map(|member| GzipDecoder::new(member.into_inner()));
        }
        Poll::Ready(Ok(()))
    }
}

/// `deflate`, which is the zlib format by the standard and the raw stream from some servers: the first bytes tell.
enum Inflate {
    /// The reader is there until its first bytes have come.
    Unread(Option<Reader>),
    Chosen(Reader),
}

impl AsyncRead for Inflate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Self::Unread(unread) = &mut *self
            && let Some(reader) = unread
        {
            let is_zlib = is_zlib(ready!(reader.as_mut().poll_fill_buf(context))?);
            if let Some(reader) = unread.take() {
                *self = Self::Chosen(if is_zlib {
                    buffered(ZlibDecoder::new(reader))
                } else {
                    buffered(DeflateDecoder::new(reader))
                });
            }
        }
        match &mut *self {
            Self::Chosen(reader) => reader.as_mut().poll_read(context, buffer),
            Self::Unread(_) => Poll::Ready(Ok(())),
        }
    }
}

/// Whether a stream begins with a zlib header (RFC 1950 §2.2), as far as its first bytes are there.
fn is_zlib(start: &[u8]) -> bool {
    let is_deflate = |first: u8| first & 0x0f == 8 && first >> 4 <= 7;
    match *start {
        [] => true,
        [first] => is_deflate(first),
        [first, second, ..] => {
            is_deflate(first) && u16::from_be_bytes([first, second]).is_multiple_of(31)
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing(&[], true)]
    #[case::fastest(&[0x78, 0x01], true)]
    #[case::default(&[0x78, 0x9c], true)]
    #[case::only_the_first(&[0x78], true)]
    #[case::small_window(&[0x18, 0x19], true)]
    #[case::wrong_check(&[0x78, 0x9d], false)]
    #[case::raw(&[0x4b, 0x4c], false)]
    #[case::window_too_large(&[0x88, 0x1c], false)]
    fn a_zlib_header_is_told_from_a_raw_stream(#[case] start: &[u8], #[case] expected: bool) {
        assert_eq!(is_zlib(start), expected);
    }
}
