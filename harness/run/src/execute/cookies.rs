//! The cookies of visitors without a browser: kept, refused and sent as browsers do it (RFC 6265bis).
//!
//! Such a visitor sees no site around a request, so `SameSite` and `Partitioned` count only for what they demand of the
//! cookie itself.

use std::{cmp::Reverse, collections::HashMap};

use cookie_store::{Cookie, CookieDomain, CookieStore, RawCookie};
use http::{HeaderMap, HeaderValue, header};
use url::Url;

use super::cookie_date;

/// The most bytes that the name and the value of a cookie may have together (RFC 6265bis §5.6).
const MOST_BYTES: usize = 4096;

/// The most bytes that the value of an attribute may have; longer ones are as if they were not there.
const MOST_BYTES_OF_ATTRIBUTE: usize = 1024;

/// What one visitor keeps.
#[derive(Debug, Default)]
pub(super) struct Jar {
    store: CookieStore,
    /// When each cookie was first set, as a running number, by domain, path and name. A new value changes nothing.
    born: HashMap<[String; 3], u64>,
    last: u64,
}

impl Jar {
    /// Keeps the cookies of a response that came from this URL.
    pub(super) fn keep(&mut self, headers: &HeaderMap, url: &str) {
        let Ok(url) = Url::parse(url) else {
            return;
        };
        for written in headers.get_all(header::SET_COOKIE) {
            let cookie = std::str::from_utf8(written.as_bytes()).ok();
            if let Some(cookie) = cookie.and_then(|written| acceptable(written, &url))
                && !self.hides_a_secure_one(&cookie, &url)
            {
                self.insert(cookie, &url);
            }
        }
    }

    fn insert(&mut self, cookie: Cookie<'static>, url: &Url) {
        let key = key(&cookie);
        let [domain, path, name] = &key;
        let is_new = !self.store.contains(domain, path, name);
        // One that is over already only ends what was there.
        if self.store.insert(cookie, url).is_ok() && is_new {
            self.last += 1;
            self.born.insert(key, self.last);
        }
    }

    /// Whether a cookie that came in the clear would stand in front of one that only travels over TLS.
    fn hides_a_secure_one(&self, cookie: &Cookie<'_>, url: &Url) -> bool {
        let [domain, path, name] = &key(cookie);
        url.scheme() != "https"
            && self.store.iter_unexpired().any(|kept| {
                let [kept_domain, kept_path, kept_name] = &key(kept);
                kept.secure() == Some(true)
                    && kept_name == name
                    && (is_within(domain, kept_domain) || is_within(kept_domain, domain))
                    && path_is_within(path, kept_path)
            })
    }

    /// Adds the cookies that belong to this URL, unless the request states its own: the longest paths first, then the
    /// oldest (RFC 6265 §5.4).
    pub(super) fn add_to(&self, headers: &mut HeaderMap, url: &str) {
        let Ok(url) = Url::parse(url) else {
            return;
        };
        let mut cookies = self.store.matches(&url);
        cookies.sort_by_key(|cookie| {
            let born = self.born.get(&key(cookie)).copied();
            (Reverse(cookie.path.len()), born)
        });
        let pairs = cookies.iter().map(|cookie| {
            let (name, value) = cookie.name_value();
            match name {
                "" => value.to_owned(),
                _ => format!("{name}={value}"),
            }
        });
        let pairs: Vec<String> = pairs.collect();
        if !pairs.is_empty()
            && !headers.contains_key(header::COOKIE)
            && let Ok(value) = HeaderValue::try_from(pairs.join("; ").into_bytes())
        {
            headers.insert(header::COOKIE, value);
        }
    }
}

fn key(cookie: &Cookie<'_>) -> [String; 3] {
    let domain = String::from(&cookie.domain);
    [domain, cookie.path.to_string(), cookie.name().to_owned()]
}

