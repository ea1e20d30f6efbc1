//! The DevTools protocol.
//!
//! Commands and responses are the types of `headless_chrome`. Its transport is not used: the thread that reads
//! holds the socket's lock for up to 100 ms at a time, so each command waits 50 to 100 ms before it is sent; it
//! drops events with a field it does not expect; and a browser context cannot be disposed of.

use headless_chrome::protocol::cdp::types::Method;
use serde::Serialize;

use crate::{
    connection::{Connection, gone},
    page::PageError,
};

impl Connection {
    /// Sends a command, to the browser itself or to one of its sessions, and waits for the response.
    ///
    /// # Errors
    /// When the browser refuses the command, or is gone.
    pub(super) async fn ask<C>(
        &self,
        session: Option<&str>,
        command: C,
    ) -> Result<C::ReturnObject, PageError>
    where
        C: Method + Serialize,
    {
        let wrong = |error: serde_json::Error| PageError::Browser(format!("{}: {error}", C::NAME));
        let parameters = serde_json::to_value(command).map_err(wrong)?;
        let response = self.send(session, C::NAME, parameters).await;
        let response = response
            .ok_or_else(gone)?
            .map_err(|reason| refusal(C::NAME, &reason))?;
        serde_json::from_value(response).map_err(wrong)
    }
}

/// What the browser says where a document, frame or window has gone in which something was to be done.
const GONE: [&str; 10] = [
    "Cannot find context with specified id",
    "uniqueContextId not found",
    "Cannot find default execution context",
    "No frame for given id found",
    "No frame with given id found",
    "Frame with the given id was not found",
    "Could not find object with given id",
    "Could not find node with given id",
    "Session with given id not found",
    "Not attached to an active page",
];

/// The same, where it had begun.
const GONE_MEANWHILE: [&str; 4] = [
    "Inspected target navigated or closed",
    "Execution context was destroyed",
    "Promise was collected",
    "Target closed",
];

/// Why the browser refuses a command.
fn refusal(command: &str, reason: &str) -> PageError {
    let is = |known: &[&str]| known.iter().any(|known| reason.starts_with(known));
    if is(&GONE) {
        PageError::Left { begun: false }
    } else if is(&GONE_MEANWHILE) {
        PageError::Left { begun: true }
    } else {
        PageError::Browser(format!("{command}: {reason}"))
    }
}
