//! A page that a visitor has open.

mod dialogs;
mod ending;
mod engine;
mod script;
mod windows;

pub use dialogs::{Dialog, DialogAnswer};

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use headless_chrome::protocol::cdp::{Network, Page as PageDomain, Runtime, Target, types::Method};
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use dialogs::Dialogs;
use windows::Window;

use super::{
    calls::{Activity, BrowserCall, CallOutcome, ConsoleLine, ERROR_WITHOUT_BODY, Source},
    input::{Engine as _, Place},
    protocol::{Connection, Listener},
};
use crate::profile::Profile;

/// How often it is asked for a document that is not there yet.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Chromium has read its certificate settings while a connection was being made and gave that one up, before a request
/// was sent: it happens once, soon after a browser or a private window was opened, and only on a busy machine.
const SETTLING: &str = "net::ERR_CERT_VERIFIER_CHANGED";

/// What the browser says of a navigation that gave way to another one, or led to no page. The answer to the command that
/// began the navigation says so too, and of which one it is.
const ABORTED: &str = "net::ERR_ABORTED";

/// An open page. All waiting is for what happens in the browser, never for a time to pass.
pub struct Page {
    connection: Connection,
    session: String,
    target: String,
    /// The off-the-record context of this visit, which ends with it.
    context: Option<String>,
    activity: Arc<Activity>,
    /// Windows that the page opened; what they ask for counts as the page's.
    windows: Arc<Mutex<Vec<Window>>>,
    /// Counts them.
    opened: watch::Sender<usize>,
    /// The dialogs that the page and its windows open.
    dialogs: Dialogs,
    /// What runs first in every document, of its windows too.
    first: Arc<OnceLock<PageDomain::AddScriptToEvaluateOnNewDocument>>,
}

/// Why a page did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The browser does not answer, or refuses the command.
    #[error("the browser refused: {0}")]
    Browser(String),
    /// The address could not be loaded, in the browser's words.
    #[error("{url} could not be loaded: {reason}")]
    Navigation {
        /// The address.
        url: String,
        /// Such as `net::ERR_CONNECTION_REFUSED`.
        reason: String,
    },
    /// Something that was waited for did not happen in time.
    #[error("{what} did not happen within {} ms", limit.as_millis())]
    Late {
        /// What was waited for.
        what: String,
        /// For how long.
        limit: Duration,
    },
    /// Something could not be done, or what is waited for was not so, until the time was over.
    #[error("expected {what} within {}: {reason}", edgeproof_ground::time::shown(*limit))]
    Obstacle {
        /// What was to be done, such as "`#create` to be clicked".
        what: String,
        /// For how long it was tried.
        limit: Duration,
        /// What stood in the way, at the end.
        reason: String,
    },
    /// What was tried did not have its effect, or cannot have it.
    #[error("expected {what}: {reason}")]
    Refused {
        /// What was to be done.
        what: String,
        /// Why it was not.
        reason: String,
    },
    /// The document is gone in which something was to be done: the page was left, or a frame or a window closed.
    #[error("the page was left meanwhile")]
    Left {
        /// Whether a part of it may have been done before.
        begun: bool,
    },
    /// The script threw.
    #[error("the page's script threw: {0}")]
    Script(String),
}

impl Page {
    pub(super) async fn open(connection: &Connection, profile: Profile) -> Result<Self, PageError> {
        let context = match profile {
            Profile::Incognito => Some(
                connection
                    .ask(
                        None,
                        Target::CreateBrowserContext {
                            dispose_on_detach: Some(true),
                            proxy_server: None,
                            proxy_bypass_list: None,
                            origins_with_universal_network_access: None,
                        },
                    )
                    .await?
                    .browser_context_id,
            ),
            _ => None,
        };
        let target = connection
            .ask(None, blank(context.clone()))
            .await?
            .target_id;
        let session = connection
            .ask(
                None,
                Target::AttachToTarget {
                    target_id: target.clone(),
                    flatten: Some(true),
                },
            )
            .await?
            .session_id;
        let activity = Arc::new(Activity::default());
        let dialogs = Dialogs::answered_over(connection);
        connection.listen(
            &session,
            Some(listener(&session, Source::Page, &activity, &dialogs)),
        );
        let page = Self {
            connection: connection.clone(),
            session,
            target,
            context,
            activity,
            windows: Arc::default(),
            opened: watch::Sender::new(0),
            dialogs,
            first: Arc::default(),
        };
        tokio::try_join!(
            page.ask(network()),
            page.ask(page_events()),
            page.ask(Runtime::Enable(None)),
        )?;
        page.follow_windows().await?;
        Ok(page)
    }

