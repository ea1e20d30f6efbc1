//! A part of all cases, the same on every machine.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// The Kth of N parts. A case is in the part that the hash of its name says, so adding one moves no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    number: u64,
    of: u64,
}

/// Why a part could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    /// The text is no part.
    #[error("`{0}` is not a shard, such as `1/3` to `3/3`, or `auto`")]
    Text(String),
    /// A variable of the CI system is no part together with its other one.
    #[error(
        "the variables {index}={number} and {total}={of} of {system} are no shard; give --shard K/N"
    )]
    Variables {
        /// The system that sets the variables.
        system: &'static str,
        /// The variable with the number.
        index: &'static str,
        /// Its value.
        number: String,
        /// The variable with how many there are.
        total: &'static str,
        /// Its value; empty where it is not set.
        of: String,
    },
}

/// How a CI system tells a machine which of several it is.
struct CiSystem {
    name: &'static str,
    index: &'static str,
    total: &'static str,
    /// The number of the first machine.
    first: u64,
}

/// The variables, as each system documents them. Kubernetes does not tell how many there are: the Job has to.
const SYSTEMS: [CiSystem; 4] = [
    CiSystem {
        name: "GitLab",
        index: "CI_NODE_INDEX",
        total: "CI_NODE_TOTAL",
        first: 1,
    },
    CiSystem {
        name: "CircleCI",
        index: "CIRCLE_NODE_INDEX",
        total: "CIRCLE_NODE_TOTAL",
        first: 0,
    },
    CiSystem {
        name: "Buildkite",
        index: "BUILDKITE_PARALLEL_JOB",
        total: "BUILDKITE_PARALLEL_JOB_COUNT",
        first: 0,
    },
    CiSystem {
        name: "Kubernetes",
        index: "JOB_COMPLETION_INDEX",
        total: "EDGEPROOF_SHARDS",
        first: 0,
    },
];

impl Shard {
    fn new(number: u64, of: u64) -> Option<Self> {
        (1..=of).contains(&number).then_some(Self { number, of })
    }

    /// The part that the CI system around this process says it is: GitLab, CircleCI, Buildkite, or an Indexed Job of
    /// Kubernetes (which has to set `EDGEPROOF_SHARDS` to its `completions`). None where none of them says anything.
    ///
    /// # Errors
    /// When the variables of a system are no part.
    pub fn of_environment(
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, ShardError> {
        let Some((system, number)) = SYSTEMS
            .iter()
            .find_map(|system| Some((system, variable(system.index)?)))
        else {
            return Ok(None);
        };
        let of = variable(system.total).unwrap_or_default();
        let read = || {
            let number = number.parse::<u64>().ok()?.checked_sub(system.first)?;
            Self::new(number.checked_add(1)?, of.parse().ok()?)
        };
        read().map(Some).ok_or_else(|| ShardError::Variables {
            system: system.name,
            index: system.index,
            number: number.clone(),
            total: system.total,
            of: of.clone(),
        })
    }

    /// Every part beside this one, and this one.
    pub fn all(self) -> impl Iterator<Item = Self> {
        (1..=self.of).map(move |number| Self {
            number,
            of: self.of,
        })
    }

    /// Whether the case with this name is in this part.
    pub fn includes(self, name: &str) -> bool {
        let hash = blake3::hash(name.as_bytes());
        let start = hash.as_bytes().first_chunk::<8>();
        let number = start.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        number % self.of == self.number - 1
    }

    /// The names in this part when all parts shall take as long: the longest first, each to the part that has least
    /// to do. A case of unknown time counts as the mean of the others. Every machine must be given the same names and
    /// times.
    pub fn balanced<'a>(
        self,
        names: impl IntoIterator<Item = &'a str>,
        took: &BTreeMap<String, u64>,
    ) -> BTreeSet<&'a str> {
        let sum: u64 = took.values().sum();
        let mean = sum.checked_div(took.len() as u64).unwrap_or(1);
        let names: BTreeSet<&str> = names.into_iter().collect();
        let time = |name: &str| took.get(name).copied().unwrap_or(mean).max(1);
        let mut longest_first: Vec<(Reverse<u64>, &str)> = names
            .into_iter()
            .map(|name| (Reverse(time(name)), name))
            .collect();
        longest_first.sort_unstable();
        let mut loads: BTreeSet<(u64, u64)> = self.all().map(|part| (0, part.number)).collect();
        let mut mine = BTreeSet::new();
        for (Reverse(time), name) in longest_first {
            let Some((load, number)) = loads.pop_first() else {
                break;
            };
            loads.insert((load + time, number));
            if number == self.number {
                mine.insert(name);
            }
        }
        mine
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let read = || {
            let (number, of) = text.split_once('/')?;
            Self::new(number.parse().ok()?, of.parse().ok()?)
        };
        read().ok_or_else(|| ShardError::Text(text.to_owned()))
    }
}

