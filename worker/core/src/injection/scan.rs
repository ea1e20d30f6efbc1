//! Finds the place for a script in a page that arrives in pieces.
//!
//! The scanner follows the start of an HTML document as the HTML standard's tree construction does: white space,
//! comments and the doctype come first, then `<html>` and `<head>`, any of which may be missing. A script right there is
//! the first thing in `head` in every case. The scanner then reads on to the first element that could run or show
//! something, because a policy in a `<meta>` applies to what the script loads later.

use super::token::{Attributes, Progress, Token, find, token};

/// How many bytes are read at most. A page whose head starts later than this is left alone.
pub const LIMIT: usize = 64 * 1024;

/// The place for a script, and what the head says about scripts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Where the script goes, in bytes from the start of the page.
    pub position: usize,
    /// How the page writes ASCII characters.
    pub width: Width,
    /// What the page is.
    pub kind: Kind,
    /// Where the `<meta>` ends that names the page's encoding, where no other element is in front of it.
    pub charset_end: Option<usize>,
    /// The policies of its `<meta http-equiv="Content-Security-Policy">` elements.
    pub policies: Vec<String>,
}

/// What claims to be a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A whole document, with a doctype, `<html>` or `<head>`.
    Document,
    /// A document of AMP, where no script of a site's own is valid.
    Amp,
    /// A part of a page, or text.
    #[default]
    Fragment,
    /// JSON, or XML that is not HTML.
    Data,
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
    /// How far it was read.
    progress: Progress,
    /// How far the end of an element that holds text only was looked for in the text.
    looked: usize,
    /// The place for the script in the text, once it is known.
    position: Option<usize>,
    kind: Kind,
    /// Whether an XML declaration was read.
    is_xml: bool,
    is_decided: bool,
    is_done: bool,
    /// Whether an element of the head was read that is not a `<meta>`.
    is_behind_others: bool,
    charset_end: Option<usize>,
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
        let decoded = self.text.len();
        self.decode();
        // Every token that is not there yet ends with this, so pieces of one byte are not read again and again.
        let has_end = self
            .text
            .get(decoded..)
            .is_some_and(|new| new.contains(&b'>'));
        if has_end || !self.is_inside_token(decoded) {
            self.advance();
        }
        self.is_done || self.read >= LIMIT
    }

    /// How many bytes from the start of the page may stand before the script: until that is decided, every token that runs
    /// and shows nothing, so that a policy that comes late is known when the script's place is.
    pub fn passable(&self) -> usize {
        let known = match self.position {
            Some(position) if self.is_decided => position,
            // A comment, or the doctype.
            None if self.rest().starts_with(b"<!") => self.text.len(),
            _ => self.next,
        };
        self.bytes(known)
    }

    /// Whether the script goes in front of what was read last: something that runs or shows something, or that says where
    /// addresses lead.
    pub fn is_decided(&self) -> bool {
        self.is_decided
    }

    /// Where the head begins, which is the place for the script where nothing was passed on behind it.
    pub fn head(&self) -> Option<usize> {
        self.position.map(|position| self.bytes(position))
    }

    /// What the page is, as far as it was read; none while that is open.
    pub fn kind(&self) -> Option<Kind> {
        (self.position.is_some() || self.kind != Kind::Fragment).then_some(self.kind)
    }

    /// The place for the script; none in a page that is empty, or whose head was not reached within [`LIMIT`].
    pub fn finish(self) -> Option<Found> {
        let at_end =
            || (self.kind == Kind::Document && self.read < LIMIT).then_some(self.text.len());
        let position = self.position.or_else(at_end)?;
        Some(Found {
            position: self.bytes(position),
            width: self.width,
            kind: self.kind,
            charset_end: self.charset_end.map(|end| self.bytes(end)),
            policies: self.policies,
        })
    }

    fn bytes(&self, characters: usize) -> usize {
        self.mark + characters * self.width.bytes()
    }

    /// Whether the text that was read before this ends in a token that begins with `<` and more.
    fn is_inside_token(&self, before: usize) -> bool {
        let token = self.text.get(self.next..before).unwrap_or_default();
        matches!(token, [b'<', _, ..])
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
            && let Some(token) = token(&self.text, self.next, &mut self.progress)
        {
            let end = if self.position.is_none() {
                self.before_head(&token)
            } else {
                self.in_head(&token)
            };
            match end {
                Some(end) => {
                    self.next = end;
                    self.progress = Progress::default();
                }
                None => break,
            }
        }
    }

    /// Where to go on while the place is not known.
    fn before_head(&mut self, token: &Token) -> Option<usize> {
        match token {
            Token::Nothing(end) => {
                self.is_xml |= self.rest().starts_with(b"<?xml");
                Some(*end)
            }
            Token::Doctype(end) => {
                self.kind = Kind::Document;
                Some(*end)
            }
            Token::Start { name, end } if name == "html" => {
                let tag = self.text.get(self.next..*end).unwrap_or_default();
                self.kind = if is_amp(tag) {
                    Kind::Amp
                } else {
                    Kind::Document
                };
                Some(*end)
            }
            Token::Start { name, end } if name == "head" => {
                if self.kind == Kind::Fragment {
                    self.kind = Kind::Document;
                }
                self.position = Some(*end);
                Some(*end)
            }
            // The head starts without a tag of its own.
            Token::Start { .. } | Token::Other => {
                let is_json = self.rest().starts_with(b"{") || self.rest().starts_with(b"[");
                if self.kind == Kind::Fragment && (is_json || self.is_xml) {
                    self.kind = Kind::Data;
                    self.is_decided = true;
                    self.is_done = true;
                }
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
                    if !self.is_behind_others && self.charset_end.is_none() && names_charset(tag) {
                        self.charset_end = Some(*end);
                    }
                    Some(*end)
                }
                "base" | "link" => {
                    self.is_behind_others = true;
                    self.is_decided = true;
                    Some(*end)
                }
                "title" => {
                    self.is_behind_others = true;
                    self.behind(b"</title", *end)
                }
                _ => self.stop(),
            },
            Token::Other => self.stop(),
        }
    }

    /// What was read and is no token yet.
    fn rest(&self) -> &[u8] {
        self.text.get(self.next..).unwrap_or_default()
    }

    fn stop(&mut self) -> Option<usize> {
        self.is_decided = true;
        self.is_done = true;
        None
    }

    /// Where the end tag of an element ends that holds text only.
    fn behind(&mut self, end_tag: &[u8], from: usize) -> Option<usize> {
        let from = from.max(self.looked);
        let mut windows = self.text.get(from..)?.windows(end_tag.len());
        let Some(found) = windows.position(|window| window.eq_ignore_ascii_case(end_tag)) else {
            // The last characters may be its first.
            self.looked = (self.text.len() + 1)
                .saturating_sub(end_tag.len())
                .max(from);
            return None;
        };
        self.looked = from + found;
        Some(self.looked + find(self.text.get(self.looked..)?, b">")? + 1)
    }
}

