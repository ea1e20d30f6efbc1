//! The identification call: what the worker tells the platform about a protected call, and what it learns.

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::{
    action::RuleAction,
    configuration::Configuration,
    cors, edge_headers,
    event::Intelligence,
    headers::HeaderEdit,
    json::{Json, JsonError, Object, Read},
    request::RequestHead,
    signals::Signals,
    tampering::{self, Call, Provenance, Tampering},
};

/// A request to the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformRequest {
    /// Where it goes, by POST.
    pub url: String,
    /// Value of its `Authorization` header. Its `Content-Type` is `application/json`.
    pub authorization: String,
    /// Its JSON body, an object.
    pub body: String,
    /// Where the body lacks its first member, `fingerprint_data`: that is the value of the call's `fp-data` header from
    /// this character on.
    pub signals_from: Option<u32>,
}

/// What the platform answered about a protected call.
#[derive(Clone, Debug)]
pub struct Identified {
    /// What the agent in the page is told; opaque.
    pub agent_data: String,
    /// What the ruleset decided, if one was asked for.
    pub rule_action: Option<RuleAction>,
    /// Cookies for the visitor, as `Set-Cookie` values.
    pub set_cookie_headers: Vec<String>,
    /// What the origin is told about the request; nothing where the edge API is off.
    pub known: Vec<HeaderEdit>,
}

/// Why a protected call could not be identified. None of them says anything about the visitor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The call carries no signals where the worker looks for them.
    #[error("the call carries no signals")]
    NoSignals,
    /// The page that sent the signals is of another origin, on which there is no identification page.
    #[error("the page of the call is on an origin without an identification page")]
    ForeignPage,
    /// A variable is missing.
    #[error("{0} is not set")]
    NotConfigured(&'static str),
    /// A header that the edge always sets is not there.
    #[error("the request has no {0} header")]
    MissingHeader(&'static str),
    /// No response before the deadline.
    #[error("the platform did not answer in time")]
    Deadline,
    /// No connection, or one that broke.
    #[error("the platform could not be reached")]
    Unreachable,
    /// Another status than 2xx.
    #[error("the platform answered with status {0}")]
    Status(u16),
    /// A response that is not what the platform promises.
    #[error("the platform's response is not valid: {0}")]
    Response(String),
    /// The signals do not belong to this call.
    #[error("tampering: {0}")]
    Tampering(#[from] Tampering),
    /// The worker broke off while it dealt with the call.
    #[error("the worker broke off")]
    Broken,
    /// The ruleset was asked for and did not decide.
    #[error("the platform's response holds no rule action")]
    NoRuleAction,
}

impl From<JsonError> for Failure {
    fn from(error: JsonError) -> Self {
        Self::Response(error.to_string())
    }
}

#[derive(Serialize)]
struct SendBody<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint_data: Option<&'a str>,
    client_ip: String,
    client_host: &'a str,
    client_user_agent: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_cookie: Option<String>,
    client_headers: ClientHeaders<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ruleset_context: Option<RulesetContext<'a>>,
}

#[derive(Serialize)]
struct RulesetContext<'a> {
    ruleset_id: &'a str,
}

/// The headers of a call, without those that could be used in the visitor's name and without the signals.
struct ClientHeaders<'a>(&'a RequestHead);

