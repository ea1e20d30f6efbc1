//! Conditions on one text: a header, a body, the text of an element, a line of a log.

use std::fmt;

use edgeproof_document::{range::Range, schema};
use indexmap::IndexMap;
use regex::Regex;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value as Json;
use serde_json_path::JsonPath;

use super::{json, request::OneOrMany};

/// What a text must be. Written as the text itself, or as a mapping of conditions that must all hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TextMatcher {
    conditions: Vec<Condition>,
    message: Option<String>,
}

/// One condition.
#[derive(Clone, Debug)]
enum Condition {
    Equals(String),
    Not(Box<TextMatcher>),
    Contains(String),
    StartsWith(String),
    EndsWith(String),
    Matches(Regex),
    OneOf(Vec<String>),
    Present(bool),
    Length(Range),
    Json(Json),
    JsonPath(JsonPath, TextMatcher),
}

/// Conditions that must all hold.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "TextConditions")]
struct Written {
    /// It is exactly this.
    equals: Option<Scalar>,
    /// The conditions in here do not all hold.
    not: Option<Box<TextMatcher>>,
    /// It contains this, or each of these.
    contains: Option<OneOrMany>,
    /// It starts with this.
    starts_with: Option<Scalar>,
    /// It ends with this.
    ends_with: Option<Scalar>,
    /// This regular expression finds something in it.
    matches: Option<Pattern>,
    /// It is one of these.
    one_of: Option<Vec<Scalar>>,
    /// It is there at all, or is not.
    present: Option<bool>,
    /// How many bytes it has.
    length: Option<Range>,
    /// It is JSON that includes this.
    json: Option<Json>,
    /// It is JSON; what each JSONPath (RFC 9535) selects in it meets the conditions, and something is selected.
    json_path: Option<IndexMap<Path, TextMatcher>>,
    /// A message to show when it does not match.
    message: Option<String>,
}

impl TextMatcher {
    /// Exactly this text.
    pub fn equals(text: impl Into<String>) -> Self {
        Self {
            conditions: vec![Condition::Equals(text.into())],
            message: None,
        }
    }

    /// Whether the text meets every condition; `None` is a text that is not there.
    pub fn holds(&self, actual: Option<&str>) -> bool {
        self.conditions
            .iter()
            .all(|condition| condition.holds(actual))
    }

    /// What the author wants to be told when it does not hold.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The text that is expected, where nothing but one text will do.
    pub fn exact(&self) -> Option<&str> {
        match self.conditions.as_slice() {
            [Condition::Equals(text)] => Some(text),
            _ => None,
        }
    }
}

impl Condition {
    fn holds(&self, actual: Option<&str>) -> bool {
        let has = |test: &dyn Fn(&str) -> bool| actual.is_some_and(test);
        match self {
            Self::Equals(text) => actual == Some(text),
            Self::Not(matcher) => !matcher.holds(actual),
            Self::Contains(part) => has(&|actual| actual.contains(part.as_str())),
            Self::StartsWith(start) => has(&|actual| actual.starts_with(start.as_str())),
            Self::EndsWith(end) => has(&|actual| actual.ends_with(end.as_str())),
            Self::Matches(pattern) => has(&|actual| pattern.is_match(actual)),
            Self::OneOf(texts) => has(&|actual| texts.iter().any(|text| text == actual)),
            Self::Present(present) => actual.is_some() == *present,
            // A length in bytes is far below 2^53, where f64 is exact.
            Self::Length(range) => has(&|actual| range.holds(actual.len() as f64)),
            Self::Json(json) => has(&|actual| {
                serde_json::from_str(actual)
                    .is_ok_and(|actual| json::difference(json, &actual).is_none())
            }),
            Self::JsonPath(path, matcher) => {
                let json: Option<Json> = actual.and_then(|text| serde_json::from_str(text).ok());
                let selected: Vec<String> = json
                    .iter()
                    .flat_map(|json| path.query(json).all())
                    .map(json::as_text)
                    .collect();
                match selected.as_slice() {
                    [] => json.is_some() && matcher.holds(None),
                    selected => selected.iter().all(|text| matcher.holds(Some(text))),
                }
            }
        }
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl fmt::Display for TextMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.conditions.is_empty() {
            return f.write_str("to be anything");
        }
        for (index, condition) in self.conditions.iter().enumerate() {
            if index > 0 {
                f.write_str(" and ")?;
            }
            condition.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(text) if text.is_empty() => f.write_str("to be empty"),
            Self::Equals(text) => write!(f, "to be `{text}`"),
            Self::Not(matcher) => write!(f, "not {matcher}"),
            Self::Contains(text) => write!(f, "to contain `{text}`"),
            Self::StartsWith(text) => write!(f, "to start with `{text}`"),
            Self::EndsWith(text) => write!(f, "to end with `{text}`"),
            Self::Matches(pattern) => write!(f, "to match /{pattern}/"),
            Self::OneOf(texts) => write!(f, "to be one of `{}`", texts.join("`, `")),
            Self::Present(true) => f.write_str("to be present"),
            Self::Present(false) => f.write_str("to be absent"),
            Self::Length(range) => write!(f, "to be {range} bytes long"),
            Self::Json(json) => write!(f, "to be JSON that includes {json}"),
            Self::JsonPath(path, matcher) => write!(f, "to be JSON with `{path}` {matcher}"),
        }
    }
}

