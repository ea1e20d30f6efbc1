//! A page that a visitor has open.

mod dialogs;
mod recording;
mod script;
mod source;

use std::{sync::Arc, time::Duration};

use edgeproof_ground::call::CallPattern;
use http::HeaderMap;
use serde_json::Value;

pub use dialogs::{Dialog, DialogAnswer};
pub(crate) use dialogs::{Dialogs, OpenDialog};
pub(crate) use recording::RecorderMessage;
pub use recording::{Deed, Deeds, Did};
pub(crate) use source::{page_script, recorder_script};

use super::{
    calls::{Activity, BrowserCall, CallOutcome, ConsoleLine},
    driver::{Document, Driver},
    gate::Gate,
    input::Place,
};

/// How often it is asked for a document that is not there yet.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// An open page. All waiting is for what happens in the browser, never for a time to pass.
pub struct Page {
    pub(crate) driver: Box<dyn Driver>,
    pub(crate) activity: Arc<Activity>,
    /// The dialogs that the page and its windows open.
    dialogs: Dialogs,
}

/// Why a page did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The browser does not answer, or refuses the command.
    #[error("the browser refused: {0}")]
    Browser(String),
    /// The address could not be loaded, in the browser's words.
    #[error("{url} could not be loaded: {reason}")]
    Navigation {
        /// The address.
        url: String,
        /// Such as `net::ERR_CONNECTION_REFUSED`.
        reason: String,
    },
    /// Something that was waited for did not happen in time.
    #[error("{what} did not happen within {} ms", limit.as_millis())]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        limit: Duration,
    },
    /// Something could not be done, or what is waited for was not so, until the time was over.
    #[error("expected {what} within {}: {reason}", edgeproof_ground::time::shown(*limit))]
    Obstacle {
        /// What was to be done, such as "`#create` to be clicked".
        what: String,
        /// For how long it was tried.
        limit: Duration,
        /// What stood in the way, at the end.
        reason: String,
    },
    /// What was tried did not have its effect, or cannot have it.
    #[error("expected {what}: {reason}")]
    Refused {
        /// What was to be done.
        what: String,
        /// Why it was not.
        reason: String,
    },
    /// The document is gone in which something was to be done: the page was left, or a frame or a window closed.
    #[error("the page was left meanwhile")]
    Left {
        /// Whether a part of it may have been done before.
        begun: bool,
    },
    /// The script threw.
    #[error("the page's script threw: {0}")]
    Script(String),
}

impl Page {
    pub(crate) fn new(driver: Box<dyn Driver>, activity: Arc<Activity>, dialogs: Dialogs) -> Self {
        Self {
            driver,
            activity,
            dialogs,
        }
    }

    /// Loads an address and waits until its load event has fired. Returns the call of the document itself.
    ///
    /// # Errors
    /// When nothing could be loaded, or not in time.
    pub async fn visit(&self, url: &str, limit: Duration) -> Result<BrowserCall, PageError> {
        self.driver.load(url, limit).await
    }

