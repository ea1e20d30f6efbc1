//! Looks at the bytes of HTTP/1.1 on their way to hyper, for two things that hyper decides otherwise than Cloudflare.
//!
//! Bytes that the `http` crate does not take in a target, such as `<`, are percent-encoded ([`is_refused`]).
//!
//! Requests that say the length of their body twice are refused: `Content-Length` beside `Transfer-Encoding`.
//! Cloudflare answers 400 (documentation, Support › error 400). hyper drops the length, as RFC 9112 §6.3 allows, and
//! nobody behind it can tell. So the bytes are looked at on their way to hyper: where a head has both, its last byte
//! is spoilt, and hyper answers 400 and closes as for any malformed head. hyper alone decides what a request is; a
//! reader that were wrong about where a head begins would at worst leave a request to hyper's own rule.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is kept of a line: more than the longest name that is looked for, and a length.
const KEPT_OF_LINE: usize = 64;

/// A connection whose requests are looked at while they are read.
pub(super) struct Checked<S> {
    stream: S,
    framing: Framing,
    /// What was read and has become too long for the buffer it was read into.
    ahead: Bytes,
    left_http: LeftHttp,
}

/// Says that the connection speaks another protocol from now on.
#[derive(Clone, Debug, Default)]
pub(super) struct LeftHttp(Arc<AtomicBool>);

impl LeftHttp {
    /// The upgrade is answered: what comes now is not looked at.
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }
}

impl<S> Checked<S> {
    pub(super) fn new(stream: S) -> (Self, LeftHttp) {
        let left_http = LeftHttp::default();
        let checked = Self {
            stream,
            framing: Framing::default(),
            ahead: Bytes::new(),
            left_http: left_http.clone(),
        };
        (checked, left_http)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Checked<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            let before = buffer.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
            if self.left_http.0.load(Ordering::Acquire) {
                return Poll::Ready(Ok(()));
            }
            let bytes = &mut buffer.filled_mut()[before..];
            let refused = self.framing.check(bytes);
            if refused.is_empty() {
                return Poll::Ready(Ok(()));
            }
            self.ahead = encoded(bytes, &refused).into();
            buffer.set_filled(before);
        }
        let taken = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead[..taken]);
        self.ahead.advance(taken);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Checked<S> {
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

/// `bytes` with those at the given places percent-encoded.
fn encoded(bytes: &[u8], places: &[usize]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len() + 2 * places.len());
    let mut from = 0;
    for &place in places {
        encoded.extend_from_slice(&bytes[from..place]);
        encoded.extend_from_slice(format!("%{:02X}", bytes[place]).as_bytes());
        from = place + 1;
    }
    encoded.extend_from_slice(&bytes[from..]);
    encoded
}

/// Where in a request line the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Word {
    #[default]
    Method,
    Path,
    Query,
    Version,
}

/// Whether the `http` crate refuses a byte there. Bytes above 127 pass it where they are UTF-8; others are refused
/// with 400.
fn is_refused(byte: u8, word: Word) -> bool {
    match word {
        Word::Path => matches!(byte, b'<' | b'>' | b'`' | 0x7f),
        Word::Query => matches!(byte, b'<' | b'>' | b'"' | 0x7f),
        Word::Method | Word::Version => false,
    }
}

/// Follows the requests of one connection from byte to byte.
#[derive(Debug, Default)]
struct Framing {
    place: Place,
    /// The start of the line that has not ended yet.
    line: Vec<u8>,
    head: Head,
}

/// Where in the requests the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    #[default]
    Head,
    /// In a body, or the content of a chunk, of which so many bytes are to come.
    Content {
        left: u64,
        chunked: bool,
    },
    ChunkSize,
    Trailers,
}

/// What is known of the head that is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// Whether the request line has come.
    begun: bool,
    /// Where in the request line it is.
    word: Word,
    length: Option<u64>,
    encoded: bool,
}

