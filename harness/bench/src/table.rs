//! The results as text for a terminal.

use std::fmt::Write as _;

use super::{
    contender::Role,
    metric::Metric,
    results::{CaseResult, Measured, Results},
    statistics::Estimate,
};

/// What an interval that holds 1 says.
const SAME: &str = "no difference seen";

/// The results as tables: the numbers of each case, then how the workers under test compare.
pub fn text(results: &Results) -> String {
    let mut text = facts(results);
    for case in &results.cases {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "\n{}: {}", case.name, case.title);
        if let Some(load) = case.load() {
            let _ = writeln!(text, "{load}");
        }
        let mut tables = numbers(case);
        tables.push(comparisons(results, case));
        // A table of names alone says nothing.
        let tables = tables.iter().filter(|rows| rows.len() > 1);
        text.push_str(
            &tables
                .map(|rows| columns(rows))
                .collect::<Vec<_>>()
                .join("\n"),
        );
        for note in case.notes() {
            let _ = writeln!(text, "{note}");
        }
    }
    text
}

/// Where and how it was measured, and who.
fn facts(results: &Results) -> String {
    let mut text = String::new();
    for line in conditions(results) {
        let _ = writeln!(text, "{line}");
    }
    let mut rows = vec![vec![
        "worker".to_owned(),
        "bytes".to_owned(),
        "gzip".to_owned(),
    ]];
    for contender in &results.contenders {
        if let Some(size) = contender.size {
            rows.push(vec![
                contender.name.clone(),
                size.bytes.to_string(),
                size.gzip_bytes.to_string(),
            ]);
        }
    }
    let _ = write!(text, "\n{}", columns(&rows));
    text
}

/// Where and how it was measured, a line each.
pub(super) fn conditions(results: &Results) -> Vec<String> {
    let machine = &results.machine;
    let mut lines = vec![format!(
        "{} {}, {}, {} cores; {}",
        results.edgeproof,
        if machine.is_release {
            "release"
        } else {
            "debug"
        },
        machine.system,
        machine.cores,
        machine.workerd
    )];
    if !machine.is_release {
        lines.push(
            "This edgeproof is not optimised: it may be slower than what it measures.".to_owned(),
        );
    }
    if let Some(load) = machine.load_before.filter(|load| *load >= 0.5) {
        lines.push(format!(
            "The machine was busy: a load of {load} in the minute before. The ratios are still valid, the times are not."
        ));
    }
    lines.push(format!("{} rounds at most", results.method.rounds));
    lines.extend(results.method.notes.iter().cloned());
    lines
}

/// The numbers of a case as tables: one row a contender, the first row names the columns.
pub(super) fn numbers(case: &CaseResult) -> Vec<Vec<Vec<String>>> {
    if case.rate.is_none() {
        let start = |measured: &Measured| {
            let start = measured.overall.get(&Metric::Start).copied();
            vec![number(start, 1), number(megabytes(measured), 1)]
        };
        return vec![rows(case, &["", "start p50 ms", "peak MB"], start)];
    }
    vec![latencies(case), costs(case)]
}

fn latencies(case: &CaseResult) -> Vec<Vec<String>> {
    const HEAD: [&str; 11] = [
        "ms",
        "first byte p50",
        "p95",
        "p99",
        "whole p50",
        "p95",
        "p99",
        "added p50",
        "p95",
        "p99",
        "sent late p99",
    ];
    rows(case, &HEAD, |measured| {
        let shown = Metric::FIRST_BYTE.into_iter().chain(Metric::WHOLE);
        let shown = shown.map(|(metric, _)| measured.overall.get(&metric).copied());
        let added = Metric::WHOLE
            .into_iter()
            .map(|(metric, _)| case.added(measured, metric));
        shown
            .chain(added)
            .chain([measured.late_p99_ms])
            .map(|value| number(value, 2))
            .collect()
    })
}

