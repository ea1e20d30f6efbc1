//! Why nothing could be found out.

use std::process::ExitStatus;

use edgeproof_rig::RigError;

use super::expand::RowError;

/// Why nothing could be found out. A hole is no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProbeError {
    /// The rig has no such part.
    #[error(transparent)]
    Rig(#[from] RigError),
    /// The table of shapes is wrong.
    #[error(transparent)]
    Row(#[from] RowError),
    /// The host of the call.
    #[error("`{0}` has no origin behind the edge")]
    Host(String),
    /// The path of the call.
    #[error("`{0}` is no path that a client can send")]
    Path(String),
    /// The origin did not respond to the plain call.
    #[error("the origin does not respond to the plain call: {0}")]
    Origin(String),
    /// A command could not be started.
    #[error("the command that says whether the call ran could not be started")]
    Command(#[source] std::io::Error),
    /// A command failed.
    #[error("`{0}`, which says whether the call ran, failed with {1}")]
    CommandFailed(String, ExitStatus),
    /// What is to show that the call ran does not show it of the plain call.
    #[error(
        "nothing shows that the origin runs the plain call{}, so no hole could be seen: {why}; give the call the content and the \
         headers with which the origin takes it, or name another sign",
        status.map_or(String::new(), |status| format!(" (status {status})"))
    )]
    NoSign {
        /// The status of the response to it.
        status: Option<u16>,
        /// What is missing.
        why: String,
    },
    /// Signals could not be made.
    #[error("signals could not be made: {0}")]
    Signals(String),
}
