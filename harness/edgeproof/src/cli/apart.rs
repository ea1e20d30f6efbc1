//! Work that takes its time, such as a build.

use std::{io, thread};

use tokio::sync::oneshot;

/// Does it on a thread of its own, which ends with the command wherever it stands.
///
/// # Errors
/// When there is no thread for it, or it panicked.
pub(super) async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (done, result) = oneshot::channel();
    thread::Builder::new().spawn(move || {
        // Whoever pressed Ctrl-C no longer waits for it.
        let _ = done.send(work());
    })?;
    result.await.map_err(io::Error::other)
}
