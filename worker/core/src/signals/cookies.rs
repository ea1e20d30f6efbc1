//! Signals of a navigation. It has no headers a page could set, so the instrumentor spreads them over cookies that live for
//! seconds: `fp-data-0=<count>.<text>`, `fp-data-1=<text>`, …

use crate::headers::{HeaderEdit, Headers};

/// What the name of every such cookie begins with.
const PREFIX: &str = "fp-data-";

/// More are none of ours: this many fill half of what a request's headers may take.
const MAX_PARTS: usize = 16;

/// The signals in a `Cookie` header; none where a part is missing.
pub fn from_cookies(header: &str) -> Option<String> {
    let (count, first) = part(header, 0)?.split_once('.')?;
    let count = count
        .parse()
        .ok()
        .filter(|count| (1..=MAX_PARTS).contains(count))?;
    let rest: Option<String> = (1..count).map(|index| part(header, index)).collect();
    let data = first.to_owned() + &rest?;
    (!data.is_empty()).then_some(data)
}

/// What takes them out of a request, if there are any: they are not for the origin.
pub fn strip(headers: &Headers) -> Option<HeaderEdit> {
    let header = headers.get("cookie")?;
    let kept: Vec<&str> = pairs(header)
        .filter(|pair| !pair.starts_with(PREFIX))
        .collect();
    if kept.is_empty() {
        return Some(HeaderEdit::remove("cookie"));
    }
    (kept.len() < pairs(header).count()).then(|| HeaderEdit::set("cookie", kept.join("; ")))
}

fn part(header: &str, index: usize) -> Option<&str> {
    let name = format!("{PREFIX}{index}");
    pairs(header).find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        (found == name).then_some(value)
    })
}

fn pairs(header: &str) -> impl Iterator<Item = &str> {
    header.split(';').map(str::trim)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::one("fp-data-0=1.Aabc", Some("Aabc"))]
    #[case::several_in_any_order(
        "a=b; fp-data-1=de; fp-data-0=3.Aabc; fp-data-2=f",
        Some("Aabcdef")
    )]
    #[case::of_the_longest_path_which_comes_first("fp-data-0=1.new; fp-data-0=1.old", Some("new"))]
    #[case::an_older_longer_one_left_over("fp-data-0=1.new; fp-data-1=old", Some("new"))]
    #[case::a_part_missing("fp-data-0=2.Aabc", None)]
    #[case::no_count("fp-data-0=Aabc", None)]
    #[case::a_count_of_nothing("fp-data-0=0.Aabc", None)]
    #[case::too_many("fp-data-0=17.Aabc", None)]
    #[case::a_count_that_is_no_number("fp-data-0=-1.Aabc", None)]
    #[case::no_text("fp-data-0=1.", None)]
    #[case::others_only("session=1; _iidt=x", None)]
    #[case::none_at_all("", None)]
    fn signals_are_put_together_from_their_cookies(
        #[case] header: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(from_cookies(header).as_deref(), expected);
    }

    #[rstest]
    #[case(
        "cookie: a=b; fp-data-0=1.A; c=d",
        Some(HeaderEdit::set("cookie", "a=b; c=d"))
    )]
    #[case("cookie: fp-data-0=1.A", Some(HeaderEdit::remove("cookie")))]
    #[case(
        "cookie: fp-data-7=left-over; a=b",
        Some(HeaderEdit::set("cookie", "a=b"))
    )]
    #[case("cookie: a=b; c=fp-data-0", None)]
    #[case("", None)]
    fn the_origin_gets_the_other_cookies(
        #[case] headers: &str,
        #[case] expected: Option<HeaderEdit>,
    ) {
        assert_eq!(strip(&Headers::from_lines(headers)), expected);
    }
}
