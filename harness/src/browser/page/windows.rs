//! The windows that a page opens: what they ask for counts as the page's.

use std::sync::{Arc, PoisonError};

use headless_chrome::protocol::cdp::{Runtime, Target};
use tokio::sync::mpsc;

use super::{Page, PageError, network};
use crate::browser::protocol::ROOT;

/// A window that the page opened.
pub(super) struct Window {
    target: String,
    session: String,
}

impl Page {
    /// Windows that are opened from now on are held until their calls are watched too.
    pub(super) async fn follow_windows(&self) -> Result<(), PageError> {
        let (opened, mut openings) = mpsc::unbounded_channel::<(String, String)>();
        self.connection.listen(
            ROOT,
            Some(Box::new(move |event, parameters| {
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
        let (connection, activity, windows, opened) = (
            self.connection.clone(),
            Arc::clone(&self.activity),
            Arc::clone(&self.windows),
            self.opened.clone(),
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
                let observer = Arc::clone(&activity);
                connection.listen(
                    &session,
                    Some(Box::new(move |event, parameters| {
                        observer.observe(event, parameters);
                    })),
                );
                // Sent in this order but not waited for one by one: the browser answers the first only once the window
                // runs. A window that was closed again at once has nothing to watch.
                let go = Runtime::RunIfWaitingForDebugger(None);
                let _ = tokio::join!(
                    connection.ask(Some(&session), network()),
                    connection.ask(Some(&session), go)
                );
                opened.send_modify(|count| *count += 1);
            }
        });
        self.connection.ask(None, auto_attach(true)).await?;
        Ok(())
    }

    /// Closes them; those that are opened from now on run unwatched.
    pub(super) async fn close_windows(&self) -> Result<(), PageError> {
        self.connection.ask(None, auto_attach(false)).await?;
        self.connection.listen(ROOT, None);
        let windows: Vec<Window> = self
            .windows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
            .collect();
        for window in windows {
            self.connection.listen(&window.session, None);
            let close = Target::CloseTarget {
                target_id: window.target,
            };
            // One that closed itself is closed.
            let _ = self.connection.ask(None, close).await;
        }
        Ok(())
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
