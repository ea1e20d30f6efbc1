//! Characters that stand for others: percent escapes, HTML entities, escapes of JavaScript.

use std::borrow::Cow;

/// Opens `%41`, and `%u0041` as old servers do.
///
/// Overlong UTF-8, such as `%c0%af` for a slash, becomes the character that it hides.
pub(crate) fn percent(value: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(value.len());
    let mut opened = false;
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        if byte == b'%' {
            if let Some(decoded) = value
                .get(at + 1..at + 3)
                .and_then(|digits| number(digits, 16))
            {
                out.push(decoded as u8);
                opened = true;
                at += 3;
                continue;
            }
            if let Some([b'u' | b'U', digits @ ..]) = value.get(at + 1..at + 6)
                && let Some(decoded) = number(digits, 16).and_then(char::from_u32)
            {
                push(&mut out, decoded);
                opened = true;
                at += 6;
                continue;
            }
        }
        out.push(byte);
        at += 1;
    }
    opened.then(|| shortest(out))
}

/// `+` is a blank in forms and queries.
pub(crate) fn plus(value: &[u8]) -> Cow<'_, [u8]> {
    if value.contains(&b'+') {
        let blank = |&byte: &u8| if byte == b'+' { b' ' } else { byte };
        Cow::Owned(value.iter().map(blank).collect())
    } else {
        Cow::Borrowed(value)
    }
}