impl Serialize for ClientHeaders<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.0.headers.iter() {
            if !is_secret(name) && name != "fp-data" {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// Whether a request header carries a secret of the visitor.
pub fn is_secret(name: &str) -> bool {
    matches!(name, "cookie" | "authorization" | "proxy-authorization")
}

/// The identification request for a protected call with these signals.
pub fn request(
    configuration: &Configuration,
    head: &RequestHead,
    signals: &Signals,
) -> Result<PlatformRequest, Failure> {
    if cors::is_foreign(head, &configuration.identification_pages) {
        return Err(Failure::ForeignPage);
    }
    let key = configuration
        .secret_key
        .as_ref()
        .ok_or(Failure::NotConfigured("FP_SECRET_KEY"))?;
    if configuration.ruleset.as_deref() == Some("") {
        return Err(Failure::NotConfigured("FP_RULESET_ID"));
    }
    let required = |name| head.headers.get(name).ok_or(Failure::MissingHeader(name));
    let address = head
        .addresses()
        .first()
        .ok_or(Failure::MissingHeader("cf-connecting-ip"))?
        .to_string();
    let (fingerprint_data, signals_from) = match signals {
        Signals::Header {
            app_sends_credentials,
        } => (None, Some(u32::from(*app_sends_credentials))),
        Signals::Form(data) | Signals::Cookies(data) => (Some(data.as_str()), None),
    };
    let body = SendBody {
        fingerprint_data,
        client_ip: address,
        client_host: required("host")?,
        client_user_agent: required("user-agent")?,
        client_cookie: head
            .headers
            .get("cookie")
            .and_then(identification_cookie)
            .map(|value| format!("_iidt={value}")),
        client_headers: ClientHeaders(head),
        ruleset_context: configuration
            .ruleset
            .as_deref()
            .map(|ruleset_id| RulesetContext { ruleset_id }),
    };
    Ok(PlatformRequest {
        url: format!("{}/v4/send", configuration.ingress),
        authorization: key.bearer(),
        body: serde_json::to_string(&body).map_err(|error| Failure::Response(error.to_string()))?,
        signals_from,
    })
}

/// Reads the platform's response and checks that its event belongs to the call. `now` is in Unix milliseconds.
pub fn judge(
    configuration: &Configuration,
    head: &RequestHead,
    status: u16,
    body: &[u8],
    now: i64,
) -> Result<Identified, Failure> {
    let response = json(status, body)?;
    let response = object(&response)?;
    let event: Object = response.required("event")?;
    let provenance = Provenance::read(event)?;
    let intelligence = Intelligence::read(event)?;
    let identified = Identified {
        agent_data: response.required("agent_data")?,
        rule_action: response
            .optional("rule_action")?
            .map(RuleAction::read)
            .transpose()?,
        set_cookie_headers: response.optional("set_cookie_headers")?.unwrap_or_default(),
        known: if configuration.edge_api {
            edge_headers::state(&intelligence)
        } else {
            Vec::new()
        },
    };
    let pages = &configuration.identification_pages;
    let call = Call {
        method: &head.method,
        origin: head.headers.get("origin"),
        trusts_page: cors::is_trusted_page(head, pages, &provenance.url),
        addresses: &head.addresses(),
        now,
    };
    tampering::check(&provenance, &call)?;
    Ok(identified)
}

/// A response of the platform. As text: reading bytes as well would be 14 KB more of wasm.
pub(crate) fn json(status: u16, body: &[u8]) -> Result<Json<'_>, Failure> {
    if !(200..300).contains(&status) {
        return Err(Failure::Status(status));
    }
    let text = str::from_utf8(body).map_err(|_| Failure::Response("it is not text".to_owned()))?;
    Ok(Json::parse(text)?)
}

/// The object that a response is.
pub(crate) fn object<'a>(response: &'a Json<'_>) -> Result<Object<'a>, Failure> {
    Object::read(response).ok_or_else(|| Failure::Response("it is not an object".to_owned()))
}

/// The value of the platform's cookie: the first of that name, as it was sent.
pub fn identification_cookie(header: &str) -> Option<&str> {
    header
        .split(';')
        .filter_map(|pair| pair.split_once('='))
        .find(|(name, _)| name.trim() == "_iidt")
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::headers::Headers;

    const NOW: i64 = 1_795_000_000_000;

    fn configuration(variables: &[(&str, &str)]) -> Configuration {
        Configuration::read(|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    const HEADER: Signals = Signals::Header {
        app_sends_credentials: false,
    };

    #[rstest]
    #[case(false, 0)]
    #[case(true, 1)]
    fn signals_of_the_header_are_taken_from_there_behind_the_flag(
        #[case] app_sends_credentials: bool,
        #[case] start: u32,
    ) {
        let signals = Signals::Header {
            app_sends_credentials,
        };
        let request = request(
            &configuration(&[("FP_SECRET_KEY", "sk")]),
            &head(""),
            &signals,
        )
        .unwrap();
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body.get("fingerprint_data"), None);
        assert_eq!(request.signals_from, Some(start));
    }

    fn head(extra: &str) -> RequestHead {
        let headers = format!(
            "host: shop.example\nuser-agent: Chromium\ncf-connecting-ip: 203.0.113.7\n\
             origin: https://shop.example\n{extra}"
        );
        RequestHead::new(
            "POST",
            "https://shop.example/api",
            Headers::from_lines(&headers),
        )
        .unwrap()
    }

    #[test]
    fn the_request_holds_what_the_platform_needs_and_no_secret_of_the_visitor() {
        let configuration = configuration(&[
            ("FP_SECRET_KEY", "sk"),
            ("FP_RULESET_ID", "rs_1"),
            ("FP_REGION", "eu"),
        ]);
        let head = head(
            "cookie: session=s3cret; _iidt=a%20b/c; _iidt=second\nauthorization: Bearer visitor\n\
             proxy-authorization: Basic x\nfp-data: _abc\nx-other: 1",
        );
        let request = request(&configuration, &head, &Signals::Form("abc".to_owned())).unwrap();
        assert_eq!(request.url, "https://eu.api.fpjs.io/v4/send");
        assert_eq!(request.authorization, "Bearer sk");
        assert_eq!(
            serde_json::from_str::<Value>(&request.body).unwrap(),
            json!({
                "fingerprint_data": "abc",
                "client_ip": "203.0.113.7",
                "client_host": "shop.example",
                "client_user_agent": "Chromium",
                "client_cookie": "_iidt=a%20b/c",
                "client_headers": {
                    "host": "shop.example",
                    "user-agent": "Chromium",
                    "cf-connecting-ip": "203.0.113.7",
                    "origin": "https://shop.example",
                    "x-other": "1",
                },
                "ruleset_context": {"ruleset_id": "rs_1"},
            })
        );
    }

    #[test]
    fn without_a_ruleset_and_a_cookie_their_fields_are_absent() {
        let request = request(
            &configuration(&[("FP_SECRET_KEY", "sk")]),
            &head("cookie: a=b"),
            &HEADER,
        )
        .unwrap();
        let body: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body.get("ruleset_context"), None);
        assert_eq!(body.get("client_cookie"), None);
    }

    #[rstest]
    #[case("host", "user-agent: x\ncf-connecting-ip: 203.0.113.7")]
    #[case("user-agent", "host: x\ncf-connecting-ip: 203.0.113.7")]
    #[case("cf-connecting-ip", "host: x\nuser-agent: x")]
    fn a_header_that_is_missing_is_a_failure(#[case] missing: &'static str, #[case] headers: &str) {
        let head =
            RequestHead::new("POST", "https://a.example/", Headers::from_lines(headers)).unwrap();
        let failure = request(&configuration(&[("FP_SECRET_KEY", "sk")]), &head, &HEADER);
        assert_eq!(failure, Err(Failure::MissingHeader(missing)));
    }

    #[rstest]
    #[case("https://shop.example", "shop.example/sign-up", None)]
    #[case("https://www.shop.example", "*.shop.example/*", None)]
    #[case(
        "https://blog.shop.example",
        "shop.example/*",
        Some(Failure::ForeignPage)
    )]
    #[case("https://evil.example", "shop.example/*", Some(Failure::ForeignPage))]
    #[case("http://shop.example", "shop.example/*", Some(Failure::ForeignPage))]
    #[case("http://shop.example", "http://shop.example/*", None)]
    fn signals_of_a_foreign_page_are_not_even_sent(
        #[case] origin: &str,
        #[case] pages: &str,
        #[case] expected: Option<Failure>,
    ) {
        let pages = format!("[\"{pages}\"]");
        let configuration = configuration(&[
            ("FP_SECRET_KEY", "sk"),
            ("IDENTIFICATION_PAGE_URLS", &pages),
        ]);
        let lines = format!(
            "host: shop.example\nuser-agent: Chromium\ncf-connecting-ip: 203.0.113.7\norigin: {origin}"
        );
        let head = RequestHead::new(
            "POST",
            "https://shop.example/api",
            Headers::from_lines(lines),
        );
        let request = request(&configuration, &head.unwrap(), &HEADER);
        assert_eq!(request.err(), expected);
    }

    #[test]
    fn a_missing_key_is_a_failure() {
        let failure = request(&configuration(&[]), &head(""), &HEADER);
        assert_eq!(failure, Err(Failure::NotConfigured("FP_SECRET_KEY")));
    }

    fn response() -> Value {
        json!({
            "agent_data": "agent",
            "rule_action": {"type": "allow", "ruleset_id": "rs_1"},
            "set_cookie_headers": ["_iidt=x; Path=/"],
            "event": {
                "replayed": false, "timestamp": NOW, "url": "https://shop.example/sign-up",
                "ip_address": "203.0.113.7", "ip_info": {}, "unknown": {"kept": "out"},
            },
            "unknown": 1,
        })
    }

    fn judged(response: &Value) -> Result<Identified, Failure> {
        judge(
            &configuration(&[]),
            &head(""),
            200,
            response.to_string().as_bytes(),
            NOW,
        )
    }

    #[test]
    fn a_valid_response_identifies() {
        let identified = judged(&response()).unwrap();
        assert_eq!(identified.agent_data, "agent");
        assert!(identified.rule_action.is_some());
    }

    #[rstest]
    #[case("/agent_data", Some(json!(1)))]
    #[case("/agent_data", None)]
    #[case("/event", None)]
    #[case("/event/replayed", None)]
    #[case("/event/timestamp", None)]
    #[case("/event/timestamp", Some(json!("yesterday")))]
    #[case("/event/url", Some(json!("/relative")))]
    #[case("/event/ip_address", Some(json!("localhost")))]
    #[case("/event/ip_info", None)]
    #[case("/event/ip_info/v4", Some(json!({"address": "2001:db8::1"})))]
    #[case("/event/ip_info/v6", Some(json!({"address": "203.0.113.7"})))]
    #[case("/event/bot_info", Some(json!({"category": "x"})))]
    #[case("/event/bot_info", Some(json!({"category": "x", "provider": "x", "name": "x", "identity": "perhaps",
        "confidence": "low"})))]
    #[case("/rule_action/type", Some(json!("ignore")))]
    #[case("/rule_action/ruleset_id", None)]
    #[case("/set_cookie_headers", Some(json!("one")))]
    fn an_response_that_is_not_what_was_promised_is_refused(
        #[case] path: &str,
        #[case] value: Option<Value>,
    ) {
        let mut response = response();
        let (parent, key) = path.rsplit_once('/').unwrap();
        let parent = response
            .pointer_mut(parent)
            .unwrap()
            .as_object_mut()
            .unwrap();
        match value {
            Some(value) => parent.insert(key.to_owned(), value),
            None => parent.remove(key),
        };
        assert!(
            matches!(judged(&response), Err(Failure::Response(_))),
            "{response}"
        );
    }

    #[rstest]
    #[case("/agent_data", json!(""))]
    #[case("/event/timestamp", json!("2026-11-18T11:06:40Z"))]
    #[case("/event/ip_info", json!({"v4": {"address": "203.0.113.7"}}))]
    fn an_response_at_the_edge_of_what_is_promised_is_taken(
        #[case] path: &str,
        #[case] value: Value,
    ) {
        let mut response = response();
        *response.pointer_mut(path).unwrap() = value;
        assert!(
            judged(&response).is_ok() || matches!(judged(&response), Err(Failure::Tampering(_)))
        );
    }

    #[rstest]
    #[case(400)]
    #[case(302)]
    #[case(500)]
    fn another_status_is_a_failure(#[case] status: u16) {
        let failure = judge(
            &configuration(&[]),
            &head(""),
            status,
            response().to_string().as_bytes(),
            NOW,
        );
        assert_eq!(failure.err(), Some(Failure::Status(status)));
    }

    #[test]
    fn tampering_is_a_failure() {
        let mut response = response();
        response["event"]["ip_address"] = json!("203.0.113.8");
        assert_eq!(
            judged(&response).err(),
            Some(Failure::Tampering(Tampering::Address))
        );
    }

    #[test]
    fn the_reason_quotes_nothing_of_the_response() {
        let failure = judge(
            &configuration(&[]),
            &head(""),
            200,
            br#"{"agent_data": {"visitor": "Ada"}}"#,
            NOW,
        )
        .err();
        assert!(!failure.unwrap().to_string().contains("Ada"));
    }

    #[rstest]
    #[case("_iidt=abc", Some("abc"))]
    #[case("a=b; _iidt=abc; _iidt=def", Some("abc"))]
    #[case("a=b;_iidt=abc", Some("abc"))]
    #[case("x_iidt=abc", None)]
    #[case("", None)]
    fn the_cookie_is_the_first_of_its_name(#[case] header: &str, #[case] expected: Option<&str>) {
        assert_eq!(identification_cookie(header), expected);
    }

    proptest! {
        #[test]
        fn no_cookie_makes_the_reader_fail(header in ".{0,80}") {
            let _ = identification_cookie(&header);
        }

        #[test]
        fn no_response_makes_the_judge_fail(body in ".{0,80}") {
            prop_assert!(judge(&configuration(&[]), &head(""), 200, body.as_bytes(), NOW).is_err());
        }
    }
}