    /// Loads an address and waits until its load event has fired. Returns the call of the document itself.
    ///
    /// # Errors
    /// When nothing could be loaded, or not in time.
    pub async fn visit(&self, url: &str, limit: Duration) -> Result<BrowserCall, PageError> {
        let start = Instant::now();
        loop {
            let left = limit.saturating_sub(start.elapsed());
            match self.load(url, left).await {
                Err(PageError::Navigation { reason, .. }) if reason == SETTLING => {}
                Err(PageError::Late { what, .. }) => return Err(PageError::Late { what, limit }),
                ended => return ended,
            }
        }
    }

    /// Tries once to load an address.
    async fn load(&self, url: &str, limit: Duration) -> Result<BrowserCall, PageError> {
        let loads = self.activity.loads();
        let first = self.activity.calls().len();
        let failed_for = |reason| PageError::Navigation {
            url: url.to_owned(),
            reason,
        };
        let late = || PageError::Late {
            what: format!("the load of {url}"),
            limit,
        };
        let loaded = async {
            let navigation = self.ask(navigate(url)).await?;
            if let Some(reason) = navigation
                .error_text
                .filter(|reason| reason != ERROR_WITHOUT_BODY)
            {
                return Err(failed_for(reason));
            }
            // The request of a document has the name of the loader that asked for it.
            let loader = navigation.loader_id.unwrap_or_default();
            let document = self.activity.wait(limit, |calls, loaded| {
                let document = calls.iter().rev().find(|call| call.id == loader)?;
                let is_loaded = match document.outcome {
                    CallOutcome::Pending => false,
                    // There is no load event of a document that broke off.
                    CallOutcome::BrokeOff => true,
                    CallOutcome::Finished | CallOutcome::Failed(_) => loaded > loads,
                };
                is_loaded.then(|| document.clone())
            });
            document.await.ok_or_else(late)
        };
        // Of a document whose body cannot be decoded Chromium does not answer the command, and of one whose body breaks
        // off it fires no load event.
        let failed = self.activity.wait(limit, |calls, _| {
            match self.first_document(calls.get(first..)?)?.outcome.clone() {
                CallOutcome::Failed(reason) if reason != ABORTED => Some(reason),
                _ => None,
            }
        });
        tokio::select! {
            loaded = loaded => loaded,
            failed = failed => Err(failed.map_or_else(late, failed_for)),
        }
    }

