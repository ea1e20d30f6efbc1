//! A page in Firefox: a tab in a container of its own, which has cookies, storage and connections for itself and leaves nothing.

use std::{
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    chrome, cut,
    events::{self, Visit},
    remote, text,
};
use crate::{
    calls::{Activity, BrowserCall, CallOutcome},
    connection::{Connection, ROOT},
    driver::{Document, DriverFuture},
    frames::Frames,
    gate::{self, Gate},
    page::{Dialogs, OpenDialog, Page, PageError, first_document, page_script},
    process::Process,
};

/// What runs in a world of its own. Its arguments and its result are texts, so that nothing is lost on the way.
const PAGE: &str = concat!(
    "async (action, argument) => JSON.stringify((await (",
    page_script!(),
    ")(action, JSON.parse(argument))) ?? null)"
);

/// The same, for what is no JSON: an element, or a window.
const PAGE_THINGS: &str = concat!(
    "(action, argument) => (",
    page_script!(),
    ")(action, JSON.parse(argument))"
);

/// The name of the world that `page.js` runs in. Firefox keeps one of a name for each document.
const WORLD: &str = "edgeproof";

/// What Firefox says of a navigation that gave way to another one before it had a response: one by `http` of a host that is
/// known to want `https` does so too. What the visitor sees is the other one's document.
const GAVE_WAY: &str = "A new navigation interrupted";

/// What Firefox says of a navigation that led to no page, or gave way to another one, or whose page broke off: where the
/// response had come, that is a response all the same.
const ANSWERED: [&str; 7] = [
    "NS_BINDING_ABORTED",
    "NS_ERROR_ABORT",
    "navigation canceled",
    "NS_ERROR_NET_PARTIAL_TRANSFER",
    "NS_ERROR_NET_INTERRUPT",
    "NS_ERROR_NET_RESET",
    "NS_ERROR_CONTENT_NOT_AVAILABLE",
];

/// A page and the windows that it opened.
pub(super) struct Tab {
    pub(super) connection: Connection,
    /// The container.
    pub(super) user_context: String,
    pub(super) context: String,
    /// Firefox's own window.
    chrome: String,
    pub(super) activity: Arc<Activity>,
    visit: Arc<Mutex<Visit>>,
    /// What requests to some hosts carry; where there is none, nothing of the visit is held.
    gate: Arc<OnceLock<Gate>>,
    /// What holds requests until they have it.
    intercept: OnceLock<String>,
}

/// Opens a blank page in a fresh container.
pub(crate) async fn open(process: &Process) -> Result<Page, PageError> {
    let connection = &process.connection;
    let activity = Arc::new(Activity::default());
    let (dialogs, to_answer) = Dialogs::new();
    answer(connection, to_answer);
    let made = connection.command("browser.createUserContext", json!({}));
    let user_context = text(&made.await?["userContext"]);
    let visit = Arc::new(Mutex::new(Visit::of(&user_context)));
    let gate = Arc::new(OnceLock::new());
    let (held, to_go_on) = mpsc::unbounded_channel();
    go_on(connection, &gate, to_go_on);
    connection.listen(
        ROOT,
        Some(events::listener(&visit, &activity, &dialogs, held)),
    );
    cut::watch(process.gateway.traffic(), &activity);
    let no_downloads = json!({
        "downloadBehavior": { "type": "denied" }, "userContexts": [user_context],
    });
    let create = json!({ "type": "tab", "userContext": user_context });
    let (_, created) = tokio::try_join!(
        connection.command("browser.setDownloadBehavior", no_downloads),
        connection.command("browsingContext.create", create),
    )?;
    let tab = Tab {
        connection: connection.clone(),
        user_context,
        context: text(&created["context"]),
        chrome: process.chrome.clone().unwrap_or_default(),
        activity: Arc::clone(&activity),
        visit,
        gate,
        intercept: OnceLock::new(),
    };
    Ok(Page::new(Box::new(tab), activity, dialogs))
}

