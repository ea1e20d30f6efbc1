//! A request that an HTTP visitor sends.

use std::{fmt, str::FromStr};

use http::Method;
use indexmap::IndexMap;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value as Json;

use super::{expect::Header, time::Time};

/// A request: `GET https://shop.example/`, or a mapping with the details.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method; `GET` where it is absent.
    pub method: Method,
    /// The absolute URL.
    pub url: String,
    /// The headers, in the order they are written; a list sends the name several times.
    pub headers: IndexMap<Header, OneOrMany>,
    /// The body.
    pub body: Option<RequestBody>,
    /// Signals to send as `fp-data`, as a page's agent would have collected them.
    pub signals: Option<StatedSignals>,
    /// A header whose value is filled up until all request headers together have a certain size.
    pub pad: Option<Pad>,
}

/// The body of a request: a text, or one of several forms.
#[derive(Clone, Debug, PartialEq)]
pub enum RequestBody {
    /// As it is.
    Text(String),
    /// As JSON, with its content type.
    Json(Json),
    /// As an HTML form sends its fields, with its content type.
    Form(IndexMap<String, String>),
    /// So many bytes of `a`.
    Bytes(usize),
}

/// What an agent would have measured. An HTTP client has no page, so a scenario states it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedSignals {
    /// The page they come from.
    pub page: String,
    /// Whether the browser is in a private mode.
    #[serde(default)]
    pub incognito: bool,
    /// What automates the browser, such as `headless_chrome`.
    pub bot: Option<String>,
    /// How old they are when they are sent, by the visitor's clock.
    pub age: Option<Time>,
}

/// Fills a request up to a size.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pad {
    /// The header that grows.
    pub header: Header,
    /// Bytes that all request headers have together, counted as the edge counts them.
    pub total: usize,
}

/// One value or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMany(pub Vec<String>);

/// The details as they are written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    method: Verb,
    url: String,
    #[serde(default)]
    headers: IndexMap<Header, OneOrMany>,
    body: Option<RequestBody>,
    signals: Option<StatedSignals>,
    pad: Option<Pad>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Verb(Method);

impl Default for Verb {
    fn default() -> Self {
        Self(Method::GET)
    }
}

impl TryFrom<String> for Verb {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Method::from_str(&text)
            .map(Self)
            .map_err(|_| format!("`{text}` is not a method"))
    }
}

impl std::hash::Hash for Header {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl FromStr for Request {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (method, url) = match text.split_once(' ') {
            Some((method, url)) => (Verb::try_from(method.to_owned())?.0, url.trim()),
            None => (Method::GET, text),
        };
        absolute(url)?;
        Ok(Self {
            method,
            url: url.to_owned(),
            headers: IndexMap::new(),
            body: None,
            signals: None,
            pad: None,
        })
    }
}

/// A URL with a host, or one that a captured value completes.
fn absolute(url: &str) -> Result<(), String> {
    if url.contains("${") || url.starts_with("https://") || url.starts_with("http://") {
        Ok(())
    } else {
        Err(format!(
            "`{url}` is not an absolute URL, such as `https://shop.example/`"
        ))
    }
}

impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Request;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "a request, such as `GET https://shop.example/`, or a mapping with `url`",
                )
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Request, E> {
                text.parse().map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Request, A::Error> {
                let written = Written::deserialize(MapAccessDeserializer::new(map))?;
                absolute(&written.url).map_err(A::Error::custom)?;
                Ok(Request {
                    method: written.method.0,
                    url: written.url,
                    headers: written.headers,
                    body: written.body,
                    signals: written.signals,
                    pad: written.pad,
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for RequestBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Written {
            Json(Json),
            Form(IndexMap<String, String>),
            Bytes(usize),
        }
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RequestBody;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or one of `json`, `form` and `bytes`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RequestBody, E> {
                Ok(RequestBody::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RequestBody, A::Error> {
                Ok(
                    match Written::deserialize(MapAccessDeserializer::new(map))? {
                        Written::Json(json) => RequestBody::Json(json),
                        Written::Form(fields) => RequestBody::Form(fields),
                        Written::Bytes(bytes) => RequestBody::Bytes(bytes),
                    },
                )
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }

            fn visit_i64<E>(self, number: i64) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![number.to_string()]))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut items: A,
            ) -> Result<OneOrMany, A::Error> {
                let mut values = Vec::new();
                while let Some(OneOrMany(more)) = items.next_element()? {
                    values.extend(more);
                }
                Ok(OneOrMany(values))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
