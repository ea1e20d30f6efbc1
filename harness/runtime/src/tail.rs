//! What invocations of a worker come to: its log, its exceptions, the request and the response, as the runtime tells a tail
//! worker of them. Ours passes them on to a socket.
//!
//! The runtime hides values of headers and addresses that look like secrets by itself. Measured on workerd 1.20261117.1:
//! `scriptName` is null, `cpuTime` and `wallTime` are 0.

use std::{convert::Infallible, fmt::Write as _, io, path::Path, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::UnixListener, task::JoinSet};

use super::{
    compatibility::COMPATIBILITY_DATE,
    config::{WorkerConfig, quote},
    source_maps::SourceMaps,
};

/// Takes what invocations of a worker came to: its name, and one value for each of them.
pub type TailReader = Arc<dyn Fn(&str, Vec<Value>) + Send + Sync>;

/// Bytes of one message that are read. An invocation has 256 KB of log at most, which JSON makes longer.
const MESSAGE: usize = 4 * 1024 * 1024;

/// The service that the socket is. A worker's name has no blank.
const SINK: &str = "tail sink";

/// The service that gets what invocations of the worker of this number come to.
pub(super) fn service(index: usize) -> String {
    format!("tail of {index}")
}

/// The services of those that are tailed.
pub(super) fn render_services(text: &mut String, workers: &[WorkerConfig], directory: &Path) {
    let tailed = workers.iter().enumerate();
    let mut tailed = tailed
        .filter(|(_, worker)| worker.options.is_tailed)
        .peekable();
    if tailed.peek().is_some() {
        let address = format!("unix:{}", directory.join(SOCKET).display());
        let _ = writeln!(
            text,
            "    ( name = {}, external = ( address = {}, http = () ) ),",
            quote(SINK),
            quote(&address)
        );
    }
    for (index, _) in tailed {
        let name = quote(&service(index));
        let _ = writeln!(text, "    ( name = {name}, worker = .tail{index} ),");
    }
}

/// The worker that gets what invocations of the worker of this number come to.
pub(super) fn render_worker(text: &mut String, index: usize) {
    let _ = writeln!(
        text,
        "\nconst tail{index} :Workerd.Worker = (\n  modules = [ ( name = \"tail.js\", esModule = {} ) ],\n  bindings = [ ( name = \"SINK\", service = {} ), ( name = \"WORKER\", text = \"{index}\" ) ],\n  compatibilityDate = {},\n);",
        quote(include_str!("tail.js")),
        quote(SINK),
        quote(COMPATIBILITY_DATE),
    );
}

/// The name of the socket in the directory of the runtime.
const SOCKET: &str = "tail.sock";

/// The socket. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Sink {
    task: tokio::task::JoinHandle<()>,
}

/// What every message is read with.
struct Reading {
    workers: Vec<String>,
    maps: Arc<SourceMaps>,
    reader: TailReader,
}

impl Sink {
    pub(super) fn open(
        directory: &Path,
        workers: &[WorkerConfig],
        maps: Arc<SourceMaps>,
        reader: TailReader,
    ) -> io::Result<Self> {
        let listener = UnixListener::bind(directory.join(SOCKET))?;
        let reading = Arc::new(Reading {
            workers: workers.iter().map(|worker| worker.name.clone()).collect(),
            maps,
            reader,
        });
        let task = tokio::spawn(accept(listener, reading));
        Ok(Self { task })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: UnixListener, reading: Arc<Reading>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error here concerns one connection that never came to be.
                let Ok((stream, _)) = accepted else { continue };
                let reading = Arc::clone(&reading);
                connections.spawn(async move {
                    let service = service_fn(|request| reading.read(request));
                    // The runtime ends when it is stopped.
                    let _ = http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

impl Reading {
    async fn read(&self, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        let path = request.uri().path().trim_start_matches('/');
        let worker = path.parse().ok();
        let worker: Option<&String> = worker.and_then(|index: usize| self.workers.get(index));
        // A message that is too long, or that is cut by the end of the runtime, tells nothing.
        if let Some(worker) = worker
            && let Ok(body) = Limited::new(request.into_body(), MESSAGE).collect().await
            && let Ok(mut events) = serde_json::from_slice::<Vec<Value>>(&body.to_bytes())
        {
            for event in &mut events {
                self.complete(worker, event);
            }
            (self.reader)(worker, events);
        }
        Ok(Response::new(Empty::new()))
    }

    /// What the runtime does not know: how the worker is called, and the sources of its stacks.
    fn complete(&self, worker: &str, event: &mut Value) {
        if !event.is_object() {
            return;
        }
        event["scriptName"] = worker.into();
        let exceptions = event["exceptions"].as_array_mut();
        for exception in exceptions.into_iter().flatten() {
            if let Some(stack) = exception["stack"].as_str() {
                exception["stack"] = self.maps.mapped(Some(worker), stack).into();
            }
        }
    }
}
