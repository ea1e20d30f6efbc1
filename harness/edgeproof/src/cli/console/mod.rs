//! The console of a running rig: a page of this machine that shows each call while it happens, and what can be changed.
//!
//! It shows what sites and visitors send, so it takes nothing from them: it listens on the loopback interface, below a secret
//! in its address; it does not answer to another name, so that no site can reach it by one of its own; nothing happens by GET,
//! and no other page may send what acts; and the page's policy lets nothing run but the viewer.

mod calls;
mod entrance;
mod levers;
mod state;

use std::{convert::Infallible, fmt::Write as _, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use edgeproof_ground::{
    body::{self, Body},
    clock::Clock,
    visible::visible,
};
use edgeproof_report::html;
use edgeproof_rig::Rig;
use edgeproof_run::redact::{Redactor, Secrets};
use edgeproof_scenario::load::Case;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value as Json, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::{JoinHandle, JoinSet},
};

use self::{entrance::Entrance, levers::Levers};
use super::CliError;

/// Bytes of a step that somebody may send.
const LARGEST_STEP: usize = 64 * 1024;

/// An open console. Close it with [`Console::close`] before the rig is stopped.
pub(super) struct Console {
    url: String,
    close: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// What every request of the page is answered from.
struct World {
    rig: Arc<Rig>,
    clock: Clock,
    /// What was described, with the steps that were taken since.
    levers: tokio::sync::Mutex<Levers>,
    /// How many steps were taken: whoever shows the state looks again when it changes.
    changes: watch::Sender<usize>,
    secrets: Secrets,
    /// How to come in, for people.
    doors: String,
    entrance: Entrance,
}

impl Console {
    /// Opens a console for a rig that was started from this case.
    ///
    /// # Errors
    /// Where no port can be had, or the system has no random numbers.
    pub(super) async fn open(rig: Arc<Rig>, case: Case, doors: String) -> Result<Self, CliError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let entrance = Entrance {
            address: listener.local_addr()?,
            secret: secret()?,
        };
        let url = entrance.url();
        rig.trace().keep_bodies();
        let mut secrets = Secrets::of_scenario(&case.node);
        secrets.add_declared(case.secrets.iter().cloned());
        let world = Arc::new(World {
            clock: rig.fingerprint().clock().clone(),
            levers: Levers::new(case).into(),
            changes: watch::Sender::default(),
            secrets,
            doors,
            entrance,
            rig,
        });
        let (close, closed) = oneshot::channel();
        let task = tokio::spawn(serve(listener, world, closed));
        Ok(Self { url, close, task })
    }

    /// Where it is, with its secret.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Closes it and every connection to it.
    pub(super) async fn close(self) {
        // Where it has ended by itself there is nobody to tell.
        let _ = self.close.send(());
        let _ = self.task.await;
    }
}

/// What nobody can guess.
fn secret() -> io::Result<String> {
    let mut bytes = [0; 16];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let mut secret = String::new();
    for byte in bytes {
        // Writing to a text cannot fail.
        let _ = write!(secret, "{byte:02x}");
    }
    Ok(secret)
}

async fn serve(listener: TcpListener, world: Arc<World>, mut closed: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error here concerns one connection that never came to be.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(connection(stream, Arc::clone(&world)));
                }
            }
            Some(_) = connections.join_next() => {}
            _ = &mut closed => break,
        }
    }
    connections.shutdown().await;
}

async fn connection(stream: TcpStream, world: Arc<World>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let world = Arc::clone(&world);
        async move { Ok::<_, Infallible>(world.response(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    // Whoever has gone away hears of nothing more.
    let _ = connection.await;
}

impl World {
    async fn response(self: Arc<Self>, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let mut response = match self.entrance.admit(&head) {
            Err(status) => with_status(status, "text/plain", "not here\n"),
            Ok(path) => {
                let query: Vec<(String, String)> =
                    url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes())
                        .into_owned()
                        .collect();
                self.answer(&head.method, &path, &query, body).await
            }
        };
        for (name, value) in [
            (header::CACHE_CONTROL, "no-store"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::X_FRAME_OPTIONS, "DENY"),
        ] {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }

    async fn answer(
        self: Arc<Self>,
        method: &Method,
        path: &str,
        query: &[(String, String)],
        body: Incoming,
    ) -> Response<Body> {
        let of = |name: &str| {
            let mut pairs = query.iter();
            pairs
                .find(|(key, _)| key == name)
                .map_or("", |(_, value)| value.as_str())
        };
        match (method, path) {
            (&Method::GET, "") => {
                with_status(StatusCode::OK, "text/html; charset=utf-8", html::console())
            }
            (&Method::GET, "stream") => calls::stream(self),
            (&Method::GET, "call") => {
                let first = of("first").parse().unwrap_or(0);
                answered(Ok(calls::details(&self, of("id"), first).await))
            }
            (&Method::GET, "state") => answered(Ok(state::of(&self).await)),
            (&Method::GET, "route") => answered(state::route(&self.rig, of("url"), of("method"))),
            (&Method::POST, "step") => match Limited::new(body, LARGEST_STEP).collect().await {
                Ok(body) => answered(self.take(&body.to_bytes()).await),
                Err(_) => answered(Err(format!("a step has at most {LARGEST_STEP} bytes"))),
            },
            _ => with_status(StatusCode::NOT_FOUND, "text/plain", "not here\n"),
        }
    }

    /// Takes the steps that are written here.
    async fn take(&self, body: &Bytes) -> Result<Json, String> {
        let text = std::str::from_utf8(body).map_err(|error| error.to_string())?;
        let mut levers = self.levers.lock().await;
        let said = levers.take(&self.rig, &self.clock, text).await;
        self.changes.send_modify(|changes| *changes += 1);
        let said = said.map_err(|problem| self.told(&problem))?;
        Ok(json!({ "said": self.told(&said) }))
    }

    /// What hides everything that is known to be secret.
    fn redactor(&self) -> Redactor {
        let mut secrets = self.secrets.clone();
        secrets.add_declared(edgeproof_run::execute::declared(&self.rig));
        secrets.redactor()
    }

    /// A text as the page may have it.
    fn told(&self, text: &str) -> String {
        visible(&self.redactor().text(text))
    }
}

/// JSON, or why there is none.
fn answered(answer: Result<Json, String>) -> Response<Body> {
    let (status, json) = match answer {
        Ok(json) => (StatusCode::OK, json),
        Err(problem) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            json!({ "problem": problem }),
        ),
    };
    with_status(status, "application/json", json.to_string())
}

fn with_status(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(body::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Where the console listens.
pub(super) type Address = SocketAddr;
