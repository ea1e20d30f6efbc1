//! The signals of a visit: the content of `fp-data`, as the agent of `fixtures/agent` packs it.
//!
//! ```text
//! fp-data := base64url without padding of
//!            version (1 byte, 1) · N (4 bytes, big endian) · N bytes of JSON head · gzip of the JSON body
//! ```
//!
//! Everything in it comes from a visitor, so sizes are bounded before memory is spent.

use std::io::{Read, Write};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

/// The version of the format.
const VERSION: u8 = 1;

/// The largest head, in bytes: a URL, a number and two ids.
const MAX_HEAD: usize = 64 * 1024;

/// The largest body, unpacked, in bytes. That of a real visit has about 50,000.
pub const MAX_BODY: u64 = 1024 * 1024;

/// The last moment that JavaScript can express, in milliseconds since 1970.
const MAX_TIMESTAMP: i64 = 8_640_000_000_000_000;

/// What a page's agent collected.
#[derive(Clone, Debug, PartialEq)]
pub struct Signals {
    /// What identifies this collection.
    pub head: Head,
    /// What was measured.
    pub body: Measurements,
}

/// What identifies a collection of signals.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// The page's URL.
    pub url: String,
    /// When the signals were handed out, in milliseconds since 1970, by the visitor's clock.
    pub timestamp: i64,
    /// How far that clock is ahead of the platform's, in milliseconds, where the agent could tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead: Option<i64>,
    /// A text that no other collection has.
    pub nonce: String,
    /// What the platform gave this browser before; none on a first visit.
    pub visitor_token: Option<String>,
}

/// What the agent measured in the browser.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Measurements {
    /// The agent itself.
    pub sdk: Sdk,
    /// What FingerprintJS says.
    pub fingerprint: Fingerprint,
    /// What BotD says.
    pub bot: Bot,
    /// What detectincognitojs says.
    pub incognito: Incognito,
    /// The browser's `navigator.userAgent`.
    pub user_agent: Option<String>,
    /// The page's `document.referrer`.
    pub referrer: Option<String>,
    /// The caller's own id for this visit, at most 256 characters.
    pub linked_id: Option<String>,
    /// The caller's own data for this visit.
    pub tag: Option<Json>,
    /// Whether the browser's developer tools were seen open.
    pub developer_tools: Option<bool>,
}

/// The agent that collected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sdk {
    /// Its platform, `js` in a browser.
    pub platform: String,
    /// Its version.
    pub version: String,
    /// Who started it, such as `fingerprint-flow-cloudflare/1.0/instrumentor`.
    #[serde(default)]
    pub integrations: Vec<String>,
}

/// The result of FingerprintJS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Fingerprint {
    /// A hash of the components.
    pub visitor_id: String,
    /// How sure the library is.
    pub confidence: Confidence,
    /// Each component by name: `{value, duration}` or `{error, duration}`.
    pub components: Map<String, Json>,
}

/// How sure FingerprintJS is of its visitor id. It writes an object; a bare number is taken as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "ConfidenceText")]
pub struct Confidence {
    /// From 0 to 1.
    pub score: f64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ConfidenceText {
    Score(f64),
    Object { score: f64 },
}

/// The result of BotD.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Bot {
    /// Whether the browser is automated.
    pub bot: bool,
    /// By what, such as `headless_chrome`.
    pub bot_kind: Option<String>,
}

/// The result of detectincognitojs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Incognito {
    /// Whether the browser is in a private mode.
    pub is_private: bool,
    /// The name the library gives the browser.
    pub browser_name: Option<String>,
}

