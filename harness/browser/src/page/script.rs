//! Scripts of a scenario that run in a page, among the page's own.

use headless_chrome::protocol::cdp::{Page as PageDomain, Runtime};
use serde_json::Value;

use super::{Page, PageError, engine::Document};
use crate::input::{Engine as _, Place};

impl Page {
    /// Runs a script in the page, as the body of an async function, and returns what it returns.
    ///
    /// # Errors
    /// As [`run_at`](Self::run_at).
    pub async fn run(&self, script: &str) -> Result<Value, PageError> {
        self.run_at(&Place::default(), script).await
    }

    /// Runs a script in a document. One that is on its way is waited for: the script belongs to the page that a step before
    /// has led to, not to the one that is being left.
    ///
    /// # Errors
    /// When it throws, returns what is no JSON, or the document is left while it runs.
    pub async fn run_at(&self, place: &Place, script: &str) -> Result<Value, PageError> {
        loop {
            let (document, context) = self.settled(place).await?;
            let evaluated = self
                .connection
                .ask(Some(&document.session), evaluate(script, &context))
                .await;
            match evaluated {
                // Another document came in between; nothing has run yet.
                Err(PageError::Left { begun: false }) => {
                    self.activity
                        .frames(|frames| frames.forget_context(&context));
                }
                evaluated => {
                    let evaluated = evaluated?;
                    return match evaluated.exception_details {
                        Some(details) => Err(PageError::Script(thrown(details))),
                        None => Ok(evaluated.result.value.unwrap_or(Value::Null)),
                    };
                }
            }
        }
    }

    /// A document and where its scripts run, once it is there and read to its end.
    pub(super) async fn settled(&self, place: &Place) -> Result<(Document, String), PageError> {
        // A step back in the history is the browser's to make; the page asks for it and tells nobody. Once the browser has
        // responded to another question about the history, it has told of the navigation that this leads to.
        self.ask(PageDomain::GetNavigationHistory(None)).await?;
        loop {
            let Some(document) = self.document_at(place).await? else {
                tokio::time::sleep(super::LOOK_AGAIN).await;
                continue;
            };
            let name = document.frame.as_str();
            let context = self
                .activity
                .until_frames(|frames| frames.settled_context(name));
            let context = context.await;
            // A document that broke off is never read to its end.
            let broke_off = || {
                let shown = self.document();
                shown.is_some_and(|shown| shown.broke_off().is_some())
            };
            match self.act(&document, "isParsed", Value::Null).await {
                Ok(is_parsed) if is_parsed == true || broke_off() => {
                    return Ok((document, context));
                }
                Ok(_) | Err(PageError::Left { .. }) => {
                    tokio::time::sleep(super::LOOK_AGAIN).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

fn evaluate(script: &str, context: &str) -> Runtime::Evaluate {
    Runtime::Evaluate {
        expression: format!("(async () => {{ {script}\n}})()"),
        object_group: None,
        include_command_line_api: None,
        silent: None,
        context_id: None,
        return_by_value: Some(true),
        generate_preview: None,
        user_gesture: Some(true),
        await_promise: Some(true),
        throw_on_side_effect: None,
        timeout: None,
        disable_breaks: None,
        repl_mode: None,
        allow_unsafe_eval_blocked_by_csp: Some(true),
        unique_context_id: Some(context.to_owned()),
        serialization_options: None,
    }
}

/// What a script threw, with its stack where it has one.
pub(super) fn thrown(details: Runtime::ExceptionDetails) -> String {
    let exception = details.exception;
    let described = exception.and_then(|exception| exception.description);
    described.unwrap_or(details.text)
}
