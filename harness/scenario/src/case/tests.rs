//! A captured value may stand wherever the schema has a place.

use std::path::Path;

use edgeproof_document::{
    LoadError,
    node::{Meaning, PlainScalar},
};
use rstest::rstest;
use serde_json::{Map, Value as Json, json};

use super::*;
use crate::{load::load_text, schema, text::TextMatcher};

/// What the steps and the end of a scenario refer to.
const CAPTURED: &str = "${code}";

/// Keys whose files are read before anything can be captured.
const READ_BEFORE: [&str; 4] = ["apply", "plan", "file", "include"];

/// Everything that may be written for a schema, once for each place in it, with the captured value there.
fn places(schema: &Json, types: &Json, within: &mut Vec<String>) -> Vec<Json> {
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        if within.iter().any(|known| known == name) {
            return Vec::new();
        }
        within.push(name.to_owned());
        let found = places(&types[name], types, within);
        within.pop();
        return found;
    }
    if let Some(forms) = schema["anyOf"].as_array() {
        return forms
            .iter()
            .filter(|form| form["pattern"].as_str() != Some(r"^\$\{[^}]+\}$"))
            .flat_map(|form| places(form, types, within))
            .collect();
    }
    if let Some(properties) = schema["properties"].as_object() {
        let below = properties
            .iter()
            .filter(|(key, _)| !READ_BEFORE.contains(&key.as_str()));
        return below
            .flat_map(|(key, schema_of_key)| {
                let found = places(schema_of_key, types, within).into_iter();
                let with = |value| {
                    let mut object = required(schema, types);
                    object.insert(key.clone(), value);
                    let is_rule = properties.contains_key("if");
                    if is_rule && !["block", "allow"].contains(&key.as_str()) {
                        // A rule has an action.
                        object.insert("block".to_owned(), json!({}));
                    }
                    Json::Object(object)
                };
                found.map(with).collect::<Vec<_>>()
            })
            .collect();
    }
    if schema["additionalProperties"].is_object() {
        let found = places(&schema["additionalProperties"], types, within).into_iter();
        return found.map(|value| json!({ "x-name": value })).collect();
    }
    if schema["items"].is_object() {
        let found = places(&schema["items"], types, within).into_iter();
        return found.map(|value| json!([value])).collect();
    }
    vec![json!(CAPTURED)]
}

/// The keys without which a mapping is none.
fn required(schema: &Json, types: &Json) -> Map<String, Json> {
    let keys = schema["required"].as_array().into_iter().flatten();
    let keys = keys.filter_map(Json::as_str);
    keys.map(|key| {
        (
            key.to_owned(),
            smallest(key, &schema["properties"][key], types),
        )
    })
    .collect()
}

/// Something that may be written for a schema.
fn smallest(key: &str, schema: &Json, types: &Json) -> Json {
    match key {
        "url" | "to" | "page" => return json!("https://shop.example/"),
        "call" => return json!("GET /"),
        "select" => return json!("p"),
        "header" => return json!("x-a"),
        "on" => return json!("origin"),
        "if" => return json!("incognito"),
        "address" => return json!("192.0.2.1"),
        "for" => return json!("1s"),
        "status" => return json!(500),
        "key" => return json!("Enter"),
        _ => {}
    }
    if let Some(name) = schema["$ref"]
        .as_str()
        .and_then(|path| path.rsplit('/').next())
    {
        return smallest(key, &types[name], types);
    }
    if let Some(form) = schema["anyOf"].as_array().and_then(|forms| forms.first()) {
        return smallest(key, form, types);
    }
    if !schema["const"].is_null() {
        return schema["const"].clone();
    }
    let kind = schema["type"].as_str().or(schema["type"][0].as_str());
    match kind {
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("array") => json!([]),
        Some("object") => Json::Object(required(schema, types)),
        _ => schema["enum"].get(0).cloned().unwrap_or_else(|| json!("1")),
    }
}

