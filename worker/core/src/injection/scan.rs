//! Finds the place for a script in a page that arrives in pieces.
//!
//! The scanner follows the start of an HTML document as the HTML standard's tree construction does: white space,
//! comments and the doctype come first, then `<html>` and `<head>`, any of which may be missing. A script right there is
//! the first thing in `head` in every case. The scanner then reads on to the first element that could run or show
//! something, because a policy in a `<meta>` applies to what the script loads later.

use super::token::{Attributes, Token, find, token};

/// How many bytes are read at most. A page whose head starts later than this is left alone.
pub const LIMIT: usize = 64 * 1024;

/// The place for a script, and what the head says about scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Where the script goes, in bytes from the start of the page.
    pub position: usize,
    /// How the page writes ASCII characters.
    pub width: Width,
    /// Whether the page is a whole document, with a doctype, `<html>` or `<head>`, and no mere fragment.
    pub is_document: bool,
    /// The policies of its `<meta http-equiv="Content-Security-Policy">` elements.
    pub policies: Vec<String>,
}

/// How a page writes ASCII characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// One byte each: UTF-8 and every encoding of the web but UTF-16.
    #[default]
    One,
    /// UTF-16, low byte first.
    LittleEndian,
    /// UTF-16, high byte first.
    BigEndian,
}

impl Width {
    /// The width of an encoding, by its name in `Content-Type`.
    pub fn of(charset: &str) -> Self {
        if charset.eq_ignore_ascii_case("utf-16be") {
            Self::BigEndian
        } else if charset.eq_ignore_ascii_case("utf-16") || charset.eq_ignore_ascii_case("utf-16le")
        {
            Self::LittleEndian
        } else {
            Self::One
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::LittleEndian | Self::BigEndian => 2,
        }
    }
}

/// Reads the start of a page.
#[derive(Clone, Debug, Default)]
pub struct Scanner {
    width: Width,
    /// How many bytes were read.
    read: usize,
    /// What was read and is no whole character yet.
    partial: Vec<u8>,
    /// The page, one byte for each character; every character outside ASCII counts as one that means nothing.
    text: Vec<u8>,
    /// Characters in front of the text: a byte order mark.
    mark: usize,
    /// Where the next token starts in the text.
    next: usize,
    /// The place for the script in the text, once it is known.
    position: Option<usize>,
    is_document: bool,
    is_done: bool,
    policies: Vec<String>,
}

/// Stands for a character outside ASCII.
const OTHER: u8 = 0xff;

impl Scanner {
    /// A scanner for a page in an encoding of this width; a byte order mark tells better.
    pub fn new(width: Width) -> Self {
        Self {
            width,
            ..Self::default()
        }
    }

    /// Takes the next piece of the page. True when enough was read.
    pub fn push(&mut self, piece: &[u8]) -> bool {
        let is_start = self.read < 3;
        self.read += piece.len();
        self.partial.extend_from_slice(piece);
        if is_start {
            if self.read < 3 {
                return false;
            }
            self.read_mark();
        }
        self.decode();
        self.advance();
        self.is_done || self.read >= LIMIT
    }

    /// The place for the script; none in a page that is empty, or whose head was not reached within [`LIMIT`].
    pub fn finish(self) -> Option<Found> {
        let at_end = || (self.is_document && self.read < LIMIT).then_some(self.text.len());
        let position = self.position.or_else(at_end)?;
        Some(Found {
            position: self.mark + position * self.width.bytes(),
            width: self.width,
            is_document: self.is_document,
            policies: self.policies,
        })
    }

    fn read_mark(&mut self) {
        let (mark, width) = match self.partial.as_slice() {
            [0xef, 0xbb, 0xbf, ..] => (3, Width::One),
            [0xff, 0xfe, ..] => (2, Width::LittleEndian),
            [0xfe, 0xff, ..] => (2, Width::BigEndian),
            _ => (0, self.width),
        };
        self.partial.drain(..mark);
        self.mark = mark;
        self.width = width;
    }

