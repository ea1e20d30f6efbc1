//! What the reader says when a value does not fit: one mistake, placed in the file.

use std::fmt;

use serde::de;

use crate::{problem::Problem, source::Span};

/// One value that does not fit its type.
#[derive(Debug)]
pub(super) struct Mistake {
    pub(super) message: Box<str>,
    pub(super) help: Option<String>,
    /// The place, set by the innermost value that knows it.
    pub(super) at: Option<Span>,
    /// The value to leave out of the next attempt, by address.
    pub(super) culprit: Option<usize>,
    /// The key that is missing, where that is the mistake.
    pub(super) missing: Option<&'static str>,
    /// The word that is not a variant of an enum, and those that are, where that is the mistake.
    pub(super) unknown: Option<Box<(String, &'static [&'static str])>>,
    /// Whether it only follows from a mistake that was reported already.
    pub(super) consequence: bool,
}

impl Mistake {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into().into_boxed_str(),
            help: None,
            at: None,
            culprit: None,
            missing: None,
            unknown: None,
            consequence: false,
        }
    }

    pub(super) fn problem(self) -> Problem {
        Problem {
            label: match self.missing {
                Some(_) => "in this mapping".to_owned(),
                None => "here".to_owned(),
            },
            message: self.message.into(),
            at: self.at.unwrap_or_default(),
            help: self.help,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Mistake {}

impl de::Error for Mistake {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_value(unexpected, expected)
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(format!(
            "expected {}, found {}",
            expected_in_words(expected),
            unexpected_in_words(unexpected)
        ))
    }

    fn missing_field(field: &'static str) -> Self {
        Self {
            help: Some(format!("add `{field}:`")),
            missing: Some(field),
            ..Self::new(format!("`{field}` is missing"))
        }
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let mut mistake = Self::new(format!("unknown key `{field}`"));
        mistake.help = Some(nearest(field, expected));
        mistake
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self {
            unknown: Some(Box::new((variant.to_owned(), expected))),
            help: Some(nearest(variant, expected)),
            ..Self::new(format!("`{variant}` is not allowed here"))
        }
    }
}

/// Variants that fit into the sentence of a mistake.
const FEW_VARIANTS: usize = 4;

impl Mistake {
    /// The mistake in the words of the enum that knows no such variant: `` `shut` is not a failure mode ``.
    pub(super) fn of_enum(mut self, name: &str) -> Self {
        // Types that only describe what is written have names of their own, which say nothing to a reader.
        if let Some((variant, expected)) = self.unknown.take().map(|unknown| *unknown)
            && !name.starts_with("Written")
        {
            let what = spaced(name);
            let article = match what.starts_with(['a', 'e', 'i', 'o']) {
                true => "an",
                false => "a",
            };
            self.message = format!("`{variant}` is not {article} {what}").into();
            if let [first @ .., last] = expected
                && (1..FEW_VARIANTS).contains(&first.len())
            {
                let choice = format!("`{}` or `{last}`", first.join("`, `"));
                self.message = format!("{}; use {choice}", self.message).into();
                self.help = self.help.filter(|help| help.starts_with("did you mean"));
            }
        }
        self
    }
}

/// `FailureMode` as `failure mode`.
fn spaced(name: &str) -> String {
    let mut words = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(character.to_lowercase());
    }
    words
}

/// serde names Rust's types; people who write YAML know numbers.
fn expected_in_words(expected: &dyn de::Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, zero or more".to_owned(),
        "a nonzero u8" | "a nonzero u16" | "a nonzero u32" | "a nonzero u64"
        | "a nonzero usize" => "a whole number, one or more".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a string" => "a text".to_owned(),
        _ => text,
    }
}

fn unexpected_in_words(unexpected: de::Unexpected<'_>) -> String {
    match unexpected {
        de::Unexpected::Str(text) => format!("the text `{text}`"),
        de::Unexpected::Signed(number) => format!("the number `{number}`"),
        de::Unexpected::Unsigned(number) => format!("the number `{number}`"),
        de::Unexpected::Float(number) => format!("the number `{number}`"),
        de::Unexpected::Bool(value) => format!("the boolean `{value}`"),
        de::Unexpected::Unit => "nothing".to_owned(),
        de::Unexpected::Seq => "a list".to_owned(),
        de::Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

/// Which of the words that are known here was probably meant.
pub fn nearest<W: AsRef<str>>(word: &str, known: &[W]) -> String {
    let mut known: Vec<&str> = known.iter().map(AsRef::as_ref).collect();
    let close = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance * 2 <= candidate.len().max(3))
        .min();
    if let Some((_, candidate)) = close {
        return format!("did you mean `{candidate}`?");
    }
    if known.is_empty() {
        return "there is nothing to choose from".to_owned();
    }
    known.sort_unstable();
    format!("choose from: {}", known.join(", "))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("staus", "did you mean `status`?")]
    #[case("haeders", "did you mean `headers`?")]
    #[case("colour", "choose from: body, headers, status")]
    fn the_nearest_word_is_named_or_else_all_of_them(#[case] word: &str, #[case] help: &str) {
        assert_eq!(nearest(word, &["status", "headers", "body"]), help);
    }
}
