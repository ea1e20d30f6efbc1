//! What Chromium's events say of a visit.

use http::HeaderMap;
use serde_json::Value;

use crate::calls::{self, BrowserCall, CallOutcome, ConsoleLine, Record};

/// What the browser says of a navigation that was answered with an error status and no body: it shows a page of
/// its own. The visitor got that response all the same.
pub(super) const ERROR_WITHOUT_BODY: &str = "net::ERR_HTTP_RESPONSE_CODE_FAILURE";

/// What the browser says of a response that is not complete: the connection or the stream ended, or broke the rules.
const BROKEN: [&str; 8] = [
    "net::ERR_CONTENT_LENGTH_MISMATCH",
    "net::ERR_INCOMPLETE_CHUNKED_ENCODING",
    "net::ERR_INVALID_CHUNKED_ENCODING",
    "net::ERR_HTTP2_PROTOCOL_ERROR",
    "net::ERR_HTTP2_STREAM_CLOSED",
    "net::ERR_CONNECTION_ABORTED",
    "net::ERR_CONNECTION_CLOSED",
    "net::ERR_CONNECTION_RESET",
];

/// What the browser says of a navigation that gave way to another one, or led to no page. The response to the command that
/// began the navigation says so too, and of which one it is.
pub(super) const ABORTED: &str = "net::ERR_ABORTED";

/// Who tells of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The page.
    Page,
    /// A window that it opened.
    Window,
}

/// Writes down one event: its name and its parameters.
pub(super) fn observe(record: &mut Record, source: Source, event: &str, parameters: &Value) {
    let id = parameters["requestId"].as_str().unwrap_or_default();
    match event {
        "Network.requestWillBeSent" => begin(record, id, parameters),
        "Network.requestWillBeSentExtraInfo" => {
            record.sent(id, header_map(&parameters["headers"]));
        }
        "Network.responseReceived" => {
            let has_headers = parameters["hasExtraInfo"] == true;
            answered(record, id, &parameters["response"], has_headers);
        }
        "Network.responseReceivedExtraInfo" => {
            let status = status(&parameters["statusCode"]);
            record.received(id, status, header_map(&parameters["headers"]));
        }
        "Network.dataReceived" => {
            let bytes = parameters["dataLength"].as_u64().unwrap_or_default();
            if let Some(call) = record.call(id) {
                call.body_bytes += usize::try_from(bytes).unwrap_or(usize::MAX);
            }
        }
        "Network.loadingFinished" => record.end(id, CallOutcome::Finished),
        "Network.loadingFailed" => {
            let is_answered = record.call(id).is_some_and(|call| call.status.is_some());
            record.end(id, failed(parameters, is_answered));
            // The request of a document has the name of its navigation. One that failed otherwise leads to a page that
            // says so.
            if parameters["errorText"] == ABORTED {
                record.frames.ended(Some(id));
            }
        }
        "Page.loadEventFired" if source == Source::Page => record.loaded(),
        // The time is told by the microsecond.
        "Runtime.consoleAPICalled" => {
            record.print_once(printed(parameters), &parameters["timestamp"].to_string());
        }
        "Runtime.exceptionThrown" => record.print(thrown(parameters)),
        _ => frames(record, event, parameters),
    }
}

/// What an event says of frames.
fn frames(record: &mut Record, event: &str, parameters: &Value) {
    let frames = &mut record.frames;
    let name = parameters["frameId"].as_str().unwrap_or_default();
    let url = parameters["url"].as_str();
    match event {
        "Page.frameScheduledNavigation" if parameters["delay"].as_f64() == Some(0.0) => {
            frames.requested(name, url.unwrap_or_default());
        }
        "Page.frameRequestedNavigation" if parameters["disposition"] == "currentTab" => {
            frames.requested(name, url.unwrap_or_default());
        }
        "Page.frameStartedNavigating" if parameters["navigationType"] != "sameDocument" => {
            frames.begun(name, parameters["loaderId"].as_str().unwrap_or_default());
        }
        "Page.navigatedWithinDocument" => frames.moved_within(name, url),
        "Page.frameNavigated" => {
            let now = &parameters["frame"];
            // A page that comes back has the name of the navigation that once led to it.
            let is_back = parameters["type"] == "BackForwardCacheRestore";
            let navigation = now["loaderId"].as_str().filter(|_| !is_back);
            let name = now["id"].as_str().unwrap_or_default();
            frames.shows(name, navigation, now["url"].as_str());
        }
        "Page.frameDetached" => frames.remove(name),
        "Runtime.executionContextCreated" => {
            let context = &parameters["context"];
            if context["auxData"]["isDefault"] == true
                && let Some(name) = context["auxData"]["frameId"].as_str()
            {
                frames.runs_in(name, context["uniqueId"].as_str());
            }
        }
        _ => {}
    }
}

