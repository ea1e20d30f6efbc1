//! The report for people who were not there: one file, readable offline.

mod matrix;
mod waterfall;

use edgeproof_document::problem::TextStyle;
use edgeproof_ground::time::shown;
use edgeproof_run::{
    failure_text as failure,
    record::{CaseRecord, Verdict},
    results::Results,
};
use maud::{DOCTYPE, Markup, PreEscaped, html};

const STYLE: &str = include_str!("style.css");

/// The results as one HTML page.
pub fn text(results: &Results) -> String {
    let summary = &results.summary;
    page(
        "",
        &html! {
            header {
                h1 { "edgeproof" }
                p.sums {
                    @for (count, word) in [
                        (summary.passed, "passed"),
                        (summary.failed, "failed"),
                        (summary.errors, "error"),
                        (summary.skipped, "skipped"),
                        (summary.observed, "not met but not required"),
                        (summary.known_failures, "known failures"),
                    ] {
                        @if count > 0 { span class=(word) { (count) " " (word) } " " }
                    }
                    span { "in " (shown(summary.took())) }
                }
            }
            (not_passed(&results.cases))
            (matrix::tables(&results.cases))
            main {
                @for case in &results.cases { (section(case)) }
            }
            footer { "edgeproof " (results.edgeproof) }
        },
    )
    .into_string()
}

/// What a reader came for: the cases to look at, before everything else.
fn not_passed(cases: &[CaseRecord]) -> Markup {
    let mut bad = cases
        .iter()
        .filter(|case| matches!(case.verdict, Verdict::Failed(_) | Verdict::Error(_)))
        .peekable();
    html! {
        @if bad.peek().is_some() {
            nav {
                h3 { "Not passed" }
                ul {
                    @for case in bad {
                        li class=(case.verdict.word()) {
                            a href={ "#" (case.name) } { (case.title) } " " code { (case.name) }
                        }
                    }
                }
            }
        }
    }
}

/// A whole page in the style of the reports, with further rules for what only it has. It needs nothing but itself.
pub fn page(style: &'static str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width";
                title { "edgeproof" }
                link rel="icon" href="data:,";
                // The style sheets are files of this repository.
                style { (PreEscaped(STYLE)) (PreEscaped(style)) }
            }
            body { (body) }
        }
    }
}

/// A link where the address is one of the web; anything else, a script for example, is only shown.
fn linked(address: &str) -> Markup {
    let is_of_web = ["https://", "http://"]
        .iter()
        .any(|scheme| address.starts_with(scheme));
    html! {
        @if is_of_web { a href=(address) { (address) } } @else { (address) }
    }
}

fn section(case: &CaseRecord) -> Markup {
    let word = case.verdict.word();
    let open = matches!(case.verdict, Verdict::Failed(_) | Verdict::Error(_));
    html! {
        details id=(case.name) class=(word) open[open] {
            summary {
                span.verdict { (word) }
                span.title { (case.title) }
                code { (case.name) }
                span.took { (shown(case.took())) }
            }
            @match &case.verdict {
                Verdict::Passed => {}
                Verdict::KnownFailure { reason, link } => p { (reason) " " (linked(link)) },
                Verdict::Skipped(reason) => p { (reason) },
                Verdict::Error(message) => pre { (message) },
                Verdict::Failed(failures) | Verdict::Observed(failures) => {
                    @for text in failure::texts(failures, TextStyle::PLAIN) { pre { (text) } }
                }
            }
            @if !case.refs.is_empty() {
                p.refs {
                    "See "
                    @for reference in &case.refs { (linked(reference)) " " }
                }
            }
            @for picture in &case.screenshots {
                figure {
                    figcaption { "What " (picture.visitor) " saw" }
                    img alt={ "The page of " (picture.visitor) } src={ "data:image/jpeg;base64," (picture.jpeg) };
                }
            }
            (waterfall::draw(&case.hops))
            @for app in case.apps.iter().filter(|app| !app.printed.is_empty()) {
                h3 { "What " code { (app.command) } " printed" }
                pre { @for line in &app.printed { (line.text) "\n" } }
            }
            @if !case.log.is_empty() {
                h3 { "The worker's log" }
                pre { @for line in &case.log { (line) "\n" } }
            }
        }
    }
}
