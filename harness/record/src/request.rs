//! A call as the step of an HTTP client that makes it again.

use std::path::PathBuf;

use edgeproof_ground::redaction::is_secret;
use serde_json::Value as Json;
use url::{Url, form_urlencoded};

use crate::{
    call::{Body, Call, SIGNALS},
    hidden::Hidden,
    outcome,
    recording::Files,
    yaml::Node,
};

/// Headers that a client writes itself, or that belong to its connection; cookies are kept from response to request.
const OWN: [&str; 20] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "keep-alive",
    "te",
    "trailer",
    "upgrade",
    "expect",
    "cookie",
    "user-agent",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "pragma",
    "priority",
    "dnt",
    "referer",
    "if-none-match",
    "if-modified-since",
];

/// What begins the names of headers that browsers and the edge add.
const ADDED: [&str; 5] = ["sec-", "cf-", "proxy-", "x-forwarded-", ":"];

/// Bytes of a body that stands in the scenario itself; a longer one gets a file.
const INLINE: usize = 4096;

/// The step. The page is the one that signals come from.
pub(crate) fn step(
    call: &Call,
    visitor: Option<&str>,
    page: &str,
    hidden: &mut Hidden,
    files: &mut Files,
) -> Node {
    let url = hidden.text(&call.url);
    let (body, content_type) = body(call, hidden, files);
    let mut headers = Vec::new();
    for (name, value) in &call.headers {
        let name = name.to_ascii_lowercase();
        let is_own = OWN.contains(&name.as_str())
            || (name == SIGNALS && !call.forged)
            || ADDED.iter().any(|added| name.starts_with(added))
            || (name == "content-type" && content_type.as_deref() == Some(value))
            || (name == "accept" && value == "*/*");
        // Headers that repeat are a list in a scenario; browsers repeat none of the others.
        if is_own || headers.iter().any(|(known, _)| *known == name) {
            continue;
        }
        let value = match is_secret(&name) && name != SIGNALS {
            true => header_secret(&name, value, hidden),
            false => hidden.text(value),
        };
        headers.push((name, Node::Text(value)));
    }
    let mut details = vec![
        ("method".to_owned(), Node::text(&call.method)),
        ("url".to_owned(), Node::text(&url)),
    ];
    if !headers.is_empty() {
        details.push(("headers".to_owned(), Node::Map(headers)));
    }
    details.extend(body.map(|body| ("body".to_owned(), body)));
    if call.has_signals() && !call.forged {
        details.push(("signals".to_owned(), signals(call, page)));
    }
    let request = match details.len() {
        2 => Node::text(format!("{} {url}", call.method)),
        _ => Node::Map(details),
    };
    let mut step = vec![("request".to_owned(), request)];
    step.extend(visitor.map(|visitor| ("as".to_owned(), Node::text(visitor))));
    let expect = outcome::expect(call.status, call.has_signals(), call.behind.as_ref());
    if expect != Node::map([]) {
        step.push(("expect".to_owned(), expect));
    }
    Node::Map(step)
}

/// The value of a header that is secret but for the scheme before it.
fn header_secret(name: &str, value: &str, hidden: &mut Hidden) -> String {
    match value.split_once(' ') {
        Some((scheme, rest)) if scheme.chars().all(|letter| letter.is_ascii_alphanumeric()) => {
            format!("{scheme} {}", hidden.secret(name, rest))
        }
        _ => hidden.secret(name, value),
    }
}

/// What an agent of the same kind of visitor measures.
fn signals(call: &Call, page: &str) -> Node {
    let page = call
        .header("referer")
        .filter(|page| page.starts_with("http"))
        .unwrap_or(page);
    let mut signals = vec![(
        "page".to_owned(),
        Node::text(page.split(['?', '#']).next().unwrap_or(page)),
    )];
    let event = call
        .behind
        .as_ref()
        .and_then(|behind| behind.event.as_ref());
    if let Some(event) = event {
        if event["incognito"] == true {
            signals.push(("incognito".to_owned(), Node::bool(true)));
        }
        if let (Some("bad"), Some(kind)) = (event["bot"].as_str(), event["bot_type"].as_str()) {
            signals.push(("bot".to_owned(), Node::text(kind)));
        }
    }
    Node::Map(signals)
}

/// The body, and the content type that its form brings along.
fn body(call: &Call, hidden: &mut Hidden, files: &mut Files) -> (Option<Node>, Option<String>) {
    let bytes = match &call.body {
        Body::None => return (None, None),
        Body::Known(bytes) if bytes.is_empty() => return (None, None),
        Body::Known(bytes) => bytes,
        // As long as the one that nobody kept.
        Body::Unknown(length) => {
            let length = Node::Plain(length.to_string());
            return (Some(Node::map([("bytes", length)])), None);
        }
    };
    let content_type = call.header("content-type").unwrap_or_default();
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let Ok(text) = std::str::from_utf8(bytes) else {
        return (Some(file(bytes.to_vec(), call, files)), None);
    };
    if kind.eq_ignore_ascii_case("application/json")
        && let Ok(json) = serde_json::from_str::<Json>(text)
        // A number may be written otherwise, and a key twice.
        && serde_json::to_string(&json).is_ok_and(|written| written == text)
    {
        learn(&json, hidden);
        if text.len() <= INLINE {
            let node = self::json(&json, hidden, "");
            return (
                Some(Node::map([("json", node)])),
                Some("application/json".to_owned()),
            );
        }
    }
    if kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        && let Some(fields) = form(text, hidden)
    {
        return (Some(Node::map([("form", fields)])), Some(kind.to_owned()));
    }
    let written = hidden.text(text);
    if text.len() <= INLINE {
        return (Some(Node::Text(written)), None);
    }
    // A file is sent as it is, so that no variable can stand in it.
    let redacted = hidden.redactor().text(text);
    (Some(file(redacted.into_bytes(), call, files)), None)
}

