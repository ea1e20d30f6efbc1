use proptest::prelude::*;
use rstest::rstest;
use serde_json::json;

use super::*;

fn event() -> Json {
    json!({
        "bot": "bad",
        "incognito": true,
        "vpn": false,
        "suspect_score": 12,
        "url": "https://shop.example/sign-up?x=1",
        "browser_details": { "os": "Linux", "browser_major_version": "156" },
        "identification": { "confidence": { "score": 0.6 } },
        "velocity": { "events": { "5_minutes": 3 } },
        "ip_info": { "v4": { "geolocation": { "latitude": -12.5 } } },
    })
}

fn holds(text: &str) -> bool {
    text.parse::<Expression>().unwrap().holds(&event())
}

/// Conditions whose result is what expr-lang's definition says.
#[rstest]
// Both expressions that were published.
#[case("bot in [\"bad\"] || incognito", true)]
#[case("browser_details.os == \"Linux\"", true)]
// `and` binds tighter than `or`.
#[case("true or false and false", true)]
#[case("(true or false) and false", false)]
#[case("true || false && false", true)]
// A sign in front binds tighter than a comparison.
#[case("not vpn == true", true)]
#[case("not (vpn == true)", true)]
#[case("not incognito == incognito", false)]
#[case("not (incognito == incognito)", false)]
#[case("!vpn && !false", true)]
#[case("not not incognito", true)]
// `??` binds tightest.
#[case("not developer_tools ?? incognito", false)]
#[case("vpn_ml_score ?? -1 < 0", true)]
#[case("suspect_score ?? 0 == 12", true)]
#[case("linked_id ?? client_referrer ?? 'none' == 'none'", true)]
// Comparisons are of one level and read from the left.
#[case("1 < 2 == true", true)]
#[case("false == false == true", true)]
#[case("suspect_score >= 12 and suspect_score <= 12", true)]
#[case("suspect_score > 12 or suspect_score < 12", false)]
#[case("suspect_score != 12.0", false)]
#[case("identification.confidence.score > .5", true)]
#[case("ip_info.v4.geolocation.latitude == -12.5", true)]
#[case("browser_details.browser_major_version < '99'", true)]
#[case("velocity.events[\"5_minutes\"] == 3", true)]
#[case("ip_info?.v4?.geolocation['latitude'] < 0", true)]
// Words as operators, and their negations.
#[case("bot not in ['good', 'not_detected']", true)]
#[case("url contains 'sign-up'", true)]
#[case("url not contains 'sign-up'", false)]
#[case("url startsWith 'https://shop.' and url endsWith '=1'", true)]
#[case("url not startsWith 'http:' and url not endsWith '/'", true)]
#[case(r"url matches '^https://[a-z.]+/sign-(up|in)\\?'", true)]
#[case("url not matches `\\d$`", false)]
#[case("suspect_score in [1, 12.0, 0x10]", true)]
#[case("suspect_score in []", false)]
// Literals.
#[case("0xff == 255 and 0o17 == 15 and 0b101 == 5 and 1_000 == 1e3", true)]
#[case(r#""tab\tA" == 'tab	A'"#, true)]
#[case(r"`raw\n` == 'raw\\n'", true)]
#[case("incognito // the rest is a comment", true)]
#[case("incognito /* or not */ and true", true)]
// A field the event lacks is nil.
#[case("proxy", false)]
#[case("not proxy", true)]
#[case("linked_id == nil", true)]
#[case("linked_id == ''", false)]
#[case("linked_id != 'a'", true)]
#[case(
    "linked_id contains 'a' or linked_id > 'a' or linked_id in ['a'] or linked_id matches '.*'",
    false
)]
#[case("linked_id in [nil, 'a']", true)]
#[case("incognito != nil", true)]
fn a_condition_means_what_expr_lang_says(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(holds(text), expected, "{text}");
}

