//! The grammar of a route pattern, and when a URL matches one.
//!
//! Source: Cloudflare's documentation, Workers › Configuration › Routes and error 10022. What a pattern means that is not
//! written as URLs travel is not documented. Assumed: the same as if it were (its host as punycode, its path
//! percent-encoded), as Cloudflare takes and shows the names of zones in either form. Escapes of letters that need none
//! (`/%61`) stay, so no normalised URL matches them.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::international;

/// A route pattern such as `*.shop.example/account*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Pattern {
    text: String,
    scheme: Option<Scheme>,
    /// As on the wire; a suffix where `any_host` is set.
    host: String,
    any_host: bool,
    /// As on the wire, case-sensitive; a prefix where `any_path` is set.
    path: String,
    any_path: bool,
}

/// The protocol a visitor speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

/// A URL in the three parts that routes look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The protocol.
    pub scheme: Scheme,
    /// The host, without a port, in any case.
    pub host: &'a str,
    /// The path and, behind `?`, the query.
    pub path_and_query: &'a str,
}

/// Which part of a pattern a URL does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The pattern names the other protocol.
    Scheme,
    /// The host is another one.
    Host,
    /// The path, or the query that belongs to it, is another one.
    Path,
}

/// The URLs that two patterns share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    scheme: Option<Scheme>,
    host: String,
    any_host: bool,
    path: String,
    any_path: bool,
}

impl Overlap {
    /// Whether these are all URLs of `pattern`, in one scheme at least.
    pub fn is_all_of(&self, pattern: &Pattern) -> bool {
        (&self.host, self.any_host, &self.path, self.any_path)
            == (
                &pattern.host,
                pattern.any_host,
                &pattern.path,
                pattern.any_path,
            )
    }

    /// A few of the URLs, in the parts that routes look at: the shortest, and such as no further pattern is likely to match.
    pub fn examples(&self) -> Vec<(Scheme, String, String)> {
        let scheme = self.scheme.unwrap_or(Scheme::Https);
        let host = match (self.any_host, self.host.as_str()) {
            (false, host) => host.to_owned(),
            (true, "") => "any.example".to_owned(),
            (true, suffix) if suffix.starts_with('.') => format!("any{suffix}"),
            (true, suffix) => suffix.to_owned(),
        };
        let ends: &[&str] = if self.any_path {
            &["", "0", "/0", "?0"]
        } else {
            &[""]
        };
        let url = |end: &&str| (scheme, host.clone(), format!("{}{end}", self.path));
        ends.iter().map(url).collect()
    }
}

/// Of two texts, each with whether it stands for all that continue it, the one that both stand for.
fn narrower<'a>(
    one: (&'a str, bool),
    other: (&'a str, bool),
    continues: impl Fn(&str, &str) -> bool,
) -> Option<(&'a str, bool)> {
    let (wide, narrow) = match (one.1, other.1) {
        (true, true) if one.0.len() > other.0.len() => (other, one),
        (true, _) => (one, other),
        (false, true) => (other, one),
        (false, false) => return (one.0 == other.0).then_some(one),
    };
    continues(wide.0, narrow.0).then_some(narrow)
}

/// Why a pattern is not one; Cloudflare's API answers each with code 10022.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// Nothing stands before the path.
    #[error("route `{0}` names no host")]
    NoHost(String),
    /// A scheme other than the two of the web.
    #[error("route `{pattern}` has the scheme `{scheme}`; only http:// and https:// are possible")]
    Scheme {
        /// The pattern.
        pattern: String,
        /// What stands before `://`.
        scheme: String,
    },
    /// A character that no host name has.
    #[error("route `{pattern}` has the character {character:?} in its host")]
    HostCharacter {
        /// The pattern.
        pattern: String,
        /// The first such character.
        character: char,
    },
    /// A host that has no punycode.
    #[error("route `{0}` has an invalid host: its punycode is not valid")]
    HostName(String),
    /// A wildcard inside the host.
    #[error("route `{0}` has a wildcard inside its host; `*` can only be the first character")]
    HostWildcard(String),
    /// A wildcard inside the path.
    #[error("route `{0}` has a wildcard inside its path; `*` can only be the last character")]
    PathWildcard(String),
    /// A query string.
    #[error("route `{0}` has a query string; let it end in `*` to match URLs with any query")]
    Query(String),
}

impl PatternError {
    /// The code of Cloudflare's API for every invalid pattern.
    pub const CODE: u32 = 10022;
}

impl Pattern {
    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The pattern as URLs travel: what two spellings of one pattern have in common.
    pub fn on_the_wire(&self) -> String {
        let scheme = self
            .scheme
            .map_or(String::new(), |scheme| format!("{scheme}://"));
        let star = |any| if any { "*" } else { "" };
        let (any_host, any_path) = (star(self.any_host), star(self.any_path));
        format!("{scheme}{any_host}{}{}{any_path}", self.host, self.path)
    }

    /// The host part as on the wire, without its wildcard.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether the host begins with a wildcard.
    pub fn has_host_wildcard(&self) -> bool {
        self.any_host
    }

    /// Why `target` does not match; nothing where it does.
    pub fn mismatch(&self, target: Target<'_>) -> Option<Mismatch> {
        if self.scheme.is_some_and(|scheme| scheme != target.scheme) {
            Some(Mismatch::Scheme)
        } else if !self.matches_host(target.host) {
            Some(Mismatch::Host)
        } else if !self.matches_path(target.path_and_query) {
            Some(Mismatch::Path)
        } else {
            None
        }
    }