    fn decode(&mut self) {
        if self.width == Width::One {
            self.text.append(&mut self.partial);
            return;
        }
        let whole = self.partial.len() / 2 * 2;
        let units = self
            .partial
            .get(..whole)
            .unwrap_or_default()
            .chunks_exact(2);
        self.text.extend(units.map(|unit| match (self.width, unit) {
            (Width::LittleEndian, [ascii @ ..=0x7f, 0])
            | (Width::BigEndian, [0, ascii @ ..=0x7f]) => *ascii,
            _ => OTHER,
        }));
        self.partial.drain(..whole);
    }

    fn advance(&mut self) {
        while !self.is_done
            && let Some(token) = token(&self.text, self.next)
        {
            let end = if self.position.is_none() {
                self.before_head(&token)
            } else {
                self.in_head(&token)
            };
            match end {
                Some(end) => self.next = end,
                None => break,
            }
        }
    }

    /// Where to go on while the place is not known.
    fn before_head(&mut self, token: &Token) -> Option<usize> {
        match token {
            Token::Nothing(end) => Some(*end),
            Token::Doctype(end) => {
                self.is_document = true;
                Some(*end)
            }
            Token::Start { name, end } if name == "html" => {
                self.is_document = true;
                Some(*end)
            }
            Token::Start { name, end } if name == "head" => {
                self.is_document = true;
                self.position = Some(*end);
                Some(*end)
            }
            // The head starts without a tag of its own.
            Token::Start { .. } | Token::Other => {
                self.position = Some(self.next);
                Some(self.next)
            }
        }
    }

    /// Where to go on in the head; none while the end of an element is not there yet.
    fn in_head(&mut self, token: &Token) -> Option<usize> {
        match token {
            Token::Nothing(end) | Token::Doctype(end) => Some(*end),
            Token::Start { name, end } => match name.as_str() {
                "meta" => {
                    let tag = self.text.get(self.next..*end).unwrap_or_default();
                    self.policies.extend(policy(tag));
                    Some(*end)
                }
                "base" | "link" => Some(*end),
                "title" | "style" => self.behind(&format!("</{name}"), *end),
                _ => self.stop(),
            },
            Token::Other => self.stop(),
        }
    }

    fn stop(&mut self) -> Option<usize> {
        self.is_done = true;
        None
    }

    /// Where the end tag of an element ends that holds text only.
    fn behind(&self, end_tag: &str, from: usize) -> Option<usize> {
        let rest = self.text.get(from..)?.to_ascii_lowercase();
        let tag = find(&rest, end_tag.as_bytes())?;
        Some(from + tag + find(rest.get(tag..)?, b">")? + 1)
    }
}

/// The policy a `<meta>` declares.
fn policy(tag: &[u8]) -> Option<String> {
    let attribute = |wanted: &[u8]| {
        Attributes::new(tag)
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    };
    let kind = attribute(b"http-equiv")?;
    kind.trim_ascii()
        .eq_ignore_ascii_case(b"content-security-policy")
        .then(|| {
            unescape(&String::from_utf8_lossy(
                attribute(b"content").unwrap_or_default(),
            ))
        })
}

