//! A page in Chromium.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::future::try_join_all;
use headless_chrome::protocol::cdp::{Network, Page as PageDomain, Runtime, Target, types::Method};
use http::HeaderMap;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

use super::{
    events::{self, ABORTED, ERROR_WITHOUT_BODY, Source},
    held::{self, Held},
    windows::Window,
};
use crate::{
    calls::{Activity, BrowserCall, CallOutcome},
    connection::{Connection, Listener},
    driver::Driver as _,
    gate::Gate,
    page::{
        Dialogs, OpenDialog, Page, PageError, RecorderMessage, first_document, recorder_script,
    },
    profile::Profile,
};

/// Chromium has read its certificate settings while a connection was being made and gave that one up, before a request
/// was sent: it happens once, soon after a browser or a private window was opened, and only on a busy machine.
const SETTLING: &str = "net::ERR_CERT_VERIFIER_CHANGED";

/// The name of the world that `recorder.js` runs in, and of the function by which it tells.
const RECORDER: &str = "edgeproof-recorder";
pub(super) const BINDING: &str = "edgeproofTell";

/// A page and the windows that it opened.
pub(super) struct Tab {
    pub(super) connection: Connection,
    pub(super) session: String,
    pub(super) target: String,
    /// The off-the-record context of this visit, which ends with it.
    pub(super) context: Option<String>,
    pub(super) activity: Arc<Activity>,
    /// Windows that the page opened; what they ask for counts as the page's.
    pub(super) windows: Arc<Mutex<Vec<Window>>>,
    /// Counts them.
    pub(super) opened: watch::Sender<usize>,
    /// The dialogs that the page and its windows open.
    pub(super) dialogs: Dialogs,
    /// What runs first in every document, of its windows too.
    pub(super) first: Arc<Mutex<First>>,
    /// What requests to some hosts carry, of its windows too.
    pub(super) gate: Arc<OnceLock<Gate>>,
    /// The requests that are held until they have it.
    pub(super) held: Held,
}

/// What runs first in every document.
#[derive(Clone, Default)]
pub(super) struct First {
    scripts: Vec<PageDomain::AddScriptToEvaluateOnNewDocument>,
    /// What `recorder.js` tells by.
    bindings: Vec<Runtime::AddBinding>,
}

impl First {
    /// Has it run in the documents of a session. All is sent at once: a window that is held responds only when it runs.
    pub(super) async fn add_to(
        self,
        connection: &Connection,
        session: &str,
    ) -> Result<(), PageError> {
        let bindings = self.bindings.into_iter();
        let scripts = self.scripts.into_iter();
        tokio::try_join!(
            try_join_all(bindings.map(|binding| connection.ask(Some(session), binding))),
            try_join_all(scripts.map(|script| connection.ask(Some(session), script))),
        )?;
        Ok(())
    }
}

/// Opens a blank page, in a fresh off-the-record context where the profile is one.
pub(crate) async fn open(connection: &Connection, profile: Profile) -> Result<Page, PageError> {
    let activity = Arc::new(Activity::default());
    let (dialogs, to_answer) = Dialogs::new();
    answer(connection, to_answer);
    let tab = Tab::open(connection, profile, &activity, &dialogs).await?;
    Ok(Page::new(Box::new(tab), activity, dialogs))
}

impl Tab {
    async fn open(
        connection: &Connection,
        profile: Profile,
        activity: &Arc<Activity>,
        dialogs: &Dialogs,
    ) -> Result<Self, PageError> {
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
        let gate = Arc::new(OnceLock::new());
        let held = held::go_on(connection, &gate);
        connection.listen(
            &session,
            Some(listener(&session, Source::Page, activity, dialogs, &held)),
        );
        let page = Self {
            connection: connection.clone(),
            session,
            target,
            context,
            activity: Arc::clone(activity),
            windows: Arc::default(),
            opened: watch::Sender::new(0),
            dialogs: dialogs.clone(),
            first: Arc::default(),
            gate,
            held,
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
    pub(super) async fn visit(&self, url: &str, limit: Duration) -> Result<BrowserCall, PageError> {
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
            match first_document(&self.target, calls.get(first..)?)?
                .outcome
                .clone()
            {
                CallOutcome::Failed(reason) if reason != ABORTED => Some(reason),
                _ => None,
            }
        });
        tokio::select! {
            loaded = loaded => loaded,
            failed = failed => Err(failed.map_or_else(late, failed_for)),
        }
    }

