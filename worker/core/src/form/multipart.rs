//! Forms of type `multipart/form-data` (RFC 7578), which browsers send with files.

use std::ops::Range;

use super::{FIELD, Form};

/// A multipart body, known by its boundary.
#[derive(Clone, Debug)]
pub(super) struct Multipart {
    /// `--` and the boundary.
    delimiter: Vec<u8>,
}

impl Multipart {
    /// The parameters of the `Content-Type`; none when they name no boundary.
    pub(super) fn new(parameters: &str) -> Option<Self> {
        let boundary = parameter(parameters, "boundary").filter(|boundary| !boundary.is_empty())?;
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

    /// The delimiter lines: each at the start of a line, followed by blanks and a line break, or by the `--` of the end.
    fn delimiters<'a>(&'a self, body: &'a [u8]) -> impl Iterator<Item = Range<usize>> + 'a {
        let mut from = 0;
        std::iter::from_fn(move || {
            loop {
                let start = from + find(body.get(from..)?, &self.delimiter)?;
                let end = start + self.delimiter.len();
                from = end;
                let is_at_line_start = start == 0 || body.get(..start)?.ends_with(b"\r\n");
                if is_at_line_start && let Some(line_end) = line_end(body.get(end..)?) {
                    return Some(start..end + line_end);
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
