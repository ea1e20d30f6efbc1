//! Knows the worker's own calls to the node when they come back to the worker.
//!
//! They do where the node stands behind the same worker in another zone, or passes requests on to the site. Two signs
//! tell, and no client can make either: a request for the node's own address (scheme, host, port and path) is no request
//! for the site, and a mark in a header is a keyed hash of the time, the method, and the path and query.

use std::{fmt, hash::Hasher};

use siphasher::sip128::{Hasher128, SipHasher24};
use url::{Position, Url};

use super::{Connector, FilteringNode, static_file};
use crate::request::RequestHead;

/// The header of the mark. What visitors send in it never leaves the worker.
pub const HEADER: &str = "x-wallarm-loop";

/// How long a mark is good for, in seconds. A loop is faster; a mark that leaked is of no use later.
const LIFETIME: u64 = 60;

/// Makes marks and knows its own: SipHash-2-4 with a key and a result of 128 bits, which is a pseudo-random function made
/// for short messages, and a tenth of the size of HMAC-SHA-256.
#[derive(Clone, PartialEq, Eq)]
pub struct LoopGuard([u64; 2]);

impl LoopGuard {
    /// A guard with this secret: 128 bits as 32 hexadecimal digits.
    pub fn new(secret: &str) -> Option<Self> {
        let is_hexadecimal = secret.bytes().all(|byte| byte.is_ascii_hexdigit());
        let (high, low) = secret.split_at_checked(16).filter(|_| is_hexadecimal)?;
        let half = |text: &str| {
            u64::from_str_radix(text, 16)
                .ok()
                .filter(|_| text.len() == 16)
        };
        Some(Self([half(high)?, half(low)?]))
    }

    /// The mark of a call that is made now, in Unix seconds.
    pub(super) fn mark(&self, method: &str, target: &str, now: u64) -> String {
        let mut hash = SipHasher24::new_with_keys(self.0[0], self.0[1]);
        hash.write(&now.to_be_bytes());
        hash.write(method.as_bytes());
        hash.write(b" ");
        hash.write(target.as_bytes());
        let (high, low) = hash.finish128().as_u64();
        format!("{now:x}-{high:016x}{low:016x}")
    }

    /// Whether this guard made the mark, not long ago, for this call.
    fn knows(&self, mark: &str, method: &str, target: &str, now: u64) -> bool {
        let Some((time, _)) = mark.split_once('-') else {
            return false;
        };
        let Ok(time) = u64::from_str_radix(time, 16) else {
            return false;
        };
        let expected = self.mark(method, target, time);
        // Without a branch on where they differ: how long it takes tells nothing.
        let differs = expected.len() != mark.len()
            || expected
                .bytes()
                .zip(mark.bytes())
                .fold(0, |all, (one, other)| all | (one ^ other))
                != 0;
        !differs && now.abs_diff(time) <= LIFETIME
    }
}

impl fmt::Debug for LoopGuard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("LoopGuard(…)")
    }
}

impl Connector {
    /// Whether the request is a call of this worker to the node.
    pub(super) fn is_own_call(
        &self,
        node: &FilteringNode,
        head: &RequestHead,
        target: &str,
        now: u64,
    ) -> bool {
        if node.is_meant(&head.url, target) {
            return true;
        }
        let behind = target.strip_prefix(node.path.as_str());
        let Some((guard, mark)) = self.loop_guard.as_ref().zip(head.headers.get(HEADER)) else {
            return false;
        };
        // The node's own path stands in front where the call came back as it was sent.
        [Some(target), behind]
            .into_iter()
            .flatten()
            .any(|target| guard.knows(mark, &head.method, target, now))
    }
}

