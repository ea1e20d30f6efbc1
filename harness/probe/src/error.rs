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
    /// Signals could not be made.
    #[error("signals could not be made: {0}")]
    Signals(String),
}
