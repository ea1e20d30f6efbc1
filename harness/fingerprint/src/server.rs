//! The socket of the platform: wiremock, made to forget what it was asked.

use std::{
    net::{SocketAddr, TcpListener},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Waker},
    thread,
};

use futures_util::future::join;
use tokio::{runtime::Builder, task::unconstrained};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

use super::Platform;

/// Bytes of requests that wiremock keeps at most, about.
const KEPT: usize = 4 * 1024 * 1024;

/// What a kept request takes beside its body, in bytes.
const HEAD: usize = 4 * 1024;

/// It stops when it is dropped.
pub(super) struct Server {
    /// Taken when it stops, and only then.
    server: Option<Arc<MockServer>>,
    address: SocketAddr,
}

impl Server {
    pub(super) async fn start(platform: Arc<Platform>) -> std::io::Result<Self> {
        // Not from wiremock's pool: a pooled server keeps its port and its responses after it was given back.
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let server = MockServer::builder()
            .listener(listener)
            .disable_request_recording()
            .start()
            .await;
        let server = Arc::new(server);
        let responder = Responder {
            platform,
            server: Arc::downgrade(&server),
            kept: Arc::default(),
        };
        Mock::given(any())
            .respond_with(responder)
            .mount(&server)
            .await;
        Ok(Self {
            address: *server.address(),
            server: Some(server),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Server {
    /// wiremock waits for a lock of tokio when it stops. In a task that has used up its budget of polls that wait
    /// never ends, so it happens on a thread that is no task.
    fn drop(&mut self) {
        let server = self.server.take();
        let stopped = thread::spawn(move || drop(server)).join();
        debug_assert!(
            stopped.is_ok(),
            "wiremock has no expectations here that could fail"
        );
    }
}

#[derive(Clone)]
struct Responder {
    platform: Arc<Platform>,
    server: Weak<MockServer>,
    /// Bytes of the requests that wiremock keeps.
    kept: Arc<AtomicUsize>,
}

impl Respond for Responder {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let bytes = request.body.len() + HEAD;
        if self.kept.fetch_add(bytes, Ordering::Relaxed) + bytes > KEPT {
            self.kept.store(0, Ordering::Relaxed);
            self.forget();
        }
        self.platform.answer(request)
    }
}

impl Responder {
    /// Puts a new mock in the place of this one: wiremock keeps each request that a mock matched, as long as it has the mock,
    /// whatever it was told of recording.
    ///
    /// That takes its lock twice, and a request between the two would find no mock. None can come there: wiremock calls this
    /// on the one thread of its connections, and who waits for tokio's lock has it in the order of coming. So both wait for
    /// it side by side before this returns, and other requests after them.
    fn forget(&self) {
        let Some(server) = self.server.upgrade() else {
            return;
        };
        let mock = Mock::given(any()).respond_with(self.clone());
        let mut replaced = Box::pin(unconstrained(async move {
            join(server.reset(), mock.mount(&server)).await;
        }));
        // Whoever called this has the lock, so it only begins to wait here.
        let begun = replaced
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        if begun.is_pending() {
            // Not as a task of wiremock's own thread: the last one that has the server stops it, and waits for that thread.
            let _ = thread::Builder::new().spawn(move || {
                let runtime = Builder::new_current_thread().build();
                runtime.map(|runtime| runtime.block_on(replaced))
            });
        }
    }
}
