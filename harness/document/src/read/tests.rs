use std::collections::BTreeMap;

use rstest::rstest;
use serde::Deserialize;

use super::read;
use crate::yaml;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Example {
    name: String,
    counts: Vec<u8>,
    mode: Mode,
    nested: BTreeMap<String, Inner>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inner {
    size: u8,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Open,
    Closed,
}

fn mistakes(text: &str) -> Vec<(String, String)> {
    let node = yaml::parse(0, text).unwrap();
    read::<Example>(&node)
        .unwrap_err()
        .into_iter()
        .map(|problem| {
            let start = problem.at.start;
            let place: String = text[start..].chars().take(6).collect();
            (place, problem.message)
        })
        .collect()
}

#[test]
fn a_file_that_fits_is_read() {
    let node = yaml::parse(
        0,
        "name: a\ncounts: [1, 2]\nmode: closed\nnested: {x: {size: 3}}\n",
    );
    assert_eq!(
        read::<Example>(&node.unwrap()).unwrap(),
        Example {
            name: "a".to_owned(),
            counts: vec![1, 2],
            mode: Mode::Closed,
            nested: BTreeMap::from([("x".to_owned(), Inner { size: 3 })]),
        }
    );
}

#[test]
fn a_number_that_cannot_be_zero_is_named_in_words() {
    let found = read::<std::num::NonZeroU32>(&yaml::parse(0, "0").unwrap()).unwrap_err();
    assert_eq!(
        found[0].message,
        "expected a whole number, one or more, found the number `0`"
    );
}

#[test]
fn every_mistake_is_found_with_its_place_and_in_order() {
    let text = "nane: a\ncounts: [1, x, 300]\nmode: shut\nnested:\n  a: {size: y}\n  b: {}\n  c: {size: 1, size: 2}\n";
    let found = mistakes(text);
    let expected = [
        ("nane: ", "unknown key `nane`"),
        (
            "x, 300",
            "expected a whole number, zero or more, found the text `x`",
        ),
        (
            "300]\nm",
            "expected a whole number, zero or more, found the number `300`",
        ),
        ("shut\nn", "`shut` is not a mode; use `open` or `closed`"),
        (
            "y}\n  b",
            "expected a whole number, zero or more, found the text `y`",
        ),
        ("{}\n  c", "`size` is missing"),
        ("size: ", "`size` is given twice"),
    ];
    let expected: Vec<(String, String)> = expected
        .iter()
        .map(|(place, message)| ((*place).to_owned(), (*message).to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[rstest]
#[case("0049123")]
#[case("1.10")]
#[case("0x1F")]
#[case("~")]
#[case("true")]
fn a_text_is_what_stands_in_the_file(#[case] word: &str) {
    let node = yaml::parse(0, &format!("name: {word}\n")).unwrap();
    assert_eq!(read::<Example>(&node).unwrap().name, word);
}

#[rstest]
#[case("1_000", Ok("1000"))]
#[case("'1000'", Ok("1000"))]
#[case("1000", Ok("1000"))]
fn a_number_that_is_wanted_may_be_written_in_any_way(
    #[case] word: &str,
    #[case] expected: Result<&str, &str>,
) {
    let node = yaml::parse(0, word).unwrap();
    let number = read::<u32>(&node).map(|number| number.to_string());
    assert_eq!(number.as_deref().map_err(|_| ""), expected);
}

/// JSON, which takes whatever stands there.
#[derive(Debug, PartialEq)]
struct Anything(String);

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Shown;
        impl serde::de::Visitor<'_> for Shown {
            type Value = Anything;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Anything, E> {
                Ok(Anything(number.to_string()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Anything, E> {
                Ok(Anything(number.to_string()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Anything, E> {
                Ok(Anything(format!("text {text}")))
            }
        }
        deserializer.deserialize_any(Shown)
    }
}

#[rstest]
#[case("1", Ok("1"))]
#[case("1.5", Ok("1.5"))]
#[case("1.0", Ok("1"))]
#[case("'0049'", Ok("text 0049"))]
#[case("no", Ok("text no"))]
#[case("0049123", Err("`0049123` would become the number `49123`"))]
#[case("+49", Err("`+49` would become the number `49`"))]
#[case("1e10", Err("`1e10` would become the number `10000000000`"))]
#[case("1.10", Err("`1.10` would become the number `1.1`"))]
#[case("0x1F", Err("`0x1F` would become the number `31`"))]
#[case("1_000", Err("`1_000` would become the number `1000`"))]
#[case(".inf", Err("`.inf` would become the number `inf`"))]
fn a_number_is_never_rewritten(#[case] word: &str, #[case] expected: Result<&str, &str>) {
    let read = read::<Anything>(&yaml::parse(0, word).unwrap());
    let read = read.map_err(|problems| problems[0].message.clone());
    let read = read.as_ref().map(|read| read.0.as_str());
    assert_eq!(read.map_err(String::as_str), expected);
}

#[rstest]
#[case("name: [5]\n", "expected a text, found a list")]
#[case("name:\n", "expected a text, found nothing")]
#[case("counts: 5\n", "expected a list, found the number `5`")]
#[case("nested: [1]\n", "expected a mapping, found a list")]
#[case("- 1\n", "expected a mapping, found a list")]
fn a_wrong_type_says_what_was_expected_and_what_was_found(
    #[case] text: &str,
    #[case] message: &str,
) {
    assert_eq!(mistakes(text)[0].1, message);
}
