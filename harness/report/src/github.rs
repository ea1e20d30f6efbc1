//! The report for GitHub: an annotation at each line of a scenario file that failed, and the summary of the step.

use std::fmt::Write as _;

use edgeproof_document::source::Place;
use edgeproof_run::{
    record::{CaseRecord, Failure, Verdict},
    results::Results,
};

/// GitHub shows ten errors of a step; the rest stands in the summary.
const ANNOTATIONS: usize = 10;

/// Failures told in the summary, which GitHub cuts at 1 MiB.
const TOLD: usize = 100;

/// Letters of a sentence that are shown; what a page or a worker said may be long.
const SENTENCE: usize = 2000;

/// The commands that GitHub reads from what a step prints.
pub fn annotations(results: &Results) -> String {
    let mut text = String::new();
    for (case, failures) in failed(results).take(ANNOTATIONS) {
        let mut message: Vec<String> = failures.iter().map(told).collect();
        if let Verdict::Error(error) = &case.verdict {
            message.push(error.clone());
        }
        let place = failures.iter().find_map(place);
        let file = place.map_or(&case.file, |place| &place.file);
        let (line, column) = place.map_or((1, 1), |place| (place.line, place.column));
        // Nothing else may happen where nothing can be written to a String.
        let _ = writeln!(
            text,
            "::error file={},line={line},col={column},title={}::{}",
            property(&file.display().to_string()),
            property(&case.title),
            data(&message.join("\n")),
        );
    }
    text
}

/// The summary of the step, in Markdown.
pub fn summary(results: &Results) -> String {
    let sums = &results.summary;
    let shard = results.shard.map(|shard| format!(", shard {shard}"));
    let mut text = format!(
        "## edgeproof{}\n\n| passed | failed | errors | skipped | observed | known failures |\n\
         |---|---|---|---|---|---|\n| {} | {} | {} | {} | {} | {} |\n",
        shard.unwrap_or_default(),
        sums.passed,
        sums.failed,
        sums.errors,
        sums.skipped,
        sums.observed,
        sums.known_failures,
    );
    for (case, failures) in failed(results).take(TOLD) {
        let _ = write!(text, "\n### {}\n\n`{}`\n", inline(&case.title), case.name);
        if let Verdict::Error(error) = &case.verdict {
            let _ = writeln!(text, "\n- {}", inline(error));
        }
        for failure in failures {
            let place = place(failure).map(|place| {
                let file = place.file.display();
                format!(" (`{file}:{}:{}`)", place.line, place.column)
            });
            let told = inline(&told(failure));
            let _ = writeln!(text, "\n- {told}{}", place.unwrap_or_default());
        }
        for picture in &case.screenshots {
            let visitor = inline(&picture.visitor);
            let _ = writeln!(
                text,
                "\nPicture of `{visitor}`'s browser: in the HTML report."
            );
        }
    }
    let more = failed(results).count().saturating_sub(TOLD);
    if more > 0 {
        let _ = writeln!(text, "\n{more} more failed; the other reports name them.");
    }
    text
}

/// The cases that decide the exit code, with what failed.
fn failed(results: &Results) -> impl Iterator<Item = (&CaseRecord, &[Failure])> {
    results.cases.iter().filter_map(|case| match &case.verdict {
        Verdict::Failed(failures) => Some((case, failures.as_slice())),
        Verdict::Error(_) => Some((case, [].as_slice())),
        _ => None,
    })
}

fn place(failure: &Failure) -> Option<&Place> {
    failure.excerpt.as_ref().map(|excerpt| &excerpt.place)
}

/// The failure in a sentence, and the way out.
fn told(failure: &Failure) -> String {
    let mut text: String = failure.sentence().chars().take(SENTENCE).collect();
    if let Some(way_out) = &failure.way_out {
        let _ = write!(text, ". What to do: {way_out}");
    }
    text
}

/// The text after `::` of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The value of a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A text that stays text in Markdown, on one line.
fn inline(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars().take(2 * SENTENCE) {
        match letter {
            '\n' | '\r' => safe.push(' '),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '!' | '~' | '@' => {
                safe.push('\\');
                safe.push(letter);
            }
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            letter => safe.push(letter),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use edgeproof_test_support::golden::assert_golden;

    use super::*;
    use crate::golden;

    #[test]
    fn annotations_and_summary_are_as_golden() {
        let results = golden::results();
        assert_golden(
            "fixtures/golden/reports/github-annotations.txt",
            &annotations(&results),
        );
        assert_golden(
            "fixtures/golden/reports/github-summary.md",
            &summary(&results),
        );
    }

    #[test]
    fn what_a_visitor_or_a_worker_said_cannot_give_a_command_or_markup() {
        let mut results = golden::results();
        let evil = "x\n::set-output name=a::b\r\n<img src=x onerror=alert(1)>`[a](b)";
        for case in &mut results.cases {
            evil.clone_into(&mut case.title);
            if let Verdict::Failed(failures) = &mut case.verdict {
                for failure in failures {
                    evil.clone_into(&mut failure.actual);
                }
            }
        }
        let annotations = annotations(&results);
        assert!(
            annotations
                .lines()
                .all(|line| line.starts_with("::error file="))
        );
        let summary = summary(&results);
        assert!(
            !summary.contains("<img") && !summary.contains("\n::"),
            "{summary}"
        );
    }
}
