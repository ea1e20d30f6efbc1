//! Steps of visitors with a browser.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use edgeproof_browser::{self as browser, CallOutcome, Page, PageError};
use edgeproof_ground::call::CallPattern;
use edgeproof_rig::{BrowserVisit, Cookies, Rig};
use edgeproof_scenario::step::{Action, Key};
use http::{HeaderMap, Method, StatusCode, header::CONTENT_LENGTH};
use tokio::time::timeout;

use super::{
    HarnessFault, notes,
    session::{ByVisitor, Outcome, Trouble},
};
use crate::{
    observed::{LivePage, ObservedCall},
    record::Note,
    redact::Redactor,
};

/// How long a browser may take to show what it shows, and to be wiped; it takes some milliseconds.
const LAST_LIMIT: Duration = Duration::from_secs(10);

/// The browsers of one case: one a visitor, opened when the visitor first needs it.
#[derive(Default)]
pub(super) struct Browsers {
    open: ByVisitor<Browser>,
}

/// One visitor's browser.
pub(super) struct Browser {
    visit: BrowserVisit,
    cookies: Cookies,
    /// How many calls of the page came before the last step, or were waited for already.
    told: AtomicUsize,
}

impl Browsers {
    pub(super) async fn of(&mut self, rig: &Rig, visitor: &str) -> Result<&Browser, HarnessFault> {
        if !self.open.contains_key(visitor) {
            let visit = rig.browser(visitor).await?;
            let browser = Browser {
                visit,
                cookies: rig.visitor(visitor)?.cookies,
                told: AtomicUsize::new(0),
            };
            self.open.insert(visitor.to_owned(), browser);
        }
        self.open
            .get(visitor)
            .ok_or_else(|| format!("the browser of `{visitor}` is gone").into())
    }

    /// What each of them shows.
    pub(super) async fn screenshots(&self) -> Vec<(String, Vec<u8>)> {
        let mut pictures = Vec::new();
        for (visitor, browser) in &self.open {
            // A page that shows nothing any more is told by the failure itself.
            if let Ok(Ok(picture)) = timeout(LAST_LIMIT, browser.visit.screenshot()).await {
                pictures.push((visitor.clone(), picture));
            }
        }
        pictures
    }

    /// What the page of a visitor shows and has printed; nothing where none is open.
    pub(super) async fn notes(&self, visitor: &str, redactor: &Redactor) -> Vec<Note> {
        let Some(browser) = self.open.get(visitor) else {
            return Vec::new();
        };
        let page: &Page = &browser.visit;
        let html = timeout(LAST_LIMIT, page.html()).await;
        // A page that shows nothing any more is told by the failure itself.
        let shown = html
            .ok()
            .and_then(Result::ok)
            .map(|html| notes::page(&html, redactor));
        let console = page.console().into_iter().map(|line| line.text).collect();
        shown.into_iter().chain(notes::console(console)).collect()
    }

    pub(super) async fn close(&mut self) {
        for (_, browser) in std::mem::take(&mut self.open) {
            // A browser that cannot be wiped is ended; what was seen in it stands.
            let _ = timeout(LAST_LIMIT, browser.visit.leave()).await;
        }
    }
}

impl Browser {
    /// Does one thing in the page, waits for the call it causes, and looks at what came of it.
    pub(super) async fn act(
        &self,
        action: &Action,
        call: Option<&CallPattern>,
        limit: Duration,
        wants_page: bool,
    ) -> Result<Outcome, Trouble> {
        let page: &Page = &self.visit;
        let awaited = match action {
            Action::Wait(pattern) => Some(pattern),
            _ => call,
        };
        let calls = page.calls();
        if !matches!(action, Action::Wait(_)) {
            self.told.store(calls.len(), Ordering::Relaxed);
        }
        // Calls that were there before the action are not its doing.
        let before = &calls[..self.told.load(Ordering::Relaxed).min(calls.len())];
        let skip = awaited.map_or(0, |pattern| {
            before.iter().filter(|call| is_meant(pattern, call)).count()
        });
        let document = self.do_it(action, limit).await?;
        let seen = match awaited {
            Some(pattern) => Some(self.caused(pattern, skip, limit).await?),
            None => document,
        };
        let call = match seen {
            Some(seen) => Some(self.call(&seen).await?),
            None => None,
        };
        let console = page.console().into_iter().map(|line| line.text).collect();
        let live_page = match wants_page {
            true => Some(LivePage {
                html: page.html().await.map_err(trouble)?,
                broke_off: page
                    .document()
                    .as_ref()
                    .and_then(browser::BrowserCall::broke_off),
            }),
            false => None,
        };
        Ok(Outcome {
            call,
            live_page,
            console,
            ..Outcome::default()
        })
    }

