//! Keeps secrets out of every report, message and log that leaves a run.

use http::{HeaderMap, HeaderName, header};

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Values longer than this are shortened: `fp-data` alone is 20 KB.
const SHOWN_BYTES: usize = 200;

/// Texts shorter than this are no secrets but words; replacing them would garble every message.
const SHORTEST_SECRET: usize = 6;

/// Replaces secrets: the values of headers that carry them, and given texts wherever they occur.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    secrets: Vec<String>,
}

impl Redactor {
    /// Hides these texts wherever they occur.
    pub fn new(secrets: impl IntoIterator<Item = String>) -> Self {
        let mut secrets: Vec<String> = secrets
            .into_iter()
            .filter(|secret| secret.len() >= SHORTEST_SECRET)
            .collect();
        // A secret that contains another one goes first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Self { secrets }
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| {
            text.replace(secret.as_str(), REDACTED)
        })
    }

    /// The headers without secrets, long values shortened.
    pub fn headers(&self, headers: &HeaderMap) -> Vec<(String, String)> {
        headers
            .iter()
            .map(|(name, value)| {
                let value = self.header(name, &String::from_utf8_lossy(value.as_bytes()));
                (name.as_str().to_owned(), value)
            })
            .collect()
    }

    /// One header's value without secrets, shortened.
    pub fn header(&self, name: &HeaderName, value: &str) -> String {
        if carries_secrets(name) {
            return REDACTED.to_owned();
        }
        shorten(&self.text(value))
    }
}

/// Whether a header of this name is a secret as a whole.
pub fn carries_secrets(name: &HeaderName) -> bool {
    *name == header::AUTHORIZATION
        || *name == header::PROXY_AUTHORIZATION
        || *name == header::COOKIE
        || *name == header::SET_COOKIE
        || name.as_str().contains("api-key")
        || name.as_str().contains("secret")
}

/// The start of a long text and its length.
pub fn shorten(text: &str) -> String {
    if text.len() <= SHOWN_BYTES {
        return text.to_owned();
    }
    let end = (0..=SHOWN_BYTES)
        .rev()
        .find(|&end| text.is_char_boundary(end))
        .unwrap_or(0);
    format!("{}… ({} bytes)", &text[..end], text.len())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("authorization", "Bearer abc", REDACTED)]
    #[case("cookie", "session=1", REDACTED)]
    #[case("set-cookie", "session=1", REDACTED)]
    #[case("x-api-key", "k", REDACTED)]
    #[case("x-note", "the key is sk_12345678!", "the key is [redacted]!")]
    #[case("x-rule", "r1", "r1")]
    fn secrets_do_not_leave(#[case] name: &str, #[case] value: &str, #[case] shown: &str) {
        let redactor = Redactor::new(["sk_12345678".to_owned(), "r1".to_owned()]);
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        assert_eq!(redactor.header(&name, value), shown);
    }

    #[test]
    fn a_long_value_is_shortened_at_a_character() {
        let text = "é".repeat(150);
        assert_eq!(shorten(&text), format!("{}… (300 bytes)", "é".repeat(100)));
    }
}
