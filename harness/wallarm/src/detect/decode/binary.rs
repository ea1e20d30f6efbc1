//! Bytes written as text, and compressed bytes.

use std::io::Read;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use flate2::read::MultiGzDecoder;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Shorter texts are words that happen to be written in the alphabet.
const SHORTEST: usize = 6;

/// The bytes behind a base64 text of either alphabet, with or without padding, where they read as text.
pub(crate) fn base64(value: &[u8]) -> Option<Vec<u8>> {
    let value = value.trim_ascii();
    if value.len() < SHORTEST || !value.iter().all(|&byte| is_base64(byte)) {
        return None;
    }
    // A query turns `+` into a blank.
    let value: Vec<u8> = value
        .iter()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .map(|&byte| if byte == b' ' { b'+' } else { byte })
        .collect();
    let bytes = STANDARD
        .decode(&value)
        .or_else(|_| URL_SAFE.decode(&value))
        .ok()?;
    (is_text(&bytes) || is_gzip(&bytes)).then_some(bytes)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'+' | b'/' | b'-' | b'_' | b'=' | b' ' | b'\r' | b'\n'
        )
}

/// The bytes behind an even number of hexadecimal digits, `0x` before them or not, where they read as text.
pub(crate) fn hexadecimal(value: &[u8]) -> Option<Vec<u8>> {
    let digits = value.strip_prefix(b"0x").unwrap_or(value);
    if digits.len() < 2 * SHORTEST || !digits.len().is_multiple_of(2) {
        return None;
    }
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some((digit(*high)? * 16 + digit(*low)?) as u8),
        _ => None,
    };
    let bytes: Vec<u8> = digits.chunks(2).map(byte).collect::<Option<_>>()?;
    is_text(&bytes).then_some(bytes)
}

/// What a gzip stream holds, up to so many bytes; of a damaged one, what comes before the damage.
pub(crate) fn gunzip(value: &[u8], limit: u64) -> Option<Vec<u8>> {
    if !is_gzip(value) {
        return None;
    }
    let mut content = Vec::new();
    // How it ends does not matter: what was there until then is looked at.
    let _ = MultiGzDecoder::new(value)
        .take(limit)
        .read_to_end(&mut content);
    (!content.is_empty()).then_some(content)
}

fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

/// Whether the bytes are text somebody wrote.
fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| {
        !text.is_empty()
            && text.chars().all(|character| {
                !character.is_control() || matches!(character, '\t' | '\r' | '\n' | '\0')
            })
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("PHNjcmlwdD4=", Some("<script>"))]
    #[case("PHNjcmlwdD4", Some("<script>"))]
    #[case("Pz8_Pz8-", Some("?????>"))]
    #[case("hello", None)]
    #[case("Checkout", None)]
    #[case("a.b.c.d.e", None)]
    fn base64_is_opened_where_text_is_behind_it(
        #[case] value: &str,
        #[case] expected: Option<&str>,
    ) {
        let opened = base64(value.as_bytes());
        assert_eq!(opened.as_deref(), expected.map(str::as_bytes));
    }

    #[rstest]
    #[case("3c7363726970743e", Some("<script>"))]
    #[case("0x3c7363726970743e", Some("<script>"))]
    #[case("3c7363726970743", None)]
    #[case("d41d8cd98f00b204e9800998ecf8427e", None)]
    fn hexadecimal_digits_are_opened_where_text_is_behind_them(
        #[case] value: &str,
        #[case] expected: Option<&str>,
    ) {
        let opened = hexadecimal(value.as_bytes());
        assert_eq!(opened.as_deref(), expected.map(str::as_bytes));
    }

    #[test]
    fn a_bomb_is_opened_only_as_far_as_the_limit() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        gzip.write_all(&vec![b'a'; 1 << 20]).unwrap();
        let bomb = gzip.finish().unwrap();
        assert_eq!(gunzip(&bomb, 1000).map(|content| content.len()), Some(1000));
        assert_eq!(gunzip(b"plain", 1000), None);
    }
}
