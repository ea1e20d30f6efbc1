//! Where a page or an API is, as the vendor's dashboard asks for it: host, subdomain and path.

use std::{borrow::Cow, fmt, str::FromStr};

use edgeproof_deployment::{ProtectedApi, ProtectedApiError};
use edgeproof_document::schema;
use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// A page: `www.shop.example/signup*`, or `{subdomain: www, path: /signup, prefix: true}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page(Place);

/// An API: `POST shop.example/api/login*`, or the same mapping with a `method`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Api {
    /// The method that is protected.
    pub method: Method,
    place: Place,
}

/// A place on the web, complete or seen from a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// A route pattern as it stands.
    Pattern(String),
    /// A path on the zone's own host or on a subdomain of it.
    InZone {
        subdomain: String,
        path: String,
        prefix: bool,
    },
}

impl Place {
    /// The route pattern it means in a zone.
    fn pattern(&self, zone: &str) -> String {
        match self {
            Self::Pattern(pattern) => pattern.clone(),
            Self::InZone {
                subdomain,
                path,
                prefix,
            } => {
                let dot = if subdomain.is_empty() { "" } else { "." };
                let star = if *prefix { "*" } else { "" };
                format!("{subdomain}{dot}{zone}{path}{star}")
            }
        }
    }
}

impl Page {
    /// The route pattern it means in a zone.
    pub fn pattern(&self, zone: &str) -> String {
        self.0.pattern(zone)
    }
}

impl Api {
    /// The method and the route pattern it means in a zone.
    pub fn protected(&self, zone: &str) -> ProtectedApi {
        ProtectedApi {
            method: self.method.clone(),
            url: self.place.pattern(zone),
        }
    }
}

/// A page in the words of the dashboard.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PageDetails")]
struct WrittenPage {
    /// What stands before the zone's name, such as `www`; nothing for the zone's own host.
    #[serde(default)]
    subdomain: String,
    /// The path, such as `/signup`.
    path: Path,
    /// Whether everything that begins with the path is meant (`/signup*`), query strings included.
    #[serde(default)]
    prefix: bool,
}

/// An API in the words of the dashboard.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApiDetails")]
struct WrittenApi {
    /// `GET`, `POST`, `PUT`, `PATCH` or `DELETE`.
    method: ProtectedMethod,
    /// What stands before the zone's name, such as `api`; nothing for the zone's own host.
    #[serde(default)]
    subdomain: String,
    /// The path, such as `/api/login`.
    path: Path,
    /// Whether everything that begins with the path is meant (`/api/login*`), query strings included.
    #[serde(default)]
    prefix: bool,
}

/// A path without a wildcard.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
struct Path(String);

impl TryFrom<String> for Path {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if !text.starts_with('/') {
            return Err(format!("`{text}` is not a path; it begins with `/`"));
        }
        if text.contains(['*', '?', '#']) {
            return Err(format!(
                "`{text}` is more than a path; `prefix: true` takes in everything that begins with it"
            ));
        }
        Ok(Self(text))
    }
}

/// A method that the product protects.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
struct ProtectedMethod(Method);

impl TryFrom<String> for ProtectedMethod {
    type Error = ProtectedApiError;

    fn try_from(text: String) -> Result<Self, ProtectedApiError> {
        format!("{text} /")
            .parse::<ProtectedApi>()
            .map(|api| Self(api.method))
    }
}

impl FromStr for Api {
    type Err = ProtectedApiError;

    fn from_str(text: &str) -> Result<Self, ProtectedApiError> {
        let ProtectedApi { method, url } = text.parse()?;
        Ok(Self {
            method,
            place: Place::Pattern(url),
        })
    }
}

impl<'de> Deserialize<'de> for Page {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Page;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a page, such as `shop.example/signup*`, or a mapping with `path`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Page, E> {
                Ok(Page(Place::Pattern(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Page, A::Error> {
                let written = WrittenPage::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Page(Place::InZone {
                    subdomain: written.subdomain,
                    path: written.path.0,
                    prefix: written.prefix,
                }))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for Api {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Api;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "an API, such as `POST shop.example/api/login*`, or a mapping with `method` and `path`",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Api, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Api, A::Error> {
                let written = WrittenApi::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Api {
                    method: written.method.0,
                    place: Place::InZone {
                        subdomain: written.subdomain,
                        path: written.path.0,
                        prefix: written.prefix,
                    },
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl JsonSchema for Page {
    fn schema_name() -> Cow<'static, str> {
        "Page".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short = json_schema!({ "type": "string", "examples": ["shop.example/signup*"] });
        schema::either(&short, &generator.subschema_for::<WrittenPage>())
    }
}

impl JsonSchema for Api {
    fn schema_name() -> Cow<'static, str> {
        "Api".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short =
            json_schema!({ "type": "string", "examples": ["POST shop.example/api/login*"] });
        schema::either(&short, &generator.subschema_for::<WrittenApi>())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("shop.example/signup*", "shop.example/signup*")]
    #[case("{path: /signup}", "shop.example/signup")]
    #[case("{subdomain: www, path: /signup}", "www.shop.example/signup")]
    #[case("{subdomain: a.b, path: /, prefix: true}", "a.b.shop.example/*")]
    fn a_page_is_a_pattern_in_its_zone(#[case] yaml: &str, #[case] pattern: &str) {
        let page: Page = serde_saphyr::from_str(yaml).unwrap();
        assert_eq!(page.pattern("shop.example"), pattern);
    }

    #[rstest]
    #[case("POST shop.example/login*", Some("POST shop.example/login*"))]
    #[case(
        "{method: PUT, subdomain: api, path: /login, prefix: true}",
        Some("PUT api.shop.example/login*")
    )]
    #[case("HEAD shop.example/login", None)]
    #[case("{method: HEAD, path: /login}", None)]
    #[case("{method: PUT, path: login}", None)]
    #[case("{method: PUT, path: '/login*'}", None)]
    #[case("{method: PUT, path: '/login?a=b'}", None)]
    fn an_api_is_a_method_and_a_pattern(#[case] yaml: &str, #[case] expected: Option<&str>) {
        let read = serde_saphyr::from_str::<Api>(yaml).ok();
        let protected = read.map(|api| api.protected("shop.example"));
        assert_eq!(
            protected.map(|api| format!("{} {}", api.method, api.url)),
            expected.map(str::to_owned)
        );
    }
}
