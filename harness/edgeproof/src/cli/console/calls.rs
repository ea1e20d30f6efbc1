//! The calls as they happen: a line for each in a stream, and everything of one that is asked for.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use edgeproof_ground::{
    body::{self, Body, BodyError},
    trace::Exchange,
    visible::in_one_line,
};
use edgeproof_run::{
    execute::{add_bodies, journey_on, place_log},
    record::{CaseRecord, EventRecord, Verdict},
    redact::{self, Redactor},
};
use http::{HeaderValue, Response, header};
use http_body::Frame;
use http_body_util::StreamBody;
use serde_json::{Value as Json, json};
use tokio::{sync::watch, time::sleep};

use super::World;

/// How often is looked for news.
const LOOK_AGAIN: Duration = Duration::from_millis(150);

/// After how long without a response a call is told no more of.
const GIVEN_UP: Duration = Duration::from_secs(60);

/// Calls that are told of at once.
const MOST_AT_ONCE: usize = 500;

/// Hops before a call that are looked at with it.
const BEFORE: usize = 200;

/// Characters of the decisions of a call that stand in its line.
const MOST_TOLD: usize = 400;

/// A stream of server-sent events: calls that began, or of which there is more to tell, and how often the state changed.
pub(super) fn stream(world: Arc<World>) -> Response<Body> {
    let teller = Teller {
        changes: world.changes.subscribe(),
        next: 0,
        told: HashMap::new(),
        world,
    };
    let frames = futures_util::stream::unfold(teller, |mut teller| async move {
        let news = teller.news().await;
        let event = Bytes::from(format!("data: {news}\n\n"));
        Some((Ok::<_, BodyError>(Frame::data(event)), teller))
    });
    let mut response = Response::new(body::stream(StreamBody::new(Box::pin(frames))));
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// Knows what one page has been told already.
struct Teller {
    world: Arc<World>,
    changes: watch::Receiver<usize>,
    /// The first hop that belongs to a call that is not over.
    next: usize,
    /// The lines of calls from there on, as they were told.
    told: HashMap<String, String>,
}

impl Teller {
    /// What is new, once there is something.
    async fn news(&mut self) -> Json {
        let mut is_first = self.told.is_empty() && self.next == 0;
        loop {
            let calls = self.calls();
            let has_changed = self.changes.has_changed().unwrap_or(false);
            if is_first || has_changed || !calls.is_empty() {
                let changes = *self.changes.borrow_and_update();
                let forgotten = self.world.rig.trace().forgotten();
                return json!({ "calls": calls, "changes": changes, "forgotten": forgotten });
            }
            is_first = false;
            sleep(LOOK_AGAIN).await;
        }
    }

    /// The lines of calls that are new, or no longer what they were.
    fn calls(&mut self) -> Vec<Json> {
        let trace = self.world.rig.trace();
        let first = self.next.max(trace.forgotten());
        let now = trace.at(std::time::Instant::now());
        let exchanges = trace.since(first);
        let redactor = self.world.redactor();
        let (mut news, mut still) = (Vec::new(), HashMap::new());
        let mut open = None;
        for call in gathered(&exchanges, first) {
            let line = call.line(&redactor);
            let text = line.to_string();
            if self.told.get(&call.id) != Some(&text) {
                if news.len() == MOST_AT_ONCE {
                    // The rest is told next time.
                    open = open.or(Some(call.first));
                    break;
                }
                news.push(line);
            }
            let is_over = call
                .hops
                .iter()
                .all(|hop| hop.response.is_some() || now.saturating_sub(hop.started) > GIVEN_UP);
            if !is_over {
                open = open.or(Some(call.first));
            }
            still.insert(call.id, text);
        }
        self.next = open.unwrap_or(first + exchanges.len());
        self.told = match open {
            Some(_) => still,
            None => HashMap::new(),
        };
        news
    }
}

/// A visitor's request and the hops it led to.
struct Call<'a> {
    /// Its ray, or the number of its only hop.
    id: String,
    /// The number of its first hop.
    first: usize,
    hops: Vec<&'a Exchange>,
}

/// The calls among these hops, the first of which has this number.
fn gathered(exchanges: &[Exchange], first: usize) -> Vec<Call<'_>> {
    let mut calls: Vec<Call<'_>> = Vec::new();
    let mut by_ray: HashMap<&str, usize> = HashMap::new();
    for (index, exchange) in exchanges.iter().enumerate() {
        let known = exchange.ray.as_deref().and_then(|ray| by_ray.get(ray));
        if let Some(call) = known.and_then(|known| calls.get_mut(*known)) {
            call.hops.push(exchange);
            continue;
        }
        if let Some(ray) = exchange.ray.as_deref() {
            by_ray.insert(ray, calls.len());
        }
        calls.push(Call {
            id: exchange
                .ray
                .clone()
                .unwrap_or_else(|| (first + index).to_string()),
            first: first + index,
            hops: vec![exchange],
        });
    }
    calls
}

impl Call<'_> {
    /// What stands in the list of the page.
    fn line(&self, redactor: &Redactor) -> Json {
        let head = self.hops[0];
        let told = |text: &str| in_one_line(&redactor.text(text));
        let mut decisions = String::new();
        for hop in &self.hops {
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
        json!({
            "id": self.id,
            "first": self.first,
            "from": head.from.to_string(),
            "method": head.request.method.as_str(),
            "url": told(&head.request.url),
            "status": head.response.as_ref().map(|response| response.status.as_u16()),
            "took_us": head.took.map(|took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX)),
            "hops": self.hops.len(),
            "told": decisions,
        })
    }
}

/// Everything of one call: its hops with bodies, what its worker wrote, and its event.
pub(super) async fn details(world: &World, id: &str, first: usize) -> Json {
    let trace = world.rig.trace();
    // With those before it, whose workers may have been at it still.
    let begin = first.saturating_sub(BEFORE).max(trace.forgotten());
    let all = trace.since(begin);
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
