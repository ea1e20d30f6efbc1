//! Ctrl-C, and the order to end that a CI or a supervisor gives, from the moment on at which somebody is told to press it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::CliError;

/// Listens for both; from then on they no longer end the process by themselves.
pub(super) struct Interrupt {
    pressed: Signal,
    ordered: Signal,
}

impl Interrupt {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system refuses it.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            pressed: signal(SignalKind::interrupt())?,
            ordered: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one; gives what a command ends with that is not done yet.
    pub(super) async fn pressed(&mut self) -> CliError {
        tokio::select! {
            _ = self.pressed.recv() => CliError::Interrupted,
            _ = self.ordered.recv() => CliError::Terminated,
        }
    }
}

/// Does the work, unless one of them comes first.
pub(super) async fn unless_ended<T>(
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    let mut interrupt = Interrupt::listen()?;
    tokio::select! {
        done = work => done,
        ended = interrupt.pressed() => Err(ended),
    }
}
