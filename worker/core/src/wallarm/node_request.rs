//! What the node is sent: the request as the visitor sent it, to the node's address.

use super::{FilteringNode, LoopGuard, loop_guard};
use crate::{headers::HeaderEdit, request::RequestHead};

/// A call to the node. Method and body are the request's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRequest {
    /// Where it goes: the node's URL, and the path and query as they came.
    pub url: String,
    /// What changes about the visitor's header fields.
    pub edits: Vec<HeaderEdit>,
}

/// The path and query of a URL as they stand in it; nothing is decoded and nothing resolved.
pub fn target(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |colon| colon + 3);
    let rest = &url[authority..];
    let start = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let rest = &rest[start..];
    rest.split_once('#').map_or(rest, |(before, _)| before)
}

/// The call for a request.
pub(super) fn node_request(
    node: &FilteringNode,
    guard: Option<&LoopGuard>,
    head: &RequestHead,
    target: &str,
    now: u64,
) -> NodeRequest {
    let host = head.url.host_str().unwrap_or_default();
    let host = match head.url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let mut edits = vec![HeaderEdit::set("x-forwarded-host", host)];
    // They describe the visitor's connection; the runtime writes its own. A handshake for a WebSocket is inspected as
    // the GET it is.
    let connection = [
        "host",
        "connection",
        "upgrade",
        "content-length",
        "transfer-encoding",
    ];
    let there = connection.iter().filter(|name| head.headers.contains(name));
    edits.extend(there.map(|name| HeaderEdit::remove(*name)));
    edits.push(match guard {
        Some(guard) => HeaderEdit::set(loop_guard::HEADER, guard.mark(&head.method, target, now)),
        None => HeaderEdit::remove(loop_guard::HEADER),
    });
    let slash = if target.starts_with('/') { "" } else { "/" };
    NodeRequest {
        url: [node.base.as_str(), slash, target].concat(),
        edits,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::headers::Headers;

    const NODE: &str = "https://node.example/in";

    fn request(url: &str) -> NodeRequest {
        let node = FilteringNode {
            base: NODE.to_owned(),
            origin: "https://node.example".to_owned(),
            path: "/in".to_owned(),
        };
        let fields = Headers::from_lines("host: a\naccept: */*");
        let head = RequestHead::new("GET", url, fields).unwrap();
        node_request(&node, None, &head, target(url), 0)
    }

    #[rstest]
    #[case("https://shop.example/", "/")]
    #[case("https://shop.example", "/")]
    #[case("https://shop.example?a=b", "/?a=b")]
    #[case(
        "https://shop.example/a//b/%2e%2E/c%00?x=%27&y=<a>",
        "/a//b/%2e%2E/c%00?x=%27&y=<a>"
    )]
    #[case(
        "https://shop.example/a?b=https://c.example/d",
        "/a?b=https://c.example/d"
    )]
    #[case("https://shop.example/a?b#c", "/a?b")]
    #[case("https://shop.example/\u{e9}?", "/\u{e9}?")]
    fn path_and_query_go_as_they_came(#[case] url: &str, #[case] expected: &str) {
        assert_eq!(request(url).url, format!("{NODE}{expected}"));
    }

    #[rstest]
    #[case("https://shop.example/", "shop.example")]
    #[case("https://shop.example:443/", "shop.example")]
    #[case("http://shop.example:8080/", "shop.example:8080")]
    #[case("https://[2001:db8::1]:444/", "[2001:db8::1]:444")]
    fn the_node_is_told_the_host_with_its_port(#[case] url: &str, #[case] host: &str) {
        let edits = request(url).edits;
        assert!(
            edits.contains(&HeaderEdit::set("x-forwarded-host", host)),
            "{edits:?}"
        );
        assert!(edits.contains(&HeaderEdit::remove("host")));
        assert!(!edits.contains(&HeaderEdit::remove("upgrade")));
    }

    proptest! {
        #[test]
        fn nothing_of_a_url_is_lost(path in "/[!-\"$-~]{0,40}") {
            let url = format!("https://shop.example{path}");
            prop_assert_eq!(target(&url), path.as_str());
        }

        #[test]
        fn no_text_makes_the_reader_fail(text in ".{0,40}") {
            prop_assert!(text.contains(target(&text)));
        }
    }
}
