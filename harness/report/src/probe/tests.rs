use edgeproof_probe::{Fate, Finding, Mend, Outcome, Over, Ran, SentOver};
use edgeproof_test_support::golden::assert_golden;

use super::*;

fn finding(family: &str, row: &str, target: &str, fate: Fate, ran: Option<Ran>) -> Finding {
    let result = |over| SentOver {
        over,
        fate,
        status: Some(if fate == Fate::Blocked { 403 } else { 201 }),
        ran,
        arrived: ran.map(|_| format!("POST https://shop.example{target}")),
        decision: Some("no route matches: no worker runs".to_owned()),
        worker_ran: fate == Fate::Blocked,
    };
    let is_hole = ran.is_some_and(Ran::is_possible);
    Finding {
        shape: format!("{family}/{row} {target}"),
        family: family.to_owned(),
        row: row.to_owned(),
        rule: format!("{row} x"),
        says: "letters in another <case>".to_owned(),
        sent: format!("POST {target} HTTP/1.1\r\nHost: shop.example\r\ncontent-length: 0\r\n\r\n"),
        results: vec![result(Over::Http1), result(Over::Http2)],
        mend: is_hole.then(|| Mend::Cover {
            deployment: "flow".to_owned(),
        }),
        accepted: false,
    }
}

fn outcome() -> Outcome {
    let mut known = finding(
        "slashes",
        "front",
        "//known",
        Fate::Unprotected,
        Some(Ran::Alike),
    );
    known.accepted = true;
    Outcome {
        api: "POST shop.example/api/create-account*".to_owned(),
        call: "POST https://shop.example/api/create-account".to_owned(),
        origin: "the app of `npm start`".to_owned(),
        control: Fate::Identified,
        notes: vec!["a note <of> the probe".to_owned()],
        findings: vec![
            finding("case", "whole", "/API", Fate::Unprotected, Some(Ran::Alike)),
            finding(
                "case",
                "whole",
                "/Api",
                Fate::Unprotected,
                Some(Ran::Certainly),
            ),
            finding(
                "case",
                "letter",
                "/a\u{1b}pi",
                Fate::Unprotected,
                Some(Ran::Perhaps),
            ),
            finding(
                "slashes",
                "front",
                "//api",
                Fate::Unprotected,
                Some(Ran::Not),
            ),
            known,
            finding("method", "other", "/api", Fate::Blocked, None),
            finding("signals", "made", "/api", Fate::Identified, None),
            finding("authority", "host", "/api", Fate::Refused, None),
        ],
    }
}

fn probed() -> Probed {
    let mut fixed = outcome();
    fixed.findings.truncate(1);
    fixed.findings[0] = finding("case", "whole", "/API", Fate::Blocked, None);
    Probed {
        format: FORMAT,
        edgeproof: "1.2.3".to_owned(),
        apis: vec![outcome()],
        fixed: Some(Fixed {
            changes: vec!["`coverage: host` in `flow`".to_owned()],
            yaml: "deployments:\n  flow:\n    coverage: host\n".to_owned(),
            apis: vec![fixed],
        }),
    }
}

#[test]
fn the_terminal_shows_holes_first() {
    let text = without_colours(&text(&probed()));
    assert_golden("fixtures/golden/probe/terminal.txt", &text);
}

#[test]
fn the_page_shows_every_shape() {
    assert_golden("fixtures/golden/probe/report.html", &html(&probed()));
}

#[test]
fn the_json_is_read_again_as_it_was_written() {
    let text = serde_json::to_string_pretty(&probed()).unwrap() + "\n";
    assert_golden("fixtures/golden/probe/report.json", &text);
    let read: Probed = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string_pretty(&read).unwrap() + "\n", text);
}

#[test]
fn holes_that_were_known_are_accepted_and_others_are_not() {
    let mut later = outcome();
    later
        .findings
        .iter_mut()
        .for_each(|finding| finding.accepted = false);
    let mut earlier = outcome();
    earlier.findings.remove(0);
    assert_eq!(later.accept(&[earlier]), 3);
    let holes: Vec<&str> = later.holes().map(|hole| &*hole.shape).collect();
    assert_eq!(holes, ["case/whole /API"]);
}

/// The text as a file has it.
fn without_colours(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = behind.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain + rest
}
