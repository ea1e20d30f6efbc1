//! Steps of visitors with a browser.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use bytes::Bytes;
use edgeproof_browser::{self as browser, CallOutcome, Page, PageError, Place};
use edgeproof_ground::{call::CallPattern, time::shown};
use edgeproof_rig::{BrowserVisit, Cookies};
use edgeproof_scenario::{
    expect::Expect,
    input::Awaited,
    step::{Action, Step},
};
use http::{HeaderMap, Method, StatusCode, header::CONTENT_LENGTH};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{
    HarnessFault,
    entrance::Entrance,
    notes,
    session::{ByVisitor, Outcome},
    trouble::{Trouble, Wanted},
};
use crate::{
    check,
    observed::{LivePage, ObservedCall},
    record::Note,
    redact::Redactor,
};

/// How long a browser may take to show what it shows, and to be wiped; it takes some milliseconds.
const LAST_LIMIT: Duration = Duration::from_secs(10);

/// How long a picture of a step may take: some 30 ms of a page that responds.
const PICTURE_LIMIT: Duration = Duration::from_secs(2);

/// How long a page may take to show what is expected, where the step does not say.
const SHOWS_WITHIN: Duration = Duration::from_secs(5);

/// How often a page is looked at that does not show yet what is expected.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

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
    pub(super) async fn of(
        &mut self,
        entrance: &impl Entrance,
        visitor: &str,
    ) -> Result<&Browser, HarnessFault> {
        if !self.open.contains_key(visitor) {
            let visit = entrance.browser(visitor).await?;
            let browser = Browser {
                visit,
                cookies: entrance.visitor(visitor)?.cookies,
                told: AtomicUsize::new(0),
            };
            self.open.insert(visitor.to_owned(), browser);
        }
        self.open
            .get(visitor)
            .ok_or_else(|| format!("the browser of `{visitor}` is gone").into())
    }

    /// Every call of every page so far, with whose it was.
    pub(super) fn calls(&self) -> Vec<(String, browser::BrowserCall)> {
        let of = |(visitor, browser): (&String, &Browser)| {
            let calls = browser.visit.calls().into_iter();
            calls
                .map(|call| (visitor.clone(), call))
                .collect::<Vec<_>>()
        };
        self.open.iter().flat_map(of).collect()
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

    /// What the page of a visitor shows now; nothing where none is open, or where it does not say.
    pub(super) async fn screenshot(&self, visitor: &str) -> Option<Vec<u8>> {
        let browser = self.open.get(visitor)?;
        let picture = timeout(PICTURE_LIMIT, browser.visit.screenshot()).await;
        picture.ok()?.ok()
    }

    /// What the page of a visitor has printed so far.
    pub(super) fn console(&self, visitor: &str) -> Vec<String> {
        let console = self
            .open
            .get(visitor)
            .map(|browser| browser.visit.console());
        let lines = console.unwrap_or_default().into_iter();
        lines.map(|line| line.text).collect()
    }

    /// What the page of a visitor shows and has printed; nothing where none is open.
    pub(super) async fn notes(&self, visitor: &str, redactor: &Redactor) -> Vec<Note> {
        let Some(browser) = self.open.get(visitor) else {
            return Vec::new();
        };
        let page: &Page = &browser.visit;
        let html = timeout(LAST_LIMIT, page.html(&Place::default())).await;
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
    /// Does one thing in the page, answers the dialogs it opens, and waits for the call it causes.
    pub(super) async fn act(
        &self,
        step: &Step,
        action: &Action,
        limit: Duration,
    ) -> Result<Outcome, Trouble> {
        let page: &Page = &self.visit;
        let deadline = Instant::now() + limit;
        page.answer_dialogs(step.dialog.clone());
        let mut outcome = self.act_and_see(step, action, limit).await;
        let left = deadline.saturating_duration_since(Instant::now());
        if step.dialog.is_some() && outcome.is_ok() && !page.dialog(left).await {
            let claim = format!("expected a dialog to open within {}", shown(limit));
            outcome = Err(Trouble::unmet(claim, "there was none").of(Wanted::Dialog));
        }
        page.answer_dialogs(None);
        let mut dialogs = page.take_dialogs().into_iter();
        match dialogs.find(browser::Dialog::needs_an_answer) {
            // Whatever else went wrong may come of it.
            Some(dialog) => Err(Trouble::unmet(
                "expected no dialog that the step does not answer",
                format!(
                    "the page opened a {} `{}`; say in the step `dialog: accept`, `dialog: dismiss` or `dialog: TEXT`",
                    dialog.kind, dialog.message
                ),
            )),
            None => outcome,
        }
    }

    async fn act_and_see(
        &self,
        step: &Step,
        action: &Action,
        limit: Duration,
    ) -> Result<Outcome, Trouble> {
        let page: &Page = &self.visit;
        let awaited = step.awaited_call();
        let calls = page.calls();
        if !matches!(action, Action::Wait(_)) {
            self.told.store(calls.len(), Ordering::Relaxed);
        }
        // Calls that were there before the action are not its doing.
        let before = &calls[..self.told.load(Ordering::Relaxed).min(calls.len())];
        let skip = awaited.map_or(0, |pattern| {
            before.iter().filter(|call| is_meant(pattern, call)).count()
        });
        let document = self.do_it(action, &step.place, limit).await?;
        let call = match (awaited, document) {
            (Some(pattern), _) => {
                let caused = self.caused(pattern, skip, limit).await;
                Some(caused.map_err(|trouble| trouble.of(Wanted::Call))?)
            }
            (None, Some(document)) => Some(self.call(&document).await?),
            (None, None) => None,
        };
        Ok(Outcome {
            call,
            ..Outcome::default()
        })
    }

    /// Looks at the page until it shows what is expected of it, or the time is over; then it shows what it shows.
    pub(super) async fn look(
        &self,
        step: &Step,
        expect: &Expect,
        outcome: &mut Outcome,
    ) -> Result<(), Trouble> {
        let page: &Page = &self.visit;
        let limit = step.timeout.map_or(SHOWS_WITHIN, |limit| limit.0);
        let deadline = Instant::now() + limit;
        loop {
            outcome.console = page.console().into_iter().map(|line| line.text).collect();
            if !expect.page.is_empty() {
                match timeout_at(deadline, page.html(&step.place)).await {
                    Ok(Ok(html)) => {
                        outcome.live_page = Some(LivePage {
                            html,
                            broke_off: self.broke_off(),
                        });
                    }
                    // It is on its way to another page.
                    Ok(Err(PageError::Left { .. })) => {}
                    Ok(Err(error)) => return Err(trouble(error)),
                    Err(_) if outcome.live_page.is_none() => {
                        return Err(Trouble::unmet(
                            format!("expected the page to be there within {}", shown(limit)),
                            "it did not respond, or another one was on its way all the time",
                        ));
                    }
                    Err(_) => return Ok(()),
                }
            }
            let is_shown = check::is_shown(expect, outcome.live_page.as_ref(), &outcome.console);
            if is_shown || Instant::now() + LOOK_AGAIN > deadline {
                return Ok(());
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// After how many bytes the document broke off.
    fn broke_off(&self) -> Option<usize> {
        let document = self.visit.document();
        document.as_ref().and_then(browser::BrowserCall::broke_off)
    }

    async fn do_it(
        &self,
        action: &Action,
        place: &Place,
        limit: Duration,
    ) -> Result<Option<browser::BrowserCall>, Trouble> {
        let page: &Page = &self.visit;
        let hand = page.input(limit).at(place);
        let done = match action {
            Action::Visit(url) => {
                if self.cookies == Cookies::Cleared {
                    page.clear_cookies().await.map_err(trouble)?;
                }
                return page.visit(url, limit).await.map(Some).map_err(trouble);
            }
            Action::Fill(fields) => {
                for (selector, value) in fields {
                    hand.fill(selector, &value.0).await.map_err(trouble)?;
                }
                Ok(())
            }
            Action::Select(boxes) => {
                for (selector, options) in boxes {
                    hand.select(selector, &options.0).await.map_err(trouble)?;
                }
                Ok(())
            }
            Action::Upload(fields) => {
                for (selector, files) in fields {
                    let files = found(&files.0)?;
                    hand.upload(selector, &files).await.map_err(trouble)?;
                }
                Ok(())
            }
            Action::Click(selector) => hand.click(selector).await,
            Action::Hover(selector) => hand.hover(selector).await,
            Action::Check(selector) => hand.check(selector, true).await,
            Action::Uncheck(selector) => hand.check(selector, false).await,
            Action::Press(press) => hand.press(&press.key, press.field.as_deref()).await,
            Action::Submit(form) => hand.submit(form).await,
            Action::Wait(Awaited::Sight(sight)) => hand.wait_for(sight).await,
            Action::Wait(Awaited::Call(_)) => Ok(()),
            Action::Run(script) => return self.run(place, script, limit).await,
            Action::Request(_)
            | Action::Raw(_)
            | Action::Probe(_)
            | Action::Advance(_)
            | Action::Set(_)
            | Action::Deploy(_) => {
                return Err(Trouble::Fault("a browser has no part in this step".into()));
            }
        };
        done.map(|()| None).map_err(trouble)
    }

    async fn run(
        &self,
        place: &Place,
        script: &str,
        limit: Duration,
    ) -> Result<Option<browser::BrowserCall>, Trouble> {
        match timeout(limit, self.visit.run_at(place, script)).await {
            Ok(Ok(_)) => Ok(None),
            Ok(Err(PageError::Left { .. })) => Err(Trouble::unmet(
                "expected the script to run to its end in the page",
                "the page was left while it ran; a `wait` before it, for the page that it is meant for, makes sure \
                 which one that is",
            )),
            Ok(Err(error)) => Err(trouble(error)),
            Err(_) => Err(Trouble::unmet(
                format!("expected the script to end within {}", shown(limit)),
                "it did not, or the page did not respond",
            )),
        }
    }

    /// The call of the page that the action caused, once it has been answered.
    async fn caused(
        &self,
        pattern: &CallPattern,
        skip: usize,
        limit: Duration,
    ) -> Result<ObservedCall, Trouble> {
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
        self.call(&found).await
    }

    async fn call(&self, seen: &browser::BrowserCall) -> Result<ObservedCall, Trouble> {
        let claim = || format!("expected a response to `{} {}`", seen.method, seen.url);
        if let CallOutcome::Failed(reason) = &seen.outcome {
            return Err(Trouble::unmet(
                claim(),
                format!("the browser reported {reason}"),
            ));
        }
        let status = seen
            .status
            .and_then(|status| StatusCode::from_u16(status).ok())
            .ok_or_else(|| Trouble::unmet(claim(), "got none"))?;
        let method = Method::from_bytes(seen.method.as_bytes())?;
        let broke_off = seen.broke_off();
        let body = timeout(LAST_LIMIT, self.visit.body(seen)).await;
        let body = body.unwrap_or_else(|_| Err(PageError::Browser("no response".to_owned())));
        let (body, undecoded) = match body {
            Ok(body) => (Bytes::from(body), None),
            Err(_) if broke_off.is_some() => {
                let why = "the browser keeps nothing of a body that broke off";
                (Bytes::new(), Some(why.to_owned()))
            }
            Err(error) => without_body(&method, status, &seen.response_headers, &error),
        };
        Ok(ObservedCall {
            is_faulty: false,
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

/// The files, as a browser wants to have their paths.
fn found(files: &[std::path::PathBuf]) -> Result<Vec<std::path::PathBuf>, Trouble> {
    let files = files.iter().map(|file| {
        file.canonicalize()
            .map_err(|error| format!("`{}` cannot be read: {error}", file.display()).into())
    });
    files.collect()
}

fn is_meant(pattern: &CallPattern, call: &browser::BrowserCall) -> bool {
    Method::from_bytes(call.method.as_bytes())
        .is_ok_and(|method| pattern.matches(&method, &call.url))
}

/// The body of a response of which the browser has none: an empty one, or why it cannot be read.
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
        PageError::Navigation { url, reason } => {
            Trouble::unmet(format!("expected {url} to load"), format!("got {reason}"))
        }
        PageError::Late { what, limit } => Trouble::unmet(
            format!("expected {what} within {}", shown(limit)),
            "there was none",
        ),
        PageError::Obstacle {
            what,
            limit,
            reason,
        } => Trouble::unmet(format!("expected {what} within {}", shown(limit)), reason),
        PageError::Refused { what, reason } => Trouble::unmet(format!("expected {what}"), reason),
        PageError::Left { .. } => Trouble::unmet(
            "expected the page to stay until the step was done",
            "it was left for another one",
        ),
        PageError::Script(reason) => Trouble::unmet(
            "expected the script to run in the page",
            format!("got {reason}"),
        ),
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
        PageError::Obstacle {
            what: "`#a` to be clicked".to_owned(),
            limit: Duration::from_secs(2),
            reason: "<div> covers it".to_owned(),
        },
        Some(("expected `#a` to be clicked within 2s", "<div> covers it"))
    )]
    #[case(
        PageError::Refused { what: "`#a` to be filled".to_owned(), reason: "it is no field".to_owned() },
        Some(("expected `#a` to be filled", "it is no field"))
    )]
    #[case(
        PageError::Left { begun: true },
        Some(("expected the page to stay until the step was done", "it was left for another one"))
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
            Trouble::Unmet(unmet) => Some((unmet.claim, unmet.actual)),
            Trouble::Fault(_) => None,
        };
        let told = told
            .as_ref()
            .map(|(claim, actual)| (claim.as_str(), actual.as_str()));
        assert_eq!(told, expected);
    }
}
