//! One browser process, and the connection that drives it.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use edgeproof_ground::{
    process::{Child, ScratchDirectory},
    tools::ToolError,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use crate::{
    chromium,
    connection::Connection,
    engine::Engine,
    error::BrowserError,
    firefox,
    gateway::Gateway,
    page::{Page, PageError},
    profile::Profile,
};

/// How long a browser may take until it can be driven; it takes one or two seconds.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running browser with its own profile directory and gateway.
pub(crate) struct Process {
    pub(crate) connection: Connection,
    pub(crate) gateway: Gateway,
    pub(crate) engine: Engine,
    /// What it says of itself to pages.
    pub(crate) kind: Kind,
    /// Where a program can act in it beside edgeproof.
    pub(crate) devtools: Option<String>,
    /// Firefox's name for the window that its own scripts run in.
    pub(crate) chrome: Option<String>,
    pub(crate) _child: Child,
    // The profile goes after the process that uses it, and so does what it has elsewhere.
    pub(crate) _directories: Vec<ScratchDirectory>,
}

/// What tells one process from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A person's: nothing shows that it is driven.
    Personal,
    /// A person's whose windows are all private: Firefox is private as a whole, where Chromium has private windows beside
    /// the others.
    Private,
    /// It says that a program drives it.
    Automated,
}

impl Kind {
    /// The kind that a visitor needs.
    pub(crate) fn of(engine: Engine, profile: Profile) -> Self {
        match (profile, engine) {
            (Profile::Automated, _) => Self::Automated,
            (Profile::Incognito, Engine::Firefox) => Self::Private,
            _ => Self::Personal,
        }
    }
}

/// What every browser of this process is started from.
#[derive(Clone, Debug)]
pub(crate) struct Installation {
    /// The executable of each engine that is there, or why it is not.
    pub(crate) executables: BTreeMap<Engine, Result<PathBuf, ToolError>>,
    /// Below this directory profiles are made.
    pub(crate) profiles: PathBuf,
    pub(crate) trust: Trust,
    /// Whether windows are shown.
    pub(crate) headed: bool,
    /// Whether they are on the real network, where a host is one of its own, and not at one edge that has every name.
    pub(crate) on_network: bool,
}

/// The certificate authority that browsers trust, beside those they know. Default: none.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The SHA-256 of its public key, in base64.
    pub key: String,
    /// Its certificate, as PEM.
    pub certificate: String,
}

impl Process {
    pub(crate) async fn start(
        installation: &Installation,
        engine: Engine,
        kind: Kind,
    ) -> Result<Self, BrowserError> {
        let executable = match installation.executables.get(&engine) {
            Some(Ok(executable)) => executable,
            Some(Err(error)) => return Err(error.clone().into()),
            None => return Err(ToolError::Missing(engine.tool()).into()),
        };
        let started = async {
            match engine {
                Engine::Chromium => chromium::start(installation, executable, kind).await,
                Engine::Firefox => firefox::start(installation, executable, kind).await,
            }
        };
        let late = |_| BrowserError::Silent {
            engine,
            reason: format!("it was not ready within {} s", START_LIMIT.as_secs()),
        };
        tokio::time::timeout(START_LIMIT, started)
            .await
            .map_err(late)?
    }

    /// Opens a blank page for a visitor.
    pub(crate) async fn open(&self, profile: Profile) -> Result<Page, PageError> {
        match self.engine {
            Engine::Chromium => chromium::open(&self.connection, profile).await,
            Engine::Firefox => firefox::open(self).await,
        }
    }
}

/// Starts the program and waits until it says on its standard error where it can be driven, after this prefix. What it says
/// later is dropped, but read, or it would wait for room in the pipe.
pub(crate) async fn listening(
    engine: Engine,
    mut command: Command,
    prefix: &str,
) -> Result<(Child, String), BrowserError> {
    let start = |source| BrowserError::Start { engine, source };
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = Child::spawn(command).map_err(start)?;
    let stderr = child
        .stderr()
        .ok_or_else(|| start(io::Error::other("it has no standard error")))?;
    let mut lines = BufReader::new(stderr).lines();
    let mut said = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = line.strip_prefix(prefix) {
            let address = address.trim().to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, address));
        }
        said.push(line);
    }
    let reason = said.join("\n");
    Err(if reason.contains("No usable sandbox") {
        BrowserError::NoSandbox
    } else {
        BrowserError::Silent { engine, reason }
    })
}

/// A fresh profile directory.
pub(crate) fn profile_directory(
    engine: Engine,
    profiles: &Path,
) -> Result<ScratchDirectory, BrowserError> {
    ScratchDirectory::create(profiles, &format!("{}-", engine.name()))
        .map_err(|source| BrowserError::Start { engine, source })
}
