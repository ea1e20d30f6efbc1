use std::collections::BTreeMap;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::{reading::read, table::families};

fn call(method: &str, path: &str) -> Call {
    Call {
        method: method.parse().unwrap(),
        host: "shop.example".to_owned(),
        path: path.to_owned(),
    }
}

fn around() -> Surroundings {
    Surroundings {
        routes: vec!["/fp/".to_owned(), "/static/".to_owned()],
        hosts: vec!["www.shop.example".to_owned()],
        page: Some("/signup".to_owned()),
        has_connector: true,
        origin_secret: Some("x-from-the-worker".to_owned()),
    }
}

fn shapes(method: &str, path: &str) -> Vec<Shape> {
    expand(
        families(),
        &call(method, path),
        &Content::default(),
        &around(),
    )
    .unwrap()
}

fn any_call() -> impl Strategy<Value = (&'static str, String)> {
    (
        prop::sample::select(vec!["GET", "POST", "PUT", "PATCH", "DELETE"]),
        "(/[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,5})?){1,4}",
    )
}

#[rstest]
#[case("POST", "/api/create-account")]
#[case("GET", "/list")]
#[case("DELETE", "/v1/a/b")]
fn a_call_has_at_least_500_shapes(#[case] method: &str, #[case] path: &str) {
    let mut families: BTreeMap<&str, usize> = BTreeMap::new();
    for shape in shapes(method, path) {
        *families.entry(shape.id.family).or_default() += 1;
    }
    let count: usize = families.values().sum();
    assert!(count >= 500, "{count}: {families:?}");
}

#[test]
fn the_shapes_that_were_measured_are_all_there() {
    let measured: serde_json::Value = serde_json::from_str(MEASURED).unwrap();
    let shapes = shapes("POST", "/api/create-account");
    let missing: Vec<&str> = measured["patterns"][0]["own"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|row| row["path"].as_str())
        .filter(|path| *path != "/api/create-account")
        .filter(|path| {
            !shapes
                .iter()
                .any(|shape| alike(&shape.request.target, path))
        })
        .collect();
    // Each a mixture of two rules of the table.
    assert_eq!(missing, MIXED, "{missing:#?}");
}

const MEASURED: &str = include_str!("../../../../fixtures/near-misses.json");
const MIXED: [&str; 7] = [
    "//api///create-account//",
    "/api/create-account.php/x",
    "/%61pi/create%2Daccount",
    "/api;v=1/create-account;jsessionid=abc",
    "/api%3Bx/create-account",
    "/api/create%E2%80%8B-account",
    "/api/%EF%BC%8E%EF%BC%8E/api/create-account",
];

fn alike(target: &str, path: &str) -> bool {
    target.eq_ignore_ascii_case(path)
}

#[test]
fn a_row_stands_once_for_each_value_and_place() {
    let shapes = shapes("POST", "/a/b/c");
    let of_row = |family: &str, row: &str| -> Vec<&str> {
        let shapes = shapes.iter();
        shapes
            .filter(|shape| shape.id.family == family && shape.id.rule == row)
            .map(|shape| &*shape.request.target)
            .collect()
    };
    assert_eq!(of_row("case", "letter"), ["/A/b/c", "/a/B/c", "/a/b/C"]);
    assert_eq!(
        of_row("encoded slash", "inside %2F"),
        ["/a%2Fb/c", "/a/b%2Fc"]
    );
    assert_eq!(
        of_row("parameters", "segment ;x=1"),
        ["/a;x=1/b/c", "/a/b;x=1/c"]
    );
}

proptest! {
    // Each call has several hundred shapes.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn an_origin_that_reads_as_the_row_says_gets_the_plain_path((method, path) in any_call()) {
        let shapes = shapes(method, &path);
        for shape in shapes.iter().filter(|shape| !shape.reads.is_empty()) {
            let meant = read(shape.reads, &shape.request.target, &path);
            let plain = read(shape.reads, &path, &path);
            prop_assert_eq!(&meant, &plain, "{}: {}", shape.id, shape.request.target);
        }
    }

    #[test]
    fn every_shape_is_another_request_than_the_plain_call_and_all_others((method, path) in any_call()) {
        let shapes = shapes(method, &path);
        let plain = plain(&call(method, &path), &Content::default());
        let mut known = HashSet::from([(plain.text(), plain.scheme, plain.to, None, None, false)]);
        for shape in shapes {
            let whole = (shape.request.text(), shape.request.scheme, shape.request.to, shape.signals, shape.before, shape.straight);
            prop_assert!(known.insert(whole), "{}", shape.id);
        }
    }

    #[test]
    fn a_shape_changes_what_its_family_is_about_and_nothing_else((method, path) in any_call()) {
        let plain = plain(&call(method, &path), &Content::default());
        for shape in shapes(method, &path) {
            let request = &shape.request;
            let changes_path = request.target != plain.target;
            let changes_method = request.method != plain.method;
            let changes_host = request.host != plain.host;
            let changes_headers = {
                let others = |headers: &[(String, String)]| -> Vec<_> {
                    headers.iter().filter(|(name, _)| name != "content-length").cloned().collect()
                };
                others(&request.headers) != others(&plain.headers)
            };
            let expected = match shape.id.family {
                "query" | "trailing" | "case" | "slashes" | "dots" | "encoded slash" | "backslash" | "encoding"
                | "parameters" => changes_path && !changes_method && !changes_host && !changes_headers,
                "method" => changes_method && !changes_path && !changes_host,
                "content type" | "cookies" => !changes_method && !changes_path && !changes_host,
                "content" => !changes_method && !changes_path && !changes_host,
                "rewrite" => changes_headers && !changes_method && !changes_host,
                "override" => changes_method || changes_path || changes_headers || request.body != plain.body,
                "authority" => changes_host || changes_path || changes_headers,
                "signals" => !changes_method && !changes_host,
                "transport" => !changes_method && !changes_host,
                "origin" => shape.straight && !changes_path && !changes_method && !changes_host,
                "cache" => shape.before.is_some(),
                "connector" => shape.past == crate::Past::Inspection,
                _ => false,
            };
            prop_assert!(expected, "{}: {}", shape.id, request.text());
        }
    }

    #[test]
    fn no_path_makes_it_fail(path in "/[^?#*]{0,20}") {
        prop_assert!(expand(families(), &call("POST", &path), &Content::default(), &around()).is_ok());
    }
}

#[rstest]
#[case("", "0\r\n\r\n")]
#[case("{\"a\":1}", "7\r\n{\"a\":1}\r\n0\r\n\r\n")]
fn content_in_chunks_is_the_same_content(#[case] body: &str, #[case] expected: &str) {
    assert_eq!(chunked(body), expected);
}

#[test]
fn content_has_the_type_it_looks_like_unless_one_is_given() {
    let content = |body: &str, headers: &[(&str, &str)]| Content {
        body: body.to_owned(),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    let of = |content: Content| {
        let headers = plain(&call("POST", "/a"), &content).headers.into_iter();
        let mut types = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        types.next().unwrap().1
    };
    assert_eq!(of(content("{}", &[])), "application/json");
    assert_eq!(of(content("a=b", &[])), "application/x-www-form-urlencoded");
    assert_eq!(
        of(content("{}", &[("Content-Type", "text/plain")])),
        "text/plain"
    );
}
