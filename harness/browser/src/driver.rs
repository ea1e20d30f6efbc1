//! What an engine does for a page: the one trait between the visitors' browsers and the protocols that drive them.

use std::{path::PathBuf, time::Duration};

use futures_util::future::BoxFuture;
use http::HeaderMap;
use serde_json::Value;

use crate::{calls::BrowserCall, gate::Gate, input::KeyPress, page::PageError};

/// What an engine is asked for, on its way.
pub(crate) type DriverFuture<'a, T> = BoxFuture<'a, Result<T, PageError>>;

/// A document that is shown: that of the page, of a frame in it, or of a window that it opened.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// The engine's name for the window that it is in.
    pub(crate) window: String,
    /// The engine's name for its frame.
    pub(crate) frame: String,
}

/// The page of a visitor in one engine. What the steps wait for and check stands beside this, once for all engines, and so
/// does what is made of the events: an engine puts them into the [`Activity`](crate::calls::Activity) of its page.
pub(crate) trait Driver: Send + Sync {
    /// The document of the page itself.
    fn top(&self) -> Document;

    /// The windows that the page opened and that are still there, in this order.
    fn windows(&self) -> Vec<Document>;

    /// The document of the frame that the selector finds in a document.
    fn frame<'a>(
        &'a self,
        document: &'a Document,
        selector: &'a str,
    ) -> DriverFuture<'a, Option<Document>>;

    /// Calls one of the actions of `page.js`, in a world that the scripts of the page have no part in.
    fn act<'a>(
        &'a self,
        document: &'a Document,
        action: &'a str,
        argument: Value,
    ) -> DriverFuture<'a, Value>;

    /// Runs a script as the body of an async function, where the scripts of a document run.
    fn evaluate<'a>(
        &'a self,
        document: &'a Document,
        context: &'a str,
        script: &'a str,
    ) -> DriverFuture<'a, Value>;

    /// Loads an address, and waits until its load event has fired. Returns the call of the document itself.
    fn load<'a>(&'a self, url: &'a str, limit: Duration) -> DriverFuture<'a, BrowserCall>;

    /// Brings the window of a document to the front, as anyone who acts in it has it there.
    fn bring_to_front<'a>(&'a self, document: &'a Document) -> DriverFuture<'a, ()>;

    /// Motions of the mouse, one after the other.
    fn mouse<'a>(&'a self, aim: &'a Aim, motions: &'a [Motion]) -> DriverFuture<'a, ()>;

    /// Presses a key and lets it go, wherever the focus is in a window.
    fn press<'a>(&'a self, document: &'a Document, key: &'a KeyPress) -> DriverFuture<'a, ()>;

    /// Types a text, wherever the focus is in a document.
    fn insert_text<'a>(&'a self, document: &'a Document, text: &'a str) -> DriverFuture<'a, ()>;

    /// Chooses files in a file field.
    fn set_files<'a>(
        &'a self,
        document: &'a Document,
        selector: &'a str,
        files: &'a [PathBuf],
    ) -> DriverFuture<'a, ()>;

    /// The body of a response, where the browser still has it.
    fn body<'a>(&'a self, call: &'a BrowserCall) -> DriverFuture<'a, Vec<u8>>;

    /// The body of a request, where the browser did not tell it with the request.
    fn posted<'a>(&'a self, call: &'a BrowserCall) -> DriverFuture<'a, Option<String>>;

    /// From now on every request of the page carries these headers, and pages are told this language.
    fn present_as<'a>(
        &'a self,
        headers: &'a HeaderMap,
        language: Option<&'a str>,
    ) -> DriverFuture<'a, ()>;

    /// From now on requests to the hosts of a gate carry what it lets through, and no other request does.
    fn pass(&self, gate: Gate) -> DriverFuture<'_, ()>;

    /// From now on this script runs first in every document, of windows that the page opens too.
    fn run_first(&self, script: String) -> DriverFuture<'_, ()>;

    /// From now on what the visitor does is told to the record of the page, by `recorder.js` in every document, of windows
    /// that the page opens too.
    fn record(&self) -> DriverFuture<'_, ()>;

    /// Forgets all cookies.
    fn clear_cookies(&self) -> DriverFuture<'_, ()>;

    /// A step back in the history is the browser's to make; the page asks for it and tells nobody. Once the browser has
    /// responded to another question about the history, it has told of the navigation that this leads to.
    fn told_of_history(&self) -> DriverFuture<'_, ()>;

    /// A small picture of what the visitor sees, as JPEG.
    fn screenshot(&self) -> DriverFuture<'_, Vec<u8>>;

    /// Closes the page and removes what the visit left in the browser; whether that was everything.
    fn close_and_wipe(self: Box<Self>) -> DriverFuture<'static, bool>;
}

/// What the mouse does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Motion {
    /// It moves to the point.
    Move,
    /// Its left button goes down.
    Down,
    /// Its left button goes up.
    Up,
}

/// A place that the mouse is moved to.
#[derive(Clone, Debug)]
pub(crate) struct Aim {
    /// The document.
    pub(crate) document: Document,
    /// The point in the window that the document is in.
    pub(crate) in_window: (f64, f64),
}
