//! What a page says without JavaScript: the sums, and everything that did not pass.

use edgeproof_document::problem::TextStyle;
use edgeproof_ground::time::shown;
use edgeproof_run::{
    failure_text as failure,
    record::{CaseRecord, Verdict},
    results::Results,
};
use maud::{Markup, html};

use super::data::Pictures;

pub(super) fn of(results: &Results, pictures: &Pictures) -> Markup {
    let summary = &results.summary;
    html! {
        h1 { "edgeproof " (results.edgeproof) }
        p {
            @for (count, word) in [
                (summary.passed, "passed"),
                (summary.failed, "failed"),
                (summary.errors, "error"),
                (summary.skipped, "skipped"),
                (summary.observed, "not met but not required"),
                (summary.known_failures, "known failures"),
            ] {
                @if count > 0 { b class=(word) { (count) " " (word) } " " }
            }
            "in " (shown(summary.took()))
        }
        @for case in results.cases.iter().filter(|case| case.did_not_pass()) { (section(case)) }
        @for (number, picture) in pictures.all.iter().enumerate() {
            figure {
                figcaption { (picture.case) ": " (picture.title) }
                img id={ "picture-" (number) } loading="lazy" alt=(picture.title) src={ "data:image/jpeg;base64," (picture.jpeg) };
            }
        }
    }
}

fn section(case: &CaseRecord) -> Markup {
    html! {
        section {
            h2 { (case.title) }
            p { b class=(case.verdict.word()) { (case.verdict.word()) } " " code { (case.name) } " " (shown(case.took())) }
            @match &case.verdict {
                Verdict::Error(message) => pre { (message) },
                Verdict::Failed(failures) => {
                    @for text in failure::texts(failures, TextStyle::PLAIN) { pre { (text) } }
                }
                _ => {}
            }
            @for reference in &case.refs { (linked(reference)) " " }
        }
    }
}

/// A reference; a link where it leads to a page of the web. Any other scheme could do something in the reader's name.
fn linked(reference: &str) -> Markup {
    let scheme = reference.split_once("://").map(|(scheme, _)| scheme);
    let is_web = scheme.is_some_and(|scheme| {
        scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
    });
    html! {
        @if is_web { a href=(reference) rel="noreferrer" { (reference) } } @else { (reference) }
    }
}