fn begin(record: &mut Record, id: &str, parameters: &Value) {
    if parameters["redirectResponse"].is_object() {
        let has_headers = parameters["redirectHasExtraInfo"] == true;
        answered(record, id, &parameters["redirectResponse"], has_headers);
        record.end(id, CallOutcome::Finished);
    }
    let request = &parameters["request"];
    record.begin(BrowserCall {
        id: id.to_owned(),
        method: text(&request["method"]),
        url: text(&request["url"]),
        kind: text(&parameters["type"]),
        frame: text(&parameters["frameId"]),
        request_headers: header_map(&request["headers"]),
        posted: request["postData"].as_str().map(str::to_owned),
        status: None,
        response_headers: HeaderMap::new(),
        body_bytes: 0,
        outcome: CallOutcome::Pending,
    });
}

fn answered(record: &mut Record, id: &str, response: &Value, has_headers: bool) {
    let headers = header_map(&response["headers"]);
    record.answered(id, status(&response["status"]), headers, has_headers);
}

/// How a call ended that failed in the browser's words.
fn failed(parameters: &Value, is_answered: bool) -> CallOutcome {
    let reason = text(&parameters["errorText"]);
    let broke_off = is_answered && BROKEN.contains(&reason.as_str());
    // A page that looks at the status and lets go of the body has had its response.
    let let_go = is_answered && parameters["canceled"] == true;
    match reason.as_str() {
        ERROR_WITHOUT_BODY => CallOutcome::Finished,
        _ if let_go => CallOutcome::Finished,
        _ if broke_off => CallOutcome::BrokeOff,
        _ => CallOutcome::Failed(reason),
    }
}

fn status(value: &Value) -> Option<u16> {
    value.as_u64().and_then(|status| u16::try_from(status).ok())
}