fn is_within(host: &str, domain: &str) -> bool {
    let rest = host.strip_suffix(domain);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn path_is_within(path: &str, other: &str) -> bool {
    let rest = path.strip_prefix(other);
    rest.is_some_and(|rest| rest.is_empty() || other.ends_with('/') || rest.starts_with('/'))
}

/// The cookie that a site sets, unless browsers refuse it.
fn acceptable(written: &str, url: &Url) -> Option<Cookie<'static>> {
    if written.chars().any(|c| c.is_ascii_control() && c != '\t') {
        return None;
    }
    let mut parts = written.split(';');
    let pair = parts.next()?;
    // Without a sign it is all value, of a cookie without a name.
    let (name, value) = pair.split_once('=').unwrap_or(("", pair));
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() && (value.is_empty() || promises(value))
        || name.contains('\t')
        || value.contains('\t')
    {
        return None;
    }
    let attributes = parts.filter_map(understood);
    // The parser wants a name.
    let written: Vec<String> = std::iter::once(format!("name={value}"))
        .chain(attributes)
        .collect();
    let mut raw = RawCookie::parse(written.join(";")).ok()?;
    raw.set_name(name.to_owned());
    let mut cookie = Cookie::try_from_raw_cookie(&raw, url).ok()?.into_owned();
    let (name, value) = cookie.name_value();
    let secure = cookie.secure() == Some(true);
    let demands = secure && url.scheme() == "https";
    let same_site_none = cookie
        .same_site()
        .is_some_and(|same_site| same_site.is_none());
    let refused = name.len() + value.len() > MOST_BYTES
        || secure && !demands
        || (same_site_none || cookie.partitioned() == Some(true)) && !secure
        || !keeps_promise(&cookie, demands);
    if refused {
        return None;
    }
    if let CookieDomain::Suffix(domain) = &cookie.domain
        && psl::suffix_str(domain) == Some(domain)
    {
        // Whole registries share no cookies; a host that is one keeps its own to itself.
        if url.host_str() != Some(domain) {
            return None;
        }
        cookie.domain = CookieDomain::host_only(url).ok()?;
    }
    Some(cookie)
}

/// An attribute as it counts, with its time in a spelling that the parser knows.
fn understood(attribute: &str) -> Option<String> {
    let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
    if value.trim().len() > MOST_BYTES_OF_ATTRIBUTE {
        return None;
    }
    if name.trim().eq_ignore_ascii_case("expires") {
        return cookie_date::canonical(value).map(|time| format!("Expires={time}"));
    }
    Some(attribute.to_owned())
}