fn file(content: Vec<u8>, call: &Call, files: &mut Files) -> Node {
    let last = Url::parse(&call.url).ok();
    let last = last.and_then(|url| Some(url.path_segments()?.next_back()?.to_owned()));
    let path: PathBuf = files.add(&last.unwrap_or_default(), content);
    Node::map([("file", Node::text(path.display().to_string()))])
}

/// The fields of a form; none where writing them again makes another body.
fn form(text: &str, hidden: &mut Hidden) -> Option<Node> {
    let fields: Vec<(String, String)> = form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect();
    let again: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(&fields)
        .finish();
    let mut names: Vec<&String> = fields.iter().map(|(name, _)| name).collect();
    names.sort();
    names.dedup();
    if again != text || names.len() != fields.len() || text.len() > INLINE {
        return None;
    }
    let written = fields.iter().map(|(name, value)| {
        let value = match is_secret(name) {
            true => hidden.secret(name, value),
            false => hidden.text(value),
        };
        (hidden.text(name), Node::Text(value))
    });
    Some(Node::Map(written.collect()))
}

/// What names of members say is secret.
fn learn(json: &Json, hidden: &mut Hidden) {
    match json {
        Json::Object(members) => {
            for (name, member) in members {
                if let Json::String(value) = member {
                    hidden.learn(name, value);
                }
                learn(member, hidden);
            }
        }
        Json::Array(items) => items.iter().for_each(|item| learn(item, hidden)),
        _ => {}
    }
}

fn json(json: &Json, hidden: &mut Hidden, called: &str) -> Node {
    match json {
        Json::String(text) if is_secret(called) => Node::Text(hidden.secret(called, text)),
        Json::String(text) => Node::Text(hidden.text(text)),
        Json::Array(items) => Node::List(
            items
                .iter()
                .map(|item| self::json(item, hidden, called))
                .collect(),
        ),
        Json::Object(members) => {
            let member = |(name, member): (&String, &Json)| {
                (hidden.text(name), self::json(member, hidden, name))
            };
            Node::Map(members.iter().map(member).collect())
        }
        other => Node::Plain(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use rstest::rstest;

    use super::*;

    fn call(content_type: &str, body: &str) -> Call {
        Call {
            method: "POST".to_owned(),
            url: "https://shop.example/api/login".to_owned(),
            headers: vec![
                ("Content-Type".to_owned(), content_type.to_owned()),
                ("Cookie".to_owned(), "sid=abc-1234".to_owned()),
                ("sec-fetch-mode".to_owned(), "cors".to_owned()),
                (
                    "Authorization".to_owned(),
                    "Bearer abc-123-def-456".to_owned(),
                ),
                ("x-step".to_owned(), "1".to_owned()),
            ],
            body: Body::Known(Bytes::from(body.to_owned())),
            status: Some(201),
            ..Call::default()
        }
    }

    #[rstest]
    #[case::json(
        "application/json",
        r#"{"a":1,"password":"hunter-22","b":[true,null]}"#,
        r#"body: { json: { a: 1, password: "${env.PASSWORD}", b: [true, null] } }"#
    )]
    #[case::json_written_otherwise(
        "application/json",
        r#"{ "a": 1.50 }"#,
        r#"body: "{ \"a\": 1.50 }""#
    )]
    #[case::twice("application/json", r#"{"a":1,"a":2}"#, r#"body: "{\"a\":1,\"a\":2}""#)]
    #[case::form(
        "application/x-www-form-urlencoded",
        "a=1+2&pwd=hunter-22",
        r#"body: { form: { a: "1 2", pwd: "${env.PWD_SECRET}" } }"#
    )]
    #[case::a_form_with_a_name_twice(
        "application/x-www-form-urlencoded",
        "a=1&a=2",
        "body: a=1&a=2"
    )]
    #[case::text(
        "text/plain",
        "token=t-1234567 ${x}",
        r#"body: "token=${env.TOKEN} $${x}""#
    )]
    fn a_body_is_sent_again_as_it_was_without_its_secrets(
        #[case] content_type: &str,
        #[case] body: &str,
        #[case] expected: &str,
    ) {
        let (mut hidden, mut files) = (Hidden::default(), Files::of("a"));
        let step = step(&call(content_type, body), None, "", &mut hidden, &mut files);
        let text = Node::map([("steps", Node::List(vec![step]))]).document();
        assert!(text.contains(expected), "{text}");
        assert!(
            !text.contains("hunter-22") && !text.contains("abc-1"),
            "{text}"
        );
        assert!(
            text.contains(r#"authorization: "Bearer ${env.AUTHORIZATION}""#),
            "{text}"
        );
        assert!(
            !text.contains("sec-fetch") && !text.contains("cookie"),
            "{text}"
        );
    }
}
