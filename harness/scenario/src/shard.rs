//! A part of all cases, the same on every machine.

use std::str::FromStr;

/// The Kth of N parts. A case is in the part that the hash of its name says, so adding one moves no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u64,
    of: u64,
}

/// Why a part could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a shard, such as `1/3` to `3/3`")]
pub struct ShardError(String);

impl Shard {
    /// Whether the case with this name is in this part.
    pub fn includes(&self, name: &str) -> bool {
        let hash = blake3::hash(name.as_bytes());
        let start = hash.as_bytes().first_chunk::<8>();
        let number = start.map_or(0, |bytes| u64::from_le_bytes(*bytes));
        number % self.of == self.number - 1
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let wrong = || ShardError(text.to_owned());
        let (number, of) = text.split_once('/').ok_or_else(wrong)?;
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let of: u64 = of.parse().map_err(|_| wrong())?;
        if number == 0 || number > of {
            return Err(wrong());
        }
        Ok(Self { number, of })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_case_is_in_exactly_one_part() {
        let parts: Vec<Shard> = (1..=3)
            .map(|number| format!("{number}/3").parse().unwrap())
            .collect();
        let mut sizes = [0; 3];
        for index in 0..300 {
            let name = format!("flow::case_{index}");
            let of: Vec<usize> = (0..3).filter(|&part| parts[part].includes(&name)).collect();
            assert_eq!(of.len(), 1, "{name} is in {of:?}");
            sizes[of[0]] += 1;
        }
        assert!(sizes.iter().all(|&size| size > 60), "{sizes:?}");
    }

    #[rstest]
    #[case("0/3")]
    #[case("4/3")]
    #[case("1")]
    #[case("a/b")]
    fn anything_else_is_refused(#[case] text: &str) {
        assert_eq!(text.parse::<Shard>(), Err(ShardError(text.to_owned())));
    }
}
