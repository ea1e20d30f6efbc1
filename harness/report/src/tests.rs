//! Golden texts: a report changes only on purpose. `UPDATE_GOLDEN=1 cargo test -p edgeproof-report golden` writes them anew.

use std::{fs, io::Read as _};

use base64::{Engine, engine::general_purpose::STANDARD};
use edgeproof_document::problem::TextStyle;
use edgeproof_run::{event::Event, results::Results};
use edgeproof_test_support::golden::assert_golden;
use flate2::read::GzDecoder;
use rstest::rstest;

use super::{golden, har, html, json, junit, tap, terminal::Terminal};

fn terminal(results: &Results) -> String {
    let mut out = Vec::new();
    let mut terminal = Terminal::new(&mut out, TextStyle::PLAIN);
    for case in &results.cases {
        terminal
            .report(&Event::Finished(Box::new(case.clone())))
            .unwrap();
    }
    terminal.report(&Event::Ended(results.summary)).unwrap();
    String::from_utf8(out).unwrap()
}

/// A page with the data that stands packed in it as it is.
pub(super) fn unpacked(page: &str) -> String {
    let start = "<script id=\"data\" type=\"text/plain\">";
    let (before, rest) = page.split_once(start).unwrap();
    let (packed, behind) = rest.split_once("</script>").unwrap();
    let packed = STANDARD.decode(packed).unwrap();
    let mut data = String::new();
    GzDecoder::new(packed.as_slice())
        .read_to_string(&mut data)
        .unwrap();
    format!("{before}{data}{behind}")
}

/// What a page says without JavaScript.
fn plain(results: &Results) -> String {
    let page = html::text(results);
    let (_, plain) = page.split_once("<div id=\"plain\">").unwrap();
    let (plain, _) = plain.split_once("<script").unwrap();
    format!("{}\n", plain.replace("<section>", "\n<section>"))
}

#[rstest]
#[case::terminal("terminal.txt", terminal(&golden::results()))]
#[case::json("report.json", json::text(&golden::results()).unwrap())]
#[case::junit("report.xml", junit::text(&golden::results()).unwrap())]
#[case::tap("report.tap", tap::text(&golden::results()))]
#[case::har("report.har", har::text(&golden::results(), "2026-11-27T12:00:00Z".parse().unwrap()).unwrap())]
#[case::html("report.html", plain(&golden::results()))]
fn a_report_is_as_its_golden_text(#[case] name: &str, #[case] text: String) {
    assert_golden(&format!("fixtures/golden/reports/{name}"), &text);
}

#[test]
fn a_shard_without_scenarios_says_so() {
    let nothing = Results::new(Vec::new(), 0);
    assert_eq!(
        terminal(&nothing),
        "\n0 scenarios: there was nothing to do\n"
    );
}

#[rstest]
#[case("https://shop.example/issue/1", true)]
#[case("HTTP://ok.example/", true)]
#[case("javascript:alert(document.domain)", false)]
#[case("javascript://shop.example/%0aalert(1)", false)]
#[case(" https://ok.example/", false)]
#[case("data:text/html,<script>alert(1)</script>", false)]
#[case("file:///etc/passwd", false)]
#[case("//ok.example/", false)]
#[case("JIRA-1", false)]
fn only_what_is_of_the_web_becomes_a_link(#[case] reference: &str, #[case] is_link: bool) {
    let mut results = golden::results();
    results.cases[1].refs = vec![reference.to_owned()];
    let page = html::text(&results);
    let escaped = reference.replace('<', "&lt;").replace('>', "&gt;");
    assert_eq!(page.matches(&escaped).count(), if is_link { 2 } else { 1 });
    let link = format!("href=\"{escaped}\"");
    assert_eq!(page.matches(&link).count(), usize::from(is_link));
}

#[test]
fn the_data_of_a_page_has_every_case_and_nothing_twice() {
    let page = unpacked(&html::text(&golden::results()));
    assert!(page.contains("\"name\":\"flow::missing\""), "{page}");
    assert!(page.contains("\"ray\":\"0123456789abcdef-FRA\""), "{page}");
    assert!(!page.contains("\"journey\":[{"), "{page}");
}

#[test]
fn a_page_of_results_runs_the_viewer_and_loads_nothing() {
    let page = html::text(&golden::results());
    let head = page.split_once("</head>").unwrap().0;
    let policy = head.find("http-equiv=\"Content-Security-Policy\"").unwrap();
    assert!(head[policy..].contains("default-src 'none'"), "{head}");
    let first_content = ["<style", "<link", "<script"]
        .iter()
        .filter_map(|tag| head.find(tag));
    assert!(first_content.min().unwrap() > policy, "{head}");
    assert!(!head.contains("unsafe"), "{head}");
    // The data, which no browser runs, and the viewer, whose hash the policy has.
    assert_eq!(page.matches("<script").count(), 2);
    assert_eq!(page.matches("</script").count(), 2);
}

/// What `ci/junit.mjs` says of a report.
fn junit_mistakes(xml: &str) -> Option<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), xml).unwrap();
    let output = std::process::Command::new("node")
        .arg(edgeproof_ground::tools::home().join("ci/junit.mjs"))
        .arg(file.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (!output.status.success()).then_some(text)
}

#[test]
fn the_junit_report_meets_its_schema() {
    let xml = junit::text(&golden::results()).unwrap();
    assert_eq!(junit_mistakes(&xml), None);
    let broken = xml.replace("<skipped", "<ignored");
    let mistakes = junit_mistakes(&broken).unwrap();
    assert!(mistakes.contains("ignored"), "{mistakes}");
}

#[test]
fn results_survive_being_written_and_read() {
    let results = golden::results();
    let text = json::text(&results).unwrap();
    assert_eq!(serde_json::from_str::<Results>(&text).unwrap(), results);
}
