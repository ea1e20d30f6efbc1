//! The windows that a page opens: what they ask for counts as the page's.

use std::sync::{Arc, PoisonError};

use headless_chrome::protocol::cdp::{Runtime, Target};
use tokio::sync::mpsc;

use super::{
    events::Source,
    held,
    tab::{Tab, listener, network, page_events},
};
use crate::{connection::ROOT, page::PageError};

/// A window, as the page is one and those that it opened.
pub(super) struct Window {
    pub(super) target: String,
    pub(super) session: String,
}

impl Tab {
    /// Windows that are opened from now on are held until their calls are watched too.
    pub(super) async fn follow_windows(&self) -> Result<(), PageError> {
        let (opened, mut openings) = mpsc::unbounded_channel::<(String, String)>();
        let open = Arc::clone(&self.windows);
        self.connection.listen(
            ROOT,
            Some(Box::new(move |event, parameters| {
                if event == "Target.detachedFromTarget" {
                    let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
                    open.retain(|window| parameters["sessionId"] != *window.session);
                }
                let target = &parameters["targetInfo"];
                if event == "Target.attachedToTarget"
                    && target["type"] == "page"
                    && parameters["waitingForDebugger"] == true
                    && let (Some(target), Some(session)) = (
                        target["targetId"].as_str(),
                        parameters["sessionId"].as_str(),
                    )
                {
                    // The other end is gone when the visit is over.
                    let _ = opened.send((target.to_owned(), session.to_owned()));
                }
            })),
        );
        let (gate, held) = (Arc::clone(&self.gate), self.held.clone());
        let (connection, activity, dialogs, windows, opened, first) = (
            self.connection.clone(),
            Arc::clone(&self.activity),
            self.dialogs.clone(),
            Arc::clone(&self.windows),
            self.opened.clone(),
            Arc::clone(&self.first),
        );
        tokio::spawn(async move {
            while let Some((target, session)) = openings.recv().await {
                windows
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(Window {
                        target,
                        session: session.clone(),
                    });
                connection.listen(
                    &session,
                    Some(listener(
                        &session,
                        Source::Window,
                        &activity,
                        &dialogs,
                        &held,
                    )),
                );
                // Sent in this order but not waited for one by one: the browser answers the first only once the window
                // runs. A window that was closed again at once has nothing to watch.
                let go = Runtime::RunIfWaitingForDebugger(None);
                let first = first.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let hold = async {
                    match gate.get() {
                        Some(_) => held::hold(&connection, &session).await,
                        None => Ok(()),
                    }
                };
                let _ = tokio::join!(
                    connection.ask(Some(&session), network()),
                    connection.ask(Some(&session), page_events()),
                    connection.ask(Some(&session), Runtime::Enable(None)),
                    first.add_to(&connection, &session),
                    hold,
                    connection.ask(Some(&session), go)
                );
                opened.send_modify(|count| *count += 1);
            }
        });
        self.connection.ask(None, auto_attach(true)).await?;
        Ok(())
    }

    /// Those that were opened so far; what is opened from now on runs unwatched.
    pub(super) async fn take_windows(&self) -> Result<Vec<Window>, PageError> {
        self.connection.ask(None, auto_attach(false)).await?;
        self.connection.listen(ROOT, None);
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(windows.drain(..).collect())
    }
}

fn auto_attach(on: bool) -> Target::SetAutoAttach {
    Target::SetAutoAttach {
        auto_attach: on,
        wait_for_debugger_on_start: on,
        flatten: Some(true),
        // Workers and frames in other processes run as they would: nobody here lets them go on. Chromium takes no filter
        // where it is to stop.
        filter: on.then(|| {
            vec![Target::FilterEntry {
                exclude: None,
                Type: Some("page".to_owned()),
            }]
        }),
    }
}
