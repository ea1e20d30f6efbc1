//! A decoded value, ready to be looked at.

/// A value as text: bytes that are no text stand as replacement characters.
#[derive(Clone, Debug)]
pub(super) struct Value {
    /// As it was decoded.
    pub(super) raw: String,
    /// In lower case, without NULs, each run of blanks one blank and each run with a line break one line break.
    pub(super) folded: String,
    /// Whether a program wrote it in a syntax of its own, as browsers write most of their headers.
    ///
    /// Quotes, semicolons and brackets mean nothing there.
    pub(super) by_program: bool,
}

/// Shorter values are looked at as text, whatever they are.
const SHORTEST_BINARY: usize = 64;
/// Shorter runs of text in binary content come about by chance.
const SHORTEST_RUN: usize = 12;

/// The runs of text in binary content, such as a picture; nothing where the bytes are text.
///
/// Where bytes come by chance, every short sign of an attack does too.
pub(super) fn runs_in_binary(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    if bytes.len() < SHORTEST_BINARY || !is_binary(bytes) {
        return None;
    }
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\r' | b'\n' | b' '..=b'~');
    let runs = bytes.split(|byte| !is_text(byte));
    Some(runs.filter(|run| run.len() >= SHORTEST_RUN).collect())
}

/// Whether one in sixteen characters is none that people write.
fn is_binary(bytes: &[u8]) -> bool {
    let strange: usize = bytes
        .utf8_chunks()
        .map(|chunk| {
            let controls = chunk
                .valid()
                .bytes()
                .filter(|byte| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n'));
            controls.count() + chunk.invalid().len()
        })
        .sum();
    strange > bytes.len() / 16
}

impl Value {
    pub(super) fn new(bytes: &[u8], by_program: bool) -> Self {
        let raw = String::from_utf8_lossy(bytes).into_owned();
        Self {
            folded: fold(&raw),
            raw,
            by_program,
        }
    }
}

fn fold(raw: &str) -> String {
    let mut folded = String::with_capacity(raw.len());
    let mut blank: Option<char> = None;
    for character in raw.chars() {
        match character {
            '\0' => continue,
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => {
                blank = Some('\n');
                continue;
            }
            other if other.is_whitespace() => {
                blank.get_or_insert(' ');
                continue;
            }
            _ => {}
        }
        folded.extend(blank.take());
        if character.is_ascii() {
            folded.push(character.to_ascii_lowercase());
        } else {
            folded.extend(plain(character).to_lowercase());
        }
    }
    folded.extend(blank);
    folded
}

/// Full-width letters and signs read as the ASCII ones that many servers make of them.
fn plain(character: char) -> char {
    match u32::from(character) {
        code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(character),
        _ => character,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_picture_is_looked_at_where_it_holds_text() {
        let mut picture: Vec<u8> = (0..=255).cycle().take(512).collect();
        assert_eq!(runs_in_binary(&picture).map(|runs| runs.len()), Some(2));
        picture.extend(b"\xff<?php system($_GET[1]); ?>\xff");
        let runs = runs_in_binary(&picture).unwrap();
        assert_eq!(runs.last(), Some(&b"<?php system($_GET[1]); ?>".as_slice()));
        assert_eq!(
            runs_in_binary("Grüße aus München, ".repeat(9).as_bytes()),
            None
        );
        assert_eq!(runs_in_binary(b"..\xc0\xaf..\xc0\xafetc"), None);
    }

    #[rstest]
    #[case("SeLeCt\t\u{a0} 1", "select 1")]
    #[case("a \r\n\r\n b", "a\nb")]
    #[case("scr\0ipt", "script")]
    #[case("＜ＳＶＧ＞", "<svg>")]
    fn case_and_blanks_hide_nothing(#[case] raw: &str, #[case] folded: &str) {
        assert_eq!(Value::new(raw.as_bytes(), false).folded, folded);
    }
}
