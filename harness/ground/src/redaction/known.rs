//! Where known secrets stand in a text, in one pass over it however many they are.

use std::{collections::BTreeMap, ops::Range};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

/// Bytes of a secret by which it is found. The rest is compared: signals alone have 20 KB.
const BEGINNING: usize = 64;

/// Known secrets.
#[derive(Clone, Debug)]
pub(super) struct Known {
    beginnings: AhoCorasick,
    /// What may follow after each of the beginnings.
    rests: Vec<Vec<String>>,
}

impl Known {
    /// Nothing where there are none.
    pub(super) fn new(secrets: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut by_beginning: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for mut secret in secrets {
            let rest = secret.split_off(secret.floor_char_boundary(BEGINNING));
            by_beginning.entry(secret).or_default().push(rest);
        }
        by_beginning.remove("");
        let (beginnings, rests): (Vec<_>, Vec<_>) = by_beginning.into_iter().unzip();
        if beginnings.is_empty() {
            return None;
        }
        let beginnings = AhoCorasick::builder()
            // The others take longer to build, and a case has few texts.
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .match_kind(MatchKind::LeftmostLongest)
            .build(beginnings);
        // It fails only for more secrets than memory holds.
        Some(Self {
            beginnings: beginnings.ok()?,
            rests,
        })
    }

    /// Where they stand. Of one that is cut, what is there.
    pub(super) fn places(&self, text: &str) -> impl Iterator<Item = Range<usize>> {
        let mut last = 0;
        self.beginnings.find_iter(text).filter_map(move |found| {
            // A secret may repeat its own beginning.
            if found.start() < last {
                return None;
            }
            let behind = &text[found.end()..];
            let rests = &self.rests[found.pattern().as_usize()];
            let more = rests.iter().map(|rest| common(rest, behind)).max();
            last = found.end() + more.unwrap_or(0);
            Some(found.start()..last)
        })
    }
}

/// Bytes at the beginning of both texts that are the same, in whole characters.
fn common(left: &str, right: &str) -> usize {
    let pairs = left.chars().zip(right.chars());
    let same = pairs.take_while(|(left, right)| left == right);
    same.map(|(character, _)| character.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_secrets_are_found_whole_and_cut() {
        let long = |end: &str| format!("{}{end}", "ü".repeat(100));
        let known = Known::new([long("a1"), long("b2"), "short-1".to_owned()]).unwrap();
        for (text, expected) in [
            (format!("x {} y", long("b2")), long("b2")),
            (format!("x {}", "ü".repeat(40)), "ü".repeat(40)),
            ("a short-1 b".to_owned(), "short-1".to_owned()),
        ] {
            let places: Vec<&str> = known.places(&text).map(|place| &text[place]).collect();
            assert_eq!(places, [expected]);
        }
        assert_eq!(known.places("nothing of it").count(), 0);
    }

    #[test]
    fn of_no_secret_nothing_is_known() {
        assert!(Known::new([String::new()]).is_none());
    }
}