    async fn do_it(
        &self,
        action: &Action,
        limit: Duration,
    ) -> Result<Option<browser::BrowserCall>, Trouble> {
        let page: &Page = &self.visit;
        match action {
            Action::Visit(url) => {
                if self.cookies == Cookies::Cleared {
                    page.clear_cookies().await.map_err(trouble)?;
                }
                return page.visit(url, limit).await.map(Some).map_err(trouble);
            }
            Action::Fill(fields) => {
                for (selector, text) in fields {
                    page.fill(selector, text, limit).await.map_err(trouble)?;
                }
            }
            Action::Click(selector) => page.click(selector, limit).await.map_err(trouble)?,
            Action::Press(press) => {
                if let Some(field) = &press.field {
                    page.click(field, limit).await.map_err(trouble)?;
                }
                match press.key {
                    Key::Enter => page.press_enter().await.map_err(trouble)?,
                }
            }
            Action::Run(script) => {
                page.run(script).await.map_err(trouble)?;
            }
            Action::Submit(form) => page.submit(form, limit).await.map_err(trouble)?,
            Action::Wait(_) => {}
            Action::Request(_)
            | Action::Raw(_)
            | Action::Advance(_)
            | Action::Set(_)
            | Action::Deploy(_) => {
                return Err(Trouble::Fault("a browser has no part in this step".into()));
            }
        }
        Ok(None)
    }

    /// The call of the page that the action caused, once it has been answered.
    async fn caused(
        &self,
        pattern: &CallPattern,
        skip: usize,
        limit: Duration,
    ) -> Result<browser::BrowserCall, Trouble> {
        let wanted = pattern.clone();
        let found = self
            .visit
            .call(
                skip,
                &format!("a request `{pattern}` from the page"),
                limit,
                move |call| is_meant(&wanted, call),
            )
            .await
            .map_err(trouble)?;
        let calls = self.visit.calls();
        let mut meant = calls
            .iter()
            .enumerate()
            .filter(|(_, call)| is_meant(pattern, call));
        if let Some((index, _)) = meant.nth(skip) {
            // The next wait is for the one after it, which may be where this one was redirected to.
            self.told.fetch_max(index + 1, Ordering::Relaxed);
        }
        Ok(found)
    }

    async fn call(&self, seen: &browser::BrowserCall) -> Result<ObservedCall, Trouble> {
        let unmet = |actual: String| Trouble::Unmet {
            claim: format!("expected a response to `{} {}`", seen.method, seen.url),
            actual,
        };
        if let CallOutcome::Failed(reason) = &seen.outcome {
            return Err(unmet(format!("the browser reported {reason}")));
        }
        let status = seen
            .status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .ok_or_else(|| unmet("got none".to_owned()))?;
        let method = Method::from_bytes(seen.method.as_bytes())?;
        let broke_off = seen.broke_off();
        let (body, undecoded) = match self.visit.body(seen).await {
            Ok(body) => (Bytes::from(body), None),
            Err(_) if broke_off.is_some() => {
                let why = "the browser keeps nothing of a body that broke off";
                (Bytes::new(), Some(why.to_owned()))
            }
            Err(error) => without_body(&method, status, &seen.response_headers, &error),
        };
        Ok(ObservedCall {
            method,
            url: seen.url.clone(),
            sent_headers: seen.request_headers.clone(),
            sent_body: seen.posted.clone().map(Bytes::from),
            status,
            headers: seen.response_headers.clone(),
            // The browser has decoded it.
            body,
            broke_off,
            undecoded,
            // The trace knows it better than the browser: see the session.
            took: Duration::ZERO,
        })
    }
}

