//! What was found, in the terminal: holes first, then the families.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use edgeproof_probe::Outcome;

use super::{COLUMNS, Probed, by_row, explained, fixed_summary, holes, row_of, sent, summary};

/// Lines of what was sent that are shown.
const LINES: usize = 8;

/// Holes of one row that are named.
const NAMED: usize = 6;

const BAD: Style = AnsiColor::Red.on_default().bold();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// What was found, as a terminal shows it.
pub fn text(probed: &Probed) -> String {
    let mut text = String::new();
    for outcome in &probed.apis {
        write_outcome(&mut text, outcome);
    }
    if let Some(fixed) = &probed.fixed {
        let style = if holes(&fixed.apis) == 0 { GOOD } else { BAD };
        let _ = writeln!(
            text,
            "\n{style}{}{style:#}",
            fixed_summary(probed.holes(), fixed)
        );
        for line in fixed.yaml.lines() {
            let _ = writeln!(text, "  {line}");
        }
        for outcome in fixed
            .apis
            .iter()
            .filter(|outcome| outcome.holes().next().is_some())
        {
            write_outcome(&mut text, outcome);
        }
    }
    text
}

fn write_outcome(text: &mut String, outcome: &Outcome) {
    // Writing to a text cannot fail.
    let _ = writeln!(
        text,
        "{} {DIM}in front of {}{DIM:#}",
        outcome.api, outcome.origin
    );
    for note in &outcome.notes {
        let _ = writeln!(text, "note: {note}");
    }
    for row in by_row(outcome) {
        let (Some(first), Some(hole)) = (row.first(), row.first().and_then(|first| first.hole()))
        else {
            continue;
        };
        let _ = writeln!(
            text,
            "\n{BAD}✗ {}/{}{BAD:#} {}",
            first.family, first.row, first.says
        );
        let lines = sent(first);
        for line in lines.iter().take(LINES) {
            let _ = writeln!(text, "    {line}");
        }
        if lines.len() > LINES {
            let _ = writeln!(text, "    … {} more lines", lines.len() - LINES);
        }
        for (key, line) in explained(first, hole) {
            let _ = writeln!(text, "  {DIM}{key:>8}{DIM:#} {line}");
        }
        if row.len() > 1 {
            let mut others: Vec<String> = row
                .iter()
                .skip(1)
                .take(NAMED)
                .map(|other| edgeproof_ground::visible::in_one_line(target(&other.sent)))
                .collect();
            if row.len() > NAMED + 1 {
                others.push(format!("… {} in all", row.len()));
            }
            let _ = writeln!(text, "  {DIM}{:>8}{DIM:#} {}", "and", others.join("  "));
        }
    }
    let _ = write!(text, "\n{}", families(outcome));
    let style = if outcome.holes().next().is_none() {
        GOOD
    } else {
        BAD
    };
    let _ = writeln!(text, "\n{style}{}{style:#}", summary(outcome));
}

/// The request line without its version.
fn target(sent: &str) -> &str {
    let line = match sent.strip_prefix('(') {
        Some(_) => sent.split("\r\n").nth(1),
        None => sent.split("\r\n").next(),
    };
    let line = line.unwrap_or_default();
    line.rsplit_once(' ').map_or(line, |(line, _)| line)
}

/// The table by family.
fn families(outcome: &Outcome) -> String {
    let mut rows = vec![COLUMNS.map(str::to_owned)];
    for (family, findings) in outcome.families() {
        rows.push(row_of(family, &findings));
    }
    let widths: Vec<usize> = (0..COLUMNS.len())
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in &rows {
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let _ = match column {
                0 => write!(text, "{cell:width$}"),
                _ => write!(text, "  {cell:>width$}"),
            };
        }
        text.push('\n');
    }
    text
}
