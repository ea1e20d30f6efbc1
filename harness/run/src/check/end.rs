//! What must be true when all steps are done.

use edgeproof_scenario::{expect::ExpectAtEnd, json};

use super::{
    Mismatch, cloudflare, kept,
    origin::{Side, check_seen, meant},
    timing, worker,
};
use crate::observed::{ObservedAtEnd, OnControlPlane};

/// Everything that does not hold at the end.
pub fn check_end(expect: &ExpectAtEnd, observed: &ObservedAtEnd) -> Vec<Mismatch> {
    let missing = kept::at_end(expect, observed);
    if !missing.is_empty() {
        return missing;
    }
    let mut mismatches = Vec::new();
    let stores = [
        (Side::Origin, "origin", &expect.origin, &observed.origin),
        (Side::Node, "node", &expect.node, &observed.node),
    ];
    for (side, key, expected, all) in stores {
        for (index, expected) in expected.iter().enumerate() {
            let mut found = check_seen(side, expected, &meant(expected, all), all, None);
            found.extend(timing::seen(side, expected, &observed.hops, &observed.hops));
            mismatches.extend(
                found
                    .into_iter()
                    .map(|found| found.below(&index.to_string()).below(key))
                    .map(|found| found.saying(expected.message.as_deref())),
            );
        }
    }
    if let Some(attacks) = &expect.attacks {
        mismatches.extend(check_list(&ATTACKS, attacks, &observed.attacks));
    }
    if let Some(expected) = &expect.worker {
        let found = worker::check(expected, &observed.hops, &observed.log);
        let message = expected.message.as_deref();
        mismatches.extend(
            found
                .into_iter()
                .map(|found| found.below("worker").saying(message)),
        );
    }
    if let Some(expected) = &expect.cloudflare {
        let on_control_plane = OnControlPlane {
            hops: observed.hops.clone(),
            state: observed.account.clone(),
        };
        mismatches.extend(cloudflare::check(expected, &on_control_plane));
    }
    if let Some(events) = &expect.events {
        mismatches.extend(check_list(&EVENTS, events, &observed.events));
    }
    mismatches
}

/// A list of records, and what one of them is called.
struct Records {
    key: &'static str,
    one: &'static str,
    short: &'static str,
}

const EVENTS: Records = Records {
    key: "events",
    one: "identification event",
    short: "event",
};

const ATTACKS: Records = Records {
    key: "attacks",
    one: "attack",
    short: "attack",
};

fn check_list(
    records: &Records,
    expected: &[serde_json::Value],
    actual: &[serde_json::Value],
) -> Vec<Mismatch> {
    let Records { key, one, short } = records;
    if expected.len() != actual.len() {
        let found = match actual {
            [] => "there is none".to_owned(),
            [one] => format!("there is 1: `{one}`"),
            more => format!("there are {}", more.len()),
        };
        return vec![Mismatch::new(
            &[key],
            match expected.len() {
                0 => format!("expected no {one}"),
                1 => format!("expected 1 {one}"),
                more => format!("expected {more} {one}s"),
            },
            found,
        )];
    }
    expected
        .iter()
        .zip(actual)
        .enumerate()
        .filter_map(|(index, (expected, actual))| {
            let found = json::difference(expected, actual)?;
            Some(Mismatch::new(
                &[key, &index.to_string()],
                format!(
                    "expected `{}` of {short} {} {}",
                    found.path,
                    index + 1,
                    found.expected
                ),
                format!("got {}", found.actual),
            ))
        })
        .collect()
}
