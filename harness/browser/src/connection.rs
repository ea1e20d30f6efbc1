//! The connection that drives a browser: commands, their responses and events over a WebSocket. The DevTools protocol and
//! WebDriver BiDi have the same messages, but for the words of a refusal, and that the former has sessions.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot},
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use crate::page::PageError;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Stands for the browser itself where a session is named.
pub(crate) const ROOT: &str = "";

/// Bytes of the longest message that a browser sends: the body of an upload of 100 MiB, which Firefox keeps and sends in
/// base64, in one piece.
const LONGEST_MESSAGE: usize = 160 * 1024 * 1024;

/// Takes the events of one session: the method's name and its parameters.
pub(crate) type Listener = Box<dyn Fn(&str, &Value) + Send>;

/// A connection to a browser. Clones share it.
#[derive(Clone)]
pub(crate) struct Connection {
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

/// Who waits for the response to a command.
struct Waiting {
    session: String,
    response: oneshot::Sender<Result<Value, String>>,
}

impl Connection {
    /// Connects to the browser that listens at `address`.
    ///
    /// # Errors
    /// When nobody answers there.
    pub(crate) async fn open(address: &str) -> Result<Self, PageError> {
        let limits = WebSocketConfig::default()
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE));
        let (socket, _) =
            tokio_tungstenite::connect_async_with_config(address, Some(limits), false)
                .await
                .map_err(|error| PageError::Browser(error.to_string()))?;
        let shared = Arc::new(Shared::default());
        let (outgoing, queue) = mpsc::unbounded_channel();
        tokio::spawn(drive(socket, Arc::clone(&shared), queue));
        Ok(Self { shared, outgoing })
    }

    /// Sends a command, to the browser itself or to one of its sessions, and waits for what it responds, or why it refuses.
    /// Nothing comes where the browser is gone.
    pub(crate) async fn send(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Option<Result<Value, String>> {
        let mut message = json!({ "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let (response, answered) = oneshot::channel();
        {
            let mut state = self.shared.lock();
            if state.closed {
                return None;
            }
            state.last_id += 1;
            let id = state.last_id;
            message["id"] = id.into();
            let waiting = Waiting {
                session: session.unwrap_or(ROOT).to_owned(),
                response,
            };
            state.waiting.insert(id, waiting);
            // In the order of the numbers, and of the calls.
            self.outgoing.send(message.to_string()).ok()?;
        }
        answered.await.ok()
    }

    /// Whether the browser is there.
    pub(crate) fn is_open(&self) -> bool {
        !self.shared.lock().closed
    }

    /// From now on the events of a session (of the browser itself, where it is [`ROOT`]) go to `listener`; none stops that.
    pub(crate) fn listen(&self, session: &str, listener: Option<Listener>) {
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
                let result = match refusal(&message) {
                    Some(reason) => Err(reason),
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

/// Why the browser refuses a command, if it does: in an object, or BiDi's code and message side by side.
fn refusal(response: &Value) -> Option<String> {
    if let Some(reason) = response["error"]["message"].as_str() {
        return Some(reason.to_owned());
    }
    let code = response["error"].as_str()?;
    let message = response["message"].as_str().unwrap_or_default();
    Some(format!("{code}: {message}"))
}

pub(crate) fn gone() -> PageError {
    PageError::Browser("it is gone".to_owned())
}
