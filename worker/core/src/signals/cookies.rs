//! Signals of a navigation. It has no headers a page could set, so the instrumentor spreads them over cookies that live for
//! seconds: `fp-data-<key>-0=<count>.<text>`, `fp-data-<key>-1=<text>`, …, and `__Host-fp-data-key=<key>`.
//!
//! They stand on the path of the navigation, because 20 KB are too much for every other request of the page. On a path,
//! another host of the site can put cookies of its own in front of them, for a year if it wants. A cookie whose name begins
//! with `__Host-` can only come from this very host over TLS, so that one says which of them count. Without TLS there
//! is no such cookie, and nothing keeps others from setting one.

use crate::{
    headers::{HeaderEdit, Headers},
    request::RequestHead,
};

/// What the name of every cookie of ours begins with, behind [`HOST`] if that is there.
const PREFIX: &str = "fp-data-";

/// What begins the name of a cookie that browsers take from nobody but this host.
const HOST: &str = "__Host-";

/// More are none of ours: this many fill half of what a request's headers may take.
const MAX_PARTS: usize = 16;

/// A key is two numbers of 32 bits.
const MAX_KEY: usize = 32;

/// The signals in the cookies of a navigation; none where a part is missing. Whatever else the browser loads from below
/// the path has them too, and they are not for that.
pub fn from_cookies(head: &RequestHead) -> Option<String> {
    let parts = Parts::of(head)?;
    let (count, first) = parts.get(0)?.split_once('.')?;
    let count = count
        .parse()
        .ok()
        .filter(|count| (1..=MAX_PARTS).contains(count))?;
    let rest: Option<String> = (1..count).map(|index| parts.get(index)).collect();
    let data = first.to_owned() + &rest?;
    (!data.is_empty()).then_some(data)
}

/// What makes the browser forget them with the response: nothing behind the navigation is to carry them, neither what its
/// page loads from below nor where the origin redirects it.
pub fn expire(head: &RequestHead) -> Vec<HeaderEdit> {
    let Some(parts) = Parts::of(head) else {
        return Vec::new();
    };
    // As the instrumentor sets it.
    let path = head.url.path().split(';').next().unwrap_or("/");
    let mut edits: Vec<HeaderEdit> = (0..MAX_PARTS)
        .map_while(|index| parts.get(index).map(|_| parts.name(index)))
        .map(|name| set_cookie(head, &format!("{name}="), path, 0))
        .collect();
    edits.push(set_own(head, "key", "", 0));
    edits
}

/// The value of the cookie of ours that no other host can have set.
pub(crate) fn own<'a>(head: &'a RequestHead, what: &str) -> Option<&'a str> {
    let name = own_name(head, what);
    pairs(head.headers.get("cookie")?)
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(found, value)| (found == name).then_some(value))
}

/// What sets that cookie for so many seconds.
pub(crate) fn set_own(head: &RequestHead, what: &str, value: &str, seconds: u32) -> HeaderEdit {
    set_cookie(
        head,
        &format!("{}={value}", own_name(head, what)),
        "/",
        seconds,
    )
}

fn own_name(head: &RequestHead, what: &str) -> String {
    let host = if is_secure(head) { HOST } else { "" };
    format!("{host}{PREFIX}{what}")
}

fn set_cookie(head: &RequestHead, pair: &str, path: &str, seconds: u32) -> HeaderEdit {
    let secure = if is_secure(head) { "; Secure" } else { "" };
    HeaderEdit::append(
        "set-cookie",
        format!("{pair}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"),
    )
}

fn is_secure(head: &RequestHead) -> bool {
    head.url.scheme() == "https"
}

/// What takes them out of a request, if there are any: they are not for the origin.
pub fn strip(headers: &Headers) -> Option<HeaderEdit> {
    let header = headers.get("cookie")?;
    let is_ours = |pair: &&str| pair.strip_prefix(HOST).unwrap_or(pair).starts_with(PREFIX);
    let kept: Vec<&str> = pairs(header).filter(|pair| !is_ours(pair)).collect();
    if kept.is_empty() {
        return Some(HeaderEdit::remove("cookie"));
    }
    (kept.len() < pairs(header).count()).then(|| HeaderEdit::set("cookie", kept.join("; ")))
}

