//! SOCKS5 (RFC 1928), as far as a browser speaks it to a proxy that asks for no password: the name goes along as it is, so
//! nobody has to resolve it.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const VERSION: u8 = 5;
const NO_PASSWORD: u8 = 0;
const CONNECT: u8 = 1;

/// The kinds of addresses.
const V4: u8 = 1;
const NAME: u8 = 3;
const V6: u8 = 4;

/// What is answered: it leads there, or the host cannot be reached.
const SUCCEEDED: u8 = 0;
const UNREACHABLE: u8 = 4;

/// Reads where a client wants to go: the name or address of the host, and the port.
pub(super) async fn wanted(client: &mut TcpStream) -> io::Result<(String, u16)> {
    expect(client.read_u8().await?, VERSION)?;
    let mut methods = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut methods).await?;
    client.write_all(&[VERSION, NO_PASSWORD]).await?;
    expect(client.read_u8().await?, VERSION)?;
    expect(client.read_u8().await?, CONNECT)?;
    let _reserved = client.read_u8().await?;
    let host = match client.read_u8().await? {
        V4 => Ipv4Addr::from(client.read_u32().await?).to_string(),
        V6 => Ipv6Addr::from(client.read_u128().await?).to_string(),
        NAME => {
            let mut name = vec![0; usize::from(client.read_u8().await?)];
            client.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    Ok((host, client.read_u16().await?))
}

/// Returns whether the connection leads there.
pub(super) async fn response(client: &mut TcpStream, leads: bool) -> io::Result<()> {
    let code = if leads { SUCCEEDED } else { UNREACHABLE };
    // The address that the proxy uses is nobody's business.
    let response = [VERSION, code, 0, V4, 0, 0, 0, 0, 0, 0];
    client.write_all(&response).await
}

/// Whether a host is one of these or below it.
pub(crate) fn is_among(host: &str, names: &[&str]) -> bool {
    let host = host.to_ascii_lowercase();
    names.iter().any(|name| {
        let before = host.strip_suffix(name);
        before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

fn expect(found: u8, expected: u8) -> io::Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tokio::net::TcpListener;

    use super::*;
    use crate::gateway::{Gateway, GatewayTarget};

    #[rstest]
    #[case("mozilla.org", true)]
    #[case("push.services.MOZILLA.org", true)]
    #[case("notmozilla.org", false)]
    #[case("mozilla.org.shop.example", false)]
    fn names_below_a_refused_one_are_refused(#[case] host: &str, #[case] expected: bool) {
        assert_eq!(is_among(host, &["mozilla.org"]), expected);
    }

    /// What the proxy answers to a request for a host, and what arrives behind it after the preamble.
    async fn asked(address: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        let edge = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = Gateway::open_proxy(&["mozilla.org"]).await.unwrap();
        gateway.lead(Some(GatewayTarget::Edge {
            edge: edge.local_addr().unwrap(),
            preamble: b"from ann\n".to_vec(),
        }));
        let mut client = TcpStream::connect(gateway.address()).await.unwrap();
        client.write_all(&[5, 1, 0]).await.unwrap();
        let mut chosen = [0; 2];
        client.read_exact(&mut chosen).await.unwrap();
        assert_eq!(chosen, [5, 0]);
        client.write_all(&[5, 1, 0]).await.unwrap();
        client.write_all(address).await.unwrap();
        client.write_all(&443_u16.to_be_bytes()).await.unwrap();
        let mut response = vec![0; 10];
        if client.read_exact(&mut response).await.is_err() {
            return (Vec::new(), None);
        }
        if response[1] != SUCCEEDED {
            return (response, None);
        }
        client.write_all(b"hello").await.unwrap();
        let (mut arrived, _) = edge.accept().await.unwrap();
        let mut bytes = vec![0; 14];
        arrived.read_exact(&mut bytes).await.unwrap();
        (response, Some(bytes))
    }

    #[rstest]
    #[case::name(b"\x03\x0cshop.example".as_slice())]
    #[case::address(b"\x01\x7f\x00\x00\x01".as_slice())]
    #[case::address_of_version_6(b"\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01".as_slice())]
    #[tokio::test]
    async fn every_host_leads_to_the_edge_with_the_preamble_first(#[case] address: &[u8]) {
        let (response, arrived) = asked(address).await;
        assert_eq!(response, [5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(arrived.unwrap(), b"from ann\nhello");
    }

    #[tokio::test]
    async fn a_refused_name_cannot_be_reached_and_no_kind_of_address_else() {
        let (response, _) = asked(b"\x03\x10push.mozilla.org").await;
        assert_eq!(response[1], UNREACHABLE);
        assert_eq!(asked(b"\x09").await, (Vec::new(), None));
    }
}
