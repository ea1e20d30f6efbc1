//! What somebody did in a browser, as steps, each with what came of it.

use std::collections::{BTreeSet, HashMap};

use base64::{Engine, engine::general_purpose::STANDARD};
use edgeproof_browser::{BrowserCall, Deed, Did, Page, Place};
use edgeproof_ground::redaction::is_secret;
use edgeproof_rig::Rig;
use url::Url;

use crate::{
    call::{SIGNALS, Seen},
    deeds::Deeds,
    hidden::{Hidden, escaped},
    outcome,
    pattern::{bare, pattern},
    recording::Files,
    yaml::Node,
};

/// A visit of somebody's, and everything that was seen of it.
pub struct Session {
    deeds: Deeds,
    calls: Vec<BrowserCall>,
    /// Whether each of the calls asked for the document of the page.
    documents: Vec<bool>,
    /// What the page shows at the end.
    end: Option<String>,
    /// Who visits, where the scenario has several visitors.
    visitor: Option<String>,
    hosts: Vec<String>,
    seen: Seen,
    attacks: Vec<serde_json::Value>,
}

/// The steps of a session.
pub(crate) struct Done {
    pub(crate) steps: Vec<Node>,
    /// What is expected when they are done.
    pub(crate) end: Option<Node>,
}

impl Session {
    /// What was done in a page of a rig.
    pub fn of(rig: &Rig, page: &Page, deeds: Deeds, visitor: &str) -> Self {
        let calls = page.calls();
        let description = rig.description();
        let zones = description.zones.values();
        let hosts = zones.flat_map(|zone| zone.hosts.keys().chain(zone.custom_domains.keys()));
        let attacks = rig.wallarm().attacks();
        Self {
            documents: calls
                .iter()
                .map(|call| page.is_for_document(call))
                .collect(),
            end: page.url(),
            visitor: (description.visitors.len() > 1).then(|| visitor.to_owned()),
            hosts: hosts.cloned().collect(),
            seen: Seen::of(rig),
            attacks: attacks
                .iter()
                .filter_map(|attack| serde_json::to_value(attack).ok())
                .collect(),
            deeds,
            calls,
        }
    }

    /// Whether somebody typed the address of this document, or a program named it: no page led to it.
    fn is_typed(&self, index: usize) -> bool {
        let Some(call) = self.calls.get(index).filter(|_| self.documents[index]) else {
            return false;
        };
        let is_first = self.calls[..index]
            .iter()
            .all(|before| before.id != call.id);
        let header = |name| call.request_headers.get(name);
        is_first
            && match header("sec-fetch-site") {
                Some(site) => site == "none",
                None => header("referer").is_none(),
            }
    }

    /// Visits and deeds in their order, each with the number of calls before it.
    fn timeline(&self) -> Vec<(usize, Item<'_>)> {
        let visits = (0..self.calls.len()).filter(|index| self.is_typed(*index));
        let mut visits = visits.peekable();
        let mut timeline = Vec::new();
        for deed in self.deeds.iter() {
            while let Some(visit) = visits.next_if(|visit| *visit < deed.before) {
                timeline.push((visit, Item::Visit(visit)));
            }
            timeline.push((self.start(deed), Item::Deed(deed)));
        }
        timeline.extend(visits.map(|visit| (visit, Item::Visit(visit))));
        timeline
    }

    /// How many calls came before what was done: a document that is loaded again was asked for before it tells so.
    fn start(&self, deed: &Deed) -> usize {
        let calls = 0..deed.before.min(self.calls.len());
        let last = calls.rev().find(|index| self.documents[*index]);
        let asked = last.filter(|index| bare(&self.calls[*index].url) == bare(&deed.url));
        match asked {
            Some(index) if is_again(&deed.did) => index,
            _ => deed.before,
        }
    }
}

/// Something that happened.
enum Item<'a> {
    /// An address was opened, by this call.
    Visit(usize),
    /// Something was done in a page.
    Deed(&'a Deed),
}

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
    }
}

