//! The words of an expression, each with its place.

use std::ops::Range;

use super::error::{ExpressionError, Problem};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(f64),
    Text(String),
    Name(String),
    /// A word that is an operator, or the literals `true`, `false` and `nil`.
    Keyword(&'static str),
    Sign(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) span: Range<usize>,
}

const KEYWORDS: [&str; 11] = [
    "or",
    "and",
    "not",
    "in",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "true",
    "false",
    "nil",
];

/// Longer ones first, so that `<=` is not read as `<`.
const SIGNS: [&str; 31] = [
    "||", "&&", "==", "!=", "<=", ">=", "??", "?.", "..", "<", ">", "!", "-", "+", ".", "(", ")",
    "[", "]", ",", "?", "*", "/", "%", "^", "|", "{", "}", ":", ";", "=",
];

/// Cuts a text into tokens; the last one is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ExpressionError> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blank(text, at)?;
        let rest = &text[at..];
        let Some(first) = rest.chars().next() else {
            found.push(Placed {
                token: Token::End,
                span: at..at,
            });
            return Ok(found);
        };
        let starts_number = first.is_ascii_digit()
            || (first == '.' && rest[1..].starts_with(|next: char| next.is_ascii_digit()));
        let (token, length) = if starts_number {
            if first == '.'
                && matches!(
                    found.last(),
                    Some(Placed {
                        token: Token::Name(_) | Token::Sign("]"),
                        ..
                    })
                )
            {
                return Err(ExpressionError::new(at..at + 2, Problem::DigitKey));
            }
            number(rest, at)?
        } else if first.is_alphabetic() || first == '_' {
            word(rest)
        } else if matches!(first, '"' | '\'' | '`') {
            quoted(rest, first, at)?
        } else {
            let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign));
            let sign = sign.ok_or_else(|| {
                ExpressionError::new(at..at + first.len_utf8(), Problem::Sign(first))
            })?;
            (Token::Sign(sign), sign.len())
        };
        found.push(Placed {
            token,
            span: at..at + length,
        });
        at += length;
    }
}

/// Skips white space and comments.
fn skip_blank(text: &str, mut at: usize) -> Result<usize, ExpressionError> {
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start().len();
        let rest = &text[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").ok_or_else(|| {
                ExpressionError::new(at..text.len(), Problem::Unclosed("comment"))
            })?;
            at += end + 2;
        } else {
            return Ok(at);
        }
    }
}

fn word(rest: &str) -> (Token, usize) {
    let length = rest
        .find(|next: char| !next.is_alphanumeric() && next != '_')
        .unwrap_or(rest.len());
    let word = &rest[..length];
    let token = KEYWORDS
        .into_iter()
        .find(|keyword| *keyword == word)
        .map_or_else(|| Token::Name(word.to_owned()), Token::Keyword);
    (token, length)
}

/// Decimal, `0x`, `0o` and `0b` integers and floats; `_` may stand between digits.
fn number(rest: &str, at: usize) -> Result<(Token, usize), ExpressionError> {
    let bytes = rest.as_bytes();
    let mut length = 0;
    while let Some(&next) = bytes.get(length) {
        let exponent_sign = matches!(next, b'+' | b'-')
            && length > 0
            && matches!(bytes[length - 1], b'e' | b'E')
            && !rest.starts_with("0x");
        // `1..3` is a range, not a number.
        if next == b'.' && bytes.get(length + 1) == Some(&b'.') {
            break;
        }
        if !(next.is_ascii_alphanumeric() || matches!(next, b'.' | b'_') || exponent_sign) {
            break;
        }
        length += 1;
    }
    let text = &rest[..length];
    let digits = text.replace('_', "");
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| digits.strip_prefix(prefix).map(|digits| (digits, radix)));
    let value = match radix {
        Some((digits, radix)) => i64::from_str_radix(digits, radix)
            .ok()
            .map(|value| value as f64),
        None => digits.parse::<f64>().ok().filter(|value| value.is_finite()),
    };
    let misplaced = text.ends_with('_') || text.contains("__");
    value
        .filter(|_| !misplaced)
        .map(|value| (Token::Number(value), length))
        .ok_or_else(|| ExpressionError::new(at..at + length, Problem::Number(text.to_owned())))
}

fn quoted(rest: &str, quote: char, at: usize) -> Result<(Token, usize), ExpressionError> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((place, letter)) = letters.next() {
        if letter == quote {
            return Ok((Token::Text(text), place + 1));
        }
        // A raw string holds everything up to its closing mark.
        if letter != '\\' || quote == '`' {
            text.push(letter);
            continue;
        }
        let escaped = match letters.next() {
            Some((_, 'n')) => Some('\n'),
            Some((_, 'r')) => Some('\r'),
            Some((_, 't')) => Some('\t'),
            Some((_, 'b')) => Some('\u{8}'),
            Some((_, 'f')) => Some('\u{c}'),
            Some((_, same @ ('\\' | '/' | '"' | '\''))) => Some(same),
            Some((_, 'u')) => {
                let digits: String = letters.by_ref().take(4).map(|(_, digit)| digit).collect();
                u32::from_str_radix(&digits, 16)
                    .ok()
                    .filter(|_| digits.len() == 4)
                    .and_then(char::from_u32)
            }
            _ => None,
        };
        let escaped = escaped
            .ok_or_else(|| ExpressionError::new(at + place..at + place + 1, Problem::Escape))?;
        text.push(escaped);
    }
    Err(ExpressionError::new(
        at..at + rest.len(),
        Problem::Unclosed("string"),
    ))
}
