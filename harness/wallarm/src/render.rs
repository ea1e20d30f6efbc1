//! An attack for people: the line that `edgeproof up` prints.

use std::fmt;

use super::{Attack, AttackStatus};

/// Longer addresses and parameters are cut.
const WIDTH: usize = 60;

/// `sqli at query.id of shop.example/search: blocked, 2 hits with 1 payload, latest 2026-11-26 12:00:00 from 203.0.113.7`.
impl fmt::Display for Attack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = match self.status {
            AttackStatus::Blocked => "blocked",
            AttackStatus::PartiallyBlocked => "partially blocked",
            AttackStatus::Monitoring => "not blocked",
        };
        write!(
            f,
            "{} at {} of {}: {status}, {} with {}",
            self.attack,
            printable(&self.point.to_string()),
            printable(&format!("{}{}", self.domain, self.path)),
            counted(self.hits, "hit"),
            counted(self.payloads.len() as u64, "payload"),
        )?;
        if let Ok(latest) = jiff::Timestamp::from_millisecond(self.last) {
            write!(f, ", latest {}", latest.strftime("%Y-%m-%d %H:%M:%S"))?;
        }
        match self.sources.iter().max_by_key(|(_, hits)| **hits) {
            Some((ip, _)) if self.sources.len() == 1 => write!(f, " from {ip}"),
            Some((ip, hits)) => write!(
                f,
                " from {} addresses, most ({hits}) from {ip}",
                self.sources.len()
            ),
            None => Ok(()),
        }
    }
}

fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// What visitors sent ends up on a terminal, so nothing in it may move the cursor.
fn printable(text: &str) -> String {
    let shown = text.chars().take(WIDTH);
    let mut shown: String = shown
        .map(|letter| {
            if letter.is_control() {
                '\u{fffd}'
            } else {
                letter
            }
        })
        .collect();
    if text.chars().nth(WIDTH).is_some() {
        shown.push('…');
    }
    shown
}
