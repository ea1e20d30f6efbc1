//! What a visitor waits for before going on.

use std::time::Duration;

use edgeproof_ground::call::CallPattern;
use serde_json::{Value, json};

use super::{Input, Needs, Obstacle};
use crate::page::PageError;

/// For how long nothing may be asked for until a page counts as idle.
const QUIET: Duration = Duration::from_millis(500);

/// What a page is watched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// An element that can be seen.
    Element(String),
    /// No element that can be seen.
    Gone(String),
    /// A text that can be seen.
    Text(String),
    /// The URL of the document.
    Url(CallPattern),
    /// The emulated agent has started: signals can be had.
    Agent,
    /// The document has loaded, and nothing has been under way for half a second.
    Idle,
}

/// What is asked of a page until the answer is yes.
enum Question<'a> {
    /// An action of `page.js` that answers yes or no.
    Says(&'static str, Value),
    /// Whether no element is to be seen that the selector finds.
    IsGone(&'a str),
    /// Whether the URL of the document is meant.
    IsAt(&'a CallPattern),
}

impl Input<'_> {
    /// Waits until the page shows it.
    ///
    /// # Errors
    /// When it does not in time; the error says what was there instead.
    pub async fn wait_for(&self, sight: &Sight) -> Result<(), PageError> {
        match sight {
            Sight::Element(selector) => {
                let what = format!("`{selector}` to be visible");
                self.ready(&visible(selector, &what)).await.map(|_| ())
            }
            Sight::Gone(selector) => {
                let what = format!("`{selector}` to be gone");
                self.until(&Question::IsGone(selector), &what).await
            }
            Sight::Text(text) => {
                let what = format!("the page to show `{text}`");
                let question = Question::Says("shows", json!({ "text": text }));
                self.until(&question, &what).await
            }
            Sight::Url(url) => {
                let what = format!("the URL of the page to match `{url}`");
                self.until(&Question::IsAt(url), &what).await
            }
            Sight::Agent => {
                let question = Question::Says("agentStarted", Value::Null);
                self.until(&question, "the agent to be ready").await
            }
            Sight::Idle => self.idle().await,
        }
    }

    async fn idle(&self) -> Result<(), PageError> {
        let what = "the page to be idle";
        self.until(&Question::Says("isLoaded", Value::Null), what)
            .await?;
        let quiet = self.page.activity.quiet(QUIET);
        if tokio::time::timeout_at(self.deadline, quiet).await.is_ok() {
            return Ok(());
        }
        let reason = match self.page.activity.under_way().first() {
            None => "it never rested for half a second".to_owned(),
            Some(call) => format!("`{call}` was under way"),
        };
        Err(PageError::Obstacle {
            what: what.to_owned(),
            limit: self.limit,
            reason,
        })
    }

    /// Asks until the answer is yes.
    async fn until(&self, question: &Question<'_>, what: &str) -> Result<(), PageError> {
        let needs = Needs {
            what,
            selector: "",
            stands_for: "",
            needs: &[],
        };
        self.attempt(&needs, |_| self.ask(question)).await
    }

    /// Asks once.
    async fn ask(&self, question: &Question<'_>) -> Result<Result<(), Obstacle>, PageError> {
        let documents = self.documents().await?;
        let Some(document) = documents.last().filter(|_| self.is_whole(&documents)) else {
            return Ok(Err(Obstacle::Missing));
        };
        let not_yet = match question {
            Question::Says(action, argument) => {
                let said = self
                    .page
                    .driver
                    .act(document, action, argument.clone())
                    .await?;
                let reason = match *action {
                    "agentStarted" => {
                        "the page did not start the agent that the emulated CDN serves"
                    }
                    "isLoaded" => "it was still loading",
                    _ => "it does not",
                };
                (said != true).then(|| reason.to_owned())
            }
            Question::IsGone(selector) => match self.look(&visible(selector, ""), 0).await? {
                Ok(_) => Some("it is still visible".to_owned()),
                Err(Obstacle::Invalid(detail)) => return Ok(Err(Obstacle::Invalid(detail))),
                Err(_) => None,
            },
            Question::IsAt(wanted) => {
                let url = self.page.url_of(document);
                let is_there = url.as_ref().is_some_and(|url| wanted.matches_url(url));
                let is = url.unwrap_or_else(|| "about:blank".to_owned());
                (!is_there).then(|| format!("it is {is}"))
            }
        };
        Ok(not_yet.map_or(Ok(()), |reason| Err(Obstacle::NotYet(reason))))
    }
}

fn visible<'a>(selector: &'a str, what: &'a str) -> Needs<'a> {
    Needs {
        what,
        selector,
        stands_for: "",
        needs: &["visible"],
    }
}
