//! Forms of type `multipart/form-data` (RFC 7578), which browsers send with files.

use std::ops::Range;

use super::{FIELD, Form, METHOD_FIELD};
use crate::configuration::Method;

/// The longest boundary (RFC 2046 §5.1.1). With another one a body is no form: no browser sends it, and nobody searches for
/// thousands of bytes.
const MAX_BOUNDARY: usize = 70;

/// How far behind the name of a field its value is looked for, so that no byte is looked at again and again.
const METHOD_PART: usize = 512;

/// How often its name is looked for.
const MAX_METHODS: usize = 64;

/// A multipart body, known by its boundary.
#[derive(Clone, Debug)]
pub(super) struct Multipart {
    /// `--` and the boundary.
    delimiter: Vec<u8>,
}

impl Multipart {
    /// The parameters of the `Content-Type`; none when they name no boundary.
    pub(super) fn new(parameters: &str) -> Option<Self> {
        let boundary =
            parameter(parameters, "boundary").filter(|boundary| is_boundary(boundary))?;
        Some(Self {
            delimiter: format!("--{boundary}").into_bytes(),
        })
    }

    /// Finds the field in the parts that are whole.
    pub(super) fn find(&self, body: &[u8]) -> Form {
        let mut form = Form::default();
        let mut delimiters = self.delimiters(body);
        let Some(mut part) = delimiters.next() else {
            return form;
        };
        for next in delimiters {
            // The line break in front of a delimiter belongs to it.
            let content = body
                .get(part.end..next.start.saturating_sub(2))
                .unwrap_or_default();
            if let Some(value) = field(content) {
                form.cut(part.start..next.start, || {
                    String::from_utf8_lossy(value).into_owned()
                });
            }
            part = next;
        }
        form
    }

    /// The values of the field that overrides the method, read as a lenient server reads: it needs neither `\r` in front of a
    /// line break nor a delimiter at the end. None where the name stands there more often than in any form.
    pub(super) fn methods(body: &[u8]) -> Option<Vec<Method>> {
        let mut methods = Vec::new();
        let mut from = 0;
        let mut named = 0;
        while let Some(found) = find(body.get(from..)?, METHOD_FIELD.as_bytes()) {
            let start = from + found;
            let behind = start + METHOD_FIELD.len();
            let before = body.get(from..start)?.trim_ascii_end();
            if matches!(before, [.., b'='] | [.., b'=', b'"' | b'\'']) {
                named += 1;
                let end = body.len().min(behind + METHOD_PART);
                methods.extend(method(body.get(behind..end)?));
            }
            if named > MAX_METHODS {
                return None;
            }
            from = behind;
        }
        Some(methods)
    }

    /// The delimiter lines: each at the start of a line, followed by blanks and a line break, or by the `--` of the end.
    /// A delimiter holds no line break, so no byte is compared twice.
    fn delimiters<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut line = Some(0);
        std::iter::from_fn(move || {
            loop {
                let start = line?;
                let rest = body.get(start..)?;
                line = find(rest, b"\r\n").map(|end| start + end + 2);
                if let Some(behind) = rest.strip_prefix(self.delimiter.as_slice())
                    && let Some(length) = line_end(behind)
                {
                    return Some(start..start + self.delimiter.len() + length);
                }
            }
        })
    }
}

/// Where a delimiter line ends behind its delimiter; none when it is not one.
fn line_end(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"--") {
        return Some(2);
    }
    let blanks = rest
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    rest.get(blanks..)?
        .starts_with(b"\r\n")
        .then_some(blanks + 2)
}

/// Whether the text is a boundary (RFC 2046 §5.1.1): up to 70 of these characters, the last one no blank.
fn is_boundary(text: &str) -> bool {
    let is_character = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(&byte);
    (1..=MAX_BOUNDARY).contains(&text.len())
        && text.bytes().all(is_character)
        && !text.ends_with(' ')
}

/// The method in a part, given from behind its name on.
fn method(part: &[u8]) -> Option<Method> {
    let text = String::from_utf8_lossy(part).replace('\r', "");
    let (_, value) = text.split_once("\n\n")?;
    Method::parse(value.lines().next()?)
}

/// The value of a part, if it is the field.
fn field(part: &[u8]) -> Option<&[u8]> {
    let head_end = find(part, b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(part.get(..head_end)?);
    let disposition = head.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim()
            .eq_ignore_ascii_case("content-disposition")
            .then_some(value)
    })?;
    let (_, parameters) = disposition.split_once(';')?;
    let is_field = parameter(parameters, "name").as_deref() == Some(FIELD);
    let is_file = parameter(parameters, "filename").is_some();
    (is_field && !is_file).then(|| part.get(head_end + 4..).unwrap_or_default())
}

/// A parameter of a header field, its quotes taken away.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ';']);
        let (name, behind) = rest.split_once('=')?;
        let (value, behind) = value(behind.trim_start())?;
        if name.trim().eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind;
    }
}

/// The value at the start of a text and what follows it.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        let (value, behind) = text.split_at(end);
        return Some((value.trim().to_owned(), behind));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, quoted.get(at + 1..)?)),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    None
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
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
