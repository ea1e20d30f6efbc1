//! Keeps secrets out of everything that leaves edgeproof: known texts wherever they occur, and what a name in front says
//! is secret.

mod known;
mod names;
mod places;
mod telling;

use std::ops::Range;

use serde_json::Value as Json;

use known::Known;
pub use names::{is_secret, is_secret_variable};
pub use telling::Telling;
use telling::spellings;

/// What stands in place of a secret.
pub const REDACTED: &str = "[redacted]";

/// Values longer than this are shortened: `fp-data` alone is 20 KB.
const SHOWN_BYTES: usize = 200;

/// Hides secrets in texts. The default knows only what names say.
#[derive(Clone, Debug, Default)]
pub struct Redactor {
    known: Option<Known>,
}

impl Redactor {
    /// Hides these texts too, wherever they occur.
    pub fn knowing<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            known: Known::new(secrets.into_iter().flat_map(spellings)),
        }
    }

    /// The text without secrets.
    pub fn text(&self, text: &str) -> String {
        without(text, &self.places(text), |_| REDACTED.to_owned())
    }

    /// The text as long as before, with stars in place of secrets: marks in it stay where they are.
    pub fn starred(&self, text: &str) -> String {
        without(text, &self.places(text), |secret| {
            let star = |character| match character {
                '\n' => "\n".to_owned(),
                other => "*".repeat(char::len_utf8(other)),
            };
            secret.chars().map(star).collect()
        })
    }

    /// The same of JSON, which it stays: what a member's name says is secret is hidden with all that is in it.
    pub fn json(&self, json: Json) -> Json {
        match json {
            Json::Object(members) => {
                let members = members.into_iter().map(|(name, value)| {
                    let value = match is_secret(&name) {
                        true => hidden(value),
                        false => self.json(value),
                    };
                    (self.without_known(&name), value)
                });
                Json::Object(members.collect())
            }
            Json::Array(items) => items.into_iter().map(|item| self.json(item)).collect(),
            Json::String(text) => self.text(&text).into(),
            Json::Number(number) => {
                let shown = self.without_known(&number.to_string());
                match shown == number.to_string() {
                    true => number.into(),
                    false => shown.into(),
                }
            }
            literal => literal,
        }
    }

    /// The text without the known secrets, whatever names it has.
    pub fn without_known(&self, text: &str) -> String {
        without(text, &self.known_in(text), |_| REDACTED.to_owned())
    }

    /// A value from outside as it is shown: without secrets, then shortened.
    pub fn shown(&self, value: &str) -> String {
        shorten(&self.text(value))
    }

    /// A sentence as it is shown: without secrets, then what it quotes is shortened.
    pub fn sentence(&self, sentence: &str) -> String {
        let sentence = self.text(sentence);
        // A value may have such quotes itself, so the outermost count.
        match (sentence.find('`'), sentence.rfind('`')) {
            (Some(first), Some(last)) if first < last => {
                let (before, quoted) = sentence.split_at(first + 1);
                let (quoted, behind) = quoted.split_at(last - first - 1);
                format!("{before}{}{behind}", shorten(quoted))
            }
            _ => sentence,
        }
    }

    /// The value of a header as it is shown.
    pub fn header(&self, name: &str, value: &str) -> String {
        if is_secret(name) {
            return REDACTED.to_owned();
        }
        self.shown(value)
    }

    fn places(&self, text: &str) -> Vec<Range<usize>> {
        let mut places = places::of(text);
        places.extend(self.known_in(text));
        places::merged(places)
    }

    fn known_in(&self, text: &str) -> Vec<Range<usize>> {
        let known = self.known.iter();
        known.flat_map(|known| known.places(text)).collect()
    }
}

/// A secret value: the names in it stay, and what is no secret under any name.
fn hidden(json: Json) -> Json {
    match json {
        Json::Object(members) => {
            let members = members.into_iter();
            Json::Object(members.map(|(name, value)| (name, hidden(value))).collect())
        }
        Json::Array(items) => items.into_iter().map(hidden).collect(),
        Json::String(_) | Json::Number(_) => REDACTED.into(),
        literal => literal,
    }
}

