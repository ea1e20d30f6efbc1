//! What is injected into a page, and what that changes.

use super::{
    csp::Verdict,
    element::{self, Hashes},
    integrity,
    page::{declares_charset, length, read_edits, response_edits, verdict},
    scan::{Found, Kind, Scanner},
    validators,
};
use crate::{
    audience::Audience,
    configuration::Configuration,
    headers::{HeaderEdit, Headers},
    log::{LogEntry, LogLevel},
    request::RequestHead,
};

/// Where browsers look for the `<meta>` that names a page's encoding, in bytes.
const CHARSET_BYTES: usize = 1024;

/// The scripts a page gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    prefix: String,
    instrumentor: bool,
    agent_data: Option<String>,
    /// Whether less than a document gets them too.
    in_fragments: bool,
}

/// What becomes of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It gets its scripts.
    Inject(Injection),
    /// It stays as it is, but for its head. Where it should have a script, the log says why it has none.
    Leave(Vec<HeaderEdit>, Option<LogEntry>),
}

/// An injection, ready to be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injection {
    /// Where, in bytes from the start of the page.
    pub position: usize,
    /// What, in the encoding of the page.
    pub inserted: Vec<u8>,
    /// What changes about the head of the response.
    pub edits: Vec<HeaderEdit>,
    /// The new length of the page in bytes, where it can be told beforehand.
    pub length: Option<u64>,
    /// What there is to say about it.
    pub log: LogEntry,
}

/// Which scripts the response to a request gets, should it be a page: the instrumentor on identification pages, the agent
/// processor where a document came with agent data. None when there is nothing to inject.
pub fn wanted(
    configuration: &Configuration,
    head: &RequestHead,
    agent_data: Option<&str>,
) -> Option<Wanted> {
    let prefix = configuration.route_prefix.as_deref()?;
    let mut pages = configuration.identification_pages.iter();
    let instrumentor = pages.any(|page| page.matches(&head.url));
    let agent_data = agent_data.filter(|_| head.is_document_navigation());
    (instrumentor || agent_data.is_some()).then(|| Wanted {
        prefix: prefix.to_owned(),
        instrumentor,
        agent_data: agent_data.map(str::to_owned),
        in_fragments: head.audience() == Audience::Navigation,
    })
}

impl Wanted {
    /// Whether the start of the page is read far enough to know that it gets scripts, wherever.
    pub fn is_certain(&self, scanner: &Scanner) -> bool {
        match scanner.kind() {
            Some(kind) => kind == Kind::Document || (kind == Kind::Fragment && self.in_fragments),
            None => self.in_fragments && scanner.passable() > 0,
        }
    }

    /// The entity tag of the page. One with agent data is made for one visitor, once; one with the hash of an agent is right
    /// for as long as that is the agent.
    fn tag(&self, response: &Headers) -> Option<String> {
        if self.agent_data.is_some() || integrity::blocks_scripts(response) {
            return None;
        }
        validators::tag(&self.prefix, response)
    }
}

/// What changes about the head of a response whose page goes on before all of its scripts' place is known.
pub fn early_edits(wanted: &Wanted, response: &Headers) -> Vec<HeaderEdit> {
    response_edits(response, None, wanted.tag(response))
}

/// What changes about the head of a response without a body that speaks of a page: one to HEAD, or one that says that the
/// visitor's instrumented page is still the right one.
pub fn unread_edits(
    wanted: &Wanted,
    head: &RequestHead,
    status: u16,
    response: &Headers,
) -> Vec<HeaderEdit> {
    if status == 304 && !validators::has_kept(&wanted.prefix, head) {
        return Vec::new();
    }
    early_edits(wanted, response)
}

