//! The log: one line of JSON a decision, quiet where nothing is wrong, and never about a person.

use rstest::rstest;
use serde_json::Value;

use crate::world::{CLOSED, OPEN, VISITOR, World};

const PERSONAL: &str =
    "cookie: session=v1s1tor\nauthorization: Bearer v1s1tor\nreferer: https://shop.example/v1s1tor";

#[tokio::test]
async fn a_good_request_writes_nothing_at_the_default_level() {
    let world = World::start(&[("FP_LOG_LEVEL", "")], |_| None).await;
    world.page().await;
    world.call(PERSONAL).await;
    world
        .send("GET", "https://shop.example/fp/loader.js", "", "")
        .await;
    world
        .send("GET", "https://shop.example/other", "", "")
        .await;
    assert_eq!(world.log().await, [""; 0]);
}

#[rstest]
#[case::identified(OPEN, "fp-data: v1s1tor", "allow", "the ruleset decided")]
#[case::without_signals(OPEN, "", "allow", "failure mode: the call carries no signals")]
#[case::refused(CLOSED, "", "block", "failure mode: the call carries no signals")]
#[tokio::test]
async fn a_decision_is_one_line_with_the_ray_and_no_word_about_a_person(
    #[case] mode: (&str, &str),
    #[case] signals: &str,
    #[case] decision: &str,
    #[case] reason: &str,
) {
    let world = World::start(&[mode, ("FP_LOG_LEVEL", "info")], |_| None).await;
    let lines = format!("origin: https://shop.example\n{signals}\n{PERSONAL}");
    let lines: Vec<_> = lines.lines().filter(|line| !line.is_empty()).collect();
    world
        .send(
            "POST",
            "https://shop.example/api/create?mail=v1s1tor",
            &lines.join("\n"),
            "mail=v1s1tor",
        )
        .await;
    let log = world.log().await;
    let [line] = log.as_slice() else {
        panic!("{log:?}");
    };
    let said: Value = serde_json::from_str(line).unwrap();
    assert_eq!(said["level"], "info");
    assert_eq!(said["decision"], decision);
    assert_eq!(said["reason"], reason);
    assert_eq!(said["ray"], "8f0a1b2c3d4e5f60-FRA");
    for personal in ["v1s1tor", VISITOR, "Chromium"] {
        assert!(!line.contains(personal), "{line}");
    }
}
