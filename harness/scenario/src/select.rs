//! Which scenarios are meant: by name and by tags.

use std::{collections::BTreeSet, fmt, str::FromStr};

use super::{
    file::Kind,
    load::{Broken, Case, Loaded},
};

/// What `--filter` and `--tag` ask for. Empty asks for everything.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// A part of the name or the title.
    pub filter: Option<String>,
    /// An expression over tags.
    pub tags: Option<TagExpression>,
    /// Whether another worker than edgeproof's own is under test: then what is tagged [`OURS`] is not meant, unless the
    /// expression speaks of it.
    pub another_worker: bool,
}

/// The tag of ways that are those of the worker of edgeproof, and need be no other worker's.
pub const OURS: &str = "ours";

/// What was meant of all that was read.
#[derive(Debug)]
pub struct Selected {
    /// The cases. Where another worker is under test, what is recommended of it is optional.
    pub cases: Vec<Case>,
    /// Files with mistakes, which may have cases that are meant.
    pub broken: Vec<Broken>,
    /// Files with mistakes of which nobody wants to know.
    pub left_out: Vec<Broken>,
}

impl Selection {
    /// A tag that is asked for and that no file has, with those that there are.
    pub fn unknown_tag(&self, loaded: &Loaded) -> Option<(String, Vec<String>)> {
        let cases = loaded.cases.iter().map(|case| &case.scenario.tags);
        let broken = loaded.broken.iter().map(|broken| &broken.tags);
        let known: BTreeSet<&String> = cases.chain(broken).flatten().collect();
        let asked = self.tags.iter().flat_map(TagExpression::tags);
        let unknown = asked.map(str::to_owned).find(|tag| !known.contains(tag))?;
        Some((unknown, known.into_iter().cloned().collect()))
    }

    /// What is meant of all that was read.
    pub fn of(&self, loaded: Loaded) -> Selected {
        let Loaded { mut cases, broken } = loaded;
        cases.retain(|case| self.includes(case));
        for case in &mut cases {
            if self.another_worker && case.scenario.kind == Kind::Recommended {
                case.scenario.kind = Kind::Optional;
            }
        }
        let (broken, left_out) = broken
            .into_iter()
            .partition(|broken| self.may_include(broken));
        Selected {
            cases,
            broken,
            left_out,
        }
    }

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
        self.tags.as_ref().is_none_or(|wanted| wanted.holds(tags)) && !self.leaves_out(tags)
    }

    /// Whether this is left out because another worker is under test.
    fn leaves_out(&self, tags: &[String]) -> bool {
        let speaks_of_it = || {
            self.tags
                .as_ref()
                .is_some_and(|wanted| wanted.mentions(OURS))
        };
        self.another_worker && tags.iter().any(|tag| tag == OURS) && !speaks_of_it()
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
    /// One that holds where there is one of these tags and, where there is an expression, that holds too.
    pub fn one_of<'a>(tags: impl IntoIterator<Item = &'a str>, and: Option<Self>) -> Option<Self> {
        let tags = tags.into_iter().map(|tag| Self::Tag(tag.to_owned()));
        let one = tags.reduce(|left, right| Self::Or(Box::new(left), Box::new(right)));
        match (one, and) {
            (Some(one), Some(and)) => Some(Self::And(Box::new(one), Box::new(and))),
            (one, and) => one.or(and),
        }
    }

    /// Whether it holds for these tags.
    pub fn holds(&self, tags: &[String]) -> bool {
        match self {
            Self::Tag(tag) => tags.contains(tag),
            Self::Not(inner) => !inner.holds(tags),
            Self::And(left, right) => left.holds(tags) && right.holds(tags),
            Self::Or(left, right) => left.holds(tags) || right.holds(tags),
        }
    }

    /// Whether the tag stands in it.
    pub fn mentions(&self, tag: &str) -> bool {
        self.tags().contains(&tag)
    }

    /// The tags that stand in it.
    pub fn tags(&self) -> Vec<&str> {
        match self {
            Self::Tag(own) => vec![own],
            Self::Not(inner) => inner.tags(),
            Self::And(left, right) | Self::Or(left, right) => [left.tags(), right.tags()].concat(),
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
    #[case::of_our_own(false, None, true)]
    #[case::of_another(true, None, false)]
    #[case::of_another_by_another_tag(true, Some("flow"), false)]
    #[case::brought_back(true, Some("flow and ours"), true)]
    #[case::told_again(true, Some("not ours"), false)]
    fn our_ways_are_left_out_with_another_worker_unless_they_are_asked_for(
        #[case] another_worker: bool,
        #[case] tags: Option<&str>,
        #[case] meant: bool,
    ) {
        let selection = Selection {
            tags: tags.map(|text| text.parse().unwrap()),
            another_worker,
            ..Selection::default()
        };
        assert_eq!(
            selection.is_tagged(&["flow".to_owned(), OURS.to_owned()]),
            meant
        );
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
