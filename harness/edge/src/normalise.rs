//! URL normalisation: what a path becomes before routes and workers see it.
//!
//! Source: Cloudflare's documentation, Rules › Normalization. The query is left as it is.

use schemars::JsonSchema;
use serde::Deserialize;

/// A zone's normalisation of URLs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Normalization {
    /// The rules.
    #[serde(rename = "type")]
    pub kind: NormalizationType,
    /// Whether routes and workers see the normalised URL.
    pub incoming: bool,
    /// Whether the origin sees it too where no worker runs.
    pub to_origin: bool,
    /// Whether `//` becomes `/` under [`NormalizationType::Rfc3986`] as well. The documentation says both: one page
    /// calls it essential and always on, the table of examples keeps the two slashes. Default: kept.
    pub merge_slashes: bool,
}

/// Which rules a path is normalised by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NormalizationType {
    /// Unreserved characters decoded, others encoded, escapes in capitals, dot segments removed.
    #[default]
    Rfc3986,
    /// The same, after `\` became `/` and repeated slashes became one.
    Cloudflare,
}

impl Default for Normalization {
    fn default() -> Self {
        Self {
            kind: NormalizationType::default(),
            incoming: true,
            to_origin: false,
            merge_slashes: false,
        }
    }
}

impl Normalization {
    /// The normalised form of a path with its query.
    pub fn apply(&self, path_and_query: &str) -> String {
        let (path, query) = match path_and_query.find('?') {
            Some(at) => path_and_query.split_at(at),
            None => (path_and_query, ""),
        };
        let mut path = match self.kind {
            NormalizationType::Rfc3986 => path.to_owned(),
            NormalizationType::Cloudflare => path.replace('\\', "/"),
        };
        if self.merge_slashes || self.kind == NormalizationType::Cloudflare {
            path = merge_slashes(&path);
        }
        path = remove_dot_segments(&recode(&path));
        path + query
    }
}

/// Whether every `%` of the path is followed by two hexadecimal digits; the edge answers 400 where one is not.
pub fn is_well_escaped(path_and_query: &str) -> bool {
    let path = path_and_query.split('?').next().unwrap_or_default();
    path.split('%')
        .skip(1)
        .all(|escape| decoded(escape.as_bytes()).is_some())
}

/// A target as an HTTP/1.1 server takes it: what a URL never holds as it is gets percent-encoded, as every browser does
/// with it. workerd refuses these bytes. Assumption: Cloudflare's documentation says both, that such a target is refused
/// (error 400) and that other literal bytes are encoded (Rules › Normalization); here they are encoded.
pub(super) fn encode_unsafe(target: &str) -> String {
    let mut encoded = String::with_capacity(target.len());
    for byte in target.bytes() {
        if matches!(byte, b'"' | b'<' | b'>' | b'`') || !byte.is_ascii_graphic() {
            encoded.push_str(&format!("%{byte:02X}"));
        } else {
            encoded.push(char::from(byte));
        }
    }
    encoded
}

fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    for character in path.chars() {
        if character != '/' || !merged.ends_with('/') {
            merged.push(character);
        }
    }
    merged
}

/// Decodes escapes of unreserved characters, encodes what may not stand in a path, capitalises what stays escaped.
fn recode(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut recoded = String::with_capacity(path.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (character, escaped, length) = match byte {
            b'%' => match decoded(&bytes[at + 1..]) {
                Some(value) => (value, !is_unreserved(value), 3),
                None => (byte, true, 1),
            },
            other => (other, !is_unreserved(other) && !is_reserved(other), 1),
        };
        if escaped {
            recoded.push_str(&format!("%{character:02X}"));
        } else {
            recoded.push(char::from(character));
        }
        at += length;
    }
    recoded
}

