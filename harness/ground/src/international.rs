//! What names, URLs and paths written in any script are on the wire: punycode, and percent-encoded UTF-8.
//!
//! Names are mapped as browsers do it (UTS 46, non-transitional; the WHATWG's URL standard), so that `SMÖRGÅS.example`,
//! `ｓｍörgås.example` and `xn--smrgs-pra0j.example` are one name. Every name, pattern and URL that a file or an argument
//! has comes through here once, where it is read; behind that, names are compared as texts.

use std::{borrow::Cow, collections::BTreeMap, fmt, marker::PhantomData};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

/// A name that cannot be one on the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a host name: {why}")]
pub struct NameError {
    name: String,
    why: &'static str,
}

/// The most letters of a label and of a name, as text without the dot at its end (RFC 1035 §2.3.4).
const MOST_IN_LABEL: usize = 63;
const MOST_IN_NAME: usize = 253;

/// ASCII that no client sends in a path as it is, and that the edge encodes; `%` is not among it.
const NEVER_RAW: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A space and what is not ASCII: all that a URL library refuses.
const NOT_IN_A_URI: &AsciiSet = &AsciiSet::EMPTY.add(b' ');

/// A host name on the wire.
///
/// # Errors
/// It has none.
pub fn host(name: &str) -> Result<String, NameError> {
    let host = url::Host::parse(name).map_err(|_| NameError {
        name: name.to_owned(),
        why: "it has a character that is not allowed, or invalid punycode",
    })?;
    let host = host.to_string();
    fits(&host)?;
    Ok(host)
}

/// Whether the labels of a name, or of a part of one, are such that a client can ask for it.
fn fits(name: &str) -> Result<(), NameError> {
    let why = if name.ends_with('.') {
        "it ends with a dot; the name without it is the same one"
    } else if name.split('.').any(str::is_empty) {
        "a part between its dots is empty"
    } else if name.split('.').any(|label| label.len() > MOST_IN_LABEL) {
        "a part between its dots is longer than 63 letters"
    } else if name.len() > MOST_IN_NAME {
        "it is longer than 253 letters"
    } else {
        return Ok(());
    };
    let name = name.to_owned();
    Err(NameError { name, why })
}

/// A host name on the wire, or the name as it is written where it has none.
pub fn host_or_as_written(name: &str) -> Cow<'_, str> {
    host(name).map_or(Cow::Borrowed(name), Cow::Owned)
}

/// A host name as people read it.
pub fn in_letters(name: &str) -> String {
    idna::domain_to_unicode(name).0
}

/// What a host ends with, such as `.smörgås.example`; the dot in front is no part of a name.
///
/// # Errors
/// What is behind the dot is no name.
pub fn host_suffix(suffix: &str) -> Result<String, NameError> {
    let (dot, name) = match suffix.strip_prefix('.') {
        Some(name) => (".", name),
        None => ("", suffix),
    };
    if name.is_ascii() {
        // `*-eu.example`, `*.1`: ends of names that are no names themselves.
        return Ok(suffix.to_ascii_lowercase());
    }
    host(name).map(|name| format!("{dot}{name}"))
}

/// A path, or the start of one, as the edge has it after normalisation: encoded where it must be, escapes in capitals.
/// Escapes are not undone.
pub fn path(path: &str) -> String {
    capital_escapes(&utf8_percent_encode(path, NEVER_RAW).to_string())
}

/// A pattern of URLs with its host and path as they are on the wire; every `*` stays where it is.
///
/// # Errors
/// Its host is no name.
pub fn pattern(pattern: &str) -> Result<String, NameError> {
    let (scheme, rest) = scheme(pattern);
    let (authority, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let parts: Result<Vec<_>, _> = authority.split('*').map(part_of_host).collect();
    let scheme = scheme.to_ascii_lowercase();
    Ok(format!("{scheme}{}{}", parts?.join("*"), path(rest)))
}

/// Whether a value that is not known yet stands in a text.
fn has_hole(text: &str) -> bool {
    text.contains("${")
}

/// The part of a pattern's host between two `*`.
fn part_of_host(part: &str) -> Result<String, NameError> {
    if part.is_ascii() {
        let whole = part.strip_prefix('.').unwrap_or(part);
        let whole = whole.strip_suffix('.').unwrap_or(whole);
        if !whole.is_empty() && !has_hole(whole) {
            fits(whole)?;
        }
        return Ok(part.to_ascii_lowercase());
    }
    match part.strip_suffix('.') {
        Some(name) => host_suffix(name).map(|name| format!("{name}.")),
        None => host_suffix(part),
    }
}

/// An absolute URL as a client sends it: the host as a name on the wire, the rest percent-encoded where it is not
/// ASCII or has a space, and otherwise as it is written: a client may ask for `/a/../b`.
///
/// A dot at the end of the host is left out. Browsers keep it in `Host`; what Cloudflare makes of it is not published, and
/// the assumption here is that it is the same name.
///
/// # Errors
/// Its host is no name.
pub fn url(url: &str) -> Result<String, NameError> {
    let (scheme, rest) = scheme(url);
    if scheme.is_empty() {
        return Ok(url.to_owned());
    }
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, address) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let (name, port) = match address.rfind(':') {
        Some(colon) if digits(&address[colon + 1..]) => address.split_at(colon),
        _ => (address, ""),
    };
    // A value that is not known yet may stand in the place of the host, and ASCII is as it is.
    let name = name.strip_suffix('.').unwrap_or(name);
    let name = if !name.is_ascii() {
        host(name)?
    } else {
        if !name.is_empty() && !has_hole(name) {
            fits(name)?;
        }
        name.to_owned()
    };
    let rest = utf8_percent_encode(rest, NOT_IN_A_URI);
    Ok(format!("{scheme}{user}{name}{port}{rest}"))
}

