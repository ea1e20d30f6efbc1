//! Redirects of the origin after an allowed call.
//!
//! A browser follows a redirect with the signals of the first request, or without any: either is refused where the next
//! URL is protected too. So the response that redirects comes with a pass: a sealed text in a cookie that no other host of
//! the site can set. It holds what the ruleset added to the request, and opens for one URL, one address and one browser.
//! Isolates share no memory, so within its seconds a pass can be used again, for that URL; calls other than GET and HEAD,
//! which change something, get none.

use url::Url;

use crate::{
    configuration::Configuration,
    cors,
    headers::{self, HeaderEdit, Headers},
    matching::{Route, route},
    request::RequestHead,
    signals::cookies,
};

/// How long the redirects after one call may take, in seconds.
const LIFE: u32 = 10;

/// A browser refuses cookies of more than 4096 bytes, name and attributes included.
const MAX_TOKEN: usize = 3900;

/// What an allowed call lets the redirect after it do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// Until when, in Unix milliseconds.
    until: i64,
    /// What the platform and its rule added to the request to the origin.
    pub edits: Vec<HeaderEdit>,
}

impl Pass {
    /// A pass for the redirect after a call that was allowed now, with these edits.
    pub fn new(edits: Vec<HeaderEdit>, now: i64) -> Self {
        Self {
            until: now.saturating_add(i64::from(LIFE) * 1000),
            edits,
        }
    }

    /// The text to be sealed.
    pub fn text(&self) -> String {
        format!("{}\n{}", self.until, headers::lines(&self.edits))
    }

    /// Reads the text that was sealed; none when its time is over.
    pub fn read(text: &str, now: i64) -> Option<Self> {
        let (until, edits) = text.split_once('\n')?;
        let until = until.parse().ok().filter(|until| *until >= now)?;
        let edits = headers::edits(edits).collect();
        Some(Self { until, edits })
    }
}

/// The sealed pass that a request came with. No page without identification makes use of one.
pub fn token<'a>(configuration: &Configuration, head: &'a RequestHead) -> Option<&'a str> {
    let is_read = matches!(head.method.as_str(), "GET" | "HEAD")
        && !cors::is_foreign(head, &configuration.identification_pages);
    is_read
        .then(|| cookies::own(head, "pass"))?
        .filter(|token| !token.is_empty() && token.len() <= MAX_TOKEN)
}

/// What hands a sealed pass to the browser; none when it is longer than a cookie may be.
pub fn hand_out(head: &RequestHead, token: &str) -> Option<HeaderEdit> {
    (token.len() <= MAX_TOKEN).then(|| cookies::set_own(head, "pass", token, LIFE))
}

/// What makes the browser forget the pass that a request came with.
pub fn take_back(head: &RequestHead) -> HeaderEdit {
    cookies::set_own(head, "pass", "", 0)
}

/// Whom and what a pass is for: sealed with it, and needed to open it.
pub fn holder(head: &RequestHead, url: &Url) -> String {
    let address = head.addresses().first().map(ToString::to_string);
    let agent = head.headers.get("user-agent").unwrap_or_default();
    format!("{url}\n{}\n{agent}", address.unwrap_or_default())
}

