//! Readings: what an origin makes of a path before it looks for what to run.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// One thing that some origin does with a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// Drops the query, or what it takes for one.
    Query,
    /// Undoes escapes, once.
    Escapes,
    /// Undoes the escapes `%uXXXX`.
    PercentU,
    /// Undoes escapes, two bytes where one would do included.
    Overlong,
    /// Takes letters of full width for plain ones.
    Folded,
    /// Takes `\` for `/`.
    Backslashes,
    /// Takes several slashes for one.
    Slashes,
    /// Resolves `.` and `..`.
    Dots,
    /// Drops dots at the end of a segment.
    TrailingDots,
    /// Drops parameters of segments.
    Parameters,
    /// Drops blanks and what nobody sees.
    Unseen,
    /// Drops a slash at the end.
    End,
    /// Takes what stands behind the path for a part of the same call.
    Below,
    /// Compares without case.
    Case,
}

impl Reading {
    /// What it does, in plain words: `an origin that …`.
    pub fn says(self) -> &'static str {
        match self {
            Self::Query => "drops a query",
            Self::Escapes => "undoes escapes",
            Self::PercentU => "reads %uXXXX",
            Self::Overlong => "reads overlong UTF-8",
            Self::Folded => "folds Unicode",
            Self::Backslashes => "takes \\ for /",
            Self::Slashes => "merges slashes",
            Self::Dots => "resolves dot segments",
            Self::TrailingDots => "drops dots at the end of a segment",
            Self::Parameters => "drops parameters of segments",
            Self::Unseen => "drops what is not seen",
            Self::End => "drops a slash at the end",
            Self::Below => "runs what begins with the path",
            Self::Case => "compares without case",
        }
    }

    /// A setting of the origin that ends it, where common frameworks have one.
    pub fn setting(self) -> Option<&'static str> {
        match self {
            Self::Case => Some("Express: `case sensitive routing`"),
            Self::End => Some("Express: `strict routing`"),
            Self::Slashes => Some("nginx: `merge_slashes off`"),
            Self::Parameters => Some("Spring: `StrictHttpFirewall`"),
            Self::Escapes => Some("Tomcat: `encodedSolidusHandling=\"reject\"`"),
            _ => None,
        }
    }

    /// What is left of `path`; `plain` is the path of the plain call.
    pub fn read<'a>(self, path: &'a str, plain: &str) -> Cow<'a, str> {
        match self {
            Self::Query => path.split(['?', '#']).next().unwrap_or_default().into(),
            Self::Escapes => unescaped(path),
            Self::PercentU => percent_u(path).into(),
            Self::Overlong => overlong(path).into(),
            Self::Folded => path.chars().map(narrow).collect::<String>().into(),
            Self::Backslashes => path.replace('\\', "/").into(),
            Self::Slashes => without_repeated_slashes(path).into(),
            Self::Dots => without_dots(path).into(),
            Self::TrailingDots => by_segment(path, |segment| segment.trim_end_matches('.')).into(),
            Self::Parameters => by_segment(path, |segment| {
                segment.split(';').next().unwrap_or_default()
            })
            .into(),
            Self::Unseen => path
                .chars()
                .filter(|&character| is_seen(character))
                .collect::<String>()
                .into(),
            Self::End => path.trim_end_matches('/').into(),
            Self::Below => match path.strip_prefix(plain) {
                Some(below) => path[..path.len() - below.len()].into(),
                None => path.into(),
            },
            Self::Case => path.to_lowercase().into(),
        }
    }
}

/// What is left of a path when an origin does all of these, one after the other.
pub fn read(readings: &[Reading], path: &str, plain: &str) -> String {
    readings.iter().fold(path.to_owned(), |path, reading| {
        reading.read(&path, plain).into_owned()
    })
}

fn unescaped(path: &str) -> Cow<'_, str> {
    // Bytes that are no UTF-8 are kept apart, each as the character of its number.
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => error
            .as_bytes()
            .iter()
            .map(|&byte| char::from(byte))
            .collect::<String>()
            .into(),
    }
}

fn percent_u(path: &str) -> String {
    let mut read = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        read.push_str(&rest[..at]);
        let code = rest
            .get(at + 1..at + 6)
            .filter(|code| code.starts_with(['u', 'U']));
        let code = code.and_then(|code| u32::from_str_radix(&code[1..], 16).ok());
        match code.and_then(char::from_u32) {
            Some(character) => {
                read.push(character);
                rest = &rest[at + 6..];
            }
            None => {
                read.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    read.push_str(rest);
    read
}

fn overlong(path: &str) -> String {
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    let mut read = String::with_capacity(bytes.len());
    let mut bytes = bytes.into_iter().peekable();
    while let Some(byte) = bytes.next() {
        let low = bytes.peek().copied().filter(|low| low & 0xC0 == 0x80);
        match (byte, low) {
            (0xC0 | 0xC1, Some(low)) => {
                read.push(char::from((byte & 1) << 6 | low & 0x3F));
                bytes.next();
            }
            _ => read.push(char::from(byte)),
        }
    }
    read
}

/// A letter of full width as the plain one.
fn narrow(character: char) -> char {
    match u32::from(character) {
        // Slashes of fractions and of divisions.
        0x2044 | 0x2215 => '/',
        code @ 0xFF01..=0xFF5E => char::from_u32(code - 0xFEE0).unwrap_or(character),
        _ => character,
    }
}

fn is_seen(character: char) -> bool {
    let is_ignorable = matches!(character,
        '\u{ad}' | '\u{300}' | '\u{34f}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}');
    !(is_ignorable || character.is_control() || character.is_whitespace())
}

fn without_repeated_slashes(path: &str) -> String {
    let mut read = String::with_capacity(path.len());
    for character in path.chars() {
        if !(character == '/' && read.ends_with('/')) {
            read.push(character);
        }
    }
    read
}

/// RFC 3986 §5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

fn by_segment<'a>(path: &'a str, read: impl Fn(&'a str) -> &'a str) -> String {
    path.split('/').map(read).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Reading::Query, "/a?b#c", "/a")]
    #[case(Reading::Escapes, "/%61%2Fb%252F", "/a/b%2F")]
    #[case(Reading::PercentU, "/%u0061%zz", "/a%zz")]
    #[case(Reading::Overlong, "/%C1%A1", "/a")]
    #[case(Reading::Folded, "/\u{ff41}", "/a")]
    #[case(Reading::Backslashes, "/a\\b", "/a/b")]
    #[case(Reading::Slashes, "//a///b", "/a/b")]
    #[case(Reading::Dots, "/x/./../a/b/..", "/a/")]
    #[case(Reading::TrailingDots, "/a./b..", "/a/b")]
    #[case(Reading::Parameters, "/a;x=1/b;y", "/a/b")]
    #[case(Reading::Unseen, "/a \n\u{200b}b", "/ab")]
    #[case(Reading::End, "/a//", "/a")]
    #[case(Reading::Below, "/plain.x", "/plain")]
    #[case(Reading::Case, "/Ab", "/ab")]
    fn a_reading_does_one_thing(
        #[case] reading: Reading,
        #[case] path: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(reading.read(path, "/plain"), expected);
    }
}