/// Whether an `<html>` tag is one of AMP, for pages, advertisements or mail.
fn is_amp(tag: &[u8]) -> bool {
    const BOLT: &[u8] = "\u{26a1}".as_bytes();
    const EMOJI: &[u8] = "\u{26a1}\u{fe0f}".as_bytes();
    Attributes::new(tag).any(|(name, _)| {
        let name = name.to_ascii_lowercase();
        [EMOJI, BOLT, b"amp"].iter().any(|sign| {
            name.strip_prefix(*sign)
                .is_some_and(|rest| matches!(rest, b"" | b"4ads" | b"4email"))
        })
    })
}

/// Whether a `<meta>` names the encoding of the page.
fn names_charset(tag: &[u8]) -> bool {
    attribute(tag, b"charset").is_some() || has_http_equiv(tag, b"content-type")
}

/// The policy a `<meta>` declares.
fn policy(tag: &[u8]) -> Option<String> {
    has_http_equiv(tag, b"content-security-policy").then(|| {
        unescape(&String::from_utf8_lossy(
            attribute(tag, b"content").unwrap_or_default(),
        ))
    })
}

fn has_http_equiv(tag: &[u8], wanted: &[u8]) -> bool {
    attribute(tag, b"http-equiv").is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(wanted))
}

fn attribute<'a>(tag: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    Attributes::new(tag)
        .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
        .map(|(_, value)| value)
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
    #[case("<!doctype html><p>", Kind::Document)]
    #[case("<head></head>", Kind::Document)]
    #[case("<?xml version='1.0'?><html><head>", Kind::Document)]
    #[case("<!doctype html>{", Kind::Document)]
    #[case("<div>fragment</div>", Kind::Fragment)]
    #[case("text {}", Kind::Fragment)]
    #[case(" {\"stock\":7}", Kind::Data)]
    #[case("[1]", Kind::Data)]
    #[case("<?xml version='1.0'?>\n<rss><channel/></rss>", Kind::Data)]
    #[case("<!doctype html><html \u{26a1} lang=en><head>", Kind::Amp)]
    #[case("<!doctype html><html \u{26a1}\u{fe0f}><head>", Kind::Amp)]
    #[case("<html lang=en AMP>", Kind::Amp)]
    #[case("<html \u{26a1}4email>x", Kind::Amp)]
    #[case("<html data-amp amplitude lang=amp><head>", Kind::Document)]
    fn what_claims_to_be_a_page_is_known_by_its_start(#[case] page: &str, #[case] expected: Kind) {
        for piece in [1, 3, usize::MAX] {
            let mut scanner = Scanner::new(Width::One);
            page.as_bytes()
                .chunks(piece.min(page.len()))
                .any(|piece| scanner.push(piece));
            assert_eq!(scanner.kind(), Some(expected));
        }
    }

    #[rstest]
    #[case("<head><meta charset=utf-8>|<title>")]
    #[case("<meta name=a><meta http-equiv=content-type content='text/html; charset=x'>|<p>")]
    fn the_meta_that_names_the_encoding_is_found(#[case] page: &str) {
        let end = page.find('|').unwrap();
        let found = scan(page.replace('|', "").as_bytes(), 5).unwrap();
        assert_eq!(found.charset_end, Some(end));
    }

    #[rstest]
    #[case("<head><link href=x><meta charset=utf-8><p>")]
    #[case("<head><title>x</title><meta charset=utf-8><p>")]
    #[case("<head><p><meta charset=utf-8>")]
    fn a_meta_that_names_the_encoding_behind_other_elements_is_none(#[case] page: &str) {
        assert_eq!(scan(page.as_bytes(), 5).unwrap().charset_end, None);
    }

    #[rstest]
    #[case("", 0)]
    #[case("<", 0)]
    #[case(" \n<", 2)]
    #[case("<!", 2)]
    #[case("<!doctype html", 14)]
    #[case("<!-- a > ", 9)]
    #[case("<!doctype html><ht", 15)]
    #[case("<!doctype html><html lang=", 15)]
    #[case("<!doctype html><html><head><me", 27)]
    #[case("<head><meta charset=x> <title>a</title><!-- x --><ti", 49)]
    #[case("<head><meta charset=x><link href=a><meta", 6)]
    #[case("<head><title>a</ti", 6)]
    #[case("<div>", 0)]
    fn what_stands_before_the_place_is_known_before_the_place_is(
        #[case] page: &str,
        #[case] expected: usize,
    ) {
        let mut scanner = Scanner::new(Width::One);
        page.as_bytes().chunks(1).any(|piece| scanner.push(piece));
        // The first three bytes may be a byte order mark.
        let expected = if page.len() < 3 { 0 } else { expected };
        assert_eq!(scanner.passable(), expected);
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
                "<?xml?>", "{", "<html amp>", "<title>", "-->", "<!doc",
            ]), 0..8),
            piece in 1usize..9,
        ) {
            let page = parts.concat();
            prop_assert_eq!(scan(page.as_bytes(), piece), scan(page.as_bytes(), usize::MAX));
        }

        #[test]
        fn what_may_pass_only_grows_and_holds_nothing_that_runs(
            parts in prop::collection::vec(prop::sample::select(vec![
                "<!doctype html>", "<html>", "<head>", "<!-- x -->", " ", "<title>a</title>", "<meta charset=x>",
                "<base href=x>", "<p>", "text", "<script>", "<link href=x>", "<style>", "<", "{",
            ]), 0..8),
            piece in 1usize..9,
        ) {
            let page = parts.concat();
            let mut scanner = Scanner::new(Width::One);
            let mut passed = 0;
            for piece in page.as_bytes().chunks(piece) {
                let is_enough = scanner.push(piece);
                if is_enough || scanner.is_decided() {
                    break;
                }
                prop_assert!(scanner.passable() >= passed);
                passed = scanner.passable();
            }
            let start = &page[..passed];
            for part in ["<base", "<p", "text", "<script", "<link", "<style", "{"] {
                prop_assert!(!start.contains(part), "{}", start);
            }
        }

        #[test]
        fn the_place_is_inside_the_page(page in prop::collection::vec(any::<u8>(), 0..60), piece in 1usize..9) {
            if let Some(found) = scan(&page, piece) {
                prop_assert!(found.position <= page.len());
            }
        }
    }
}