/// What names in a text say is secret.
pub fn secrets_in(text: &str) -> impl Iterator<Item = &str> {
    places::of(text).into_iter().map(|place| &text[place])
}

fn without(text: &str, places: &[Range<usize>], instead: impl Fn(&str) -> String) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut end = 0;
    for place in places {
        shown.push_str(&text[end..place.start]);
        shown.push_str(&instead(&text[place.clone()]));
        end = place.end;
    }
    shown.push_str(&text[end..]);
    shown
}

/// The start of a long text and its length.
fn shorten(text: &str) -> String {
    if text.len() <= SHOWN_BYTES {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(SHOWN_BYTES);
    format!("{}… ({} bytes)", &text[..end], text.len())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn redactor() -> Redactor {
        Redactor::knowing(["sk_12345678", "a\"b/c d-1"])
    }

    #[rstest]
    #[case::known("the key is sk_12345678!", "the key is [redacted]!")]
    #[case::named("{\"token\":\"t1\"}", "{\"token\":\"[redacted]\"}")]
    #[case::both("token=sk_12345678", "token=[redacted]")]
    #[case::as_json(r#"{"x":"a\"b/c d-1"}"#, r#"{"x":"[redacted]"}"#)]
    #[case::in_a_url("/?x=a%22b%2Fc%20d%2D1", "/?x=[redacted]")]
    #[case::in_a_form("x=a%22b%2Fc+d-1", "x=[redacted]")]
    #[case::neither("a rule r1", "a rule r1")]
    fn secrets_do_not_leave(#[case] text: &str, #[case] expected: &str) {
        let shown = redactor().text(text);
        assert_eq!(shown, expected);
        assert_eq!(redactor().text(&shown), shown);
    }

    #[test]
    fn json_stays_json() {
        let shown = redactor().json(json!({
            "secrets": { "A": "a\"}", "B": ["b", { "c": 1, "present": false }] },
            "x sk_12345678": "see a\"b/c d-1",
            "note": "token: {\"a\": 1}",
            "n": [1, null],
        }));
        let expected = json!({
            "secrets": { "A": REDACTED, "B": [REDACTED, { "c": REDACTED, "present": false }] },
            "x [redacted]": "see [redacted]",
            "note": "token: [redacted]",
            "n": [1, null],
        });
        assert_eq!(shown, expected);
    }

    #[test]
    fn stars_leave_every_byte_where_it_was() {
        let text = "a: ü sk_12345678\ntoken: 'ü1' # x";
        let starred = redactor().starred(text);
        assert_eq!(starred, "a: ü ***********\ntoken: '***' # x");
    }

    #[test]
    fn a_secret_at_the_end_of_what_is_shown_is_hidden_whole() {
        for before in 150..=SHOWN_BYTES {
            let text = format!("{} sk_12345678 {}", "x".repeat(before), "y".repeat(100));
            let shown = redactor().shown(&text);
            assert!(!shown.contains("sk_"), "{shown}");
        }
    }

    #[test]
    fn a_long_value_is_shortened_at_a_character() {
        let text = "é".repeat(150);
        let shown = Redactor::default().shown(&text);
        assert_eq!(shown, format!("{}… (300 bytes)", "é".repeat(100)));
    }

    #[test]
    fn what_a_sentence_quotes_is_shortened_and_the_rest_stays() {
        let sentence = format!("got `a`{}`: so there", "é".repeat(150));
        let shown = redactor().sentence(&sentence);
        assert_eq!(
            shown,
            format!("got `a`{}… (302 bytes)`: so there", "é".repeat(99))
        );
        assert_eq!(redactor().sentence("got 403"), "got 403");
    }

    #[rstest]
    #[case("authorization", "Bearer abc", REDACTED)]
    #[case("x-api-key", "k", REDACTED)]
    #[case("x-rule", "r1", "r1")]
    #[case("location", "/?token=t1", "/?token=[redacted]")]
    fn a_header_is_hidden_by_its_name(
        #[case] name: &str,
        #[case] value: &str,
        #[case] shown: &str,
    ) {
        assert_eq!(Redactor::default().header(name, value), shown);
    }
}
