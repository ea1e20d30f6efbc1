//! JSON as the worker reads it. One small reader takes any text apart, and what is wanted is looked up in the result: a
//! reader of its own for each type would be ten times the code, and every request would run through all of it cold.

use std::{borrow::Cow, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

/// A value that borrows from the text it was read from.
#[derive(Debug)]
pub(crate) enum Json<'a> {
    Null,
    Truth(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List(Vec<Self>),
    Object(Vec<(Cow<'a, str>, Self)>),
}

/// Why a JSON text is not what was expected. It quotes nothing of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum JsonError {
    /// It breaks the grammar here.
    #[error("it is not JSON (line {line}, column {column})")]
    Syntax { line: usize, column: usize },
    /// A member of an object.
    #[error("{0} is missing or has the wrong type")]
    Member(&'static str),
}

/// What can be read from a value.
pub(crate) trait Read<'a>: Sized {
    /// None where the value is of another type.
    fn read(json: &'a Json<'_>) -> Option<Self>;
}

impl<'a> Json<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, JsonError> {
        serde_json::from_str(text).map_err(|error| JsonError::Syntax {
            line: error.line(),
            column: error.column(),
        })
    }
}

/// The members of an object. Of several with one name the last one counts, as in JavaScript.
#[derive(Clone, Copy)]
pub(crate) struct Object<'a>(&'a [(Cow<'a, str>, Json<'a>)]);

impl<'a> Object<'a> {
    /// A member that must be there.
    pub(crate) fn required<T: Read<'a>>(self, name: &'static str) -> Result<T, JsonError> {
        self.optional(name)?.ok_or(JsonError::Member(name))
    }

    /// A member that may be absent or null.
    pub(crate) fn optional<T: Read<'a>>(self, name: &'static str) -> Result<Option<T>, JsonError> {
        let found = self.0.iter().rev().find(|(member, _)| member == name);
        match found {
            None | Some((_, Json::Null)) => Ok(None),
            Some((_, value)) => T::read(value).map(Some).ok_or(JsonError::Member(name)),
        }
    }
}

impl<'a> Read<'a> for Object<'a> {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        match json {
            Json::Object(members) => Some(Self(members)),
            _ => None,
        }
    }
}

impl<'a> Read<'a> for &'a str {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        match json {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a> Read<'a> for String {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        <&str>::read(json).map(str::to_owned)
    }
}

impl<'a> Read<'a> for bool {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        match json {
            Json::Truth(truth) => Some(*truth),
            _ => None,
        }
    }
}

impl<'a> Read<'a> for f64 {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        match json {
            Json::Number(number) => Some(*number),
            _ => None,
        }
    }
}

impl<'a, T: Read<'a>> Read<'a> for Vec<T> {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        match json {
            Json::List(items) => items.iter().map(T::read).collect(),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue(PhantomData))
    }
}

struct AnyValue<'de>(PhantomData<&'de ()>);

impl<'de> Visitor<'de> for AnyValue<'de> {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, truth: bool) -> Result<Json<'de>, E> {
        Ok(Json::Truth(truth))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "numbers are those of JavaScript"
    )]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "numbers are those of JavaScript"
    )]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    /// A text with escapes, which stands nowhere as it reads.
    fn visit_str<E: Error>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json<'de>, A::Error> {
        let mut members = Vec::new();
        // A name is a text like any other.
        while let Some((name, value)) = object.next_entry()? {
            if let Json::Text(name) = name {
                members.push((name, value));
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn required<T: for<'a> Read<'a>>(text: &str) -> Result<T, JsonError> {
        let json = Json::parse(text)?;
        Object::read(&json).unwrap().required("a")
    }

    #[test]
    fn members_are_read_as_what_they_are() {
        assert_eq!(
            required::<String>(r#"{"a": "b\u00e9\n"}"#),
            Ok("b\u{e9}\n".to_owned())
        );
        assert_eq!(required::<bool>(r#"{"a": true}"#), Ok(true));
        assert_eq!(required::<f64>(r#"{"a": -1.5e1}"#), Ok(-15.0));
        assert_eq!(
            required::<f64>(r#"{"a": 1795000000000}"#),
            Ok(1_795_000_000_000.0)
        );
        assert_eq!(required::<Vec<f64>>(r#"{"a": [1, 2]}"#), Ok(vec![1.0, 2.0]));
    }

    #[rstest]
    #[case(r#"{"b": "x"}"#)]
    #[case(r#"{"a": null}"#)]
    #[case(r#"{"a": 1}"#)]
    #[case(r#"{"a": {"a": "x"}}"#)]
    fn a_member_that_is_missing_or_another_type_is_named(#[case] text: &str) {
        assert_eq!(required::<String>(text), Err(JsonError::Member("a")));
    }

    #[test]
    fn an_optional_member_may_be_absent_but_not_another_type() {
        let json = Json::parse(r#"{"a": null, "b": 1}"#).unwrap();
        let object = Object::read(&json).unwrap();
        assert_eq!(object.optional::<bool>("a"), Ok(None));
        assert_eq!(object.optional::<bool>("c"), Ok(None));
        assert_eq!(object.optional::<bool>("b"), Err(JsonError::Member("b")));
    }

    #[test]
    fn the_last_of_several_members_counts() {
        assert_eq!(required::<f64>(r#"{"a": 1, "a": 2}"#), Ok(2.0));
    }

    #[rstest]
    #[case("")]
    #[case("{")]
    #[case(r#"{"a": 1} x"#)]
    #[case(r#"{"a": 1e999}"#)]
    fn what_is_no_json_is_told_by_its_place(#[case] text: &str) {
        assert!(matches!(Json::parse(text), Err(JsonError::Syntax { .. })));
    }

    #[test]
    fn lists_in_lists_end_somewhere() {
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn it_reads_what_serde_json_reads(text in r#"[\[\]{}",:a-c0-9.eE\\ntrufals-]{0,40}"#) {
            let other = serde_json::from_str::<serde_json::Value>(&text);
            prop_assert_eq!(Json::parse(&text).is_ok(), other.is_ok());
        }
    }
}
