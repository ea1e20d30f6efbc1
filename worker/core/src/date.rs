//! Dates of RFC 3339. The libraries for them are larger than the rest of the worker's decisions, and one date is read.

/// The Unix time of a date in milliseconds, such as `2026-11-21T20:16:27.250+01:00`.
pub(crate) fn milliseconds(text: &str) -> Option<i64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let zone = time.find(['Z', 'z', '+', '-'])?;
    let (time, zone) = time.split_at(zone);
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    // 60 is a leap second.
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let minutes = (days(year, month, day) * 24 + hour) * 60 + minute - offset(zone)?;
    Some((minutes * 60 + second) * 1000 + thousandths(fraction)?)
}

/// Three numbers of exactly these many digits.
fn numbers(text: &str, separator: char, digits: [usize; 3]) -> Option<[i64; 3]> {
    let mut numbers = [0; 3];
    let mut parts = text.split(separator);
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// Minutes east of Greenwich.
fn offset(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, rest) = match zone.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        (_, rest) => (-1, rest),
    };
    let [hours, minutes, _] = numbers(&format!("{rest}:00"), ':', [2, 2, 2])?;
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn thousandths(fraction: &str) -> Option<i64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    fraction
        .chars()
        .chain("000".chars())
        .take(3)
        .collect::<String>()
        .parse()
        .ok()
}

/// Days since 1 January 1970 in the Gregorian calendar. Years are counted from March, so that the day a leap year adds is
/// the last of one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let month_of_year = (month + 9) % 12;
    let day_of_year = (153 * month_of_year + 2) / 5 + day - 1;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("1970-01-01T00:00:00Z", Some(0))]
    #[case("1969-12-31T23:59:59.999Z", Some(-1))]
    #[case("2000-02-29t12:00:00z", Some(951_825_600_000))]
    #[case("2026-11-18T11:06:40Z", Some(1_795_000_000_000))]
    #[case("2026-11-18 12:36:40.2509+01:30", Some(1_795_000_000_250))]
    #[case("2026-11-18T06:06:40-05:00", Some(1_795_000_000_000))]
    #[case("2026-13-18T11:06:40Z", None)]
    #[case("2026-11-18T24:06:40Z", None)]
    #[case("2026-11-18T11:06:40", None)]
    #[case("2026-11-18T11:06:40.Z", None)]
    #[case("2026-11-18T11:06:40+1:00", None)]
    #[case("2026-11-18", None)]
    #[case("26-11-18T11:06:40Z", None)]
    fn a_date_is_milliseconds_since_1970(#[case] text: &str, #[case] expected: Option<i64>) {
        assert_eq!(milliseconds(text), expected);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_fail(text in ".{0,40}") {
            let _ = milliseconds(&text);
        }

        #[test]
        fn days_follow_each_other(year in 1i64..4000) {
            prop_assert_eq!(days(year, 12, 31) + 1, days(year + 1, 1, 1));
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            prop_assert_eq!(days(year, 3, 1) - days(year, 2, 28), if is_leap { 2 } else { 1 });
        }
    }
}
