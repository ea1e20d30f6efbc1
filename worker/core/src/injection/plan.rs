//! What is injected into a page, and what that changes.

use super::{
    element,
    page::{answer_edits, verdict},
    scan::Found,
};
use crate::{
    configuration::Configuration,
    headers::{HeaderEdit, Headers},
    log::{LogEntry, LogLevel},
    request::RequestHead,
};

/// The scripts a page gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    prefix: &'a str,
    instrumentor: bool,
    agent_data: Option<&'a str>,
}

/// An injection, ready to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// Where, in bytes from the start of the page.
    pub position: usize,
    /// What, in the encoding of the page.
    pub inserted: Vec<u8>,
    /// What changes about the head of the answer.
    pub edits: Vec<HeaderEdit>,
    /// The new length of the page in bytes, where it can be told beforehand.
    pub length: Option<u64>,
    /// What there is to say about it.
    pub log: LogEntry,
}

/// Which scripts the answer to a request gets, should it be a page: the instrumentor on identification pages, the agent
/// processor where a document came with agent data. None when there is nothing to inject.
pub fn wanted<'a>(
    configuration: &'a Configuration,
    head: &RequestHead,
    agent_data: Option<&'a str>,
) -> Option<Wanted<'a>> {
    let wanted = Wanted {
        prefix: configuration.route_prefix.as_deref()?,
        instrumentor: configuration
            .identification_pages
            .iter()
            .any(|page| page.matches(&head.url)),
        agent_data: agent_data.filter(|_| head.is_document_navigation()),
    };
    (wanted.instrumentor || wanted.agent_data.is_some()).then_some(wanted)
}

/// What is injected where. None in a fragment that a script of the page fetched: it becomes part of a page that has the
/// instrumentor already.
pub fn plan(
    wanted: &Wanted<'_>,
    head: &RequestHead,
    answer: &Headers,
    found: &Found,
) -> Option<Injection> {
    if !found.is_document && head.is_fetched_by_script() {
        return None;
    }
    let verdict = verdict(answer, found);
    let nonce = verdict.nonce.as_deref();
    let instrumentor = wanted
        .instrumentor
        .then(|| element::instrumentor(wanted.prefix, nonce));
    let processor = wanted
        .agent_data
        .map(|data| element::agent_processor(wanted.prefix, data, nonce));
    let inserted: Vec<u8> = [instrumentor, processor]
        .into_iter()
        .flatten()
        .flat_map(|element| element.encode(found.width))
        .collect();
    let (edits, length) = answer_edits(answer, inserted.len());
    let log = if verdict.is_permitted {
        LogEntry::new(LogLevel::Info, "inject", "the page gets its scripts")
    } else {
        LogEntry::new(
            LogLevel::Error,
            "inject",
            "a Content-Security-Policy of the page forbids the scripts; allow 'self' or a nonce in script-src",
        )
    };
    Some(Injection {
        position: found.position,
        inserted,
        edits,
        length,
        log,
    })
}
