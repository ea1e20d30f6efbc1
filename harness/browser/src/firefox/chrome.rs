//! What WebDriver BiDi has no command for: scripts among Firefox's own. Nothing of them gets into a page.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::text;
use crate::{connection::Connection, page::PageError};

/// How long Firefox may take to pass on to its pages that nobody drives them; it takes some milliseconds.
const HIDDEN_WITHIN: Duration = Duration::from_secs(5);

/// How often it is asked.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// The window whose scripts are Firefox's own.
pub(super) async fn window(connection: &Connection) -> Result<String, PageError> {
    let tree = json!({ "moz:scope": "chrome" });
    let tree = connection.command("browsingContext.getTree", tree).await?;
    Ok(text(&tree["contexts"][0]["context"]))
}

/// Makes a certificate authority one that is trusted, as one that a company has installed: unlike ignored errors, that
/// leaves strict transport security in force.
pub(super) async fn trust(
    connection: &Connection,
    window: &str,
    certificate: &str,
) -> Result<(), PageError> {
    let lines = certificate.lines().filter(|line| !line.starts_with('-'));
    let base64 = lines.collect::<String>();
    if base64.is_empty() {
        return Ok(());
    }
    let script = format!(
        "Cc['@mozilla.org/security/x509certdb;1'].getService(Ci.nsIX509CertDB).addCertFromBase64({}, 'C,,')",
        Value::from(base64)
    );
    run(connection, window, &script).await.map(drop)
}

/// Takes back what pages are told of the remote agent; `navigator.webdriver` is false then, as in a browser that nobody
/// drives. The name of the value is Firefox's own business, so it is looked whether it had its effect.
pub(super) async fn hide_automation(
    connection: &Connection,
    window: &str,
) -> Result<(), PageError> {
    let script = "Services.ppmm.sharedData.set('RemoteAgent:Active', false); Services.ppmm.sharedData.flush()";
    run(connection, window, script).await?;
    let tree = connection.command("browsingContext.getTree", json!({}));
    let page = text(&tree.await?["contexts"][0]["context"]);
    let deadline = Instant::now() + HIDDEN_WITHIN;
    loop {
        let said = run(connection, &page, "navigator.webdriver").await?;
        if said["value"] == false {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(PageError::Browser(
                "pages of this version can tell that a program drives it".to_owned(),
            ));
        }
        sleep(LOOK_AGAIN).await;
    }
}

/// Forgets which hosts ask for TLS: Firefox keeps that for all visitors together.
pub(super) async fn forget_transport_security(
    connection: &Connection,
    window: &str,
) -> Result<(), PageError> {
    let script = "new Promise((done) => Services.clearData.deleteData(Ci.nsIClearDataService.CLEAR_HSTS, done))";
    run(connection, window, script).await.map(drop)
}

async fn run(connection: &Connection, context: &str, script: &str) -> Result<Value, PageError> {
    let evaluate = json!({
        "expression": script, "target": { "context": context }, "awaitPromise": true,
    });
    let evaluated = connection.command("script.evaluate", evaluate).await?;
    match evaluated["exceptionDetails"]["text"].as_str() {
        Some(thrown) => Err(PageError::Browser(thrown.to_owned())),
        None => Ok(evaluated["result"].clone()),
    }
}
