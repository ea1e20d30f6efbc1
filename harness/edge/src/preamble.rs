//! The PROXY protocol preamble of a connection: which address the visitor comes from.
//!
//! The edge is only reached through the rig's own dialers, which run on this machine and say in the preamble
//! which visitor they dial for. Versions 1 and 2 are read (haproxy's `proxy-protocol.txt`).

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr},
};

use ppp::{HeaderResult, v1, v2};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The bytes that a version 2 preamble starts with.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest version 1 line, its CRLF included.
const LONGEST_LINE: usize = 107;
/// More than the addresses and a few extensions is no honest version 2 preamble.
const LONGEST_ADDRESSES: usize = 1024;

/// The preamble a dialer writes before anything else, version 2: `visitor` came to `edge`.
pub fn preamble(visitor: SocketAddr, edge: SocketAddr) -> Vec<u8> {
    // Both ends must be of one family; only the visitor's address is read on the other side.
    let edge = match (visitor.ip(), edge.ip()) {
        (IpAddr::V6(_), IpAddr::V4(ip)) => SocketAddr::new(ip.to_ipv6_mapped().into(), edge.port()),
        (IpAddr::V4(_), IpAddr::V6(_)) => SocketAddr::new([127, 0, 0, 1].into(), edge.port()),
        _ => edge,
    };
    let addresses: v2::Addresses = (visitor, edge).into();
    let mut bytes = SIGNATURE.to_vec();
    bytes.push(v2::Version::Two | v2::Command::Proxy);
    bytes.push(v2::Protocol::Stream | addresses.address_family());
    match addresses {
        v2::Addresses::IPv4(v4) => {
            bytes.extend(12_u16.to_be_bytes());
            bytes.extend(v4.source_address.octets());
            bytes.extend(v4.destination_address.octets());
            bytes.extend(v4.source_port.to_be_bytes());
            bytes.extend(v4.destination_port.to_be_bytes());
        }
        v2::Addresses::IPv6(v6) => {
            bytes.extend(36_u16.to_be_bytes());
            bytes.extend(v6.source_address.octets());
            bytes.extend(v6.destination_address.octets());
            bytes.extend(v6.source_port.to_be_bytes());
            bytes.extend(v6.destination_port.to_be_bytes());
        }
        v2::Addresses::Unix(_) | v2::Addresses::Unspecified => bytes.extend(0_u16.to_be_bytes()),
    }
    bytes
}

/// Reads the preamble and not one byte more.
///
/// # Errors
/// `InvalidData` where the connection starts with something else or names no TCP address, else the stream's error.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<SocketAddr> {
    // The shortest preamble of version 1 is longer than the signature of version 2.
    let mut bytes = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut bytes).await?;
    if bytes == SIGNATURE {
        read_binary(stream, &mut bytes).await?;
    } else {
        read_line(stream, &mut bytes).await?;
    }
    visitor(&bytes).ok_or_else(|| invalid("the connection does not start with a PROXY preamble"))
}

async fn read_binary(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut rest = [0; 4];
    stream.read_exact(&mut rest).await?;
    let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
    if length > LONGEST_ADDRESSES {
        return Err(invalid("the PROXY preamble is too long"));
    }
    bytes.extend(rest);
    let head = bytes.len();
    bytes.resize(head + length, 0);
    stream.read_exact(&mut bytes[head..]).await?;
    Ok(())
}

async fn read_line(stream: &mut (impl AsyncRead + Unpin), bytes: &mut Vec<u8>) -> io::Result<()> {
    if !bytes.starts_with(b"PROXY ") {
        return Err(invalid(
            "the connection does not start with a PROXY preamble",
        ));
    }
    while !bytes.ends_with(b"\r\n") {
        if bytes.len() == LONGEST_LINE {
            return Err(invalid("the PROXY line is too long"));
        }
        bytes.push(stream.read_u8().await?);
    }
    Ok(())
}

fn visitor(bytes: &[u8]) -> Option<SocketAddr> {
    match HeaderResult::parse(bytes) {
        HeaderResult::V1(Ok(header)) => match header.addresses {
            v1::Addresses::Tcp4(v4) => Some((v4.source_address, v4.source_port).into()),
            v1::Addresses::Tcp6(v6) => Some((v6.source_address, v6.source_port).into()),
            v1::Addresses::Unknown => None,
        },
        HeaderResult::V2(Ok(header)) => match header.addresses {
            v2::Addresses::IPv4(v4) => Some((v4.source_address, v4.source_port).into()),
            v2::Addresses::IPv6(v6) => Some((v6.source_address, v6.source_port).into()),
            v2::Addresses::Unix(_) | v2::Addresses::Unspecified => None,
        },
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => None,
    }
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::version_1(
        b"PROXY TCP4 203.0.113.7 127.0.0.1 4711 443\r\nGET".to_vec(),
        "203.0.113.7:4711"
    )]
    #[case::version_1_of_ipv6(
        b"PROXY TCP6 2001:db8::7 ::1 4711 443\r\nGET".to_vec(),
        "[2001:db8::7]:4711"
    )]
    #[case::version_2(
        [preamble("203.0.113.7:4711".parse().unwrap(), "127.0.0.1:443".parse().unwrap()), b"GET".to_vec()].concat(),
        "203.0.113.7:4711"
    )]
    #[case::version_2_of_ipv6(
        [preamble("[2001:db8::7]:4711".parse().unwrap(), "127.0.0.1:443".parse().unwrap()), b"GET".to_vec()].concat(),
        "[2001:db8::7]:4711"
    )]
    #[tokio::test]
    async fn the_preamble_names_the_visitor_and_leaves_the_rest(
        #[case] bytes: Vec<u8>,
        #[case] expected: SocketAddr,
    ) {
        let mut stream = bytes.as_slice();
        assert_eq!(read(&mut stream).await.unwrap(), expected);
        assert_eq!(stream, b"GET");
    }

    #[rstest]
    #[case::plain_http(b"GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n".to_vec())]
    #[case::tls(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00\x00".to_vec())]
    #[case::unknown(b"PROXY UNKNOWN\r\n".to_vec())]
    #[case::endless_line([b"PROXY TCP4 ".to_vec(), vec![b'1'; 500]].concat())]
    #[case::huge_version_2([SIGNATURE.to_vec(), vec![0x21, 0x11, 0xff, 0xff]].concat())]
    #[tokio::test]
    async fn anything_else_is_refused(#[case] bytes: Vec<u8>) {
        let error = read(&mut bytes.as_slice()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_read_without_end(bytes: Vec<u8>, binary: bool) {
            let bytes = if binary { [SIGNATURE.to_vec(), bytes].concat() } else { bytes };
            let _ = futures_util::FutureExt::now_or_never(read(&mut bytes.as_slice()))
                .expect("reading from memory never waits");
        }
    }
}