/// Two and three bytes of UTF-8 that stand for an ASCII character become that character.
fn shortest(bytes: Vec<u8>) -> Vec<u8> {
    if !bytes.iter().any(|byte| matches!(byte, 0xc0 | 0xc1 | 0xe0)) {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    loop {
        match rest {
            // Servers that fall for it only look at the six low bits.
            [lead @ (0xc0 | 0xc1), tail, more @ ..] => {
                out.push(((lead & 1) << 6) | (tail & 0x3f));
                rest = more;
            }
            [0xe0, middle @ (0x80 | 0x81), tail, more @ ..] => {
                out.push(((middle & 1) << 6) | (tail & 0x3f));
                rest = more;
            }
            [byte, more @ ..] => {
                out.push(*byte);
                rest = more;
            }
            [] => return out,
        }
    }
}

/// Named entities that hide what an attack needs; the rest of HTML's two thousand changes no verdict.
const ENTITIES: [(&str, char); 26] = [
    ("lt", '<'),
    ("gt", '>'),
    ("amp", '&'),
    ("quot", '"'),
    ("apos", '\''),
    ("nbsp", ' '),
    ("Tab", '\t'),
    ("NewLine", '\n'),
    ("colon", ':'),
    ("semi", ';'),
    ("lpar", '('),
    ("rpar", ')'),
    ("lbrack", '['),
    ("rbrack", ']'),
    ("lbrace", '{'),
    ("rbrace", '}'),
    ("sol", '/'),
    ("bsol", '\\'),
    ("period", '.'),
    ("comma", ','),
    ("equals", '='),
    ("grave", '`'),
    ("excl", '!'),
    ("num", '#'),
    ("dollar", '$'),
    ("percnt", '%'),
];

/// Opens `&lt;`, `&#60;` and `&#x3c;`; browsers take numbers without the semicolon too.
pub(crate) fn entities(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    let mut opened = false;
    let mut rest = value;
    while let Some(start) = rest.find('&') {
        out.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some((character, length)) = entity(&rest[1..]) {
            out.push(character);
            opened = true;
            rest = &rest[1 + length..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    opened.then_some(out)
}

/// The entity at the start of the text after its `&`, and its length.
fn entity(text: &str) -> Option<(char, usize)> {
    if let Some(number_text) = text.strip_prefix('#') {
        let (digits, radix, before) = match number_text.strip_prefix(['x', 'X']) {
            Some(digits) => (digits, 16, 2),
            None => (number_text, 10, 1),
        };
        let length = digits
            .bytes()
            .take_while(|byte| char::from(*byte).is_digit(radix))
            .count();
        let character = char::from_u32(number(&digits.as_bytes()[..length], radix)?)?;
        let end = before + length;
        return Some((character, end + usize::from(text[end..].starts_with(';'))));
    }
    ENTITIES.iter().find_map(|(name, character)| {
        let after = text.strip_prefix(name)?;
        after
            .starts_with(';')
            .then_some((*character, name.len() + 1))
    })
}

/// Opens `\u003c`, `\u{3c}` and `\x3c`.
pub(crate) fn escapes(value: &str) -> Option<String> {
    let mut out = String::with_capacity(value.len());
    let mut opened = false;
    let mut rest = value;
    while let Some(start) = rest.find('\\') {
        out.push_str(&rest[..start]);
        rest = &rest[start + 1..];
        if let Some((character, length)) = escape(rest) {
            out.push(character);
            opened = true;
            rest = &rest[length..];
        } else {
            out.push('\\');
        }
    }
    out.push_str(rest);
    opened.then_some(out)
}

/// The escape at the start of the text after its backslash, and its length.
fn escape(text: &str) -> Option<(char, usize)> {
    let bytes = text.as_bytes();
    let (digits, length) = match bytes {
        [b'x', ..] => (bytes.get(1..3)?, 3),
        [b'u', b'{', ..] => {
            let end = bytes.iter().take(9).position(|&byte| byte == b'}')?;
            (&bytes[2..end], end + 1)
        }
        [b'u', ..] => (bytes.get(1..5)?, 5),
        _ => return None,
    };
    Some((char::from_u32(number(digits, 16)?)?, length))
}

/// The number that these digits write; nothing where there are none, others, or too many.
fn number(digits: &[u8], radix: u32) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |number, &digit| {
        let digit = char::from(digit).to_digit(radix)?;
        number.checked_mul(radix)?.checked_add(digit)
    })
}

fn push(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("%3Cb%3e", Some("<b>"))]
    #[case("%u003cb%U003E", Some("<b>"))]
    #[case("..%c0%af..%e0%80%af", Some("../../"))]
    #[case("100%", None)]
    #[case("%zz%", None)]
    #[case("%2", None)]
    fn percent_escapes(#[case] value: &str, #[case] expected: Option<&str>) {
        let opened = percent(value.as_bytes());
        assert_eq!(opened.as_deref(), expected.map(str::as_bytes));
    }

    #[rstest]
    #[case("&lt;b&#62;&#x3C;", Some("<b><"))]
    #[case("&#60script", Some("<script"))]
    #[case("java&Tab;script&colon;", Some("java\tscript:"))]
    #[case("Q&A &unknown; &#;", None)]
    #[case("&#99999999999;", None)]
    fn html_entities(#[case] value: &str, #[case] expected: Option<&str>) {
        assert_eq!(entities(value).as_deref(), expected);
    }

    #[rstest]
    #[case(r"\u003cb\x3e\u{3c}", Some("<b><"))]
    #[case(r"C:\users\x", None)]
    #[case(r"\u00e", None)]
    fn javascript_escapes(#[case] value: &str, #[case] expected: Option<&str>) {
        assert_eq!(escapes(value).as_deref(), expected);
    }

    proptest! {
        #[test]
        fn no_text_is_too_much(value in "(?s)[&#x\\\\u{}%0-9a-f;<é]{0,40}") {
            let _ = (percent(value.as_bytes()), entities(&value), escapes(&value));
        }

        #[test]
        fn what_is_escaped_comes_back(value in "[ -~]{1,40}") {
            let written: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
            prop_assert_eq!(percent(written.as_bytes()), Some(value.clone().into_bytes()));
            let written: String = value.bytes().map(|byte| format!("&#{byte};")).collect();
            prop_assert_eq!(entities(&written), Some(value));
        }
    }
}
