//! The steps that do a session again, each with what came of it.

use std::collections::{BTreeSet, HashMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use edgeproof_browser::{Deed, Did, Place};
use edgeproof_ground::redaction::is_secret;
use url::Url;

use super::{Done, Item, Session, is_again, is_told_only, ray};
use crate::{
    deeds::Deeds,
    hidden::{Hidden, escaped},
    outcome,
    pattern::{bare, pattern},
    recording::Files,
    yaml::Node,
};

/// How many things that no step does are told.
const MOST_LOST: usize = 100;

/// Letters of one of them.
const LONGEST_LOST: usize = 300;

/// The steps that do a session again.
pub(crate) fn steps(session: &Session, hidden: &mut Hidden, files: &mut Files) -> Done {
    let timeline = session.timeline();
    let mut writer = Writer {
        contents: contents(&session.deeds),
        session,
        hidden,
        files,
        steps: Vec::new(),
        url: String::new(),
        shown: None,
        document: 0,
        waited_for_agent: false,
        has_led_somewhere: false,
        rays: BTreeSet::new(),
        may_merge: false,
        lost: Vec::new(),
    };
    for (index, (start, item)) in timeline.iter().enumerate() {
        // What is told of a document is no deed: what is called after it still comes of the one before.
        let later = timeline[index + 1..]
            .iter()
            .find(|(_, item)| !is_told_only(item));
        let end = later.map_or(session.calls.len(), |(start, _)| *start);
        writer.item(item, *start, end.max(*start));
    }
    if let Some(end) = &session.end {
        writer.is_at(end);
    }
    let end = writer.end();
    Done {
        steps: writer.steps,
        end,
        lost: writer.lost,
    }
}

/// What is in the files that were chosen, by field and name.
fn contents(deeds: &Deeds) -> HashMap<(String, String), Vec<u8>> {
    let content = |deed: &Deed| match &deed.did {
        Did::Content {
            content,
            file,
            base64,
        } => Some((
            (content.clone(), file.clone()),
            STANDARD.decode(base64).ok()?,
        )),
        _ => None,
    };
    deeds.iter().filter_map(content).collect()
}

struct Writer<'a> {
    session: &'a Session,
    hidden: &'a mut Hidden,
    files: &'a mut Files,
    contents: HashMap<(String, String), Vec<u8>>,
    steps: Vec<Node>,
    /// Where the page is by now, as far as the steps know.
    url: String,
    /// The last document that began.
    shown: Option<String>,
    /// Where the steps in the present document begin.
    document: usize,
    waited_for_agent: bool,
    /// Whether a document has begun since the last step.
    has_led_somewhere: bool,
    /// The calls of which something is expected.
    rays: BTreeSet<String>,
    /// Whether the last step fills fields, and nothing came of it.
    may_merge: bool,
    /// What is in no step.
    lost: Vec<String>,
}

