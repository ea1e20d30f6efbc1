//! Frames of HTTP/2 as they are on the wire (RFC 9113 §4.1).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

/// What a client sends first.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
/// Of a PING: it is the acknowledgement of one.
pub(crate) const ACKNOWLEDGED: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Type, flags, stream and content.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32).to_be_bytes();
    let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head, content.to_vec()].concat()
}

/// The next frame: its type and its content.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let mut content = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
    stream.read_exact(&mut content).await?;
    Ok((head[3], content))
}

/// Fields without compression (RFC 7541 §6.2.2).
pub(crate) fn block(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let field = |(name, value): &(&str, &[u8])| {
        let lengths = [name.len() as u8, value.len() as u8];
        [&[0, lengths[0]], name.as_bytes(), &lengths[1..], value].concat()
    };
    fields.iter().flat_map(field).collect()
}
