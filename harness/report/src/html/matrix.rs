//! Scenarios with two or more dimensions as tables: failure modes against faults, at a glance.

use std::collections::BTreeMap;

use edgeproof_run::record::CaseRecord;
use maud::{Markup, html};

/// One table for each scenario file that was multiplied in two dimensions.
pub(super) fn tables(cases: &[CaseRecord]) -> Markup {
    let mut files: BTreeMap<&str, Vec<(&str, &str, &CaseRecord)>> = BTreeMap::new();
    for case in cases {
        let [rest, row, column] = last_three(&case.name);
        // The name of the file itself is not a dimension.
        if case
            .file
            .file_stem()
            .is_some_and(|stem| rest.ends_with(&*stem.to_string_lossy()))
        {
            files.entry(rest).or_default().push((row, column, case));
        }
    }
    html! {
        @for (file, cells) in &files { (table(file, cells)) }
    }
}

fn last_three(name: &str) -> [&str; 3] {
    let mut parts = name.rsplitn(3, "::");
    let column = parts.next().unwrap_or_default();
    let row = parts.next().unwrap_or_default();
    [parts.next().unwrap_or_default(), row, column]
}

fn table(file: &str, cells: &[(&str, &str, &CaseRecord)]) -> Markup {
    let mut rows: Vec<&str> = Vec::new();
    let mut columns: Vec<&str> = Vec::new();
    for (row, column, _) in cells {
        if !rows.contains(row) {
            rows.push(row);
        }
        if !columns.contains(column) {
            columns.push(column);
        }
    }
    html! {
        table.matrix {
            caption { (file) }
            tr { th {} @for column in &columns { th { (column) } } }
            @for row in &rows {
                tr {
                    th { (row) }
                    @for column in &columns {
                        @match cells.iter().find(|(r, c, _)| r == row && c == column) {
                            Some((_, _, case)) => td class=(case.verdict.word()) {
                                a href={ "#" (case.name) } { (case.verdict.word()) }
                            },
                            None => td {},
                        }
                    }
                }
            }
        }
    }
}
