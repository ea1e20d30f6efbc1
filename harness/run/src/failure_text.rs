//! A failure as text: the place in the file, what was expected, what happened, and where the request went.

use std::fmt::Write as _;

use edgeproof_document::problem::{TextStyle, draw};
use edgeproof_ground::time::shown;

use crate::record::{AppRecord, Failure, HopRecord, Note};

/// Lines of the output of an app that are shown with a failure.
const SHOWN_LINES: usize = 20;

/// All failures of a case, the same in every report. Where several are about one request, its path is shown once, last.
pub fn texts(failures: &[Failure], style: TextStyle) -> Vec<String> {
    failures
        .iter()
        .enumerate()
        .map(|(index, failure)| {
            let shown_later = failures[index + 1..]
                .iter()
                .any(|later| later.call.is_some() && later.call == failure.call);
            text(failure, style, !shown_later)
        })
        .collect()
}

/// The end of what each app printed during a case.
pub fn printed(apps: &[AppRecord]) -> Vec<String> {
    let printed = apps.iter().filter(|app| !app.printed.is_empty());
    let text = |app: &AppRecord| {
        let mut text = String::new();
        line(
            &mut text,
            2,
            &format!("the last lines that `{}` printed:", app.command),
        );
        let first = app.printed.len().saturating_sub(SHOWN_LINES);
        for printed in &app.printed[first..] {
            line(&mut text, 4, &printed.text);
        }
        text
    };
    printed.map(text).collect()
}

fn text(failure: &Failure, style: TextStyle, with_journey: bool) -> String {
    let nearest = failure.nearest.as_ref();
    let nearest = nearest.map(|nearest| format!("the most similar was {nearest}"));
    let mut text = draw(
        &failure.sentence(),
        failure.excerpt.as_ref(),
        nearest.as_deref(),
        failure.message.as_deref(),
        style,
    );
    if failure.excerpt.is_none()
        && let Some(nearest) = nearest
    {
        line(&mut text, 2, &nearest);
    }
    if let Some(call) = failure.call.as_ref().filter(|_| with_journey) {
        if failure.journey.is_empty() {
            line(&mut text, 2, &format!("{call} never reached the edge"));
        } else {
            line(&mut text, 2, &format!("the path of {call}:"));
            let mut shown_before = None;
            for hop in &failure.journey {
                line(&mut text, 4 + 2 * hop.depth, &hop_line(hop, shown_before));
                for thrown in hop.exception.iter().flat_map(|exception| exception.lines()) {
                    line(&mut text, 8 + 2 * hop.depth, thrown);
                }
                shown_before = hop.decision.as_deref();
            }
        }
    }
    for Note { title, lines } in &failure.notes {
        // What stands at its hop already is not said again.
        let is_told = |told: &&String| {
            let mut thrown = failure
                .journey
                .iter()
                .filter_map(|hop| hop.exception.as_ref());
            let told = told.strip_prefix("Uncaught ");
            thrown.any(|thrown| told.is_some_and(|told| thrown.contains(told)))
        };
        let mut shown = lines.iter().filter(|told| !is_told(told)).peekable();
        if shown.peek().is_some() {
            line(&mut text, 2, &format!("{title}:"));
        }
        let shown = shown.flat_map(|shown| shown.lines());
        shown.for_each(|shown| line(&mut text, 4, shown));
    }
    if let Some(way_out) = &failure.way_out {
        line(&mut text, 2, &format!("what to do: {way_out}"));
    }
    text
}

/// `worker → origin  POST https://…  200  3ms  why`. A decision that the line before shows is not repeated.
fn hop_line(hop: &HopRecord, shown_before: Option<&str>) -> String {
    let mut text = format!("{} → {}", hop.from, hop.to);
    if hop.depth > 1 {
        // The calls of a worker are its own; those before it are the visitor's.
        let _ = write!(text, "  {} {}", hop.method, hop.url);
    }
    match hop.status {
        Some(status) => {
            let _ = write!(text, "  {status}");
        }
        None => text.push_str("  no response"),
    }
    if let Some(took) = hop.took_us {
        let _ = write!(text, "  {}", shown(std::time::Duration::from_micros(took)));
    }
    if let Some(decision) = hop.decision.as_deref()
        && shown_before != Some(decision)
    {
        let _ = write!(text, "  {decision}");
    }
    if let Some(cache) = cache_status(hop) {
        let _ = write!(text, "  cache {cache}");
    }
    if let Some(fault) = &hop.fault {
        let _ = write!(text, "  (fault: {fault})");
    }
    text
}

/// What the cache of the edge had to do with it, where the decision does not say it.
fn cache_status(hop: &HopRecord) -> Option<&str> {
    let is_told = |decision: &String| decision.contains("cache");
    let mut headers = hop.response_headers.iter();
    let status = headers.find(|(name, _)| name == "cf-cache-status")?;
    // Only the edge has the header of its own; others pass it on.
    (hop.to == "edge" && !hop.decision.as_ref().is_some_and(is_told)).then_some(&status.1)
}

fn line(text: &mut String, indent: usize, content: &str) {
    let _ = writeln!(text, "{:indent$}{content}", "");
}