fn printed(parameters: &Value) -> ConsoleLine {
    let argument = |argument: &Value| match &argument["value"] {
        Value::Null => text(&argument["description"]),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let arguments = parameters["args"].as_array().into_iter().flatten();
    ConsoleLine {
        level: text(&parameters["type"]),
        text: arguments.map(argument).collect::<Vec<_>>().join(" "),
    }
}

fn thrown(parameters: &Value) -> ConsoleLine {
    let details = &parameters["exceptionDetails"];
    let description = &details["exception"]["description"];
    ConsoleLine {
        level: "exception".to_owned(),
        text: text(if description.is_null() {
            &details["text"]
        } else {
            description
        }),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn header_map(headers: &Value) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in headers.as_object().into_iter().flatten() {
        calls::append(&mut map, name, value.as_str().unwrap_or_default());
    }
    map
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use http::HeaderValue;

    use super::*;
    use crate::calls::Activity;

    fn observe(activity: &Activity, source: Source, event: &str, parameters: &Value) {
        activity.record(|record| super::observe(record, source, event, parameters));
    }

    #[rstest]
    #[case::the_page_lets_go_of_the_body(true, "net::ERR_ABORTED", true, CallOutcome::Finished)]
    #[case::the_page_aborts_the_call(false, "net::ERR_ABORTED", true, CallOutcome::Failed("net::ERR_ABORTED".to_owned()))]
    #[case::the_body_breaks_off(
        true,
        "net::ERR_CONTENT_LENGTH_MISMATCH",
        false,
        CallOutcome::BrokeOff
    )]
    #[case::the_connection_breaks(true, "net::ERR_CONNECTION_RESET", false, CallOutcome::BrokeOff)]
    #[case::the_connection_breaks_at_once(false, "net::ERR_CONNECTION_RESET", false, CallOutcome::Failed("net::ERR_CONNECTION_RESET".to_owned()))]
    #[case::the_page_may_not_read_it(true, "net::ERR_FAILED", false, CallOutcome::Failed("net::ERR_FAILED".to_owned()))]
    fn a_call_has_failed_where_the_page_got_no_answer(
        #[case] is_answered: bool,
        #[case] error: &str,
        #[case] canceled: bool,
        #[case] expected: CallOutcome,
    ) {
        let activity = Activity::default();
        let request = json!({"url": "https://shop.example/", "method": "POST", "headers": {}});
        observe(
            &activity,
            Source::Page,
            "Network.requestWillBeSent",
            &json!({"requestId": "1", "request": request}),
        );
        if is_answered {
            observe(
                &activity,
                Source::Page,
                "Network.responseReceived",
                &json!({"requestId": "1", "response": {"status": 403, "headers": {}}}),
            );
        }
        observe(
            &activity,
            Source::Page,
            "Network.loadingFailed",
            &json!({"requestId": "1", "errorText": error, "canceled": canceled}),
        );
        assert_eq!(activity.calls()[0].outcome, expected);
    }

    const REQUESTED: (&str, &str) = (
        "Page.frameRequestedNavigation",
        r#"{"frameId": "F", "url": "https://shop.example/next", "disposition": "currentTab"}"#,
    );
    const BEGUN: (&str, &str) = (
        "Page.frameStartedNavigating",
        r#"{"frameId": "F", "loaderId": "L", "navigationType": "differentDocument"}"#,
    );
    const ABORTED: (&str, &str) = (
        "Network.loadingFailed",
        r#"{"requestId": "L", "errorText": "net::ERR_ABORTED"}"#,
    );
    const REFUSED: (&str, &str) = (
        "Network.loadingFailed",
        r#"{"requestId": "L", "errorText": "net::ERR_CONNECTION_REFUSED"}"#,
    );
    const SHOWN: (&str, &str) = (
        "Page.frameNavigated",
        r#"{"type": "Navigation", "frame": {"id": "F", "loaderId": "L", "url": "https://shop.example/next"}}"#,
    );
    const LOADED: (&str, &str) = ("Page.frameStoppedLoading", r#"{"frameId": "F"}"#);
    const STILL_LOADING: (&str, &str) = ("Page.frameStartedLoading", r#"{"frameId": "F"}"#);
    const HASH: (&str, &str) = (
        "Page.navigatedWithinDocument",
        r##"{"frameId": "F", "url": "https://shop.example/#a"}"##,
    );

    #[rstest]
    #[case::asked_for(&[REQUESTED], true)]
    #[case::the_old_page_has_loaded_meanwhile(&[REQUESTED, LOADED], true)]
    #[case::begun(&[REQUESTED, BEGUN], true)]
    #[case::the_old_page_moves_meanwhile(&[REQUESTED, HASH, BEGUN, HASH], true)]
    #[case::replaced_by_another(&[BEGUN, REQUESTED, ABORTED], true)]
    #[case::to_a_page_that_says_what_failed(&[REQUESTED, BEGUN, REFUSED], true)]
    #[case::led_to_nothing(&[REQUESTED, BEGUN, ABORTED], false)]
    #[case::led_to_nothing_in_a_page_that_loads(&[REQUESTED, BEGUN, ABORTED, STILL_LOADING], false)]
    #[case::come(&[REQUESTED, BEGUN, SHOWN], false)]
    #[case::come_at_once(&[REQUESTED, SHOWN], false)]
    fn a_page_is_on_its_way_until_the_navigation_has_ended(
        #[case] events: &[(&str, &str)],
        #[case] is_on_its_way: bool,
    ) {
        let activity = Activity::default();
        let created =
            r#"{"context": {"uniqueId": "C", "auxData": {"isDefault": true, "frameId": "F"}}}"#;
        for (event, parameters) in [("Runtime.executionContextCreated", created)]
            .iter()
            .chain(events)
        {
            let parameters = serde_json::from_str(parameters).unwrap();
            observe(&activity, Source::Page, event, &parameters);
        }
        let settled = activity.frames(|frames| frames.settled_context("F"));
        assert_eq!(settled.is_none(), is_on_its_way);
    }

    /// A POST that is redirected with 303, and what the wire had for both; the events of the wire come when they come.
    const ANNOUNCED: [(&str, &str); 3] = [
        (
            "Network.requestWillBeSent",
            r#"{"request": {"url": "https://shop.example/login", "method": "POST", "headers": {}}}"#,
        ),
        (
            "Network.requestWillBeSent",
            r#"{"request": {"url": "https://shop.example/account", "method": "GET", "headers": {}},
                "redirectResponse": {"status": 303, "headers": {}}, "redirectHasExtraInfo": true}"#,
        ),
        (
            "Network.responseReceived",
            r#"{"response": {"status": 200, "headers": {}}, "hasExtraInfo": true}"#,
        ),
    ];
    const WIRE: [(&str, &str); 4] = [
        (
            "Network.requestWillBeSentExtraInfo",
            r#"{"headers": {"hop": "1"}}"#,
        ),
        (
            "Network.responseReceivedExtraInfo",
            r#"{"headers": {"hop": "1"}, "statusCode": 303}"#,
        ),
        (
            "Network.requestWillBeSentExtraInfo",
            r#"{"headers": {"hop": "2"}}"#,
        ),
        (
            "Network.responseReceivedExtraInfo",
            r#"{"headers": {"hop": "2"}, "statusCode": 200}"#,
        ),
    ];

    /// Every order in which the events of the two sources can come together: bits say whose is next.
    #[test]
    fn each_call_of_a_redirected_request_has_its_own_headers_in_whatever_order_they_come() {
        let orders = (0_u32..1 << 7).filter(|bits| bits.count_ones() == 4);
        for order in orders {
            let (mut announced, mut wire) = (ANNOUNCED.iter(), WIRE.iter());
            let activity = Activity::default();
            for place in 0..7 {
                let next = if order >> place & 1 == 1 {
                    wire.next()
                } else {
                    announced.next()
                };
                let (event, parameters) = next.unwrap();
                let mut parameters: Value = serde_json::from_str(parameters).unwrap();
                parameters["requestId"] = "1".into();
                observe(&activity, Source::Page, event, &parameters);
            }
            let calls = activity.calls();
            let seen: Vec<_> = calls
                .iter()
                .map(|call| {
                    (
                        call.status,
                        &call.request_headers["hop"],
                        &call.response_headers["hop"],
                    )
                })
                .collect();
            let (one, two) = (HeaderValue::from_static("1"), HeaderValue::from_static("2"));
            assert_eq!(
                seen,
                [(Some(303), &one, &one), (Some(200), &two, &two)],
                "{order:b}"
            );
        }
    }
}
