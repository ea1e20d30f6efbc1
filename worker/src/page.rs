//! Identification pages, and every other answer that gets a script.

use edgeproof_worker_core::{
    edge,
    headers::{HeaderEdit, Headers},
    identification::Failure,
    injection::{self, Found, Scanner, Width},
    log::{LogEntry, LogLevel},
    pattern::Pattern,
    protection,
};
use wasm_bindgen::JsValue;

use crate::{
    incoming::Incoming,
    runtime::{self, Peeked, Response, as_number},
    wallarm::Gate,
};

/// How many bytes of a page wasm looks at in one go.
const LOOK: u32 = 1024;

impl Incoming {
    pub(crate) async fn page(&self, pattern: &Pattern) -> Result<Response, JsValue> {
        let mut edits = protection::without_own_headers(&self.head);
        if edge::is_wanted(&self.configuration, &self.head, pattern) {
            match self.analyse().await {
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
            Gate::Shut(answer) => return Ok(answer),
        };
        let response = self.forward(passed, &edits).await?;
        let answer = runtime::response_headers(&response);
        self.inject(response, &answer, None).await
    }

    async fn analyse(&self) -> Result<Vec<HeaderEdit>, Failure> {
        let request = edge::request(&self.configuration, &self.head)?;
        let posting = runtime::post(&request, &self.signals, self.deadline(), &self.stop())?;
        let (status, body) = runtime::posted(self.unless_blocked(posting).await)?;
        edge::judge(status, &body)
    }

    /// Injects the worker's scripts, should the answer be a page that wants them. `answer` are its header fields as the
    /// origin sent them.
    pub(crate) async fn inject(
        &self,
        response: Response,
        answer: &Headers,
        agent_data: Option<&str>,
    ) -> Result<Response, JsValue> {
        let Some(wanted) = injection::wanted(&self.configuration, &self.head, agent_data) else {
            return Ok(response);
        };
        let width = match injection::check(&self.head, response.status(), answer) {
            Ok(width) if !response.body().is_null() => width,
            _ => return Ok(response),
        };
        let length = injection::length(answer).map(as_number);
        let page = Peeked::new(&response, length)?;
        let found = match look(&page, width).await {
            Ok(found) => found,
            Err(error) => return self.bad_gateway(&error),
        };
        let injection =
            found.and_then(|found| injection::plan(&wanted, &self.head, answer, &found));
        let Some(injection) = injection else {
            return runtime::replaced(&response, &[], &page.without(&[], length)?);
        };
        self.log(&injection.log);
        let body = page.insert(
            injection.position,
            &injection.inserted,
            injection.length.map(as_number),
        )?;
        runtime::replaced(&response, &injection.edits, &body)
    }
}

/// Looks at the start of a page, no further than the place for the scripts asks for.
async fn look(page: &Peeked, width: Width) -> Result<Option<Found>, JsValue> {
    let mut scanner = Scanner::new(width);
    while let Some(bytes) = page.next(LOOK).await? {
        if scanner.push(&bytes.to_vec()) {
            break;
        }
    }
    Ok(scanner.finish())
}
