//! What the workspace remembers: visitors, nonces, events, rulesets.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use super::{
    answer::ApiError,
    event::Event,
    ids,
    rules::{self, Ruleset},
};

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
    pub(super) records: Vec<Record>,
    pub(super) refusals: Vec<Refusal>,
    nonces: HashSet<String>,
    rulesets: BTreeMap<String, Arc<Ruleset>>,
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
pub(super) struct Visit {
    pub(super) visitor_id: String,
    pub(super) first_seen_at: i64,
    /// When it came before this time; none on its first visit.
    pub(super) last_seen_at: Option<i64>,
    pub(super) found: bool,
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
    pub(super) fn visit(&mut self, tokens: &[&str], device: &str, now: i64) -> Visit {
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
        Visit {
            visitor_id,
            first_seen_at: first,
            last_seen_at: before.map(|seen| seen.last),
            found: before.is_some(),
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

    /// Puts a ruleset in force, replacing one of the same name. Answers its id.
    pub(super) fn set_ruleset(&mut self, name: &str, ruleset: Ruleset) -> String {
        let id = rules::ruleset_id(name);
        self.rulesets.insert(id.clone(), Arc::new(ruleset));
        id
    }

    pub(super) fn ruleset(&self, id: &str) -> Option<Arc<Ruleset>> {
        self.rulesets.get(id).cloned()
    }
}
