//! Expectations: what must be true of a step, and at the end.

use std::{collections::BTreeMap, fmt};

use edgeproof_document::range::Range;
use edgeproof_ground::{call::CallPattern, time::Time};
use http::HeaderName;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer,
    de::{
        MapAccess, SeqAccess, Visitor,
        value::{MapAccessDeserializer, SeqAccessDeserializer},
    },
};
use serde_json::Value as Json;

use super::{
    cloudflare::ExpectCloudflare, deploying::ExpectDeployment, input::one_or_many,
    status::StatusMatcher, text::TextMatcher,
};

/// What must be true of the call that a step made or caused.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The status that the visitor got.
    pub status: Option<StatusMatcher>,
    /// Response headers by name.
    pub headers: BTreeMap<Header, TextMatcher>,
    /// The response body.
    pub body: Option<TextMatcher>,
    /// Whether the body is complete (RFC 9112 §8). Of one that breaks off, nothing else that is expected of the body or
    /// the page holds, unless this is `false`: then it is about the part that came.
    pub body_complete: Option<bool>,
    /// Elements of the page, or one of them: of the live page in a browser, of the body otherwise.
    #[serde(deserialize_with = "elements")]
    #[schemars(schema_with = "elements_schema")]
    pub page: Vec<Element>,
    /// The page's console: each of these conditions must match at least one line.
    pub console: Vec<TextMatcher>,
    /// Everything the page has printed so far, line by line.
    pub whole_console: Option<TextMatcher>,
    /// The page is byte for byte the origin's, but for one element that this selector finds.
    pub unchanged_except: Option<String>,
    /// The longest time until the response head.
    pub within: Option<Time>,
    /// The request began after the response to the last other request that matches this.
    pub after: Option<CallPattern>,
    /// The request began before the first other request that matches this.
    pub before: Option<CallPattern>,
    /// The response head took less time than that of the last other request that matches this.
    pub faster_than: Option<CallPattern>,
    /// The cache status of the response (`CF-Cache-Status`), such as `HIT`, `MISS` or `DYNAMIC`.
    pub cache: Option<TextMatcher>,
    /// Bytes of all response headers, counted as Cloudflare counts them.
    pub header_bytes: Option<Range>,
    /// What the visitor sent, as the edge received it.
    pub request: Option<ExpectRequest>,
    /// What the origin saw of this call.
    pub origin: Option<ExpectOrigin>,
    /// What the filtering node saw of this call. A copy that is sent in async mode is waited for.
    pub node: Option<ExpectOrigin>,
    /// What the worker did with this call.
    pub worker: Option<ExpectWorker>,
    /// What came of a `deploy` step.
    pub deployment: Option<ExpectDeployment>,
    /// How many ways past the protection a `probe` step finds: shapes of the call that the origin runs although nobody was
    /// identified.
    pub holes: Option<Range>,
    /// The requests of this step to Cloudflare's API, and the account after it.
    pub cloudflare: Option<ExpectCloudflare>,
    /// A message to show when one of these is not met.
    pub message: Option<String>,
}

/// What must be true when all steps are done.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectAtEnd {
    /// What the origin saw; each names its request.
    pub origin: Vec<ExpectOrigin>,
    /// What the filtering node saw; each names its request.
    pub node: Vec<ExpectOrigin>,
    /// The attacks the filtering node recorded, in order, each including the fields written here; `[]` means none.
    pub attacks: Option<Vec<Json>>,
    /// What the worker did in the whole scenario.
    pub worker: Option<ExpectWorker>,
    /// The requests to Cloudflare's API, and the content of the account.
    pub cloudflare: Option<ExpectCloudflare>,
    /// The identification events, in order, each including the fields written here; `[]` means none.
    pub events: Option<Vec<Json>>,
    /// A message to show when one of these is not met.
    pub message: Option<String>,
}

/// An element of a page.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// The CSS selector.
    pub select: String,
    /// How many elements match. Default: at least one.
    pub count: Option<Range>,
    /// The text of the first.
    pub text: Option<TextMatcher>,
    /// Attributes of the first, by name.
    #[serde(default)]
    pub attributes: BTreeMap<String, TextMatcher>,
    /// A message to show when it does not match.
    pub message: Option<String>,
}