/// Resolves the character references that occur in policies.
fn unescape(value: &str) -> String {
    const REFERENCES: [(&str, &str); 7] = [
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&#X27;", "'"),
        ("&apos;", "'"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&amp;", "&"),
    ];
    REFERENCES
        .iter()
        .fold(value.to_owned(), |text, (reference, character)| {
            text.replace(reference, character)
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn scan(page: &[u8], piece: usize) -> Option<Found> {
        let mut scanner = Scanner::new(Width::One);
        for piece in page.chunks(piece) {
            if scanner.push(piece) {
                break;
            }
        }
        scanner.finish()
    }

    /// The page with a mark where the script goes.
    fn marked(page: &str) -> String {
        let found = scan(page.as_bytes(), usize::MAX).unwrap();
        format!("{}|{}", &page[..found.position], &page[found.position..])
    }

    #[rstest]
    #[case("<!doctype html><html><head>|<title>x</title></head>")]
    #[case("<HTML><HEAD lang=\"a>b\">|<base href=/x>")]
    #[case("<!-- <head> --><head>|")]
    #[case("<!doctype html>\n<html lang=en>\n<!-- c -->\n|<body>x")]
    #[case("<!doctype html>|<p>x")]
    #[case("|<p>x")]
    #[case("|text")]
    #[case("<!doctype html>|<header>x</header>")]
    #[case("\u{feff}<!doctype html>|<title>x</title>")]
    #[case("<?xml version='1.0'?><!DOCTYPE html><html><head>|")]
    #[case("<!doctype html><html>|")]
    #[case("<html>|</html>")]
    #[case("<html>|<script>var head = '<head>'</script><head>")]
    fn the_script_is_the_first_thing_in_head(#[case] expected: &str) {
        assert_eq!(marked(&expected.replace('|', "")), expected);
    }

    #[rstest]
    #[case("")]
    #[case("  \n ")]
    #[case("<!-- nothing -->")]
    fn a_page_without_content_is_left_alone(#[case] page: &str) {
        assert_eq!(scan(page.as_bytes(), 1), None);
    }

    #[test]
    fn a_head_that_starts_too_late_is_left_alone() {
        let page = format!("<!--{}--><head>", "x".repeat(LIMIT));
        assert_eq!(scan(page.as_bytes(), 1024), None);
    }

    #[rstest]
    #[case("<!doctype html><p>", true)]
    #[case("<head></head>", true)]
    #[case("<div>fragment</div>", false)]
    fn a_fragment_is_told_from_a_document(#[case] page: &str, #[case] expected: bool) {
        assert_eq!(scan(page.as_bytes(), 3).unwrap().is_document, expected);
    }

    #[rstest]
    #[case(Width::LittleEndian, true)]
    #[case(Width::BigEndian, true)]
    #[case(Width::LittleEndian, false)]
    #[case(Width::BigEndian, false)]
    fn utf_16_is_read_by_its_declaration_or_its_mark(#[case] width: Width, #[case] has_mark: bool) {
        let text = format!(
            "{}<html><head><p>\u{4e2d}",
            if has_mark { "\u{feff}" } else { "" }
        );
        let page: Vec<u8> = text
            .encode_utf16()
            .flat_map(|unit| match width {
                Width::BigEndian => unit.to_be_bytes(),
                _ => unit.to_le_bytes(),
            })
            .collect();
        let mut scanner = Scanner::new(if has_mark { Width::One } else { width });
        page.chunks(3).any(|piece| scanner.push(piece));
        let found = scanner.finish().unwrap();
        assert_eq!(found.position, 2 * (12 + usize::from(has_mark)));
        assert_eq!(found.width, width);
    }

    #[rstest]
    #[case("<head><meta charset=utf-8><meta http-equiv=Content-Security-Policy content=\"script-src 'self'\"><script>", &["script-src 'self'"])]
    #[case("<head><title><meta http-equiv=content-security-policy content=no></TITLE ><link href=x>\
            <meta content='script-src &#39;nonce-a&#39;' HTTP-EQUIV='content-security-policy'><p>", &["script-src 'nonce-a'"])]
    #[case("<head><script></script><meta http-equiv=content-security-policy content=late>", &[])]
    #[case("<head><!-- <meta http-equiv=content-security-policy content=no> --></head>", &[])]
    fn policies_in_front_of_the_first_script_are_read(
        #[case] page: &str,
        #[case] policies: &[&str],
    ) {
        assert_eq!(scan(page.as_bytes(), 7).unwrap().policies, policies);
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(
            parts in prop::collection::vec(prop::sample::select(vec![
                "<!doctype html>", "<html>", "<head a='>'>", "<!-- x -->", " ", "<title>a</title>", "<meta charset=x>",
                "<base href=x>", "<p>", "text", "</head>", "<style>a{}</style>", "<", "<!--", "\u{feff}",
            ]), 0..8),
            piece in 1usize..9,
        ) {
            let page = parts.concat();
            prop_assert_eq!(scan(page.as_bytes(), piece), scan(page.as_bytes(), usize::MAX));
        }

        #[test]
        fn the_place_is_inside_the_page(page in prop::collection::vec(any::<u8>(), 0..60), piece in 1usize..9) {
            if let Some(found) = scan(&page, piece) {
                prop_assert!(found.position <= page.len());
            }
        }
    }
}