impl TryFrom<String> for Shard {
    type Error = ShardError;

    fn try_from(text: String) -> Result<Self, ShardError> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count)
            .map(|index| format!("flow::case_{index}"))
            .collect()
    }

    fn parts(of: u64) -> Vec<Shard> {
        Shard::new(1, of).unwrap().all().collect()
    }

    #[test]
    fn every_case_is_in_exactly_one_part_of_up_to_sixteen() {
        let names = names(300);
        let took: BTreeMap<String, u64> = names.iter().cloned().zip((1..).step_by(7)).collect();
        for of in 1..=16 {
            let parts = parts(of);
            let balanced: Vec<BTreeSet<&str>> = parts
                .iter()
                .map(|part| part.balanced(names.iter().map(String::as_str), &took))
                .collect();
            for name in &names {
                let by_hash = parts.iter().filter(|part| part.includes(name)).count();
                let by_time = balanced
                    .iter()
                    .filter(|part| part.contains(name.as_str()))
                    .count();
                assert_eq!((by_hash, by_time), (1, 1), "{name} of {of}");
            }
        }
    }

    #[test]
    fn parts_by_time_take_as_long_as_each_other() {
        let names = names(660);
        // A few browsers among many requests, and every tenth case is new.
        let time = |index: usize| {
            if index.is_multiple_of(9) {
                900
            } else {
                20 + index as u64 % 50
            }
        };
        let took: BTreeMap<String, u64> = names
            .iter()
            .enumerate()
            .filter(|(index, _)| !index.is_multiple_of(10))
            .map(|(index, name)| (name.clone(), time(index)))
            .collect();
        let loads: Vec<u64> = parts(8)
            .iter()
            .map(|part| {
                let mine = part.balanced(names.iter().map(String::as_str), &took);
                mine.iter().filter_map(|name| took.get(*name)).sum()
            })
            .collect();
        let mean = loads.iter().sum::<u64>() / 8;
        let slowest = loads.iter().max().unwrap();
        assert!(*slowest * 10 <= mean * 11, "{loads:?}");
    }

    #[rstest]
    #[case("0/3")]
    #[case("4/3")]
    #[case("1")]
    #[case("a/b")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert_eq!(
            text.parse::<Shard>(),
            Err(ShardError::Text(text.to_owned()))
        );
    }

    #[rstest]
    #[case::gitlab(&[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "3")], Some("1/3"))]
    #[case::gitlab_without_parallel(&[("CI_NODE_TOTAL", "1")], None)]
    #[case::circleci(&[("CIRCLE_NODE_INDEX", "0"), ("CIRCLE_NODE_TOTAL", "3")], Some("1/3"))]
    #[case::buildkite(
        &[("BUILDKITE_PARALLEL_JOB", "2"), ("BUILDKITE_PARALLEL_JOB_COUNT", "3")],
        Some("3/3")
    )]
    #[case::kubernetes(&[("JOB_COMPLETION_INDEX", "2"), ("EDGEPROOF_SHARDS", "4")], Some("3/4"))]
    #[case::nowhere(&[("CI", "true")], None)]
    fn the_surroundings_say_which_part_this_is(
        #[case] variables: &[(&str, &str)],
        #[case] expected: Option<&str>,
    ) {
        let variable = |name: &str| {
            let found = variables.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        let shard = Shard::of_environment(variable).unwrap();
        assert_eq!(shard.map(|shard| shard.to_string()).as_deref(), expected);
    }

    #[test]
    fn variables_that_are_no_part_are_named() {
        let variable = |name: &str| (name == "JOB_COMPLETION_INDEX").then(|| "2".to_owned());
        let error = Shard::of_environment(variable).unwrap_err().to_string();
        assert!(error.contains("EDGEPROOF_SHARDS"), "{error}");
    }
}
