//! Dialogs that a page opens: its scripts stand still until each is answered.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};

use super::Page;

/// How many dialogs are kept of a page that opens one after the other.
const KEPT: usize = 100;

/// How a visitor answers dialogs: `accept`, `dismiss`, or any other text for a prompt.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(from = "String")]
#[schemars(with = "String")]
pub enum DialogAnswer {
    /// With "OK".
    Accept,
    /// With "Cancel".
    Dismiss,
    /// With this text, and "OK".
    Text(String),
}

impl From<String> for DialogAnswer {
    fn from(text: String) -> Self {
        match text.as_str() {
            "accept" => Self::Accept,
            "dismiss" => Self::Dismiss,
            _ => Self::Text(text),
        }
    }
}

/// A dialog that was open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialog {
    /// `alert`, `confirm`, `prompt` or `beforeunload`.
    pub kind: String,
    /// What it said.
    pub message: String,
    /// Whether the visitor had an answer. A dialog that has none is closed all the same, or the page would stand still.
    pub answered: bool,
}

impl Dialog {
    /// Whether the scenario should have said how to answer it. An alert has one answer, and who goes to another page
    /// wants to leave this one.
    pub fn needs_an_answer(&self) -> bool {
        !self.answered && matches!(self.kind.as_str(), "confirm" | "prompt")
    }
}

/// The dialogs of a visit. Clones share them.
#[derive(Clone)]
pub(crate) struct Dialogs {
    shared: Arc<Shared>,
    opened: mpsc::UnboundedSender<OpenDialog>,
}

/// A dialog that waits for this answer.
#[derive(Debug)]
pub(crate) struct OpenDialog {
    /// The engine's name for the window that it stands in.
    pub(crate) window: String,
    /// Whether it is answered with "OK".
    pub(crate) accept: bool,
    /// What is written into it.
    pub(crate) text: Option<String>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Counts the dialogs.
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    answer: Option<DialogAnswer>,
    /// Whether a person answers them, in the window of the browser.
    by_hand: bool,
    /// The kind of the one that is open, by window.
    open: HashMap<String, String>,
    seen: Vec<Dialog>,
}

impl Dialogs {
    /// None so far, and where they come out that are to be answered.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<OpenDialog>) {
        let (opened, to_answer) = mpsc::unbounded_channel();
        let dialogs = Self {
            shared: Arc::default(),
            opened,
        };
        (dialogs, to_answer)
    }

    /// A dialog has opened in a window: it is answered at once.
    pub(crate) fn open(&self, window: &str, kind: &str, message: &str) {
        let mut state = self.shared.lock();
        let dialog = Dialog {
            kind: kind.to_owned(),
            message: message.to_owned(),
            answered: state.by_hand || state.answer.is_some(),
        };
        let (accept, text) = match &state.answer {
            Some(DialogAnswer::Accept) => (true, None),
            Some(DialogAnswer::Text(text)) => (true, Some(text.clone())),
            Some(DialogAnswer::Dismiss) => (false, None),
            None => (!dialog.needs_an_answer(), None),
        };
        if state.seen.len() < KEPT {
            state.seen.push(dialog);
        }
        state.open.insert(window.to_owned(), kind.to_owned());
        let by_hand = state.by_hand;
        drop(state);
        self.shared.count.send_modify(|count| *count += 1);
        if by_hand {
            return;
        }
        // The other end is gone when the visit is over.
        let _ = self.opened.send(OpenDialog {
            window: window.to_owned(),
            accept,
            text,
        });
    }

    /// The dialog of a window was answered. Says of which kind it was.
    pub(crate) fn closed(&self, window: &str) -> Option<String> {
        self.shared.lock().open.remove(window)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    /// How dialogs are answered from now on.
    pub fn answer_dialogs(&self, answer: Option<DialogAnswer>) {
        self.dialogs.shared.lock().answer = answer;
    }

    /// A person answers dialogs from now on, in the window of the browser.
    pub fn leave_dialogs(&self) {
        self.dialogs.shared.lock().by_hand = true;
    }

    /// The dialogs that were open since they were taken last.
    pub fn take_dialogs(&self) -> Vec<Dialog> {
        mem::take(&mut self.dialogs.shared.lock().seen)
    }

    /// Waits until a dialog has been open that has not been taken yet. Says whether one has.
    pub async fn dialog(&self, limit: Duration) -> bool {
        let mut count = self.dialogs.shared.count.subscribe();
        let open = async {
            while self.dialogs.shared.lock().seen.is_empty() && count.changed().await.is_ok() {}
        };
        tokio::time::timeout(limit, open).await.is_ok()
    }
}
