//! Which scenarios are meant: by name and by tags.

use std::{fmt, str::FromStr};

use super::load::{Broken, Case};

/// What `--filter` and `--tag` ask for. Empty asks for everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// A part of the name or the title.
    pub filter: Option<String>,
    /// An expression over tags.
    pub tags: Option<TagExpression>,
}

impl Selection {
    /// Whether this case is meant.
    pub fn includes(&self, case: &Case) -> bool {
        let title = &case.scenario.title;
        self.is_named(&case.name, Some(title)) && self.is_tagged(&case.scenario.tags)
    }

    /// Whether a case of this file, whose mistakes hide what it says, may be meant.
    pub fn may_include(&self, broken: &Broken) -> bool {
        // Of a matrix only the beginning of the names is known.
        let may_begin = |filter: &String| filter.starts_with(&broken.name);
        let is_named = self.is_named(&broken.name, broken.title.as_deref())
            || self.filter.as_ref().is_some_and(may_begin);
        is_named && self.is_tagged(&broken.tags)
    }

    fn is_named(&self, name: &str, title: Option<&str>) -> bool {
        self.filter.as_deref().is_none_or(|part| {
            name.contains(part) || title.is_some_and(|title| title.contains(part))
        })
    }

    fn is_tagged(&self, tags: &[String]) -> bool {
        self.tags.as_ref().is_none_or(|wanted| wanted.holds(tags))
    }
}

/// `browser and not (slow or wallarm)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagExpression {
    /// The tag is there.
    Tag(String),
    /// It is not so.
    Not(Box<TagExpression>),
    /// Both are so.
    And(Box<TagExpression>, Box<TagExpression>),
    /// At least one is so.
    Or(Box<TagExpression>, Box<TagExpression>),
}

impl fmt::Display for TagExpression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = |part: &Self| match part {
            Self::Tag(tag) => tag.clone(),
            part => format!("({part})"),
        };
        match self {
            Self::Tag(tag) => formatter.write_str(tag),
            Self::Not(part) => write!(formatter, "not {}", inner(part)),
            Self::And(left, right) => write!(formatter, "{} and {}", inner(left), inner(right)),
            Self::Or(left, right) => write!(formatter, "{} or {}", inner(left), inner(right)),
        }
    }
}

/// Why an expression over tags could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not an expression over tags: {reason}; write `browser and not (slow or wallarm)`"
)]
pub struct TagExpressionError {
    text: String,
    reason: String,
}

impl TagExpression {
    /// Whether it holds for these tags.
    pub fn holds(&self, tags: &[String]) -> bool {
        match self {
            Self::Tag(tag) => tags.contains(tag),
            Self::Not(inner) => !inner.holds(tags),
            Self::And(left, right) => left.holds(tags) && right.holds(tags),
            Self::Or(left, right) => left.holds(tags) || right.holds(tags),
        }
    }
}

impl FromStr for TagExpression {
    type Err = TagExpressionError;

    fn from_str(text: &str) -> Result<Self, TagExpressionError> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut words = spaced.split_whitespace().peekable();
        let wrong = |reason: String| TagExpressionError {
            text: text.to_owned(),
            reason,
        };
        let expression = either(&mut words).map_err(wrong)?;
        match words.next() {
            None => Ok(expression),
            Some(word) => Err(wrong(format!("`{word}` is unexpected"))),
        }
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>) -> Result<TagExpression, String> {
    let mut left = both(words)?;
    while words.next_if_eq(&"or").is_some() {
        left = TagExpression::Or(Box::new(left), Box::new(both(words)?));
    }
    Ok(left)
}

fn both(words: &mut Words<'_>) -> Result<TagExpression, String> {
    let mut left = one(words)?;
    while words.next_if_eq(&"and").is_some() {
        left = TagExpression::And(Box::new(left), Box::new(one(words)?));
    }
    Ok(left)
}

fn one(words: &mut Words<'_>) -> Result<TagExpression, String> {
    match words.next() {
        Some("not") => Ok(TagExpression::Not(Box::new(one(words)?))),
        Some("(") => {
            let inner = either(words)?;
            match words.next() {
                Some(")") => Ok(inner),
                _ => Err("a `)` is missing".to_owned()),
            }
        }
        Some(word @ ("and" | "or" | ")")) => Err(format!("a tag is missing before `{word}`")),
        Some(tag) => Ok(TagExpression::Tag(tag.to_owned())),
        None => Err("a tag is missing at the end".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("flow", &["flow"], true)]
    #[case("flow", &["flows"], false)]
    #[case("not flow", &[], true)]
    #[case("flow and not browser", &["flow", "browser"], false)]
    #[case("a or b and c", &["a"], true)]
    #[case("(a or b) and c", &["a"], false)]
    #[case("not (a or b)", &["c"], true)]
    fn a_tag_expression_binds_not_before_and_before_or(
        #[case] text: &str,
        #[case] tags: &[&str],
        #[case] holds: bool,
    ) {
        let tags: Vec<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
        assert_eq!(text.parse::<TagExpression>().unwrap().holds(&tags), holds);
    }

    #[rstest]
    #[case("a b", "`b` is unexpected")]
    #[case("(a", "a `)` is missing")]
    #[case("a and", "a tag is missing at the end")]
    #[case("and a", "a tag is missing before `and`")]
    fn a_wrong_expression_says_what_is_missing(#[case] text: &str, #[case] reason: &str) {
        assert_eq!(text.parse::<TagExpression>().unwrap_err().reason, reason);
    }
}
