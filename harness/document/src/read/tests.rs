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
#[case("name: 5\n", "expected a text, found the number `5`")]
#[case("counts: 5\n", "expected a list, found the number `5`")]
#[case("nested: [1]\n", "expected a mapping, found a list")]
#[case("- 1\n", "expected a mapping, found a list")]
fn a_wrong_type_says_what_was_expected_and_what_was_found(
    #[case] text: &str,
    #[case] message: &str,
) {
    assert_eq!(mistakes(text)[0].1, message);
}
