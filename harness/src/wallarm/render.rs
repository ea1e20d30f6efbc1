//! The attacks of a node for people: what `edgeproof attacks` prints.

use super::{Attack, AttackStatus};

/// The attacks as a table, with the columns of the console.
pub fn attacks_as_table(attacks: &[Attack]) -> String {
    if attacks.is_empty() {
        return "no attacks\n".to_owned();
    }
    let head = [
        "DATE",
        "TYPE",
        "PAYLOADS",
        "HITS",
        "TOP IP",
        "DOMAIN/PATH",
        "STATUS",
        "PARAMETER",
    ];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(attacks.iter().map(row));
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            rows.iter()
                .map(|row| row[column].chars().count())
                .max()
                .unwrap_or_default()
        })
        .collect();
    let line = |row: &[String; 8]| {
        let cells = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}", width = *width));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn row(attack: &Attack) -> [String; 8] {
    let date = jiff::Timestamp::from_millisecond(attack.first).map_or_else(
        |_| attack.first.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    );
    let top = attack.sources.iter().max_by_key(|(_, hits)| **hits);
    let status = match attack.status {
        AttackStatus::Blocked => "Blocked",
        AttackStatus::PartiallyBlocked => "Partially blocked",
        AttackStatus::Monitoring => "Monitoring",
    };
    [
        date,
        attack.attack.to_string(),
        attack.payloads.len().to_string(),
        attack.hits.to_string(),
        top.map_or_else(String::new, |(ip, hits)| format!("{ip} ({hits})")),
        // What visitors sent ends up on a terminal.
        printable(&format!("{}{}", attack.domain, attack.path)),
        status.to_owned(),
        printable(&attack.point.to_string()),
    ]
}

fn printable(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