/// Answers the dialogs that open.
fn answer(connection: &Connection, mut to_answer: mpsc::UnboundedReceiver<OpenDialog>) {
    let connection = connection.clone();
    tokio::spawn(async move {
        while let Some(dialog) = to_answer.recv().await {
            let mut answer = json!({ "context": dialog.window, "accept": dialog.accept });
            if let Some(text) = dialog.text {
                answer["userText"] = text.into();
            }
            // One that is closed already needs no response.
            let _ = connection
                .command("browsingContext.handleUserPrompt", answer)
                .await;
        }
    });
}

/// Lets requests go on that are held, with what the gate lets through.
fn go_on(
    connection: &Connection,
    gate: &Arc<OnceLock<Gate>>,
    mut held: mpsc::UnboundedReceiver<Value>,
) {
    let (connection, gate) = (connection.clone(), Arc::clone(gate));
    tokio::spawn(async move {
        while let Some(request) = held.recv().await {
            let mut go = json!({ "request": request["request"] });
            let url = request["url"].as_str().unwrap_or_default();
            let has = gate::headers(&request["headers"]);
            if let Some(headers) = gate.get().and_then(|gate| gate.instead(url, &has)) {
                let header = |(name, value)| json!({ "name": name, "value": { "type": "string", "value": value } });
                go["headers"] = headers.into_iter().map(header).collect();
            }
            // One that the page has given up needs no leave.
            let connection = connection.clone();
            tokio::spawn(async move { connection.command("network.continueRequest", go).await });
        }
    });
}

impl Tab {
    /// From now on requests to the hosts of a gate carry what it lets through.
    pub(super) async fn enter(&self, gate: Gate) -> Result<(), PageError> {
        for host in &gate.hosts {
            for (name, value) in &gate.cookies {
                let cookie = json!({
                    "name": name, "domain": host, "value": { "type": "string", "value": value },
                    "secure": true, "sameSite": "none",
                });
                let partition = json!({ "type": "storageKey", "userContext": self.user_context });
                let set = json!({ "cookie": cookie, "partition": partition });
                self.connection.command("storage.setCookie", set).await?;
            }
        }
        // There is one gate for a visit.
        let _ = self.gate.set(gate);
        let add = json!({ "phases": ["beforeRequestSent"] });
        let added = self.connection.command("network.addIntercept", add).await?;
        let _ = self.intercept.set(text(&added["intercept"]));
        Ok(())
    }

    pub(super) fn visit(&self) -> MutexGuard<'_, Visit> {
        self.visit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Loads an address and waits until its load event has fired.
    pub(super) async fn navigate(
        &self,
        url: &str,
        limit: Duration,
    ) -> Result<BrowserCall, PageError> {
        let (loads, first) = (self.activity.loads(), self.activity.calls().len());
        let late = || PageError::Late {
            what: format!("the load of {url}"),
            limit,
        };
        let navigate = json!({ "context": self.context, "url": url, "wait": "complete" });
        let loaded = async {
            let navigated = self
                .connection
                .command("browsingContext.navigate", navigate);
            let failed = match navigated.await {
                Ok(_) => None,
                Err(PageError::Browser(reason)) => Some(reason),
                Err(error) => return Err(error),
            };
            if let Some(reason) = &failed
                && !reason.contains(GAVE_WAY)
                && !self.is_answered(first, reason)
            {
                let reason = reason.rsplit("Error: ").next().unwrap_or(reason);
                return Err(PageError::Navigation {
                    url: url.to_owned(),
                    reason: reason.to_owned(),
                });
            }
            let document = self.activity.wait(limit, |calls, loaded| {
                let document = first_document(&self.context, calls.get(first..)?)?;
                let is_loaded = match (&document.outcome, document.status) {
                    (CallOutcome::Pending, _) => false,
                    // There is no load event of a document that broke off, nor of a response that is none.
                    (CallOutcome::BrokeOff, _) | (_, Some(204 | 205)) => true,
                    _ => failed.is_none() || loaded > loads,
                };
                is_loaded.then(|| document.clone())
            });
            document.await.ok_or_else(late)
        };
        let loaded = tokio::time::timeout(limit, loaded)
            .await
            .unwrap_or_else(|_| Err(late()))?;
        let frame = &self.context;
        if self
            .activity
            .frames(|frames| frames.context(frame).is_none())
        {
            let realm = self.realm_of(frame).await?;
            self.activity
                .frames(|frames| frames.runs_in(frame, realm.as_deref()));
        }
        Ok(loaded)
    }

