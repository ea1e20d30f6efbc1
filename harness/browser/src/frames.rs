//! What is known of the frames of a visit, from the browser's own events.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use serde_json::Value;

/// How long a navigation that a page asked for may take until it begins; one that does not was dropped in silence, as one to
/// an address that another program is for.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);

/// The frames of a visit, by the browser's name for each.
#[derive(Debug, Default)]
pub(super) struct Frames {
    frames: HashMap<String, Frame>,
}

#[derive(Debug, Default)]
struct Frame {
    url: Option<String>,
    /// The browser's name for the place where the scripts of its document run.
    context: Option<String>,
    navigation: Option<Navigation>,
}

/// A navigation that has not led to a document yet.
#[derive(Clone, Copy, Debug)]
enum Navigation {
    /// The page asked for it.
    Requested(Instant),
    /// The browser began it.
    Begun,
}

impl Frames {
    pub(super) fn observe(&mut self, event: &str, parameters: &Value) {
        let name = parameters["frameId"].as_str().unwrap_or_default();
        match event {
            "Page.frameScheduledNavigation" if parameters["delay"].as_f64() == Some(0.0) => {
                self.requested(name);
            }
            "Page.frameRequestedNavigation" if parameters["disposition"] == "currentTab" => {
                self.requested(name);
            }
            "Page.frameStartedNavigating" | "Page.frameStartedLoading" => {
                self.frame(name).navigation = Some(Navigation::Begun);
            }
            "Page.frameStoppedLoading" => self.frame(name).navigation = None,
            "Page.navigatedWithinDocument" => {
                let frame = self.frame(name);
                frame.navigation = None;
                frame.url = parameters["url"].as_str().map(str::to_owned);
            }
            "Page.frameNavigated" => {
                let now = &parameters["frame"];
                let frame = self.frame(now["id"].as_str().unwrap_or_default());
                frame.navigation = None;
                frame.url = now["url"].as_str().map(str::to_owned);
            }
            "Page.frameDetached" => {
                self.frames.remove(name);
            }
            "Runtime.executionContextCreated" => {
                let context = &parameters["context"];
                if context["auxData"]["isDefault"] == true
                    && let Some(name) = context["auxData"]["frameId"].as_str()
                {
                    self.frame(name).context = context["uniqueId"].as_str().map(str::to_owned);
                }
            }
            _ => {}
        }
    }

    /// The URL of the document that a frame shows.
    pub(super) fn url(&self, name: &str) -> Option<&str> {
        self.frames.get(name)?.url.as_deref()
    }

    /// Where the scripts of a frame run, unless it is about to show another document.
    pub(super) fn settled_context(&self, name: &str) -> Option<String> {
        let frame = self.frames.get(name)?;
        let is_leaving = match frame.navigation {
            None => false,
            Some(Navigation::Begun) => true,
            Some(Navigation::Requested(when)) => when.elapsed() < BEGINS_WITHIN,
        };
        frame.context.clone().filter(|_| !is_leaving)
    }

    /// A place where scripts ran is gone.
    pub(super) fn forget_context(&mut self, context: &str) {
        for frame in self.frames.values_mut() {
            frame.context.take_if(|known| known == context);
        }
    }

    fn requested(&mut self, name: &str) {
        let frame = self.frame(name);
        if !matches!(frame.navigation, Some(Navigation::Begun)) {
            frame.navigation = Some(Navigation::Requested(Instant::now()));
        }
    }

    fn frame(&mut self, name: &str) -> &mut Frame {
        self.frames.entry(name.to_owned()).or_default()
    }
}
