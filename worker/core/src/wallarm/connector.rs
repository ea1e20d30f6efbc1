//! The variables of the connector.
//!
//! Lists are JSON arrays, as those of Flow. A value that cannot be used is a problem for the log and never an error: the
//! default holds, or the stricter reading where there is one.

use std::time::Duration;

use url::{Position, Url};

use super::{LoopGuard, Routes};
use crate::{configuration::Reader, json::Read};

/// The connector as it is configured.
#[derive(Clone, Debug)]
pub struct Connector {
    /// The filtering node; none where `WALLARM_NODE` cannot be used.
    pub node: Option<FilteringNode>,
    /// Whether the node decides or only watches.
    pub mode: Mode,
    /// The URLs whose requests the node sees; none stands for all.
    pub routes: Option<Routes>,
    /// What happens to a request without a verdict.
    pub failure_mode: FailureMode,
    /// How long the node may keep a visitor waiting in one stretch: for taking a piece of the body, and for its verdict.
    pub timeout: Duration,
    /// The ends of the paths of static files, in lower case.
    pub static_suffixes: Vec<String>,
    /// What a blocked visitor gets.
    pub block_page: BlockPage,
    /// How many bytes of bodies an isolate holds at the same time while their requests wait for verdicts.
    pub body_limit: u32,
    /// What the worker knows its own calls by; none where its secret cannot be used.
    pub loop_guard: Option<LoopGuard>,
}

/// Where the filtering node is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilteringNode {
    /// Its URL without a slash at the end; the path and query of a request follow it.
    pub base: String,
    /// Its scheme, host and port as in the URL of a request that is meant for it.
    pub origin: String,
    /// The path in its URL, without a slash at the end; mostly empty.
    pub path: String,
}

/// Whether the node decides or only watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The origin gets the request after the node's verdict.
    Inline,
    /// The node gets a copy.
    Async,
}

/// What happens to a request without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureMode {
    /// It goes on to the origin.
    Open,
    /// It is blocked.
    Closed,
}

/// What a blocked visitor gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockPage {
    /// The text `Request blocked.`
    Text,
    /// A page that names the request's id, the time and the visitor's address.
    Page,
}

/// The default of `WALLARM_BODY_LIMIT` in bytes: half the memory of an isolate.
pub const DEFAULT_BODY_LIMIT: u32 = 64 << 20;

const DEFAULT_TIMEOUT: u32 = 1000;

/// The list of the vendor's first connector.
const STATIC_SUFFIXES: [&str; 17] = [
    ".css", ".js", ".jpg", ".jpeg", ".png", ".gif", ".svg", ".ico", ".woff", ".woff2", ".eot",
    ".ttf", ".otf", ".webp", ".avif", ".mp4", ".webm",
];

impl Connector {
    /// Reads the variables; none where `WALLARM_NODE` is not set.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let node = reader.text("WALLARM_NODE")?;
        Some(Self::with_node(reader, &node))
    }

    /// The rest, which only a deployment with a node has use for: a function of its own, that only those compile.
    #[inline(never)]
    fn with_node(reader: &mut Reader<'_>, node: &str) -> Self {
        Self {
            node: read_node(reader, node),
            mode: if reader.is_second(
                "WALLARM_MODE",
                ["inline", "async"],
                "inline or async; inline is used",
            ) {
                Mode::Async
            } else {
                Mode::Inline
            },
            routes: read_routes(reader),
            // As with the calls of Flow: who sets a failure mode that cannot be read did not mean the default.
            failure_mode: if reader.text("WALLARM_FAILURE_MODE").is_none()
                || reader.is_second(
                    "WALLARM_FAILURE_MODE",
                    ["closed", "open"],
                    "open or closed; closed is used",
                ) {
                FailureMode::Open
            } else {
                FailureMode::Closed
            },
            timeout: Duration::from_millis(
                reader
                    .number(
                        "WALLARM_TIMEOUT_MS",
                        DEFAULT_TIMEOUT,
                        "a whole number of milliseconds above 0; 1000 is used",
                    )
                    .into(),
            ),
            static_suffixes: read_suffixes(reader),
            block_page: if reader.is_second(
                "WALLARM_BLOCK_PAGE",
                ["text", "page"],
                "text or page; text is used",
            ) {
                BlockPage::Page
            } else {
                BlockPage::Text
            },
            body_limit: reader.number(
                "WALLARM_BODY_LIMIT",
                DEFAULT_BODY_LIMIT,
                "a whole number of bytes above 0; 67108864 is used",
            ),
            loop_guard: read_loop_guard(reader),
        }
    }
}

