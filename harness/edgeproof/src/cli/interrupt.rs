//! Ctrl-C, from the moment on at which somebody is told to press it.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for Ctrl-C; from then on it no longer ends the process by itself.
pub(super) struct Interrupt(Signal);

impl Interrupt {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the system refuses it.
    pub(super) fn listen() -> io::Result<Self> {
        signal(SignalKind::interrupt()).map(Self)
    }

    /// Waits for the next one.
    pub(super) async fn pressed(&mut self) {
        self.0.recv().await;
    }
}
