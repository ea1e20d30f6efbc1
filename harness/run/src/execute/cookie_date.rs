//! When a cookie ends, in the spellings that browsers understand (RFC 6265 §5.1.1).

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The same time in the spelling of HTTP, without the day of the week; nothing where browsers see no time in it. What is
/// said of a zone does not count: it is always GMT.
pub(super) fn canonical(written: &str) -> Option<String> {
    let (mut time, mut day, mut month, mut year) = (None, None, None, None);
    for token in written
        .split(is_delimiter)
        .filter(|token| !token.is_empty())
    {
        if time.is_none()
            && let Some(found) = time_of_day(token)
        {
            time = Some(found);
        } else if day.is_none()
            && let Some(found) = number(token, 1..=2)
        {
            day = Some(found);
        } else if month.is_none()
            && let Some(found) = month_of_year(token)
        {
            month = Some(found);
        } else if year.is_none()
            && let Some(found) = number(token, 2..=4)
        {
            year = Some(found);
        }
    }
    let ([hour, minute, second], day, month) = (time?, day?, month?);
    let year = match year? {
        year @ 70..=99 => 1900 + year,
        year @ 0..=69 => 2000 + year,
        year => year,
    };
    let exists = (1..=days(year, month)).contains(&day);
    (exists && year >= 1601 && hour <= 23 && minute <= 59 && second <= 59).then(|| {
        let month = MONTHS[month];
        format!("{day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
    })
}

fn is_delimiter(c: char) -> bool {
    matches!(c, '\t' | ' '..='/' | ';'..='@' | '['..='`' | '{'..='~')
}

/// The number that a token begins with, if it has so many digits.
fn number(token: &str, digits: std::ops::RangeInclusive<usize>) -> Option<u32> {
    let end = token.find(|c: char| !c.is_ascii_digit());
    let written = &token[..end.unwrap_or(token.len())];
    digits
        .contains(&written.len())
        .then(|| written.parse().ok())?
}

fn time_of_day(token: &str) -> Option<[u32; 3]> {
    let mut parts = token.splitn(3, ':');
    let mut whole = || {
        let part = parts.next()?;
        part.bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| number(part, 1..=2))?
    };
    let (hour, minute) = (whole()?, whole()?);
    Some([hour, minute, number(parts.next()?, 1..=2)?])
}

/// Counted from 0.
fn month_of_year(token: &str) -> Option<usize> {
    let start = token.get(..3)?;
    MONTHS
        .iter()
        .position(|month| start.eq_ignore_ascii_case(month))
}

fn days(year: u32, month: usize) -> u32 {
    let leaps = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 if leaps => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Sun, 06 Nov 1994 08:49:37 GMT", Some("06 Nov 1994 08:49:37 GMT"))]
    #[case("Sat, 1 January 2000 1:2:3", Some("01 Jan 2000 01:02:03 GMT"))]
    #[case("Sat, 01 Jan 2000 00:00:00 +0500", Some("01 Jan 2000 00:00:00 GMT"))]
    #[case("Sunday, 06-Nov-94 08:49:37 GMT", Some("06 Nov 1994 08:49:37 GMT"))]
    #[case("Sun Nov  6 08:49:37 2069", Some("06 Nov 2069 08:49:37 GMT"))]
    #[case("08:49:37x 29feb 2096th november", Some("29 Nov 2096 08:49:37 GMT"))]
    #[case("08:49:37x 29 feb 2096th", Some("29 Feb 2096 08:49:37 GMT"))]
    #[case("1 Jan 69 0:0:0", Some("01 Jan 2069 00:00:00 GMT"))]
    #[case::no_such_day("30 Feb 2000 00:00:00", None)]
    #[case::no_such_hour("1 Jan 2000 24:00:00", None)]
    #[case::before_the_calendar("1 Jan 1600 00:00:00", None)]
    #[case::no_time("1 Jan 2000", None)]
    #[case("tomorrow", None)]
    fn a_time_is_read_as_leniently_as_browsers_do(
        #[case] written: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(canonical(written).as_deref(), expected);
    }

    proptest! {
        #[test]
        fn whatever_is_written_is_read_without_a_panic(written in "\\PC{0,40}") {
            if let Some(once) = canonical(&written) {
                prop_assert_eq!(canonical(&once), Some(once.clone()));
            }
        }
    }
}
