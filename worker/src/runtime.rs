//! Bindings to the Workers runtime: only what the worker calls.

pub(crate) use edgeproof_worker_core::headers::lines;
use edgeproof_worker_core::{
    headers::{HeaderEdit, Headers},
    identification::{Failure, PlatformRequest},
    log::{LogEntry, LogLevel},
    request::RequestHead,
    response::OwnResponse,
    wallarm::target,
};
use js_sys::{Array, JsString, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::coroutine::settled;

#[wasm_bindgen]
extern "C" {
    /// The runtime's `Request`.
    #[derive(Clone)]
    pub type Request;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn body(this: &Request) -> JsValue;

    /// The runtime's `Response`.
    #[derive(Clone)]
    pub type Response;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn status(this: &Response) -> u16;

    #[wasm_bindgen(method, getter)]
    pub(crate) fn body(this: &Response) -> JsValue;

    #[wasm_bindgen(js_namespace = console)]
    fn error(line: &str);

    #[wasm_bindgen(js_namespace = console)]
    fn warn(line: &str);

    #[wasm_bindgen(js_namespace = console)]
    fn log(line: &str);

    #[wasm_bindgen(js_namespace = JSON, catch)]
    fn stringify(value: &JsValue) -> Result<JsString, JsValue>;
}

#[wasm_bindgen(module = "/src/runtime.js")]
extern "C" {
    #[wasm_bindgen(js_name = requestLines)]
    fn request_lines(request: &Request) -> String;

    #[wasm_bindgen(js_name = takeSignals)]
    fn take_signals() -> JsValue;

    #[wasm_bindgen(js_name = responseLines)]
    fn response_lines(response: &Response) -> String;

    #[wasm_bindgen(js_name = forward, catch)]
    fn send_on(request: &Request, edits: &str, body: &JsValue) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_name = withResponseHeaders, catch)]
    fn with_response_headers(
        response: &Response,
        edits: &str,
        body: &JsValue,
    ) -> Result<Response, JsValue>;

    #[wasm_bindgen(js_name = ownResponse, catch)]
    fn new_response(status: u16, edits: &str, body: Option<&str>) -> Result<Response, JsValue>;

    #[wasm_bindgen(js_name = postJson, catch)]
    fn post_json(
        url: &str,
        authorization: &str,
        body: &str,
        deadline: f64,
        signals: &JsValue,
        signals_from: u32,
        stop: &JsValue,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_name = fetchFrom, catch)]
    fn fetch_from(
        url: &str,
        request: &Request,
        edits: &str,
        deadline: f64,
    ) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_name = fetchShared, catch)]
    fn fetch_shared(url: &str, deadline: f64, seconds: u32) -> Result<Promise, JsValue>;

    /// A body that is looked at from its start and then passed on.
    pub(crate) type Peeked;

    #[wasm_bindgen(constructor, catch)]
    pub(crate) fn new(message: &JsValue, length: Option<f64>) -> Result<Peeked, JsValue>;

    #[wasm_bindgen(method)]
    fn fill(this: &Peeked) -> Promise;

    #[wasm_bindgen(method)]
    fn look(this: &Peeked, size: u32) -> Option<Uint8Array>;

    #[wasm_bindgen(method, catch)]
    pub(crate) fn without(
        this: &Peeked,
        cuts: &[usize],
        length: Option<f64>,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, getter, js_name = isEnded)]
    pub(crate) fn is_ended(this: &Peeked) -> bool;
}

/// The head of a request, its path and query as they came, and the signals of its header; none when its URL is not one of
/// the web.
pub(crate) fn head(request: &Request) -> Option<(RequestHead, String, JsValue)> {
    let lines = request_lines(request);
    let signals = take_signals();
    let (first, headers) = lines.split_once('\n')?;
    let (method, url) = first.split_once(' ')?;
    let head = RequestHead::new(method, url, Headers::from_lines(headers))?;
    Some((head, target(url).to_owned(), signals))
}

/// The header fields of a response.
pub(crate) fn response_headers(response: &Response) -> Headers {
    Headers::from_lines(response_lines(response))
}

/// A variable: a text as it is, a JSON binding as JSON.
pub(crate) fn variable(env: &JsValue, name: &str) -> Option<String> {
    let value = Reflect::get(env, &JsValue::from_str(name)).ok()?;
    if value.is_undefined() || value.is_null() {
        return None;
    }
    value
        .as_string()
        .or_else(|| stringify(&value).ok().and_then(|json| json.as_string()))
}

/// Sends a request on, its head changed, with its own body where `body` is undefined.
pub(crate) async fn forward(
    request: &Request,
    edits: &[HeaderEdit],
    body: &JsValue,
) -> Result<Response, JsValue> {
    Ok(settled(send_on(request, &lines(edits), body)?)
        .await?
        .unchecked_into())
}

