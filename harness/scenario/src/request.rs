//! A request that an HTTP visitor sends.

use std::{borrow::Cow, fmt, path::PathBuf, str::FromStr};

use edgeproof_document::schema;
use edgeproof_ground::{international, time::Time};
use http::Method;
use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::Value as Json;

use super::expect::Header;

/// A request: `GET https://shop.example/`, or a mapping with the details.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method. Default: `GET`.
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
    /// The version of HTTP it is sent with.
    pub version: HttpVersion,
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
    /// This many bytes of `a`.
    Bytes(usize),
    /// The content of a file, by its path relative to the scenario's folder.
    File(PathBuf),
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum HttpVersion {
    /// HTTP/1.0.
    #[serde(rename = "HTTP/1.0")]
    Http10,
    /// HTTP/1.1.
    #[default]
    #[serde(rename = "HTTP/1.1")]
    Http11,
    /// HTTP/2.
    #[serde(rename = "HTTP/2")]
    Http2,
}

/// Bytes that are sent to the edge exactly as written, valid HTTP or not. The response is read as HTTP/1.1.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawRequest {
    /// The address to connect to, such as `https://shop.example`; with `http://` there is no TLS.
    #[serde(deserialize_with = "international::whole_url")]
    pub to: String,
    /// What is sent. In double quotes `\r\n` ends a line, as HTTP has it.
    pub send: String,
}

/// What an agent would have measured. An HTTP client has no page, so a scenario states it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StatedSignals {
    /// The page they come from.
    #[serde(deserialize_with = "international::whole_url")]
    pub page: String,
    /// Whether the browser is in a private mode.
    #[serde(default)]
    pub incognito: bool,
    /// What automates the browser, such as `headless_chrome`.
    pub bot: Option<String>,
    /// How old they are when they are sent.
    pub age: Option<Time>,
    /// What carries them.
    #[serde(default)]
    pub by: Carrier,
}

/// What carries signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// The header `fp-data`.
    #[default]
    Header,
    /// The header, of a page that asked for cookies itself.
    HeaderWithCredentials,
    /// A field behind the others of a body that is a form (`application/x-www-form-urlencoded`).
    Form,
}

/// Fills a request up to a size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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

/// A request with its details.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RequestDetails")]
struct Written {
    /// The method. Default: `GET`.
    #[serde(default)]
    method: Verb,
    /// The absolute URL.
    url: String,
    /// The headers, in the order they are written; a list sends the name several times.
    #[serde(default)]
    headers: IndexMap<Header, OneOrMany>,
    /// The body: a text, or `json`, `form`, `bytes` or `file`.
    body: Option<RequestBody>,
    /// Signals to send as `fp-data`.
    signals: Option<StatedSignals>,
    /// A header that is filled up until all request headers have a certain size.
    pad: Option<Pad>,
    /// The version of HTTP.
    #[serde(default)]
    version: HttpVersion,
}

/// A body that is not a plain text.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RequestBodyForms")]
enum WrittenBody {
    /// JSON, with its content type.
    Json(Json),
    /// Fields as an HTML form sends them, with its content type.
    Form(IndexMap<String, String>),
    /// This many bytes of `a`.
    Bytes(usize),
    /// The content of a file, by its path relative to the scenario's folder.
    File(PathBuf),
}

#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
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
            Some((method, url)) if !method.contains("://") => {
                (Verb::try_from(method.to_owned())?.0, url.trim())
            }
            _ => (Method::GET, text),
        };
        Ok(Self {
            method,
            url: absolute(url)?,
            headers: IndexMap::new(),
            body: None,
            signals: None,
            pad: None,
            version: HttpVersion::default(),
        })
    }
}

/// A URL with a host, or one that a captured value completes, as a client sends it.
fn absolute(url: &str) -> Result<String, String> {
    if url.contains("${") || url.starts_with("https://") || url.starts_with("http://") {
        international::url(url).map_err(|error| error.to_string())
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
                Ok(Request {
                    method: written.method.0,
                    url: absolute(&written.url).map_err(A::Error::custom)?,
                    headers: written.headers,
                    body: written.body,
                    signals: written.signals,
                    pad: written.pad,
                    version: written.version,
                })
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for RequestBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = RequestBody;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or one of `json`, `form`, `bytes` and `file`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<RequestBody, E> {
                Ok(RequestBody::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RequestBody, A::Error> {
                Ok(
                    match WrittenBody::deserialize(MapAccessDeserializer::new(map))? {
                        WrittenBody::Json(json) => RequestBody::Json(json),
                        WrittenBody::Form(fields) => RequestBody::Form(fields),
                        WrittenBody::Bytes(bytes) => RequestBody::Bytes(bytes),
                        WrittenBody::File(path) => RequestBody::File(path),
                    },
                )
            }
        }
        deserializer.deserialize_str(Either)
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
        // A text is what stands in the file, whatever YAML takes it for.
        deserializer.deserialize_str(Either)
    }
}

impl JsonSchema for Request {
    fn schema_name() -> Cow<'static, str> {
        "Request".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short = json_schema!({ "type": "string", "examples": ["GET https://shop.example/"] });
        schema::either(&short, &generator.subschema_for::<Written>())
    }
}

impl JsonSchema for RequestBody {
    fn schema_name() -> Cow<'static, str> {
        "RequestBody".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let short = generator.subschema_for::<String>();
        schema::either(&short, &generator.subschema_for::<WrittenBody>())
    }
}

impl JsonSchema for OneOrMany {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMany".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = json_schema!({ "type": ["string", "number", "boolean", "null"] });
        json_schema!({ "anyOf": [one, { "type": "array", "items": one }] })
    }
}
