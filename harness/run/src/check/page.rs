//! The elements and the console of the page.

use edgeproof_scenario::expect::{Element, Expect};
use scraper::{Html, Selector};

use super::Mismatch;
use crate::observed::Observed;

pub(super) fn check(expect: &Expect, observed: &Observed) -> Vec<Mismatch> {
    let of_call = observed.call.as_ref();
    let of_call = of_call.and_then(|call| call.unreadable(expect.body_complete));
    let body = observed.call.as_ref();
    let body = body.map(|call| String::from_utf8_lossy(&call.body));
    let page = match (&observed.live_page, &body) {
        (Some(live), _) => Some((live.html.as_str(), live.unreadable(expect.body_complete))),
        (None, Some(body)) => Some((body.as_ref(), of_call.clone())),
        (None, None) => None,
    };
    let mut mismatches = elements(expect, page);
    mismatches.extend(console(expect, &observed.console));
    if let Some(selector) = &expect.unchanged_except
        && let Some(call) = &observed.call
        && let Some(original) = &observed.origin_page
        && let Err(actual) = match of_call {
            None => unchanged_except(selector, original, &call.body),
            Some(unreadable) => Err(unreadable),
        }
    {
        mismatches.push(Mismatch::new(
            &["unchanged_except"],
            format!("expected the origin's page byte for byte, with one `{selector}` inserted"),
            actual,
        ));
    }
    mismatches
}

/// What a page does not have of the elements it should have; with why it cannot be read, if it cannot.
pub(super) fn elements(expect: &Expect, page: Option<(&str, Option<String>)>) -> Vec<Mismatch> {
    if expect.page.is_empty() {
        return Vec::new();
    }
    let (html, unreadable) = page.unwrap_or_default();
    if let Some(unreadable) = unreadable {
        return vec![Mismatch::new(&["page"], "expected a page", unreadable)];
    }
    let page = Html::parse_document(html);
    let elements = expect.page.iter().enumerate();
    elements
        .flat_map(|(index, element)| {
            let found = check_element(&page, element, &index.to_string());
            let message = element.message.as_deref();
            found.into_iter().map(move |found| found.saying(message))
        })
        .collect()
}

/// What a page has not printed.
pub(super) fn console(expect: &Expect, console: &[String]) -> Vec<Mismatch> {
    let mut mismatches = Vec::new();
    for (index, line) in expect.console.iter().enumerate() {
        if !console.iter().any(|printed| line.holds(Some(printed))) {
            mismatches.push(
                Mismatch::new(
                    &["console", &index.to_string()],
                    format!("expected a line of the page's console {line}"),
                    printed(console),
                )
                .saying(line.message()),
            );
        }
    }
    if let Some(whole) = &expect.whole_console
        && !whole.holds(Some(&console.join("\n")))
    {
        mismatches.push(
            Mismatch::new(
                &["whole_console"],
                format!("expected the page's whole console {whole}"),
                printed(console),
            )
            .saying(whole.message()),
        );
    }
    mismatches
}

fn printed(console: &[String]) -> String {
    match console {
        [] => "the console is empty".to_owned(),
        lines => format!("got `{}`", lines.join("\n")),
    }
}

fn check_element(page: &Html, element: &Element, index: &str) -> Vec<Mismatch> {
    let select = &element.select;
    let selector = match Selector::parse(select) {
        Ok(selector) => selector,
        Err(error) => {
            return vec![Mismatch::new(
                &["page", index, "select"],
                format!("expected a CSS selector instead of `{select}`"),
                error.to_string(),
            )];
        }
    };
    let found: Vec<_> = page.select(&selector).collect();
    let enough = match &element.count {
        // A page has fewer elements than f64 counts exactly.
        Some(count) => count.holds(found.len() as f64),
        None => !found.is_empty(),
    };
    if !enough {
        let wanted = match &element.count {
            Some(count) => format!("expected {count} of `{select}` in the page"),
            None => format!("expected an element `{select}` in the page"),
        };
        let key = if element.count.is_some() {
            "count"
        } else {
            "select"
        };
        return vec![Mismatch::new(
            &["page", index, key],
            wanted,
            match found.len() {
                0 => "found none".to_owned(),
                more => format!("found {more}"),
            },
        )];
    }
    let Some(first) = found.first() else {
        return Vec::new();
    };
    let mut mismatches = Vec::new();
    if let Some(matcher) = &element.text {
        let text = first.text().collect::<String>();
        if !matcher.holds(Some(text.trim())) {
            mismatches.push(
                Mismatch::new(
                    &["page", index, "text"],
                    format!("expected the text of `{select}` {matcher}"),
                    format!("got `{}`", text.trim()),
                )
                .saying(matcher.message()),
            );
        }
    }
    for (name, matcher) in &element.attributes {
        let value = first.value().attr(name);
        if !matcher.holds(value) {
            mismatches.push(
                Mismatch::new(
                    &["page", index, "attributes", name],
                    format!("expected the attribute `{name}` of `{select}` {matcher}"),
                    value.map_or("the attribute is absent".to_owned(), |value| {
                        format!("got `{value}`")
                    }),
                )
                .saying(matcher.message()),
            );
        }
    }
    mismatches
}

