//! The calls as they happen: a line for each in a stream, and everything of one that is asked for.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use edgeproof_ground::{body::Body, trace::Exchange, visible::in_one_line};
use edgeproof_run::{
    execute::{add_bodies, journey_on, place_log},
    record::{CaseRecord, EventRecord, Verdict},
    redact::{self, Redactor},
};
use http::Response;
use serde_json::{Value as Json, json};
use tokio::{sync::watch, time::sleep};

use super::{super::served, World};

/// How often is looked for news.
const LOOK_AGAIN: Duration = Duration::from_millis(150);

/// After how long without a response a call is told no more of.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// Hops that are looked at at once.
const MOST_AT_ONCE: usize = 2000;

/// Calls of which something may still be told.
const MOST_KNOWN: usize = 2000;

/// Hops of one call that count.
const MOST_HOPS: usize = 200;

/// Hops before and after the first one of a call that are looked at with it.
const BEFORE: usize = 200;
const AFTER: usize = 4000;

/// Characters of the decisions of a call that stand in its line.
const MOST_TOLD: usize = 400;

/// Calls that began, or of which there is more to tell, and how often the state changed.
pub(super) fn stream(world: Arc<World>) -> Response<Body> {
    served::stream(Teller {
        changes: world.changes.subscribe(),
        has_told: false,
        next: 0,
        known: HashMap::new(),
        order: VecDeque::new(),
        lines: 0,
        world,
    })
}

/// Knows what one page has been told already.
struct Teller {
    world: Arc<World>,
    changes: watch::Receiver<usize>,
    /// Whether it was told anything.
    has_told: bool,
    /// The number of the first hop that was not looked at.
    next: usize,
    /// The latest calls, by their rays or the numbers of their only hops.
    known: HashMap<String, Known>,
    /// Their names, the oldest first.
    order: VecDeque<String>,
    /// The number of the first line of the log that it has not been told.
    lines: usize,
}

/// A call, as far as it was told.
#[derive(Default)]
struct Known {
    /// The numbers of its hops.
    hops: Vec<usize>,
    told: String,
    is_over: bool,
}

impl served::Teller for Teller {
    async fn news(&mut self) -> Json {
        loop {
            let calls = self.calls();
            let (log, lines) = self.world.log.since(self.lines);
            self.lines = lines;
            let has_changed = self.changes.has_changed().unwrap_or(false);
            if !self.has_told || has_changed || !calls.is_empty() || !log.is_empty() {
                let changes = *self.changes.borrow_and_update();
                self.has_told = true;
                let forgotten = self.world.rig.trace().forgotten();
                return json!({ "calls": calls, "changes": changes, "forgotten": forgotten, "log": log });
            }
            sleep(LOOK_AGAIN).await;
        }
    }
}

impl Teller {
    /// The lines of calls that are new, or no longer what they were.
    fn calls(&mut self) -> Vec<Json> {
        let world = Arc::clone(&self.world);
        let trace = world.rig.trace();
        let first = self.next.max(trace.forgotten());
        let fresh = trace.part(first, MOST_AT_ONCE);
        self.next = first + fresh.len();
        let mut looked_at: Vec<String> = self.open();
        let mut is_there: HashSet<String> = looked_at.iter().cloned().collect();
        for (index, hop) in fresh.iter().enumerate() {
            let id = self.note(first + index, hop);
            if is_there.insert(id.clone()) {
                looked_at.push(id);
            }
        }
        if looked_at.is_empty() {
            return Vec::new();
        }
        let now = trace.at(std::time::Instant::now());
        let (redactor, visitors) = (world.redactor(), world.visitors());
        let mut news = Vec::new();
        for id in looked_at {
            let Some(known) = self.known.get_mut(&id) else {
                continue;
            };
            let numbers = known.hops.iter();
            let hops: Vec<Exchange> = numbers
                .flat_map(|number| match number.checked_sub(first) {
                    Some(index) => fresh.get(index).cloned(),
                    None => trace.part(*number, 1).pop(),
                })
                // In the place of what is forgotten stands another one.
                .filter(|hop| hop.ray.as_ref().is_none_or(|ray| *ray == id))
                .collect();
            let Some(line) = line(&id, &known.hops, &hops, &redactor, &visitors) else {
                continue;
            };
            known.is_over = hops
                .iter()
                .all(|hop| hop.response.is_some() || now.saturating_sub(hop.started) > GIVEN_UP);
            let text = line.to_string();
            if known.told != text {
                known.told = text;
                news.push(line);
            }
        }
        news
    }

