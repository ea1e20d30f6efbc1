//! A page that a visitor has open.

use std::{sync::Arc, time::Duration};

use headless_chrome::{
    Browser, Tab,
    protocol::cdp::{
        Input, Network, Page as PageDomain, Runtime, Storage, Target::CreateTarget, types::Method,
    },
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    ChromiumError,
    calls::{Activity, Call, CallOutcome, ConsoleLine},
};
use crate::rig::Profile;

/// An open page. All waiting is for events of the browser, never for a time to pass.
pub struct Page {
    tab: Arc<Tab>,
    activity: Arc<Activity>,
}

/// Why a page did not do what was asked.
#[derive(Debug, thiserror::Error)]
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
    /// The script threw.
    #[error("the page's script threw: {0}")]
    Script(String),
}

impl Page {
    pub(super) async fn open(browser: &Browser, profile: Profile) -> Result<Self, ChromiumError> {
        let browser = browser.clone();
        blocking(move || Self::open_blocking(&browser, profile))
            .await
            .map_err(|error| ChromiumError::Protocol(error.to_string()))
    }

    fn open_blocking(browser: &Browser, profile: Profile) -> Result<Self, PageError> {
        let context = match profile {
            // The off-the-record context of this visit; it has no disk and ends with the process.
            Profile::Incognito => Some(browser.new_context().map_err(refused)?.get_id().to_owned()),
            _ => None,
        };
        let tab = browser
            .new_tab_with_options(CreateTarget {
                url: "about:blank".to_owned(),
                left: None,
                top: None,
                width: None,
                height: None,
                window_state: None,
                browser_context_id: context,
                enable_begin_frame_control: None,
                new_window: None,
                background: None,
                for_tab: None,
                hidden: None,
            })
            .map_err(refused)?;
        let activity = Arc::new(Activity::default());
        let observer = Arc::clone(&activity);
        tab.add_event_listener(Arc::new(move |event: &_| observer.observe(event)))
            .map_err(refused)?;
        let page = Self { tab, activity };
        page.ask(Network::Enable {
            max_total_buffer_size: None,
            max_resource_buffer_size: None,
            max_post_data_size: Some(1024 * 1024),
            report_direct_socket_traffic: None,
            enable_durable_messages: None,
        })?;
        page.ask(Runtime::Enable(None))?;
        Ok(page)
    }

    /// Loads an address and waits until its load event has fired. Returns the call of the document itself.
    ///
    /// # Errors
    /// When nothing could be loaded, or not in time.
    pub async fn visit(&self, url: &str, limit: Duration) -> Result<Call, PageError> {
        let (page, url) = (self.handle(), url.to_owned());
        blocking(move || page.visit_blocking(&url, limit)).await
    }

    fn visit_blocking(&self, url: &str, limit: Duration) -> Result<Call, PageError> {
        let loads = self.activity.loads();
        let navigation = self.ask(PageDomain::Navigate {
            url: url.to_owned(),
            referrer: None,
            transition_Type: None,
            frame_id: None,
            referrer_policy: None,
        })?;
        if let Some(reason) = navigation.error_text {
            return Err(PageError::Navigation {
                url: url.to_owned(),
                reason,
            });
        }
        // The request of a document has the name of the loader that asked for it.
        let loader = navigation.loader_id.unwrap_or_default();
        self.activity
            .wait(limit, |calls, loaded| {
                let document = calls.iter().rev().find(|call| call.id == loader)?;
                (loaded > loads && document.outcome != CallOutcome::Pending)
                    .then(|| document.clone())
            })
            .ok_or_else(|| PageError::Late {
                what: format!("the load of {url}"),
                limit,
            })
    }

