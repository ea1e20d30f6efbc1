//! What somebody did in a browser, as steps, each with what came of it.

mod writer;

use edgeproof_browser::{BrowserCall, Deed, Did, Page};
use edgeproof_rig::Rig;
use url::Url;

pub(crate) use self::writer::steps;
use crate::{
    call::{SIGNALS, Seen},
    deeds::Deeds,
    pattern::bare,
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
    /// What was done and is in no step, in sentences.
    pub(crate) lost: Vec<String>,
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

    /// Whether a call began once another had its response.
    fn follows(&self, index: usize, before: usize) -> bool {
        let visit = |index: usize| {
            let ray = ray(&self.calls[index])?;
            let mut exchanges = self.seen.exchanges.iter();
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
        self.is_own(index) && self.calls[index].request_headers.contains_key(SIGNALS)
    }

    /// Whether a call goes to the site, and was answered.
    fn is_own(&self, index: usize) -> bool {
        let call = &self.calls[index];
        let host = Url::parse(&call.url).ok();
        let host = host.as_ref().and_then(Url::host_str);
        call.status.is_some() && host.is_some_and(|host| self.hosts.iter().any(|own| own == host))
    }

    /// Whether something is expected of a call: it changes something, it is protected, it was refused, or it is a page.
    fn counts(&self, index: usize) -> bool {
        let call = &self.calls[index];
        let reads = matches!(call.method.as_str(), "GET" | "HEAD");
        let is_by_script = matches!(call.kind.as_str(), "Fetch" | "XHR");
        let is_redirected = self.calls[..index]
            .iter()
            .any(|before| before.id == call.id);
        let is_refused = call.status.is_some_and(|status| status >= 400);
        let counts = match call.kind.as_str() {
            _ if call.method == "OPTIONS" || is_redirected => false,
            _ if self.has_signals(index) => true,
            "Document" => !reads || self.documents[index],
            _ => is_by_script && (!reads || is_refused),
        };
        counts && self.is_own(index)
    }
}

/// Something that happened.
enum Item<'a> {
    /// An address was opened, by this call.
    Visit(usize),
    /// Something was done in a page.
    Deed(&'a Deed),
}

fn is_told_only(item: &Item<'_>) -> bool {
    let Item::Deed(deed) = item else {
        return false;
    };
    match &deed.did {
        Did::Document { .. } => !is_again(&deed.did),
        Did::Content { .. } | Did::Dialog { .. } | Did::Lost { .. } => true,
        _ => false,
    }
}

/// Whether it tells of a document that was there before.
fn is_again(did: &Did) -> bool {
    matches!(did, Did::Document { document } if document == "reload" || document == "back_forward")
}

/// The name of a call in the trace.
fn ray(call: &BrowserCall) -> Option<&str> {
    call.response_headers.get("cf-ray")?.to_str().ok()
}
