//! URL patterns, as in Cloudflare routes: `*` stands at the start of the host and at the end of the path, nowhere else.
//!
//! The rules and the specificity of a pattern are those the vendor's worker and Miniflare share. Ports are ignored on
//! both sides; a pattern without a scheme matches both; the path is compared together with the query, so a pattern
//! without a trailing `*` never matches a URL that has one.

use std::cmp::Ordering;

use url::Url;

/// A pattern that URLs are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    scheme: Option<Scheme>,
    host: Host,
    path: Path,
    specificity: Specificity,
}

/// How specific a pattern is: the higher one decides. Equal scores fall back to the longer text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    /// 26 for each label of the host and 1 for each part of the path; a bare `*` takes two parts away.
    pub score: i64,
    /// Length of the pattern's text in bytes.
    pub length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    Exact(String),
    EndsWith(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Path {
    Exact(String),
    StartsWith(String),
}

/// Why a text is not a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Another scheme than `http` or `https`.
    #[error("only http and https URLs can be matched")]
    Scheme,
    /// A query can only be matched by a trailing `*`.
    #[error("a pattern has no query; end it with * to match any")]
    Query,
    /// `*` in the middle of the host or the path.
    #[error("* may only stand at the start of the host and at the end of the path")]
    InfixWildcard,
    /// No host in front of the path.
    #[error("a pattern starts with a host, such as shop.example/api/*")]
    NoHost,
    /// The rest is no URL.
    #[error("the host or the path is not valid in a URL")]
    Invalid,
}

impl Pattern {
    /// Reads a pattern such as `*.shop.example/api/*`.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.trim();
        let (scheme, rest) = split_scheme(text)?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        if rest.contains('?') {
            return Err(PatternError::Query);
        }
        let slash = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(slash);
        let authority = authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host);
        let host = read_host(authority)?;
        let path = read_path(path)?;
        let score = 26 * score_host(authority) + path.score();
        Ok(Self {
            text: text.to_owned(),
            scheme,
            host,
            path,
            specificity: Specificity {
                score,
                length: text.len(),
            },
        })
    }

    /// Whether the URL is one of those the pattern names.
    pub fn matches(&self, url: &Url) -> bool {
        let scheme = match self.scheme {
            None => matches!(url.scheme(), "http" | "https"),
            Some(Scheme::Http) => url.scheme() == "http",
            Some(Scheme::Https) => url.scheme() == "https",
        };
        scheme && self.matches_host(url) && self.matches_path(url)
    }

    /// Whether a page of this origin can match the pattern, whatever its path.
    pub fn matches_origin(&self, origin: &Url) -> bool {
        let scheme = match self.scheme {
            None => matches!(origin.scheme(), "http" | "https"),
            Some(Scheme::Http) => origin.scheme() == "http",
            Some(Scheme::Https) => origin.scheme() == "https",
        };
        scheme && self.matches_host(origin)
    }

    /// Whether it says http or https, rather than leaving both open.
    pub fn names_scheme(&self) -> bool {
        self.scheme.is_some()
    }

    /// Whether the path of the URL is the pattern's own, with nothing where the wildcard stands.
    pub fn is_own_path(&self, url: &Url) -> bool {
        self.path().0 == url.path()
    }

    /// Whether the host of the URL is one of those the pattern names, whatever the scheme. A dot at its end makes no other
    /// host of it.
    pub(crate) fn names_host(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        self.host.matches(host.strip_suffix('.').unwrap_or(host))
    }

    /// Whether it names more than one path.
    pub(crate) fn is_wild(&self) -> bool {
        self.path().1
    }

    /// Its path, without the wildcard, and whether there was one.
    pub(crate) fn path(&self) -> (&str, bool) {
        match &self.path {
            Path::Exact(path) => (path, false),
            Path::StartsWith(path) => (path, true),
        }
    }

    /// How it ranks among other patterns.
    pub fn specificity(&self) -> Specificity {
        self.specificity
    }

    /// The text it was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn matches_host(&self, url: &Url) -> bool {
        self.host.matches(url.host_str().unwrap_or_default())
    }

    fn matches_path(&self, url: &Url) -> bool {
        let path = url.path();
        match &self.path {
            // An empty query (`/path?`) counts as none, as in the `search` of a URL in JavaScript.
            Path::Exact(exact) => {
                exact.len() == path.len()
                    && begins_with(path, exact)
                    && url.query().is_none_or(str::is_empty)
            }
            // The query follows the wildcard: it can hold no part of the start.
            Path::StartsWith(start) => begins_with(path, start),
        }
    }
}

/// Whether a path begins with another one; the digits of escapes may be capitals or not (RFC 3986 §6.2.2.1).
fn begins_with(path: &str, start: &str) -> bool {
    let (path, start) = (path.as_bytes(), start.as_bytes());
    path.len() >= start.len()
        && (path.starts_with(start)
            || start.iter().enumerate().all(|(at, byte)| {
                let is_digit =
                    byte.is_ascii_hexdigit() && start[at.saturating_sub(2)..at].contains(&b'%');
                *byte == path[at] || is_digit && byte.eq_ignore_ascii_case(&path[at])
            }))
}

