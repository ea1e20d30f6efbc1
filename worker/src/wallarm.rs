//! The Wallarm connector: nothing goes to the origin that did not come through the gate here.

use std::{
    cell::{Cell, OnceCell},
    rc::Rc,
};

use edgeproof_worker_core::wallarm::{
    Connector, Judgement, NodeRequest, Outcome, Treatment, Verdict,
};
use js_sys::{Date, Promise};
use wasm_bindgen::prelude::*;

use crate::{
    RequestTask,
    coroutine::{apart, settled},
    incoming::Incoming,
    runtime::{self, Request, Response},
};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = crypto, js_name = randomUUID)]
    fn random_uuid() -> String;
}

#[wasm_bindgen(module = "/src/wallarm.js")]
extern "C" {
    /// A call to the filtering node, under way from its making.
    #[derive(Clone)]
    pub(crate) type NodeCall;

    #[wasm_bindgen(constructor, catch)]
    fn new(
        request: &Request,
        head: &str,
        deadline: f64,
        length: Option<f64>,
        body: Option<SharedBody>,
    ) -> Result<NodeCall, JsValue>;

    /// What has the body that the origin gets too, to be looked at.
    #[wasm_bindgen(method, getter)]
    fn message(this: &NodeCall) -> JsValue;

    /// The body for the origin: a promise of bytes, a stream, or `undefined` where there is none.
    #[wasm_bindgen(method)]
    fn body(this: &NodeCall) -> JsValue;

    /// What came of it: a status or a word. It is never rejected.
    #[wasm_bindgen(method, getter)]
    fn outcome(this: &NodeCall) -> Promise;

    /// Whether the node saw only the start of the body.
    #[wasm_bindgen(method, getter, js_name = isCut)]
    fn is_cut(this: &NodeCall) -> bool;

    /// Whether the outcome is there before the promise settles.
    #[wasm_bindgen(method)]
    fn before(this: &NodeCall, promise: &Promise) -> Promise;

    /// The signal that ends what is of no use once the node has blocked.
    #[wasm_bindgen(method, getter)]
    fn stop(this: &NodeCall) -> JsValue;

    #[wasm_bindgen(method, js_name = stopOthers)]
    fn stop_others(this: &NodeCall);

    #[wasm_bindgen(method)]
    fn abandon(this: &NodeCall);
}

#[wasm_bindgen(module = "/src/shared_body.js")]
extern "C" {
    /// A large body, which node and origin read at paces of their own.
    type SharedBody;

    #[wasm_bindgen(constructor, catch)]
    fn new(
        request: &Request,
        limit: u32,
        network: Option<&str>,
        deadline: f64,
        is_copy: bool,
    ) -> Result<SharedBody, JsValue>;
}

thread_local! {
    /// Whether the node has judged a request since this isolate began.
    static HAS_JUDGED: Cell<bool> = const { Cell::new(false) };
}

/// Bodies up to this length are read in one go, which costs less than a stream of a few pieces.
const SMALL: f64 = 65_536.0;

/// What the filtering node has to do with a request.
pub(crate) enum Inspection {
    /// Nothing.
    None,
    /// It gets a copy.
    Copy(NodeCall),
    /// It decides.
    Verdict {
        /// The call; none where there is no node to call.
        call: Option<NodeCall>,
        judgement: OnceCell<Judgement>,
    },
}

impl Inspection {
    fn call(&self) -> Option<&NodeCall> {
        match self {
            Self::None => None,
            Self::Copy(call) => Some(call),
            Self::Verdict { call, .. } => call.as_ref(),
        }
    }
}

/// The gate before the origin.
pub(crate) enum Gate {
    /// The request goes on.
    Open(Passed),
    /// The visitor gets this response.
    Shut(Response),
}

/// A request came through the gate: nothing else sends one to the origin.
pub(crate) struct Passed(());

/// The variables that are made up where they are not set: a secret that lasts as long as the isolate.
pub(crate) fn default_variable(name: &str) -> Option<String> {
    (name == "WALLARM_LOOP_SECRET").then(|| random_uuid().replace('-', ""))
}

impl Incoming {
    /// The gate: waits for the node's verdict where the node decides.
    pub(crate) async fn gate(&self) -> Result<Gate, JsValue> {
        match self.inspection()? {
            Inspection::Verdict { call, judgement } => {
                apart(self.verdict(call.as_ref(), judgement)).await
            }
            _ => Ok(Gate::Open(Passed(()))),
        }
    }