    /// The first document that these calls ask for in the page itself, as far as it was redirected.
    fn first_document<'a>(&self, calls: &'a [BrowserCall]) -> Option<&'a BrowserCall> {
        let asked = calls
            .iter()
            .find(|call| call.kind == "Document" && call.frame == self.target)?;
        calls.iter().rev().find(|call| call.id == asked.id)
    }

    /// Waits until the call that `wanted` accepts, not counting the first `skip` such calls, has ended.
    ///
    /// # Errors
    /// When no such call has ended in time; `what` says in words what was waited for.
    pub async fn call(
        &self,
        skip: usize,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&BrowserCall) -> bool,
    ) -> Result<BrowserCall, PageError> {
        self.activity
            .wait(limit, |calls, _| {
                calls
                    .iter()
                    .filter(|call| wanted(call))
                    .nth(skip)
                    .filter(|call| call.outcome != CallOutcome::Pending)
                    .cloned()
            })
            .await
            .ok_or_else(|| PageError::Late {
                what: what.to_owned(),
                limit,
            })
    }

    /// Everything the page has asked for so far.
    pub fn calls(&self) -> Vec<BrowserCall> {
        self.activity.calls()
    }

    /// The last call that gave the page its document, as opposed to that of a frame in it.
    pub fn document(&self) -> Option<BrowserCall> {
        let mut calls = self.calls().into_iter().rev();
        calls.find(|call| {
            call.kind == "Document" && call.frame == self.target && call.status.is_some()
        })
    }

    /// Everything the page has printed so far, uncaught exceptions included.
    pub fn console(&self) -> Vec<ConsoleLine> {
        self.activity.console()
    }

    /// The body of an answer, where the browser still has it.
    ///
    /// # Errors
    /// When the browser has no body for the call, as for one that failed.
    pub async fn body(&self, call: &BrowserCall) -> Result<Vec<u8>, PageError> {
        let response = self
            .ask(Network::GetResponseBody {
                request_id: call.id.clone(),
            })
            .await?;
        if response.base_64_encoded {
            STANDARD
                .decode(&response.body)
                .map_err(|error| PageError::Browser(error.to_string()))
        } else {
            Ok(response.body.into_bytes())
        }
    }

    /// From now on every request of the page carries these headers, and pages are told this language.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn present_as(
        &self,
        headers: &HeaderMap,
        language: Option<&str>,
    ) -> Result<(), PageError> {
        if !headers.is_empty() {
            let pairs = headers.iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (name.to_string(), Value::from(value))
            });
            self.ask(Network::SetExtraHTTPHeaders {
                headers: Network::Headers(Some(pairs.collect())),
            })
            .await?;
        }
        if let Some(language) = language {
            // The language can only be set together with the user agent, which stays what it is.
            let user_agent = self.act(&self.top(), "userAgent", Value::Null).await?;
            self.ask(Network::SetUserAgentOverride {
                user_agent: user_agent.as_str().unwrap_or_default().to_owned(),
                accept_language: Some(language.to_owned()),
                platform: None,
                user_agent_metadata: None,
            })
            .await?;
        }
        Ok(())
    }

    /// From now on every document has a clock that is so many milliseconds ahead, and the windows that the page opens
    /// too. Web workers have the machine's.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn wrong_clock(&self, ahead: i64) -> Result<(), PageError> {
        let script = PageDomain::AddScriptToEvaluateOnNewDocument {
            source: format!("{}({ahead})", include_str!("clock.js").trim_end()),
            world_name: None,
            include_command_line_api: None,
            run_immediately: None,
        };
        self.ask(self.first.get_or_init(|| script).clone()).await?;
        Ok(())
    }

    /// Forgets all cookies.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn clear_cookies(&self) -> Result<(), PageError> {
        self.ask(Network::ClearBrowserCookies(None)).await?;
        Ok(())
    }

    /// A document as it stands now, serialised. One that is on its way is waited for, and so are frames and windows.
    ///
    /// # Errors
    /// When the browser does not answer, or the document is left meanwhile.
    pub async fn html(&self, place: &Place) -> Result<String, PageError> {
        let (document, _) = self.settled(place).await?;
        let html = self.act(&document, "html", Value::Null).await?;
        Ok(html.as_str().unwrap_or_default().to_owned())
    }

    /// A small picture of what the visitor sees, at half its size, as JPEG.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn screenshot(&self) -> Result<Vec<u8>, PageError> {
        let picture = self
            .ask(PageDomain::CaptureScreenshot {
                format: Some(PageDomain::CaptureScreenshotFormatOption::Jpeg),
                quality: Some(60),
                clip: Some(PageDomain::Viewport {
                    x: 0.0,
                    y: 0.0,
                    width: 1280.0,
                    height: 900.0,
                    scale: 0.5,
                }),
                from_surface: None,
                capture_beyond_viewport: None,
                optimize_for_speed: None,
            })
            .await?;
        STANDARD
            .decode(&picture.data)
            .map_err(|error| PageError::Browser(error.to_string()))
    }

    async fn ask<C: Method + Serialize>(&self, command: C) -> Result<C::ReturnObject, PageError> {
        self.connection.ask(Some(&self.session), command).await
    }
}

/// Takes the events of a session.
fn listener(
    session: &str,
    source: Source,
    activity: &Arc<Activity>,
    dialogs: &Dialogs,
) -> Listener {
    let (session, activity) = (session.to_owned(), Arc::clone(activity));
    let dialogs = dialogs.clone();
    Box::new(move |event, parameters| {
        dialogs.observe(&session, event, parameters);
        activity.observe(source, event, parameters);
    })
}

fn page_events() -> PageDomain::Enable {
    PageDomain::Enable {
        enable_file_chooser_opened_event: None,
    }
}

fn network() -> Network::Enable {
    const BUFFER: u32 = 512 * 1024 * 1024;
    Network::Enable {
        // A large upload takes the place of the response to it: the browser counts both.
        max_total_buffer_size: Some(BUFFER),
        max_resource_buffer_size: Some(BUFFER),
        max_post_data_size: Some(1024 * 1024),
        report_direct_socket_traffic: None,
        enable_durable_messages: None,
    }
}

fn blank(browser_context_id: Option<String>) -> Target::CreateTarget {
    Target::CreateTarget {
        url: "about:blank".to_owned(),
        left: None,
        top: None,
        width: None,
        height: None,
        window_state: None,
        browser_context_id,
        enable_begin_frame_control: None,
        new_window: None,
        background: None,
        for_tab: None,
        hidden: None,
    }
}

fn navigate(url: &str) -> PageDomain::Navigate {
    PageDomain::Navigate {
        url: url.to_owned(),
        referrer: None,
        transition_Type: None,
        frame_id: None,
        referrer_policy: None,
    }
}
