//! Headers that concern one connection and go no further.

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, HOST, TE, TRANSFER_ENCODING, UPGRADE},
};

/// Headers of one connection, named by `Connection` or not (RFC 9110 §7.6.1; RFC 7540 §3.2.1 for the last).
const HOP_BY_HOP: [HeaderName; 7] = [
    CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];

/// Removes what concerns one connection only (RFC 9110 §7.6.1). A change to WebSocket is left, for it is made from one
/// end to the other; every other protocol that is offered, such as `h2c`, concerns the connection.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let websocket = changes_to_websocket(headers);
    let named: Vec<HeaderName> = tokens(headers, &CONNECTION)
        .filter_map(|name| name.parse().ok())
        // A visitor must not take away what the edge relies on by calling it hop-by-hop.
        .filter(|name| {
            !matches!(
                *name,
                HOST | http::header::COOKIE | http::header::AUTHORIZATION
            )
        })
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
    if websocket {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
}

/// Whether these are the headers of a change to WebSocket, asked for or granted (RFC 6455 §4).
fn changes_to_websocket(headers: &HeaderMap) -> bool {
    tokens(headers, &UPGRADE).any(|protocol| protocol.eq_ignore_ascii_case("websocket"))
        && tokens(headers, &CONNECTION).any(|name| name.eq_ignore_ascii_case("upgrade"))
}

/// What `Transfer-Encoding` says, where that is something else than `chunked` alone.
pub fn other_than_chunked(headers: &HeaderMap) -> Option<String> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter().peekable();
    codings.peek()?;
    let codings: Vec<_> = codings
        .map(|value| String::from_utf8_lossy(value.as_bytes()))
        .collect();
    let codings = codings.join(", ");
    let is_chunked = codings.trim().eq_ignore_ascii_case("chunked");
    (!is_chunked).then_some(codings)
}

/// The words of a list that may be spread over several headers.
fn tokens<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        map
    }

    const WEBSOCKET: &[(&str, &str)] = &[("connection", "Upgrade"), ("upgrade", "websocket")];

    #[rstest]
    #[case::named(&[("connection", "x-a, close"), ("connection", "X-B"), ("x-a", "1"), ("x-b", "2")], &[])]
    #[case::not_named(&[("keep-alive", "timeout=5"), ("te", "trailers"), ("proxy-connection", "close")], &[])]
    #[case::what_the_edge_needs(&[("connection", "host"), ("host", "a")], &[("host", "a")])]
    #[case::h2c(&[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c"), ("http2-settings", "AAMAAABkAAQ")], &[])]
    #[case::offered_by_an_origin(&[("connection", "Upgrade, Keep-Alive"), ("upgrade", "h2,h2c")], &[])]
    #[case::upgrade_that_is_not_named(&[("upgrade", "websocket")], &[])]
    #[case::websocket(WEBSOCKET, WEBSOCKET)]
    #[case::websocket_of_firefox(&[("connection", "keep-alive, upgrade"), ("upgrade", "WebSocket"), ("keep-alive", "1")], WEBSOCKET)]
    #[case::websocket_or_h2c(&[("connection", "upgrade"), ("upgrade", "h2c, websocket")], WEBSOCKET)]
    #[case::trailers_are_announced(&[("trailer", "x-sum")], &[("trailer", "x-sum")])]
    fn what_concerns_one_connection_goes_no_further(
        #[case] sent: &[(&str, &str)],
        #[case] left: &[(&str, &str)],
    ) {
        let mut headers = map(sent);
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers, map(left));
    }
}