impl Framing {
    /// Looks at the next bytes; spoils the end of a head that says the length of its body twice. Gives the places of
    /// what is refused in a target.
    fn check(&mut self, bytes: &mut [u8]) -> Vec<usize> {
        let mut refused = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            if let Place::Content { left, chunked } = self.place {
                let taken = left.min((bytes.len() - at) as u64);
                self.place = match (left - taken, chunked) {
                    (0, true) => Place::ChunkSize,
                    (0, false) => Place::Head,
                    (left, _) => Place::Content { left, chunked },
                };
                // No more than what is left of `bytes`.
                at += usize::try_from(taken).unwrap_or(usize::MAX);
                continue;
            }
            let rest = &bytes[at..];
            let end = rest.iter().position(|byte| *byte == b'\n');
            let piece = &rest[..end.unwrap_or(rest.len())];
            if self.place == Place::Head && !self.head.begun {
                let places = (at..)
                    .zip(piece)
                    .filter(|(_, byte)| self.head.refuses(**byte));
                refused.extend(places.map(|(place, _)| place));
            }
            let room = KEPT_OF_LINE - self.line.len();
            self.line.extend_from_slice(&piece[..piece.len().min(room)]);
            let Some(end) = end else { return refused };
            at += end + 1;
            if self.end_of_line() {
                bytes[at - 1] = 0;
            }
        }
        refused
    }

    /// Takes the line that has ended; says whether it ends a head that has both lengths.
    fn end_of_line(&mut self) -> bool {
        let mut line = std::mem::take(&mut self.line);
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        let mut refused = false;
        match self.place {
            Place::Head if line.is_empty() => refused = self.end_of_head(),
            Place::Head => self.head.take(&line),
            Place::ChunkSize => {
                self.place = match number(&line, 16) {
                    Some(0) => Place::Trailers,
                    // The line end behind the content is one or two bytes; it is read as a line of its own.
                    Some(left) => Place::Content {
                        left,
                        chunked: true,
                    },
                    None => Place::ChunkSize,
                };
            }
            Place::Trailers if line.is_empty() => self.place = Place::Head,
            Place::Trailers | Place::Content { .. } => {}
        }
        line.clear();
        self.line = line;
        refused
    }

    fn end_of_head(&mut self) -> bool {
        // Empty lines before a request line are skipped (RFC 9112 §2.2).
        if !self.head.begun {
            return false;
        }
        let head = std::mem::take(&mut self.head);
        self.place = match (head.encoded, head.length) {
            (true, _) => Place::ChunkSize,
            (false, Some(left)) if left > 0 => Place::Content {
                left,
                chunked: false,
            },
            _ => Place::Head,
        };
        head.encoded && head.length.is_some()
    }
}

impl Head {
    /// Whether the next byte of the request line is refused where it stands.
    fn refuses(&mut self, byte: u8) -> bool {
        self.word = match (self.word, byte) {
            (Word::Method, b' ') => Word::Path,
            (Word::Path, b'?') => Word::Query,
            (Word::Path | Word::Query, b' ') => Word::Version,
            (word, _) => word,
        };
        is_refused(byte, self.word)
    }

    fn take(&mut self, line: &[u8]) {
        if !self.begun {
            self.begun = true;
            return;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            return;
        };
        let (name, value) = (&line[..colon], &line[colon + 1..]);
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.encoded = true;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            // One that is no number is refused by hyper.
            self.length = Some(number(value, 10).unwrap_or(0));
        }
    }
}

