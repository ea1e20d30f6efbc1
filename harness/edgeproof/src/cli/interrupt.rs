//! Ctrl-C, and the order to end that a CI or a supervisor gives, from the moment on at which somebody is told to press it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

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

    /// Waits for the next one.
    pub(super) async fn pressed(&mut self) {
        tokio::select! {
            _ = self.pressed.recv() => {}
            _ = self.ordered.recv() => {}
        }
    }
}