fn is_told_only(item: &Item<'_>) -> bool {
    let Item::Deed(deed) = item else {
        return false;
    };
    match &deed.did {
        Did::Document { .. } => !is_again(&deed.did),
        Did::Content { .. } | Did::Dialog { .. } => true,
        _ => false,
    }
}

/// Whether it tells of a document that was there before.
fn is_again(did: &Did) -> bool {
    matches!(did, Did::Document { document } if document == "reload" || document == "back_forward")
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
                Did::Dialog { dialog } => self.dialog(dialog),
                Did::Document { .. } | Did::Content { .. } => {}
                _ => self.deed(deed, start, end),
            },
        }
    }

    /// The last step opened a dialog that has several answers.
    fn dialog(&mut self, kind: &str) {
        if matches!(kind, "confirm" | "prompt")
            && let Some(Node::Map(step)) = self.steps.last_mut()
            && !step.iter().any(|(key, _)| key == "dialog")
        {
            step.push(("dialog".to_owned(), Node::text("accept")));
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
            .filter(|index| self.has_signals(*index))
            .collect();
        self.document = self.steps.len();
        self.wait_for_calls(last, &more);
    }

    fn deed(&mut self, deed: &Deed, start: usize, end: usize) {
        let counted: Vec<usize> = (start..end).filter(|index| self.counts(*index)).collect();
        if deed.place == Place::default() {
            self.is_at(&deed.url);
            // The agent had started, or what was done waited for it.
            let had_agent = deed.agent || counted.iter().any(|index| self.has_signals(*index));
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
                    paths.push(Node::text(path.display().to_string()));
                }
                let chosen = match paths.len() {
                    1 => paths.swap_remove(0),
                    _ => Node::List(paths),
                };
                ("upload", of(upload, chosen))
            }
            Did::Document { .. } | Did::Content { .. } | Did::Dialog { .. } => return None,
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
        let expected = outcome::expect(call.status, self.has_signals(index), behind.as_ref());
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
            if !self.follows(index, last) {
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

    /// Whether a call began once another had its response.
    fn follows(&self, index: usize, before: usize) -> bool {
        let visit = |index: usize| {
            let ray = ray(&self.session.calls[index])?;
            let mut exchanges = self.session.seen.exchanges.iter();
            exchanges.find(|exchange| exchange.ray.as_deref() == Some(ray))
        };
        let (Some(now), Some(before)) = (visit(index), visit(before)) else {
            return false;
        };
        before
            .took
            .is_some_and(|took| now.started >= before.started + took)
    }

    fn has_signals(&self, index: usize) -> bool {
        self.is_own(index)
            && self.session.calls[index]
                .request_headers
                .contains_key(SIGNALS)
    }

    /// Whether a call goes to the site, and was answered.
    fn is_own(&self, index: usize) -> bool {
        let call = &self.session.calls[index];
        let host = Url::parse(&call.url).ok();
        let host = host.as_ref().and_then(Url::host_str);
        call.status.is_some()
            && host.is_some_and(|host| self.session.hosts.iter().any(|own| own == host))
    }

    /// Whether something is expected of a call: it changes something, it is protected, it was refused, or it is a page.
    fn counts(&self, index: usize) -> bool {
        let call = &self.session.calls[index];
        let reads = matches!(call.method.as_str(), "GET" | "HEAD");
        let is_by_script = matches!(call.kind.as_str(), "Fetch" | "XHR");
        let is_redirected = self.session.calls[..index]
            .iter()
            .any(|before| before.id == call.id);
        let is_refused = call.status.is_some_and(|status| status >= 400);
        let counts = match call.kind.as_str() {
            _ if call.method == "OPTIONS" || is_redirected => false,
            _ if self.has_signals(index) => true,
            "Document" => !reads || self.session.documents[index],
            _ => is_by_script && (!reads || is_refused),
        };
        counts && self.is_own(index)
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

/// The name of a call in the trace.
fn ray(call: &BrowserCall) -> Option<&str> {
    call.response_headers.get("cf-ray")?.to_str().ok()
}
