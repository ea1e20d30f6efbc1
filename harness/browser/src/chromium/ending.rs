//! The end of a visit: its windows are closed, and what it left in the browser is removed.

use std::{collections::HashSet, time::Duration};

use headless_chrome::protocol::cdp::{Network, Storage, Target};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{tab::Tab, windows::Window};
use crate::{
    connection::{Connection, ROOT},
    driver::Driver as _,
    page::PageError,
};

/// How long windows may take to be gone; they take some milliseconds.
const CLOSING_LIMIT: Duration = Duration::from_secs(10);

/// How long a page may take to say what was decided for it; it takes some milliseconds.
const DECISIONS_LIMIT: Duration = Duration::from_secs(1);

impl Tab {
    /// Closes the page and removes what the visit left in the browser; whether that was everything.
    pub(super) async fn end(self: Box<Self>) -> Result<bool, PageError> {
        let is_private = self.context.is_some();
        let is_new = is_private || !(self.activity.is_remembered() || self.has_decided().await);
        let mut windows = self.take_windows().await?;
        let origins = self.origins();
        windows.push(Window {
            target: self.target,
            session: self.session,
        });
        close(&self.connection, windows).await?;
        match self.context {
            Some(browser_context_id) => {
                let dispose = Target::DisposeBrowserContext { browser_context_id };
                self.connection.ask(None, dispose).await?;
            }
            None => wipe(&self.connection, origins).await?,
        }
        Ok(is_new)
    }

    /// Whether the browser has decided for the page what it asks people: it keeps the decision for the origin, and nothing
    /// removes it. A page that cannot say so has perhaps asked.
    async fn has_decided(&self) -> bool {
        let top = self.top();
        let decided = self.act(&top, "decided", Value::Null);
        let decided = tokio::time::timeout(DECISIONS_LIMIT, decided).await;
        !matches!(decided, Ok(Ok(Value::Bool(false))))
    }

    /// All that was asked for something, each once.
    fn origins(&self) -> HashSet<String> {
        let calls = self.activity.calls();
        let urls = calls
            .iter()
            .filter_map(|call| url::Url::parse(&call.url).ok());
        urls.filter(url::Url::has_host)
            .map(|url| url.origin().ascii_serialization())
            .collect()
    }
}

/// Closes the windows and waits until they are gone: a page that is still there could store something again.
async fn close(connection: &Connection, windows: Vec<Window>) -> Result<(), PageError> {
    let (gone, mut destroyed) = mpsc::unbounded_channel();
    connection.listen(
        ROOT,
        Some(Box::new(move |event, parameters| {
            if event == "Target.targetDestroyed"
                && let Some(target) = parameters["targetId"].as_str()
            {
                // The other end is gone when nobody waits any more.
                let _ = gone.send(target.to_owned());
            }
        })),
    );
    connection.ask(None, discover(true)).await?;
    let mut open = HashSet::new();
    for Window { target, session } in windows {
        connection.listen(&session, None);
        let close = Target::CloseTarget {
            target_id: target.clone(),
        };
        // One that closed itself is closed.
        if connection.ask(None, close).await.is_ok() {
            open.insert(target);
        }
    }
    let all_gone = async {
        while !open.is_empty()
            && let Some(target) = destroyed.recv().await
        {
            open.remove(&target);
        }
    };
    let ended = tokio::time::timeout(CLOSING_LIMIT, all_gone).await;
    connection.listen(ROOT, None);
    connection.ask(None, discover(false)).await?;
    ended.map_err(|_| PageError::Late {
        what: "the end of a page".to_owned(),
        limit: CLOSING_LIMIT,
    })
}

/// Whether the browser tells which windows come and go.
fn discover(discover: bool) -> Target::SetDiscoverTargets {
    Target::SetDiscoverTargets {
        discover,
        filter: None,
    }
}

/// Removes what pages of these origins left. It is the blank page that Chromium began with which asks for that: it has the
/// same storage.
async fn wipe(connection: &Connection, origins: HashSet<String>) -> Result<(), PageError> {
    let targets = connection.ask(None, Target::GetTargets { filter: None });
    let mut pages = targets.await?.target_infos.into_iter();
    let blank = pages
        .find(|target| target.Type == "page")
        .ok_or_else(|| PageError::Browser("it has no page left".to_owned()))?;
    let attach = Target::AttachToTarget {
        target_id: blank.target_id,
        flatten: Some(true),
    };
    let session = connection.ask(None, attach).await?.session_id;
    for origin in origins {
        let clear = Storage::ClearDataForOrigin {
            origin,
            storage_Types: "all".to_owned(),
        };
        connection.ask(Some(&session), clear).await?;
    }
    let cookies = Network::ClearBrowserCookies(None);
    connection.ask(Some(&session), cookies).await?;
    let cache = Network::ClearBrowserCache(None);
    connection.ask(Some(&session), cache).await?;
    let detach = Target::DetachFromTarget {
        session_id: Some(session),
        target_id: None,
    };
    connection.ask(None, detach).await?;
    Ok(())
}