/// What is wrong is said when the ruleset is loaded, with its place and the nearest right thing.
#[rstest]
#[case("incognit", 0..8, "unknown field `incognit`; did you mean `incognito`?")]
#[case("bot == \"bad\" or xyzzy", 16..21, "unknown field `xyzzy`")]
#[case("tags == 'a'", 0..4, "unknown field `tags`")]
#[case("ip_info.v4.geolocation.country == 'DE'", 0..30, "did you mean `ip_info.v4.geolocation.country_code`?")]
#[case("ip_info.v4 == nil", 0..10, "`ip_info.v4` is a group of fields, not a value")]
#[case("bot == \"evil\"", 7..13, "`bot` is never `evil`")]
#[case("bot in ['bat']", 8..13, "`bot` is never `bat`; did you mean `bad`?")]
#[case("suspect_score > '5'", 16..19, "> needs a number, but this is text")]
#[case("suspect_score == true", 17..21, "== needs a number, but this is true or false")]
#[case("incognito > 1", 0..9, "> needs a number or text, but this is true or false")]
#[case("suspect_score", 0..13, "a rule needs true or false, but this is a number")]
#[case("suspect_score and incognito", 0..13, "and needs true or false, but this is a number")]
#[case("not bot == 'bad'", 4..7, "not needs true or false, but this is text")]
#[case("bot in 'bad'", 7..12, "in needs a list on its right, but this is text")]
#[case("incognito in ['a']", 0..9, "in needs the type of its list, a list of texts, but this is true or false")]
#[case("bot in ['bad', 1]", 15..16, "a list needs elements of one type, but this is a number")]
#[case("[1] == [1]", 0..3, "== needs single values, but this is a list of numbers")]
#[case("url matches '('", 12..15, "not a regular expression")]
#[case("url matches linked_id", 12..21, "patterns that are not a literal are expr-lang but not part")]
#[case("-bot == 1", 1..4, "- needs a number, but this is text")]
#[case("len(url) > 3", 0..3, "functions are expr-lang but not part")]
#[case("suspect_score + 1 > 3", 14..15, "arithmetic operators are expr-lang but not part")]
#[case("(suspect_score * 2) > 3", 15..16, "arithmetic operators")]
#[case("suspect_score in 1..3", 18..20, "ranges are expr-lang")]
#[case("vpn ? true : false", 4..5, "ternaries are expr-lang")]
#[case("url | lower() == ''", 4..5, "pipes are expr-lang")]
#[case("let x = 1; x == 1", 0..3, "`let` and `if` are expr-lang")]
#[case("{}", 0..1, "maps and predicates are expr-lang")]
#[case("velocity.events.5_minutes > 1", 15..17, "a key that starts with a digit is written [\"…\"]")]
#[case("", 0..0, "expected a field or a value, found the end of the expression")]
#[case("incognito and", 13..13, "expected a field or a value, found the end")]
#[case("incognito vpn", 10..13, "expected `and`, `or` or the end of the expression, found `vpn`")]
#[case("(incognito", 10..10, "expected `)`, found the end")]
#[case("bot not == 'bad'", 8..10, "expected `in`, `matches`, `contains`, `startsWith` or `endsWith`, found `==`")]
#[case("bot == 'bad", 7..11, "this string has no end")]
#[case("incognito /* or", 10..15, "this comment has no end")]
#[case(r"bot == '\q'", 8..9, "unknown escape in a string")]
#[case("suspect_score == 1__0", 17..21, "`1__0` is not a number")]
#[case("suspect_score == 12abc", 17..22, "`12abc` is not a number")]
#[case("bot = 'bad'", 4..5, "expected `and`, `or` or the end of the expression, found `=`")]
#[case("bot == 'bad' ~", 13..14, "`~` has no meaning here")]
#[case("notable", 0..7, "unknown field `notable`")]
fn a_wrong_condition_is_refused_with_its_place(
    #[case] text: &str,
    #[case] span: std::ops::Range<usize>,
    #[case] message: &str,
) {
    let error = text.parse::<Expression>().unwrap_err();
    let found = error.to_string();
    assert!(found.contains(message), "{text}: {found}");
    assert_eq!(error.span, span, "{text}: {found}");
}

#[rstest]
#[case("(".repeat(100_000))]
#[case(format!("{}incognito{}", "(".repeat(65), ")".repeat(65)))]
#[case("!".repeat(10_000) + "incognito")]
#[case("[".repeat(5_000))]
#[case("incognito".to_owned() + &" == incognito".repeat(100))]
#[case("url".to_owned() + &" ?? url".repeat(100) + " == ''")]
fn nesting_has_a_limit(#[case] text: String) {
    let problem = text.parse::<Expression>().unwrap_err().problem;
    assert!(
        matches!(problem, Problem::TooDeep | Problem::TooLong),
        "{problem:?}"
    );
}

#[test]
fn a_long_chain_is_not_deep() {
    let text = "vpn or ".repeat(2_000) + "incognito";
    assert!(holds(&text));
}

/// The clauses that made the condition what it is, and no others.
#[rstest]
#[case("incognito || bot == 'good'", true, &[("incognito", true)])]
#[case("vpn or (suspect_score > 10 and not proxy)", true, &[("suspect_score > 10", true), ("not proxy", true)])]
#[case("incognito and vpn and bot == 'bad'", false, &[("vpn", false)])]
#[case("vpn or proxy", false, &[("vpn", false), ("proxy", false)])]
#[case("not (vpn or incognito)", false, &[("incognito", true)])]
fn the_clauses_that_decided_are_named(
    #[case] text: &str,
    #[case] expected: bool,
    #[case] clauses: &[(&str, bool)],
) {
    let explanation = text.parse::<Expression>().unwrap().explain(&event());
    assert_eq!(explanation.holds, expected);
    let found: Vec<_> = explanation
        .clauses
        .iter()
        .map(|clause| (clause.text.as_str(), clause.holds))
        .collect();
    assert_eq!(found, clauses);
}

