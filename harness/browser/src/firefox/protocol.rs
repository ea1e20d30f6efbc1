//! WebDriver BiDi.

use serde_json::Value;

use crate::{
    connection::{Connection, gone},
    page::PageError,
};

impl Connection {
    /// Sends a command and waits for what it responds.
    ///
    /// # Errors
    /// When Firefox refuses the command, or is gone.
    pub(super) async fn command(
        &self,
        method: &str,
        parameters: Value,
    ) -> Result<Value, PageError> {
        let response = self.send(None, method, parameters).await;
        response
            .ok_or_else(gone)?
            .map_err(|reason| refusal(method, &reason))
    }
}

/// What Firefox says where a document, frame or window has gone in which something was to be done; the last in words of its
/// own making, between two documents.
const GONE: [&str; 3] = ["no such frame", "no such node", "realm is null"];

/// The same, where it had begun.
const GONE_MEANWHILE: [&str; 3] = [
    "destroyed before query",
    "no longer exist",
    "has been discarded",
];

fn refusal(command: &str, reason: &str) -> PageError {
    if GONE.iter().any(|known| reason.contains(known)) {
        PageError::Left { begun: false }
    } else if GONE_MEANWHILE.iter().any(|known| reason.contains(known)) {
        PageError::Left { begun: true }
    } else {
        PageError::Browser(format!("{command}: {reason}"))
    }
}
