//! One Chromium process, and the connection that drives it.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use edgeproof_ground::process::{Child, ScratchDirectory};
use tokio::io::{AsyncBufReadExt, BufReader};

use super::{
    gateway::Gateway,
    kind::{Kind, Launch, arguments},
    protocol::Connection,
};

/// How long Chromium may take until it can be driven; it takes about a second.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The variable that lets Chromium run without a sandbox; for root it never has one.
const NO_SANDBOX: &str = "EDGEPROOF_NO_SANDBOX";

/// Why no Chromium could be had.
#[derive(Debug, thiserror::Error)]
pub enum ChromiumError {
    /// The process, its profile directory or its gateway could not be made.
    #[error("Chromium could not be started")]
    Start(#[source] io::Error),
    /// The system gives it no sandbox.
    #[error(
        "Chromium can have no sandbox for its pages on this system: allow user namespaces to programs without privileges \
         (`sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0` on Ubuntu), or set {NO_SANDBOX}=1 where every page \
         it will open is trusted"
    )]
    NoSandbox,
    /// It ended, or did not say where it listens.
    #[error("Chromium did not start: {0}")]
    Silent(String),
    /// It listens, but does not answer.
    #[error("Chromium does not respond: {0}")]
    Protocol(String),
}

/// A running Chromium with its own profile directory and gateway.
pub(super) struct Chromium {
    pub(super) connection: Connection,
    pub(super) gateway: Gateway,
    /// What it says of itself to pages.
    pub(super) kind: Kind,
    _child: Child,
    // The profile goes after the process that uses it.
    _directory: ScratchDirectory,
}

/// What every Chromium of this process is started from.
#[derive(Clone, Debug)]
pub(super) struct Installation {
    pub(super) executable: PathBuf,
    /// Below this directory profiles are made.
    pub(super) profiles: PathBuf,
    pub(super) trusted_key: String,
    /// Whether windows are shown.
    pub(super) headed: bool,
}

impl Chromium {
    pub(super) async fn start(
        installation: &Installation,
        kind: Kind,
    ) -> Result<Self, ChromiumError> {
        let directory = ScratchDirectory::create(&installation.profiles, "chromium-")
            .map_err(ChromiumError::Start)?;
        let gateway = Gateway::open().await.map_err(ChromiumError::Start)?;
        let arguments = arguments(&Launch {
            kind,
            headed: installation.headed,
            sandboxed: can_have_sandbox(),
            directory: &directory.path(),
            gateway: gateway.address(),
            trusted_key: &installation.trusted_key,
            major_version: major_version(&installation.executable).await?,
        });
        let mut command = tokio::process::Command::new(&installation.executable);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = Child::spawn(command).map_err(ChromiumError::Start)?;
        let address = tokio::time::timeout(START_LIMIT, debugger_address(&mut child))
            .await
            .map_err(|_| {
                ChromiumError::Silent(format!("nothing within {} s", START_LIMIT.as_secs()))
            })??;
        let connection = Connection::open(&address)
            .await
            .map_err(|error| ChromiumError::Protocol(error.to_string()))?;
        Ok(Self {
            connection,
            gateway,
            kind,
            _child: child,
            _directory: directory,
        })
    }
}

/// Chromium says on its standard error where it can be driven; what it says later is dropped, but read, or
/// it would wait for room in the pipe.
async fn debugger_address(child: &mut Child) -> Result<String, ChromiumError> {
    let stderr = child
        .stderr()
        .ok_or_else(|| ChromiumError::Silent("no standard error".to_owned()))?;
    let mut lines = BufReader::new(stderr).lines();
    let mut said = Vec::new();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(address) = line.strip_prefix("DevTools listening on ") {
            let address = address.trim().to_owned();
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(address);
        }
        said.push(line);
    }
    let said = said.join("\n");
    Err(if said.contains("No usable sandbox") {
        ChromiumError::NoSandbox
    } else {
        ChromiumError::Silent(said)
    })
}

/// A page's code is kept from the machine by the sandbox, so there is one wherever there can be: Chromium refuses to make
/// it for root.
fn can_have_sandbox() -> bool {
    let is_waived = std::env::var_os(NO_SANDBOX).is_some_and(|value| !value.is_empty());
    !is_waived && !rustix::process::geteuid().is_root()
}

/// Asked of the executable once for each start: `Chromium 156.0.8078.79 built on …`.
async fn major_version(executable: &Path) -> Result<u32, ChromiumError> {
    let output = tokio::process::Command::new(executable)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(ChromiumError::Start)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .find_map(|word| word.split_once('.')?.0.parse().ok())
        .ok_or_else(|| ChromiumError::Silent(format!("`--version` said `{}`", text.trim())))
}
