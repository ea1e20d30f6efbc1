//! What an engine does for the input steps.

use std::{path::PathBuf, time::Duration};

use edgeproof_ground::call::CallPattern;
use serde_json::Value;

use super::keys::KeyPress;
use crate::page::PageError;

/// A browser engine, as the input steps need it. How they wait and what they check stands beside this, once for all
/// engines. It is public, as a bound of [`Input`](super::Input) is, but in a private module.
pub trait Engine: Sync {
    /// A document that is shown: that of the page, of a frame in it, or of a window that it opened.
    type Document: Clone + Send + Sync;

    /// The document of the page itself.
    fn top(&self) -> Self::Document;

    /// The document of the window whose URL matches, of those that the page opened; of several the last one.
    fn window(&self, url: &CallPattern) -> Option<Self::Document>;

    /// The document of the frame that the selector finds in a document.
    fn frame(
        &self,
        document: &Self::Document,
        selector: &str,
    ) -> impl Future<Output = Result<Option<Self::Document>, PageError>> + Send;

    /// The present URL of a document.
    fn url(&self, document: &Self::Document) -> Option<String>;

    /// Calls one of the actions of `page.js`, in a world that the scripts of the page have no part in.
    fn act(
        &self,
        document: &Self::Document,
        action: &str,
        argument: Value,
    ) -> impl Future<Output = Result<Value, PageError>> + Send;

    /// Waits until nothing that the visit asked for is under way, and has not been for some time.
    fn quiet(&self, for_some_time: Duration) -> impl Future<Output = ()> + Send;

    /// What the visit has asked for and has no answer to yet.
    fn under_way(&self) -> Vec<String>;

    /// Brings the window of a document to the front, as whoever acts in it has it there.
    fn bring_to_front(
        &self,
        document: &Self::Document,
    ) -> impl Future<Output = Result<(), PageError>> + Send;

    /// One motion of the mouse.
    fn mouse(
        &self,
        aim: &Aim<Self::Document>,
        motion: Motion,
    ) -> impl Future<Output = Result<(), PageError>> + Send;

    /// Presses a key and lets it go, wherever the focus is in a window.
    fn press(
        &self,
        document: &Self::Document,
        key: &KeyPress,
    ) -> impl Future<Output = Result<(), PageError>> + Send;

    /// Types a text, wherever the focus is in a window.
    fn insert_text(
        &self,
        document: &Self::Document,
        text: &str,
    ) -> impl Future<Output = Result<(), PageError>> + Send;

    /// Chooses files in a file field.
    fn set_files(
        &self,
        document: &Self::Document,
        selector: &str,
        files: &[PathBuf],
    ) -> impl Future<Output = Result<(), PageError>> + Send;
}

/// What the mouse does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Motion {
    /// It moves to the point.
    Move,
    /// Its left button goes down.
    Down,
    /// Its left button goes up.
    Up,
}

/// A place that the mouse is moved to.
#[derive(Clone, Debug)]
pub struct Aim<D> {
    /// The document.
    pub document: D,
    /// The point in the window that the document is in, for an engine whose frames have no mouse of their own.
    pub in_window: (f64, f64),
}
