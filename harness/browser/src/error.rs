//! Why no browser could be had.

use std::io;

use edgeproof_ground::tools::ToolError;

use crate::engine::Engine;

/// The variable that lets Chromium run without a sandbox; for root it never has one.
pub(crate) const NO_SANDBOX: &str = "EDGEPROOF_NO_SANDBOX";

/// Why no browser could be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BrowserError {
    /// It is not installed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The process, its profile directory or its gateway could not be made.
    #[error("{engine} could not be started")]
    Start {
        /// The browser.
        engine: Engine,
        /// Why.
        source: io::Error,
    },
    /// The system gives it no sandbox.
    #[error(
        "Chromium can have no sandbox for its pages on this system: allow user namespaces to programs without privileges \
         (`sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu), or set {NO_SANDBOX}=1 where every page \
         it will open is trusted"
    )]
    NoSandbox,
    /// It ended, or did not say where it listens.
    #[error("{engine} did not start: {reason}")]
    Silent {
        /// The browser.
        engine: Engine,
        /// What it said instead.
        reason: String,
    },
    /// It listens, but does not answer.
    #[error("{engine} does not respond: {reason}")]
    Protocol {
        /// The browser.
        engine: Engine,
        /// What went wrong.
        reason: String,
    },
}