/// Whether `injected` is `original` with exactly one element inserted, which the selector finds.
fn unchanged_except(selector: &str, original: &[u8], injected: &[u8]) -> Result<(), String> {
    let selector = Selector::parse(selector).map_err(|error| error.to_string())?;
    if original == injected {
        return Err("but nothing was inserted".to_owned());
    }
    let start = original
        .iter()
        .zip(injected)
        .take_while(|(left, right)| left == right)
        .count();
    let Some(more) = injected.len().checked_sub(original.len()) else {
        return Err(differs_at(original, injected, start));
    };
    if original[start..] != injected[start + more..] {
        return Err(differs_at(original, injected, start));
    }
    // `<p>` before `<p>` can be read as inserted before or behind it; all readings are the same page.
    let inserted = (start.saturating_sub(more)..=start)
        .rev()
        .filter(|&at| original[at..start] == injected[at + more..start + more])
        .find_map(|at| {
            let inserted = String::from_utf8_lossy(&injected[at..at + more]).into_owned();
            // A line of its own is as good.
            let element = inserted.trim();
            (element.starts_with('<') && element.ends_with('>')).then(|| element.to_owned())
        });
    let Some(inserted) = inserted else {
        return Err(differs_at(original, injected, start));
    };
    // In a document, so that selectors such as `head > script` can find it.
    let page = Html::parse_document(&format!("<head>{inserted}</head>"));
    let all = page.select(&selector).count();
    let elements = Html::parse_fragment(&inserted)
        .root_element()
        .child_elements()
        .count();
    if all == 1 && elements == 1 {
        Ok(())
    } else {
        Err(format!("but this was inserted: `{inserted}`"))
    }
}

fn differs_at(original: &[u8], injected: &[u8], start: usize) -> String {
    let excerpt = |bytes: &[u8]| {
        let end = (start + 60).min(bytes.len());
        String::from_utf8_lossy(&bytes[start.min(end)..end]).into_owned()
    };
    format!(
        "but they differ from byte {start}: the origin sent `{}`, the visitor got `{}`",
        excerpt(original),
        excerpt(injected)
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("<head><p></head>", "<head><script src=x></script><p></head>", true)]
    #[case(
        "<head><script></script></head>",
        "<head><script></script><script src=x></script></head>",
        true
    )]
    #[case(
        "<head><p></head>",
        "<head>\n<script src=x></script>\n<p></head>",
        true
    )]
    #[case("<head></head>", "<head></head>", false)]
    #[case("<head><p></head>", "<head><p ></head>", false)]
    #[case("<head><p></head>", "<head><script src=x></script></head>", false)]
    #[case(
        "<head></head>",
        "<head><script src=x></script><script src=x></script></head>",
        false
    )]
    #[case("<head></head>a", "<head><script src=x></script></head>b", false)]
    #[case("<head></head>", "<head><script src=y></script></head>", false)]
    #[case("<head>long</head>", "<head></head>", false)]
    fn only_one_inserted_element_is_allowed(
        #[case] original: &str,
        #[case] injected: &str,
        #[case] holds: bool,
    ) {
        let result = unchanged_except("script[src=x]", original.as_bytes(), injected.as_bytes());
        assert_eq!(result.is_ok(), holds, "{result:?}");
    }

    proptest::proptest! {
        #[test]
        fn an_insertion_anywhere_is_recognised(before in "[<a-z/ >]{0,20}", after in "[<a-z/ >]{0,20}") {
            let original = format!("{before}{after}");
            let injected = format!("{before}<script src=x></script>{after}");
            let result = unchanged_except("script[src=x]", original.as_bytes(), injected.as_bytes());
            proptest::prop_assert!(result.is_ok(), "{:?}", result);
        }
    }
}