/// The cookies with the signals of one navigation.
struct Parts<'a> {
    cookies: &'a str,
    key: &'a str,
}

impl<'a> Parts<'a> {
    fn of(head: &'a RequestHead) -> Option<Self> {
        let cookies = head.headers.get("cookie")?;
        let key = own(head, "key")?;
        let is_key = (1..=MAX_KEY).contains(&key.len())
            && key
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'-');
        (is_key && head.may_have_signals_in_cookies()).then_some(Self { cookies, key })
    }

    fn name(&self, index: usize) -> String {
        format!("{PREFIX}{}-{index}", self.key)
    }

    fn get(&self, index: usize) -> Option<&'a str> {
        let name = self.name(index);
        pairs(self.cookies).find_map(|pair| {
            let (found, value) = pair.split_once('=')?;
            (found == name).then_some(value)
        })
    }
}

/// Only what a browser puts between cookies is taken off: another blank in front of a name is a part of it, with which a
/// name gets past the browser's rule about `__Host-`.
fn pairs(header: &str) -> impl Iterator<Item = &str> {
    header.split(';').map(|pair| pair.trim_matches([' ', '\t']))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn head(method: &str, url: &str, lines: &str) -> RequestHead {
        RequestHead::new(method, url, Headers::from_lines(lines)).unwrap()
    }

    fn found(cookies: &str) -> Option<String> {
        let lines = format!("cookie: {cookies}");
        from_cookies(&head("GET", "https://shop.example/report", &lines))
    }

    const KEY: &str = "__Host-fp-data-key=7-9";

    #[rstest]
    #[case::one("fp-data-7-9-0=1.Aabc", Some("Aabc"))]
    #[case::several_in_any_order(
        "a=b; fp-data-7-9-1=de; fp-data-7-9-0=3.Aabc; fp-data-7-9-2=f",
        Some("Aabcdef")
    )]
    #[case::another_navigation_left_over("fp-data-1-1-0=1.old; fp-data-7-9-0=1.new", Some("new"))]
    #[case::tossed_by_another_host(
        "fp-data-key=1-1; fp-data-1-1-0=1.junk; fp-data-0=1.junk; fp-data--0=1.junk; fp-data-7-9-0=1.new",
        Some("new")
    )]
    #[case::a_part_missing("fp-data-7-9-0=2.Aabc", None)]
    #[case::of_another_key("fp-data-7-8-0=1.Aabc", None)]
    #[case::no_count("fp-data-7-9-0=Aabc", None)]
    #[case::a_count_of_nothing("fp-data-7-9-0=0.Aabc", None)]
    #[case::too_many("fp-data-7-9-0=17.Aabc", None)]
    #[case::a_count_that_is_no_number("fp-data-7-9-0=-1.Aabc", None)]
    #[case::no_text("fp-data-7-9-0=1.", None)]
    #[case::others_only("session=1; _iidt=x", None)]
    fn signals_are_put_together_from_the_cookies_of_the_key(
        #[case] cookies: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(found(&format!("{cookies}; {KEY}")).as_deref(), expected);
        assert_eq!(found(&format!("{KEY}; {cookies}")).as_deref(), expected);
        assert_eq!(found(cookies), None, "no key");
    }

    #[rstest]
    #[case::a_blank_that_is_no_space("\u{2000}__Host-fp-data-key=7-9")]
    #[case::a_control("\u{b}__Host-fp-data-key=7-9")]
    #[case::another_case("__host-fp-data-key=7-9")]
    #[case::a_name_of_nothing("=__Host-fp-data-key=7-9")]
    #[case::the_one_for_plain_text("fp-data-key=7-9")]
    #[case::secure_only("__Secure-fp-data-key=7-9")]
    fn a_key_that_another_host_could_have_set_is_none(#[case] key: &str) {
        assert_eq!(found(&format!("{key}; fp-data-7-9-0=1.junk")), None);
    }

    #[rstest]
    #[case("GET", "sec-fetch-mode: navigate", true)]
    #[case("HEAD", "sec-fetch-mode: navigate", true)]
    #[case("GET", "", true)]
    #[case("GET", "sec-fetch-mode: no-cors", false)]
    #[case("GET", "sec-fetch-mode: cors", false)]
    #[case("POST", "sec-fetch-mode: navigate", false)]
    #[case::script(
        "GET",
        "sec-fetch-mode: cors\nsec-fetch-dest: empty\nsec-fetch-site: same-origin",
        true
    )]
    #[case::other_host(
        "GET",
        "sec-fetch-mode: cors\nsec-fetch-dest: empty\nsec-fetch-site: same-site",
        false
    )]
    #[case("OPTIONS", "", false)]
    fn they_are_for_navigations_and_scripts_of_the_origin(
        #[case] method: &str,
        #[case] lines: &str,
        #[case] is_taken: bool,
    ) {
        let lines = format!("cookie: {KEY}; fp-data-7-9-0=1.A\n{lines}");
        let head = head(method, "https://shop.example/report", &lines);
        assert_eq!(from_cookies(&head).is_some(), is_taken);
        assert_eq!(!expire(&head).is_empty(), is_taken);
    }

    #[test]
    fn without_tls_the_key_has_no_prefix() {
        let lines = "cookie: fp-data-key=7-9; fp-data-7-9-0=1.A";
        let head = head("GET", "http://shop.example/report", lines);
        assert_eq!(from_cookies(&head).as_deref(), Some("A"));
    }

    #[test]
    fn the_response_makes_the_browser_forget_them() {
        let lines = format!("cookie: fp-data-7-9-0=2.A; {KEY}; fp-data-7-9-1=B; fp-data-1-1-0=1.A");
        let head = head("GET", "https://shop.example/a/b;v=1?c", &lines);
        let expected = [
            "fp-data-7-9-0=; Path=/a/b; Max-Age=0; HttpOnly; SameSite=Strict; Secure",
            "fp-data-7-9-1=; Path=/a/b; Max-Age=0; HttpOnly; SameSite=Strict; Secure",
            "__Host-fp-data-key=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure",
        ];
        let expected = expected.map(|cookie| HeaderEdit::append("set-cookie", cookie));
        assert_eq!(expire(&head), expected);
    }

    #[rstest]
    #[case("__Host-fp-data-key=7; evil=1")]
    #[case("__Host-fp-data-key=7\u{b}9")]
    #[case("__Host-fp-data-key=")]
    #[case("__Host-fp-data-key=111111111111111111111111111111111")]
    fn a_key_that_is_no_key_is_never_sent_back(#[case] key: &str) {
        let lines = format!("cookie: {key}; fp-data-7-9-0=1.A");
        let head = head("GET", "https://shop.example/", &lines);
        let expired = expire(&head);
        assert!(
            expired.len() <= 1 && !format!("{expired:?}").contains("evil"),
            "{expired:?}"
        );
    }

    #[rstest]
    #[case(
        "cookie: a=b; fp-data-7-9-0=1.A; c=d",
        Some(HeaderEdit::set("cookie", "a=b; c=d"))
    )]
    #[case("cookie: fp-data-7-9-0=1.A", Some(HeaderEdit::remove("cookie")))]
    #[case(
        "cookie: fp-data-7=left-over; a=b",
        Some(HeaderEdit::set("cookie", "a=b"))
    )]
    #[case(
        "cookie: __Host-fp-data-key=7-9; __Host-session=1; __Host-fp-data-pass=x",
        Some(HeaderEdit::set("cookie", "__Host-session=1"))
    )]
    #[case("cookie: a=b; c=fp-data-0", None)]
    #[case("", None)]
    fn the_origin_gets_the_other_cookies(
        #[case] headers: &str,
        #[case] expected: Option<HeaderEdit>,
    ) {
        assert_eq!(strip(&Headers::from_lines(headers)), expected);
    }
}