    /// Waits for the first call, not counting the first `skip` that fit, whose method and URL `wanted` accepts, to end.
    ///
    /// # Errors
    /// When no such call has ended in time.
    pub async fn call(
        &self,
        skip: usize,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Call) -> bool + Send + 'static,
    ) -> Result<Call, PageError> {
        let (page, what) = (self.handle(), what.to_owned());
        blocking(move || {
            page.activity
                .wait(limit, |calls, _| {
                    calls
                        .iter()
                        .filter(|call| wanted(call))
                        .nth(skip)
                        .filter(|call| call.outcome != CallOutcome::Pending)
                        .cloned()
                })
                .ok_or(PageError::Late { what, limit })
        })
        .await
    }

    /// Everything the page has asked for so far.
    pub fn calls(&self) -> Vec<Call> {
        self.activity.calls()
    }

    /// Everything the page has printed so far, uncaught exceptions included.
    pub fn console(&self) -> Vec<ConsoleLine> {
        self.activity.console()
    }

    /// The body of an answer, where the browser still has it.
    ///
    /// # Errors
    /// When the browser has no body for the call, as for one that failed.
    pub async fn body(&self, call: &Call) -> Result<Vec<u8>, PageError> {
        use base64::{Engine, engine::general_purpose::STANDARD};

        let (page, request_id) = (self.handle(), call.id.clone());
        blocking(move || {
            let answer = page.ask(Network::GetResponseBody { request_id })?;
            if answer.base_64_encoded {
                STANDARD.decode(&answer.body).map_err(refused)
            } else {
                Ok(answer.body.into_bytes())
            }
        })
        .await
    }

    /// Runs a script in the page, as the body of an async function, and returns what it returns.
    ///
    /// # Errors
    /// When it throws, or returns what is no JSON.
    pub async fn run(&self, script: &str) -> Result<Value, PageError> {
        let (page, script) = (self.handle(), script.to_owned());
        blocking(move || page.run_blocking(&script)).await
    }

    fn run_blocking(&self, script: &str) -> Result<Value, PageError> {
        let answer = self.ask(Runtime::Evaluate {
            expression: format!("(async () => {{ {script}\n}})()"),
            object_group: None,
            include_command_line_api: None,
            silent: None,
            context_id: None,
            return_by_value: Some(true),
            generate_preview: None,
            user_gesture: Some(true),
            await_promise: Some(true),
            throw_on_side_effect: None,
            timeout: None,
            disable_breaks: None,
            repl_mode: None,
            allow_unsafe_eval_blocked_by_csp: Some(true),
            unique_context_id: None,
            serialization_options: None,
        })?;
        match answer.exception_details {
            Some(details) => Err(PageError::Script(
                details
                    .exception
                    .and_then(|exception| exception.description)
                    .unwrap_or(details.text),
            )),
            None => Ok(answer.result.value.unwrap_or(Value::Null)),
        }
    }

    /// Types into a field, as a person does: it is focused, its old content replaced.
    ///
    /// # Errors
    /// When no such field turns up in time.
    pub async fn fill(&self, selector: &str, text: &str, limit: Duration) -> Result<(), PageError> {
        self.point_of(selector, limit).await?;
        let script = format!(
            "const field = document.querySelector({}); field.focus(); field.select?.();",
            quoted(selector)
        );
        self.run(&script).await?;
        let (page, text) = (self.handle(), text.to_owned());
        blocking(move || {
            page.ask(Input::InsertText { text })?;
            Ok(())
        })
        .await
    }

    /// Clicks in the middle of an element with the mouse.
    ///
    /// # Errors
    /// When no such element turns up in time.
    pub async fn click(&self, selector: &str, limit: Duration) -> Result<(), PageError> {
        let point = self.point_of(selector, limit).await?;
        let page = self.handle();
        blocking(move || {
            page.tab.click_point(point).map_err(refused)?;
            Ok(())
        })
        .await
    }

    /// Presses a key, such as `Enter`, wherever the focus is.
    ///
    /// # Errors
    /// When there is no such key.
    pub async fn press(&self, key: &str) -> Result<(), PageError> {
        let (page, key) = (self.handle(), key.to_owned());
        blocking(move || {
            page.tab.press_key(&key).map_err(refused)?;
            Ok(())
        })
        .await
    }

    /// Waits until the selector matches and scrolls the element into view.
    async fn point_of(
        &self,
        selector: &str,
        limit: Duration,
    ) -> Result<headless_chrome::browser::tab::point::Point, PageError> {
        let script = format!(
            "const find = () => document.querySelector({});
             const found = find() ?? await new Promise(resolve => {{
               const observer = new MutationObserver(() => {{
                 const element = find();
                 if (element) {{ observer.disconnect(); resolve(element); }}
               }});
               observer.observe(document, {{ childList: true, subtree: true, attributes: true }});
               setTimeout(() => {{ observer.disconnect(); resolve(null); }}, {});
             }});
             if (!found) return null;
             found.scrollIntoView({{ block: 'center', behavior: 'instant' }});
             const box = found.getBoundingClientRect();
             return [box.x + box.width / 2, box.y + box.height / 2];",
            quoted(selector),
            limit.as_millis()
        );
        let point = self.run(&script).await?;
        match (point[0].as_f64(), point[1].as_f64()) {
            (Some(x), Some(y)) => Ok(headless_chrome::browser::tab::point::Point { x, y }),
            _ => Err(PageError::Late {
                what: format!("an element `{selector}`"),
                limit,
            }),
        }
    }

    /// The document as it stands now, serialised.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn html(&self) -> Result<String, PageError> {
        let html = self
            .run("return document.documentElement.outerHTML")
            .await?;
        Ok(html.as_str().unwrap_or_default().to_owned())
    }

    /// A picture of what the visitor sees, as PNG.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub async fn screenshot(&self) -> Result<Vec<u8>, PageError> {
        let page = self.handle();
        blocking(move || {
            page.tab
                .capture_screenshot(
                    PageDomain::CaptureScreenshotFormatOption::Png,
                    None,
                    None,
                    true,
                )
                .map_err(refused)
        })
        .await
    }

    /// Removes what the visit left in the browser, and closes the page.
    pub(super) async fn wipe_and_close(self) -> Result<(), PageError> {
        blocking(move || {
            let mut origins: Vec<String> = self
                .activity
                .calls()
                .iter()
                .filter_map(|call| url::Url::parse(&call.url).ok())
                .filter(|url| url.has_host())
                .map(|url| url.origin().ascii_serialization())
                .collect();
            origins.sort();
            origins.dedup();
            self.ask(PageDomain::Navigate {
                url: "about:blank".to_owned(),
                referrer: None,
                transition_Type: None,
                frame_id: None,
                referrer_policy: None,
            })?;
            for origin in origins {
                self.ask(Storage::ClearDataForOrigin {
                    origin,
                    storage_Types: "all".to_owned(),
                })?;
            }
            self.ask(Network::ClearBrowserCookies(None))?;
            self.ask(Network::ClearBrowserCache(None))?;
            self.tab.close_target().map_err(refused)?;
            Ok(())
        })
        .await
    }

    fn ask<C>(&self, command: C) -> Result<C::ReturnObject, PageError>
    where
        C: Method + Serialize + std::fmt::Debug,
        C::ReturnObject: DeserializeOwned,
    {
        self.tab.call_method(command).map_err(refused)
    }

    fn handle(&self) -> Self {
        Self {
            tab: Arc::clone(&self.tab),
            activity: Arc::clone(&self.activity),
        }
    }
}

fn refused(error: impl std::fmt::Display) -> PageError {
    PageError::Browser(error.to_string())
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The library blocks its thread until the browser answers, so it gets one of its own.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PageError> + Send + 'static,
) -> Result<T, PageError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| PageError::Browser(error.to_string()))?
}