/// The scheme with `://`, and what follows.
fn scheme(text: &str) -> (&str, &str) {
    let end = text.find("://").filter(|end| !text[..*end].contains('/'));
    text.split_at(end.map_or(0, |end| end + 3))
}

/// The digits of percent-encodings in capitals.
pub fn capital_escapes(text: &str) -> String {
    let mut parts = text.split('%');
    let mut capital = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        capital.push('%');
        match part.split_at_checked(2) {
            Some((digits, rest)) if digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                capital.push_str(&digits.to_ascii_uppercase());
                capital.push_str(rest);
            }
            _ => capital.push_str(part),
        }
    }
    capital
}

/// A host name that is read from a file.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        host(&text).map(Self)
    }
}

/// Reads a name.
pub fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Name::deserialize(deserializer).map(|name| name.0)
}

/// Reads a list of names, where there is one.
pub fn names<'de, D>(deserializer: D) -> Result<Option<Vec<String>>, D::Error>
where
    D: Deserializer<'de>,
{
    let names: Option<Vec<Name>> = Option::deserialize(deserializer)?;
    Ok(names.map(|names| names.into_iter().map(|name| name.0).collect()))
}

/// Reads a URL, where there is one.
pub fn optional_url<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    let written: Option<String> = Option::deserialize(deserializer)?;
    let read = written.map(|written| url(&written)).transpose();
    read.map_err(D::Error::custom)
}

