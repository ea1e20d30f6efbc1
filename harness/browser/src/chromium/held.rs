//! Requests that are held until they carry what the gate in front of their host lets through.

use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use tokio::sync::mpsc;
use url::Url;

use super::tab::Tab;
use crate::{
    connection::Connection,
    gate::{self, Gate, Header},
    page::PageError,
};

/// Where requests that are held go to: the session, and what the browser says of one.
pub(super) type Held = mpsc::UnboundedSender<(String, Value)>;

/// Lets requests go on that are held, with what the gate lets through, as long as somebody may send some.
pub(super) fn go_on(connection: &Connection, gate: &Arc<OnceLock<Gate>>) -> Held {
    let (sender, mut held) = mpsc::unbounded_channel::<(String, Value)>();
    let (connection, gate) = (connection.clone(), Arc::clone(gate));
    tokio::spawn(async move {
        while let Some((session, paused)) = held.recv().await {
            let mut go = json!({ "requestId": paused["requestId"] });
            if let Some(headers) = gate.get().and_then(|gate| instead(gate, &paused)) {
                let header = |(name, value)| json!({ "name": name, "value": value });
                go["headers"] = headers.into_iter().map(header).collect();
            }
            let connection = connection.clone();
            // One that the page has given up needs no leave.
            tokio::spawn(async move {
                connection
                    .send(Some(&session), "Fetch.continueRequest", go)
                    .await
            });
        }
    });
    sender
}

/// From now on the requests of a session are held.
pub(super) async fn hold(connection: &Connection, session: &str) -> Result<(), PageError> {
    let all = json!({ "patterns": [{ "urlPattern": "*" }] });
    asked(connection, session, "Fetch.enable", all).await
}

async fn asked(
    connection: &Connection,
    session: &str,
    method: &str,
    parameters: Value,
) -> Result<(), PageError> {
    let answered = connection.send(Some(session), method, parameters).await;
    match answered {
        Some(Ok(_)) => Ok(()),
        Some(Err(reason)) => Err(PageError::Browser(reason)),
        None => Err(crate::connection::gone()),
    }
}

/// The headers of a request to the gate's hosts. Chromium takes what is added for the page's own, and asks another origin
/// for leave first, which no site expects: such a request goes as it is.
fn instead(gate: &Gate, paused: &Value) -> Option<Vec<Header>> {
    let request = &paused["request"];
    let url = request["url"].as_str().unwrap_or_default();
    let has = gate::headers(&request["headers"]);
    let is_of_page = paused["resourceType"] == "Document" || is_same_origin(url, &has);
    let is_for = Url::parse(url).is_ok_and(|url| gate.is_for(&url));
    match is_for && !is_of_page {
        true => None,
        false => gate.instead(url, &has),
    }
}

fn is_same_origin(url: &str, headers: &[Header]) -> bool {
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    let from = headers.iter().find(|(name, _)| name == "referer");
    from.and_then(|(_, from)| origin(from)) == origin(url)
}

impl Tab {
    /// From now on requests to the hosts of a gate carry what it lets through.
    pub(super) async fn enter(&self, gate: Gate) -> Result<(), PageError> {
        for host in &gate.hosts {
            for (name, value) in &gate.cookies {
                let cookie = json!({
                    "url": format!("https://{host}/"), "name": name, "value": value,
                    "secure": true, "sameSite": "None",
                });
                let session = &self.session;
                asked(&self.connection, session, "Network.setCookie", cookie).await?;
            }
        }
        // There is one gate for a visit.
        let _ = self.gate.set(gate);
        hold(&self.connection, &self.session).await
    }
}
