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

/// Reads the token that starts at `at`; none while its end is not there yet.
pub(super) fn token(text: &[u8], at: usize) -> Option<Token> {
    let rest = text.get(at..)?;
    match rest {
        [] => None,
        [first, ..] if first.is_ascii_whitespace() => {
            let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace());
            Some(Token::Nothing(at + blank.count()))
        }
        [b'<'] => None,
        [b'<', b'!', ..] => declaration(rest).map(|token| token.at(at)),
        // The standard reads a processing instruction as a comment.
        [b'<', b'?', ..] => Some(Token::Nothing(at + find(rest, b">")? + 1)),
        [b'<', letter, ..] if letter.is_ascii_alphabetic() => {
            let end = at + tag_end(rest)?;
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
fn declaration(rest: &[u8]) -> Option<Token> {
    const DOCTYPE: &[u8] = b"<!doctype";
    if rest.starts_with(b"<!--") {
        return comment_end(rest).map(Token::Nothing);
    }
    if rest.len() < DOCTYPE.len() && find(rest, b">").is_none() {
        return None;
    }
    let end = find(rest, b">")? + 1;
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
fn comment_end(rest: &[u8]) -> Option<usize> {
    let body = rest.get(4..)?;
    if body.starts_with(b">") {
        return Some(5);
    }
    if body.starts_with(b"->") {
        return Some(6);
    }
    let mut from = 0;
    loop {
        let dashes = from + find(body.get(from..)?, b"--")?;
        match body.get(dashes + 2..)? {
            [b'>', ..] => return Some(4 + dashes + 3),
            [b'!', b'>', ..] => return Some(4 + dashes + 4),
            [] | [b'!'] => return None,
            _ => from = dashes + 1,
        }
    }
}

/// Where a tag ends: behind the first `>` outside a quoted attribute value.
fn tag_end(rest: &[u8]) -> Option<usize> {
    let mut attributes = Attributes::new(rest);
    while attributes.next().is_some() {}
    attributes.end
}

fn is_name_byte(byte: u8) -> bool {
    !byte.is_ascii_whitespace() && byte != b'/' && byte != b'>'
}

/// The attributes of a start tag, in its source from `<` on.
pub(super) struct Attributes<'a> {
    source: &'a [u8],
    at: usize,
    /// Where the tag ends, once that was reached.
    end: Option<usize>,
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
            end: None,
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
            self.end = Some(self.at + 1);
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
        assert_eq!(token(text.as_bytes(), 0), expected);
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
        assert_eq!(token(text.as_bytes(), 0), Some(expected));
        assert_eq!(token(&text.as_bytes()[..end - 1], 0), None);
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