impl Writer<'_> {
    fn item(&mut self, item: &Item<'_>, start: usize, end: usize) {
        match item {
            Item::Visit(index) => self.visit(*index, end),
            Item::Deed(deed) => match &deed.did {
                Did::Document { .. } if deed.place.window.is_none() => {
                    self.waited_for_agent = false;
                    // A page led here, or a visit that was seen already.
                    let is_by_hand = is_again(&deed.did) && self.was_left_by_hand(&deed.url);
                    self.has_led_somewhere = true;
                    self.shown = Some(deed.url.clone());
                    if is_by_hand {
                        let visit = self.hidden.text(&deed.url);
                        self.push("visit", Node::Text(visit), &Place::default());
                        self.url = bare(&deed.url);
                        self.document = self.steps.len();
                    }
                }
                Did::Dialog {
                    dialog,
                    accepted,
                    text,
                } => self.dialog(dialog, *accepted, text.as_deref()),
                Did::Lost { lost } => self.lose(lost),
                Did::Document { .. } | Did::Content { .. } => {}
                _ => self.deed(deed, start, end),
            },
        }
    }

    /// The last step opened a dialog that has several answers.
    fn dialog(&mut self, kind: &str, accepted: bool, text: Option<&str>) {
        if kind == "beforeunload" && !accepted {
            self.lose("the page was not left, as a dialog was cancelled");
        }
        if !matches!(kind, "confirm" | "prompt") {
            return;
        }
        let answer = match text.filter(|text| !text.is_empty()) {
            _ if !accepted => "dismiss".to_owned(),
            Some(text) if !matches!(text, "accept" | "dismiss") => self.hidden.text(text),
            _ => "accept".to_owned(),
        };
        let Some(Node::Map(step)) = self.steps.last_mut() else {
            return;
        };
        let answer = Node::Text(answer);
        let known = step.iter().find(|(key, _)| key == "dialog");
        match known.map(|(_, known)| *known == answer) {
            None => step.push(("dialog".to_owned(), answer)),
            Some(true) => {}
            Some(false) => self.lose("a further dialog of this step was answered otherwise"),
        }
    }

    /// Nothing of this is in a step.
    fn lose(&mut self, what: &str) {
        let place = match self.steps.len() {
            0 => "Before the first step".to_owned(),
            number => format!("After step {number}"),
        };
        let what: String = what.chars().take(LONGEST_LOST).collect();
        if self.lost.len() < MOST_LOST {
            let what = self.hidden.text(&what);
            self.lost
                .push(format!("{place}, this was not recorded: {what}."));
        }
    }

    /// Whether the person went back or loaded the page again, and no step says so already.
    fn was_left_by_hand(&self, url: &str) -> bool {
        let Some(Node::Map(last)) = self.steps.last() else {
            return true;
        };
        let leads = ["click", "press", "submit", "select", "check", "upload"];
        // A script leads to one page only, and where a call has come of the step nobody can tell whether it was a script or the
        // person who loaded the page again: twice does no harm.
        let is_over = self.has_led_somewhere || last.iter().any(|(key, _)| key == "expect");
        let leads = !is_over && last.iter().any(|(key, _)| leads.contains(&key.as_str()));
        let is_there = last.iter().any(|(key, _)| key == "visit") && self.url == bare(url);
        !leads && !is_there
    }

    fn visit(&mut self, index: usize, end: usize) {
        let call = &self.session.calls[index];
        // What a page shows is the last response of a chain of redirects.
        let mut chain = index..self.session.calls.len();
        let last = chain.rfind(|other| self.session.calls[*other].id == call.id);
        let last = last.unwrap_or(index);
        // Where the page was led to before has been reached.
        if let Some(shown) = self.shown.take() {
            self.is_at(&shown);
        }
        let url = self.hidden.text(&call.url);
        self.push("visit", Node::Text(url), &Place::default());
        self.expect(last, false);
        self.url = bare(&self.session.calls[last].url);
        self.waited_for_agent = false;
        let more: Vec<usize> = (last + 1..end)
            .filter(|index| self.session.has_signals(*index))
            .collect();
        self.document = self.steps.len();
        self.wait_for_calls(last, &more);
    }

    fn deed(&mut self, deed: &Deed, start: usize, end: usize) {
        let counted: Vec<usize> = (start..end)
            .filter(|index| self.session.counts(*index))
            .collect();
        if deed.place == Place::default() {
            self.is_at(&deed.url);
            // The agent had started, or what was done waited for it.
            let had_agent =
                deed.agent || counted.iter().any(|index| self.session.has_signals(*index));
            if had_agent && !self.waited_for_agent {
                self.waited_for_agent = true;
                let agent = Node::map([("for", Node::text("agent"))]);
                let wait = self.step("wait", agent, &deed.place);
                self.steps.insert(self.document, wait);
            }
        }
        let fills = matches!(deed.did, Did::Fill { .. });
        let Some((key, done)) = self.action(&deed.did) else {
            return;
        };
        if fills && self.may_merge && counted.is_empty() && self.merge(&done, &deed.place) {
            return;
        }
        self.push(key, done, &deed.place);
        self.may_merge = fills && counted.is_empty();
        if let Some((main, more)) = counted.split_first() {
            self.expect(*main, true);
            self.wait_for_calls(*main, more);
        }
    }

    /// The key of a step and its value.
    fn action(&mut self, did: &Did) -> Option<(&'static str, Node)> {
        let named = |selector: &str| Node::Text(escaped(selector));
        let of = |selector: &str, node| Node::Map(vec![(escaped(selector), node)]);
        Some(match did {
            Did::Click { click } => ("click", named(click)),
            Did::Hover { hover } => ("hover", named(hover)),
            Did::Check { check } => ("check", named(check)),
            Did::Uncheck { uncheck } => ("uncheck", named(uncheck)),
            Did::Submit { submit } => ("submit", named(submit)),
            Did::Press { press, field: None } => ("press", Node::text(press)),
            Did::Press {
                press,
                field: Some(field),
            } => (
                "press",
                Node::map([("key", Node::text(press)), ("in", named(field))]),
            ),
            Did::Fill {
                fill,
                value,
                secret,
                called,
            } => {
                let value = match *secret || is_secret(called) {
                    true => self.hidden.secret(called, value),
                    false => self.hidden.text(value),
                };
                ("fill", of(fill, Node::Text(value)))
            }
            Did::Select { select, options } => {
                let mut options: Vec<Node> = options
                    .iter()
                    .map(|option| Node::Text(self.hidden.text(option)))
                    .collect();
                let chosen = match options.len() {
                    1 => options.swap_remove(0),
                    _ => Node::List(options),
                };
                ("select", of(select, chosen))
            }
            Did::Upload { upload, files } => {
                let mut paths = Vec::new();
                for file in files {
                    let content = self.contents.get(&(upload.clone(), file.clone()));
                    let path = self.files.add(file, content.cloned().unwrap_or_default());
                    let path = path.display().to_string();
                    if content.is_none() {
                        self.lose(&format!(
                            "the content of {path}, which is too large; put the file there"
                        ));
                    }
                    paths.push(Node::text(path));
                }
                let chosen = match paths.len() {
                    1 => paths.swap_remove(0),
                    _ => Node::List(paths),
                };
                ("upload", of(upload, chosen))
            }
            Did::Document { .. } | Did::Content { .. } | Did::Dialog { .. } | Did::Lost { .. } => {
                return None;
            }
        })
    }

    /// Adds fields to the step before, which fills others of the same document.
    fn merge(&mut self, more: &Node, place: &Place) -> bool {
        let (Some(Node::Map(last)), Node::Map(more)) = (self.steps.last_mut(), more) else {
            return false;
        };
        let frames = last
            .iter()
            .any(|(key, _)| key == "frame" || key == "window");
        let Some((_, Node::Map(fields))) = last.iter_mut().find(|(key, _)| key == "fill") else {
            return false;
        };
        if frames || *place != Place::default() {
            return false;
        }
        for (field, value) in more {
            // What is filled again keeps its place.
            fields.retain(|(known, _)| known != field);
            fields.push((field.clone(), value.clone()));
        }
        true
    }

    /// The page has come to another address: what comes next is for that one.
    fn is_at(&mut self, url: &str) {
        let now = bare(url);
        if self.url == now || self.url.is_empty() || !now.starts_with("http") {
            return;
        }
        self.url.clone_from(&now);
        self.waited_for_agent = false;
        let mut at = pattern(&now, "");
        if Url::parse(url).is_ok_and(|url| url.fragment().is_some()) && !at.ends_with('*') {
            at.push('*');
        }
        let at = Node::map([("url", Node::Text(self.hidden.text(&at)))]);
        self.push("wait", Node::map([("for", at)]), &Place::default());
        self.document = self.steps.len();
    }

    fn push(&mut self, key: &str, value: Node, place: &Place) {
        let step = self.step(key, value, place);
        self.steps.push(step);
        self.has_led_somewhere = false;
        self.may_merge = false;
    }

    fn step(&self, key: &str, value: Node, place: &Place) -> Node {
        let mut step = vec![(key.to_owned(), value)];
        let visitor = self.session.visitor.as_ref();
        step.extend(visitor.map(|visitor| ("as".to_owned(), Node::text(visitor))));
        if let Some(window) = &place.window {
            step.push((
                "window".to_owned(),
                Node::Text(escaped(&window.to_string())),
            ));
        }
        let mut frames: Vec<Node> = place
            .frames
            .iter()
            .map(|frame| Node::Text(escaped(frame)))
            .collect();
        match frames.len() {
            0 => {}
            1 => step.push(("frame".to_owned(), frames.swap_remove(0))),
            _ => step.push(("frame".to_owned(), Node::List(frames))),
        }
        Node::Map(step)
    }

    /// What came of the last step.
    fn expect(&mut self, index: usize, names_call: bool) {
        let call = &self.session.calls[index];
        let ray = ray(call);
        let behind = ray.map(|ray| self.session.seen.behind(ray));
        self.rays.extend(ray.map(str::to_owned));
        let expected = outcome::expect(
            call.status,
            self.session.has_signals(index),
            behind.as_ref(),
        );
        let named = format!("{} {}", call.method, pattern(&call.url, &self.url));
        let named = self.hidden.text(&named);
        if let Some(Node::Map(step)) = self.steps.last_mut() {
            if names_call {
                step.push(("call".to_owned(), Node::Text(named)));
            }
            step.push(("expect".to_owned(), expected));
        }
    }

    /// What else was called, each after the response to the one before: others could come in another order.
    fn wait_for_calls(&mut self, first: usize, more: &[usize]) {
        let mut last = first;
        for index in more.iter().copied() {
            if !self.session.follows(index, last) {
                continue;
            }
            let call = &self.session.calls[index];
            let named = format!("{} {}", call.method, pattern(&call.url, &self.url));
            let named = self.hidden.text(&named);
            self.push("wait", Node::Text(named), &Place::default());
            self.expect(index, false);
            last = index;
        }
    }

    /// What is expected when all is done: which rules decided, which attacks were found. Events of calls that no step waits
    /// for may be others the next time.
    fn end(&mut self) -> Option<Node> {
        let mut end = Vec::new();
        let events: Vec<_> = self.session.seen.events().collect();
        let is_awaited = |ray: &Option<&str>| ray.is_some_and(|ray| self.rays.contains(ray));
        if !events.is_empty() && events.iter().all(|(ray, _)| is_awaited(ray)) {
            let events = events.iter().map(|(_, event)| outcome::event(event));
            end.push(("events".to_owned(), Node::List(events.collect())));
        }
        if !self.session.attacks.is_empty() {
            let attacks = self.session.attacks.iter().map(|attack| {
                let kind = attack["type"].as_str().unwrap_or_default();
                let path = self
                    .hidden
                    .text(attack["path"].as_str().unwrap_or_default());
                Node::map([("type", Node::text(kind)), ("path", Node::Text(path))])
            });
            end.push(("attacks".to_owned(), Node::List(attacks.collect())));
        }
        (!end.is_empty()).then_some(Node::Map(end))
    }
}
