//! What is known of the frames of a visit, from the browser's own events.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// How long a navigation that a page asked for may take until it begins; one that does not was dropped in silence, as one to
/// an address that another program is for.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);

/// The frames of a visit, by the browser's name for each.
#[derive(Debug, Default)]
pub(crate) struct Frames {
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
    /// The page asks for another document in a frame; the browser may begin it or not.
    pub(crate) fn requested(&mut self, name: &str) {
        let frame = self.frame(name);
        if !matches!(frame.navigation, Some(Navigation::Begun)) {
            frame.navigation = Some(Navigation::Requested(Instant::now()));
        }
    }

    /// The browser begins to load another document into a frame.
    pub(crate) fn begun(&mut self, name: &str) {
        self.frame(name).navigation = Some(Navigation::Begun);
    }

    /// What a frame was to show has come, or does not come.
    pub(crate) fn stopped(&mut self, name: &str) {
        self.frame(name).navigation = None;
    }

    /// A frame shows the document of this URL from now on.
    pub(crate) fn shows(&mut self, name: &str, url: Option<&str>) {
        let frame = self.frame(name);
        frame.navigation = None;
        frame.url = url.map(str::to_owned);
    }

    /// Where the scripts of a frame run from now on.
    pub(crate) fn runs_in(&mut self, name: &str, context: Option<&str>) {
        self.frame(name).context = context.map(str::to_owned);
    }

    /// A frame is gone.
    pub(crate) fn remove(&mut self, name: &str) {
        self.frames.remove(name);
    }

    /// Where the scripts of a frame run.
    pub(crate) fn context(&self, name: &str) -> Option<&str> {
        self.frames.get(name)?.context.as_deref()
    }

    /// The URL of the document that a frame shows.
    pub(crate) fn url(&self, name: &str) -> Option<&str> {
        self.frames.get(name)?.url.as_deref()
    }

    /// Where the scripts of a frame run, unless it is about to show another document.
    pub(crate) fn settled_context(&self, name: &str) -> Option<String> {
        let frame = self.frames.get(name)?;
        let is_leaving = match frame.navigation {
            None => false,
            Some(Navigation::Begun) => true,
            Some(Navigation::Requested(when)) => when.elapsed() < BEGINS_WITHIN,
        };
        frame.context.clone().filter(|_| !is_leaving)
    }

    /// A place where scripts ran is gone.
    pub(crate) fn forget_context(&mut self, context: &str) {
        for frame in self.frames.values_mut() {
            frame.context.take_if(|known| known == context);
        }
    }

    fn frame(&mut self, name: &str) -> &mut Frame {
        self.frames.entry(name.to_owned()).or_default()
    }
}