impl Host {
    fn matches(&self, host: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => exact == host,
            Self::EndsWith(end) => host.ends_with(end.as_str()),
        }
    }
}

impl Path {
    fn score(&self) -> i64 {
        match self {
            Self::Exact(path) => parts(path),
            Self::StartsWith(path) if path.ends_with('/') => parts(path) - 2,
            Self::StartsWith(path) => parts(path),
        }
    }
}

impl Specificity {
    /// The specificity of one of the worker's own routes on the host of a request.
    pub fn of_own_route(host: &str, path: &str) -> Self {
        let path_score = if path.ends_with("/*") {
            parts(path) - 2
        } else {
            parts(path)
        };
        Self {
            score: 26 * score_host(host) + path_score,
            length: host.len() + path.len(),
        }
    }

    /// Compares so that the first of equals stays first when the best is kept on `Greater` only.
    pub fn outranks(self, other: Self) -> bool {
        self.cmp(&other) == Ordering::Greater
    }
}

fn split_scheme(text: &str) -> Result<(Option<Scheme>, &str), PatternError> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok((None, text));
    };
    if scheme.eq_ignore_ascii_case("https") {
        Ok((Some(Scheme::Https), rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Ok((Some(Scheme::Http), rest))
    } else if scheme.contains('/') {
        // The separator belongs to the path.
        Ok((None, text))
    } else {
        Err(PatternError::Scheme)
    }
}

fn read_host(authority: &str) -> Result<Host, PatternError> {
    let name = without_port(authority);
    let (wild, name) = match name.strip_prefix('*') {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    if name.contains('*') {
        return Err(PatternError::InfixWildcard);
    }
    match (wild, name) {
        (true, "") => Ok(Host::Any),
        (false, "") => Err(PatternError::NoHost),
        (true, end) => {
            // The dot after the wildcard is no part of a name that could be normalised.
            let (dot, end) = end.strip_prefix('.').map_or(("", end), |rest| (".", rest));
            Ok(Host::EndsWith(format!("{dot}{}", normal_end(end)?)))
        }
        (false, name) => normal_host(name).map(Host::Exact),
    }
}

fn normal_host(name: &str) -> Result<String, PatternError> {
    url::Host::parse(name)
        .map(|host| host.to_string())
        .map_err(|_| PatternError::Invalid)
}

/// Numbers are an address only where they are a whole host.
fn normal_end(end: &str) -> Result<String, PatternError> {
    match url::Host::parse(end).map_err(|_| PatternError::Invalid)? {
        url::Host::Domain(end) => Ok(end),
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => Ok(end.to_ascii_lowercase()),
    }
}

fn without_port(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    }
}

fn read_path(path: &str) -> Result<Path, PatternError> {
    let wild = path.ends_with('*');
    if path.strip_suffix('*').unwrap_or(path).contains('*') {
        return Err(PatternError::InfixWildcard);
    }
    // The wildcard stays while the path is normalised: `/.*` is no dot segment.
    let url = Url::parse(&format!("https://host{path}")).map_err(|_| PatternError::Invalid)?;
    let path = url.path();
    match path.strip_suffix('*') {
        Some(start) if wild => Ok(Path::StartsWith(start.to_owned())),
        _ => Ok(Path::Exact(path.to_owned())),
    }
}

fn score_host(host: &str) -> i64 {
    let labels = count(host, '.');
    if host.split('.').next() == Some("*") {
        labels - 2
    } else {
        labels
    }
}

fn parts(path: &str) -> i64 {
    count(path, '/')
}

fn count(text: &str, separator: char) -> i64 {
    i64::try_from(text.split(separator).count()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn matches(pattern: &str, url: &str) -> bool {
        Pattern::parse(pattern)
            .unwrap()
            .matches(&Url::parse(url).unwrap())
    }

    #[rstest]
    #[case("shop.example/login", "https://shop.example/login", true)]
    #[case("shop.example/login", "http://shop.example/login", true)]
    #[case("shop.example/login", "https://shop.example/login?x=1", false)]
    #[case("shop.example/login", "https://shop.example/login?", true)]
    #[case("shop.example/login", "https://shop.example/login/", false)]
    #[case("shop.example/login", "https://shop.example/Login", false)]
    #[case("shop.example/login*", "https://shop.example/login", true)]
    #[case("shop.example/login*", "https://shop.example/login?x=1", true)]
    #[case("shop.example/login*", "https://shop.example/login/next", true)]
    #[case("shop.example/api/*", "https://shop.example/api", false)]
    #[case("shop.example/api*", "https://shop.example/api", true)]
    #[case("shop.example", "https://shop.example/", true)]
    #[case("https://shop.example", "https://shop.example/?utm=1", false)]
    #[case("https://shop.example/", "http://shop.example/", false)]
    #[case("HTTP://shop.example/", "http://shop.example/", true)]
    #[case("SHOP.example/a", "https://shop.example/a", true)]
    #[case("shop.example:8443/a", "https://shop.example/a", true)]
    #[case("shop.example/a", "https://shop.example:8443/a", true)]
    #[case("user:pw@shop.example/a#part", "https://shop.example/a", true)]
    #[case("shop.example/a", "https://shop.example./a", false)]
    #[case("*.shop.example/*", "https://shop.example/", false)]
    #[case("*.shop.example/*", "https://www.shop.example/", true)]
    #[case("*shop.example/*", "https://shop.example/", true)]
    #[case("*shop.example/*", "https://evilshop.example/", true)]
    #[case("*/a", "https://any.example/a", true)]
    #[case("b\u{fc}cher.example/a", "https://xn--bcher-kva.example/a", true)]
    #[case("shop.example/a/../b", "https://shop.example/b", true)]
    #[case("shop.example/caf\u{e9}", "https://shop.example/caf%C3%A9", true)]
    #[case("shop.example/api", "https://shop.example/%61pi", false)]
    #[case("shop.example/caf%c3%a9", "https://shop.example/caf%C3%A9", true)]
    #[case("shop.example/caf\u{e9}*", "https://shop.example/caf%c3%a9s", true)]
    #[case("shop.example/%41B", "https://shop.example/%41b", false)]
    #[case("shop.example/%c3%A", "https://shop.example/%C3%a", true)]
    #[case("shop.example/my page*", "https://shop.example/my%20page", true)]
    #[case("\u{ff33}\u{ff28}OP.example/a", "https://shop.example/a", true)]
    #[case("stra\u{df}e.example/a", "https://xn--strae-oqa.example/a", true)]
    #[case("*.b\u{fc}cher.example/a", "https://www.xn--bcher-kva.example/a", true)]
    #[case("shop.example/.*", "https://shop.example/.well-known", true)]
    #[case("[::1]/a", "http://[0:0::1]:80/a", true)]
    #[case("*.0.0.1/a", "http://127.0.0.1/a", true)]
    #[case("*.0.0.1/a", "http://10.0.1.1/a", false)]
    fn a_pattern_names_urls(#[case] pattern: &str, #[case] url: &str, #[case] expected: bool) {
        assert_eq!(matches(pattern, url), expected);
    }

    #[rstest]
    #[case("shop.example/a?b=1", PatternError::Query)]
    #[case("shop.example/a*b", PatternError::InfixWildcard)]
    #[case("shop.example/*/b", PatternError::InfixWildcard)]
    #[case("shop.*.example/b", PatternError::InfixWildcard)]
    #[case("ftp://shop.example/b", PatternError::Scheme)]
    #[case("/api/*", PatternError::NoHost)]
    #[case("", PatternError::NoHost)]
    #[case("sh op.example/", PatternError::Invalid)]
    fn what_cannot_be_a_pattern_is_refused(#[case] text: &str, #[case] error: PatternError) {
        assert_eq!(Pattern::parse(text), Err(error));
    }

    #[rstest]
    #[case("127.0.0.1/api/*", 105)]
    #[case("example.com/api/login", 55)]
    #[case("example.com/api*", 54)]
    #[case("example.com", 54)]
    #[case("example.com/api/*", 53)]
    #[case("*example.com/api/*", 53)]
    #[case("example.com/*", 52)]
    #[case("*.example.com/api/*", 27)]
    #[case("localhost:4173/api/*", 27)]
    #[case("https://*/x", -24)]
    #[case("*/*", -26)]
    fn specificity_is_the_vendors(#[case] pattern: &str, #[case] score: i64) {
        assert_eq!(Pattern::parse(pattern).unwrap().specificity().score, score);
    }

    #[test]
    fn an_own_route_ranks_like_the_pattern_with_the_host_of_the_request() {
        let pattern = Pattern::parse("example.com/scripts/*").unwrap();
        assert_eq!(
            Specificity::of_own_route("example.com", "/scripts/*"),
            pattern.specificity()
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_fail(text in ".{0,60}") {
            let _ = Pattern::parse(&text);
        }

        #[test]
        fn an_exact_pattern_matches_its_own_url(path in "(/[a-zA-Z0-9._~%!-]{1,8}){1,4}") {
            let url = Url::parse(&format!("https://shop.example{path}")).unwrap();
            prop_assert!(Pattern::parse(url.as_str()).unwrap().matches(&url));
        }

        #[test]
        fn a_trailing_wildcard_matches_every_continuation(path in "/[a-z]{0,8}", rest in "[a-z?=&/]{0,12}") {
            let url = Url::parse(&format!("https://shop.example{path}{rest}")).unwrap();
            let pattern = format!("shop.example{path}*");
            prop_assert!(matches(&pattern, url.as_str()));
        }
    }
}