/// What is injected where. `hashes` are for pages that ask for them.
///
/// Nothing is put into what a script of a page fetched and is no whole document: it becomes part of a page that has the
/// instrumentor already.
pub fn plan(
    wanted: &Wanted,
    head: &RequestHead,
    response: &Headers,
    found: &Found,
    hashes: Option<&Hashes>,
) -> Plan {
    match found.kind {
        Kind::Document => {}
        Kind::Fragment if wanted.in_fragments => {}
        Kind::Fragment => {
            let mut edits = read_edits(response);
            edits.push(head.not_for_windows());
            return Plan::Leave(edits, None);
        }
        Kind::Data => return Plan::Leave(read_edits(response), None),
        Kind::Amp => {
            let reason = "the page is AMP, where no script of the site is valid, so it gets none";
            let entry = LogEntry::new(LogLevel::Warn, "leave", reason);
            return Plan::Leave(read_edits(response), Some(entry));
        }
    }
    let verdict = verdict(head, &wanted.prefix, response, found);
    let nonce = verdict.nonce.as_deref();
    let instrumentor = wanted
        .instrumentor
        .then(|| element::instrumentor(&wanted.prefix, nonce, hashes));
    let processor = wanted
        .agent_data
        .as_ref()
        .map(|data| element::agent_processor(&wanted.prefix, data, nonce, hashes));
    let inserted: Vec<u8> = [instrumentor, processor]
        .into_iter()
        .flatten()
        .flat_map(|element| element.encode(found.width))
        .collect();
    let length =
        length(response).and_then(|length| length.checked_add(inserted.len().try_into().ok()?));
    Plan::Inject(Injection {
        position: position(response, found, inserted.len()),
        inserted,
        edits: response_edits(response, length, wanted.tag(response)),
        length,
        log: log(&verdict, response, hashes),
    })
}

/// The place for so many bytes. Where only a `<meta>` names the page's encoding, it stays where browsers look for it.
fn position(response: &Headers, found: &Found, inserted: usize) -> usize {
    let is_pushed_out =
        |end: &usize| *end <= CHARSET_BYTES && end.saturating_add(inserted) > CHARSET_BYTES;
    found
        .charset_end
        .filter(|_| !declares_charset(response))
        .filter(is_pushed_out)
        .unwrap_or(found.position)
}