/// One element, or a list of them.
fn elements<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Element>, D::Error> {
    struct Either;
    impl<'de> Visitor<'de> for Either {
        type Value = Vec<Element>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an element with `select`, or a list of them")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Vec<Element>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(items))
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<Element>, A::Error> {
            Ok(vec![Element::deserialize(MapAccessDeserializer::new(map))?])
        }
    }
    deserializer.deserialize_any(Either)
}

fn elements_schema(generator: &mut SchemaGenerator) -> Schema {
    one_or_many(&generator.subschema_for::<Element>())
}

/// What the visitor sent.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectRequest {
    /// Headers of the request, by name.
    pub headers: BTreeMap<Header, TextMatcher>,
    /// What one header, or all of them, take of the 128 KB that Cloudflare lets through.
    pub budget: Vec<Budget>,
    /// Bytes of all headers of the request, counted as Cloudflare counts them.
    pub header_bytes: Option<Range>,
    /// A message to show when one of these is not met.
    pub message: Option<String>,
}

/// A share of the header budget.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// The header. Default: all of them.
    pub header: Option<Header>,
    /// Per cent of 131,072 bytes.
    pub percent: Range,
}

/// What the origin, or the filtering node, saw.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectOrigin {
    /// The request. Default: the step's own. With nothing else said of it, it got there.
    pub call: Option<CallPattern>,
    /// Whether it got there.
    pub reached: Option<bool>,
    /// How often it got there, whatever its headers and its body.
    pub times: Option<Range>,
    /// Headers it had on arrival, each time.
    pub headers: BTreeMap<Header, TextMatcher>,
    /// The body it had on arrival, each time.
    pub body: Option<TextMatcher>,
    /// The body is byte for byte the one the visitor sent.
    pub body_as_sent: bool,
    /// It came after the response to the last request that matches this, such as the worker's to Fingerprint.
    pub after: Option<CallPattern>,
    /// A message to show when one of these is not met.
    pub message: Option<String>,
}

/// What the worker did.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectWorker {
    /// Whether a worker ran at all.
    pub ran: Option<bool>,
    /// The requests it sent, and how many.
    pub asked: Vec<ExpectSubrequest>,
    /// Lines of its log: each of these conditions must hold for at least one line.
    pub log: Vec<TextMatcher>,
    /// The whole log.
    pub whole_log: Option<TextMatcher>,
    /// A message to show when one of these is not met.
    pub message: Option<String>,
}

/// A request of the worker's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectSubrequest {
    /// Which.
    pub call: CallPattern,
    /// How many times. Default: at least once.
    pub times: Option<Range>,
    /// Headers it had, each time.
    #[serde(default)]
    pub headers: BTreeMap<Header, TextMatcher>,
    /// The body it had, each time. Those of requests to the origin and to the node are stated with `origin` and `node`.
    pub body: Option<TextMatcher>,
    /// A message to show when it does not match.
    pub message: Option<String>,
}

impl ExpectOrigin {
    /// Whether it names a call and says nothing of it: then the call must have come.
    pub fn says_nothing(&self) -> bool {
        let Self {
            call,
            reached: None,
            times: None,
            headers,
            body: None,
            body_as_sent: false,
            after: None,
            message: _,
        } = self
        else {
            return false;
        };
        call.is_some() && headers.is_empty()
    }

    /// How many requests it takes for this to hold; 0 where none is expected.
    pub fn at_least(&self) -> f64 {
        let wants_content = !self.headers.is_empty() || self.body.is_some() || self.body_as_sent;
        let wanted = self.reached == Some(true) || wants_content || self.says_nothing();
        let times = self.times.as_ref().and_then(|times| times.min);
        times.unwrap_or(f64::from(u8::from(wanted)))
    }
}

/// The name of a header, in any case.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Header(pub HeaderName);

impl TryFrom<String> for Header {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        HeaderName::from_bytes(text.as_bytes())
            .map(Self)
            .map_err(|_| format!("`{text}` cannot be the name of a header"))
    }
}

impl PartialOrd for Header {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Header {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.as_str().cmp(other.0.as_str())
    }
}