    /// The calls that are not over.
    fn open(&self) -> Vec<String> {
        let names = self.order.iter();
        let open = names.filter(|id| self.known.get(*id).is_some_and(|known| !known.is_over));
        open.cloned().collect()
    }

    /// Notes a hop, and says which call it belongs to.
    fn note(&mut self, number: usize, hop: &Exchange) -> String {
        let id = hop.ray.clone().unwrap_or_else(|| number.to_string());
        if !self.known.contains_key(&id) {
            self.order.push_back(id.clone());
            if self.order.len() > MOST_KNOWN
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
        let known = self.known.entry(id.clone()).or_default();
        if known.hops.len() < MOST_HOPS {
            known.hops.push(number);
        }
        id
    }
}

/// What stands in the list of the page of a call with these hops; nothing where they are forgotten.
fn line(
    id: &str,
    numbers: &[usize],
    hops: &[Exchange],
    redactor: &Redactor,
    visitors: &HashMap<IpAddr, String>,
) -> Option<Json> {
    let (head, first) = (hops.first()?, numbers.first()?);
    let told = |text: &str| in_one_line(&redactor.text(text));
    let mut decisions = String::new();
    for hop in hops {
        for text in [&hop.decision, &hop.fault, &hop.exception]
            .into_iter()
            .flatten()
        {
            if decisions.len() < MOST_TOLD {
                decisions.push_str(&told(text));
                decisions.push(' ');
            }
        }
    }
    let visitor = head.client.map(|client| {
        let name = visitors.get(&client);
        name.cloned().unwrap_or_else(|| client.to_string())
    });
    let workers = hops.iter().filter_map(|hop| hop.worker.as_deref());
    let workers: BTreeSet<&str> = workers.collect();
    Some(json!({
        "id": id,
        "visitor": visitor,
        "workers": workers,
        "first": first,
        "from": head.from.to_string(),
        "method": head.request.method.as_str(),
        "url": told(&head.request.url),
        "status": head.response.as_ref().map(|response| response.status.as_u16()),
        "took_us": head.took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
        "hops": hops.len(),
        "told": decisions,
    }))
}

/// Everything of one call: its hops with bodies, what its worker wrote, and its event.
pub(super) async fn details(world: &World, id: &str, first: usize) -> Json {
    let trace = world.rig.trace();
    // With those before it, whose workers may have been at it still.
    let begin = first.saturating_sub(BEFORE).max(trace.forgotten());
    let all = trace.part(begin, BEFORE + AFTER);
    let numbered = all.iter().enumerate();
    let own = numbered.filter(|(index, hop)| match &hop.ray {
        Some(ray) => ray == id,
        None => begin + index == first,
    });
    let own: Vec<Exchange> = own.map(|(_, hop)| hop.clone()).collect();
    let mut secrets = world.secrets.clone();
    secrets.add_declared(edgeproof_run::execute::declared(&world.rig));
    secrets.add_heads(&own);
    let redactor = secrets.redactor();
    let mut hops = journey_on(&world.rig, &own, &redactor);
    add_bodies(&mut hops, &own, &redactor).await;
    let case = world.levers.lock().await.case().clone();
    let mut record = CaseRecord::without_run(&case, Verdict::Passed);
    record.events = events(world, id);
    let lines = world.rig.log_so_far().await;
    place_log(&mut hops, &all, &lines, trace, &redactor);
    record.hops = hops;
    let record = redact::record(record, &redactor);
    json!({ "hops": record.hops, "events": record.events })
}

fn events(world: &World, ray: &str) -> Vec<EventRecord> {
    let records = world.rig.fingerprint().events().into_iter();
    let own = records.filter(|record| record.ray.as_deref() == Some(ray));
    own.filter_map(|record| {
        let event = record.event.to_json().ok()?;
        let ray = record.ray.clone();
        Some(EventRecord { ray, event })
    })
    .collect()
}