/// Asks another host in the visitor's place. `deadline` is in milliseconds.
pub(crate) async fn ask(
    url: &str,
    request: &Request,
    edits: &[HeaderEdit],
    deadline: f64,
) -> Result<Response, Failure> {
    response(fetch_from(url, request, &lines(edits), deadline)).await
}

/// Gets what is the same for every visitor and kept for so many seconds, so nothing of this visitor's request goes there.
/// `deadline` is in milliseconds.
pub(crate) async fn get(url: &str, deadline: f64, seconds: u32) -> Result<Response, Failure> {
    response(fetch_shared(url, deadline, seconds)).await
}

async fn response(fetching: Result<Promise, JsValue>) -> Result<Response, Failure> {
    let response = async { settled(fetching?).await };
    response
        .await
        .map(JsCast::unchecked_into)
        .map_err(|error| failure(&error))
}

/// Posts to the platform about a call with these signals in its header; the promise of what [`posted`] reads. `deadline`
/// is in milliseconds; the signal `stop` ends it early, `undefined` is none.
pub(crate) fn post(
    request: &PlatformRequest,
    signals: &JsValue,
    deadline: f64,
    stop: &JsValue,
) -> Result<Promise, Failure> {
    let PlatformRequest {
        url,
        authorization,
        body,
        signals_from,
    } = request;
    let signals = signals_from.map_or(JsValue::UNDEFINED, |_| signals.clone());
    let start = signals_from.unwrap_or_default();
    post_json(url, authorization, body, deadline, &signals, start, stop)
        .map_err(|error| failure(&error))
}

/// Status and body of the platform's response.
pub(crate) fn posted(settled: Result<JsValue, JsValue>) -> Result<(u16, Vec<u8>), Failure> {
    let response: Array = settled.map_err(|error| failure(&error))?.unchecked_into();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a status has three digits"
    )]
    let status = response.get(0).as_f64().unwrap_or_default() as u16;
    let body: Uint8Array = response.get(1).unchecked_into();
    Ok((status, body.to_vec()))
}

/// Why a call to the platform ended in an exception.
fn failure(error: &JsValue) -> Failure {
    let name = Reflect::get(error, &JsValue::from_str("name")).ok();
    match name.and_then(|name| name.as_string()).as_deref() {
        Some("TimeoutError" | "AbortError") => Failure::Deadline,
        _ => Failure::Unreachable,
    }
}

/// A response of the worker's own.
pub(crate) fn respond(response: &OwnResponse) -> Result<Response, JsValue> {
    let edits: Vec<HeaderEdit> = response
        .headers
        .iter()
        .map(|(name, value)| HeaderEdit::append(name, value))
        .collect();
    new_response(response.status, &lines(&edits), response.body.as_deref())
}

/// A response with a changed head.
pub(crate) fn changed(response: &Response, edits: &[HeaderEdit]) -> Result<Response, JsValue> {
    if edits.is_empty() {
        return Ok(response.clone());
    }
    with_response_headers(response, &lines(edits), &JsValue::UNDEFINED)
}

/// A response with a changed head and another body.
pub(crate) fn replaced(
    response: &Response,
    edits: &[HeaderEdit],
    body: &JsValue,
) -> Result<Response, JsValue> {
    with_response_headers(response, &lines(edits), body)
}

impl Peeked {
    /// The next bytes, at most `size`; none at the end of the body.
    pub(crate) async fn next(&self, size: u32) -> Result<Option<Uint8Array>, JsValue> {
        loop {
            if let Some(bytes) = self.look(size) {
                return Ok(Some(bytes));
            }
            if settled(self.fill()).await?.is_falsy() {
                return Ok(None);
            }
        }
    }
}

/// The text of an exception.
pub(crate) fn message(error: &JsValue) -> String {
    let message = Reflect::get(error, &JsValue::from_str("message")).ok();
    message
        .and_then(|message| message.as_string())
        .or_else(|| error.as_string())
        .unwrap_or_else(|| "unknown".to_owned())
}

/// Now, in Unix milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds are whole")]
pub(crate) fn now() -> i64 {
    js_sys::Date::now() as i64
}

/// A length as JavaScript takes it.
#[expect(clippy::cast_precision_loss, reason = "no body has 2^53 bytes")]
pub(crate) fn as_number(length: u64) -> f64 {
    length as f64
}

/// Writes a line where the configured level asks for it.
pub(crate) fn write(configured: LogLevel, entry: &LogEntry, ray: Option<&str>) {
    if entry.level > configured {
        return;
    }
    let line = entry.line(ray);
    match entry.level {
        LogLevel::Error => error(&line),
        LogLevel::Warn => warn(&line),
        LogLevel::Info | LogLevel::Debug => log(&line),
    }
}