/// Why signals could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SignalsError {
    /// Not base64url.
    #[error("the signals are not base64url")]
    Base64(#[source] base64::DecodeError),
    /// Another version of the format, or nothing at all.
    #[error("the signals do not begin with version {VERSION}")]
    Version,
    /// The head is longer than what is there, or than allowed.
    #[error("the head of the signals does not fit")]
    Length,
    /// The head or the body is not the JSON it should be.
    #[error("the {part} of the signals is not valid")]
    Json {
        /// Which part.
        part: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The body cannot be unpacked.
    #[error("the body of the signals is not gzip")]
    Gzip(#[source] std::io::Error),
    /// The body unpacks to more than [`MAX_BODY`].
    #[error("the body of the signals is larger than {MAX_BODY} bytes")]
    TooLarge,
    /// A time that JavaScript cannot express.
    #[error("the time of the signals is out of range")]
    Timestamp,
}

impl Head {
    /// When the signals were handed out, by the platform's clock, by which it is `now`.
    ///
    /// Nothing is published about it. Assumed: the visitor's clock dates nothing, as clocks of visitors are wrong. An
    /// agent that knows how wrong tells how old its signals are; those of any other agent are as old as their arrival.
    pub fn handed_out(&self, now: i64) -> i64 {
        let by_agent = |ahead| self.timestamp.saturating_sub(ahead);
        self.clock_ahead
            .map_or(now, by_agent)
            .clamp(0, MAX_TIMESTAMP)
    }
}

impl Signals {
    /// Reads the value of `fp-data`.
    pub fn decode(text: &str) -> Result<Self, SignalsError> {
        let bytes = BASE64_URL_SAFE_NO_PAD
            .decode(text)
            .map_err(SignalsError::Base64)?;
        let (&[version, ref length @ ..], rest) = bytes
            .split_first_chunk::<5>()
            .ok_or(SignalsError::Version)?;
        if version != VERSION {
            return Err(SignalsError::Version);
        }
        let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_HEAD {
            return Err(SignalsError::Length);
        }
        let (head, packed) = rest.split_at_checked(length).ok_or(SignalsError::Length)?;
        let head: Head = json("head", head)?;
        if !(0..=MAX_TIMESTAMP).contains(&head.timestamp) {
            return Err(SignalsError::Timestamp);
        }
        Ok(Self {
            head,
            body: json("body", &unpack(packed)?)?,
        })
    }

    /// Writes the value of `fp-data`: what a visitor without a browser sends.
    ///
    /// # Errors
    /// None for signals whose maps have text keys, which all of these types have; the writer's errors are kept
    /// rather than hidden.
    pub fn encode(&self) -> Result<String, SignalsError> {
        let write = |part| move |source| SignalsError::Json { part, source };
        let head = serde_json::to_vec(&self.head).map_err(write("head"))?;
        let body = serde_json::to_vec(&self.body).map_err(write("body"))?;
        let length = u32::try_from(head.len()).map_err(|_| SignalsError::Length)?;
        let mut bytes = vec![VERSION];
        bytes.extend(length.to_be_bytes());
        bytes.extend(head);
        let mut packer = GzEncoder::new(bytes, Compression::default());
        packer.write_all(&body).map_err(SignalsError::Gzip)?;
        let bytes = packer.finish().map_err(SignalsError::Gzip)?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

fn json<'a, T: Deserialize<'a>>(part: &'static str, bytes: &'a [u8]) -> Result<T, SignalsError> {
    serde_json::from_slice(bytes).map_err(|source| SignalsError::Json { part, source })
}

/// Unpacks at most [`MAX_BODY`] bytes, whatever the packed bytes promise.
fn unpack(packed: &[u8]) -> Result<Vec<u8>, SignalsError> {
    let mut body = Vec::new();
    GzDecoder::new(packed)
        .take(MAX_BODY + 1)
        .read_to_end(&mut body)
        .map_err(SignalsError::Gzip)?;
    if body.len() as u64 > MAX_BODY {
        return Err(SignalsError::TooLarge);
    }
    Ok(body)
}

impl Default for Sdk {
    fn default() -> Self {
        Self {
            platform: "js".to_owned(),
            version: "unknown".to_owned(),
            integrations: Vec::new(),
        }
    }
}

impl From<ConfidenceText> for Confidence {
    fn from(text: ConfidenceText) -> Self {
        match text {
            ConfidenceText::Score(score) | ConfidenceText::Object { score } => Self { score },
        }
    }
}
