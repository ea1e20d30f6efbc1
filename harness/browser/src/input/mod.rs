//! What a visitor does in a page: waits as a person would until a thing can be done, does it, and sees that it was done.

mod choice;
mod click;
mod field;
mod keys;
mod wait;

use std::time::Duration;

use edgeproof_ground::call::CallPattern;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

pub use choice::OptionChoice;
pub use keys::{KeyPress, KeyPressError};
pub use wait::Sight;

use crate::{
    driver::Document,
    page::{Page, PageError},
};

/// How soon a page is looked at again, the first times and then always; what an element waits for is often there at once.
const LOOK_AGAIN: [Duration; 4] = [
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(20),
    Duration::from_millis(50),
];

/// Which document of a visit is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The window that the page opened, by its URL; the page itself where it is absent.
    pub window: Option<CallPattern>,
    /// Frames by CSS selector, each in the one before it.
    pub frames: Vec<String>,
}

/// The hand of a visitor in one document.
pub struct Input<'a> {
    page: &'a Page,
    place: Place,
    limit: Duration,
    deadline: Instant,
}

impl Page {
    /// The hand of the visitor in this page; whatever it does has to be done within the limit.
    pub fn input(&self, limit: Duration) -> Input<'_> {
        Input {
            page: self,
            place: Place::default(),
            limit,
            deadline: Instant::now() + limit,
        }
    }
}

/// What a look at an element found.
#[derive(Debug, Deserialize)]
#[serde(tag = "state", content = "detail", rename_all = "kebab-case")]
enum Obstacle {
    /// The selector is none, as the browser says.
    Invalid(String),
    Missing,
    Hidden(String),
    Disabled,
    ReadOnly,
    Moving,
    Outside,
    Covered(String),
    /// What is waited for is not so yet.
    #[serde(skip)]
    NotYet(String),
}

/// An element that can be acted on, and where its document is.
struct Ready {
    document: Document,
    seen: Value,
    in_window: (f64, f64),
}

/// What must be true of an element before something is done to it.
struct Needs<'a> {
    /// What is to be done, such as `click #create`.
    what: &'a str,
    selector: &'a str,
    /// Whether of a label its control is meant.
    stands_for: &'static str,
    needs: &'static [&'static str],
}

