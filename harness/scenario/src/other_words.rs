//! Words of other tools for what a step does, and words of this language in the wrong place: who writes one of them as a
//! key of a step is told how it is said.

use edgeproof_document::{
    node::{Value, YamlNode},
    problem::Problem,
};

use crate::expect::Expect;

/// Gives the mistakes of steps that have such a key the way out.
pub(super) fn explain(scenario: &YamlNode, problems: &mut [Problem]) {
    let Some(Value::List(steps)) = scenario.get("steps").map(|steps| &steps.value) else {
        return;
    };
    for step in steps {
        let Value::Map(entries) = &step.value else {
            continue;
        };
        for (key, value) in entries {
            let is_of_key = |problem: &&mut Problem| problem.at == key.at;
            if let Some(help) = misplaced(&key.text, &value.value)
                .or_else(|| help(&key.text, value.value.as_text()))
                && let Some(problem) = problems.iter_mut().find(is_of_key)
            {
                problem.help = Some(help);
            }
        }
    }
}

/// An expectation that stands beside `expect:` rather than below it. With a text, `page` is another tool's word.
fn misplaced(key: &str, value: &Value) -> Option<String> {
    let is_words = value.as_text().is_some() && key == "page";
    let expect = schemars::schema_for!(Expect);
    let is_expectation = expect.get("properties")?.get(key).is_some();
    (is_expectation && !is_words).then(|| format!("write `expect: {{ {key}: … }}`"))
}

/// How the same is said here; nothing for words that nobody uses for a step.
fn help(key: &str, value: Option<&str>) -> Option<String> {
    let key = key.to_ascii_lowercase();
    let url = value.unwrap_or("URL");
    let word = match key.as_str() {
        "get" | "post" | "put" | "patch" | "delete" | "head" | "options" => {
            let method = key.to_ascii_uppercase();
            return Some(format!("write `request: {method} {url}`"));
        }
        "http" | "curl" | "call_api" | "send" | "url" => {
            return Some("write `request: GET URL`, with any method".to_owned());
        }
        "goto" | "go" | "open" | "navigate" | "browse" | "page" => {
            return Some(format!("write `visit: {url}`"));
        }
        "type" | "input" | "enter" => "fill: { SELECTOR: TEXT }",
        "tap" | "dblclick" => "click: SELECTOR",
        "key" | "keyboard" => "press: Enter",
        "eval" | "evaluate" | "script" | "js" | "javascript" => "run: SCRIPT",
        "waitfor" | "wait_for" | "until" => "wait: { for: SELECTOR }",
        "sleep" | "delay" | "pause" => {
            return Some(
                "write `wait: { for: SELECTOR }` for what is to happen, or `advance: 1m` to move the clock of everything \
                 that is emulated"
                    .to_owned(),
            );
        }
        "assert" | "then" | "should" | "response" => "expect: { status: 200 }",
        "save" | "store" | "extract" => "capture: { NAME: { json: /pointer } }",
        _ => return None,
    };
    Some(format!("write `{word}`"))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use edgeproof_document::LoadError;
    use rstest::rstest;

    use crate::load::load_text;

    #[rstest]
    #[case(
        "get: https://shop.example/",
        "write `request: GET https://shop.example/`"
    )]
    #[case(
        "POST: https://shop.example/a",
        "write `request: POST https://shop.example/a`"
    )]
    #[case("goto: https://shop.example/", "write `visit: https://shop.example/`")]
    #[case("sleep: 2s", "write `wait: { for: SELECTOR }` for what")]
    #[case("type: { '#a': b }", "write `fill: { SELECTOR: TEXT }`")]
    #[case("page: https://shop.example/", "write `visit: https://shop.example/`")]
    #[case("page: [{ select: p }]", "write `expect: { page: … }`")]
    #[case("status: 200", "write `expect: { status: … }`")]
    #[case("vist: https://shop.example/", "did you mean `visit`?")]
    fn a_step_in_the_words_of_another_tool_is_told_how_it_is_said(
        #[case] step: &str,
        #[case] help: &str,
    ) {
        let text = format!(
            "scenario: x\ngiven:\n  zones: {{ shop.example: {{ hosts: {{ shop.example: {{ site: signup }} }} }} }}\n\
             steps:\n  - {step}\n"
        );
        let Err(LoadError::Mistakes(mistakes)) = load_text(Path::new("a.yaml"), &text) else {
            panic!("{text} is a scenario");
        };
        let told = mistakes[0].problem.help.clone().unwrap_or_default();
        assert!(told.contains(help), "{told}");
    }
}