    /// Whether a navigation that failed for this reason has had a response.
    fn is_answered(&self, first: usize, reason: &str) -> bool {
        let calls = self.activity.calls();
        let document = calls.get(first..);
        let document = document.and_then(|calls| first_document(&self.context, calls));
        document.is_some_and(|document| document.status.is_some())
            && ANSWERED.iter().any(|known| reason.contains(known))
    }

    /// Calls an action of `page.js`.
    pub(super) async fn call_action(
        &self,
        document: &Document,
        action: &str,
        argument: Value,
    ) -> Result<Value, PageError> {
        let called = self.call_function(document, PAGE, action, argument).await?;
        let text = called["value"].as_str().unwrap_or("null");
        serde_json::from_str(text).map_err(|error| PageError::Browser(error.to_string()))
    }

    /// Calls an action of `page.js` whose result is no JSON.
    pub(super) async fn thing(
        &self,
        document: &Document,
        action: &str,
        selector: &str,
    ) -> Result<Value, PageError> {
        let argument = json!({ "selector": selector });
        self.call_function(document, PAGE_THINGS, action, argument)
            .await
    }

    async fn call_function(
        &self,
        document: &Document,
        function: &str,
        action: &str,
        argument: Value,
    ) -> Result<Value, PageError> {
        let by_copy = |text: &str| json!({ "type": "string", "value": text });
        let call = json!({
            "functionDeclaration": function,
            "arguments": [by_copy(action), by_copy(&argument.to_string())],
            "target": { "context": document.frame, "sandbox": WORLD },
            "awaitPromise": true,
            "userActivation": true,
        });
        let frame = &document.frame;
        let now = |frames: &Frames| frames.context(frame).map(str::to_owned);
        let context = self.activity.frames(|frames| now(frames));
        let called = self.connection.command("script.callFunction", call);
        let left = self
            .activity
            .until_frames(|frames| (now(frames) != context).then_some(()));
        let called = self.unless(left, called).await?;
        match called["exceptionDetails"]["text"].as_str() {
            Some(thrown) => Err(PageError::Browser(thrown.to_owned())),
            None => Ok(called["result"].clone()),
        }
    }

    /// Runs a script where the scripts of a document run.
    pub(super) async fn run_script(
        &self,
        document: &Document,
        realm: &str,
        script: &str,
    ) -> Result<Value, PageError> {
        let frame = &document.frame;
        let left = || {
            let is_gone = |frames: &Frames| frames.context(frame) != Some(realm);
            self.activity
                .until_frames(move |frames| is_gone(frames).then_some(()))
        };
        let in_realm = self.evaluate_in(json!({ "realm": realm }), script);
        let evaluated = match self.unless(left(), in_realm).await {
            Err(PageError::Left { begun: false }) => {
                let now = self.realm_of(frame).await?;
                if now.as_deref() != Some(realm) {
                    self.activity
                        .frames(|frames| frames.runs_in(frame, now.as_deref()));
                    return Err(PageError::Left { begun: false });
                }
                // Firefox knows it, and does not find it.
                let in_frame = self.evaluate_in(json!({ "context": frame }), script);
                self.unless(left(), in_frame).await?
            }
            evaluated => evaluated?,
        };
        match evaluated["exceptionDetails"]["text"].as_str() {
            Some(thrown) => Err(PageError::Script(thrown.to_owned())),
            None => Ok(remote::json(&evaluated["result"])),
        }
    }

