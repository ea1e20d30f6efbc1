//! Firefox, driven by WebDriver BiDi over its own socket.

mod chrome;
mod cut;
mod driver;
mod events;
mod keys;
mod protocol;
mod remote;
mod settings;
mod tab;
mod template;

use std::path::Path;

use edgeproof_ground::process::Child;
use serde_json::{Value, json};
use tokio::process::Command;

pub(crate) use tab::open;

use crate::{
    connection::Connection,
    engine::Engine,
    error::BrowserError,
    gateway::Gateway,
    page::PageError,
    process::{Installation, Kind, Process, listening, profile_directory},
};

/// Names that Firefox asks for on its own account; nobody answers, or they would stand in the trace as visits.
const OWN_TRAFFIC: [&str; 5] = [
    "mozilla.com",
    "mozilla.org",
    "mozilla.net",
    "firefox.com",
    "googleapis.com",
];

/// What is told of every page. A subscription for one visitor alone takes 50 ms each time.
const EVENTS: [&str; 6] = [
    "browsingContext",
    "network",
    "log",
    "script.realmCreated",
    "script.realmDestroyed",
    "script.message",
];

/// How much of a body is kept.
const BODY_BYTES: u64 = 100 * 1024 * 1024;

/// Starts a Firefox from a profile that was started once, which halves the time it takes.
pub(crate) async fn start(
    installation: &Installation,
    executable: &Path,
    kind: Kind,
) -> Result<Process, BrowserError> {
    let engine = Engine::Firefox;
    let directory = profile_directory(engine, &installation.profiles)?;
    let start = |source| BrowserError::Start { engine, source };
    template::copy(installation, executable, &directory.path()).await?;
    let gateway = Gateway::open_proxy(&OWN_TRAFFIC).await.map_err(start)?;
    let settings = settings::of(kind, gateway.address());
    settings::write(&directory.path(), &settings).map_err(start)?;
    let (child, connection) = launch(executable, &directory.path(), installation.headed).await?;
    let prepared = prepare(&connection, installation, kind).await;
    let chrome = prepared.map_err(|error| protocol(&error))?;
    Ok(Process {
        connection,
        gateway,
        engine,
        kind,
        // It takes one program at a time.
        devtools: None,
        chrome: Some(chrome),
        _child: child,
        _directories: vec![directory],
    })
}

/// Starts the program with a profile, and begins a session.
async fn launch(
    executable: &Path,
    profile: &Path,
    headed: bool,
) -> Result<(Child, Connection), BrowserError> {
    let mut command = Command::new(executable);
    if !headed {
        command.arg("--headless");
    }
    command
        .args(["--no-remote", "--remote-debugging-port", "0"])
        // For the scripts of `chrome.rs`.
        .arg("--remote-allow-system-access")
        .arg("--profile")
        .arg(profile)
        // It takes no home that belongs to somebody else, as under sudo.
        .env("HOME", profile)
        .env("MOZ_CRASHREPORTER_DISABLE", "1")
        // Without it the setting that names the settings server is ignored.
        .env("MOZ_REMOTE_SETTINGS_DEVTOOLS", "1")
        .env("MOZ_HEADLESS_WIDTH", "1280")
        .env("MOZ_HEADLESS_HEIGHT", "900");
    let prefix = "WebDriver BiDi listening on ";
    let (child, address) = listening(Engine::Firefox, command, prefix).await?;
    let connection = Connection::open(&format!("{address}/session"))
        .await
        .map_err(|error| protocol(&error))?;
    // Prompts are answered as the visitor says, not by the driver.
    let capabilities = json!({ "unhandledPromptBehavior": { "default": "ignore" } });
    let new = json!({ "capabilities": { "alwaysMatch": capabilities } });
    let session = connection.command("session.new", new).await;
    session.map_err(|error| protocol(&error))?;
    Ok((child, connection))
}

/// Makes it ready for visitors. Returns the name of the window that its own scripts run in.
async fn prepare(
    connection: &Connection,
    installation: &Installation,
    kind: Kind,
) -> Result<String, PageError> {
    let subscribe = json!({ "events": EVENTS });
    let collect = json!({ "dataTypes": ["request", "response"], "maxEncodedDataSize": BODY_BYTES });
    let (chrome, ..) = tokio::try_join!(
        chrome::window(connection),
        connection.command("session.subscribe", subscribe),
        connection.command("network.addDataCollector", collect),
    )?;
    chrome::trust(connection, &chrome, &installation.trust.certificate).await?;
    if kind != Kind::Automated {
        chrome::hide_automation(connection, &chrome).await?;
    }
    warm_up(connection).await?;
    Ok(chrome)
}

/// Does once what every visit does: Firefox loads its own scripts for a thing when it is done for the first time, and a visitor
/// would wait for that.
async fn warm_up(connection: &Connection) -> Result<(), PageError> {
    let made = connection.command("browser.createUserContext", json!({}));
    let user_context = text(&made.await?["userContext"]);
    let create = json!({ "type": "tab", "userContext": user_context });
    let created = connection.command("browsingContext.create", create).await?;
    let context = text(&created["context"]);
    let call = json!({
        "functionDeclaration": "() => true", "awaitPromise": true,
        "target": { "context": context, "sandbox": "edgeproof" },
    });
    connection.command("script.callFunction", call).await?;
    let evaluate =
        json!({ "expression": "true", "awaitPromise": true, "target": { "context": context } });
    connection.command("script.evaluate", evaluate).await?;
    let motion = json!({ "type": "pointerMove", "x": 1, "y": 1 });
    let mouse = json!({ "type": "pointer", "id": "mouse", "actions": [motion] });
    let perform = json!({ "context": context, "actions": [mouse] });
    connection.command("input.performActions", perform).await?;
    let remove = json!({ "userContext": user_context });
    connection
        .command("browser.removeUserContext", remove)
        .await?;
    Ok(())
}

fn protocol(error: &PageError) -> BrowserError {
    BrowserError::Protocol {
        engine: Engine::Firefox,
        reason: error.to_string(),
    }
}

/// A text of a response.
fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