    /// Whether `target` matches.
    pub fn matches(&self, target: Target<'_>) -> bool {
        self.mismatch(target).is_none()
    }

    /// Whether `target` would match if paths were not case-sensitive.
    pub fn matches_ignoring_path_case(&self, target: Target<'_>) -> bool {
        let lenient = Self {
            path: self.path.to_ascii_lowercase(),
            ..self.clone()
        };
        lenient.matches(Target {
            path_and_query: &target.path_and_query.to_ascii_lowercase(),
            ..target
        })
    }

    /// The URLs that two patterns share; nothing where they share none.
    pub fn overlap(&self, other: &Self) -> Option<Overlap> {
        let scheme = match (self.scheme, other.scheme) {
            (Some(own), Some(others)) if own != others => return None,
            (own, others) => own.or(others),
        };
        let (host, any_host) = narrower(
            (&self.host, self.any_host),
            (&other.host, other.any_host),
            |suffix, host| host.ends_with(suffix),
        )?;
        let (path, any_path) = narrower(
            (&self.path, self.any_path),
            (&other.path, other.any_path),
            |prefix, path| path.starts_with(prefix),
        )?;
        Some(Overlap {
            scheme,
            host: host.to_owned(),
            any_host,
            path: path.to_owned(),
            any_path,
        })
    }

    /// How specific the pattern is: the higher one wins.
    ///
    /// The formula is the one miniflare says it took from Cloudflare's configuration service. It knows labels and
    /// path parts only, so `/images*` beats `/images/*`, and a host without a wildcard beats any path: both are
    /// documented under Workers › Known issues.
    pub fn specificity(&self) -> i64 {
        let host = self.labels();
        let path = self.path_parts();
        host * 26 + path
    }

    fn labels(&self) -> i64 {
        let written = if self.any_host {
            format!("*{}", self.host)
        } else {
            self.host.clone()
        };
        let mut labels = written.split('.');
        let lone_wildcard = labels.next() == Some("*");
        written.split('.').count() as i64 - if lone_wildcard { 2 } else { 0 }
    }

    fn path_parts(&self) -> i64 {
        let lone_wildcard = self.any_path && self.path.ends_with('/');
        self.path.split('/').count() as i64 - if lone_wildcard { 2 } else { 0 }
    }

    fn matches_host(&self, host: &str) -> bool {
        let host = host.as_bytes();
        let wanted = self.host.as_bytes();
        if self.any_host {
            host.len() >= wanted.len()
                && host[host.len() - wanted.len()..].eq_ignore_ascii_case(wanted)
        } else {
            host.eq_ignore_ascii_case(wanted)
        }
    }

    fn matches_path(&self, path_and_query: &str) -> bool {
        if self.any_path {
            path_and_query.starts_with(&self.path)
        } else {
            path_and_query == self.path
        }
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let own = || text.to_owned();
        let (scheme, rest) = split_scheme(text)?;
        let (host, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            // A query may follow the host directly; it must not be taken for a part of the name.
            None => (rest, "/"),
        };
        if rest.contains('?') {
            return Err(PatternError::Query(own()));
        }
        if host.is_empty() {
            return Err(PatternError::NoHost(own()));
        }
        let any_host = host.starts_with('*');
        let host = host.strip_prefix('*').unwrap_or(host);
        if host.contains('*') {
            return Err(PatternError::HostWildcard(own()));
        }
        let refused = |host: &str| host.chars().find(|&character| !is_host(character));
        if let Some(character) = refused(host) {
            return Err(PatternError::HostCharacter {
                pattern: own(),
                character,
            });
        }
        let any_path = path.ends_with('*');
        let path = path.strip_suffix('*').unwrap_or(path);
        if path.contains('*') {
            return Err(PatternError::PathWildcard(own()));
        }
        let name = match any_host {
            true => international::host_suffix(host),
            false => international::host(host),
        };
        // `₌` is `=` in punycode, which no host has either.
        let host = name.ok().filter(|name| refused(name).is_none());
        Ok(Self {
            text: own(),
            scheme,
            host: host.ok_or_else(|| PatternError::HostName(own()))?,
            any_host,
            path: international::path(path),
            any_path,
        })
    }
}

fn split_scheme(text: &str) -> Result<(Option<Scheme>, &str), PatternError> {
    // Only a scheme that stands first counts: a path may hold `://` as well.
    match text.split_once("://") {
        Some(("http", rest)) => Ok((Some(Scheme::Http), rest)),
        Some(("https", rest)) => Ok((Some(Scheme::Https), rest)),
        Some((scheme, _)) if !scheme.contains('/') => Err(PatternError::Scheme {
            pattern: text.to_owned(),
            scheme: scheme.to_owned(),
        }),
        _ => Ok((None, text)),
    }
}

fn is_host(character: char) -> bool {
    // Of other letters the name as a whole tells whether it is one.
    !character.is_ascii()
        || character.is_ascii_alphanumeric()
        || matches!(character, '-' | '.' | '_')
}

impl TryFrom<String> for Pattern {
    type Error = PatternError;

    fn try_from(text: String) -> Result<Self, PatternError> {
        text.parse()
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Scheme {
    /// As it stands before `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
