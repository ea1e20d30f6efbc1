//! Which call is meant: `POST /api/create-account*`.

use std::{fmt, str::FromStr};

use http::Method;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::international;

/// A method and a pattern of URLs, in which `*` stands for anything.
///
/// The pattern is a path (`/api/login*`, on any host), a host and a path (`shop.example/api/login`) or a whole URL.
/// The query is part of what is compared, as it is in a Cloudflare route. Letters outside ASCII, spaces and escapes mean
/// what they are on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct CallPattern {
    /// The method; any where it is absent.
    pub method: Option<Method>,
    /// The URL pattern.
    pub url: String,
}

/// Why a call could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a request pattern, such as `POST /api/login*` or `shop.example/*`")]
pub struct CallPatternError(String);

impl CallPattern {
    /// Whether a request with this method and absolute URL is meant.
    pub fn matches(&self, method: &Method, url: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method) && self.matches_url(url)
    }

    /// Whether the absolute URL is meant.
    pub fn matches_url(&self, url: &str) -> bool {
        let mut url = international::capital_escapes(url);
        let host = url.find("://").map_or(0, |end| end + 3);
        let end = url[host..]
            .find(['/', '?'])
            .map_or(url.len(), |at| host + at);
        // Schemes and names have no case.
        url[..end].make_ascii_lowercase();
        let url = url.as_str();
        let without_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = without_scheme
            .find(['/', '?'])
            .map_or("", |start| &without_scheme[start..]);
        if self.url.starts_with('/') {
            glob(&self.url, path)
        } else if self.url.contains("://") {
            glob(&self.url, url)
        } else {
            glob(&self.url, without_scheme)
        }
    }
}

/// Whether `*` in the pattern can be filled so that it becomes the text.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        match rest.find(part) {
            Some(start) => rest = &rest[start + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

impl FromStr for CallPattern {
    type Err = CallPatternError;

    fn from_str(text: &str) -> Result<Self, CallPatternError> {
        let wrong = || CallPatternError(text.to_owned());
        let (method, url) = match text.trim().split_once(char::is_whitespace) {
            Some((method, url)) => {
                if !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
                    return Err(wrong());
                }
                let method = Method::from_str(method).map_err(|_| wrong())?;
                (Some(method), url.trim())
            }
            None => (None, text.trim()),
        };
        let host = url.split('/').next().unwrap_or_default();
        if url.is_empty() || host.contains(char::is_whitespace) || !url.contains(['/', '*', '.']) {
            return Err(wrong());
        }
        let url = international::pattern(url).map_err(|_| wrong())?;
        Ok(Self { method, url })
    }
}

impl TryFrom<String> for CallPattern {
    type Error = CallPatternError;

    fn try_from(text: String) -> Result<Self, CallPatternError> {
        text.parse()
    }
}

impl fmt::Display for CallPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.method {
            Some(method) => write!(f, "{method} {}", self.url),
            None => f.write_str(&self.url),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("POST /api/login*", "POST", "https://shop.example/api/login?a=b", true)]
    #[case("POST /api/login", "POST", "https://shop.example/api/login?a=b", false)]
    #[case("POST /api/login", "GET", "https://shop.example/api/login", false)]
    #[case("/api/login", "GET", "https://shop.example/api/login", true)]
    #[case("shop.example/*", "GET", "http://shop.example/x", true)]
    #[case("shop.example/*", "GET", "https://www.shop.example/x", false)]
    #[case("*.fpjs.io/v4/send", "POST", "https://api.fpjs.io/v4/send", true)]
    #[case("https://shop.example/a", "GET", "http://shop.example/a", false)]
    #[case("/a*c*e", "GET", "https://x.example/abcde", true)]
    #[case("/a*c*e", "GET", "https://x.example/abde", false)]
    #[case("/", "GET", "https://x.example", false)]
    #[case("/a*a", "GET", "https://x.example/a", false)]
    #[case(
        "GET SMÖRGÅS.example/*",
        "GET",
        "https://xn--smrgs-pra0j.example/x",
        true
    )]
    #[case(
        "https://*.smörgås.example/*",
        "GET",
        "https://a.xn--smrgs-pra0j.example/",
        true
    )]
    #[case("GET /anmälan*", "GET", "https://x.example/anm%c3%a4lan?a", true)]
    #[case("/anm%c3%a4lan", "GET", "https://x.example/anm%C3%A4lan", true)]
    #[case("GET /my page", "GET", "https://x.example/my%20page", true)]
    fn a_call_is_a_method_and_a_pattern_of_urls(
        #[case] pattern: &str,
        #[case] method: Method,
        #[case] url: &str,
        #[case] matches: bool,
    ) {
        let pattern: CallPattern = pattern.parse().unwrap();
        assert_eq!(pattern.matches(&method, url), matches);
    }

    #[rstest]
    #[case("post /api")]
    #[case("POST")]
    #[case("")]
    #[case("POST a b")]
    #[case("a\u{378}.example/*")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert_eq!(
            text.parse::<CallPattern>(),
            Err(CallPatternError(text.to_owned()))
        );
    }

    proptest::proptest! {
        #[test]
        fn a_pattern_without_stars_matches_itself_only(path in "/[a-z/]{0,12}", other in "/[a-z/]{0,12}") {
            proptest::prop_assert_eq!(glob(&path, &other), path == other);
        }

        #[test]
        fn a_trailing_star_is_a_prefix(path in "/[a-z/]{0,6}", other in "/[a-z/]{0,12}") {
            proptest::prop_assert_eq!(glob(&format!("{path}*"), &other), other.starts_with(&path));
        }
    }

    #[rstest]
    #[case("GET HTTPS://shop.example/A", "https://shop.example/A", true)]
    #[case("GET https://shop.example/A", "HTTPS://SHOP.example/A", true)]
    #[case("GET HTTPS://shop.example/A", "https://shop.example/a", false)]
    fn schemes_and_hosts_have_no_case(
        #[case] pattern: CallPattern,
        #[case] url: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(pattern.matches(&Method::GET, url), expected);
    }
}