    /// Waits until the call that `wanted` accepts, not counting the first `skip` such calls, has ended. One whose response
    /// began in time is given as it is then: Chromium does not take in what a page does not read.
    ///
    /// # Errors
    /// When no such call was answered in time; `what` says in words what was waited for.
    pub async fn call(
        &self,
        skip: usize,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&BrowserCall) -> bool,
    ) -> Result<BrowserCall, PageError> {
        let nth =
            |calls: &[BrowserCall]| calls.iter().filter(|call| wanted(call)).nth(skip).cloned();
        let ended = self.activity.wait(limit, |calls, _| {
            nth(calls).filter(|call| call.outcome != CallOutcome::Pending)
        });
        let begun = || nth(&self.calls()).filter(|call| call.status.is_some());
        let mut call = ended.await.or_else(begun).ok_or_else(|| PageError::Late {
            what: what.to_owned(),
            limit,
        })?;
        if call.posted.is_none() {
            call.posted = self.driver.posted(&call).await?;
        }
        Ok(call)
    }

    /// Everything the page has asked for so far.
    pub fn calls(&self) -> Vec<BrowserCall> {
        self.activity.calls()
    }

    /// The last call that gave the page its document, as opposed to that of a frame in it.
    pub fn document(&self) -> Option<BrowserCall> {
        let top = self.driver.top().frame;
        let mut calls = self.calls().into_iter().rev();
        calls.find(|call| call.is_document_of(&top) && call.status.is_some())
    }

    /// Whether a call asked for the document of the page itself.
    pub fn is_for_document(&self, call: &BrowserCall) -> bool {
        call.is_document_of(&self.driver.top().frame)
    }

    /// The address that the page shows.
    pub fn url(&self) -> Option<String> {
        self.url_of(&self.driver.top())
    }

    /// Everything the page has printed so far, uncaught exceptions included.
    pub fn console(&self) -> Vec<ConsoleLine> {
        self.activity.console()
    }

    /// The body of a response, where the browser still has it.
    ///
    /// # Errors
    /// When the browser has no body for the call, as for one that failed.
    pub async fn body(&self, call: &BrowserCall) -> Result<Vec<u8>, PageError> {
        // All calls of a redirected request have one name.
        let calls = self.calls().into_iter().rev();
        let mut of_request = calls.filter(|other| other.id == call.id);
        let last = of_request.next();
        if last.is_some_and(|last| last.url != call.url || last.status != call.status) {
            let reason = "it keeps no body of a redirect";
            return Err(PageError::Browser(reason.to_owned()));
        }
        self.driver.body(call).await
    }

    /// From now on every request of the page carries these headers, and pages are told this language.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn present_as(
        &self,
        headers: &HeaderMap,
        language: Option<&str>,
    ) -> Result<(), PageError> {
        self.driver.present_as(headers, language).await
    }

    /// From now on requests to the hosts of a gate carry what it lets through, and no other request does. Chromium looks at
    /// headers that are added as if the page had set them, so requests to another origin than the page's, which would be
    /// asked leave for, have none of them there; cookies they have.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn pass(&self, gate: Gate) -> Result<(), PageError> {
        self.driver.pass(gate).await
    }

    /// From now on every document has a clock that is so many milliseconds ahead, and the windows that the page opens
    /// too. Web workers have the machine's.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn wrong_clock(&self, ahead: i64) -> Result<(), PageError> {
        let clock = include_str!("../clock.js").trim_end();
        self.driver.run_first(format!("{clock}({ahead})")).await
    }

    /// Forgets all cookies.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn clear_cookies(&self) -> Result<(), PageError> {
        self.driver.clear_cookies().await
    }

    /// A document as it stands now, serialised. One that is on its way is waited for, and so are frames and windows.
    ///
    /// # Errors
    /// When the browser does not answer, or the document is left meanwhile.
    pub async fn html(&self, place: &Place) -> Result<String, PageError> {
        let (document, _) = self.settled(place).await?;
        let html = self.driver.act(&document, "html", Value::Null).await?;
        Ok(html.as_str().unwrap_or_default().to_owned())
    }

    /// A small picture of what the visitor sees, as JPEG.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn screenshot(&self) -> Result<Vec<u8>, PageError> {
        self.driver.screenshot().await
    }

    /// Closes the page and removes what the visit left in the browser; whether that was everything.
    pub(crate) async fn close_and_wipe(self) -> Result<bool, PageError> {
        self.driver.close_and_wipe().await
    }

    /// The document of the window whose URL matches, of those that the page opened; of several the last one.
    pub(crate) fn window(&self, url: &CallPattern) -> Option<Document> {
        let mut windows = self.driver.windows().into_iter().rev();
        windows.find(|window| {
            let shown = self.url_of(window);
            shown.is_some_and(|shown| url.matches_url(&shown))
        })
    }

    /// The present URL of a document.
    pub(crate) fn url_of(&self, document: &Document) -> Option<String> {
        self.activity
            .frames(|frames| frames.url(&document.frame).map(str::to_owned))
    }

    /// The document that is meant, if it is there.
    async fn document_at(&self, place: &Place) -> Result<Option<Document>, PageError> {
        let mut document = match &place.window {
            None => Some(self.driver.top()),
            Some(url) => self.window(url),
        };
        for selector in &place.frames {
            document = match &document {
                Some(outer) => self.driver.frame(outer, selector).await?,
                None => None,
            };
        }
        Ok(document)
    }
}

/// The first document that these calls ask for in a frame, as far as it was redirected.
pub(crate) fn first_document<'a>(frame: &str, calls: &'a [BrowserCall]) -> Option<&'a BrowserCall> {
    let asked = calls.iter().find(|call| call.is_document_of(frame))?;
    calls.iter().rev().find(|call| call.id == asked.id)
}