/// A scenario whose first step captures something, and which goes on with this.
fn scenario(step: Option<&Json>, expect: Option<&Json>) -> String {
    let first = json!({ "request": "GET https://shop.example/", "capture": { "code": "status" } });
    let steps: Vec<&Json> = std::iter::once(&first).chain(step).collect();
    let mut whole = json!({
        "scenario": "x",
        "given": { "zones": { "shop.example": { "hosts": { "shop.example": { "site": "signup" } } } } },
        "steps": steps,
    });
    if let Some(expect) = expect {
        whole["expect"] = expect.clone();
    }
    whole.to_string()
}

struct Code;

impl Values for Code {
    fn value(&self, name: &str) -> Option<Value> {
        (name == "code").then(|| {
            Value::Plain(PlainScalar {
                meaning: Meaning::Integer(200),
                written: "200".to_owned(),
            })
        })
    }
}

/// Names the visitor, where somebody takes the step.
fn with_an_action(step: &Json) -> Json {
    const ABOUT: [&str; 9] = [
        "as",
        "call",
        "capture",
        "dialog",
        "expect",
        "frame",
        "safe_to_repeat",
        "timeout",
        "window",
    ];
    let mut step = step.clone();
    let object = step.as_object_mut().unwrap();
    if object.keys().all(|key| ABOUT.contains(&key.as_str())) {
        let is_of_page = ["dialog", "frame", "window"]
            .iter()
            .any(|key| object.contains_key(*key));
        match is_of_page {
            true => object.insert("click".to_owned(), json!("#send")),
            false => object.insert("request".to_owned(), json!("GET https://shop.example/")),
        };
    }
    step
}

