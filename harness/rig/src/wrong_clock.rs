//! A visitor's clock that is wrong.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

/// How far a visitor's clock is from the right time: `+3h` is ahead of it, `-2d` behind.
///
/// It is what pages and the visitor's signals have, and nothing else: certificates are checked, and cookies end, by the
/// machine's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct WrongClock {
    /// Milliseconds that it is ahead; negative where it is behind.
    pub ahead: i64,
}

/// Why a clock could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a clock error, such as `+3h` for ahead or `-2d` for behind")]
pub struct WrongClockError(String);

/// A hundred years: what is more is no clock.
const MOST: i64 = 100 * 366 * 24 * 60 * 60 * 1000;

impl FromStr for WrongClock {
    type Err = WrongClockError;

    fn from_str(text: &str) -> Result<Self, WrongClockError> {
        let read = || {
            let (sign, span) = match text.split_at_checked(1)? {
                ("+", span) => (1, span),
                ("-", span) => (-1, span),
                _ => return None,
            };
            let span: jiff::Span = span.trim().parse().ok()?;
            let span = span
                .to_duration(jiff::SpanRelativeTo::days_are_24_hours())
                .ok()?;
            let millis = i64::try_from(span.as_millis()).ok()?;
            (0..=MOST).contains(&millis).then_some(sign * millis)
        };
        read()
            .map(|ahead| Self { ahead })
            .ok_or_else(|| WrongClockError(text.to_owned()))
    }
}

impl TryFrom<String> for WrongClock {
    type Error = WrongClockError;

    fn try_from(text: String) -> Result<Self, WrongClockError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+3h", Some(10_800_000))]
    #[case("-2d", Some(-172_800_000))]
    #[case("+1m 30s", Some(90_000))]
    #[case("-250ms", Some(-250))]
    #[case("3h", None)]
    #[case("", None)]
    #[case("+", None)]
    #[case("--3h", None)]
    #[case("+-3h", None)]
    #[case("+1000y", None)]
    #[case("ahead", None)]
    fn a_wrong_clock_is_ahead_or_behind(#[case] text: &str, #[case] ahead: Option<i64>) {
        let read = text.parse::<WrongClock>();
        assert_eq!(read.ok().map(|clock| clock.ahead), ahead);
    }
}
