//! A step that looks for ways past a protection.

use std::fmt;

use edgeproof_deployment::ProtectedApi;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::expect::Header;

/// A protected call whose shapes are sent: `POST shop.example/api/login`, or a mapping with the details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probing {
    /// The call.
    pub call: ProtectedApi,
    /// Headers that go with it.
    pub headers: IndexMap<Header, String>,
    /// Its content; `{unique}` in it is another number each time.
    pub body: String,
    /// A response header that the origin sends only where it ran the call.
    pub ran_header: Option<Header>,
}

/// The long form.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Probing")]
struct Written {
    /// The protected call, such as `POST shop.example/api/login`.
    call: ProtectedApi,
    /// Headers that go with it.
    #[serde(default)]
    headers: IndexMap<Header, String>,
    /// Its content; `{unique}` in it is another number each time.
    #[serde(default)]
    body: String,
    /// A response header that the origin sends only where it ran the call. Default: responses are compared.
    ran_header: Option<Header>,
}

impl<'de> Deserialize<'de> for Probing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Probing;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a call, such as `POST shop.example/api/login`, or a mapping with `call`",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Probing, E> {
                Ok(Probing {
                    call: text.parse().map_err(E::custom)?,
                    headers: IndexMap::new(),
                    body: String::new(),
                    ran_header: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Probing, A::Error> {
                let written = Written::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Probing {
                    call: written.call,
                    headers: written.headers,
                    body: written.body,
                    ran_header: written.ran_header,
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Probing {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ProbedCall".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let long = generator.subschema_for::<Written>();
        json_schema!({ "anyOf": [{ "type": "string" }, long] })
    }
}
