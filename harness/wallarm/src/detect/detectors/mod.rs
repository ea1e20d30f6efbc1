//! The detectors: a [table](table) of signatures, and a file for each kind that needs more than that.
//!
//! A detector has *triggers*, words one of which stands in every such attack; only a value that contains one is looked
//! at closely. Then *signatures*, regular expressions over the folded value, and for some kinds an *engine*, a function
//! for what regular expressions cannot say. All of them run in linear time; the expressions know ASCII only, which makes
//! them several times as fast, but where a group says `(?u:…)`.

mod rce;
mod sqli;
mod table;
mod xss;

use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use regex::bytes::{Regex, RegexBuilder};

use super::{attack::AttackType, point::Point, value::Value};

/// How one kind of attack is recognised.
struct Detector {
    attack: AttackType,
    /// In lower case; a value with none of them is not looked at.
    triggers: &'static [&'static str],
    /// What is looked for, by the name of the sign.
    signatures: &'static [(&'static str, &'static str)],
    /// What regular expressions cannot say.
    engine: Option<fn(&Value) -> Option<Sign>>,
    /// Which places are looked at.
    applies: fn(&Point) -> bool,
}

/// What gave an attack away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sign {
    /// The name of the sign.
    pub(super) name: &'static str,
    /// The part of the value that shows it.
    pub(super) payload: String,
}

/// A detector with its signatures, which are compiled when its first trigger is seen.
struct Compiled {
    detector: &'static Detector,
    signatures: OnceLock<Vec<(&'static str, Regex)>>,
}

/// In the order in which kinds are reported.
static DETECTORS: LazyLock<Vec<Compiled>> = LazyLock::new(|| {
    let own = [&sqli::DETECTOR, &xss::DETECTOR, &rce::DETECTOR];
    let all = own.into_iter().chain(&table::TABLE);
    let compiled = |detector| Compiled {
        detector,
        signatures: OnceLock::new(),
    };
    all.map(compiled).collect()
});

fn everywhere(_: &Point) -> bool {
    true
}

/// All triggers in one automaton, and whose each is.
struct Prefilter {
    words: AhoCorasick,
    owners: Vec<usize>,
}

static PREFILTER: LazyLock<Option<Prefilter>> = LazyLock::new(|| {
    let triggers = || {
        let detectors = DETECTORS.iter().enumerate();
        detectors.flat_map(|(owner, compiled)| {
            let triggers = compiled.detector.triggers.iter();
            triggers.map(move |trigger| (owner, *trigger))
        })
    };
    let words = AhoCorasickBuilder::new()
        .build(triggers().map(|(_, trigger)| trigger))
        .ok()?;
    Some(Prefilter {
        words,
        owners: triggers().map(|(owner, _)| owner).collect(),
    })
});

/// The attacks in a value, at most one of each kind.
pub(super) fn attacks(value: &Value, point: &Point) -> Vec<(AttackType, Sign)> {
    let Some(prefilter) = PREFILTER.as_ref() else {
        return Vec::new();
    };
    let mut triggered = vec![false; DETECTORS.len()];
    for found in prefilter.words.find_overlapping_iter(&value.folded) {
        triggered[prefilter.owners[found.pattern().as_usize()]] = true;
    }
    let mut found = Vec::new();
    for (compiled, triggered) in DETECTORS.iter().zip(triggered) {
        if triggered
            && (compiled.detector.applies)(point)
            && let Some(sign) = compiled.judge(value)
        {
            found.push((compiled.detector.attack, sign));
        }
    }
    found
}

impl Compiled {
    fn judge(&self, value: &Value) -> Option<Sign> {
        let Detector {
            signatures, engine, ..
        } = self.detector;
        let signatures = self.signatures.get_or_init(|| compile(signatures));
        first(signatures, &value.folded).or_else(|| engine.and_then(|engine| engine(value)))
    }
}

/// The first signature that the text shows.
fn first(signatures: &[(&'static str, Regex)], text: &str) -> Option<Sign> {
    signatures.iter().find_map(|(name, signature)| {
        let found = signature.find(text.as_bytes())?;
        Some(Sign {
            name,
            payload: excerpt(text, found.start(), found.end()),
        })
    })
}

/// A test holds every pattern to be well-formed, so none is left out here.
fn compile(signatures: &[(&'static str, &'static str)]) -> Vec<(&'static str, Regex)> {
    let compiled = signatures
        .iter()
        .map(|(name, pattern)| Some((*name, expression(pattern).ok()?)));
    compiled.flatten().collect()
}

fn expression(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).unicode(false).build()
}

/// Characters of context that a payload keeps on either side.
const CONTEXT: usize = 16;
/// Bytes that a payload has at most.
const LONGEST: usize = 256;

/// The sign with a little of what stands around it.
fn excerpt(text: &str, start: usize, end: usize) -> String {
    let start = text.floor_char_boundary(start.saturating_sub(CONTEXT));
    let end = end
        .saturating_add(CONTEXT)
        .min(start + LONGEST)
        .min(text.len());
    text[start..text.floor_char_boundary(end)].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signature_is_a_regular_expression_for_folded_text() {
        for Compiled { detector, .. } in &*DETECTORS {
            let attack = detector.attack;
            for (name, pattern) in detector.signatures {
                assert!(
                    expression(pattern).is_ok(),
                    "{attack}: {name}: {:?}",
                    expression(pattern)
                );
            }
            for trigger in detector.triggers {
                assert_eq!(*trigger, trigger.to_lowercase(), "{attack}");
            }
        }
    }
}
