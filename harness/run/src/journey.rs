//! The way of a request through the rooms: from the trace to records.

use std::{collections::BTreeMap, sync::Arc};

use edgeproof_fingerprint::Ruleset;
use edgeproof_ground::trace::{Exchange, Party};
use http::Method;

use super::{
    record::HopRecord,
    redact::{self, Redactor},
};

/// Every hop as a record, in the order of arrival.
pub fn records(exchanges: &[Exchange], redactor: &Redactor) -> Vec<HopRecord> {
    exchanges
        .iter()
        .map(|exchange| record(exchange, redactor))
        .collect()
}

/// The same, with the event that identified a call, and which rule of these rulesets decided about it, and why, where the
/// platform was asked.
pub fn explained(
    exchanges: &[Exchange],
    events: &[Arc<edgeproof_fingerprint::Record>],
    rulesets: &BTreeMap<String, Ruleset>,
    redactor: &Redactor,
) -> Vec<HopRecord> {
    let mut hops = records(exchanges, redactor);
    let platform = Party::Fingerprint.to_string();
    for hop in hops
        .iter_mut()
        .filter(|hop| hop.to == platform && hop.decision.is_none())
    {
        let asked = events
            .iter()
            .rev()
            .find(|event| hop.ray.is_some() && event.ray == hop.ray);
        let reason = asked.map(|event| event.decision(rulesets));
        hop.decision = reason.map(|reason| redactor.text(&reason));
    }
    hops
}

/// The hops that belong to the visitor's request with this ray.
pub fn of_ray<'a>(exchanges: &'a [Exchange], ray: &str) -> Vec<&'a Exchange> {
    exchanges
        .iter()
        .filter(|exchange| exchange.ray.as_deref() == Some(ray))
        .collect()
}

/// The visitor's own hop: the last request with this method and URL that came from a visitor.
pub fn visit<'a>(exchanges: &'a [Exchange], method: &Method, url: &str) -> Option<&'a Exchange> {
    exchanges.iter().rev().find(|exchange| {
        exchange.from == Party::Visitor
            && exchange.request.method == *method
            && same_url(&exchange.request.url, url)
    })
}

/// Whether two spellings of a URL name the same thing; the fragment never leaves the visitor.
fn same_url(left: &str, right: &str) -> bool {
    let normal = |text: &str| {
        url::Url::parse(text).map(|mut url| {
            url.set_fragment(None);
            url
        })
    };
    left == right || matches!((normal(left), normal(right)), (Ok(left), Ok(right)) if left == right)
}

fn record(exchange: &Exchange, redactor: &Redactor) -> HopRecord {
    let Exchange {
        request, response, ..
    } = exchange;
    let micros =
        |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    HopRecord {
        ray: exchange.ray.clone(),
        from: exchange.from.to_string(),
        to: exchange.to.to_string(),
        depth: depth(exchange),
        method: request.method.to_string(),
        url: redactor.text(&request.url),
        status: response.as_ref().map(|response| response.status.as_u16()),
        started_us: micros(exchange.started),
        took_us: exchange.took.map(micros),
        decision: exchange.decision.as_ref().map(|text| redactor.text(text)),
        fault: exchange.fault.clone(),
        exception: exchange.exception.as_ref().map(|text| redactor.text(text)),
        request_headers: redact::headers(redactor, &request.headers),
        request_bytes: request.body_bytes,
        response_headers: response
            .as_ref()
            .map(|response| redact::headers(redactor, &response.headers))
            .unwrap_or_default(),
        response_bytes: response.as_ref().map_or(0, |response| response.body_bytes),
        request_body: None,
        response_body: None,
        log: Vec::new(),
    }
}

/// Each party asks only the ones further from the visitor.
fn depth(exchange: &Exchange) -> usize {
    match exchange.from {
        Party::Visitor => 0,
        Party::Edge => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use edgeproof_ground::trace::{RequestHead, Trace};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://shop.example", "https://shop.example/", true)]
    #[case("https://shop.example/a#b", "https://shop.example/a", true)]
    #[case("https://SHOP.example:443/a", "https://shop.example/a", true)]
    #[case("https://shop.example/a?b", "https://shop.example/a", false)]
    #[case("http://shop.example/a", "https://shop.example/a", false)]
    fn two_spellings_of_a_url_are_the_same_visit(
        #[case] left: &str,
        #[case] right: &str,
        #[case] same: bool,
    ) {
        assert_eq!(same_url(left, right), same);
    }

    #[rstest]
    #[case(
        "1",
        "no-tor",
        Some("event 1.a: block with 403 by rule r_1, `incognito`; incognito is true")
    )]
    #[case::named_as_it_is_written(
        "1",
        "rs_1",
        Some("event 1.a: block with 403 by rule 2 of `rs_1` (ID), `incognito`; incognito is true")
    )]
    #[case::of_another_request("2", "rs_1", None)]
    fn a_block_says_its_rule_and_the_values_that_decided(
        #[case] ray: &str,
        #[case] ruleset: &str,
        #[case] expected: Option<&str>,
    ) {
        let rules = serde_json::json!({ "rules": [{ "if": "not incognito", "block": { "status": 403 } }, { "if": "incognito", "block": { "status": 403 } }] });
        let rulesets =
            BTreeMap::from([(ruleset.to_owned(), serde_json::from_value(rules).unwrap())]);
        let id = match ruleset {
            "rs_1" => edgeproof_fingerprint::rules::rule_id("rs_1", 1),
            _ => "r_1".to_owned(),
        };
        let trace = Trace::default();
        let request = http::Request::post("https://api.fpjs.io/v4/send").body(());
        let head = RequestHead::of(&request.unwrap());
        let _hop = trace.begin(Party::Worker, Party::Fingerprint, head);
        let mut exchanges = trace.exchanges();
        exchanges[0].ray = Some(ray.to_owned());
        let event = serde_json::json!({
            "event_id": "1.a", "timestamp": 1, "incognito": true,
            "rule_action": {
                "type": "block", "status_code": 403, "headers": [],
                "ruleset_id": "rs_1", "rule_id": id, "rule_expression": "incognito",
            },
        });
        let asked = edgeproof_fingerprint::Record {
            ray: Some("1".to_owned()),
            host: "shop.example".to_owned(),
            event: serde_json::from_value(event).unwrap(),
        };
        let hops = explained(
            &exchanges,
            &[Arc::new(asked)],
            &rulesets,
            &Redactor::default(),
        );
        let expected = expected.map(|expected| expected.replace("ID", &id));
        assert_eq!(hops[0].decision, expected);
    }
}
