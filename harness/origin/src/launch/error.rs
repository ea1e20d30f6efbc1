//! Why an app could not be started.

use std::{io, path::PathBuf, sync::Arc};

use edgeproof_ground::time::Time;

use super::{Ended, Missing, output::Printed};
use crate::{Address, AddressError};

/// Lines of its output that a message shows.
const SHOWN_LINES: usize = 20;

/// Why an app could not be started. Nothing is known of what it would have done.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LaunchError {
    /// It is described wrongly.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It needs something that is not there.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// No port could be had for it, or no thread to watch it.
    #[error("no port or thread was available for the app")]
    Resources(#[source] Arc<io::Error>),
    /// Somebody else is there already.
    #[error(
        "something already listens at {address}, where `{command}` is to listen; stop it, or leave `run` out to use it"
    )]
    Taken {
        /// The command.
        command: String,
        /// The address.
        address: Address,
    },
    /// There is no shell, or no such folder.
    #[error("`{command}` could not be started in `{}`", folder.display())]
    Spawn {
        /// The command.
        command: String,
        /// Its folder.
        folder: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// It ended instead of becoming ready.
    #[error("`{command}` in `{}` {ended} before it was ready{}", folder.display(), end_of(printed, SHOWN_LINES))]
    Ended {
        /// The command.
        command: String,
        /// Its folder.
        folder: PathBuf,
        /// How it ended.
        ended: Ended,
        /// What it printed.
        printed: Vec<Printed>,
    },
    /// Everything was ended before it was ready.
    #[error("`{0}` was ended before it was ready, with everything else")]
    Interrupted(String),
    /// It was not ready in time.
    #[error(
        "`{command}` in `{}` was not ready within {within}: {missing}; an app that takes longer says `ready_within:`{}",
        folder.display(), end_of(printed, SHOWN_LINES)
    )]
    NotReady {
        /// The command.
        command: String,
        /// Its folder.
        folder: PathBuf,
        /// What it was given.
        within: Time,
        /// What it did not do.
        missing: String,
        /// What it printed.
        printed: Vec<Printed>,
    },
}

/// The end of what an app printed, as the end of a message.
pub(super) fn end_of(printed: &[Printed], lines: usize) -> String {
    let first = printed.len().saturating_sub(lines);
    let lines = printed[first..].iter();
    let text: String = lines.map(|line| format!("\n    {}", line.text)).collect();
    match (text.is_empty(), first) {
        (true, _) => "; it printed nothing".to_owned(),
        (false, 0) => format!("; it printed:{text}"),
        (false, _) => format!("; the end of its output:{text}"),
    }
}
