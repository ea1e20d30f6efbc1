//! What must be true when all steps are done.

use super::{Mismatch, origin::check_seen, timing, worker};
use crate::{
    origin::RecordedRequest,
    run::{observed::ObservedAtEnd, redact::shorten},
    scenario::{expect::ExpectAtEnd, json},
};

/// Everything that does not hold at the end.
pub fn check_end(expect: &ExpectAtEnd, observed: &ObservedAtEnd) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for (index, origin) in expect.origin.iter().enumerate() {
        let seen: Vec<&RecordedRequest> = observed
            .origin
            .iter()
            .filter(|request| {
                origin
                    .call
                    .as_ref()
                    .is_none_or(|call| call.matches(&request.method, &request.url))
            })
            .collect();
        let mut found = check_seen(origin, &seen, &observed.origin, None);
        found.extend(timing::origin(origin, &observed.hops, &observed.hops));
        mismatches.extend(
            found
                .into_iter()
                .map(|found| found.below(&index.to_string()).below("origin"))
                .map(|found| found.saying(origin.message.as_deref())),
        );
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
    if let Some(events) = &expect.events {
        mismatches.extend(check_events(events, &observed.events));
    }
    mismatches
}

fn check_events(expected: &[serde_json::Value], actual: &[serde_json::Value]) -> Vec<Mismatch> {
    if expected.len() != actual.len() {
        let found = match actual {
            [] => "there is none".to_owned(),
            [one] => format!("there is one: {}", shorten(&one.to_string())),
            more => format!("there are {}", more.len()),
        };
        return vec![Mismatch::new(
            &["events"],
            match expected.len() {
                0 => "there is no identification event".to_owned(),
                1 => "there is one identification event".to_owned(),
                more => format!("there are {more} identification events"),
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
                &["events", &index.to_string()],
                format!(
                    "`{}` of event {} is {}",
                    found.path,
                    index + 1,
                    found.expected
                ),
                format!("it is {}", found.actual),
            ))
        })
        .collect()
}
