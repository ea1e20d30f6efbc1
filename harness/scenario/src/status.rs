//! Which statuses will do.

use std::fmt;

use http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// One status, several, or a class: `403`, `[200, 204]`, `2xx`, `not 403`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusMatcher {
    choices: Vec<Choice>,
    negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Code(u16),
    Class(u16),
}

impl StatusMatcher {
    /// Whether this status will do.
    pub fn holds(&self, status: StatusCode) -> bool {
        let found = self.choices.iter().any(|choice| match choice {
            Choice::Code(code) => status.as_u16() == *code,
            Choice::Class(class) => status.as_u16() / 100 == *class,
        });
        found != self.negated
    }

    fn choice(text: &str) -> Option<Choice> {
        if let Some(class) = text.strip_suffix("xx") {
            return class
                .parse()
                .ok()
                .filter(|class| (1..=5).contains(class))
                .map(Choice::Class);
        }
        text.parse().ok().and_then(Self::code)
    }

    fn code(code: i64) -> Option<Choice> {
        u16::try_from(code)
            .ok()
            .filter(|code| (100..=599).contains(code))
            .map(Choice::Code)
    }
}

impl fmt::Display for StatusMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negated {
            f.write_str("not ")?;
        }
        for (index, choice) in self.choices.iter().enumerate() {
            if index > 0 {
                f.write_str(" or ")?;
            }
            match choice {
                Choice::Code(code) => write!(f, "{code}")?,
                Choice::Class(class) => write!(f, "{class}xx")?,
            }
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for StatusMatcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Any {
            fn wrong<E: Error>(found: impl fmt::Display) -> E {
                E::custom(format!(
                    "`{found}` is not a status, such as `403`, `2xx`, `[200, 204]` or `not 403`"
                ))
            }
        }
        impl<'de> Visitor<'de> for Any {
            type Value = StatusMatcher;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a status, such as `403`, `2xx`, `[200, 204]` or `not 403`")
            }

            fn visit_i64<E: Error>(self, code: i64) -> Result<StatusMatcher, E> {
                let choice = StatusMatcher::code(code).ok_or_else(|| Self::wrong(code))?;
                Ok(StatusMatcher {
                    choices: vec![choice],
                    negated: false,
                })
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<StatusMatcher, E> {
                let (negated, rest) = match text.strip_prefix("not ") {
                    Some(rest) => (true, rest),
                    None => (false, text),
                };
                let choice = StatusMatcher::choice(rest).ok_or_else(|| Self::wrong(text))?;
                Ok(StatusMatcher {
                    choices: vec![choice],
                    negated,
                })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<StatusMatcher, A::Error> {
                let mut choices = Vec::new();
                while let Some(StatusMatcher { choices: more, .. }) = items.next_element()? {
                    choices.extend(more);
                }
                Ok(StatusMatcher {
                    choices,
                    negated: false,
                })
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl JsonSchema for StatusMatcher {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Status".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let code = json_schema!({ "type": "integer", "minimum": 100, "maximum": 599 });
        let words =
            json_schema!({ "type": "string", "pattern": "^(not )?([1-5][0-9][0-9]|[1-5]xx)$" });
        json_schema!({
            "description": "One status, several, or a class: `403`, `[200, 204]`, `2xx`, `not 403`.",
            "anyOf": [code, words, { "type": "array", "items": { "anyOf": [code, words] } }]
        })
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_document::{read::read, yaml};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("403", 403, true)]
    #[case("403", 200, false)]
    #[case("2xx", 204, true)]
    #[case("[200, 3xx]", 302, true)]
    #[case("[200, 3xx]", 404, false)]
    #[case("not 403", 200, true)]
    #[case("not 403", 403, false)]
    #[case("not 4xx", 404, false)]
    fn a_status_is_one_several_or_a_class(
        #[case] written: &str,
        #[case] status: u16,
        #[case] holds: bool,
    ) {
        let matcher: StatusMatcher = read(&yaml::parse(0, written).unwrap()).unwrap();
        assert_eq!(matcher.holds(StatusCode::from_u16(status).unwrap()), holds);
    }

    #[rstest]
    #[case("42")]
    #[case("9xx")]
    #[case("forbidden")]
    fn anything_else_is_refused(#[case] written: &str) {
        let problems = read::<StatusMatcher>(&yaml::parse(0, written).unwrap()).unwrap_err();
        assert!(problems[0].message.contains("is not a status"));
    }
}