impl FilteringNode {
    /// Whether a request is for the node's address and therefore not for the site, not even where both have one name.
    fn is_meant(&self, url: &Url, target: &str) -> bool {
        let behind = target.strip_prefix(self.path.as_str());
        let Some(behind) =
            behind.filter(|behind| behind.is_empty() || behind.starts_with(['/', '?']))
        else {
            return false;
        };
        let path = behind.split('?').next().unwrap_or_default();
        // On a host of the node's own every path is the node's. Where it has a part of a host, dots and escapes may lead
        // out of that part again: `/node/../login`.
        let is_inside = self.path.is_empty() || static_file::is_plain(path);
        is_inside && url[..Position::BeforePath] == self.origin
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::{
        configuration::Configuration,
        headers::Headers,
        wallarm::{Treatment, target},
    };

    const NOW: u64 = 1_795_000_000;
    const SECRET: &str = "000102030405060708090a0b0c0d0e0f";

    fn guard() -> LoopGuard {
        LoopGuard::new(SECRET).unwrap()
    }

    fn is_loop(url: &str, method: &str, mark: Option<&str>) -> bool {
        is_loop_to("https://node.example/in", url, method, mark)
    }

    fn is_loop_to(node: &str, url: &str, method: &str, mark: Option<&str>) -> bool {
        let configuration = Configuration::read(|name| match name {
            "WALLARM_NODE" => Some(node.to_owned()),
            "WALLARM_LOOP_SECRET" => Some(SECRET.to_owned()),
            _ => None,
        });
        let headers: Headers = mark.map(|mark| (HEADER, mark)).into_iter().collect();
        let head = RequestHead::new(method, url, headers).unwrap();
        let connector = configuration.wallarm.unwrap();
        connector.treatment(&head, target(url), false, NOW) == Treatment::Loop
    }

    #[rstest]
    #[case("https://shop.example/a?b", "GET", NOW, true)]
    #[case("https://other.example/in/a?b", "GET", NOW - 60, true)]
    #[case("https://shop.example/a?b", "GET", NOW - 61, false)]
    #[case("https://shop.example/a?b", "GET", NOW + 61, false)]
    #[case("https://shop.example/a?b", "POST", NOW, false)]
    #[case("https://shop.example/a?c", "GET", NOW, false)]
    #[case("https://shop.example/x/a?b", "GET", NOW, false)]
    fn a_mark_is_good_for_its_own_call_and_not_for_long(
        #[case] url: &str,
        #[case] method: &str,
        #[case] time: u64,
        #[case] expected: bool,
    ) {
        let mark = guard().mark("GET", "/a?b", time);
        assert_eq!(is_loop(url, method, Some(&mark)), expected);
    }

    #[rstest]
    #[case("https://node.example/in", true)]
    #[case("https://node.example/in?a", true)]
    #[case("https://node.example:443/in/a", true)]
    #[case("https://node.example:8443/in/a", false)]
    #[case("http://node.example/in/a", false)]
    #[case("https://node.example/", false)]
    #[case("https://node.example/inside", false)]
    #[case("https://node.example.evil.example/in", false)]
    #[case("https://shop.example/in", false)]
    fn a_request_for_the_node_is_none_for_the_site(#[case] url: &str, #[case] expected: bool) {
        assert_eq!(is_loop(url, "GET", None), expected);
    }

    #[rstest]
    #[case::site("https://shop.example:8443", "https://shop.example/a", false)]
    #[case::node("https://shop.example:8443", "https://shop.example:8443/a", true)]
    #[case::anywhere_at_the_node(
        "https://shop.example:8443",
        "https://shop.example:8443/a/../%2e%2e",
        true
    )]
    #[case::other_scheme("http://shop.example", "https://shop.example/a", false)]
    #[case::path(
        "https://shop.example/waf",
        "https://shop.example/waf/a?b=../%2e",
        true
    )]
    #[case::query("https://shop.example/waf", "https://shop.example/waf?a", true)]
    #[case::similar_path("https://shop.example/waf", "https://shop.example/wafer/a", false)]
    #[case::capitals("https://shop.example/waf", "https://shop.example/WAF/a", false)]
    #[case::dots("https://shop.example/waf", "https://shop.example/waf/../a", false)]
    #[case::escaped_dots("https://shop.example/waf", "https://shop.example/waf/%2e%2e/a", false)]
    #[case::twice_escaped(
        "https://shop.example/waf",
        "https://shop.example/waf/%252e%252e/a",
        false
    )]
    #[case::escaped_slash("https://shop.example/waf", "https://shop.example/waf/..%2fa", false)]
    #[case::backslash("https://shop.example/waf", r"https://shop.example/waf/..\a", false)]
    #[case::parameter("https://shop.example/waf", "https://shop.example/waf/..;/a", false)]
    fn a_node_on_the_name_of_the_site_is_told_from_the_site(
        #[case] node: &str,
        #[case] url: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_loop_to(node, url, "GET", None), expected);
    }

    /// Two versions of the worker may be deployed side by side.
    #[test]
    fn a_mark_is_the_same_in_every_version() {
        assert_eq!(
            guard().mark("GET", "/a?b", NOW),
            "6afd86c0-e622bdde46ed16fccfe12f1b5806aaf8"
        );
    }

    #[test]
    fn a_mark_with_another_secret_is_worth_nothing() {
        let other = LoopGuard::new(&SECRET.replace('0', "1")).unwrap();
        let mark = other.mark("GET", "/", NOW);
        assert!(!is_loop("https://shop.example/", "GET", Some(&mark)));
    }

    #[test]
    fn a_mark_that_was_changed_anywhere_is_worth_nothing() {
        let mark = guard().mark("GET", "/", NOW);
        assert!(is_loop("https://shop.example/", "GET", Some(&mark)));
        for position in 0..mark.len() {
            let mut bytes = mark.clone().into_bytes();
            bytes[position] = if bytes[position] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(
                !is_loop("https://shop.example/", "GET", Some(&changed)),
                "{changed}"
            );
        }
        assert!(!is_loop(
            "https://shop.example/",
            "GET",
            Some(&mark[..mark.len() - 2])
        ));
    }

    proptest! {
        #[test]
        fn no_text_is_a_mark(text in "[0-9a-f -]{0,90}|.{0,20}") {
            prop_assert!(!guard().knows(&text, "GET", "/", NOW));
        }

        #[test]
        fn a_guard_knows_its_marks(method in "[A-Z]{1,8}", target in "/[!-~]{0,40}", now in 0u64..1 << 40) {
            let mark = guard().mark(&method, &target, now);
            prop_assert!(guard().knows(&mark, &method, &target, now));
        }
    }
}