    async fn evaluate_in(&self, target: Value, script: &str) -> Result<Value, PageError> {
        let evaluate = json!({
            "expression": format!("(async () => {{ {script}\n}})()"),
            "target": target,
            "awaitPromise": true,
            "userActivation": true,
        });
        self.connection.command("script.evaluate", evaluate).await
    }

    /// Where the scripts of a frame run, as Firefox says when it is asked: an event may have been lost with the process of a
    /// document before.
    async fn realm_of(&self, frame: &str) -> Result<Option<String>, PageError> {
        let get = json!({ "context": frame, "type": "window" });
        let got = self.connection.command("script.getRealms", get).await?;
        let realms = got["realms"].as_array().into_iter().flatten();
        let mut pages = realms.filter(|realm| realm["sandbox"].is_null());
        Ok(pages.next().map(|realm| text(&realm["realm"])))
    }

    /// Waits for a response. Firefox gives none where the document goes meanwhile that it is to come of.
    async fn unless(
        &self,
        left: impl Future<Output = ()>,
        response: impl Future<Output = Result<Value, PageError>>,
    ) -> Result<Value, PageError> {
        tokio::select! {
            biased;
            response = response => response,
            () = left => Err(PageError::Left { begun: true }),
        }
    }

    /// The body of a request or a response.
    pub(super) async fn data(&self, kind: &str, call: &BrowserCall) -> Result<Vec<u8>, PageError> {
        let get = json!({ "dataType": kind, "request": call.id });
        let got = self.connection.command("network.getData", get).await?;
        let bytes = &got["bytes"];
        let content = text(&bytes["value"]);
        if bytes["type"] == "base64" {
            STANDARD
                .decode(content)
                .map_err(|error| PageError::Browser(error.to_string()))
        } else {
            Ok(content.into_bytes())
        }
    }

    pub(super) async fn show_as(
        &self,
        headers: &HeaderMap,
        language: Option<&str>,
    ) -> Result<(), PageError> {
        let of_visitor = [&self.user_context];
        if !headers.is_empty() {
            let headers = headers.iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                json!({ "name": name.as_str(), "value": { "type": "string", "value": value } })
            });
            let set = json!({ "headers": headers.collect::<Vec<_>>(), "userContexts": of_visitor });
            self.connection
                .command("network.setExtraHeaders", set)
                .await?;
        }
        if let Some(language) = language {
            let set = json!({ "locale": language, "userContexts": of_visitor });
            self.connection
                .command("emulation.setLocaleOverride", set)
                .await?;
        }
        Ok(())
    }

    pub(super) async fn picture(&self) -> Result<Vec<u8>, PageError> {
        let capture = json!({
            "context": self.context, "format": { "type": "image/jpeg", "quality": 0.4 },
        });
        let picture = self
            .connection
            .command("browsingContext.captureScreenshot", capture)
            .await?;
        STANDARD
            .decode(text(&picture["data"]))
            .map_err(|error| PageError::Browser(error.to_string()))
    }

    /// Ends the visit.
    pub(super) async fn end(&self) -> Result<(), PageError> {
        let remove = json!({ "userContext": self.user_context });
        self.connection
            .command("browser.removeUserContext", remove)
            .await?;
        if let Some(intercept) = self.intercept.get() {
            let remove = json!({ "intercept": intercept });
            self.connection
                .command("network.removeIntercept", remove)
                .await?;
        }
        self.connection.listen(ROOT, None);
        chrome::forget_transport_security(&self.connection, &self.chrome).await
    }

    /// A command whose response says nothing.
    pub(super) fn tell(&self, method: &'static str, parameters: Value) -> DriverFuture<'_, ()> {
        Box::pin(async move { self.connection.command(method, parameters).await.map(drop) })
    }
}