    async fn verdict(
        &self,
        call: Option<&NodeCall>,
        judgement: &OnceCell<Judgement>,
    ) -> Result<Gate, JsValue> {
        if judgement.get().is_none() {
            let outcome = match call {
                Some(call) => settled(call.outcome()).await?,
                None => JsValue::UNDEFINED,
            };
            if outcome.as_string().as_deref() == Some("visitor") {
                let error = JsValue::from_str("it broke off");
                return self.bad_request(&error).map(Gate::Shut);
            }
            self.judge(outcome_of(&outcome));
        }
        if self.is_blocked() {
            return self.blocked().map(Gate::Shut);
        }
        Ok(Gate::Open(Passed(())))
    }

    /// The gate for a request whose first task ended in a trap. The node is not asked again.
    pub(crate) fn gate_after_a_trap(&self) -> Result<Gate, JsValue> {
        let Some(connector) = self.connector() else {
            return Ok(Gate::Open(Passed(())));
        };
        if !matches!(
            self.treatment(connector),
            Treatment::Inline(_) | Treatment::NoNode
        ) {
            return Ok(Gate::Open(Passed(())));
        }
        let judgement = connector.judge(&self.head, Outcome::Broken, false, true, &now_to_read);
        self.log(&judgement.log);
        match &judgement.verdict {
            Verdict::Pass => Ok(Gate::Open(Passed(()))),
            Verdict::Block(response) => runtime::respond(response).map(Gate::Shut),
        }
    }

    /// Waits for a promise of Flow's, no longer than until the node blocks. The call to the node begins no later than
    /// this.
    pub(crate) async fn unless_blocked(&self, promise: Promise) -> Result<JsValue, JsValue> {
        if let Inspection::Verdict {
            call: Some(call),
            judgement,
        } = self.inspection()?
            && judgement.get().is_none()
            && settled(call.before(&promise)).await?.is_truthy()
        {
            let outcome = settled(call.outcome()).await?;
            if outcome.as_string().as_deref() != Some("visitor") {
                self.judge(outcome_of(&outcome));
            }
            if self.is_blocked() {
                call.stop_others();
                return Err(JsValue::UNDEFINED);
            }
        }
        settled(promise).await
    }

    /// What ends Flow's calls early: the signal of a node that decides, or `undefined`.
    pub(crate) fn stop(&self) -> JsValue {
        match self.inspection() {
            Ok(Inspection::Verdict {
                call: Some(call), ..
            }) => call.stop(),
            _ => JsValue::UNDEFINED,
        }
    }

    /// Whether the node's verdict is there and blocks.
    pub(crate) fn is_blocked(&self) -> bool {
        self.judgement()
            .is_some_and(|judgement| judgement.verdict != Verdict::Pass)
    }

    /// What a visitor gets whom the node blocked.
    pub(crate) fn blocked(&self) -> Result<Response, JsValue> {
        self.abandon();
        match self.judgement().map(|judgement| &judgement.verdict) {
            Some(Verdict::Block(response)) => runtime::respond(response),
            _ => Err(JsValue::from_str("the node did not block")),
        }
    }

    /// Ends the call to the node: the request has its response from elsewhere.
    pub(crate) fn abandon(&self) {
        if let Some(call) = self.inspection.get().and_then(Inspection::call) {
            call.abandon();
        }
    }

    /// What has the request's body, to be looked at.
    pub(crate) fn message(&self) -> Result<JsValue, JsValue> {
        let call = self.inspection()?.call();
        Ok(call.map_or_else(|| self.request.clone().into(), NodeCall::message))
    }

    /// The body that goes on in place of the request's own, which the node reads: a promise of bytes, a stream, or
    /// `undefined`.
    pub(crate) fn shared_body(&self) -> JsValue {
        let call = self.inspection.get().and_then(Inspection::call);
        call.map_or(JsValue::UNDEFINED, NodeCall::body)
    }

    /// What the node has to do with the request; its call is under way from the first time this is asked.
    fn inspection(&self) -> Result<&Inspection, JsValue> {
        if let Some(inspection) = self.inspection.get() {
            return Ok(inspection);
        }
        let inspection = match self.connector() {
            Some(connector) => self.begin(connector)?,
            None => Inspection::None,
        };
        Ok(self.inspection.get_or_init(|| inspection))
    }

