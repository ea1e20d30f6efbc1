//! A request that reached the worker, and the way it takes.

use std::{borrow::Cow, cell::OnceCell, rc::Rc};

use edgeproof_worker_core::{
    configuration::Configuration,
    cors::{self, Preflight},
    form::Form,
    guard,
    headers::HeaderEdit,
    identification::Failure,
    log::{LogEntry, LogLevel},
    matching::{Route, route},
    protection::{self, Step},
    request::RequestHead,
    response::OwnResponse,
};
use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast, JsValue};

use crate::{
    coroutine::{apart, settled},
    runtime::{self, Peeked, Request, Response},
    wallarm::{Gate, Inspection, Passed},
};

/// A request that reached the worker.
pub(crate) struct Incoming {
    pub(crate) configuration: Rc<Configuration>,
    pub(crate) head: Rc<RequestHead>,
    /// Its path and query as they came.
    pub(crate) target: String,
    /// The signals of its header, a text that stays on JavaScript's side; undefined where there are none.
    pub(crate) signals: JsValue,
    pub(crate) request: Request,
    /// Keeps a task going when the request has its response.
    pub(crate) aside: Function,
    /// What the filtering node has to do with the request, once that is asked.
    pub(crate) inspection: OnceCell<Inspection>,
}

impl Incoming {
    /// Responds to the request.
    pub(crate) async fn respond(&self) -> Result<Response, JsValue> {
        let responding = match route(&self.configuration, &self.head) {
            Route::Script(script) => apart(self.script(script)),
            Route::BrowserCache(path) => apart(async move { self.browser_cache(&path).await }),
            Route::Protected => apart(self.protected()),
            Route::NearMiss(api) => {
                self.log(&guard::log(api));
                apart(self.protected())
            }
            Route::Overridable(api) => apart(self.overridable(api)),
            Route::Preflight => apart(self.preflight()),
            Route::Page(pattern) => apart(self.page(pattern)),
            Route::Other => apart(self.forward_unprotected(None)),
        };
        responding.await
    }

    /// Responds to a request that is nothing of the worker's. `form` is its body, where that was looked at. A page may come back
    /// all the same, as where a form was sent that has to be corrected.
    pub(crate) async fn forward_unprotected(
        &self,
        form: Option<&(Form, Peeked)>,
    ) -> Result<Response, JsValue> {
        let passed = match self.gate().await? {
            Gate::Open(passed) => passed,
            Gate::Shut(response) => return Ok(response),
        };
        let edits = protection::without_own_headers(&self.head);
        let body = self.body_of(form)?;
        let response = self.forward_with(passed, &edits, &body).await?;
        self.inject(response, None, None).await
    }

    /// Responds to the request after a trap, without what may have led to it.
    pub(crate) async fn recover(&self) -> Result<Response, JsValue> {
        self.log(&LogEntry::new(
            LogLevel::Error,
            "recover",
            "the worker broke off and was started anew",
        ));
        if matches!(
            route(&self.configuration, &self.head),
            Route::Protected | Route::NearMiss(_) | Route::Overridable(_)
        ) {
            let protection =
                protection::decide(&self.configuration, &self.head, None, Err(Failure::Broken));
            if let Step::Respond(response) = &protection.step {
                return runtime::respond(response);
            }
        }
        match self.gate_after_a_trap()? {
            Gate::Open(passed) => {
                let edits = protection::without_own_headers(&self.head);
                self.forward(passed, &edits).await
            }
            Gate::Shut(response) => Ok(response),
        }
    }

    /// Sends the request on, its head changed.
    pub(crate) async fn forward(
        &self,
        passed: Passed,
        edits: &[HeaderEdit],
    ) -> Result<Response, JsValue> {
        self.forward_with(passed, edits, &JsValue::UNDEFINED).await
    }

    /// Sends the request on with another body; `undefined` stands for its own. An origin that cannot be reached is a
    /// response, as it is behind Cloudflare.
    pub(crate) async fn forward_with(
        &self,
        _: Passed,
        edits: &[HeaderEdit],
        body: &JsValue,
    ) -> Result<Response, JsValue> {
        let mut body = body.clone();
        if body.is_undefined() {
            body = self.shared_body();
        }
        if let Some(reading) = body.dyn_ref::<Promise>() {
            body = match settled(reading.clone()).await {
                Ok(bytes) => bytes,
                Err(error) => return self.bad_request(&error),
            };
        }
        let mut edits = Cow::Borrowed(edits);
        if !body.is_undefined() && self.head.headers.contains("upgrade") {
            // The runtime makes a GET without a body of what asks for a WebSocket, and the node saw something else.
            edits.to_mut().push(HeaderEdit::remove("upgrade"));
        }
        match runtime::forward(&self.request, &edits, &body).await {
            Ok(response) => Ok(response),
            Err(error) => self.bad_gateway(&error),
        }
    }

    /// The response where the origin has none.
    #[cold]
    pub(crate) fn bad_gateway(&self, error: &JsValue) -> Result<Response, JsValue> {
        let reason = format!(
            "the origin could not be reached: {}",
            runtime::message(error)
        );
        self.log(&LogEntry::new(LogLevel::Error, "bad gateway", reason));
        runtime::respond(&OwnResponse::text(502, "Bad Gateway"))
    }

    /// The response to a request whose body broke off.
    #[cold]
    pub(crate) fn bad_request(&self, error: &JsValue) -> Result<Response, JsValue> {
        let reason = format!("the body could not be read: {}", runtime::message(error));
        self.log(&LogEntry::new(LogLevel::Warn, "bad request", reason));
        runtime::respond(&OwnResponse::text(400, "Bad Request"))
    }

    /// Whether the request has a body that goes on.
    pub(crate) fn has_body(&self) -> bool {
        match self.head.body_length() {
            Some(0) => false,
            Some(_) if !matches!(self.head.method.as_str(), "GET" | "HEAD") => true,
            _ => !self.request.body().is_null(),
        }
    }

    /// The deadline of calls to the platform, in milliseconds.
    pub(crate) fn deadline(&self) -> f64 {
        self.configuration.timeout.as_secs_f64() * 1000.0
    }

    /// Writes a log line about this request.
    pub(crate) fn log(&self, entry: &LogEntry) {
        runtime::write(self.configuration.log_level, entry, self.head.ray());
    }

    async fn preflight(&self) -> Result<Response, JsValue> {
        let mut edits = protection::without_own_headers(&self.head);
        match cors::preflight(&self.head, &self.configuration.identification_pages) {
            Preflight::Respond(headers) => runtime::respond(&OwnResponse {
                status: 204,
                headers,
                body: None,
            }),
            preflight => {
                let passed = match self.gate().await? {
                    Gate::Open(passed) => passed,
                    Gate::Shut(response) => return Ok(response),
                };
                let Preflight::Ask(asked) = preflight else {
                    return self.forward(passed, &edits).await;
                };
                edits.extend(asked);
                let response = self.forward(passed, &edits).await?;
                let fields = runtime::response_headers(&response);
                let pages = &self.configuration.identification_pages;
                runtime::changed(
                    &response,
                    &cors::complete(&self.head, pages, &fields, false),
                )
            }
        }
    }
}
