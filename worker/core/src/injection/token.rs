//! The tokens at the start of an HTML document, as the HTML standard's tokenizer reads them.

/// What stands at a place in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// White space or a comment; it ends here.
    Nothing(usize),
    /// The doctype; it ends here.
    Doctype(usize),
    /// A start tag.
    Start {
        /// Its name in lower case.
        name: String,
        /// Where it ends.
        end: usize,
    },
    /// An end tag, text, or anything else.
    Other,
}

/// How far a token was read that is not there yet, so that one that comes in pieces is read once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    /// Bytes of it that are no part of its end.
    read: usize,
    /// Where in a tag the next one is.
    place: Place,
}

/// Reads the token that starts at `at`; none while its end is not there yet. `progress` is that of the same token, as far
/// as it was there before.
pub(super) fn token(text: &[u8], at: usize, progress: &mut Progress) -> Option<Token> {
    let rest = text.get(at..)?;
    match rest {
        [] => None,
        [first, ..] if first.is_ascii_whitespace() => {
            let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
            Some(Token::Nothing(at + blank.count()))
        }
        [b'<'] => None,
        [b'<', b'!', ..] => declaration(rest, progress).map(|token| token.at(at)),
        // The standard reads a processing instruction as a comment.
        [b'<', b'?', ..] => Some(Token::Nothing(at + bracket(rest, progress)?)),
        [b'<', letter, ..] if letter.is_ascii_alphabetic() => {
            let end = at + tag_end(rest, progress)?;
            let name = rest
                .get(1..)?
                .iter()
                .take_while(|byte| is_name_byte(**byte));
            let name = name
                .map(|byte| char::from(byte.to_ascii_lowercase()))
                .collect();
            Some(Token::Start { name, end })
        }
        _ => Some(Token::Other),
    }
}

impl Token {
    fn at(self, offset: usize) -> Self {
        match self {
            Self::Nothing(end) => Self::Nothing(offset + end),
            Self::Doctype(end) => Self::Doctype(offset + end),
            other => other,
        }
    }
}

/// A comment, the doctype, or what the standard reads as a comment.
fn declaration(rest: &[u8], progress: &mut Progress) -> Option<Token> {
    const DOCTYPE: &[u8] = b"<!doctype";
    if rest.starts_with(b"<!--") {
        return comment_end(rest, progress).map(Token::Nothing);
    }
    let end = bracket(rest, progress)?;
    let is_doctype = rest
        .get(..DOCTYPE.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(DOCTYPE));
    Some(if is_doctype {
        Token::Doctype(end)
    } else {
        Token::Nothing(end)
    })
}

/// Where a comment ends: behind `-->` or `--!>`, and the abrupt forms `<!-->` and `<!--->`.
fn comment_end(rest: &[u8], progress: &mut Progress) -> Option<usize> {
    let body = rest.get(4..)?;
    if body.starts_with(b">") {
        return Some(5);
    }
    if body.starts_with(b"->") {
        return Some(6);
    }
    let mut from = progress.read.max(4);
    loop {
        let Some(found) = find(rest.get(from..)?, b"--") else {
            // The last dash may be the first of two.
            progress.read = rest.len().saturating_sub(1);
            return None;
        };
        let dashes = from + found;
        match rest.get(dashes + 2..)? {
            [b'>', ..] => return Some(dashes + 3),
            [b'!', b'>', ..] => return Some(dashes + 4),
            [] | [b'!'] => {
                progress.read = dashes;
                return None;
            }
            _ => from = dashes + 1,
        }
    }
}

/// Where the first `>` ends.
fn bracket(rest: &[u8], progress: &mut Progress) -> Option<usize> {
    let found = find(rest.get(progress.read..)?, b">");
    let read = std::mem::replace(&mut progress.read, rest.len());
    Some(read + found? + 1)
}

/// A place in a start tag, by what a byte means there (HTML §13.2.5).
#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    TagName,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    Value,
    Quoted(u8),
}

impl Place {
    /// The place behind this byte; none behind the tag.
    fn after(self, byte: u8) -> Option<Self> {
        let is_blank = byte.is_ascii_whitespace();
        Some(match (self, byte) {
            (Self::Quoted(quote), _) if byte != quote => self,
            (Self::Quoted(_), _) => Self::BeforeName,
            (_, b'>') => return None,
            (Self::BeforeValue, b'"' | b'\'') => Self::Quoted(byte),
            (Self::BeforeValue, _) if is_blank => self,
            (Self::Value, _) if is_blank => Self::BeforeName,
            (Self::BeforeValue | Self::Value, _) => Self::Value,
            (_, b'/') => Self::BeforeName,
            (Self::TagName | Self::BeforeName, _) if is_blank => Self::BeforeName,
            (Self::Name | Self::AfterName, _) if is_blank => Self::AfterName,
            (Self::Name | Self::AfterName, b'=') => Self::BeforeValue,
            (Self::TagName, _) => self,
            // A name may start with `=`, the standard says.
            (Self::BeforeName | Self::Name | Self::AfterName, _) => Self::Name,
        })
    }
}

