//! What was found, as one page that is readable offline, with a matrix of shapes and frameworks.

use edgeproof_probe::{Fate, Finding, Outcome, frameworks};
use maud::{Markup, html};

use super::{COLUMNS, Fixed, Probed, by_row, explained, fixed_summary, row_of, sent, summary};
use crate::html::page;

const STYLE: &str = include_str!("style.css");

/// What was found, as a page.
pub fn text(probed: &Probed) -> String {
    page(
        STYLE,
        &html! {
            header {
                h1 { "edgeproof probe" }
                @for outcome in &probed.apis {
                    p { code { (outcome.api) } " in front of " (outcome.origin) ": " (summary(outcome)) }
                }
            }
            @if let Some(fixed) = &probed.fixed { (changes(probed, fixed)) }
            @for outcome in &probed.apis { (section(outcome)) }
            footer { "edgeproof " (probed.edgeproof) }
        },
    )
    .into_string()
}

fn changes(probed: &Probed, fixed: &Fixed) -> Markup {
    html! {
        h2 { (fixed_summary(probed.holes(), fixed)) }
        pre { (fixed.yaml) }
    }
}

fn section(outcome: &Outcome) -> Markup {
    html! {
        section {
            h2 { code { (outcome.api) } }
            @for note in &outcome.notes { p { "Note: " (note) "." } }
            @for row in by_row(outcome) { (hole(&row)) }
            h2 { "Families" }
            table.families {
                tr { @for column in COLUMNS { th { (column) } } }
                @for (family, findings) in outcome.families() {
                    tr {
                        @for (index, cell) in row_of(family, &findings).iter().enumerate() {
                            @if index == 0 { th { (cell) } }
                            @else { td.hole[index == COLUMNS.len() - 1 && cell != "·"] { (cell) } }
                        }
                    }
                }
            }
            (matrix(outcome))
        }
    }
}

/// The holes of one row of the table of shapes.
fn hole(row: &[&Finding]) -> Markup {
    html! {
        @if let Some(first) = row.first() {
            @if let Some(hole) = first.hole() {
                div.hole {
                    h3 { (first.family) "/" (first.row) ": " (first.says) @if row.len() > 1 { " (" (row.len()) ")" } }
                    pre { @for line in sent(first) { (line) "\n" } }
                    dl { @for (key, text) in explained(first, hole) { dt { (key) } dd { (text) } } }
                    @if row.len() > 1 {
                        details {
                            summary { "All of this row" }
                            @for other in row { pre { @for line in sent(other).iter().take(1) { (line) } } }
                        }
                    }
                }
            }
        }
    }
}

/// Every shape, what became of it here, and which frameworks were measured to run it.
fn matrix(outcome: &Outcome) -> Markup {
    html! {
        details {
            summary { "Every shape, and the frameworks that were measured to run it" }
            table.shapes {
                tr {
                    th { "shape" } th { "sent" } th { "here" }
                    @for framework in frameworks() { th title=(framework.version) { (framework.name) } }
                }
                @for finding in &outcome.findings {
                    tr {
                        th title=(finding.says) { (finding.shape) }
                        td { code { @for line in sent(finding).iter().take(1) { (line) } } }
                        (here(finding))
                        @for framework in frameworks() {
                            @if framework.runs(&finding.family, &finding.rule) { td.hole { "runs" } } @else { td.safe { "·" } }
                        }
                    }
                }
            }
        }
    }
}

fn here(finding: &Finding) -> Markup {
    let word = match finding.fate() {
        _ if finding.accepted => "accepted",
        _ if finding.hole().is_some() => "hole",
        Some(Fate::Unprotected | Fate::Cached | Fate::Uninspected | Fate::Uninstrumented) => {
            "not run"
        }
        Some(Fate::Identified) => "identified",
        Some(Fate::Blocked) => "blocked",
        Some(Fate::Refused) => "refused",
        Some(Fate::Unanswered) | None => "no response",
    };
    html! { td.hole[word == "hole"].safe[word != "hole"] { (word) } }
}
