//! The results as one HTML page, readable offline.

use edgeproof_report::html::page;
use maud::{Markup, html};

use super::{
    compare, plot,
    results::{CaseResult, Results},
    table,
};

const STYLE: &str = include_str!("style.css");

/// The results as a page; with those of an earlier run, what has moved since.
pub fn text(results: &Results, earlier: Option<&Results>) -> String {
    page(
        STYLE,
        &html! {
            header {
                h1 { "edgeproof bench" }
                ul { @for line in table::conditions(results) { li { (line) } } }
            }
            @if let Some(earlier) = earlier {
                h2 { "What has moved" }
                pre { (compare::text(earlier, results)) }
            }
            h2 { "Size" }
            table.numbers {
                tr { th { "worker" } th { "bytes" } th { "gzip" } }
                @for contender in &results.contenders {
                    @if let Some(size) = contender.size {
                        tr { th { (contender.name) } td { (size.bytes) } td { (size.gzip_bytes) } }
                    }
                }
            }
            @for case in &results.cases { (section(results, case)) }
            footer { "edgeproof " (results.edgeproof) ", " (results.machine.began) }
        },
    )
    .into_string()
}

fn section(results: &Results, case: &CaseResult) -> Markup {
    html! {
        section id=(case.name) {
            h2 { code { (case.name) } " " (case.title) }
            @if let Some(load) = case.load() { p { (load) } }
            @for rows in table::numbers(case) { (tabulated(&rows)) }
            @for note in case.notes() { p { (note) } }
            (plot::draw(case))
            details {
                summary { "Ratios" }
                (tabulated(&table::comparisons(results, case)))
            }
        }
    }
}

/// A table whose first row and column are names.
fn tabulated(rows: &[Vec<String>]) -> Markup {
    html! {
        table.numbers {
            @for (index, row) in rows.iter().enumerate() {
                tr {
                    @for (column, cell) in row.iter().enumerate() {
                        @if index == 0 || column == 0 { th { (cell) } } @else { td { (cell) } }
                    }
                }
            }
        }
    }
}
