//! What of HAR 1.2 is read.

use serde::{Deserialize, Deserializer};
use url::Url;

#[derive(Deserialize)]
pub(super) struct Har {
    pub(super) log: Log,
}

#[derive(Deserialize)]
pub(super) struct Log {
    pub(super) entries: Vec<Entry>,
}

#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(default, rename = "_resourceType")]
    pub(super) kind: Option<String>,
    pub(super) request: Request,
    pub(super) response: Response,
}

#[derive(Deserialize)]
pub(super) struct Request {
    #[serde(deserialize_with = "method")]
    pub(super) method: String,
    #[serde(deserialize_with = "url")]
    pub(super) url: Url,
    #[serde(default)]
    pub(super) headers: Vec<Pair>,
    #[serde(default, rename = "postData")]
    pub(super) posted: Option<Posted>,
}

#[derive(Deserialize)]
pub(super) struct Pair {
    pub(super) name: String,
    #[serde(default)]
    pub(super) value: String,
}

#[derive(Deserialize)]
pub(super) struct Posted {
    #[serde(default, rename = "mimeType")]
    pub(super) content_type: Option<String>,
    #[serde(default)]
    pub(super) text: Option<String>,
    #[serde(default)]
    pub(super) params: Option<Vec<Pair>>,
}

#[derive(Deserialize)]
pub(super) struct Response {
    pub(super) status: i64,
    #[serde(default)]
    pub(super) content: Option<Content>,
}

#[derive(Deserialize)]
pub(super) struct Content {
    #[serde(default, rename = "mimeType")]
    pub(super) content_type: Option<String>,
}

fn url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    let text = String::deserialize(deserializer)?;
    // The address itself may have a secret in it.
    Url::parse(&text).map_err(|error| serde::de::Error::custom(format!("`url` is no URL: {error}")))
}

fn method<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    match http::Method::from_bytes(text.as_bytes()) {
        Ok(_) if text.len() <= 32 => Ok(text),
        _ => Err(serde::de::Error::custom("`method` is none of HTTP")),
    }
}

/// Why a request was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// For a page.
    Page,
    /// By a script.
    Script,
    /// For what a page is made of.
    Other,
}

/// Why a request was made: the browser says so, or its headers do, or what it brought.
pub(super) fn kind(entry: &Entry) -> Kind {
    let header = |name: &str| {
        let mut headers = entry.request.headers.iter();
        let found = headers.find(|pair| pair.name.eq_ignore_ascii_case(name));
        found.map(|pair| pair.value.as_str())
    };
    match entry.kind.as_deref() {
        Some("document") => return Kind::Page,
        Some("fetch" | "xhr") => return Kind::Script,
        Some(_) => return Kind::Other,
        None => {}
    }
    match header("sec-fetch-dest") {
        Some("document") => return Kind::Page,
        Some("empty") => return Kind::Script,
        Some(_) => return Kind::Other,
        None => {}
    }
    let content = entry.response.content.as_ref();
    let content_type = content
        .and_then(|content| content.content_type.as_deref())
        .unwrap_or_default();
    let reads = matches!(entry.request.method.as_str(), "GET" | "HEAD");
    match content_type.split(';').next().unwrap_or_default().trim() {
        "text/html" => Kind::Page,
        "application/json" => Kind::Script,
        _ if !reads => Kind::Script,
        _ => Kind::Other,
    }
}