fn read_node(reader: &mut Reader<'_>, text: &str) -> Option<FilteringNode> {
    let node = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    let Some(url) = node else {
        reader.invalid(
            "WALLARM_NODE",
            "an http or https URL without credentials, query and fragment; no request can be inspected",
        );
        return None;
    };
    Some(FilteringNode {
        base: url.as_str().trim_end_matches('/').to_owned(),
        origin: url[..Position::BeforePath].to_owned(),
        path: url.path().trim_end_matches('/').to_owned(),
    })
}

fn read_routes(reader: &mut Reader<'_>) -> Option<Routes> {
    let patterns = reader.patterns("WALLARM_ROUTES");
    // Where not one pattern can be used, the node sees everything rather than nothing.
    (!patterns.is_empty()).then(|| Routes::new(patterns))
}

fn read_suffixes(reader: &mut Reader<'_>) -> Vec<String> {
    const NAME: &str = "WALLARM_STATIC_SUFFIXES";
    const EXPECTED: &str = "a JSON array of ends of paths such as .css; what is none is left out";
    let Some(mut suffixes) = reader.json::<Vec<String>>(NAME, EXPECTED, |json| Read::read(json))
    else {
        return STATIC_SUFFIXES.map(str::to_owned).to_vec();
    };
    let named = suffixes.len();
    // An empty one would be the end of every path.
    suffixes.retain(|suffix| suffix.len() > 1);
    if suffixes.len() < named {
        reader.invalid(NAME, EXPECTED);
    }
    for suffix in &mut suffixes {
        suffix.make_ascii_lowercase();
    }
    suffixes
}

