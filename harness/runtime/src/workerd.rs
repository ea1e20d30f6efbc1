//! Starts `workerd`, learns its ports, keeps its log, ends it.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use edgeproof_ground::{
    memory::Memory,
    process::{Child, ScratchDirectory, write_private},
};
use serde::Deserialize;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    net::unix::pipe,
};

use super::{
    config::{self, WorkerConfig},
    log::LogLine,
    runtime_log::RuntimeLog,
    source_maps::SourceMaps,
    tail::{Sink, TailReader},
};

/// How long the runtime may take until it listens; it takes 20 to 60 ms.
const START_LIMIT: Duration = Duration::from_secs(20);

/// The descriptor on which the runtime reports its ports: that of the standard input, which it does not read.
///
/// Any other would have to be put in place between fork and exec, and a process that runs code of ours there is forked with
/// copies of all page tables: 4 % of the processor time of a whole run of scenarios (`perf`).
const CONTROL_DESCRIPTOR: i32 = 0;

/// A running `workerd`. Dropping it ends it.
#[derive(Debug)]
pub struct Runtime {
    child: Child,
    ports: HashMap<String, SocketAddr>,
    sockets: HashMap<String, PathBuf>,
    inspector: Option<SocketAddr>,
    log: RuntimeLog,
    /// Takes in what invocations come to.
    _sink: Option<Sink>,
    /// The sockets, and configuration files, which the runtime reads only at its start and `--keep` leaves readable.
    _directory: ScratchDirectory,
}

/// Who looks into the workers.
#[derive(Clone, Default)]
pub struct Watched {
    /// Whether there is a port for DevTools: see [`Runtime::inspector`].
    pub inspect: bool,
    /// Who gets what invocations of the workers come to whose options say that they are tailed.
    pub tail: Option<TailReader>,
}

/// Why the runtime did not start.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The process could not be started or spoken to.
    #[error("workerd could not be started")]
    Start(#[source] io::Error),
    /// It ended before it listened, as it does when a worker's code is faulty.
    #[error("workerd ended before it listened: {}", .0.join("\n"))]
    Ended(Vec<String>),
    /// It did not listen in time.
    #[error("workerd did not listen within {} s: {}", START_LIMIT.as_secs(), .0.join("\n"))]
    Silent(Vec<String>),
}

/// What the runtime reports on its control descriptor.
#[derive(Deserialize)]
struct ControlEvent {
    event: String,
    #[serde(default)]
    socket: String,
    #[serde(default)]
    port: u16,
}

impl Runtime {
    /// Starts the workers; returns when every one of them listens.
    ///
    /// # Errors
    /// When the process cannot be started, or ends or stays silent instead of listening.
    pub async fn start(workerd: &Path, workers: &[WorkerConfig]) -> Result<Self, RuntimeError> {
        Self::start_with(workerd, workers, Watched::default(), &Memory::default()).await
    }

    /// The same, where somebody looks into the workers. Its log is a part of what `memory` has room for.
    ///
    /// # Errors
    /// The same.
    pub async fn start_with(
        workerd: &Path,
        workers: &[WorkerConfig],
        watched: Watched,
        memory: &Memory,
    ) -> Result<Self, RuntimeError> {
        let inspect = watched.inspect;
        let directory = ScratchDirectory::create(&std::env::temp_dir(), "edgeproof-runtime-")
            .map_err(RuntimeError::Start)?;
        let file = directory.path().join("config.capnp");
        let rendered = config::render(workers, &directory.path());
        write_private(&file, rendered).map_err(RuntimeError::Start)?;

        let maps = Arc::new(SourceMaps::of(workers));
        let sink = watched
            .tail
            .filter(|_| workers.iter().any(|worker| worker.options.is_tailed))
            .map(|reader| Sink::open(&directory.path(), workers, Arc::clone(&maps), reader))
            .transpose()
            .map_err(RuntimeError::Start)?;
        let (mut child, control) = spawn(workerd, &file, inspect).map_err(RuntimeError::Start)?;
        let log = RuntimeLog::new(maps, memory);
        if let Some(stdout) = child.stdout() {
            log.follow(stdout);
        }
        if let Some(stderr) = child.stderr() {
            log.follow(stderr);
        }

        let control = BufReader::new(control).lines();
        let listening = listening(control, 2 * workers.len(), inspect);
        let (mut ports, inspector) = tokio::time::timeout(START_LIMIT, listening)
            .await
            .map_err(|_| RuntimeError::Silent(log.texts()))?
            .map_err(RuntimeError::Start)?;
        if ports.len() < 2 * workers.len() {
            // Its control descriptor closed: it has ended, and its last words are in the pipes.
            let _ = child.wait().await;
            log.settled().await;
            return Err(RuntimeError::Ended(log.texts()));
        }
        ports.retain(|_, address| address.port() != 0);
        let sockets = workers.iter().enumerate();
        let sockets = sockets.map(|(index, worker)| {
            (
                worker.name.clone(),
                config::socket(&directory.path(), index),
            )
        });
        Ok(Self {
            child,
            ports,
            sockets: sockets.collect(),
            inspector,
            log,
            _sink: sink,
            _directory: directory,
        })
    }

