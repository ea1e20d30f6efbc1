//! Which texts are worth hiding wherever they occur, and how else they may be spelt.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Texts shorter than this are no secrets but words; hiding them would garble every message.
const SHORTEST: usize = 6;

/// A word of this length or more is no word of our messages.
const NO_WORD: usize = 12;

/// Numbers shorter than this are also times and sizes.
const NO_SIZE: usize = 8;

/// Secret texts, gathered from wherever they stand, without those that are ordinary words.
#[derive(Clone, Debug, Default)]
pub struct Telling(BTreeSet<String>);

impl Telling {
    /// A text that somebody declared a secret.
    pub fn declared(&mut self, secret: &str) {
        // A key of several lines is printed line by line.
        let lines = secret.lines().map(str::trim);
        let lines = lines.filter(|line| line.len() >= SHORTEST && !line.starts_with("-----"));
        self.0.extend(lines.map(str::to_owned));
    }

    /// A text that stands where secrets do. It may be a word all the same, as `token_type: bearer` is.
    pub fn found(&mut self, text: &str) {
        for part in parts(text) {
            if is_telling(&part) {
                self.0.insert(part);
            }
        }
    }

    /// The value of a header that is secret as a whole.
    pub fn found_in_header(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("set-cookie") {
            // Behind the cookie stand its attributes, which are no secrets.
            self.found(value.split(';').next().unwrap_or_default());
        } else {
            self.found(value);
        }
    }

    /// The value of a variable of a worker.
    pub fn variable(&mut self, name: &str, value: &str) {
        if super::is_secret_variable(name) {
            self.declared(value);
        } else if !is_word(value)
            && !value.trim_start().starts_with(['{', '['])
            && is_telling(value.trim())
        {
            self.0.insert(value.trim().to_owned());
        }
        self.found_in(value);
    }

    /// What names in this text say is secret.
    pub fn found_in(&mut self, text: &str) {
        super::secrets_in(text).for_each(|secret| self.found(secret));
    }

    /// The texts.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// The secrets in a value: the values of cookies, the token behind a scheme, the password behind a name.
fn parts(text: &str) -> Vec<String> {
    let text = text.trim();
    let mut parts = vec![text.to_owned()];
    let words = text.split(|character: char| " ;,\"[]{}:".contains(character));
    // A pair of a name and a value is no secret, its value is.
    let is_whole =
        |word: &&str| word.len() < text.len() && !word.trim_end_matches('=').contains('=');
    parts.extend(words.filter(is_whole).map(str::to_owned));
    for pair in text.split([';', ' ', ',']) {
        if let Some((_, value)) = pair.split_once('=') {
            parts.push(value.trim_matches('"').to_owned());
        }
    }
    if let Some((scheme, credentials)) = text.split_once(' ')
        && scheme.eq_ignore_ascii_case("basic")
        && let Ok(decoded) = STANDARD.decode(credentials.trim())
        && let Ok(decoded) = String::from_utf8(decoded)
        && let Some((_, password)) = decoded.split_once(':')
    {
        parts.push(password.to_owned());
    }
    parts
}

fn is_telling(text: &str) -> bool {
    let is_number = text
        .chars()
        .all(|character| character.is_ascii_digit() || "-:.+ ".contains(character));
    text.len() >= SHORTEST
        && (!is_word(text) || text.len() >= NO_WORD)
        && (!is_number || text.len() >= NO_SIZE)
        && !is_address(text)
        && !is_name_of_variable(text)
        && text != super::REDACTED
}

/// A word of a sentence, or the name of a variable.
fn is_word(text: &str) -> bool {
    text.chars()
        .all(|character| character.is_alphabetic() || "-_ ".contains(character))
}

fn is_name_of_variable(text: &str) -> bool {
    text.chars()
        .all(|character| character.is_ascii_uppercase() || character == '_')
}

/// Hosts, paths and URLs are in every message; the secrets in them are found by their names.
fn is_address(text: &str) -> bool {
    let is_of_host = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || ".-:*".contains(character)
    };
    let ends_in_letters = text
        .rsplit_once('.')
        .is_some_and(|(_, last)| last.chars().all(|last| last.is_ascii_lowercase()));
    text.starts_with('/')
        || text.contains("://")
        || (ends_in_letters && text.chars().all(is_of_host))
}

/// A secret as it may also be written: in JSON, in a URL, in a form.
pub(super) fn spellings(secret: &str) -> Vec<String> {
    let encoded = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let json = secret.replace('\\', "\\\\").replace('"', "\\\"");
    let mut spellings = vec![
        secret.to_owned(),
        json,
        form,
        encoded.to_lowercase(),
        encoded,
    ];
    spellings.sort();
    spellings.dedup();
    spellings
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Bearer abc-123-def", &["Bearer abc-123-def", "abc-123-def"])]
    #[case("Basic dXNlcjpodW50ZXIy", &["Basic dXNlcjpodW50ZXIy", "dXNlcjpodW50ZXIy", "hunter2"])]
    #[case("sid=abc-1234; theme=dark", &["abc-1234", "sid=abc-1234; theme=dark"])]
    #[case("bearer", &[])]
    #[case("example", &[])]
    #[case("FP_SECRET_KEY", &[])]
    #[case("www.shop.example", &[])]
    #[case("/api/create-account", &[])]
    #[case("https://shop.example/", &[])]
    #[case("SG.abc-def.ghi", &["SG.abc-def.ghi"])]
    #[case("123456", &[])]
    #[case("correcthorsebattery", &["correcthorsebattery"])]
    fn what_stands_where_secrets_do_is_hidden_elsewhere_unless_it_is_a_word(
        #[case] text: &str,
        #[case] expected: &[&str],
    ) {
        let mut telling = Telling::default();
        telling.found(text);
        assert_eq!(telling.texts().collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case("GREETING", "hello-2-you", &["hello-2-you"])]
    #[case("MODE", "safe_blocking", &[])]
    #[case("API_KEY", "abcdefgh", &["abcdefgh"])]
    #[case("ROUTES", r#"[{"url":"shop.example/*","token":"abc-1234"}]"#, &["abc-1234"])]
    fn a_variable_is_hidden_unless_it_is_a_word(
        #[case] name: &str,
        #[case] value: &str,
        #[case] expected: &[&str],
    ) {
        let mut telling = Telling::default();
        telling.variable(name, value);
        assert_eq!(telling.texts().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_attributes_of_a_cookie_are_no_secrets() {
        let mut telling = Telling::default();
        telling.found_in_header(
            "set-cookie",
            "id=abc-1234; Path=/account1; Expires=Wed, 2026-11-26",
        );
        let all: Vec<_> = telling.texts().collect();
        assert_eq!(all, ["abc-1234", "id=abc-1234"]);
    }

    #[test]
    fn a_declared_secret_is_hidden_line_by_line() {
        let mut telling = Telling::default();
        telling.declared("-----BEGIN\nsecret\nabc\n");
        assert_eq!(telling.texts().collect::<Vec<_>>(), ["secret"]);
    }
}