fn decoded(digits: &[u8]) -> Option<u8> {
    let digit = |at: usize| {
        digits
            .get(at)
            .and_then(|digit| char::from(*digit).to_digit(16))
    };
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn is_reserved(byte: u8) -> bool {
    b":/?#[]@!$&'()*+,;=".contains(&byte)
}

/// RFC 3986 §5.2.4 for a path that starts with a slash.
fn remove_dot_segments(path: &str) -> String {
    let Some(rest) = path.strip_prefix('/') else {
        return path.to_owned();
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                // What stood before stays a directory.
                if last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn by(kind: NormalizationType) -> Normalization {
        Normalization {
            kind,
            ..Normalization::default()
        }
    }

    // Documentation, Rules › Normalization › How it works (its table of examples and its list of rules), and
    // RFC 3986 §5.2.4 and §6.2.2 for the rest.
    #[rstest]
    #[case::documented(r"/%68ello//pa\th", "/hello//pa%5Cth", "/hello/pa/th")]
    #[case::documented("/%68ello", "/hello", "/hello")]
    #[case("/a%2fb", "/a%2Fb", "/a%2Fb")]
    #[case("/a%2Fb", "/a%2Fb", "/a%2Fb")]
    #[case("/%7euser", "/~user", "/~user")]
    #[case("/a/./b/../c", "/a/c", "/a/c")]
    #[case("/a/%2e%2E/c", "/c", "/c")]
    #[case("/../../x", "/x", "/x")]
    #[case("/a/..", "/", "/")]
    #[case("/a/b/.", "/a/b/", "/a/b/")]
    #[case(r"/a\..\b", "/a%5C..%5Cb", "/b")]
    #[case("/a%5c..%5cb", "/a%5C..%5Cb", "/a%5C..%5Cb")]
    #[case("///", "///", "/")]
    #[case("/a{b}|\"", "/a%7Bb%7D%7C%22", "/a%7Bb%7D%7C%22")]
    #[case("/é", "/%C3%A9", "/%C3%A9")]
    #[case("/a;b=c,d!$&'()*+:@", "/a;b=c,d!$&'()*+:@", "/a;b=c,d!$&'()*+:@")]
    #[case::query_is_left("/%61?x=%61/../%2f", "/a?x=%61/../%2f", "/a?x=%61/../%2f")]
    fn a_path_is_normalised_as_documented(
        #[case] path: &str,
        #[case] rfc3986: &str,
        #[case] cloudflare: &str,
    ) {
        assert_eq!(by(NormalizationType::Rfc3986).apply(path), rfc3986);
        assert_eq!(by(NormalizationType::Cloudflare).apply(path), cloudflare);
    }

    #[test]
    fn slashes_can_be_merged_under_the_rfc_as_well() {
        let normalization = Normalization {
            merge_slashes: true,
            ..Normalization::default()
        };
        assert_eq!(normalization.apply(r"//a///b\c"), "/a/b%5Cc");
    }

    #[rstest]
    #[case("/a%20b", true)]
    #[case("/a%2", false)]
    #[case("/a%", false)]
    #[case("/%zz", false)]
    #[case("/%+1", false)]
    #[case("/?q=100%", true)]
    fn an_escape_has_two_hexadecimal_digits(#[case] path: &str, #[case] expected: bool) {
        assert_eq!(is_well_escaped(path), expected);
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing_more(path in r"/[a-c./%2eE5\\?x]{0,24}", merge: bool) {
            for kind in [NormalizationType::Rfc3986, NormalizationType::Cloudflare] {
                let normalization = Normalization { kind, merge_slashes: merge, ..Normalization::default() };
                let once = normalization.apply(&path);
                prop_assert_eq!(normalization.apply(&once), once.clone());
            }
        }

        #[test]
        fn a_normalised_path_is_ascii_and_has_no_dot_segments(path in "/.{0,32}") {
            let normalised = Normalization::default().apply(&path);
            let path = normalised.split('?').next().unwrap();
            prop_assert!(path.is_ascii() && path.starts_with('/'));
            prop_assert!(!path.split('/').any(|segment| segment == "." || segment == ".."));
        }

        #[test]
        fn a_path_is_what_normalisation_makes_of_it(written in "/[a-zA-Zäöå {}|^<>*!$&'()+,;=:@_~-]{0,24}") {
            let normalised = Normalization::default().apply(&written);
            prop_assert_eq!(edgeproof_ground::international::path(&written), normalised);
        }
    }
}
