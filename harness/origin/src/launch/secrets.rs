//! What an app was given and nobody may read.

use std::collections::BTreeMap;

use edgeproof_ground::redaction::{Redactor, is_secret_variable};
use url::Url;

/// Values shorter than this are words; replacing them would garble every line.
const SHORTEST: usize = 6;

/// The values of variables whose names say that they are secret, and the passwords in URLs.
pub fn secret_texts(env: &BTreeMap<String, String>) -> Vec<String> {
    Secrets::of(env).texts
}

/// Texts that no report may show.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets {
    /// The longest first.
    texts: Vec<String>,
    redactor: Redactor,
}

impl Secrets {
    /// The values of the variables whose names say that they are secret, and the passwords in URLs.
    pub(super) fn of(env: &BTreeMap<String, String>) -> Self {
        let mut secrets: Vec<String> = env
            .iter()
            .flat_map(|(name, value)| {
                let whole = is_secret_variable(name);
                let password = Url::parse(value)
                    .ok()
                    .and_then(|url| url.password().map(str::to_owned));
                let lines = value.lines().filter(move |_| whole).map(str::to_owned);
                lines.chain(password).collect::<Vec<_>>()
            })
            .filter(|secret| secret.len() >= SHORTEST)
            .collect();
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        secrets.dedup();
        Self {
            redactor: Redactor::knowing(secrets.iter().map(String::as_str)),
            texts: secrets,
        }
    }

    /// The text without them.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        self.redactor.text(text)
    }

    /// The last place up to `at` where the text can be cut without leaving a part of a secret.
    pub(super) fn cut(&self, text: &str, at: usize) -> usize {
        let mut at = text.floor_char_boundary(at);
        while let Some(start) = self
            .texts
            .iter()
            .filter_map(|secret| across(text, at, secret))
            .min()
        {
            at = start;
        }
        at
    }

    /// All of them.
    pub(super) fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Bytes of the longest.
    pub(super) fn longest(&self) -> usize {
        self.texts.first().map_or(0, String::len)
    }
}

/// Where the secret begins that stands on both sides of `at`.
fn across(text: &str, at: usize, secret: &str) -> Option<usize> {
    let reach = secret.len().saturating_sub(1);
    let start = text.ceil_char_boundary(at.saturating_sub(reach));
    let end = text.floor_char_boundary(at + reach);
    text[start..end].find(secret).map(|found| start + found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_secret_by_their_names_and_passwords_by_their_place() {
        let env = [
            ("STRIPE_SECRET_KEY", "sk_test_1"),
            ("NODE_ENV", "production"),
            ("session_secret", "short"),
            ("DATABASE_URL", "postgres://shop:hunter22@localhost/shop"),
            ("PRIVATE_PEM", "-----BEGIN\nabcdefgh\n"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::of(&BTreeMap::from(env));
        assert_eq!(
            secrets.hidden_in("production sk_test_1 short hunter22 abcdefgh"),
            "production [redacted] short [redacted] [redacted]"
        );
    }
    #[test]
    fn a_text_is_cut_before_a_secret_and_before_one_that_overlaps_it() {
        let env = [
            ("A_KEY", "abcdefgh"),
            ("B_KEY", "ghijklmn"),
            ("C_KEY", "üüüü"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let secrets = Secrets::of(&BTreeMap::from(env));
        let text = "--abcdefghijklmn--üüüü-";
        let cuts: Vec<usize> = (0..=text.len()).map(|at| secrets.cut(text, at)).collect();
        let before = [0, 1, 2];
        let inside = [2; 13];
        let between = [16, 17, 18];
        let umlauts = [18; 7];
        let after = [26, 27];
        assert_eq!(
            cuts,
            [&before[..], &inside, &between, &umlauts, &after].concat()
        );
    }
}
