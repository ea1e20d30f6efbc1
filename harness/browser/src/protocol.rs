//! The connection that drives a Chromium: the DevTools protocol over a WebSocket.
//!
//! Commands and answers are the types of `headless_chrome`. Its transport is not used: the thread that reads
//! holds the socket's lock for up to 100 ms at a time, so each command waits 50 to 100 ms before it is sent; it
//! drops events with a field it does not expect; and a browser context cannot be disposed of.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{SinkExt, StreamExt};
use headless_chrome::protocol::cdp::types::Method;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, tungstenite::Message};

use super::PageError;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Stands for the browser itself where a session is named.
pub(super) const ROOT: &str = "";

/// Takes the events of one session: the method's name and its parameters.
pub(super) type Listener = Box<dyn Fn(&str, &Value) + Send>;

/// A connection to a browser. Clones share it.
#[derive(Clone)]
pub(super) struct Connection {
    shared: Arc<Shared>,
    outgoing: mpsc::UnboundedSender<String>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    last_id: u64,
    waiting: HashMap<u64, Waiting>,
    listeners: HashMap<String, Listener>,
    closed: bool,
}

/// Who waits for the answer to a command.
struct Waiting {
    session: String,
    response: oneshot::Sender<Result<Value, String>>,
}

impl Connection {
    /// Connects to the browser that listens at `address`.
    ///
    /// # Errors
    /// When nobody answers there.
    pub(super) async fn open(address: &str) -> Result<Self, PageError> {
        let (socket, _) = tokio_tungstenite::connect_async(address)
            .await
            .map_err(|error| PageError::Browser(error.to_string()))?;
        let shared = Arc::new(Shared::default());
        let (outgoing, queue) = mpsc::unbounded_channel();
        tokio::spawn(drive(socket, Arc::clone(&shared), queue));
        Ok(Self { shared, outgoing })
    }

    /// Sends a command, to the browser itself or to one of its sessions, and waits for the answer.
    ///
    /// # Errors
    /// When the browser refuses the command, or is gone.
    pub(super) async fn ask<C>(
        &self,
        session: Option<&str>,
        command: C,
    ) -> Result<C::ReturnObject, PageError>
    where
        C: Method + Serialize,
    {
        let mut message = json!({ "method": C::NAME, "params": command });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let (response, answered) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if state.closed {
                return Err(gone());
            }
            state.last_id += 1;
            let id = state.last_id;
            message["id"] = id.into();
            let waiting = Waiting {
                session: session.unwrap_or(ROOT).to_owned(),
                response,
            };
            state.waiting.insert(id, waiting);
        }
        self.outgoing
            .send(message.to_string())
            .map_err(|_| gone())?;
        let response = answered
            .await
            .map_err(|_| gone())?
            .map_err(|reason| refusal(C::NAME, &reason))?;
        serde_json::from_value(response)
            .map_err(|error| PageError::Browser(format!("{}: {error}", C::NAME)))
    }

    /// From now on the events of a session (of the browser itself, where it is [`ROOT`]) go to `listener`; none stops that.
    pub(super) fn listen(&self, session: &str, listener: Option<Listener>) {
        let mut state = self.shared.lock();
        match listener {
            Some(listener) => state.listeners.insert(session.to_owned(), listener),
            None => state.listeners.remove(session),
        };
    }
}

impl State {
    /// A window has closed: the browser does not answer any more what it was asked.
    fn end(&mut self, session: &str) {
        let ended = self
            .waiting
            .extract_if(|_, waiting| waiting.session == session);
        for (_, waiting) in ended {
            // Whoever asked may have stopped waiting.
            let _ = waiting.response.send(Err("Target closed".to_owned()));
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn receive(&self, text: &str) {
        let Ok(mut message) = serde_json::from_str::<Value>(text) else {
            return;
        };
        let mut state = self.lock();
        if let Some(id) = message["id"].as_u64() {
            if let Some(Waiting { response, .. }) = state.waiting.remove(&id) {
                let result = match message["error"]["message"].as_str() {
                    Some(reason) => Err(reason.to_owned()),
                    None => Ok(message["result"].take()),
                };
                // Whoever asked may have stopped waiting.
                let _ = response.send(result);
            }
        } else if let Some(method) = message["method"].as_str() {
            let session = message["sessionId"].as_str().unwrap_or(ROOT);
            if let Some(listener) = state.listeners.get(session) {
                listener(method, &message["params"]);
            }
            if method == "Target.detachedFromTarget"
                && let Some(session) = message["params"]["sessionId"].as_str()
            {
                state.end(session);
            }
        }
    }

    fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        // Dropping the senders tells everybody who waits.
        state.waiting.clear();
        state.listeners.clear();
    }
}

/// Carries messages both ways until the browser or every handle is gone.
async fn drive(
    mut socket: Socket,
    shared: Arc<Shared>,
    mut queue: mpsc::UnboundedReceiver<String>,
) {
    loop {
        tokio::select! {
            queued = queue.recv() => {
                let Some(text) = queued else { break };
                if socket.send(Message::text(text)).await.is_err() {
                    break;
                }
            }
            received = socket.next() => match received {
                Some(Ok(Message::Text(text))) => shared.receive(&text),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => break,
            }
        }
    }
    shared.close();
}

/// What the browser says where a document, frame or window has gone in which something was to be done.
const GONE: [&str; 10] = [
    "Cannot find context with specified id",
    "uniqueContextId not found",
    "Cannot find default execution context",
    "No frame for given id found",
    "No frame with given id found",
    "Frame with the given id was not found",
    "Could not find object with given id",
    "Could not find node with given id",
    "Session with given id not found",
    "Not attached to an active page",
];

/// The same, where it had begun.
const GONE_MEANWHILE: [&str; 4] = [
    "Inspected target navigated or closed",
    "Execution context was destroyed",
    "Promise was collected",
    "Target closed",
];

/// Why the browser refuses a command.
fn refusal(command: &str, reason: &str) -> PageError {
    let is = |known: &[&str]| known.iter().any(|known| reason.starts_with(known));
    if is(&GONE) {
        PageError::Left { begun: false }
    } else if is(&GONE_MEANWHILE) {
        PageError::Left { begun: true }
    } else {
        PageError::Browser(format!("{command}: {reason}"))
    }
}

fn gone() -> PageError {
    PageError::Browser("it is gone".to_owned())
}