fn read_loop_guard(reader: &mut Reader<'_>) -> Option<LoopGuard> {
    const NAME: &str = "WALLARM_LOOP_SECRET";
    let guard = LoopGuard::new(&reader.text(NAME)?);
    if guard.is_none() {
        reader.invalid(
            NAME,
            "32 hexadecimal digits; only the node's own host is known as a loop",
        );
    }
    guard
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::configuration::Configuration;

    fn configuration(variables: &[(&str, &str)]) -> Configuration {
        let mut all = BTreeMap::from([("WALLARM_NODE", "https://node.example")]);
        all.extend(variables.iter().copied());
        Configuration::read(|name| all.get(name).map(|&text| text.to_owned()))
    }

    fn connector(variables: &[(&str, &str)]) -> (Connector, usize) {
        let configuration = configuration(variables);
        (configuration.wallarm.unwrap(), configuration.problems.len())
    }

    #[test]
    fn without_a_node_there_is_no_connector() {
        assert!(configuration(&[("WALLARM_NODE", " ")]).wallarm.is_none());
    }

    #[test]
    fn the_defaults_let_everything_through_the_node_and_nothing_depend_on_it() {
        let (connector, problems) = connector(&[]);
        assert_eq!(problems, 0);
        assert_eq!(connector.mode, Mode::Inline);
        assert_eq!(connector.failure_mode, FailureMode::Open);
        assert_eq!(connector.timeout, Duration::from_secs(1));
        assert_eq!(connector.block_page, BlockPage::Text);
        assert_eq!(connector.static_suffixes.len(), 17);
        assert_eq!(connector.body_limit, 67_108_864);
        assert!(connector.routes.is_none());
    }

    #[test]
    fn a_deployment_of_the_connector_alone_lacks_nothing_of_flow() {
        assert_eq!(configuration(&[]).problems, []);
        let both = configuration(&[("FP_PUBLIC_KEY", "pk")]);
        assert_eq!(both.problems.len(), 2, "{:?}", both.problems);
    }

    #[rstest]
    #[case("https://node.example", Some(("https://node.example", "https://node.example", "")))]
    #[case("http://node.example:8080/", Some(("http://node.example:8080", "http://node.example:8080", "")))]
    #[case("https://NODE.example/a/b/", Some(("https://node.example/a/b", "https://node.example", "/a/b")))]
    #[case("node.example", None)]
    #[case("ftp://node.example", None)]
    #[case("https://user@node.example", None)]
    #[case("https://:word@node.example", None)]
    #[case("https://node.example/?a", None)]
    #[case("https://node.example/#a", None)]
    fn a_node_is_a_plain_url(#[case] text: &str, #[case] expected: Option<(&str, &str, &str)>) {
        let (connector, problems) = connector(&[("WALLARM_NODE", text)]);
        let node = connector.node.as_ref();
        let read = node.map(|node| (node.base.as_str(), node.origin.as_str(), node.path.as_str()));
        assert_eq!(read, expected);
        assert_eq!(problems, usize::from(expected.is_none()));
    }

    #[rstest]
    #[case("open", FailureMode::Open, 0)]
    #[case("Closed", FailureMode::Closed, 0)]
    #[case("close", FailureMode::Closed, 1)]
    fn a_failure_mode_that_cannot_be_read_is_closed(
        #[case] text: &str,
        #[case] mode: FailureMode,
        #[case] problems: usize,
    ) {
        let (connector, found) = connector(&[("WALLARM_FAILURE_MODE", text)]);
        assert_eq!((connector.failure_mode, found), (mode, problems));
    }

    #[rstest]
    #[case("WALLARM_MODE", "both")]
    #[case("WALLARM_TIMEOUT_MS", "0")]
    #[case("WALLARM_TIMEOUT_MS", "1s")]
    #[case("WALLARM_BODY_LIMIT", "-1")]
    #[case("WALLARM_BLOCK_PAGE", "html")]
    #[case("WALLARM_ROUTES", "shop.example/*")]
    #[case("WALLARM_ROUTES", r#"["shop.example/*x"]"#)]
    #[case("WALLARM_STATIC_SUFFIXES", ".css")]
    fn a_value_that_cannot_be_used_leaves_the_default(#[case] name: &str, #[case] value: &str) {
        let (connector, problems) = connector(&[(name, value)]);
        let (default, _) = self::connector(&[]);
        assert_eq!(format!("{connector:?}"), format!("{default:?}"));
        assert_eq!(problems, 1);
    }

    #[rstest]
    #[case("[]", &[], 0)]
    #[case(r#"[".CSS",".map"]"#, &[".css", ".map"], 0)]
    #[case(r#"["",".","x.js"]"#, &["x.js"], 1)]
    fn the_list_of_static_files_can_be_changed(
        #[case] text: &str,
        #[case] expected: &[&str],
        #[case] problems: usize,
    ) {
        let (connector, found) = connector(&[("WALLARM_STATIC_SUFFIXES", text)]);
        assert_eq!(connector.static_suffixes, expected);
        assert_eq!(found, problems);
    }

    #[rstest]
    #[case("0123456789abcdef0123456789ABCDEF", true)]
    #[case("short", false)]
    #[case("+123456789abcdef0123456789abcdef", false)]
    #[case("0123456789abcdef0123456789abcdef0", false)]
    fn a_secret_for_loops_cannot_be_guessed(#[case] secret: &str, #[case] is_used: bool) {
        let (connector, problems) = connector(&[("WALLARM_LOOP_SECRET", secret)]);
        assert_eq!(connector.loop_guard.is_some(), is_used);
        assert_eq!(problems, usize::from(!is_used));
        assert!(!format!("{connector:?}").contains(secret));
    }

    proptest! {
        #[test]
        fn no_variable_makes_the_reader_fail(node in ".{0,60}", text in ".{0,60}") {
            let configuration = Configuration::read(|name| {
                Some(if name == "WALLARM_NODE" { node.clone() } else { text.clone() })
            });
            if let Some(node) = configuration.wallarm.and_then(|connector| connector.node) {
                prop_assert!(node.base.starts_with("http") && node.base.starts_with(&node.origin));
            }
        }
    }
}