/// Where a tag ends: behind the first `>` outside a quoted attribute value.
fn tag_end(rest: &[u8], progress: &mut Progress) -> Option<usize> {
    for (at, byte) in rest.iter().enumerate().skip(progress.read.max(1)) {
        progress.read = at;
        progress.place = match progress.place.after(*byte) {
            Some(place) => place,
            None => return Some(at + 1),
        };
    }
    progress.read = rest.len();
    None
}

fn is_name_byte(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && byte != b'/' && byte != b'>'
}

/// The attributes of a start tag, in its source from `<` on.
pub(super) struct Attributes<'a> {
    source: &'a [u8],
    at: usize,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(source: &'a [u8]) -> Self {
        let name = source
            .iter()
            .skip(1)
            .take_while(|byte| is_name_byte(**byte))
            .count();
        Self {
            source,
            at: 1 + name,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn skip(&mut self, what: impl Fn(u8) -> bool) {
        while self.peek().is_some_and(&what) {
            self.at += 1;
        }
    }

    fn take(&mut self, what: impl Fn(u8) -> bool) -> &'a [u8] {
        let start = self.at;
        self.skip(what);
        self.source.get(start..self.at).unwrap_or_default()
    }

    fn value(&mut self) -> Option<&'a [u8]> {
        match self.peek()? {
            quote @ (b'"' | b'\'') => {
                self.at += 1;
                let value = self.take(|byte| byte != quote);
                self.peek()?;
                self.at += 1;
                Some(value)
            }
            _ => Some(self.take(|byte| !byte.is_ascii_whitespace() && byte != b'>')),
        }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip(|byte| byte.is_ascii_whitespace() || byte == b'/');
        if self.peek()? == b'>' {
            return None;
        }
        // A name may start with `=`, the standard says.
        let start = self.at;
        self.at += 1;
        self.skip(|byte| is_name_byte(byte) && byte != b'=');
        let name = self.source.get(start..self.at)?;
        self.skip(|byte| byte.is_ascii_whitespace());
        if self.peek()? != b'=' {
            return Some((name, &[]));
        }
        self.at += 1;
        self.skip(|byte| byte.is_ascii_whitespace());
        if self.peek()? == b'>' {
            return Some((name, &[]));
        }
        Some((name, self.value()?))
    }
}

/// Where `needle` starts in `text`.
pub(super) fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, _) = needle.split_first()?;
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.iter().position(|byte| byte == first)?;
        if text.get(start..)?.starts_with(needle) {
            return Some(start);
        }
        from = start + 1;
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// The first token of a text that comes in pieces of this size, read as soon as it is there. One of blanks ends where
    /// they end so far.
    fn read(text: &str, piece: usize) -> Option<Token> {
        let (mut so_far, mut progress) = (Vec::new(), Progress::default());
        let pieces = text.as_bytes().chunks(piece.max(1));
        let mut tokens = pieces.filter_map(|piece| {
            so_far.extend_from_slice(piece);
            token(&so_far, 0, &mut progress)
        });
        tokens.next()
    }

    #[rstest]
    #[case("  \n<p>", Some(Token::Nothing(3)))]
    #[case("<!-- a > b --><p>", Some(Token::Nothing(14)))]
    #[case("<!--><p>", Some(Token::Nothing(5)))]
    #[case("<!---><p>", Some(Token::Nothing(6)))]
    #[case("<!-- x --!><p>", Some(Token::Nothing(11)))]
    #[case("<!-- x ---><p>", Some(Token::Nothing(11)))]
    #[case("<!-- <head> --", None)]
    #[case("<!DocType html><p>", Some(Token::Doctype(15)))]
    #[case("<!doc", None)]
    #[case("<!x><p>", Some(Token::Nothing(4)))]
    #[case("<?xml version='1.0'?><p>", Some(Token::Nothing(21)))]
    #[case("</p>", Some(Token::Other))]
    #[case("text", Some(Token::Other))]
    #[case("< p", Some(Token::Other))]
    #[case("<", None)]
    #[case("", None)]
    fn the_start_of_a_document_is_read(#[case] text: &str, #[case] expected: Option<Token>) {
        assert_eq!(read(text, text.len()), expected);
        if !text.starts_with(' ') {
            assert_eq!(read(text, 1), expected);
        }
    }

    #[rstest]
    #[case("<HEAD>x", "head", 6)]
    #[case("<head data-x=\"a>b\" y='>'>x", "head", 25)]
    #[case("<head data-x=a>x", "head", 15)]
    #[case("<header>x", "header", 8)]
    #[case("<br/>x", "br", 5)]
    #[case("<a =x>y", "a", 6)]
    fn a_tag_ends_outside_its_quotes(#[case] text: &str, #[case] name: &str, #[case] end: usize) {
        let expected = Token::Start {
            name: name.to_owned(),
            end,
        };
        assert_eq!(read(text, text.len()).as_ref(), Some(&expected));
        assert_eq!(read(text, 1), Some(expected));
        assert_eq!(read(&text[..end - 1], 1), None);
    }

    #[test]
    fn attributes_are_read_with_and_without_quotes() {
        let tag = b"<meta A=1 b = 'two' c=\"3\" d>";
        let attributes: Vec<_> = Attributes::new(tag).collect();
        let expected: [(&[u8], &[u8]); 4] =
            [(b"A", b"1"), (b"b", b"two"), (b"c", b"3"), (b"d", b"")];
        assert_eq!(attributes, expected);
    }
}
