//! A failure as text: the place in the file, what was expected, what happened, and where the request went.

use std::fmt::Write as _;

use crate::{
    run::record::{Failure, HopRecord},
    scenario::{
        problem::{Look, draw},
        time::shown,
    },
};

/// The whole failure, the same in every report.
pub fn text(failure: &Failure, look: Look) -> String {
    let mut text = draw(
        &format!("not so: {}", failure.claim),
        failure.excerpt.as_ref(),
        &failure.actual,
        failure.message.as_deref(),
        look,
    );
    if failure.excerpt.is_none() {
        line(&mut text, 2, &failure.actual);
    }
    if let Some(nearest) = &failure.nearest {
        line(&mut text, 2, &format!("nearest recorded call: {nearest}"));
    }
    if let Some(call) = &failure.call {
        if failure.journey.is_empty() {
            line(&mut text, 2, &format!("{call} never reached the edge"));
        } else {
            line(&mut text, 2, &format!("where {call} went:"));
            for hop in &failure.journey {
                line(&mut text, 4 + 2 * hop.depth, &hop_line(hop));
            }
        }
    }
    text
}

/// `worker → origin  POST https://…  200  3ms  why`.
pub fn hop_line(hop: &HopRecord) -> String {
    let mut text = format!("{} → {}", hop.from, hop.to);
    if hop.depth > 1 {
        // The calls of a worker are its own; those before it are the visitor's.
        let _ = write!(text, "  {} {}", hop.method, hop.url);
    }
    match hop.status {
        Some(status) => {
            let _ = write!(text, "  {status}");
        }
        None => text.push_str("  no answer"),
    }
    if let Some(took) = hop.took_us {
        let _ = write!(text, "  {}", shown(std::time::Duration::from_micros(took)));
    }
    if let Some(decision) = &hop.decision {
        let _ = write!(text, "  {decision}");
    }
    if let Some(fault) = &hop.fault {
        let _ = write!(text, "  (fault: {fault})");
    }
    text
}

fn line(text: &mut String, indent: usize, content: &str) {
    let _ = writeln!(text, "{:indent$}{content}", "");
}
