//! Compatibility dates: which behaviour of the runtime a worker gets.

/// The date whose runtime behaviour workers get that name none (Workers compatibility dates).
pub const COMPATIBILITY_DATE: &str = "2026-11-01";

/// The newest date that the pinned runtime knows: its release and seven days.
pub const NEWEST_COMPATIBILITY_DATE: &str = "2026-11-24";

/// Why a text is no compatibility date of the runtime here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DateError {
    /// It is not a date.
    #[error("`{0}` is not a compatibility date, such as `{COMPATIBILITY_DATE}`")]
    Form(String),
    /// The runtime does not know it yet.
    #[error(
        "the compatibility date {0} is newer than the runtime here; the newest that it knows is {NEWEST_COMPATIBILITY_DATE}"
    )]
    Newer(String),
}

/// Lets pass a date that the pinned runtime knows.
///
/// # Errors
/// Where it is none, or a later one.
pub fn check(date: &str) -> Result<(), DateError> {
    let parts: Vec<&str> = date.split('-').collect();
    let lengths = parts.iter().map(|part| part.len());
    let is_number = |part: &&str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = lengths.eq([4, 2, 2]) && parts.iter().all(is_number);
    let in_range = |part: Option<&&str>, most| {
        part.and_then(|part| part.parse::<u8>().ok())
            .is_some_and(|number| (1..=most).contains(&number))
    };
    if !is_date || !in_range(parts.get(1), 12) || !in_range(parts.get(2), 31) {
        return Err(DateError::Form(date.to_owned()));
    }
    // Dates of this form sort as texts.
    match date > NEWEST_COMPATIBILITY_DATE {
        true => Err(DateError::Newer(date.to_owned())),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2021-11-02", true)]
    #[case(NEWEST_COMPATIBILITY_DATE, true)]
    #[case("2026-13-01", false)]
    #[case("2026-1-1", false)]
    #[case("yesterday", false)]
    #[case("9999-01-01", false)]
    fn a_date_is_one_that_the_runtime_knows(#[case] date: &str, #[case] expected: bool) {
        assert_eq!(check(date).is_ok(), expected);
    }
}