impl Input<'_> {
    /// The same hand, in another document.
    #[must_use]
    pub fn at(self, place: &Place) -> Self {
        Self {
            place: place.clone(),
            ..self
        }
    }

    /// Waits until the element is as it has to be.
    async fn ready(&self, needs: &Needs<'_>) -> Result<Ready, PageError> {
        self.attempt(needs, |attempt| self.look(needs, attempt))
            .await
    }

    /// Tries until it succeeds, or there is a reason that does not pass, or the time is over.
    async fn attempt<T, F>(
        &self,
        needs: &Needs<'_>,
        mut attempt: impl FnMut(usize) -> F,
    ) -> Result<T, PageError>
    where
        F: Future<Output = Result<Result<T, Obstacle>, PageError>>,
    {
        let mut last = None;
        for count in 0_usize.. {
            let tried = tokio::time::timeout_at(self.deadline, attempt(count)).await;
            match tried {
                Ok(Ok(Ok(done))) => return Ok(done),
                Ok(Ok(Err(obstacle))) => {
                    let is_final = matches!(obstacle, Obstacle::Invalid(_));
                    last = Some(obstacle);
                    if is_final {
                        break;
                    }
                }
                // The page is on its way to another one.
                Ok(Err(PageError::Left { .. })) => {}
                Ok(Err(error)) => return Err(error),
                // The page did not say how the element is.
                Err(_) if last.is_none() => return Err(self.late(needs.what)),
                Err(_) => break,
            }
            let pause = LOOK_AGAIN[count.min(LOOK_AGAIN.len() - 1)];
            if Instant::now() + pause > self.deadline {
                break;
            }
            tokio::time::sleep(pause).await;
        }
        let reason = self.reason(needs.selector, last).await;
        Err(PageError::Obstacle {
            what: needs.what.to_owned(),
            limit: self.limit,
            reason,
        })
    }

    /// Looks once at the element, and at the frames it is in.
    async fn look(
        &self,
        needs: &Needs<'_>,
        attempt: usize,
    ) -> Result<Result<Ready, Obstacle>, PageError> {
        let documents = self.documents().await?;
        let Some(document) = documents.last().filter(|_| self.is_whole(&documents)) else {
            return Ok(Err(Obstacle::Missing));
        };
        if attempt == 0 && needs.needs.contains(&"point") {
            self.page.driver.bring_to_front(document).await?;
        }
        let argument = json!({
            "selector": needs.selector, "as": needs.stands_for, "needs": needs.needs, "attempt": attempt,
        });
        let seen = self.page.driver.act(document, "look", argument).await?;
        if let Some(obstacle) = obstacle(&seen) {
            return Ok(Err(obstacle));
        }
        let mut point = point(&seen);
        if needs.needs.contains(&"point") {
            for (outer, selector) in documents.iter().zip(&self.place.frames).rev() {
                let (x, y) = point;
                let argument = json!({ "selector": selector, "x": x, "y": y, "attempt": attempt });
                let through = self.page.driver.act(outer, "through", argument).await?;
                if let Some(obstacle) = obstacle(&through) {
                    return Ok(Err(obstacle));
                }
                point = self::point(&through);
            }
        }
        Ok(Ok(Ready {
            document: document.clone(),
            seen,
            in_window: point,
        }))
    }

    /// The documents from the window's to the one that is meant, as far as they are there.
    async fn documents(&self) -> Result<Vec<Document>, PageError> {
        let first = match &self.place.window {
            None => Some(self.page.driver.top()),
            Some(url) => self.page.window(url),
        };
        let mut documents: Vec<_> = first.into_iter().collect();
        for selector in &self.place.frames {
            let Some(outer) = documents.last() else { break };
            let Some(inner) = self.page.driver.frame(outer, selector).await? else {
                break;
            };
            documents.push(inner);
        }
        Ok(documents)
    }

    /// Calls an action of `page.js` on an element that has been found.
    async fn on(
        &self,
        ready: &Ready,
        action: &str,
        argument: Value,
        what: &str,
    ) -> Result<Value, PageError> {
        let called = self.page.driver.act(&ready.document, action, argument);
        self.in_time(what, called).await
    }

    /// What is done to a page that answers is done at once; one whose scripts never end does not answer.
    async fn in_time<T>(
        &self,
        what: &str,
        done: impl Future<Output = Result<T, PageError>>,
    ) -> Result<T, PageError> {
        tokio::time::timeout_at(self.deadline, done)
            .await
            .unwrap_or_else(|_| Err(self.late(what)))
    }

    fn late(&self, what: &str) -> PageError {
        PageError::Obstacle {
            what: what.to_owned(),
            limit: self.limit,
            reason: "the page did not respond; a script of it may run without end".to_owned(),
        }
    }

    /// Why nothing could be done, for a person to read.
    async fn reason(&self, selector: &str, last: Option<Obstacle>) -> String {
        match last {
            None => "the page was on its way to another one all the time".to_owned(),
            Some(Obstacle::Invalid(detail)) => format!("the selector is wrong: {detail}"),
            Some(Obstacle::Missing) => self.missing(selector).await,
            Some(Obstacle::Hidden(why)) => format!("it is not visible: {why}"),
            Some(Obstacle::Disabled) => "it is disabled".to_owned(),
            Some(Obstacle::ReadOnly) => "it is read-only".to_owned(),
            Some(Obstacle::Moving) => "it did not stop moving".to_owned(),
            Some(Obstacle::Outside) => "it cannot be scrolled into the window".to_owned(),
            Some(Obstacle::Covered(by)) => format!("{by} covers it"),
            Some(Obstacle::NotYet(reason)) => reason,
        }
    }

    /// Which of the window, the frames and the element is missing, and what is there instead.
    async fn missing(&self, selector: &str) -> String {
        let search = async {
            let documents = self.documents().await?;
            Ok::<_, PageError>(match (documents.last(), &self.place.window) {
                (None, Some(url)) => format!("no window is open whose URL matches `{url}`"),
                (Some(document), _) if self.is_whole(&documents) => {
                    let there = self
                        .page
                        .driver
                        .act(document, "selectors", Value::Null)
                        .await?;
                    let there = there.as_array().into_iter().flatten();
                    let nearest = nearest(selector, there.filter_map(Value::as_str));
                    let nearest = nearest.map(|near| format!("; the page has `{near}`"));
                    format!(
                        "no element matches `{selector}`{}",
                        nearest.unwrap_or_default()
                    )
                }
                _ => {
                    let frame = self.place.frames.get(documents.len().saturating_sub(1));
                    let frame = frame.map_or("", String::as_str);
                    format!("no frame matches `{frame}`")
                }
            })
        };
        // A page that does not respond any more has no better reason to give.
        match tokio::time::timeout(LAST_LOOK, search).await {
            Ok(Ok(reason)) => reason,
            _ => format!("no element matches `{selector}`"),
        }
    }

    /// Whether all frames are there.
    fn is_whole(&self, documents: &[Document]) -> bool {
        documents.len() > self.place.frames.len()
    }
}

/// How long a page may take to say why something was not possible.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// What stands in the way, if anything does.
fn obstacle(seen: &Value) -> Option<Obstacle> {
    let mut state = seen.clone();
    if let Some(state) = state.as_object_mut() {
        state.retain(|key, _| key == "state" || key == "detail");
    }
    serde_json::from_value(state).ok()
}

fn point(seen: &Value) -> (f64, f64) {
    let side = |name: &str| seen[name].as_f64().unwrap_or_default();
    (side("x"), side("y"))
}

/// The selector that differs least, if it differs by a mistake of the keyboard.
fn nearest<'a>(selector: &str, there: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    const ALIKE: f64 = 0.7;
    let alike = |there: &&str| strsim::normalized_damerau_levenshtein(selector, there);
    there
        .filter(|there| alike(there) >= ALIKE)
        .max_by(|left, right| alike(left).total_cmp(&alike(right)))
}
