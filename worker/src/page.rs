//! Identification pages, and every other response that gets a script.

use std::{mem, rc::Rc};

use edgeproof_worker_core::{
    configuration::Configuration,
    edge,
    headers::{HeaderEdit, Headers},
    identification::Failure,
    injection::{self, Hashes, Injection, Plan, Scanner, Wanted},
    log::{LogEntry, LogLevel},
    matching::Script,
    pattern::Pattern,
    protection,
    request::RequestHead,
};
use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::{
    RequestTask,
    coroutine::{apart, settled},
    incoming::Incoming,
    runtime::{self, Response, as_number},
    wallarm::Gate,
};

#[wasm_bindgen(module = "/src/page.js")]
extern "C" {
    /// The body of a page, of which what came goes on at once.
    type PageBody;

    #[wasm_bindgen(constructor, catch)]
    fn new(body: &JsValue, length: Option<f64>) -> Result<PageBody, JsValue>;

    /// What came: 0 is the end, 1 a piece, 2 nothing yet. It is never rejected.
    #[wasm_bindgen(method)]
    fn fill(this: &PageBody, patience: Option<u32>) -> Promise;

    #[wasm_bindgen(method)]
    fn look(this: &PageBody, size: u32) -> Option<Uint8Array>;

    #[wasm_bindgen(method, catch)]
    fn insert(
        this: &PageBody,
        position: usize,
        inserted: &[u8],
        length: Option<f64>,
    ) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method)]
    fn open(this: &PageBody, length: Option<f64>) -> JsValue;

    #[wasm_bindgen(method)]
    fn pass(this: &PageBody, end: usize) -> Promise;

    #[wasm_bindgen(method)]
    fn finish(this: &PageBody, position: usize, inserted: &[u8]) -> Promise;

    fn integrity(script: &JsValue) -> Promise;
}

/// What came of waiting for a page.
#[derive(PartialEq, Eq)]
enum Came {
    Piece,
    End,
    Nothing,
}

impl PageBody {
    /// Waits for the next piece. With a limit to patience, in milliseconds from its first use, it may not come in time.
    async fn came(&self, patience: Option<u32>) -> Result<Came, JsValue> {
        let came = settled(self.fill(patience)).await?;
        Ok(match came.as_f64() {
            Some(1.0) => Came::Piece,
            Some(2.0) => Came::Nothing,
            _ => Came::End,
        })
    }
}

/// How many bytes of a page wasm looks at in one go.
const LOOK: u32 = 1024;

/// How long the start of a page is waited for before it goes on, in milliseconds.
const PATIENCE: u32 = 2;

/// How long the script is the first in the head, although a policy that asks for more may come: the time in which what is
/// sent in one go arrives, in milliseconds. Later it stands behind what went on meanwhile.
const PATIENCE_IN_HEAD: u32 = 100;

impl Incoming {
    pub(crate) async fn page(&self, pattern: &Pattern) -> Result<Response, JsValue> {
        let mut edits = protection::without_own_headers(&self.head);
        edits.extend(injection::request_edits(
            &self.configuration,
            &self.head,
            false,
        ));
        if edge::is_wanted(&self.configuration, &self.head, pattern) {
            match apart(self.analyse()).await {
                _ if self.is_blocked() => return self.blocked(),
                Ok(known) => edits.extend(known),
                Err(failure) => {
                    let reason = format!("without analysis: {failure}");
                    self.log(&LogEntry::new(LogLevel::Error, "allow", reason));
                }
            }
        }
        let passed = match self.gate().await? {
            Gate::Open(passed) => passed,
            Gate::Shut(response) => return Ok(response),
        };
        let response = self.forward(passed, &edits).await?;
        self.inject(response, None, None).await
    }

    async fn analyse(&self) -> Result<Vec<HeaderEdit>, Failure> {
        let request = edge::request(&self.configuration, &self.head)?;
        let posting = runtime::post(&request, &self.signals, self.deadline(), &self.stop())?;
        let (status, body) = runtime::posted(self.unless_blocked(posting).await)?;
        edge::judge(status, &body)
    }

    /// Injects the worker's scripts, should the response be a page that wants them. `fields` are its header fields as the
    /// origin sent them, where they were changed.
    pub(crate) async fn inject(
        &self,
        response: Response,
        fields: Option<Headers>,
        agent_data: Option<&str>,
    ) -> Result<Response, JsValue> {
        let Some(wanted) = injection::wanted(&self.configuration, &self.head, agent_data) else {
            return Ok(response);
        };
        apart(self.inject_wanted(wanted, response, fields)).await
    }

    async fn inject_wanted(
        &self,
        wanted: Wanted,
        response: Response,
        fields: Option<Headers>,
    ) -> Result<Response, JsValue> {
        let fields = fields.unwrap_or_else(|| runtime::response_headers(&response));
        let status = response.status();
        let width = match injection::check(&self.head, status, &fields) {
            Ok(width) => width,
            Err(refusal) => {
                refusal.log().iter().for_each(|entry| self.log(entry));
                if status == 304 {
                    let edits = injection::unread_edits(&wanted, &self.head, status, &fields);
                    return runtime::changed(&response, &edits);
                }
                return runtime::changed(&response, &refusal.edits(&self.head));
            }
        };
        let body = response.body();
        if self.head.method == "HEAD" || body.is_null() {
            let edits = injection::unread_edits(&wanted, &self.head, status, &fields);
            return runtime::changed(&response, &edits);
        }
        let hashes = if injection::blocks_scripts(&fields) {
            Some(apart(self.hashes()).await?)
        } else {
            None
        };
        let page = Page {
            configuration: Rc::clone(&self.configuration),
            head: Rc::clone(&self.head),
            hashes,
            body: PageBody::new(&body, injection::length(&fields).map(as_number))?,
            fields,
            wanted,
            scanner: Scanner::new(width),
        };
        page.respond(&response, &self.aside).await
    }