    /// The body of a response, where the browser still has it.
    pub(super) async fn response_body(&self, call: &BrowserCall) -> Result<Vec<u8>, PageError> {
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
    pub(super) async fn show_as(
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

    /// From now on this script runs first in every document, of windows that the page opens too.
    pub(super) async fn add_first(&self, source: String) -> Result<(), PageError> {
        let first = First {
            scripts: vec![script(source, None)],
            ..First::default()
        };
        self.run_too(first).await
    }

    /// From now on what the visitor does is told.
    pub(super) async fn add_recorder(&self) -> Result<(), PageError> {
        let source = format!("({})({BINDING})", recorder_script!());
        let first = First {
            scripts: vec![script(source, Some(RECORDER))],
            bindings: vec![Runtime::AddBinding {
                name: BINDING.to_owned(),
                execution_context_id: None,
                execution_context_name: Some(RECORDER.to_owned()),
            }],
        };
        self.run_too(first).await
    }

    async fn run_too(&self, more: First) -> Result<(), PageError> {
        {
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            first.scripts.extend(more.scripts.clone());
            first.bindings.extend(more.bindings.clone());
        }
        more.add_to(&self.connection, &self.session).await
    }

    /// Forgets all cookies.
    pub(super) async fn forget_cookies(&self) -> Result<(), PageError> {
        self.ask(Network::ClearBrowserCookies(None)).await?;
        Ok(())
    }

    /// A small picture of what the visitor sees, at half its size, as JPEG.
    pub(super) async fn picture(&self) -> Result<Vec<u8>, PageError> {
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

    pub(super) async fn ask<C: Method + Serialize>(
        &self,
        command: C,
    ) -> Result<C::ReturnObject, PageError> {
        self.connection.ask(Some(&self.session), command).await
    }
}

fn script(source: String, world: Option<&str>) -> PageDomain::AddScriptToEvaluateOnNewDocument {
    PageDomain::AddScriptToEvaluateOnNewDocument {
        source,
        world_name: world.map(str::to_owned),
        include_command_line_api: None,
        run_immediately: None,
    }
}

/// Answers the dialogs that open.
fn answer(connection: &Connection, mut to_answer: mpsc::UnboundedReceiver<OpenDialog>) {
    let connection = connection.clone();
    tokio::spawn(async move {
        while let Some(dialog) = to_answer.recv().await {
            let answer = PageDomain::HandleJavaScriptDialog {
                accept: dialog.accept,
                prompt_text: dialog.text,
            };
            // One that is closed already needs no response.
            let _ = connection.ask(Some(&dialog.window), answer).await;
        }
    });
}

/// Takes the events of a session.
pub(super) fn listener(
    session: &str,
    source: Source,
    activity: &Arc<Activity>,
    dialogs: &Dialogs,
    held: &Held,
) -> Listener {
    let (session, activity) = (session.to_owned(), Arc::clone(activity));
    let (dialogs, held) = (dialogs.clone(), held.clone());
    Box::new(move |event, parameters| {
        if event == "Page.javascriptDialogOpening" {
            let text = |key: &str| parameters[key].as_str().unwrap_or_default();
            dialogs.open(&session, text("type"), text("message"));
        }
        if event == "Page.javascriptDialogClosed"
            && let Some(kind) = dialogs.closed(&session)
        {
            let (accepted, text) = (&parameters["result"], &parameters["userInput"]);
            let what = RecorderMessage::dialog(&kind, accepted, text);
            activity.record(|record| record.hear(None, &what));
        }
        if event == "Runtime.bindingCalled" && parameters["name"] == BINDING {
            let window = (source == Source::Window).then_some(session.as_str());
            let what = parameters["payload"].as_str().unwrap_or_default();
            activity.record(|record| record.hear(window, what));
        }
        if event == "Fetch.requestPaused" {
            // The other end is gone when the visit is over.
            let _ = held.send((session.clone(), parameters.clone()));
            return;
        }
        activity.record(|record| events::observe(record, source, event, parameters));
    })
}

pub(super) fn page_events() -> PageDomain::Enable {
    PageDomain::Enable {
        enable_file_chooser_opened_event: None,
    }
}

pub(super) fn network() -> Network::Enable {
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