/// Reads a URL.
pub fn whole_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    url(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

/// Reads a mapping by names, in which two spellings of one name are one too many.
pub fn by_name<'de, D, V>(deserializer: D) -> Result<BTreeMap<String, V>, D::Error>
where
    D: Deserializer<'de>,
    V: Deserialize<'de>,
{
    struct ByName<V>(PhantomData<V>);
    impl<'de, V: Deserialize<'de>> Visitor<'de> for ByName<V> {
        type Value = BTreeMap<String, V>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a mapping by host names")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut named = BTreeMap::new();
            while let Some(Name(name)) = map.next_key()? {
                if named.insert(name.clone(), map.next_value()?).is_some() {
                    let message = format!("`{name}` is given twice, in two spellings");
                    return Err(A::Error::custom(message));
                }
            }
            Ok(named)
        }
    }
    deserializer.deserialize_map(ByName(PhantomData))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    // UTS 46, and what Chromium's address bar makes of the same texts.
    #[rstest]
    #[case("shop.example", "shop.example")]
    #[case("SHOP.Example", "shop.example")]
    #[case("smörgåsbord.example", "xn--smrgsbord-82a8p.example")]
    #[case("SMÖRGÅSBORD.example", "xn--smrgsbord-82a8p.example")]
    #[case("xn--smrgsbord-82a8p.example", "xn--smrgsbord-82a8p.example")]
    #[case::decomposed("smo\u{308}rga\u{30a}sbord.example", "xn--smrgsbord-82a8p.example")]
    #[case::not_transitional("straße.example", "xn--strae-oqa.example")]
    #[case::full_width("ｓｈｏｐ．ｅｘａｍｐｌｅ", "shop.example")]
    #[case::ideographic_stop("例え。example", "xn--r8jz45g.example")]
    #[case("ελλάς.example", "xn--hxarsa0b.example")]
    #[case("☃.example", "xn--n3h.example")]
    fn a_name_is_what_browsers_make_of_it(#[case] written: &str, #[case] expected: &str) {
        assert_eq!(host(written).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("")]
    #[case("xn--a.example")]
    #[case("a b.example")]
    #[case("a/b")]
    #[case("shop.example:443")]
    #[case::soft_hyphen_only("\u{ad}")]
    #[case::unassigned("a\u{378}.example")]
    #[case::right_to_left_mixed("a\u{5d0}1.example")]
    fn what_has_no_punycode_is_no_name(#[case] written: &str) {
        assert!(host(written).is_err());
    }

    #[rstest]
    #[case::empty_label("a..example", "a part between its dots is empty")]
    #[case::begins_with_a_dot(".example", "a part between its dots is empty")]
    #[case::ends_with_a_dot(
        "shop.example.",
        "it ends with a dot; the name without it is the same one"
    )]
    #[case::long_label(&format!("{}.example", "a".repeat(64)), "a part between its dots is longer than 63 letters")]
    #[case::long_in_punycode(&format!("{}.example", "ü".repeat(60)), "a part between its dots is longer than 63 letters")]
    #[case::long_name(&"abcdefg.".repeat(32)[..255], "it is longer than 253 letters")]
    fn a_name_that_nobody_can_ask_for_is_none(#[case] written: &str, #[case] why: &str) {
        assert_eq!(host(written).unwrap_err().why, why);
        if !written.ends_with('.') {
            assert_eq!(url(&format!("https://{written}/")).unwrap_err().why, why);
            if !written.starts_with('.') {
                assert_eq!(pattern(&format!("{written}/*")).unwrap_err().why, why);
            }
        }
    }

    #[rstest]
    #[case("/anmälan", "/anm%C3%A4lan")]
    #[case("/anm%c3%a4lan", "/anm%C3%A4lan")]
    #[case("/anm%C3%A4lan", "/anm%C3%A4lan")]
    #[case("/my page", "/my%20page")]
    #[case("/100%", "/100%")]
    #[case("/%zz%e", "/%zz%e")]
    #[case("/%61/%2f", "/%61/%2F")]
    #[case("/a{b}|\"", "/a%7Bb%7D%7C%22")]
    fn a_path_is_as_it_travels(#[case] written: &str, #[case] expected: &str) {
        assert_eq!(path(written), expected);
    }

    #[rstest]
    #[case("smörgås.example/å*", "xn--smrgs-pra0j.example/%C3%A5*")]
    #[case("https://SMÖRGÅS.example", "https://xn--smrgs-pra0j.example")]
    #[case("*.smörgås.example/*", "*.xn--smrgs-pra0j.example/*")]
    #[case("*smörgås.example/*", "*xn--smrgs-pra0j.example/*")]
    #[case("smörgås.*/x", "xn--smrgs-pra0j.*/x")]
    #[case("/å", "/%C3%A5")]
    #[case("/a://b", "/a://b")]
    #[case("HTTPS://shop.example/A", "https://shop.example/A")]
    #[case("*", "*")]
    fn a_pattern_keeps_its_stars(#[case] written: &str, #[case] expected: &str) {
        assert_eq!(pattern(written).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("https://smörgås.example", "https://xn--smrgs-pra0j.example")]
    #[case(
        "http://u@smörgås.example:8080/å?ö=1",
        "http://u@xn--smrgs-pra0j.example:8080/%C3%A5?%C3%B6=1"
    )]
    #[case(
        "https://shop.example/a/../my page",
        "https://shop.example/a/../my%20page"
    )]
    #[case("https://Shop.example/%c3", "https://Shop.example/%c3")]
    #[case("https://${host}/a", "https://${host}/a")]
    #[case("https://shop.example.:8443/a", "https://shop.example:8443/a")]
    #[case("https://[::1]:8443/a", "https://[::1]:8443/a")]
    #[case("/å", "/å")]
    fn a_url_changes_only_where_it_must(#[case] written: &str, #[case] expected: &str) {
        assert_eq!(url(written).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("xn--smrgs-pra0j.example", "smörgås.example")]
    #[case("shop.example", "shop.example")]
    fn a_name_can_be_read(#[case] name: &str, #[case] expected: &str) {
        assert_eq!(in_letters(name), expected);
    }

    #[test]
    fn two_spellings_of_a_name_are_one_name() {
        #[derive(Debug, Deserialize)]
        struct Zones(#[serde(deserialize_with = "by_name")] BTreeMap<String, i32>);
        let read: Zones =
            serde_json::from_str(r#"{"smörgås.example": 1, "b.example": 2}"#).unwrap();
        assert_eq!(read.0["xn--smrgs-pra0j.example"], 1);
        let twice = r#"{"smörgås.example": 1, "SMÖRGÅS.example": 2}"#;
        assert!(serde_json::from_str::<Zones>(twice).is_err());
    }

    proptest! {
        #[test]
        fn a_name_is_what_a_url_says_of_its_host(name in "[a-zA-Zäößåñ日本ｓ。.-]{1,16}") {
            let of_url = url::Url::parse(&format!("https://{name}/"));
            let of_url = of_url.ok().and_then(|url| url.host_str().map(str::to_owned));
            prop_assert_eq!(host(&name).ok(), of_url.filter(|name| fits(name).is_ok()));
        }

        #[test]
        fn making_a_name_twice_changes_nothing_more(name in "\\PC{1,12}\\.example") {
            if let Ok(once) = host(&name) {
                prop_assert_eq!(host(&once), Ok(once));
            }
        }

        #[test]
        fn a_path_is_ascii_and_stays_as_it_is(written in "/\\PC{0,24}") {
            let once = path(&written);
            prop_assert!(once.is_ascii());
            prop_assert_eq!(path(&once), once.clone());
        }
    }
}
