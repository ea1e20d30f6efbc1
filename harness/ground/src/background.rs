//! The runtime of what outlives a single test or command: browsers and apps, which many of them share.

use std::sync::LazyLock;

use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Option<Runtime>> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("background")
        .enable_all()
        .build()
        .ok()
});

/// The runtime; none where no thread is to be had.
pub fn runtime() -> Option<&'static Runtime> {
    RUNTIME.as_ref()
}