#[test]
fn a_clause_shows_the_values_it_saw() {
    let explanation = "suspect_score > 10 and proxy_confidence == 'low'"
        .parse::<Expression>()
        .unwrap()
        .explain(&event());
    assert_eq!(explanation.clauses[0].fields, [("proxy_confidence", None)]);
    let explanation = "suspect_score > 10"
        .parse::<Expression>()
        .unwrap()
        .explain(&event());
    assert_eq!(
        explanation.clauses[0].fields,
        [("suspect_score", Some(json!(12)))]
    );
}

/// The crate `expr-lang`, asked the same; none where it refuses the expression or fails on it.
fn other(text: &str) -> Option<bool> {
    fn convert(json: &Json) -> expr::Value {
        match json {
            Json::Bool(value) => (*value).into(),
            Json::Number(number) => number
                .as_i64()
                .map_or_else(|| number.as_f64().unwrap().into(), expr::Value::from),
            Json::String(text) => text.as_str().into(),
            Json::Object(members) => expr::Value::Map(
                members
                    .iter()
                    .map(|(key, value)| (key.clone(), convert(value)))
                    .collect(),
            ),
            _ => expr::Value::Nil,
        }
    }
    let context = expr::Context::from_iter(
        event()
            .as_object()
            .unwrap()
            .iter()
            .map(|(key, value)| (key.clone(), convert(value))),
    );
    expr::eval(text, &context).ok()?.as_bool()
}

/// Another implementation of the language agrees on what both can read.
#[rstest]
#[case("bot in [\"bad\"] || incognito")]
#[case("browser_details.os == \"Linux\"")]
#[case("true or false and false")]
#[case("not vpn == true")]
#[case("not incognito == incognito")]
#[case("false == false == true")]
#[case("bot not in ['good', 'not_detected']")]
#[case("velocity.events[\"5_minutes\"] == 3")]
#[case("url startsWith 'https://shop.' and url endsWith '=1'")]
#[case("url matches '^https://[a-z.]+/sign-(up|in)'")]
#[case("suspect_score in [1, 12, 0x10]")]
#[case("ip_info?.v4?.geolocation['latitude'] < 0")]
#[case("0xff == 255 and 0b101 == 5 and 1_000 == 1e3")]
fn another_implementation_agrees(#[case] text: &str) {
    assert_eq!(other(text), Some(holds(text)), "{text}");
}

/// Where that crate leaves the language, or cannot say what a rule needs: why it is not used. What overflows its
/// stack (20,000 brackets) ends the process and cannot stand here.
#[rstest]
// `??` takes everything to its right.
#[case("suspect_score ?? 0 == 12", Some(true), None)]
// Of the words, only `in` can be negated.
#[case("url not contains 'sign-up'", Some(false), None)]
#[case("url not startsWith 'http:'", Some(true), None)]
#[case("url not matches 'sign'", Some(false), None)]
// Words need no space behind them.
#[case("vpn orincognito", None, Some(true))]
#[case("notincognito", None, Some(false))]
// Types and names are found out at the visit, and only if the evaluation comes to them.
#[case("bot == 1", None, Some(false))]
#[case("incognito or bot and suspect_score", None, Some(true))]
#[case("incognito or incognit", None, Some(true))]
// A field that this event lacks is an error.
#[case("proxy or incognito", Some(true), None)]
fn the_other_implementation_is_not_used_because(
    #[case] text: &str,
    #[case] expected: Option<bool>,
    #[case] elsewhere: Option<bool>,
) {
    let here = text
        .parse::<Expression>()
        .ok()
        .map(|condition| condition.holds(&event()));
    assert_eq!(here, expected, "{text}");
    assert_eq!(other(text), elsewhere, "{text}");
}

proptest! {
    /// Whatever a file holds, reading it ends in a condition or in an error with a place inside the text.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        read(&text);
    }

    /// The same for texts made of the language's own words.
    #[test]
    fn any_order_of_words_is_read_or_refused(words in proptest::collection::vec(
        proptest::sample::select(vec![
            "incognito", "bot", "suspect_score", "velocity", ".", "events", "[", "]", "'1_hour'", "(", ")", "and",
            "||", "not", "!", "-", "in", "matches", "==", "<", "??", "?.", "nil", "true", "'bad'", "1", ".5", ",",
        ]),
        0..40,
    )) {
        read(&words.join(" "));
    }
}

fn read(text: &str) {
    match text.parse::<Expression>() {
        Ok(condition) => {
            let explanation = condition.explain(&event());
            assert_eq!(explanation.holds, condition.holds(&event()));
            assert!(!explanation.clauses.is_empty());
        }
        Err(error) => {
            assert!(
                text.get(error.span.clone()).is_some(),
                "{error}: {:?}",
                error.span
            );
        }
    }
}