/// The number at the start of a text, behind blanks.
fn number(text: &[u8], base: u32) -> Option<u64> {
    let text = text.trim_ascii_start();
    let digits = text
        .iter()
        .take_while(|byte| char::from(**byte).is_digit(base))
        .count();
    let digits = std::str::from_utf8(&text[..digits]).ok()?;
    u64::from_str_radix(digits, base).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Where bytes were spoilt, when they come in pieces of `size`.
    fn spoilt(bytes: &[u8], size: usize) -> Vec<usize> {
        let mut seen = bytes.to_vec();
        let mut framing = Framing::default();
        for piece in seen.chunks_mut(size) {
            framing.check(piece);
        }
        (0..bytes.len())
            .filter(|place| seen[*place] != bytes[*place])
            .collect()
    }

    const BOTH: &str = "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n";

    #[rstest]
    #[case::length_first(&format!("POST / HTTP/1.1\r\n{BOTH}\r\n"), true)]
    #[case::length_last(
        "POST / HTTP/1.1\r\ntransfer-encoding: x\r\ncontent-length:0\r\n\r\n",
        true
    )]
    #[case::lone_line_feeds(
        "POST / HTTP/1.1\nTransfer-Encoding: chunked\nContent-Length: 4\n\n",
        true
    )]
    #[case::empty_lines_before(&format!("\r\n\r\nPOST / HTTP/1.1\r\n{BOTH}\r\n"), true)]
    #[case::a_long_header_before(&format!("GET / HTTP/1.1\r\nx: {}\r\n{BOTH}\r\n", "x".repeat(9000)), true)]
    #[case::after_a_body(&format!("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabPOST / HTTP/1.1\r\n{BOTH}\r\n"), true)]
    #[case::after_chunks(&format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;a=b\r\nab\r\n0\r\nX: y\r\n\r\nPOST / HTTP/1.1\r\n{BOTH}\r\n"), true)]
    #[case::in_a_body(&format!("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nPOST / HTTP/1.1\r\n{BOTH}\r\n"), false)]
    #[case::in_a_chunk(&format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nPOST / HTTP/1.1\r\n{BOTH}\r\n"), false)]
    #[case::in_the_request_line(
        "GET /content-length:4 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        false
    )]
    #[case::in_two_requests(
        "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        false
    )]
    fn only_a_head_with_both_is_spoilt_and_only_its_end(
        #[case] requests: &str,
        #[case] refused: bool,
        #[values(1, 7, 100_000)] size: usize,
    ) {
        let expected = if refused {
            vec![requests.len() - 1]
        } else {
            Vec::new()
        };
        assert_eq!(spoilt(requests.as_bytes(), size), expected);
    }

    #[rstest]
    #[case::in_the_path("GET /a<b>`c HTTP/1.1\r\n", "GET /a%3Cb%3E%60c HTTP/1.1\r\n")]
    #[case::in_the_query("GET /a?<>\"` HTTP/1.1\r\n", "GET /a?%3C%3E%22` HTTP/1.1\r\n")]
    #[case::not_what_passes(
        "GET /\"{}|^\\é?{}|^\\é HTTP/1.1\r\n",
        "GET /\"{}|^\\é?{}|^\\é HTTP/1.1\r\n"
    )]
    #[case::not_in_the_method("G<T /a HTTP/1.1\r\n", "G<T /a HTTP/1.1\r\n")]
    #[case::not_in_the_version("GET /a HTTP/<1.1\r\n", "GET /a HTTP/<1.1\r\n")]
    #[case::not_in_headers_and_bodies(
        "\r\nPOST /< HTTP/1.1\r\nContent-Length: 3\r\nX: <?>\r\n\r\na <GET /> HTTP/1.1\r\n\r\n",
        "\r\nPOST /%3C HTTP/1.1\r\nContent-Length: 3\r\nX: <?>\r\n\r\na <GET /%3E HTTP/1.1\r\n\r\n"
    )]
    #[tokio::test]
    async fn what_the_parser_refuses_in_a_target_is_encoded(
        #[case] sent: &'static str,
        #[case] expected: &str,
        #[values(1, 7, 100_000)] size: usize,
    ) {
        let (mut visitor, edge) = tokio::io::duplex(size);
        tokio::spawn(async move { visitor.write_all(sent.as_bytes()).await });
        let (mut checked, _) = Checked::new(edge);
        let mut seen = Vec::new();
        checked.read_to_end(&mut seen).await.unwrap();
        assert_eq!(String::from_utf8(seen).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_changes_nothing(
            lines in proptest::collection::vec("(Content-Length: [0-9]{1,2}|Transfer-Encoding: chunked|[0-9a-f]{0,2}|GET / HTTP/1.1|\\PC{0,80})?\r?\n", 0..40),
            size in 1_usize..50,
        ) {
            let bytes = lines.concat().into_bytes();
            prop_assert_eq!(spoilt(&bytes, size), spoilt(&bytes, bytes.len().max(1)));
        }
    }
}
