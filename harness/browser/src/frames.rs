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
    /// The page asked for another document; the browser may begin to load it or not.
    requested: Option<Request>,
    /// The browser's name for the navigation that has begun, and has not led to a document yet.
    begun: Option<String>,
}

#[derive(Debug)]
struct Request {
    url: String,
    when: Instant,
}

impl Frames {
    /// The page asks for another document in a frame; the browser may begin to load it or not.
    pub(crate) fn requested(&mut self, name: &str, url: &str) {
        self.frame(name).requested = Some(Request {
            url: url.to_owned(),
            when: Instant::now(),
        });
    }

    /// The browser begins to load another document into a frame.
    pub(crate) fn begun(&mut self, name: &str, navigation: &str) {
        let frame = self.frame(name);
        frame.requested = None;
        frame.begun = Some(navigation.to_owned());
    }

    /// A navigation has ended; where it led to no document, the frame shows what it showed.
    pub(crate) fn ended(&mut self, navigation: Option<&str>) {
        for frame in self.frames.values_mut() {
            frame
                .begun
                .take_if(|begun| Some(begun.as_str()) == navigation);
        }
    }

    /// A frame shows another document from now on, the one that this navigation led to.
    pub(crate) fn shows(&mut self, name: &str, navigation: Option<&str>, url: Option<&str>) {
        let frame = self.frame(name);
        frame.url = url.map(str::to_owned);
        // What was asked for after this one had begun is still to come.
        if frame.begun.is_none() {
            frame.requested = None;
        }
        frame
            .begun
            .take_if(|begun| navigation.is_none_or(|navigation| begun == navigation));
    }

    /// The document of a frame has another URL from now on. Another document may be on its way all the same.
    pub(crate) fn moved_within(&mut self, name: &str, url: Option<&str>) {
        let frame = self.frame(name);
        frame
            .requested
            .take_if(|requested| Some(requested.url.as_str()) == url);
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
        let is_requested = frame
            .requested
            .as_ref()
            .is_some_and(|requested| requested.when.elapsed() < BEGINS_WITHIN);
        let is_leaving = is_requested || frame.begun.is_some();
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
