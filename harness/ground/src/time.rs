//! A stretch of time as people write it: `3s`, `250ms`, `1m 30s`.

use std::{fmt, str::FromStr, time::Duration};

use schemars::JsonSchema;
use serde::Deserialize;

/// A time limit or a wait. Zero or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct Time(pub Duration);

/// Why a stretch of time could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a duration, such as `3s`, `250ms` or `1m 30s`")]
pub struct TimeError(String);

impl FromStr for Time {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        text.parse::<jiff::SignedDuration>()
            .ok()
            .and_then(|duration| Duration::try_from(duration).ok())
            .map(Self)
            .ok_or_else(|| TimeError(text.to_owned()))
    }
}

impl TryFrom<String> for Time {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(self.0).fmt(f)
    }
}

/// A duration with the precision a person reads: `3s`, `1.2s`, `34ms`.
pub fn shown(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    if milliseconds < 1000 {
        return format!("{milliseconds}ms");
    }
    let text = format!("{:.1}", duration.as_secs_f64());
    format!("{}s", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("3s", Some(3000))]
    #[case("250ms", Some(250))]
    #[case("1m 30s", Some(90_000))]
    #[case("-3s", None)]
    #[case("3", None)]
    #[case("soon", None)]
    fn a_time_has_a_unit_and_is_not_negative(#[case] text: &str, #[case] expected: Option<u64>) {
        assert_eq!(
            text.parse::<Time>().ok(),
            expected.map(|milliseconds| Time(Duration::from_millis(milliseconds)))
        );
    }

    #[rstest]
    #[case(34, "34ms")]
    #[case(3000, "3s")]
    #[case(1240, "1.2s")]
    fn a_time_is_shown_shortly(#[case] milliseconds: u64, #[case] text: &str) {
        assert_eq!(shown(Duration::from_millis(milliseconds)), text);
    }
}
