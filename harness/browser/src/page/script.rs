//! Scripts of a scenario that run in a page, among the page's own.

use serde_json::Value;

use super::{Page, PageError};
use crate::{driver::Document, input::Place};

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
            match self.driver.evaluate(&document, &context, script).await {
                // Another document came in between; nothing has run yet.
                Err(PageError::Left { begun: false }) => {
                    self.activity
                        .frames(|frames| frames.forget_context(&context));
                }
                evaluated => return evaluated,
            }
        }
    }

    /// A document and where its scripts run, once it is there and read to its end.
    pub(super) async fn settled(&self, place: &Place) -> Result<(Document, String), PageError> {
        self.driver.told_of_history().await?;
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
            match self.driver.act(&document, "isParsed", Value::Null).await {
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
