//! A number with bounds: how often, how many, how long.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Unexpected, Visitor, value::MapAccessDeserializer},
};

use crate::schema;

/// A number between two bounds, both included. Written as the number itself, or as `{ min, max }`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Range {
    /// The smallest that will do.
    pub min: Option<f64>,
    /// The largest that will do.
    pub max: Option<f64>,
}

impl Range {
    /// Only this number.
    pub fn exactly(number: f64) -> Self {
        Self {
            min: Some(number),
            max: Some(number),
        }
    }

    /// Whether the number lies between the bounds.
    pub fn holds(&self, number: f64) -> bool {
        self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
    }

    /// The range as a count of times: `once`, `2 times`, `at most 3 times`.
    pub fn times(&self) -> String {
        match (self.min, self.max) {
            (Some(0.0), Some(0.0)) => "0 times".to_owned(),
            (Some(1.0), Some(1.0)) => "once".to_owned(),
            _ => format!("{self} times"),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (Some(min), Some(max)) if min.to_bits() == max.to_bits() => write!(f, "{min}"),
            (Some(min), Some(max)) => write!(f, "from {min} to {max}"),
            (Some(min), None) => write!(f, "at least {min}"),
            (None, Some(max)) => write!(f, "at most {max}"),
            (None, None) => f.write_str("any number of"),
        }
    }
}

/// A range as it stands in a file.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Bounds {
    /// The smallest that will do.
    min: Option<f64>,
    /// The largest that will do.
    max: Option<f64>,
}

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Range;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or `min` and `max`")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Range, E> {
                Ok(Range::exactly(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Range, E> {
                Ok(Range::exactly(number))
            }

            /// A value that was filled in is a text.
            fn visit_str<E: Error>(self, text: &str) -> Result<Range, E> {
                let number = text.parse().ok().filter(|number: &f64| number.is_finite());
                number
                    .map(Range::exactly)
                    .ok_or_else(|| E::invalid_type(Unexpected::Str(text), &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Range, A::Error> {
                let Bounds { min, max } = Bounds::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Range { min, max })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Range {
    fn schema_name() -> Cow<'static, str> {
        "Range".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short = generator.subschema_for::<f64>();
        schema::either(&short, &generator.subschema_for::<Bounds>())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{read::read, yaml};

    #[rstest]
    #[case("3", 3.0, true, "3 times")]
    #[case("3", 2.0, false, "3 times")]
    #[case("1", 1.0, true, "once")]
    #[case("0", 1.0, false, "0 times")]
    #[case("{min: 2}", 2.0, true, "at least 2 times")]
    #[case("{max: 2}", 3.0, false, "at most 2 times")]
    #[case("{min: 1, max: 2.5}", 2.5, true, "from 1 to 2.5 times")]
    fn both_bounds_are_included(
        #[case] written: &str,
        #[case] number: f64,
        #[case] holds: bool,
        #[case] words: &str,
    ) {
        let range: Range = read(&yaml::parse(0, written).unwrap()).unwrap();
        assert_eq!(
            (range.holds(number), range.times().as_str()),
            (holds, words)
        );
    }
}