    fn begin(&self, connector: &Connector) -> Result<Inspection, JsValue> {
        let deciding = |call| Inspection::Verdict {
            call,
            judgement: OnceCell::new(),
        };
        match self.treatment(connector) {
            Treatment::Unseen => Ok(Inspection::None),
            Treatment::Loop => {
                self.log(&connector.looped());
                Ok(Inspection::None)
            }
            Treatment::NoNode => Ok(deciding(None)),
            Treatment::Inline(request) => {
                Ok(deciding(Some(self.call(connector, &request, false)?)))
            }
            Treatment::Async(request) => {
                let call = self.call(connector, &request, true)?;
                self.watch(&call)?;
                Ok(Inspection::Copy(call))
            }
        }
    }

    fn call(
        &self,
        connector: &Connector,
        request: &NodeRequest,
        is_copy: bool,
    ) -> Result<NodeCall, JsValue> {
        let deadline = connector.timeout.as_secs_f64() * 1000.0;
        let length = if self.has_body() {
            self.length()
        } else {
            Some(0.0)
        };
        // The runtime sends a GET on with its own body only.
        let is_shared = length.is_none_or(|length| length > SMALL)
            && !matches!(self.head.method.as_str(), "GET" | "HEAD");
        let body = is_shared.then(|| {
            let network = self.head.network();
            let limit = connector.body_limit;
            SharedBody::new(&self.request, limit, network.as_deref(), deadline, is_copy)
        });
        let head = [&request.url, "\n", &runtime::lines(&request.edits)].concat();
        NodeCall::new(&self.request, &head, deadline, length, body.transpose()?)
    }

    /// Keeps a copy's call going past the response, and says when it failed.
    fn watch(&self, call: &NodeCall) -> Result<(), JsValue> {
        let (call, configuration) = (call.clone(), Rc::clone(&self.configuration));
        let ray = self.head.ray().map(str::to_owned);
        let task = RequestTask::going(async move {
            let outcome = settled(call.outcome()).await.unwrap_or_default();
            // Where the visitor broke off, or was blocked by Flow, nobody waits for the rest of the copy.
            let is_news = !matches!(
                outcome.as_string().as_deref(),
                Some("visitor" | "abandoned")
            );
            let connector = configuration.wallarm.as_ref().filter(|_| is_news);
            let copied = connector
                .and_then(|connector| connector.copied(outcome_of(&outcome), call.is_cut()));
            if let Some(entry) = copied {
                runtime::write(configuration.log_level, &entry, ray.as_deref());
            }
            JsValue::UNDEFINED
        });
        self.aside.call1(&JsValue::UNDEFINED, &task.into())?;
        Ok(())
    }

    fn judge(&self, outcome: Outcome) {
        if let (Some(connector), Some(Inspection::Verdict { call, judgement })) =
            (self.connector(), self.inspection.get())
        {
            let is_cut = call.as_ref().is_some_and(NodeCall::is_cut);
            let has_judged = HAS_JUDGED.with(|has| has.replace(has.get() || outcome.is_verdict()));
            let made = connector.judge(&self.head, outcome, is_cut, has_judged, &now_to_read);
            self.log(&made.log);
            // There is one verdict.
            let _ = judgement.set(made);
        }
    }

    fn judgement(&self) -> Option<&Judgement> {
        match self.inspection.get()? {
            Inspection::Verdict { judgement, .. } => judgement.get(),
            _ => None,
        }
    }

    fn connector(&self) -> Option<&Connector> {
        self.configuration.wallarm.as_ref()
    }

    fn treatment(&self, connector: &Connector) -> Treatment {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole seconds since 1970"
        )]
        let now = (Date::now() / 1000.0) as u64;
        connector.treatment(&self.head, &self.target, self.has_body(), now)
    }
}

/// The time as people read it.
fn now_to_read() -> String {
    Date::new_0().to_iso_string().into()
}

fn outcome_of(value: &JsValue) -> Outcome {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a status has three digits"
    )]
    match (value.as_f64(), value.as_string().as_deref()) {
        (Some(status), _) => Outcome::Status(status as u16),
        (None, Some("deadline")) => Outcome::Deadline,
        (None, Some("refused")) => Outcome::Refused,
        (None, Some(_)) => Outcome::Unreachable,
        (None, None) => Outcome::NoNode,
    }
}
