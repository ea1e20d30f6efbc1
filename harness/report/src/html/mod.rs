//! The report for people who were not there: one file, readable offline. The viewer shows it; without JavaScript it still
//! says what did not pass.

mod data;
mod plain;
mod policy;

use edgeproof_run::{record::CaseRecord, results::Results};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value as Json;

use self::{data::Pictures, policy::Policy};

/// The viewer of `viewer/`.
const VIEWER: &str = include_str!(concat!(env!("OUT_DIR"), "/viewer.js"));

const PAGE_STYLE: &str = include_str!("../../viewer/page.css");
const VIEWER_STYLE: &str = include_str!("../../viewer/viewer.css");

/// The results as one HTML page.
pub fn text(results: &Results) -> String {
    let mut pictures = Pictures::default();
    let data = data::of(results, &mut pictures);
    let content = html! {
        div #plain { (plain::of(results, &pictures)) }
        script #data type="text/plain" { (data) }
    };
    viewer(&content, &Policy::of_file()).into_string()
}

/// The page of a running rig (`rig`) or of a run that is under way (`run`): the viewer, which asks where it comes from for
/// everything that it shows.
pub fn live(of: &str) -> String {
    let content = html! { p #plain .page data-of=(of) { "This page needs JavaScript." } };
    viewer(&content, &Policy::of_console()).into_string()
}

/// A case of a run that is under way, as the viewer reads it.
pub fn case(record: &CaseRecord) -> Json {
    data::alone(record)
}

/// The viewer with something for it to read.
fn viewer(content: &Markup, policy: &Policy) -> Markup {
    let style = format!("{PAGE_STYLE}{VIEWER_STYLE}");
    document(
        &style,
        &policy.with_script(VIEWER),
        &html! {
            div #viewer {}
            (content)
            // The bundle of this repository; esbuild sees to it that nothing in it ends the element.
            script { (PreEscaped(VIEWER)) }
        },
        "",
    )
}

/// A whole page in the style of the reports, with further rules for what only it has. It needs nothing but itself.
pub fn page(style: &'static str, body: &Markup) -> Markup {
    document(
        &format!("{PAGE_STYLE}{style}"),
        &Policy::of_file(),
        body,
        "page",
    )
}

fn document(style: &str, policy: &Policy, body: &Markup, class: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy.with_style(style));
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "edgeproof" }
                link rel="icon" href="data:,";
                // The style sheets are files of this repository.
                style { (PreEscaped(style)) }
            }
            body class=(class) { (body) }
        }
    }
}