fn costs(case: &CaseResult) -> Vec<Vec<String>> {
    const HEAD: [&str; 7] = [
        "",
        "CPU s/1000",
        "1 conn. /s",
        "8 /s",
        "64 /s",
        "peak MB",
        "one request asks, and gets",
    ];
    rows(case, &HEAD, |measured| {
        let mut cells = vec![number(measured.overall.get(&Metric::Processor).copied(), 3)];
        for (metric, _) in Metric::THROUGHPUT {
            cells.push(number(measured.overall.get(&metric).copied(), 0));
        }
        cells.push(number(megabytes(measured), 1));
        cells.push(match measured.failure {
            Some(_) => "not measured".to_owned(),
            None => asked(measured),
        });
        cells
    })
}

fn rows(
    case: &CaseResult,
    head: &[&str],
    cells: impl Fn(&Measured) -> Vec<String>,
) -> Vec<Vec<String>> {
    let mut rows = vec![head.iter().map(|name| (*name).to_owned()).collect()];
    for measured in &case.measured {
        let mut row = vec![measured.contender.clone()];
        row.extend(cells(measured));
        rows.push(row);
    }
    rows
}

/// One row a metric, two columns for each pair of a worker under test and a baseline.
pub(super) fn comparisons(results: &Results, case: &CaseResult) -> Vec<Vec<String>> {
    let pairs: Vec<(&str, &str)> = pairs(results);
    let mut rows = vec![vec![String::new()]];
    rows[0].extend(
        pairs
            .iter()
            .map(|(worker, baseline)| format!("{worker} / {baseline}")),
    );
    let mut metrics: Vec<Metric> = case.ratios.iter().map(|ratio| ratio.metric).collect();
    metrics.sort();
    metrics.dedup();
    for metric in metrics {
        let mut row = vec![metric.name().to_owned()];
        for (worker, baseline) in &pairs {
            let found = case.ratios.iter().find(|ratio| {
                ratio.metric == metric && ratio.contender == *worker && ratio.baseline == *baseline
            });
            row.push(found.map_or("–".to_owned(), |ratio| comparison(ratio.estimate, metric)));
        }
        rows.push(row);
    }
    rows
}

/// Each worker under test with each baseline that has ratios.
pub(super) fn pairs(results: &Results) -> Vec<(&str, &str)> {
    let of = |role: Role| {
        let chosen = results.contenders.iter();
        chosen
            .filter(move |contender| contender.role == role && contender.size.is_some())
            .map(|contender| contender.name.as_str())
    };
    of(Role::UnderTest)
        .flat_map(|worker| of(Role::Baseline).map(move |baseline| (worker, baseline)))
        .collect()
}

/// A ratio, its interval, and what that means.
pub(super) fn comparison(estimate: Estimate, metric: Metric) -> String {
    let Estimate { ratio, low, high } = estimate;
    let verdict = if !estimate.is_difference() {
        SAME
    } else if (ratio > 1.0) == metric.is_gain() {
        "better"
    } else {
        "worse"
    };
    format!("{ratio:.2} ({low:.2}–{high:.2}) {verdict}")
}

/// What one request made it ask, in the order in which they are mostly asked.
fn asked(measured: &Measured) -> String {
    let asked = measured.asked;
    let parts = [
        (asked.platform, "platform"),
        (asked.node, "node"),
        (asked.origin, "origin"),
    ];
    let named = parts.into_iter().filter(|(count, _)| *count > 0);
    let named: Vec<String> = named
        .map(|(count, name)| match count {
            1 => name.to_owned(),
            more => format!("{more} {name}"),
        })
        .collect();
    format!("{}; {} B", named.join(", "), measured.body_bytes)
}

fn megabytes(measured: &Measured) -> Option<f64> {
    measured
        .peak_memory_bytes
        .map(|bytes| bytes as f64 / 1_000_000.0)
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.decimals$}"))
}

/// Rows as columns, numbers at the right end of theirs.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|column| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let is_number = rows
                .iter()
                .skip(1)
                .filter_map(|row| row.get(column))
                .all(|cell| cell.parse::<f64>().is_ok() || cell == "–");
            let _ = if is_number && column > 0 {
                write!(line, "  {cell:>width$}")
            } else {
                write!(line, "  {cell:width$}")
            };
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}