fn is_meant(pattern: &CallPattern, call: &browser::BrowserCall) -> bool {
    Method::from_bytes(call.method.as_bytes())
        .is_ok_and(|method| pattern.matches(&method, &call.url))
}

/// The body of an answer of which the browser has none: an empty one, or why it cannot be read.
fn without_body(
    method: &Method,
    status: StatusCode,
    headers: &HeaderMap,
    error: &PageError,
) -> (Bytes, Option<String>) {
    let is_empty = *method == Method::HEAD
        || matches!(status.as_u16(), 204 | 205 | 304)
        || headers
            .get(CONTENT_LENGTH)
            .is_some_and(|length| length == "0");
    let why = match error {
        PageError::Browser(reason) => reason.clone(),
        other => other.to_string(),
    };
    let unreadable = format!("the body cannot be read: the browser says `{why}`");
    (Bytes::new(), Some(unreadable).filter(|_| !is_empty))
}

/// What a page did not do is a verdict; a browser that does not answer is a fault.
fn trouble(error: PageError) -> Trouble {
    match error {
        PageError::Navigation { url, reason } => Trouble::Unmet {
            claim: format!("expected {url} to load"),
            actual: format!("got {reason}"),
        },
        PageError::Late { what, limit } => Trouble::Unmet {
            claim: format!(
                "expected {what} within {}",
                edgeproof_ground::time::shown(limit)
            ),
            actual: "there was none".to_owned(),
        },
        PageError::Script(reason) => Trouble::Unmet {
            claim: "expected the script to run in the page".to_owned(),
            actual: format!("got {reason}"),
        },
        error => Trouble::Fault(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_redirect(Method::GET, 302, None, true)]
    #[case::lost(Method::GET, 200, Some("12"), true)]
    #[case::of_unknown_length(Method::POST, 200, None, true)]
    #[case::empty(Method::POST, 200, Some("0"), false)]
    #[case::head(Method::HEAD, 200, Some("12"), false)]
    #[case::no_content(Method::GET, 204, None, false)]
    #[case::not_modified(Method::GET, 304, Some("12"), false)]
    fn a_body_that_the_browser_does_not_give_is_not_taken_for_an_empty_one(
        #[case] method: Method,
        #[case] status: u16,
        #[case] length: Option<&'static str>,
        #[case] is_told: bool,
    ) {
        let length = length.map(|length| (CONTENT_LENGTH, HeaderValue::from_static(length)));
        let headers = HeaderMap::from_iter(length);
        let status = StatusCode::from_u16(status).unwrap();
        let error = PageError::Browser("No resource with given identifier found".to_owned());
        let (body, unreadable) = without_body(&method, status, &headers, &error);
        let told =
            "the body cannot be read: the browser says `No resource with given identifier found`";
        assert_eq!(body, "");
        assert_eq!(unreadable.as_deref(), is_told.then_some(told));
    }

    #[rstest]
    #[case(
        PageError::Navigation { url: "https://shop.example/".to_owned(), reason: "net::ERR_EMPTY_RESPONSE".to_owned() },
        Some(("expected https://shop.example/ to load", "got net::ERR_EMPTY_RESPONSE"))
    )]
    #[case(
        PageError::Late { what: "an element `#a`".to_owned(), limit: Duration::from_secs(2) },
        Some(("expected an element `#a` within 2s", "there was none"))
    )]
    #[case(
        PageError::Script("Error: no".to_owned()),
        Some(("expected the script to run in the page", "got Error: no"))
    )]
    #[case(PageError::Browser("it is gone".to_owned()), None)]
    fn what_a_page_does_not_do_is_a_verdict_and_a_lost_browser_a_fault(
        #[case] error: PageError,
        #[case] expected: Option<(&str, &str)>,
    ) {
        let told = match trouble(error) {
            Trouble::Unmet { claim, actual } => Some((claim, actual)),
            Trouble::Fault(_) => None,
        };
        let told = told
            .as_ref()
            .map(|(claim, actual)| (claim.as_str(), actual.as_str()));
        assert_eq!(told, expected);
    }
}
