//! What the worker did: whether it ran, what it requested, what it wrote to its log.

use edgeproof_ground::trace::{Exchange, NotKept, Party};
use edgeproof_scenario::{
    expect::{ExpectSubrequest, ExpectWorker},
    text::TextMatcher,
};

use super::{Mismatch, check_headers, count, kept::MORE, requests};

pub(super) fn check(expect: &ExpectWorker, hops: &[Exchange], log: &[String]) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    if let Some(wanted) = expect.ran {
        let ran = hops.iter().any(|hop| hop.to == Party::Worker);
        if ran != wanted {
            let (claim, actual) = if wanted {
                ("expected a worker to run", "none did")
            } else {
                ("expected no worker to run", "one did")
            };
            mismatches.push(Mismatch::new(&["ran"], claim, actual));
        }
    }
    for (index, asked) in expect.asked.iter().enumerate() {
        let found = check_asked(asked, hops, &index.to_string());
        let message = asked.message.as_deref();
        mismatches.extend(found.into_iter().map(|found| found.saying(message)));
    }
    for (index, line) in expect.log.iter().enumerate() {
        if !log.iter().any(|actual| line.holds(Some(actual))) {
            mismatches.push(
                Mismatch::new(
                    &["log", &index.to_string()],
                    format!("expected a line of the worker's log {line}"),
                    written(log),
                )
                .saying(line.message()),
            );
        }
    }
    if let Some(whole) = &expect.whole_log {
        let text = log.join("\n");
        if !whole.holds(Some(&text)) {
            mismatches.push(
                Mismatch::new(
                    &["whole_log"],
                    format!("expected the worker's whole log {whole}"),
                    written(log),
                )
                .saying(whole.message()),
            );
        }
    }
    mismatches
}

fn written(log: &[String]) -> String {
    if log.is_empty() {
        return "the log is empty".to_owned();
    }
    format!("got `{}`", log.join("\n"))
}

fn check_asked(asked: &ExpectSubrequest, hops: &[Exchange], index: &str) -> Vec<Mismatch> {
    let own: Vec<&Exchange> = hops
        .iter()
        .filter(|hop| hop.from == Party::Worker)
        .collect();
    let meant: Vec<&&Exchange> = own
        .iter()
        .filter(|hop| asked.call.matches(&hop.request.method, &hop.request.url))
        .collect();
    let enough = match &asked.times {
        // A scenario makes far fewer calls than f64 counts exactly.
        Some(times) => times.holds(meant.len() as f64),
        None => !meant.is_empty(),
    };
    if !enough {
        let claim = match &asked.times {
            Some(times) => format!(
                "expected {} `{}` from the worker",
                requests(times),
                asked.call
            ),
            None => format!("expected a request `{}` from the worker", asked.call),
        };
        let mut mismatch = Mismatch::new(
            &["asked", index],
            claim,
            format!("it sent {}", count(meant.len())),
        );
        if meant.is_empty() {
            let wanted = asked.call.to_string();
            mismatch.nearest = own
                .iter()
                .map(|hop| format!("{} {}", hop.request.method, hop.request.url))
                .max_by(|left, right| {
                    strsim::jaro(&wanted, left).total_cmp(&strsim::jaro(&wanted, right))
                });
        }
        return vec![mismatch];
    }
    let content = |hop: &&&Exchange| {
        let mut found = check_headers("worker's request", &asked.headers, &hop.request.headers);
        found.extend(asked.body.as_ref().and_then(|body| check_body(body, hop)));
        found
    };
    meant
        .iter()
        .flat_map(content)
        .map(|mismatch| mismatch.below(index).below("asked"))
        .collect()
}

fn check_body(expected: &TextMatcher, hop: &Exchange) -> Option<Mismatch> {
    let claim = format!("expected the body of the worker's request {expected}");
    let body = match hop.request_body() {
        Ok(body) => body,
        Err(why) => {
            let actual = match why {
                NotKept::NotAsked => {
                    format!("what {} gets is stated with `origin` or `node`", hop.to)
                }
                NotKept::Forgotten => {
                    format!("it is no longer kept: too much was sent since; {MORE}")
                }
            };
            return Some(Mismatch::new(&["body"], claim, actual));
        }
    };
    let body = String::from_utf8_lossy(&body);
    if expected.holds(Some(&body)) {
        return None;
    }
    Some(Mismatch::new(&["body"], claim, format!("got `{body}`")).saying(expected.message()))
}