impl From<Written> for TextMatcher {
    fn from(written: Written) -> Self {
        let mut conditions = Vec::new();
        conditions.extend(written.equals.map(|text| Condition::Equals(text.0)));
        conditions.extend(written.not.map(Condition::Not));
        let parts = written.contains.map(|parts| parts.0).unwrap_or_default();
        conditions.extend(parts.into_iter().map(Condition::Contains));
        conditions.extend(
            written
                .starts_with
                .map(|text| Condition::StartsWith(text.0)),
        );
        conditions.extend(written.ends_with.map(|text| Condition::EndsWith(text.0)));
        conditions.extend(written.matches.map(|pattern| Condition::Matches(pattern.0)));
        conditions.extend(
            written
                .one_of
                .map(|texts| Condition::OneOf(texts.into_iter().map(|text| text.0).collect())),
        );
        conditions.extend(written.present.map(Condition::Present));
        conditions.extend(written.length.map(Condition::Length));
        conditions.extend(written.json.map(Condition::Json));
        let paths = written.json_path.unwrap_or_default();
        conditions.extend(
            paths
                .into_iter()
                .map(|(path, matcher)| Condition::JsonPath(path.0, matcher)),
        );
        Self {
            conditions,
            message: written.message,
        }
    }
}

impl<'de> Deserialize<'de> for TextMatcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = TextMatcher;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or a mapping of conditions such as `contains`")
            }

            fn visit_str<E>(self, text: &str) -> Result<TextMatcher, E> {
                Ok(TextMatcher::equals(text))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextMatcher, A::Error> {
                Written::deserialize(MapAccessDeserializer::new(map)).map(TextMatcher::from)
            }
        }
        // A text is what stands in the file, whatever YAML takes it for.
        deserializer.deserialize_str(Either)
    }
}

impl JsonSchema for TextMatcher {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short = generator.subschema_for::<Scalar>();
        schema::either(&short, &generator.subschema_for::<Written>())
    }
}

impl JsonSchema for Scalar {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// A text, also where YAML reads the word as a number or a boolean.
#[derive(Deserialize)]
struct Scalar(String);

/// A regular expression.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Pattern(pub Regex);

#[derive(Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
struct Path(JsonPath);

impl std::hash::Hash for Path {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_string().hash(state);
    }
}

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        JsonPath::parse(&text)
            .map(Self)
            .map_err(|error| format!("`{text}` is not a JSONPath: {}", error.message()))
    }
}

impl TryFrom<String> for Pattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Regex::new(&text)
            .map(Self)
            .map_err(|error| format!("not a regular expression: {}", one_line(&error)))
    }
}

fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines()
        .last()
        .unwrap_or_default()
        .trim_start_matches("error: ")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use edgeproof_document::{read::read, yaml};
    use rstest::rstest;

    use super::*;

    fn matcher(text: &str) -> TextMatcher {
        read(&yaml::parse(0, text).unwrap()).unwrap()
    }

    #[rstest]
    #[case("r1", Some("r1"), true)]
    #[case("r1", Some("r2"), false)]
    #[case("r1", None, false)]
    #[case("12", Some("12"), true)]
    #[case("true", Some("true"), true)]
    #[case("{contains: json}", Some("application/json"), true)]
    #[case("{contains: [a, json]}", Some("xjson"), false)]
    #[case("{not: {contains: json}}", Some("text/html"), true)]
    #[case("{not: {contains: json}}", None, true)]
    #[case("{present: false}", None, true)]
    #[case("{present: false}", Some(""), false)]
    #[case("{present: true, not: x}", Some("x"), false)]
    #[case("{matches: '^a+$'}", Some("aaa"), true)]
    #[case("{matches: '^a+$'}", None, false)]
    #[case("{one_of: [a, 2]}", Some("2"), true)]
    #[case("{starts_with: a, ends_with: c}", Some("abc"), true)]
    #[case("{length: {max: 2}}", Some("abc"), false)]
    #[case("{length: 3}", Some("abc"), true)]
    #[case("{json: {a: 1}}", Some(r#"{"a":1,"b":2}"#), true)]
    #[case("{json: {a: 1}}", Some("not json"), false)]
    #[case("{json_path: {$.a.b: x}}", Some(r#"{"a":{"b":"x"}}"#), true)]
    #[case("{json_path: {$.a.b: x}}", Some(r#"{"a":{"b":"y"}}"#), false)]
    #[case("{json_path: {$.a.b: x}}", Some(r#"{"a":{}}"#), false)]
    #[case(
        "{json_path: {'$[*].n': {one_of: [1, 2]}}}",
        Some(r#"[{"n":1},{"n":2}]"#),
        true
    )]
    #[case(
        "{json_path: {'$[*].n': {one_of: [1, 2]}}}",
        Some(r#"[{"n":1},{"n":3}]"#),
        false
    )]
    #[case("{json_path: {$.secret: {present: false}}}", Some(r#"{"a":1}"#), true)]
    #[case("{json_path: {$.secret: {present: false}}}", Some("not json"), false)]
    #[case(
        "{json_path: {$.secret: {present: false}}}",
        Some(r#"{"secret":1}"#),
        false
    )]
    fn a_text_meets_every_condition_or_fails(
        #[case] written: &str,
        #[case] actual: Option<&str>,
        #[case] holds: bool,
    ) {
        assert_eq!(matcher(written).holds(actual), holds);
    }

    #[rstest]
    #[case("{contain: x}", "unknown key `contain`", "did you mean `contains`?")]
    fn a_misspelt_condition_names_the_nearest(
        #[case] text: &str,
        #[case] message: &str,
        #[case] help: &str,
    ) {
        let problems = read::<TextMatcher>(&yaml::parse(0, text).unwrap()).unwrap_err();
        assert_eq!(problems[0].message, message);
        assert_eq!(problems[0].help.as_deref(), Some(help));
    }

    #[test]
    fn a_regular_expression_that_cannot_be_read_says_why() {
        let problems = read::<TextMatcher>(&yaml::parse(0, "{matches: '('}").unwrap()).unwrap_err();
        assert_eq!(
            problems[0].message,
            "not a regular expression: unclosed group"
        );
    }
}
