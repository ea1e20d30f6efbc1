//! What explains a failure beside the path of its request: what the page shows, what was requested instead, what was
//! printed.

use std::collections::BTreeSet;

use edgeproof_ground::trace::{Exchange, Party};
use edgeproof_rig::{LogSource, Rig};
use edgeproof_scenario::expect::Expect;
use scraper::{ElementRef, Html, Selector};
use tokio::time::Instant;

use crate::{check::Mismatch, observed::Observed, record::Note, redact::Redactor};

/// Lines of a note.
const LINES: usize = 12;

/// Characters of one line.
const COLUMNS: usize = 160;

/// For each mismatch, what the page shows around what it is about, and what it printed.
pub(super) fn around(
    expect: &Expect,
    observed: &Observed,
    mismatches: &[Mismatch],
    redactor: &Redactor,
) -> Vec<Vec<Note>> {
    let html = match (&observed.live_page, &observed.call) {
        (Some(live), _) => Some(live.html.clone()),
        (None, Some(call)) => Some(String::from_utf8_lossy(&call.body).into_owned()),
        (None, None) => None,
    };
    let note = |mismatch: &Mismatch| {
        let ["page", index, ..] = mismatch.path.iter().map(String::as_str).collect::<Vec<_>>()[..]
        else {
            return Vec::new();
        };
        let element = index.parse::<usize>().ok();
        let element = element.and_then(|index| expect.page.get(index));
        let shown = element
            .zip(html.as_ref())
            .map(|(element, html)| around_selector(html, &element.select, redactor));
        let printed = console(observed.console.clone());
        shown.into_iter().chain(printed).collect()
    };
    mismatches.iter().map(note).collect()
}

/// What the page has at the nearest part of it that the selector, or a beginning of it, finds.
fn around_selector(html: &str, select: &str, redactor: &Redactor) -> Note {
    let page = Html::parse_document(html);
    // The selector itself finds what is wrong, a shorter one where the right thing would be.
    let mut wanted = select.trim();
    loop {
        let found = Selector::parse(wanted)
            .ok()
            .and_then(|selector| page.select(&selector).next());
        if let Some(found) = found {
            return Note {
                title: format!("the page has at `{wanted}`"),
                lines: lines(&redactor.text(&found.html())),
            };
        }
        match wanted.rfind([' ', '>', '+', '~']) {
            Some(end) => wanted = wanted[..end].trim_end_matches([' ', '>', '+', '~']),
            None => return self::page(html, redactor),
        }
    }
}

/// What the page shows: its title and its text.
pub(super) fn page(html: &str, redactor: &Redactor) -> Note {
    let page = Html::parse_document(html);
    let first = |select: &str| {
        let selector = Selector::parse(select).ok()?;
        page.select(&selector).next()
    };
    let title = first("title").map(|title| format!("<title> {}", title.text().collect::<String>()));
    let text = first("body").map(|body| text(&body)).unwrap_or_default();
    let mut all: Vec<String> = title.into_iter().collect();
    all.extend(lines(&redactor.text(&text)));
    if all.is_empty() {
        all.push("nothing".to_owned());
    }
    Note {
        title: "the page shows".to_owned(),
        lines: all,
    }
}

/// The text of an element without that of scripts and styles.
fn text(element: &ElementRef<'_>) -> String {
    let mut text = String::new();
    for node in element.descendants() {
        let Some(own) = node.value().as_text() else {
            continue;
        };
        let parent = node.parent().and_then(|parent| {
            let element = parent.value().as_element()?;
            Some(element.name().to_owned())
        });
        if !matches!(
            parent.as_deref(),
            Some("script" | "style" | "noscript" | "template")
        ) {
            if !text.ends_with(char::is_whitespace) && !own.starts_with(char::is_whitespace) {
                text.push(' ');
            }
            text.push_str(own);
        }
    }
    text
}