/// Whether a name promises something of its cookie.
fn promises(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let prefixes = ["__host-", "__secure-", "__http-"];
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a cookie whose name promises something keeps it (RFC 6265bis §4.1.3; `__Http-` is in the draft after it).
fn keeps_promise(cookie: &Cookie<'_>, secure: bool) -> bool {
    let name = cookie.name().to_ascii_lowercase();
    let only_here =
        secure && matches!(cookie.domain, CookieDomain::HostOnly(_)) && cookie.path() == Some("/");
    let hidden = cookie.http_only() == Some(true);
    if name.starts_with("__host-http-") {
        only_here && hidden
    } else if name.starts_with("__host-") {
        only_here
    } else if name.starts_with("__http-") {
        secure && hidden
    } else {
        secure || !name.starts_with("__secure-")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn set(jar: &mut Jar, cookies: &[&str], url: &str) {
        let mut response = HeaderMap::new();
        for cookie in cookies {
            let cookie = HeaderValue::from_bytes(cookie.as_bytes()).unwrap();
            response.append(header::SET_COOKIE, cookie);
        }
        jar.keep(&response, url);
    }

    fn sent(jar: &Jar, url: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        jar.add_to(&mut headers, url);
        let cookie = headers.get(header::COOKIE)?;
        Some(String::from_utf8(cookie.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn a_cookie_goes_back_to_its_own_site_only() {
        let mut jar = Jar::default();
        let cookies = ["a=1; Path=/; Secure", "b=2; Path=/api"];
        set(&mut jar, &cookies, "https://shop.example/");
        assert_eq!(sent(&jar, "https://shop.example/x").as_deref(), Some("a=1"));
        assert_eq!(sent(&jar, "http://shop.example/x"), None);
        assert_eq!(sent(&jar, "https://other.example/"), None);
        let both = sent(&jar, "https://shop.example/api/x");
        assert_eq!(both.as_deref(), Some("b=2; a=1"));
    }

    #[test]
    fn longer_paths_go_first_then_earlier_cookies_whatever_their_domain() {
        let mut jar = Jar::default();
        let cookies = [
            "z=1; Path=/",
            "wide=2; Path=/; Domain=shop.example",
            "a=3; Path=/",
            "deep=4; Path=/account",
            "deeper=5; Path=/account/orders",
        ];
        set(&mut jar, &cookies, "https://www.shop.example/");
        // A new value keeps the place of the old one, a cookie that was removed loses it.
        set(&mut jar, &["z=6; Path=/"], "https://www.shop.example/");
        assert_eq!(
            sent(&jar, "https://www.shop.example/account/orders/1").as_deref(),
            Some("deeper=5; deep=4; z=6; wide=2; a=3")
        );
        set(
            &mut jar,
            &["z=; Path=/; Max-Age=0"],
            "https://www.shop.example/",
        );
        set(&mut jar, &["z=7; Path=/"], "https://www.shop.example/");
        assert_eq!(
            sent(&jar, "https://www.shop.example/").as_deref(),
            Some("wide=2; a=3; z=7")
        );
    }

    // RFC 6265bis, and what Chromium 156 does.
    #[rstest]
    #[case("a=1", true)]
    #[case("a=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT", true)]
    #[case("a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT", false)]
    #[case("a=1; Max-Age=0", false)]
    #[case("a=1; Max-Age=-1", false)]
    #[case("a=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT; Max-Age=60", true)]
    #[case("a=1; Domain=shop.example", true)]
    #[case("a=1; Domain=.SHOP.example", true)]
    #[case("a=1; Domain=www.shop.example", true)]
    #[case("a=1; Domain=", true)]
    #[case::deeper("a=1; Domain=a.www.shop.example", false)]
    #[case::foreign("a=1; Domain=other.example", false)]
    #[case::foreign("a=1; Domain=op.example", false)]
    #[case::top_level("a=1; Domain=example", false)]
    #[case("a=1; Domain=smörgås.example", false)]
    #[case("__Host-a=1; Secure; Path=/", true)]
    #[case("__Host-a=1; Secure; Path=/; Domain=www.shop.example", false)]
    #[case("__Host-a=1; Path=/", false)]
    #[case("__Host-a=1; Secure; Path=/account", false)]
    #[case("__Host-a=1; Secure", false)]
    #[case("__HOST-a=1", false)]
    #[case("__Secure-a=1; Secure", true)]
    #[case("__Secure-a=1", false)]
    #[case("__secure-a=1", false)]
    #[case("__Http-a=1; Secure; HttpOnly", true)]
    #[case("__Http-a=1; Secure", false)]
    #[case("__Host-Http-a=1; Secure; Path=/; HttpOnly", true)]
    #[case("__Host-Http-a=1; Secure; Path=/", false)]
    #[case("=__Host-a=1; Path=/", false)]
    #[case("=__Secure-a", false)]
    #[case("a=1; SameSite=None; Secure", true)]
    #[case("a=1; SameSite=None", false)]
    #[case("a=1; SameSite=Strict", true)]
    #[case("a=1; Partitioned; Secure", true)]
    #[case("a=1; Partitioned", false)]
    #[case("a=\t1", true)]
    #[case("a=1\t2", false)]
    #[case("a\tb=1", false)]
    #[case("a=1; Expires=Sat, 1 January 2000 1:2:3", false)]
    #[case("a=1; Expires=Sat, 01 Jan 2000 00:00:00 +0500", false)]
    #[case("a=1; Expires=Sat, 1 January 2099 1:2:3", true)]
    #[case("a=1; Expires=yesterday", true)]
    #[case("novalue", true)]
    #[case("novalue; Max-Age=0", false)]
    #[case("=", false)]
    #[case("", false)]
    #[case("__Host-novalue", false)]
    #[case("a=ä", true)]
    fn what_a_browser_refuses_is_refused(#[case] cookie: &str, #[case] kept: bool) {
        let mut jar = Jar::default();
        set(&mut jar, &[cookie], "https://www.shop.example/");
        assert_eq!(sent(&jar, "https://www.shop.example/").is_some(), kept);
    }

    #[test]
    fn a_cookie_without_a_name_goes_back_as_its_value() {
        let mut jar = Jar::default();
        let cookies = ["one", "a=1", "=two"];
        set(&mut jar, &cookies, "https://shop.example/");
        let sent = sent(&jar, "https://shop.example/");
        assert_eq!(sent.as_deref(), Some("two; a=1"));
    }

    #[test]
    fn a_control_character_spoils_a_cookie() {
        let url = Url::parse("https://shop.example/").unwrap();
        assert!(acceptable("a=1\u{1}", &url).is_none());
        assert!(acceptable("a=1; Path=/\u{7f}", &url).is_none());
    }

    #[rstest]
    #[case("https://shop.co.uk/", "co.uk", false)]
    #[case("https://shop.co.uk/", "shop.co.uk", true)]
    #[case("https://ann.github.io/", "github.io", false)]
    #[case("https://shop.test.ck/", "test.ck", false)]
    #[case("https://例え.テスト/", "テスト", false)]
    #[case::the_suffix_itself("https://co.uk/", "co.uk", true)]
    fn a_public_suffix_has_cookies_for_itself_at_most(
        #[case] url: &str,
        #[case] domain: &str,
        #[case] kept: bool,
    ) {
        let mut jar = Jar::default();
        set(&mut jar, &[&format!("a=1; Domain={domain}")], url);
        assert_eq!(sent(&jar, url).is_some(), kept);
        let below = format!("https://below.{domain}/");
        let goes_below = kept && domain.starts_with("shop");
        assert_eq!(sent(&jar, &below).is_some(), goes_below);
    }

    #[test]
    fn the_size_of_a_cookie_is_bounded_and_long_attributes_do_not_count() {
        let mut jar = Jar::default();
        let fits = format!("a={}", "x".repeat(MOST_BYTES - 1));
        let too_long = format!("b={}", "x".repeat(MOST_BYTES));
        let path = format!("c=1; Path=/{}", "x".repeat(MOST_BYTES_OF_ATTRIBUTE));
        set(
            &mut jar,
            &[&fits, &too_long, &path],
            "https://shop.example/",
        );
        let expected = format!("{fits}; c=1");
        assert_eq!(sent(&jar, "https://shop.example/"), Some(expected));
    }

    #[test]
    fn what_comes_in_the_clear_is_no_secure_cookie_and_hides_none() {
        let mut jar = Jar::default();
        set(&mut jar, &["a=1; Secure"], "http://shop.example/");
        assert_eq!(sent(&jar, "https://shop.example/"), None);
        set(&mut jar, &["a=1; Secure; Path=/"], "https://shop.example/");
        let over = [
            "a=2; Path=/account",
            "a=3; Domain=shop.example; Path=/",
            "b=4",
        ];
        set(&mut jar, &over, "http://www.shop.example/");
        set(&mut jar, &over, "http://shop.example/");
        assert_eq!(
            sent(&jar, "https://shop.example/").as_deref(),
            Some("a=1; b=4")
        );
        assert_eq!(sent(&jar, "http://shop.example/").as_deref(), Some("b=4"));
    }

    #[test]
    fn a_request_that_states_its_cookies_keeps_them() {
        let mut jar = Jar::default();
        set(&mut jar, &["a=1"], "https://shop.example/");
        let mut headers =
            HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static("own=1"))]);
        jar.add_to(&mut headers, "https://shop.example/");
        assert_eq!(headers[header::COOKIE], "own=1");
    }
}
