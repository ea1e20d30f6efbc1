//! Faults: what goes wrong on purpose, in one set of words wherever it does: `{ on, fault, first, after, percent, seed }`.
//!
//! What `on` and `fault` can be is the affair of the part that the fault happens in: requests on the
//! internet (`edgeproof_internet::Fault`), requests to Cloudflare's API (`edgeproof_cloudflare::plane::PlaneFault`), responses of
//! the Fingerprint platform (`edgeproof_fingerprint::PlatformFault`).

use std::sync::atomic::{AtomicU64, Ordering};

use schemars::JsonSchema;
use serde::Deserialize;

/// A fault, as a scenario writes it: `{ on: ingress, fault: refuse, first: 2 }`.
///
/// Each fault counts the requests that it is about, from the moment it was set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "{Kind}OfRequests")]
pub struct Fault<On, Kind> {
    /// Which requests.
    pub on: On,
    /// What happens to them.
    pub fault: Kind,
    /// Only the first N requests. Default: all of them.
    pub first: Option<u64>,
    /// This many requests pass before it begins.
    #[serde(default)]
    pub after: u64,
    /// Only this percentage of these requests, chosen at random. Default: all of them.
    pub percent: Option<Percent>,
    /// Where chance begins: the same seed chooses the same requests.
    #[serde(default)]
    pub seed: u64,
}

/// A share of requests: 1 to 99.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "u8")]
pub struct Percent(#[schemars(range(min = 1, max = 99))] u8);

/// Why a number is no share of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a percentage from 1 to 99")]
pub struct PercentError(u8);

impl TryFrom<u8> for Percent {
    type Error = PercentError;

    fn try_from(percent: u8) -> Result<Self, PercentError> {
        if (1..100).contains(&percent) {
            Ok(Self(percent))
        } else {
            Err(PercentError(percent))
        }
    }
}

impl<On, Kind> Fault<On, Kind> {
    /// What happens to every one of these requests.
    pub fn new(on: On, fault: Kind) -> Self {
        Self {
            on,
            fault,
            first: None,
            after: 0,
            percent: None,
            seed: 0,
        }
    }

    /// The same to the `n`-th of them only, counted from 1.
    #[must_use]
    pub fn nth(self, n: u64) -> Self {
        Self {
            first: Some(1),
            ..self.starting_at(n)
        }
    }

    /// The same from the `n`-th of them on, counted from 1.
    #[must_use]
    pub fn starting_at(self, n: u64) -> Self {
        Self {
            after: n.saturating_sub(1),
            ..self
        }
    }

    /// Whether the request of this number, counted from 0, meets it.
    fn meets(&self, number: u64) -> bool {
        let end = self
            .first
            .map_or(u64::MAX, |first| self.after.saturating_add(first));
        (self.after..end).contains(&number) && self.chosen(number)
    }

    /// Whether chance chooses the request of this number.
    fn chosen(&self, number: u64) -> bool {
        self.percent.is_none_or(|Percent(percent)| {
            // The golden ratio keeps neighbouring seeds and numbers from choosing alike.
            let seed = self
                .seed
                .wrapping_add(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            fastrand::Rng::with_seed(seed).u8(0..100) < percent
        })
    }
}

/// The faults that are set, with how many requests each has seen.
#[derive(Debug)]
pub struct Faults<On, Kind>(Vec<(Fault<On, Kind>, AtomicU64)>);

impl<On, Kind> Default for Faults<On, Kind> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<On, Kind: Clone> Faults<On, Kind> {
    /// These, none of which has met anything yet.
    pub fn new(faults: Vec<Fault<On, Kind>>) -> Self {
        let unseen = |fault| (fault, AtomicU64::new(0));
        Self(faults.into_iter().map(unseen).collect())
    }

    /// One more.
    pub fn push(&mut self, fault: Fault<On, Kind>) {
        self.0.push((fault, AtomicU64::new(0)));
    }

    /// What happens to a request, in the order in which it was set; `is_about` says which faults are about the request.
    pub fn meet(&self, is_about: impl Fn(&On) -> bool) -> Vec<Kind> {
        self.0
            .iter()
            .filter(|(fault, _)| is_about(&fault.on))
            .filter(|(fault, seen)| fault.meets(seen.fetch_add(1, Ordering::Relaxed)))
            .map(|(fault, _)| fault.fault.clone())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(yaml: &str) -> Result<Fault<String, String>, String> {
        serde_saphyr::from_str(yaml).map_err(|error| error.to_string())
    }

    /// Which of so many requests to `a` a fault meets.
    fn met(yaml: &str, requests: usize) -> Vec<bool> {
        let faults = Faults::new(vec![read(yaml).unwrap()]);
        (0..requests)
            .map(|_| {
                assert!(faults.meet(|on| on == "b").is_empty());
                !faults.meet(|on| on == "a").is_empty()
            })
            .collect()
    }

    #[rstest]
    #[case("{on: a, fault: x}", [true, true, true, true])]
    #[case("{on: a, fault: x, first: 2}", [true, true, false, false])]
    #[case("{on: a, fault: x, after: 3}", [false, false, false, true])]
    #[case("{on: a, fault: x, first: 2, after: 1}", [false, true, true, false])]
    fn a_fault_counts_its_own_requests_only(#[case] yaml: &str, #[case] expected: [bool; 4]) {
        assert_eq!(met(yaml, 4), expected);
    }

    #[test]
    fn the_nth_request_is_counted_from_one() {
        let fault = || Fault::new("a", 1);
        let met = |fault| {
            let mut faults = Faults::default();
            faults.push(fault);
            [(); 4].map(|()| faults.meet(|_| true).len())
        };
        assert_eq!(met(fault().nth(2)), [0, 1, 0, 0]);
        assert_eq!(met(fault().starting_at(3)), [0, 0, 1, 1]);
    }

    #[test]
    fn chance_chooses_a_share_of_the_requests_and_the_same_with_the_same_seed() {
        let met = |seed: u64| {
            met(
                &format!("{{on: a, fault: x, percent: 30, seed: {seed}}}"),
                1000,
            )
        };
        assert_eq!(met(1), met(1));
        assert_ne!(met(1), met(2));
        for seed in 0..5 {
            let share = met(seed).iter().filter(|met| **met).count();
            assert!((250..350).contains(&share), "{share} of 1000");
        }
    }

    #[rstest]
    #[case("{on: a, fault: x, times: 2}", "unknown field `times`")]
    #[case("{on: a, first: 2}", "missing field `fault`")]
    #[case("{fault: x}", "missing field `on`")]
    #[case("{on: a, fault: x, percent: 0}", "0 is not a percentage from 1 to 99")]
    #[case(
        "{on: a, fault: x, percent: 100}",
        "100 is not a percentage from 1 to 99"
    )]
    fn a_misspelt_fault_is_refused(#[case] yaml: &str, #[case] message: &str) {
        let error = read(yaml).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
}