/// The lines that are not blank, as many and as much of each as are worth reading; secrets are hidden before.
fn lines(text: &str) -> Vec<String> {
    let mut all = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let mut lines: Vec<String> = all.by_ref().take(LINES).map(short).collect();
    match all.count() {
        0 => {}
        more => lines.push(format!("… and {more} more lines")),
    }
    lines
}

fn short(line: &str) -> String {
    match line.char_indices().nth(COLUMNS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// What the page has printed.
pub(super) fn console(printed: Vec<String>) -> Option<Note> {
    (!printed.is_empty()).then(|| Note {
        title: "the page's console".to_owned(),
        lines: last(printed),
    })
}

/// The requests that visitors did make, the one that is most like the wanted one first.
pub(super) fn calls(wanted: &str, hops: &[Exchange]) -> Note {
    let mut seen = BTreeSet::new();
    let mut calls: Vec<String> = hops
        .iter()
        .filter(|hop| hop.from == Party::Visitor)
        .map(|hop| {
            let status = hop
                .response
                .as_ref()
                .map_or("no response".to_owned(), |response| {
                    response.status.as_u16().to_string()
                });
            format!("{} {}  {status}", hop.request.method, hop.request.url)
        })
        .filter(|call| seen.insert(call.clone()))
        .collect();
    let likeness = |call: &String| strsim::jaro(wanted, call);
    calls.sort_by(|left, right| likeness(right).total_cmp(&likeness(left)));
    if calls.is_empty() {
        calls.push("none".to_owned());
    }
    calls.truncate(LINES);
    Note {
        title: "the requests that were sent, the most similar first".to_owned(),
        lines: calls,
    }
}

/// What workers and their runtime have written since this time.
pub(super) async fn log(rig: &Rig, since: Instant) -> Option<Note> {
    let lines = rig.log_so_far().await.into_iter();
    let lines = lines.filter(|line| line.at >= since.into_std());
    let lines: Vec<String> = lines.map(|line| line.message).collect();
    (!lines.is_empty()).then(|| Note {
        title: "the worker's log during this step".to_owned(),
        lines: last(lines),
    })
}

/// What workers threw since this time that nobody caught, each with its stack.
pub(super) async fn thrown(rig: &Rig, since: Instant) -> Vec<String> {
    let lines = rig.log_so_far().await.into_iter();
    let thrown = lines.filter(|line| line.source == LogSource::Exception);
    thrown
        .filter(|line| line.at >= since.into_std())
        .map(|line| match line.message.strip_prefix("Uncaught ") {
            Some(thrown) => thrown.to_owned(),
            None => line.message,
        })
        .collect()
}

/// The latest lines.
fn last(mut lines: Vec<String>) -> Vec<String> {
    lines.drain(..lines.len().saturating_sub(LINES));
    lines
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const PAGE: &str = "<html><head><title>Shop</title><style>a{}</style></head><body><script>x()</script>\
        <form id=signup><p class=error>No such plan</p></form></body></html>";

    #[rstest]
    #[case::what_is_there(
        "#signup p",
        "the page has at `#signup p`",
        "<p class=\"error\">No such plan</p>"
    )]
    #[case::where_it_would_be(
        "#signup > .done",
        "the page has at `#signup`",
        "<form id=\"signup\"><p class=\"error\">No such plan</p></form>"
    )]
    #[case::nowhere(".done", "the page shows", "<title> Shop\nNo such plan")]
    #[case::no_selector("#signup[", "the page shows", "<title> Shop\nNo such plan")]
    fn the_page_is_shown_around_what_a_selector_means(
        #[case] select: &str,
        #[case] title: &str,
        #[case] lines: &str,
    ) {
        let note = around_selector(PAGE, select, &Redactor::default());
        assert_eq!(
            (note.title.as_str(), note.lines.join("\n").as_str()),
            (title, lines)
        );
    }

    #[test]
    fn long_pages_are_shortened() {
        let page = page(&"<p>line</p>\n".repeat(100), &Redactor::default());
        assert_eq!(page.lines.len(), LINES + 1);
        assert_eq!(page.lines.last().unwrap(), "… and 88 more lines");
    }
}