    /// The port where a worker takes plain HTTP/1.1 requests, for clients that know nothing else.
    pub fn address(&self, worker: &str) -> Option<SocketAddr> {
        self.ports.get(worker).copied()
    }

    /// The socket in the file system where each worker takes plain HTTP/1.1 requests, by worker name. Over it nothing is lost
    /// of a response to a request that the worker has not read, and a client that closes it has gone.
    pub fn sockets(&self) -> &HashMap<String, PathBuf> {
        &self.sockets
    }

    /// Where DevTools find the workers, where that was asked for.
    pub fn inspector(&self) -> Option<SocketAddr> {
        self.inspector
    }

    /// The process id, for measurements.
    pub fn process_id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Everything written to the log so far.
    pub fn log(&self) -> Vec<LogLine> {
        self.log.lines()
    }

    /// The log itself: it can be read when the runtime has ended.
    pub fn log_kept(&self) -> RuntimeLog {
        self.log.clone()
    }

    /// Waits until the log holds a line that `wanted` accepts, at most for `limit`.
    pub async fn wait_for_log(
        &self,
        limit: Duration,
        wanted: impl Fn(&LogLine) -> bool,
    ) -> Option<LogLine> {
        self.log.wait_for(limit, wanted).await
    }

    /// Ends the process and waits until it is gone.
    pub async fn stop(self) {
        self.child.stop().await;
    }
}

fn spawn(workerd: &Path, config: &Path, inspect: bool) -> io::Result<(Child, pipe::Receiver)> {
    let (control, report) = io::pipe()?;
    let mut command = tokio::process::Command::new(workerd);
    command
        .arg("serve")
        // Modules are embedded by absolute path.
        .args(["-I", "/"])
        .arg(format!("--control-fd={CONTROL_DESCRIPTOR}"))
        // With it an uncaught exception is logged with its stack.
        .arg("--verbose")
        .args(inspect.then_some("--inspector-addr=127.0.0.1:0"))
        .arg(config)
        .env_clear()
        .env("TZ", "UTC")
        .stdin(report)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = Child::spawn(command)?;
    Ok((child, pipe::Receiver::from_owned_fd(control.into())?))
}

/// Collects ports until every socket has reported, or the descriptor closes.
async fn listening(
    mut control: Lines<BufReader<pipe::Receiver>>,
    expected: usize,
    inspect: bool,
) -> io::Result<(HashMap<String, SocketAddr>, Option<SocketAddr>)> {
    let (mut sockets, mut inspector) = (HashMap::new(), None);
    while (sockets.len() < expected || (inspect && inspector.is_none()))
        && let Some(line) = control.next_line().await?
    {
        if let Ok(event) = serde_json::from_str::<ControlEvent>(&line) {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, event.port));
            match event.event.as_str() {
                "listen" => {
                    sockets.insert(event.socket, address);
                }
                "listen-inspector" => inspector = Some(address),
                _ => {}
            }
        }
    }
    Ok((sockets, inspector))
}
#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use edgeproof_ground::tools::{self, Tool};

    use super::*;

    #[tokio::test]
    async fn what_workers_are_told_is_for_the_eyes_of_the_owner() {
        let workerd = tools::find(Tool::Workerd).unwrap();
        let runtime = Runtime::start(&workerd, &[]).await.unwrap();
        let Runtime {
            _directory: directory,
            ..
        } = &runtime;
        let directory = directory.path();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        let files = fs::read_dir(&directory).unwrap();
        let modes: Vec<u32> = files.map(|file| mode(&file.unwrap().path())).collect();
        assert_eq!(modes, [0o600]);
        runtime.stop().await;
    }
}