fn log(verdict: &Verdict, response: &Headers, hashes: Option<&Hashes>) -> LogEntry {
    let (level, reason) = if !verdict.is_permitted {
        (
            LogLevel::Error,
            "a Content-Security-Policy of the page forbids the scripts; allow 'self' or a nonce in script-src",
        )
    } else if integrity::blocks_scripts(response) {
        (
            LogLevel::Warn,
            match hashes.and_then(|hashes| hashes.loader.as_ref()) {
                Some(_) => {
                    "an Integrity-Policy of the page blocks scripts without a hash: the worker's scripts and the agent's \
                     loader have one, what the agent itself loads is blocked"
                }
                None => {
                    "an Integrity-Policy of the page blocks scripts without a hash: the instrumentor has one, the agent's \
                     loader could not be had and is blocked"
                }
            },
        )
    } else if verdict.has_closed_trusted_types {
        (
            LogLevel::Warn,
            "the page allows only the Trusted Types that it lists in trusted-types: an agent with a policy of its own is \
             kept out",
        )
    } else {
        (LogLevel::Info, "the page gets its scripts")
    };
    LogEntry::new(level, "inject", reason)
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
        response: &str,
        kind: Kind,
    ) -> Option<String> {
        let configuration = configuration("fp");
        let head = head(path, lines);
        let wanted = wanted(&configuration, &head, agent_data)?;
        let found = Found {
            kind,
            ..Found::default()
        };
        match plan(&wanted, &head, &Headers::from_lines(response), &found, None) {
            Plan::Inject(injection) => Some(String::from_utf8(injection.inserted).unwrap()),
            Plan::Leave(..) => None,
        }
    }

    fn injection(
        lines: &str,
        agent_data: Option<&str>,
        response: &str,
        found: &Found,
    ) -> Injection {
        let head = head("/", lines);
        let wanted = wanted(&configuration("fp"), &head, agent_data).unwrap();
        let response = Headers::from_lines(response);
        match plan(&wanted, &head, &response, found, Some(&Hashes::default())) {
            Plan::Inject(injection) => injection,
            Plan::Leave(_, reason) => panic!("left alone: {reason:?}"),
        }
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
        assert_eq!(
            inserted(path, lines, agent_data, "", Kind::Document),
            expected
        );
    }

    #[rstest]
    #[case("sec-fetch-dest: empty", Kind::Fragment, false)]
    #[case("sec-fetch-dest: empty", Kind::Document, true)]
    #[case("sec-fetch-dest: empty", Kind::Data, false)]
    #[case("sec-fetch-dest: document", Kind::Fragment, true)]
    #[case("sec-fetch-dest: iframe", Kind::Data, false)]
    #[case("sec-fetch-dest: document", Kind::Amp, false)]
    #[case("", Kind::Fragment, false)]
    #[case("", Kind::Document, true)]
    fn what_is_no_document_is_left_alone(
        #[case] lines: &str,
        #[case] kind: Kind,
        #[case] is_injected: bool,
    ) {
        assert_eq!(inserted("/", lines, None, "", kind).is_some(), is_injected);
    }

    #[rstest]
    #[case("sec-fetch-dest: empty", Kind::Fragment, true)]
    #[case("accept: */*", Kind::Fragment, true)]
    #[case("sec-fetch-dest: empty", Kind::Data, false)]
    #[case(NAVIGATION, Kind::Amp, false)]
    fn what_a_window_would_get_with_a_script_no_cache_gives_it_without(
        #[case] lines: &str,
        #[case] kind: Kind,
        #[case] varies: bool,
    ) {
        let head = head("/", lines);
        let wanted = wanted(&configuration("fp"), &head, None).unwrap();
        let found = Found {
            kind,
            ..Found::default()
        };
        let Plan::Leave(edits, _) = plan(&wanted, &head, &Headers::default(), &found, None) else {
            panic!("injected");
        };
        let names = edits.iter().filter_map(|edit| match edit {
            HeaderEdit::Append(name, fields) if name == "vary" => Some(fields),
            _ => None,
        });
        let names: Vec<_> = names.collect();
        assert_eq!(!names.is_empty(), varies, "{edits:?}");
        assert!(names.iter().all(|fields| fields.contains("Accept")));
    }

    #[test]
    fn a_page_that_should_have_a_script_and_has_none_is_logged() {
        let head = head("/", NAVIGATION);
        let wanted = wanted(&configuration("fp"), &head, None).unwrap();
        let log = |kind| {
            let found = Found {
                kind,
                ..Found::default()
            };
            match plan(&wanted, &head, &Headers::default(), &found, None) {
                Plan::Leave(_, log) => log.map(|entry| entry.level),
                Plan::Inject(_) => panic!("injected"),
            }
        };
        assert_eq!(log(Kind::Amp), Some(LogLevel::Warn));
        assert_eq!(log(Kind::Data), None);
    }

    #[rstest]
    #[case("", 2, 900, 2)]
    #[case("", 2, 1000, 1000)]
    #[case("", 2, 1030, 2)]
    #[case("content-type: text/html; charset=utf-8", 2, 1000, 2)]
    fn the_meta_that_names_the_encoding_stays_where_browsers_look(
        #[case] response: &str,
        #[case] position: usize,
        #[case] charset_end: usize,
        #[case] expected: usize,
    ) {
        let found = Found {
            kind: Kind::Document,
            position,
            charset_end: Some(charset_end),
            ..Found::default()
        };
        assert_eq!(injection("", None, response, &found).position, expected);
    }

    #[test]
    fn a_page_with_agent_data_has_no_validator() {
        let found = Found {
            kind: Kind::Document,
            ..Found::default()
        };
        let of = |agent_data| injection(NAVIGATION, agent_data, "etag: \"v1\"", &found).edits;
        assert!(of(Some("d")).contains(&HeaderEdit::remove("etag")));
        let has_tag =
            |edit: &HeaderEdit| matches!(edit, HeaderEdit::Set(name, _) if name == "etag");
        assert!(of(None).iter().any(has_tag));
    }

    #[rstest]
    #[case("", 304, false)]
    #[case("", 200, true)]
    fn only_the_worker_s_own_pages_are_confirmed(
        #[case] lines: &str,
        #[case] status: u16,
        #[case] expected: bool,
    ) {
        let head = head("/", lines);
        let wanted = wanted(&configuration("fp"), &head, None).unwrap();
        let response = Headers::from_lines("etag: \"v1\"");
        let edits = unread_edits(&wanted, &head, status, &response);
        assert_eq!(!edits.is_empty(), expected);
    }

    #[test]
    fn a_page_is_confirmed_with_the_tag_it_has() {
        let response = Headers::from_lines("etag: \"v1\"");
        let tag = validators::tag("fp", &response).unwrap();
        let head = head("/", &format!("if-none-match: {tag}"));
        let wanted = wanted(&configuration("fp"), &head, None).unwrap();
        let edits = unread_edits(&wanted, &head, 304, &response);
        assert!(edits.contains(&HeaderEdit::set("etag", tag)), "{edits:?}");
    }

    #[rstest]
    #[case("<!doctype html>", true, true)]
    #[case("<!doc", true, false)]
    #[case("<p>", true, false)]
    #[case("<p", false, false)]
    #[case("{\"a\":", false, false)]
    fn it_is_certain_early_that_a_page_gets_a_script(
        #[case] start: &str,
        #[case] in_navigation: bool,
        #[case] in_script: bool,
    ) {
        let mut scanner = Scanner::new(Width::One);
        scanner.push(start.as_bytes());
        for (lines, expected) in [
            (NAVIGATION, in_navigation),
            ("sec-fetch-dest: empty", in_script),
        ] {
            let wanted = wanted(&configuration("fp"), &head("/", lines), None).unwrap();
            assert_eq!(wanted.is_certain(&scanner), expected, "{lines}");
        }
    }

    #[test]
    fn the_nonce_of_the_page_is_used() {
        let script = inserted(
            "/",
            "",
            None,
            "content-security-policy: script-src 'nonce-a' 'strict-dynamic'",
            Kind::Document,
        );
        assert_eq!(
            script.as_deref(),
            Some("<script nonce=\"a\" src=\"/fp/instrumentor.iife.js\"></script>")
        );
    }

    #[rstest]
    #[case("content-security-policy: script-src 'none'", LogLevel::Error)]
    #[case("integrity-policy: blocked-destinations=(script)", LogLevel::Warn)]
    #[case(
        "content-security-policy: require-trusted-types-for 'script'; trusted-types app",
        LogLevel::Warn
    )]
    #[case(
        "content-security-policy-report-only: script-src 'none'",
        LogLevel::Info
    )]
    #[case("", LogLevel::Info)]
    fn a_policy_that_keeps_the_scripts_out_is_logged(
        #[case] response: &str,
        #[case] level: LogLevel,
    ) {
        let found = Found {
            kind: Kind::Document,
            ..Found::default()
        };
        assert_eq!(injection("", None, response, &found).log.level, level);
    }

    #[test]
    fn without_a_usable_prefix_pages_pass() {
        assert_eq!(wanted(&configuration("/fp"), &head("/", ""), None), None);
    }

    #[test]
    fn the_script_is_written_in_the_encoding_of_the_page() {
        let found = Found {
            kind: Kind::Document,
            width: Width::BigEndian,
            ..Found::default()
        };
        let head = head("/", "");
        let wanted = wanted(&configuration("fp"), &head, None).unwrap();
        let response = Headers::from_lines("content-length: 10");
        let Plan::Inject(injection) = plan(&wanted, &head, &response, &found, None) else {
            panic!("left alone");
        };
        assert_eq!(injection.inserted.len(), 2 * INSTRUMENTOR.len());
        assert_eq!(injection.length, Some(10 + 2 * INSTRUMENTOR.len() as u64));
    }
}
