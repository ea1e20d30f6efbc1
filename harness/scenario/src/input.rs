//! What a visitor does in a page, as it is written: the values of fields, options, files, keys, and what is waited for.

use std::{borrow::Cow, fmt, path::PathBuf};

use edgeproof_browser::{KeyPress, OptionChoice, Sight};
use edgeproof_document::schema;
use edgeproof_ground::call::CallPattern;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

/// What a field is filled with: a text; `true` or `false` for a checkbox; several options of a select box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValue(pub Vec<String>);

/// The options that are chosen in a select box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options(pub Vec<OptionChoice>);

/// Files, by their paths relative to the file they stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files(pub Vec<PathBuf>);

/// A key, and where it is pressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Press {
    /// Which.
    pub key: KeyPress,
    /// The field that has the focus, by CSS selector; default: the one that has it already.
    pub field: Option<String>,
}

/// What a `wait` step waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// The page makes a call, if it has not yet, and it is answered.
    Call(CallPattern),
    /// The page shows something.
    Sight(Sight),
}

/// A key with its details.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PressDetails")]
struct WrittenPress {
    /// A character, or a name such as `Enter`, `Tab`, `Escape`, `ArrowDown`; `Control+`, `Shift+`, `Alt+`, `Meta+` before it.
    key: KeyPress,
    /// The element that is clicked first, so that it has the focus, by CSS selector. Default: the one that has it already.
    #[serde(rename = "in")]
    field: Option<String>,
}

/// What the page is to show.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WaitFor")]
struct WrittenWait {
    /// The CSS selector of an element that can be seen; `agent`: the emulated agent has started; `idle`: the page has loaded
    /// and nothing has been under way for half a second; or one of `text`, `url`, `gone`.
    #[serde(rename = "for")]
    sight: WrittenSight,
}

/// What the page is to show.
struct WrittenSight(Sight);

/// A sight that is no element.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Sight")]
enum SightForms {
    /// A text that can be seen.
    Text(String),
    /// The URL of the page.
    Url(CallPattern),
    /// No element that this CSS selector finds can be seen.
    Gone(String),
}

/// One or several options.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "Option")]
enum OptionForms {
    /// By its value.
    Value(String),
    /// By the text that it shows.
    Label(String),
    /// By its number, from 0.
    Index(usize),
}

impl<'de> Deserialize<'de> for FieldValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = FieldValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, `true`, `false`, or a list of options")
            }

            fn visit_str<E>(self, text: &str) -> Result<FieldValue, E> {
                Ok(FieldValue(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<FieldValue, A::Error> {
                let mut values = Vec::new();
                while let Some(FieldValue(more)) = items.next_element()? {
                    values.extend(more);
                }
                Ok(FieldValue(values))
            }
        }
        // A text is what stands in the file, whatever YAML takes it for.
        deserializer.deserialize_str(Either)
    }
}

impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Options;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an option, such as `Large` or `{index: 2}`, or a list of options")
            }

            fn visit_str<E>(self, text: &str) -> Result<Options, E> {
                Ok(Options(vec![OptionChoice::Any(text.to_owned())]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Options, A::Error> {
                let option = match OptionForms::deserialize(MapAccessDeserializer::new(map))? {
                    OptionForms::Value(value) => OptionChoice::Value(value),
                    OptionForms::Label(label) => OptionChoice::Label(label),
                    OptionForms::Index(index) => OptionChoice::Index(index),
                };
                Ok(Options(vec![option]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Options, A::Error> {
                let mut options = Vec::new();
                while let Some(Options(more)) = items.next_element()? {
                    options.extend(more);
                }
                Ok(Options(options))
            }
        }
        // A text is what stands in the file, whatever YAML takes it for.
        deserializer.deserialize_str(Either)
    }
}

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Files;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the path of a file, or a list of paths")
            }

            fn visit_str<E>(self, path: &str) -> Result<Files, E> {
                Ok(Files(vec![path.into()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Files, A::Error> {
                let mut files = Vec::new();
                while let Some(Files(more)) = items.next_element()? {
                    files.extend(more);
                }
                Ok(Files(files))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for Press {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Press;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key, such as `Enter`, or a mapping with `key` and `in`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Press, E> {
                let key = text.parse().map_err(E::custom)?;
                Ok(Press { key, field: None })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Press, A::Error> {
                let written = WrittenPress::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Press {
                    key: written.key,
                    field: written.field,
                })
            }
        }
        // A text is what stands in the file, whatever YAML takes it for.
        deserializer.deserialize_str(Either)
    }
}

impl<'de> Deserialize<'de> for Awaited {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Awaited;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a request, such as `POST /api/login`, or a mapping with `for`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Awaited, E> {
                text.parse().map(Awaited::Call).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Awaited, A::Error> {
                let written = WrittenWait::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Awaited::Sight(written.sight.0))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for WrittenSight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = WrittenSight;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a CSS selector, `agent`, `idle`, or one of `text`, `url` and `gone`")
            }

            fn visit_str<E>(self, text: &str) -> Result<WrittenSight, E> {
                Ok(WrittenSight(match text {
                    "agent" => Sight::Agent,
                    "idle" => Sight::Idle,
                    selector => Sight::Element(selector.to_owned()),
                }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenSight, A::Error> {
                let sight = match SightForms::deserialize(MapAccessDeserializer::new(map))? {
                    SightForms::Text(text) => Sight::Text(text),
                    SightForms::Url(url) => Sight::Url(url),
                    SightForms::Gone(selector) => Sight::Gone(selector),
                };
                Ok(WrittenSight(sight))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// One of something or a list of it.
pub(super) fn one_or_many(one: &Schema) -> Schema {
    json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
}

impl JsonSchema for FieldValue {
    fn schema_name() -> Cow<'static, str> {
        "FieldValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        one_or_many(&json_schema!({ "type": ["string", "integer", "boolean"] }))
    }
}

impl JsonSchema for Options {
    fn schema_name() -> Cow<'static, str> {
        "Options".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short = json_schema!({ "type": ["string", "integer"] });
        one_or_many(&schema::either(
            &short,
            &generator.subschema_for::<OptionForms>(),
        ))
    }
}

impl JsonSchema for Files {
    fn schema_name() -> Cow<'static, str> {
        "Files".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        one_or_many(&json_schema!({ "type": "string" }))
    }
}

impl JsonSchema for Press {
    fn schema_name() -> Cow<'static, str> {
        "Press".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short =
            json_schema!({ "type": ["string", "integer"], "examples": ["Enter", "Control+a"] });
        schema::either(&short, &generator.subschema_for::<WrittenPress>())
    }
}

impl JsonSchema for Awaited {
    fn schema_name() -> Cow<'static, str> {
        "Wait".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short = generator.subschema_for::<CallPattern>();
        schema::either(&short, &generator.subschema_for::<WrittenWait>())
    }
}

impl JsonSchema for WrittenSight {
    fn schema_name() -> Cow<'static, str> {
        "SightOrSelector".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short = json_schema!({ "type": "string", "examples": ["#welcome", "agent", "idle"] });
        schema::either(&short, &generator.subschema_for::<SightForms>())
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_document::{read::read, yaml};
    use rstest::rstest;

    use super::*;
    use crate::step::{Action, Step};

    fn step(text: &str) -> Result<Step, String> {
        let read = read::<Step>(&yaml::parse(0, text).unwrap());
        read.map_err(|problems| {
            let messages = problems.into_iter().map(|problem| problem.message);
            messages.collect::<Vec<_>>().join("\n")
        })
    }

    #[rstest]
    #[case("wait: POST /api/*", Awaited::Call("POST /api/*".parse().unwrap()))]
    #[case("wait: {for: '#done'}", Awaited::Sight(Sight::Element("#done".to_owned())))]
    #[case("wait: {for: agent}", Awaited::Sight(Sight::Agent))]
    #[case("wait: {for: idle}", Awaited::Sight(Sight::Idle))]
    #[case("wait: {for: {text: Welcome}}", Awaited::Sight(Sight::Text("Welcome".to_owned())))]
    #[case("wait: {for: {gone: .spinner}}", Awaited::Sight(Sight::Gone(".spinner".to_owned())))]
    #[case("wait: {for: {url: /account*}}", Awaited::Sight(Sight::Url("/account*".parse().unwrap())))]
    fn a_wait_says_what_it_waits_for(#[case] text: &str, #[case] expected: Awaited) {
        let Action::Wait(awaited) = step(text).unwrap().action else {
            panic!("it is no wait");
        };
        assert_eq!(awaited, expected);
    }

    #[rstest]
    #[case("fill: {a: x}", &["x"])]
    #[case("fill: {a: true}", &["true"])]
    #[case("fill: {a: 3}", &["3"])]
    #[case("fill: {a: [x, y]}", &["x", "y"])]
    fn a_field_takes_a_text_or_several(#[case] text: &str, #[case] expected: &[&str]) {
        let Action::Fill(fields) = step(text).unwrap().action else {
            panic!("it fills nothing");
        };
        assert_eq!(fields["a"].0, expected);
    }

    #[rstest]
    #[case("press: Entr", "`Entr` is not a key")]
    #[case("press: {key: Enter, on: a}", "unknown key `on`")]
    #[case("wait: {for: {txt: a}}", "`txt`")]
    #[case("wait: nothing", "`nothing` is not a request pattern")]
    #[case("select: {a: {idx: 1}}", "`idx`")]
    #[case(
        "visit: https://shop.example/\nframe: a",
        "`frame` means nothing for `visit`"
    )]
    #[case("advance: 1s\nwindow: /a", "`window` means nothing for `advance`")]
    #[case(
        "request: GET https://shop.example/\ndialog: accept",
        "`dialog` means nothing for `request`"
    )]
    #[case("click: a\ncheck: b", "this one does several: click, check")]
    fn what_is_no_such_step_is_a_mistake(#[case] text: &str, #[case] expected: &str) {
        let mistake = step(text).unwrap_err();
        assert!(mistake.contains(expected), "{mistake}");
    }
}
