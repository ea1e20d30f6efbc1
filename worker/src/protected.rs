//! A protected call: its signals, its identification, and what becomes of it.

use edgeproof_worker_core::{
    configuration::ProtectedApi,
    form::{Form, FormScanner},
    guard::{self, Guard},
    identification::{self, Failure, Identified},
    injection,
    protection::{self, Protection, Step},
    signals::{self, Signals},
};
use wasm_bindgen::JsValue;

use crate::{
    incoming::Incoming,
    runtime::{self, Peeked, Response, as_number},
    wallarm::Gate,
};

/// How many bytes of a form wasm takes in one go.
const LOOK: u32 = 64 * 1024;

impl Incoming {
    pub(crate) async fn protected(&self) -> Result<Response, JsValue> {
        if let Some(pass) = self.pass().await {
            return self
                .carry_out(&Protection::of_pass(&self.head, pass), None)
                .await;
        }
        match self.form(FormScanner::new).await {
            Ok(form) => self.protected_with(form).await,
            Err(error) => self.bad_request(&error),
        }
    }

    /// A call that is protected if its body says that it is by another method.
    pub(crate) async fn overridable(&self, api: &ProtectedApi) -> Result<Response, JsValue> {
        let form = match self.form(FormScanner::of_overriding).await {
            Ok(form) => form,
            Err(error) => return self.bad_request(&error),
        };
        let configuration = &self.configuration;
        let is_overridden = |guard: &Guard| {
            let found = form.as_ref().map(|(form, _)| form);
            found.is_some_and(|form| {
                guard.is_overridden(&configuration.protected_apis, &self.head.url, form)
            })
        };
        if configuration.guard.as_ref().is_some_and(is_overridden) {
            self.log(&guard::log(api));
            self.protected_with(form).await
        } else {
            self.forward_unprotected(form.as_ref()).await
        }
    }

    async fn protected_with(&self, form: Option<(Form, Peeked)>) -> Result<Response, JsValue> {
        let found = form.as_ref().map(|(form, _)| form);
        let signals = signals::find(&self.head, found);
        let identified = match &signals {
            Some(signals) => self.identify(signals).await,
            None => Err(Failure::NoSignals),
        };
        if self.is_blocked() {
            return self.blocked();
        }
        let protection = protection::decide(
            &self.configuration,
            &self.head,
            signals.as_ref(),
            identified,
        );
        self.carry_out(&protection, form).await
    }

    /// Does what was decided about the call.
    async fn carry_out(
        &self,
        protection: &Protection,
        form: Option<(Form, Peeked)>,
    ) -> Result<Response, JsValue> {
        self.log(&protection.log);
        match &protection.step {
            Step::Respond(response) => {
                self.abandon();
                runtime::respond(response)
            }
            Step::Forward(edits) => {
                let passed = match self.gate().await? {
                    Gate::Open(passed) => passed,
                    Gate::Shut(response) => return Ok(response),
                };
                let body = self.body_of(form.as_ref())?;
                let unconditional = injection::request_edits(&self.configuration, &self.head, true);
                let edits = [edits.as_slice(), &unconditional].concat();
                let response = self.forward_with(passed, &edits, &body).await?;
                self.complete(response, protection).await
            }
        }
    }

    /// What the form of the call holds, and its body; none when the call carries no form.
    async fn form(
        &self,
        scanner: impl Fn(&str) -> Option<FormScanner>,
    ) -> Result<Option<(Form, Peeked)>, JsValue> {
        let content_type = self.head.headers.get("content-type").unwrap_or_default();
        // A body of a GET goes on as it is: the runtime puts no other in its place.
        let may_change = self.has_body() && !matches!(self.head.method.as_str(), "GET" | "HEAD");
        let Some(mut scanner) = scanner(content_type).filter(|_| may_change) else {
            return Ok(None);
        };
        let body = Peeked::new(&self.message()?, self.length())?;
        while let Some(bytes) = body.next(LOOK).await? {
            if scanner.push(&bytes.to_vec()) {
                break;
            }
        }
        Ok(Some((scanner.finish(body.is_ended()), body)))
    }

    /// The body of the call without the field that carried signals; `undefined`, its own, where it was not looked at.
    pub(crate) fn body_of(&self, form: Option<&(Form, Peeked)>) -> Result<JsValue, JsValue> {
        let Some((form, body)) = form else {
            return Ok(JsValue::UNDEFINED);
        };
        let cuts: Vec<usize> = form
            .cuts
            .iter()
            .flat_map(|cut| [cut.start, cut.end])
            .collect();
        let cut = as_number(form.cut_bytes());
        body.without(&cuts, self.length().map(|length| length - cut))
    }

    /// The length of the body, where the visitor told it.
    pub(crate) fn length(&self) -> Option<f64> {
        self.head.body_length().map(as_number)
    }

    async fn identify(&self, signals: &Signals) -> Result<Identified, Failure> {
        let request = identification::request(&self.configuration, &self.head, signals)?;
        let posting = runtime::post(&request, &self.signals, self.deadline(), &self.stop())?;
        let (status, body) = runtime::posted(self.unless_blocked(posting).await)?;
        identification::judge(
            &self.configuration,
            &self.head,
            status,
            &body,
            runtime::now(),
        )
    }

    /// The origin's response with what the platform tells the browser.
    async fn complete(
        &self,
        response: Response,
        protection: &Protection,
    ) -> Result<Response, JsValue> {
        let fields = runtime::response_headers(&response);
        let mut edits = protection.response_edits(&self.configuration, &self.head, &fields);
        let pass = protection.pass(runtime::now());
        edits.extend(self.pass_on(pass, response.status(), &fields).await);
        let response = runtime::changed(&response, &edits)?;
        self.inject(response, Some(fields), protection.agent_data.as_deref())
            .await
    }
}