/// Where the response to a call redirects the browser, if signals are asked for there and it is the same host.
pub fn target(
    configuration: &Configuration,
    head: &RequestHead,
    status: u16,
    response: &Headers,
) -> Option<Url> {
    let is_safe = matches!(head.method.as_str(), "GET" | "HEAD");
    match status {
        303 => {}
        301 | 302 if is_safe || head.method == "POST" => {}
        307 | 308 if is_safe => {}
        _ => return None,
    }
    let mut url = head.url.join(response.get("location")?).ok()?;
    url.set_fragment(None);
    if url.origin() != head.url.origin() {
        return None;
    }
    let method = if head.method == "HEAD" { "HEAD" } else { "GET" };
    let next = RequestHead::new(method, url.as_str(), Headers::default())?;
    (route(configuration, &next) == Route::Protected).then_some(url)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const NOW: i64 = 1_795_000_000_000;

    fn configuration() -> Configuration {
        Configuration::read(|name| {
            (name == "PROTECTED_APIS").then(|| {
                r#"[{"method":"GET","url":"shop.example/account*"},{"method":"POST","url":"shop.example/account*"}]"#
                    .to_owned()
            })
        })
    }

    fn head(method: &str, lines: &str) -> RequestHead {
        let url = "https://shop.example/account?a";
        RequestHead::new(method, url, Headers::from_lines(lines)).unwrap()
    }

    #[rstest]
    #[case("GET", 302, "/account/home", Some("https://shop.example/account/home"))]
    #[case("GET", 301, "account/?b#c", Some("https://shop.example/account/?b"))]
    #[case(
        "GET",
        307,
        "https://shop.example/account/x",
        Some("https://shop.example/account/x")
    )]
    #[case(
        "GET",
        308,
        "//shop.example/account/x",
        Some("https://shop.example/account/x")
    )]
    #[case::after_a_form(
        "POST",
        303,
        "/account/home",
        Some("https://shop.example/account/home")
    )]
    #[case::after_a_form(
        "POST",
        302,
        "/account/home",
        Some("https://shop.example/account/home")
    )]
    #[case::that_repeats_a_form("POST", 307, "/account/home", None)]
    #[case::that_repeats_a_call("PUT", 302, "/account/home", None)]
    #[case::to_what_is_open("GET", 302, "/", None)]
    #[case::to_another_host("GET", 302, "https://www.shop.example/account", None)]
    #[case::to_another_scheme("GET", 302, "http://shop.example/account", None)]
    #[case::to_no_url("GET", 302, "https://", None)]
    #[case::that_is_none("GET", 200, "/account/home", None)]
    #[case::that_is_none("GET", 304, "/account/home", None)]
    fn a_redirect_on_the_host_to_what_is_protected_gets_a_pass(
        #[case] method: &str,
        #[case] status: u16,
        #[case] location: &str,
        #[case] expected: Option<&str>,
    ) {
        let response = Headers::from_lines(format!("location: {location}"));
        let target = target(&configuration(), &head(method, ""), status, &response);
        assert_eq!(target.as_ref().map(Url::as_str), expected);
    }

    #[test]
    fn a_pass_is_good_for_ten_seconds_through_all_redirects() {
        let pass = Pass::new(vec![HeaderEdit::set("x-risk", "low: 1")], NOW);
        let text = pass.text();
        let next = Pass::read(&text, NOW + 10_000);
        assert_eq!(next.as_ref(), Some(&pass));
        assert_eq!(next.unwrap().text(), text, "it is not made younger");
        assert_eq!(Pass::read(&text, NOW + 10_001), None);
    }

    #[test]
    fn a_pass_is_for_one_url_one_address_and_one_browser() {
        let lines = "cf-connecting-ip: 203.0.113.7\nuser-agent: Chromium";
        let url = |text: &str| Url::parse(text).unwrap();
        let home = url("https://shop.example/account/home");
        let mine = holder(&head("GET", lines), &home);
        for (lines, url) in [
            (lines, url("https://shop.example/account/home?a")),
            (
                "cf-connecting-ip: 203.0.113.8\nuser-agent: Chromium",
                home.clone(),
            ),
            ("cf-connecting-ip: 203.0.113.7\nuser-agent: Firefox", home),
        ] {
            assert_ne!(holder(&head("GET", lines), &url), mine);
        }
    }

    #[rstest]
    #[case("GET", "cookie: a=b; __Host-fp-data-pass=abc", Some("abc"))]
    #[case("POST", "cookie: __Host-fp-data-pass=abc", None)]
    #[case(
        "GET",
        "origin: https://blog.shop.example\ncookie: __Host-fp-data-pass=abc",
        None
    )]
    #[case("GET", "cookie: fp-data-pass=abc", None)]
    #[case("GET", "cookie: __Host-fp-data-pass=", None)]
    fn only_this_host_hands_out_passes_and_only_for_reading(
        #[case] method: &str,
        #[case] lines: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(token(&configuration(), &head(method, lines)), expected);
    }

    #[test]
    fn a_pass_that_is_no_cookie_is_not_handed_out() {
        let head = head("GET", "");
        let cookie =
            "__Host-fp-data-pass=abc; Path=/; Max-Age=10; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(
            hand_out(&head, "abc"),
            Some(HeaderEdit::append("set-cookie", cookie))
        );
        assert_eq!(hand_out(&head, &"a".repeat(MAX_TOKEN + 1)), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in "(-?[0-9]{0,25})?\n?.{0,40}") {
            let _ = Pass::read(&text, NOW);
        }
    }
}
