//! Chromium, driven by its DevTools protocol.

mod arguments;
mod driver;
mod ending;
mod events;
mod held;
mod protocol;
mod tab;
mod windows;

use std::{path::Path, process::Stdio};

use edgeproof_ground::process::ScratchDirectory;
use tokio::process::Command;

pub(crate) use tab::open;

use self::arguments::{Launch, arguments};
use crate::{
    connection::Connection,
    engine::Engine,
    error::{BrowserError, NO_SANDBOX},
    gateway::Gateway,
    process::{Installation, Kind, Process, listening, profile_directory},
};

/// Starts a Chromium.
pub(crate) async fn start(
    installation: &Installation,
    executable: &Path,
    kind: Kind,
) -> Result<Process, BrowserError> {
    let engine = Engine::Chromium;
    let directory = profile_directory(engine, &installation.profiles)?;
    let opened = match installation.on_network {
        true => Gateway::open_proxy(&[]).await,
        false => Gateway::open().await,
    };
    let gateway = opened.map_err(|source| BrowserError::Start { engine, source })?;
    let mut command = Command::new(executable);
    command.args(arguments(&Launch {
        kind,
        headed: installation.headed,
        sandboxed: can_have_sandbox(),
        directory: &directory.path(),
        gateway: gateway.address(),
        on_network: installation.on_network,
        trusted_key: &installation.trust.key,
        major_version: major_version(executable).await?,
    }));
    let (child, address) = listening(engine, command, "DevTools listening on ").await?;
    let sockets = sockets(&directory.path());
    let connection = Connection::open(&address)
        .await
        .map_err(|error| BrowserError::Protocol {
            engine,
            reason: error.to_string(),
        })?;
    Ok(Process {
        connection,
        gateway,
        engine,
        kind,
        devtools: Some(address),
        chrome: None,
        _child: child,
        _directories: [Some(directory), sockets].into_iter().flatten().collect(),
    })
}

/// Where Chromium keeps the socket of its profile: a directory of its own beside all others of the machine, which nobody
/// removes when it is killed. The profile says which.
fn sockets(profile: &Path) -> Option<ScratchDirectory> {
    let socket = std::fs::read_link(profile.join("SingletonSocket")).ok()?;
    let directory = socket.parent().filter(|_| socket.is_absolute())?;
    // It has this too, and nothing else.
    let is_own = directory.join("SingletonCookie").is_symlink();
    is_own.then(|| ScratchDirectory::adopt(directory.to_owned()))
}

/// A page's code is kept from the machine by the sandbox, so there is one wherever there can be: Chromium refuses to make
/// it for root.
fn can_have_sandbox() -> bool {
    let is_waived = std::env::var_os(NO_SANDBOX).is_some_and(|value| !value.is_empty());
    !is_waived && !rustix::process::geteuid().is_root()
}

/// Asked of the executable once for each start: `Chromium 156.0.8078.79 built on …`.
async fn major_version(executable: &Path) -> Result<u32, BrowserError> {
    let engine = Engine::Chromium;
    let output = Command::new(executable)
        .arg("--version")
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(|source| BrowserError::Start { engine, source })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split_whitespace()
        .find_map(|word| word.split_once('.')?.0.parse().ok())
        .ok_or_else(|| BrowserError::Silent {
            engine,
            reason: format!("`--version` said `{}`", text.trim()),
        })
}
