//! An output that may stand still, as a pipe whose reader does or a terminal after Ctrl-S: what is written waits, and nothing
//! else does.

use std::{
    io::{self, Write},
    sync::mpsc::{Sender, channel},
    thread,
};

use tokio::sync::oneshot;

/// Writes on a thread of its own, which ends with the command wherever it stands. Clones write to the same output.
#[derive(Clone)]
pub(super) struct Printer(Sender<Text>);

struct Text {
    text: String,
    written: oneshot::Sender<io::Result<()>>,
}

impl Printer {
    pub(super) fn to(mut out: impl Write + Send + 'static) -> Self {
        let (sender, texts) = channel::<Text>();
        thread::spawn(move || {
            for Text { text, written } in texts {
                let result = out.write_all(text.as_bytes()).and_then(|()| out.flush());
                // Whoever asked may have gone.
                let _ = written.send(result);
            }
        });
        Self(sender)
    }

    /// Returns when it is written.
    ///
    /// # Errors
    /// When it cannot be.
    pub(super) async fn print(&self, text: String) -> io::Result<()> {
        let closed = || io::Error::from(io::ErrorKind::BrokenPipe);
        let (written, result) = oneshot::channel();
        let sent = self.0.send(Text { text, written });
        sent.map_err(|_| closed())?;
        result.await.map_err(|_| closed())?
    }
}
