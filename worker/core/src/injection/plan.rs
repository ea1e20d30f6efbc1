//! What is injected into a page, and what that changes.

use super::{
    element,
    page::{answer_edits, verdict},
    scan::Found,
};
use crate::{
    configuration::Configuration,
    headers::{HeaderEdit, Headers},
    log::{LogEntry, LogLevel},
    request::RequestHead,
};

/// The scripts a page gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted<'a> {
    prefix: &'a str,
    instrumentor: bool,
    agent_data: Option<&'a str>,
}

/// An injection, ready to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// Where, in bytes from the start of the page.
    pub position: usize,
    /// What, in the encoding of the page.
    pub inserted: Vec<u8>,
    /// What changes about the head of the answer.
    pub edits: Vec<HeaderEdit>,
    /// The new length of the page in bytes, where it can be told beforehand.
    pub length: Option<u64>,
    /// What there is to say about it.
    pub log: LogEntry,
}

/// Which scripts the answer to a request gets, should it be a page: the instrumentor on identification pages, the agent
/// processor where a document came with agent data. None when there is nothing to inject.
pub fn wanted<'a>(
    configuration: &'a Configuration,
    head: &RequestHead,
    agent_data: Option<&'a str>,
) -> Option<Wanted<'a>> {
    let wanted = Wanted {
        prefix: configuration.route_prefix.as_deref()?,
        instrumentor: configuration
            .identification_pages
            .iter()
            .any(|page| page.matches(&head.url)),
        agent_data: agent_data.filter(|_| head.is_document_navigation()),
    };
    (wanted.instrumentor || wanted.agent_data.is_some()).then_some(wanted)
}

/// What is injected where. None in a fragment that a script of the page fetched: it becomes part of a page that has the
/// instrumentor already.
pub fn plan(
    wanted: &Wanted<'_>,
    head: &RequestHead,
    answer: &Headers,
    found: &Found,
) -> Option<Injection> {
    if !found.is_document && head.is_fetched_by_script() {
        return None;
    }
    let verdict = verdict(answer, found);
    let nonce = verdict.nonce.as_deref();
    let instrumentor = wanted
        .instrumentor
        .then(|| element::instrumentor(wanted.prefix, nonce));
    let processor = wanted
        .agent_data
        .map(|data| element::agent_processor(wanted.prefix, data, nonce));
    let inserted: Vec<u8> = [instrumentor, processor]
        .into_iter()
        .flatten()
        .flat_map(|element| element.encode(found.width))
        .collect();
    let (edits, length) = answer_edits(answer, inserted.len());
    let log = if verdict.is_permitted {
        LogEntry::new(LogLevel::Info, "inject", "the page gets its scripts")
    } else {
        LogEntry::new(
            LogLevel::Error,
            "inject",
            "a Content-Security-Policy of the page forbids the scripts; allow 'self' or a nonce in script-src",
        )
    };
    Some(Injection {
        position: found.position,
        inserted,
        edits,
        length,
        log,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::injection::Width;

    fn configuration(prefix: &str) -> Configuration {
        Configuration::read(|name| {
            let value = match name {
                "WORKER_ROUTE_PREFIX" => prefix,
                "IDENTIFICATION_PAGE_URLS" => r#"["shop.example/"]"#,
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    fn head(path: &str, lines: &str) -> RequestHead {
        let url = format!("https://shop.example{path}");
        RequestHead::new("GET", &url, Headers::from_lines(lines)).unwrap()
    }

    fn inserted(
        path: &str,
        lines: &str,
        agent_data: Option<&str>,
        answer: &str,
        is_document: bool,
    ) -> Option<String> {
        let configuration = configuration("fp");
        let head = head(path, lines);
        let wanted = wanted(&configuration, &head, agent_data)?;
        let found = Found {
            is_document,
            ..Found::default()
        };
        let injection = plan(&wanted, &head, &Headers::from_lines(answer), &found)?;
        Some(String::from_utf8(injection.inserted).unwrap())
    }

    const NAVIGATION: &str = "sec-fetch-dest: document";
    const INSTRUMENTOR: &str = "<script src=\"/fp/instrumentor.iife.js\"></script>";
    const PROCESSOR: &str =
        "<script data-agent-data=\"d\" async src=\"/fp/agent-processor.iife.js\"></script>";

    #[rstest]
    #[case("/", NAVIGATION, None, Some(INSTRUMENTOR.to_owned()))]
    #[case("/", NAVIGATION, Some("d"), Some(format!("{INSTRUMENTOR}{PROCESSOR}")))]
    #[case("/api", NAVIGATION, Some("d"), Some(PROCESSOR.to_owned()))]
    #[case("/api", "sec-fetch-dest: empty", Some("d"), None)]
    #[case("/api", NAVIGATION, None, None)]
    fn pages_get_the_instrumentor_and_navigations_the_agent_data(
        #[case] path: &str,
        #[case] lines: &str,
        #[case] agent_data: Option<&str>,
        #[case] expected: Option<String>,
    ) {
        assert_eq!(inserted(path, lines, agent_data, "", true), expected);
    }

    #[rstest]
    #[case("sec-fetch-dest: empty", false, false)]
    #[case("sec-fetch-dest: empty", true, true)]
    #[case("sec-fetch-dest: document", false, true)]
    #[case("", false, true)]
    fn a_fragment_that_a_script_fetched_is_left_alone(
        #[case] lines: &str,
        #[case] is_document: bool,
        #[case] is_injected: bool,
    ) {
        assert_eq!(
            inserted("/", lines, None, "", is_document).is_some(),
            is_injected
        );
    }

    #[test]
    fn the_nonce_of_the_page_is_used() {
        let script = inserted(
            "/",
            "",
            None,
            "content-security-policy: script-src 'nonce-a' 'strict-dynamic'",
            true,
        );
        assert_eq!(
            script.as_deref(),
            Some("<script nonce=\"a\" src=\"/fp/instrumentor.iife.js\"></script>")
        );
    }

    #[rstest]
    #[case("content-security-policy: script-src 'none'", LogLevel::Error)]
    #[case("", LogLevel::Info)]
    fn a_policy_that_forbids_the_scripts_is_logged(#[case] answer: &str, #[case] level: LogLevel) {
        let configuration = configuration("fp");
        let head = head("/", "");
        let wanted = wanted(&configuration, &head, None).unwrap();
        let injection = plan(
            &wanted,
            &head,
            &Headers::from_lines(answer),
            &Found::default(),
        )
        .unwrap();
        assert_eq!(injection.log.level, level);
    }

    #[test]
    fn without_a_usable_prefix_pages_pass() {
        assert_eq!(wanted(&configuration("/fp"), &head("/", ""), None), None);
    }

    #[test]
    fn the_script_is_written_in_the_encoding_of_the_page() {
        let configuration = configuration("fp");
        let head = head("/", "");
        let wanted = wanted(&configuration, &head, None).unwrap();
        let found = Found {
            width: Width::BigEndian,
            ..Found::default()
        };
        let answer = Headers::from_lines("content-length: 10");
        let injection = plan(&wanted, &head, &answer, &found).unwrap();
        assert_eq!(injection.inserted.len(), 2 * INSTRUMENTOR.len());
        assert_eq!(injection.length, Some(10 + 2 * INSTRUMENTOR.len() as u64));
    }
}
