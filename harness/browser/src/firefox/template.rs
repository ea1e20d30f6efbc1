//! The profile that every Firefox is started with a copy of: it was started once, so that what Firefox makes in a new profile
//! is there already.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use edgeproof_ground::{causes::about, process::ScratchDirectory};
use serde_json::json;
use tokio::sync::Mutex;

use super::{OWN_TRAFFIC, launch, protocol, settings};
use crate::{
    engine::Engine,
    error::BrowserError,
    gateway::Gateway,
    process::{Installation, Kind},
};

/// What a running Firefox leaves in its profile that is its own.
const NOT_COPIED: [&str; 4] = [".parentlock", "lock", "user.js", "cache2"];

/// One that is made at a time.
static MAKING: Mutex<()> = Mutex::const_new(());

/// Copies the profile to a directory that is there; makes it first where there is none yet for this version.
pub(super) async fn copy(
    installation: &Installation,
    executable: &Path,
    to: &Path,
) -> Result<(), BrowserError> {
    let engine = Engine::Firefox;
    let start = |source| BrowserError::Start { engine, source };
    let template = place(&installation.profiles, executable).map_err(start)?;
    let making = MAKING.lock().await;
    if !template.is_dir() {
        make(installation, executable, &template).await?;
    }
    drop(making);
    let to = to.to_owned();
    let copied = tokio::task::spawn_blocking(move || copy_directory(&template, &to));
    copied
        .await
        .map_err(io::Error::from)
        .flatten()
        .map_err(start)
}

/// Where the profile of this version of Firefox lies: beside those that are in use.
fn place(profiles: &Path, executable: &Path) -> io::Result<PathBuf> {
    let executable = executable.canonicalize()?;
    let metadata = executable.metadata()?;
    let changed = metadata.modified()?.duration_since(UNIX_EPOCH);
    let changed = changed.map_or(0, |since| since.as_secs());
    let name = format!("firefox-template-{changed:x}-{:x}", metadata.len());
    Ok(profiles.with_file_name(name))
}

/// Starts a Firefox in a fresh profile, ends it, and keeps the profile.
async fn make(
    installation: &Installation,
    executable: &Path,
    template: &Path,
) -> Result<(), BrowserError> {
    let engine = Engine::Firefox;
    let start = |source| BrowserError::Start { engine, source };
    let profiles = &installation.profiles;
    let directory = ScratchDirectory::create(profiles, "firefox-").map_err(start)?;
    // It leads nowhere.
    let gateway = Gateway::open_proxy(&OWN_TRAFFIC).await.map_err(start)?;
    let settings = settings::of(Kind::Personal, gateway.address());
    settings::write(&directory.path(), &settings).map_err(start)?;
    let (mut child, connection) = launch(executable, &directory.path(), false).await?;
    let closed = connection.command("browser.close", json!({})).await;
    closed.map_err(|error| protocol(&error))?;
    child.wait().await.map_err(start)?;
    match fs::rename(directory.path(), template) {
        // Another process has made one meanwhile.
        Err(_) if template.is_dir() => Ok(()),
        renamed => renamed.map_err(start),
    }
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if NOT_COPIED.iter().any(|known| name == *known) {
            continue;
        }
        let copy = to.join(&name);
        if kind.is_dir() {
            fs::create_dir_all(&copy).map_err(about(&copy))?;
            copy_directory(&entry.path(), &copy)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &copy).map_err(about(&copy))?;
        }
    }
    Ok(())
}