#[test]
fn a_captured_value_may_stand_wherever_the_schema_has_a_place() {
    let schema = serde_json::to_value(schema::schema()).unwrap();
    let types = &schema["$defs"];
    let steps = places(&types["Step"], types, &mut Vec::new());
    let ends = places(&schema["properties"]["expect"], types, &mut Vec::new());
    assert!(
        steps.len() > 100 && ends.len() > 30,
        "{} {}",
        steps.len(),
        ends.len()
    );
    let steps = steps
        .iter()
        .map(|step| scenario(Some(&with_an_action(step)), None));
    let ends = ends.iter().map(|end| scenario(None, Some(end)));
    let mut wrong = Vec::new();
    for text in steps.chain(ends) {
        match load_text(Path::new("x.yaml"), &text) {
            Ok(cases) => {
                assert_eq!(cases.len(), 1, "{text}");
                let node = filling::finish(&cases[0].node, &Code);
                assert!(!filling::mentions(&node, "code"), "{text}");
                let is_filled =
                    |node: Option<&YamlNode>| node.is_none_or(|node| !has(node, CAPTURED));
                assert!(
                    is_filled(node.get("steps")) && is_filled(node.get("expect")),
                    "{text}"
                );
            }
            Err(LoadError::Mistakes(mistakes)) => {
                let messages: Vec<_> = mistakes
                    .iter()
                    .map(|mistake| &mistake.problem.message)
                    .collect();
                // Input steps are a browser's, and this scenario has none. What is captured is never a mapping.
                let is_expected = |message: &String| {
                    [
                        "needs a browser",
                        "expected a mapping, found the text",
                        "a deploy step does one thing",
                        // These are judged with the mapping they stand in, before anything is captured.
                        "is not the address of a node on this machine",
                        "is neither an address nor a subnet",
                        "did not match any variant",
                        "no zone has the host",
                    ]
                    .iter()
                    .any(|known| message.contains(known))
                };
                if !messages.iter().all(|message| is_expected(message)) {
                    wrong.push(format!("{messages:?}: {text}"));
                }
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn has(node: &YamlNode, text: &str) -> bool {
    match &node.value {
        Value::Text(found) => found.contains(text),
        Value::List(items) => items.iter().any(|item| has(item, text)),
        Value::Map(entries) => entries
            .iter()
            .any(|(key, value)| key.text.contains(text) || has(value, text)),
        Value::Plain(_) => false,
    }
}

fn case(expect: &str) -> Case {
    let text = format!(
        "scenario: x\ngiven: {{zones: {{shop.example: {{hosts: {{shop.example: {{site: signup}}}}}}}}}}\nsteps:\n  \
         - {{request: 'GET https://shop.example/', capture: {{code: status}}}}\n  \
         - {{request: 'GET https://shop.example/', expect: {expect}}}\nexpect: {{origin: [{{call: 'GET /${{code}}'}}]}}\n"
    );
    load_text(Path::new("x.yaml"), &text).unwrap().remove(0)
}

#[rstest]
#[case("{status: '${code}'}", "200")]
#[case("{origin: {times: '${code}'}}", "200")]
#[case("{request: {headers: {x-code: {not: '${code}'}}}}", "not to be `200`")]
#[case("{worker: {log: [{contains: 'a ${code}'}]}}", "a 200")]
#[case("{body: '$${code}'}", "to be `${code}`")]
fn what_was_captured_is_read_as_if_it_stood_in_the_file(#[case] expect: &str, #[case] shown: &str) {
    let step = case(expect).step(1, &Code).unwrap();
    let expect = step.expect.unwrap();
    let matcher =
        |matcher: Option<&TextMatcher>| matcher.map(ToString::to_string).unwrap_or_default();
    let all = [
        format!("{:?}", expect.status),
        format!("{:?}", expect.origin.and_then(|origin| origin.times)),
        matcher(
            expect
                .request
                .and_then(|request| request.headers.into_values().next())
                .as_ref(),
        ),
        matcher(
            expect
                .worker
                .and_then(|worker| worker.log.into_iter().next())
                .as_ref(),
        ),
        matcher(expect.body.as_ref()),
    ];
    assert!(
        all.iter()
            .any(|text| text.contains(shown.trim_start_matches("not "))),
        "{all:?}"
    );
}

#[test]
fn the_end_is_filled_as_well() {
    let end = case("{}").end(&Code).unwrap();
    assert_eq!(end.origin[0].call.as_ref().unwrap().to_string(), "GET /200");
}

#[test]
fn a_value_that_does_not_fit_is_a_mistake_at_its_place() {
    struct Word;
    impl Values for Word {
        fn value(&self, _: &str) -> Option<Value> {
            Some(Value::Text("soon".to_owned()))
        }
    }
    let case = case("{status: '${code}'}");
    let problems = case.step(1, &Word).unwrap_err();
    assert!(
        problems[0].message.contains("`soon` is not a status"),
        "{problems:?}"
    );
    assert_eq!(case.sources.place(problems[0].at).unwrap().line, 5);
}

#[test]
fn a_unique_value_is_another_in_every_run_and_the_same_within_one() {
    let text = "scenario: x\ngiven:\n  zones: {shop.example: {hosts: {shop.example: {site: signup}}}}\n  \
                visitors: {ann: {headers: {x-run: '${unique}'}}}\nsteps: [{request: 'GET https://shop.example/${unique}'}]\n";
    let loaded = load_text(Path::new("x.yaml"), text).unwrap().remove(0);
    let values = |case: &Case| {
        let header = &case.scenario.given.visitors["ann"].headers.0["x-run"];
        let step = case.step(0, &()).unwrap();
        let crate::step::Action::Request(request) = step.action else {
            panic!("{step:?}");
        };
        (header.to_str().unwrap().to_owned(), request.url)
    };
    let (one, other) = (values(&loaded.anew()), values(&loaded.anew()));
    assert_eq!(one.1, format!("https://shop.example/{}", one.0));
    assert_ne!(one, other);
}

#[rstest]
#[case("https://shop.example/signup", "https://staging.shop.test/signup")]
#[case("POST shop.example/api*", "POST staging.shop.test/api*")]
#[case("https://www.shop.example:8443/", "https://w.test:8443/")]
#[case("at shop.example. And", "at staging.shop.test. And")]
#[case("https://api.shop.example/", "https://api.shop.example/")]
#[case("ann@shop.example", "ann@shop.example")]
#[case("myshop.example, shop.example.org", "myshop.example, shop.example.org")]
#[case("", "")]
fn a_host_has_its_other_name_and_what_only_contains_it_stays(
    #[case] text: &str,
    #[case] expected: &str,
) {
    let names = BTreeMap::from(
        [
            ("shop.example", "staging.shop.test"),
            ("www.shop.example", "w.test"),
        ]
        .map(|(name, other)| (name.to_owned(), other.to_owned())),
    );
    assert_eq!(renamed(text, &names), expected);
}
