//! How often visitors, addresses and linked ids were seen in the last five minutes, hour and day.

use std::collections::{HashMap, VecDeque};

use edgeproof_ground::memory::{Keyed, Memory};

use super::event::{Counter, Velocity};

const MINUTE: i64 = 60 * 1000;
const FIVE_MINUTES: i64 = 5 * MINUTE;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Above this many events a day the platform drops day counters, so no more are remembered.
const MOST_A_DAY: usize = 20_000;

/// About what a value takes that is a key: an address, an id.
const KEY_BYTES: usize = 80;

/// What an event counts for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sighting<'a> {
    /// Milliseconds since 1970; never before the sighting that came before.
    pub(super) at: i64,
    pub(super) visitor: &'a str,
    pub(super) address: &'a str,
    pub(super) linked_id: Option<&'a str>,
    pub(super) country: Option<&'a str>,
}

/// Everything that was seen in the last day.
#[derive(Debug)]
pub(super) struct History {
    visitors: Keyed<String, OfVisitor>,
    addresses: Keyed<String, Times>,
    linked_ids: Keyed<String, OfLinkedId>,
}

#[derive(Debug, Default)]
struct OfVisitor {
    events: Times,
    addresses: Values,
    linked_ids: Values,
    countries: Values,
}

#[derive(Debug, Default)]
struct OfLinkedId {
    addresses: Values,
    visitors: Values,
}

/// When something happened, the oldest first.
#[derive(Debug, Default)]
struct Times(VecDeque<i64>);

/// When each value was seen last.
#[derive(Debug, Default)]
struct Values(HashMap<String, i64>);

impl History {
    pub(super) fn new(memory: &Memory) -> Self {
        Self {
            visitors: Keyed::new(memory),
            addresses: Keyed::new(memory),
            linked_ids: Keyed::new(memory),
        }
    }

    /// Adds a sighting and answers the counters with it.
    pub(super) fn count(&mut self, sighting: Sighting<'_>) -> Velocity {
        let Sighting {
            at,
            visitor,
            address,
            linked_id,
            country,
        } = sighting;
        let see = |of_visitor: &mut OfVisitor| {
            of_visitor.events.add(at);
            of_visitor.addresses.add(Some(address), at);
            of_visitor.linked_ids.add(linked_id, at);
            of_visitor.countries.add(country, at);
            Velocity {
                distinct_ip: of_visitor.addresses.counter(at),
                distinct_linked_id: of_visitor.linked_ids.counter(at),
                distinct_country: of_visitor.countries.counter(at),
                events: of_visitor.events.counter(at),
                ..Velocity::default()
            }
        };
        let bytes = |_: &String, of: &OfVisitor| of.bytes();
        let mut velocity = self.visitors.change(visitor.to_owned(), see, bytes);
        let come = |of_address: &mut Times| {
            of_address.add(at);
            of_address.counter(at)
        };
        let bytes = |_: &String, times: &Times| times.bytes();
        velocity.ip_events = self.addresses.change(address.to_owned(), come, bytes);
        if let Some(linked_id) = linked_id {
            let see = |of_linked_id: &mut OfLinkedId| {
                of_linked_id.addresses.add(Some(address), at);
                of_linked_id.visitors.add(Some(visitor), at);
                velocity.distinct_ip_by_linked_id = of_linked_id.addresses.counter(at);
                velocity.distinct_visitor_id_by_linked_id = of_linked_id.visitors.counter(at);
            };
            let bytes = |_: &String, of: &OfLinkedId| of.addresses.bytes() + of.visitors.bytes();
            self.linked_ids.change(linked_id.to_owned(), see, bytes);
        }
        velocity
    }
}

impl OfVisitor {
    fn bytes(&self) -> usize {
        let values = [&self.addresses, &self.linked_ids, &self.countries];
        self.events.bytes() + values.map(Values::bytes).iter().sum::<usize>()
    }
}

impl Times {
    fn bytes(&self) -> usize {
        2 * KEY_BYTES + self.0.capacity() * size_of::<i64>()
    }

    fn add(&mut self, at: i64) {
        while self.0.len() > MOST_A_DAY || self.0.front().is_some_and(|first| *first <= at - DAY) {
            self.0.pop_front();
        }
        self.0.push_back(at);
    }

    fn counter(&self, now: i64) -> Counter {
        let since = |span| (self.0.len() - self.0.partition_point(|at| *at <= now - span)) as u64;
        counter(since)
    }
}

impl Values {
    fn bytes(&self) -> usize {
        self.0.capacity() * KEY_BYTES
    }

    fn add(&mut self, value: Option<&str>, at: i64) {
        if let Some(value) = value {
            self.0.insert(value.to_owned(), at);
        }
        if self.0.len() > MOST_A_DAY {
            self.0.retain(|_, last| *last > at - HOUR);
        }
    }

    fn counter(&self, now: i64) -> Counter {
        let since = |span| self.0.values().filter(|last| **last > now - span).count() as u64;
        counter(since)
    }
}

fn counter(since: impl Fn(i64) -> u64) -> Counter {
    Counter {
        five_minutes: since(FIVE_MINUTES),
        one_hour: since(HOUR),
        day: Some(since(DAY)).filter(|day| *day <= MOST_A_DAY as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(at: i64, address: &str) -> Sighting<'_> {
        Sighting {
            at,
            visitor: "v",
            address,
            linked_id: Some("account"),
            country: None,
        }
    }

    fn numbers(counter: Counter) -> (u64, u64, Option<u64>) {
        (counter.five_minutes, counter.one_hour, counter.day)
    }

    #[test]
    fn each_counter_forgets_what_is_older_than_its_span() {
        let mut history = History::new(&Memory::default());
        history.count(seen(0, "203.0.113.1"));
        history.count(seen(10 * MINUTE, "203.0.113.2"));
        let velocity = history.count(seen(2 * HOUR, "203.0.113.2"));
        assert_eq!(numbers(velocity.events), (1, 1, Some(3)));
        assert_eq!(numbers(velocity.distinct_ip), (1, 1, Some(2)));
        assert_eq!(numbers(velocity.ip_events), (1, 1, Some(2)));
        assert_eq!(numbers(velocity.distinct_country), (0, 0, Some(0)));
        assert_eq!(numbers(velocity.distinct_ip_by_linked_id), (1, 1, Some(2)));

        let velocity = history.count(seen(2 * HOUR + FIVE_MINUTES, "203.0.113.3"));
        assert_eq!(numbers(velocity.events), (1, 2, Some(4)));
        let velocity = history.count(seen(3 * DAY, "203.0.113.3"));
        assert_eq!(numbers(velocity.events), (1, 1, Some(1)));
    }

    #[test]
    fn a_day_with_too_many_events_has_no_day_counter() {
        let mut history = History::new(&Memory::default());
        let counted = (0..=MOST_A_DAY as i64)
            .map(|at| history.count(seen(at, "203.0.113.1")))
            .last();
        assert_eq!(counted.and_then(|velocity| velocity.events.day), None);
    }
}
