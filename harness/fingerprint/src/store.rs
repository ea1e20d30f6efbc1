//! What the workspace remembers: visitors, nonces, events, rulesets.

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, Write},
    sync::Arc,
};

use edgeproof_ground::memory::{Keyed, Latest, Memory};

use super::{
    event::{Event, Source, Velocity},
    ids,
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
    /// The event, and which rule of these rulesets decided about the call by which of its values.
    pub fn decision(&self, rulesets: &BTreeMap<String, Ruleset>) -> String {
        let mut said = format!("event {}", self.event.event_id);
        let Some(action) = &self.event.rule_action else {
            return said;
        };
        let outcome = &action.outcome;
        let ruleset = &action.ruleset_id;
        let written = rulesets
            .iter()
            .find(|(name, _)| rules::ruleset_id(name) == *ruleset);
        let (Some(id), Some(text)) = (&action.rule_id, &action.rule_expression) else {
            let name = written.map_or(ruleset, |(name, _)| name);
            return format!("{said}: {outcome}: no rule of `{name}` matched");
        };
        // As the file has it: its name, and the place of the rule in its list.
        let place = written.and_then(|(name, written)| {
            let mut places = 0..written.rules.len();
            let place = places.find(|place| rules::rule_id(ruleset, *place) == *id)?;
            Some(format!("rule {} of `{name}` ({id})", place + 1))
        });
        let place = place.unwrap_or_else(|| format!("rule {id}"));
        said.push_str(&format!(": {outcome} by {place}, `{text}`"));
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
#[derive(Debug)]
pub(super) struct Store {
    pub(super) records: Latest<Arc<Record>>,
    pub(super) refusals: Latest<Refusal>,
    pub(super) history: History,
    pub(super) limits: Limits,
    nonces: Keyed<String, bool>,
    /// The versions of each ruleset and from when they are in force, the oldest first.
    rulesets: BTreeMap<String, Vec<(i64, Arc<Ruleset>)>>,
    pub(super) keys: WorkspaceKeys,
    /// When the deletion of a visitor was asked for.
    deleted: HashMap<String, i64>,
    visitors: Visitors,
}

#[derive(Debug)]
struct Visitors {
    /// The visitor each token and cookie was given to.
    by_token: Keyed<String, String>,
    seen: Keyed<String, Option<Seen>>,
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
    /// A workspace of which nobody knows yet.
    pub(super) fn new(memory: &Memory) -> Self {
        Self {
            records: Latest::new(memory),
            refusals: Latest::new(memory),
            history: History::new(memory),
            limits: Limits::default(),
            nonces: Keyed::new(memory),
            rulesets: BTreeMap::new(),
            keys: WorkspaceKeys::default(),
            deleted: HashMap::new(),
            visitors: Visitors {
                by_token: Keyed::new(memory),
                seen: Keyed::new(memory),
            },
        }
    }

    /// Keeps an event.
    pub(super) fn record(&self, record: Record) {
        let bytes = record.bytes();
        self.records.push(Arc::new(record), bytes);
    }

    /// Keeps a request that was refused.
    pub(super) fn refuse(&self, refusal: Refusal) {
        let texts = refusal.request.len() + refusal.reason.len();
        self.refusals.push(refusal, size_of::<Refusal>() + texts);
    }

    /// Whether these signals were sent before; from now on they were.
    pub(super) fn replayed(&mut self, nonce: &str) -> bool {
        let mark = |was_sent: &mut bool| std::mem::replace(was_sent, true);
        self.nonces
            .change(nonce.to_owned(), mark, |nonce, _| key_bytes(nonce))
    }

    /// Recognises a visitor: by a token the platform gave it, else by its device, else it is new.
    ///
    /// A private window shows the same device, and so does a browser whose storage was cleared: both are the
    /// visitor they were, as the platform claims.
    pub(super) fn visit(&mut self, tokens: &[&str], device: &str, now: i64) -> VisitorHistory {
        let visitors = &mut self.visitors;
        let known = tokens
            .iter()
            .find_map(|token| visitors.by_token.get(*token));
        let visitor_id = known.unwrap_or_else(|| match device {
            "" => ids::random(20),
            device => ids::stable("visitor", device, 20),
        });
        let visit = |seen: &mut Option<Seen>| {
            let first = seen.map_or(now, |seen| seen.first);
            seen.replace(Seen { first, last: now })
        };
        let bytes = |id: &String, _: &_| key_bytes(id);
        let before = visitors.seen.change(visitor_id.clone(), visit, bytes);
        let first = before.map_or(now, |seen| seen.first);
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
        let give = |owner: &mut String| visitor_id.clone_into(owner);
        let bytes = |token: &String, owner: &String| key_bytes(token) + owner.len();
        self.visitors.by_token.change(token.clone(), give, bytes);
        token
    }

    /// The visitor a token was given to.
    pub(super) fn knows_token(&self, token: &str) -> bool {
        self.visitors.by_token.contains(token)
    }

    /// Puts a ruleset in force: a new one at once, a changed one after the delay. Returns its id.
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
    pub(super) fn kept(&self, now: i64) -> impl Iterator<Item = Arc<Record>> {
        self.records.since(0).into_iter().filter(move |record| {
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
        self.visitors
            .by_token
            .remove_all(|_, visitor| visitor == id);
        if known {
            self.deleted.insert(id.to_owned(), now);
        }
        known
    }

    /// Changes the event of this id.
    pub(super) fn change(&mut self, id: &str, change: impl FnOnce(&mut Event)) {
        let is_meant = |record: &Arc<Record>| record.event.event_id == id;
        self.records.change_first(is_meant, |record| {
            change(&mut Arc::make_mut(record).event);
        });
    }
}

/// About what a key takes that stands in a table twice.
fn key_bytes(key: &str) -> usize {
    2 * (size_of::<String>() + key.len())
}

/// Counts what is written.
struct Count(usize);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Record {
    /// About how much memory it takes: values as they are in memory are some twice as large as written.
    fn bytes(&self) -> usize {
        let mut written = Count(0);
        // What cannot be written is not sent either.
        let _ = serde_json::to_writer(&mut written, &self.event);
        size_of::<Self>() + 2 * written.0
    }

    /// Whether it is of a request at the edge rather than of a browser.
    pub fn is_edge(&self) -> bool {
        self.event.source == Some(Source::Edge)
    }
}
