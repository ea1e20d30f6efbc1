//! What the workspace remembers: visitors, nonces, events, rulesets.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    event::{Event, Source, Velocity},
    ids,
    latest::Latest,
    response::{ApiError, Refused},
    rules::{self, Expression, Ruleset},
    server_api::Limits,
    velocity::History,
    workspace_keys::WorkspaceKeys,
};

/// How long the events of a deleted visitor stay, in milliseconds: about 24 hours.
const DELETION: i64 = 24 * 60 * 60 * 1000;

/// An identification as the platform keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The `CF-Ray` of the visitor's request, where the worker sent it on.
    pub ray: Option<String>,
    /// The site's host, as the worker named it.
    pub host: String,
    /// The event.
    pub event: Event,
}

impl Record {
    /// The event, and which rule decided about the call by which of its values.
    pub fn decision(&self) -> String {
        let mut said = format!("event {}", self.event.event_id);
        let Some(action) = &self.event.rule_action else {
            return said;
        };
        let outcome = &action.outcome;
        let (Some(id), Some(text)) = (&action.rule_id, &action.rule_expression) else {
            return format!("{said}: {outcome}: no rule of {} holds", action.ruleset_id);
        };
        said.push_str(&format!(": {outcome} by rule {id}, `{text}`"));
        if let (Ok(condition), Ok(event)) = (text.parse::<Expression>(), self.event.to_json()) {
            for clause in condition.explain(&event).clauses {
                said.push_str(&format!("; {clause}"));
            }
        }
        said
    }
}

/// A request the platform refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Method and path.
    pub request: String,
    /// What it was answered.
    pub error: ApiError,
    /// What was wrong with it, in more words than the platform gives.
    pub reason: String,
}

/// Everything that is remembered.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) records: Latest<Record>,
    pub(super) refusals: Latest<Refusal>,
    pub(super) history: History,
    pub(super) limits: Limits,
    nonces: HashSet<String>,
    /// The versions of each ruleset and from when they are in force, the oldest first.
    rulesets: BTreeMap<String, Vec<(i64, Arc<Ruleset>)>>,
    pub(super) keys: WorkspaceKeys,
    /// When the deletion of a visitor was asked for.
    deleted: HashMap<String, i64>,
    visitors: Visitors,
}

#[derive(Debug, Default)]
struct Visitors {
    /// The visitor each token and cookie was given to.
    by_token: HashMap<String, String>,
    seen: HashMap<String, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    first: i64,
    last: i64,
}

/// A visitor that came, and whether it came before.
#[derive(Clone, Debug)]
pub(super) struct VisitorHistory {
    pub(super) visitor_id: String,
    pub(super) first_seen_at: i64,
    /// When it came before this time; none on its first visit.
    pub(super) last_seen_at: Option<i64>,
    pub(super) found: bool,
    /// Whether its signals came before.
    pub(super) replayed: bool,
    pub(super) velocity: Velocity,
}

impl Store {
    /// Whether these signals were sent before; from now on they were.
    pub(super) fn replayed(&mut self, nonce: &str) -> bool {
        !self.nonces.insert(nonce.to_owned())
    }

    /// Recognises a visitor: by a token the platform gave it, else by its device, else it is new.
    ///
    /// A private window shows the same device, and so does a browser whose storage was cleared: both are the
    /// visitor they were, as the platform claims.
    pub(super) fn visit(&mut self, tokens: &[&str], device: &str, now: i64) -> VisitorHistory {
        let visitors = &mut self.visitors;
        let known = tokens
            .iter()
            .find_map(|token| visitors.by_token.get(*token).cloned());
        let visitor_id = known.unwrap_or_else(|| match device {
            "" => ids::random(20),
            device => ids::stable("visitor", device, 20),
        });
        let before = visitors.seen.get(&visitor_id).copied();
        let first = before.map_or(now, |seen| seen.first);
        visitors
            .seen
            .insert(visitor_id.clone(), Seen { first, last: now });
        VisitorHistory {
            visitor_id,
            first_seen_at: first,
            last_seen_at: before.map(|seen| seen.last),
            found: before.is_some(),
            replayed: false,
            velocity: Velocity::default(),
        }
    }

    /// A new token or cookie for a visitor.
    pub(super) fn give_token(&mut self, visitor_id: &str) -> String {
        let token = ids::random(32);
        self.visitors
            .by_token
            .insert(token.clone(), visitor_id.to_owned());
        token
    }

    /// The visitor a token was given to.
    pub(super) fn knows_token(&self, token: &str) -> bool {
        self.visitors.by_token.contains_key(token)
    }

    /// Puts a ruleset in force: a new one at once, a changed one after the delay. Answers its id.
    pub(super) fn set_ruleset(
        &mut self,
        name: &str,
        ruleset: Ruleset,
        now: i64,
        delay: u32,
    ) -> String {
        let id = rules::ruleset_id(name);
        let versions = self.rulesets.entry(id.clone()).or_default();
        let since = if versions.is_empty() {
            now
        } else {
            now + i64::from(delay) * 1000
        };
        versions.push((since, Arc::new(ruleset)));
        id
    }

    /// Forgets a ruleset. False where there is none of this id.
    pub(super) fn delete_ruleset(&mut self, id: &str) -> bool {
        self.rulesets.remove(id).is_some()
    }

    /// The version of a ruleset that is in force.
    pub(super) fn ruleset(&self, id: &str, now: i64) -> Result<Arc<Ruleset>, Refused> {
        self.rulesets
            .get(id)
            .and_then(|versions| versions.iter().rev().find(|(since, _)| *since <= now))
            .map(|(_, ruleset)| Arc::clone(ruleset))
            .ok_or_else(|| {
                ApiError::RULESET_NOT_FOUND.because(format!("no ruleset has the id {id}"))
            })
    }

    /// What the Server API still has: events of deleted visitors go a day after the deletion was asked for.
    pub(super) fn kept(&self, now: i64) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |record| {
            let visitor = record
                .event
                .identification
                .as_ref()
                .map(|found| &found.visitor_id);
            let deleted = visitor.and_then(|id| self.deleted.get(id));
            deleted.is_none_or(|asked| now < asked + DELETION || record.event.timestamp > *asked)
        })
    }

    /// Forgets a visitor. False where nobody has this id.
    pub(super) fn delete_visitor(&mut self, id: &str, now: i64) -> bool {
        let known = self.visitors.seen.remove(id).is_some();
        self.visitors.by_token.retain(|_, visitor| visitor != id);
        if known {
            self.deleted.insert(id.to_owned(), now);
        }
        known
    }

    /// Changes the event of this id.
    pub(super) fn change(&mut self, id: &str, change: impl FnOnce(&mut Event)) {
        if let Some(record) = self
            .records
            .iter_mut()
            .find(|record| record.event.event_id == id)
        {
            change(&mut record.event);
        }
    }
}

impl Record {
    /// Whether it is of a request at the edge rather than of a browser.
    pub fn is_edge(&self) -> bool {
        self.event.source == Some(Source::Edge)
    }
}