    /// The hashes of the scripts.
    async fn hashes(&self) -> Result<Hashes, JsValue> {
        let source = |script| JsValue::from_str(&self.source(script));
        let loader = match self.fetch_loader(None).await {
            Ok(response) if (200..300).contains(&response.status()) => hash(&response).await.ok(),
            _ => None,
        };
        Ok(Hashes {
            instrumentor: hash(&source(Script::Instrumentor)).await?,
            agent_processor: hash(&source(Script::AgentProcessor)).await?,
            loader,
        })
    }
}

/// The hash of a script, of its source or as it comes.
async fn hash(script: &JsValue) -> Result<String, JsValue> {
    let hash = settled(integrity(script)).await?;
    Ok(hash.as_string().unwrap_or_default())
}

/// A page on its way to the visitor. It is its own, for what is left to do when the request has its response.
struct Page {
    configuration: Rc<Configuration>,
    head: Rc<RequestHead>,
    fields: Headers,
    wanted: Wanted,
    /// The hashes of the scripts, where the page asks for them.
    hashes: Option<Hashes>,
    body: PageBody,
    scanner: Scanner,
}

/// How far the start of a page was read.
#[derive(PartialEq, Eq)]
enum Read {
    /// As far as the place for the scripts asks for.
    Enough,
    /// As far as it came.
    Late,
}

impl Page {
    async fn respond(mut self, response: &Response, aside: &Function) -> Result<Response, JsValue> {
        if self.read().await? == Read::Late && !self.scanner.is_decided() {
            return self.respond_early(response, aside);
        }
        let length = injection::length(&self.fields).map(as_number);
        match self.plan() {
            Ok(injection) => {
                let body = self.body.insert(
                    injection.position,
                    &injection.inserted,
                    injection.length.map(as_number),
                )?;
                runtime::replaced(response, &injection.edits, &body)
            }
            Err(edits) => runtime::replaced(response, &edits, &self.body.insert(0, &[], length)?),
        }
    }

    /// Gives the visitor the start of the page, in which the place for the scripts is not yet, and goes on when it has its
    /// response.
    fn respond_early(mut self, response: &Response, aside: &Function) -> Result<Response, JsValue> {
        let edits = injection::early_edits(&self.wanted, &self.fields);
        let early = runtime::replaced(response, &edits, &self.body.open(None))?;
        let task = RequestTask::going(async move {
            // Where it fails, the visitor has gone.
            let _ = self.go_on().await;
            JsValue::UNDEFINED
        });
        aside.call1(&JsValue::UNDEFINED, &task.into())?;
        Ok(early)
    }

    async fn go_on(&mut self) -> Result<(), JsValue> {
        let mut passed = 0;
        let mut is_waited_for = false;
        while !self.scanner.is_decided() {
            passed = match self.scanner.head() {
                Some(head) if !is_waited_for => head,
                _ => self.scanner.passable(),
            };
            settled(self.body.pass(passed)).await?;
            let is_in_head = self.scanner.head().is_some();
            let patience = (is_in_head && !is_waited_for).then_some(PATIENCE_IN_HEAD);
            match self.body.came(patience).await? {
                Came::Piece if self.look() => break,
                Came::Piece => {}
                Came::End => break,
                Came::Nothing => is_waited_for = true,
            }
        }
        let (position, inserted) = self
            .plan()
            .ok()
            .map(|injection| (injection.position.max(passed), injection.inserted))
            .unwrap_or_default();
        settled(self.body.finish(position, &inserted)).await?;
        Ok(())
    }

    /// Reads the start of the page as far as the place for the scripts asks for, or, once it is certain that it gets some,
    /// as far as it comes soon.
    async fn read(&mut self) -> Result<Read, JsValue> {
        while !self.look() {
            let patience = self.wanted.is_certain(&self.scanner).then_some(PATIENCE);
            match self.body.came(patience).await? {
                Came::Piece => {}
                Came::End => break,
                Came::Nothing => return Ok(Read::Late),
            }
        }
        Ok(Read::Enough)
    }

    /// Looks at what came. True when enough was seen.
    fn look(&mut self) -> bool {
        while let Some(bytes) = self.body.look(LOOK) {
            if self.scanner.push(&bytes.to_vec()) {
                return true;
            }
        }
        false
    }

    /// What is injected; what changes of the head alone where the page stays as it is.
    fn plan(&mut self) -> Result<Injection, Vec<HeaderEdit>> {
        let Some(found) = mem::take(&mut self.scanner).finish() else {
            return Err(injection::read_edits(&self.fields));
        };
        let hashes = self.hashes.as_ref();
        let (entry, injection) =
            match injection::plan(&self.wanted, &self.head, &self.fields, &found, hashes) {
                Plan::Inject(injection) => (Some(injection.log.clone()), Ok(injection)),
                Plan::Leave(edits, entry) => (entry, Err(edits)),
            };
        if let Some(entry) = entry {
            runtime::write(self.configuration.log_level, &entry, self.head.ray());
        }
        injection
    }
}
