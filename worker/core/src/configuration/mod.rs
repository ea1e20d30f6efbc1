//! The worker's variables, read once per isolate.
//!
//! Nothing here fails: a variable that cannot be used becomes a [`Problem`] for the log, and each request that needs it
//! follows the failure mode. So a wrong configuration takes no site down, and opens none that is to be closed: what cannot
//! be read of a protected API stands for everything that it could be.
//!
//! Where the vendor publishes no format, these are assumed: `PROTECTED_APIS` is a JSON array of objects with `method`
//! and `url` (a pattern), `IDENTIFICATION_PAGE_URLS` a JSON array of patterns, `FP_FAILURE_FALLBACK_ACTION` a JSON
//! object. Each may be a text variable or a JSON binding.

mod problem;
mod reader;

use std::{fmt, time::Duration};

pub use problem::Problem;
pub(crate) use reader::Reader;

use crate::{action::Action, guard::Guard, log::LogLevel, pattern::Pattern, wallarm::Connector};

/// Everything the worker is told.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Where identification happens: the base URL of the ingress for the region, without a trailing slash.
    pub ingress: String,
    /// The host of the agent's CDN.
    pub cdn_host: String,
    /// The first part of the path of the worker's own routes, without slashes; none when it cannot be used.
    pub route_prefix: Option<String>,
    /// The public key of the workspace.
    pub public_key: Option<String>,
    /// The secret key of the workspace.
    pub secret_key: Option<SecretKey>,
    /// The ruleset that decides; none is monitoring mode, and an empty one a name that could not be read.
    pub ruleset: Option<String>,
    /// Whether requests for pages are analysed for automation.
    pub edge_api: bool,
    /// Whether requests for the static files that a page's pattern catches are analysed too.
    pub edge_includes_static_assets: bool,
    /// The calls that must carry signals.
    pub protected_apis: Vec<ProtectedApi>,
    /// What tells near misses of them; none where such calls go on to the origin anyway, and where it is off.
    pub guard: Option<Guard>,
    /// The pages that get the instrumentation.
    pub identification_pages: Vec<Pattern>,
    /// What happens to a protected call that could not be identified.
    pub fallback: Action,
    /// How much is logged, here and in the page.
    pub log_level: LogLevel,
    /// How long any response of the platform may take.
    pub timeout: Duration,
    /// The Wallarm connector, where a filtering node is named.
    pub wallarm: Option<Connector>,
    /// What is wrong with the variables.
    pub problems: Vec<Problem>,
}

/// An API whose calls must carry signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedApi {
    /// One of the five methods that can be protected.
    pub method: Method,
    /// Its URLs.
    pub url: Pattern,
}

/// The methods that can be protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    const ALL: [Self; 5] = [Self::Get, Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// The methods that change something, as a rule.
    const WRITING: [Self; 4] = [Self::Post, Self::Put, Self::Patch, Self::Delete];

    /// Reads a method, in any case.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        Self::ALL
            .into_iter()
            .find(|method| method.as_str().eq_ignore_ascii_case(text))
    }

    /// The method as it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// The secret key of a workspace. It shows itself to nobody but the platform.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

impl SecretKey {
    /// The value of the `Authorization` header for the platform.
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// What the key that seals passes is made from: of no use for anything else.
    pub fn for_passes(&self) -> String {
        format!("passes of edgeproof\n{}", self.0)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretKey(…)")
    }
}

/// The default of `FP_TIMEOUT_MS`.
const DEFAULT_TIMEOUT: u32 = 3000;

/// The variables that Flow does not work without: where none of them is set, the connector is deployed alone.
const FLOW: [&str; 5] = [
    "WORKER_ROUTE_PREFIX",
    "FP_PUBLIC_KEY",
    "FP_SECRET_KEY",
    "PROTECTED_APIS",
    "IDENTIFICATION_PAGE_URLS",
];

const DEFAULT_INGRESS_HOST: &str = "api.fpjs.io";
const DEFAULT_CDN_HOST: &str = "fpcdn.io";

impl Configuration {
    /// Reads the variables: `variable` gives a text variable as it is and a JSON binding as JSON text. An empty
    /// variable counts as absent.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let mut reader = Reader::new(&variable);
        let wallarm = Connector::read(&mut reader);
        let is_without_flow =
            wallarm.is_some() && FLOW.iter().all(|name| reader.text(name).is_none());
        let ruleset = reader.ruleset();
        let fallback = reader.fallback();
        let is_closed = ruleset.is_some() && !matches!(fallback, Action::Allow(_));
        let protected_apis = reader.protected_apis(is_closed);
        let is_guarded = reader.is_guarded() && is_closed;
        let mut configuration = Self {
            ingress: reader.ingress(),
            cdn_host: reader.host("FP_CDN_HOST", DEFAULT_CDN_HOST),
            route_prefix: reader.route_prefix(),
            public_key: reader.required("FP_PUBLIC_KEY"),
            secret_key: reader.secret_key(),
            ruleset,
            edge_api: reader.is_true("FP_EDGE_API"),
            edge_includes_static_assets: reader.is_true("FP_EDGE_INCLUDE_STATIC_ASSETS"),
            guard: is_guarded.then(|| Guard::new(&protected_apis)),
            protected_apis,
            identification_pages: reader.patterns("IDENTIFICATION_PAGE_URLS"),
            fallback,
            log_level: reader.log_level(),
            timeout: Duration::from_millis(
                reader
                    .number(
                        "FP_TIMEOUT_MS",
                        DEFAULT_TIMEOUT,
                        "a whole number of milliseconds above 0; 3000 is used",
                    )
                    .into(),
            ),
            wallarm,
            problems: reader.problems,
        };
        if is_without_flow {
            let is_missing = |problem: &Problem| matches!(problem, Problem::Missing(_));
            configuration
                .problems
                .retain(|problem| !is_missing(problem));
        }
        configuration
    }

    /// Whether nothing is blocked: no ruleset decides.
    pub fn is_monitoring(&self) -> bool {
        self.ruleset.is_none()
    }

    /// Whether a call that cannot be identified goes on to the origin.
    pub fn fails_open(&self) -> bool {
        self.is_monitoring() || matches!(self.fallback, Action::Allow(_))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn read(variables: &[(&str, &str)]) -> Configuration {
        let mut all = BTreeMap::from([
            ("WORKER_ROUTE_PREFIX", "fp"),
            ("FP_PUBLIC_KEY", "pk"),
            ("FP_SECRET_KEY", "sk"),
        ]);
        all.extend(variables.iter().copied());
        Configuration::read(|name| all.get(name).map(|&text| text.to_owned()))
    }

    #[test]
    fn the_defaults_are_the_vendors() {
        let configuration = read(&[]);
        assert_eq!(configuration.ingress, "https://api.fpjs.io");
        assert_eq!(configuration.cdn_host, "fpcdn.io");
        assert_eq!(configuration.log_level, LogLevel::Error);
        assert_eq!(configuration.timeout, Duration::from_secs(3));
        assert_eq!(configuration.fallback, Action::default());
        assert!(configuration.is_monitoring() && !configuration.edge_api);
        assert_eq!(configuration.problems, []);
    }

    #[rstest]
    #[case("us", "https://api.fpjs.io", 0)]
    #[case("eu", "https://eu.api.fpjs.io", 0)]
    #[case("ap", "https://ap.api.fpjs.io", 0)]
    #[case("mars", "https://api.fpjs.io", 1)]
    fn the_region_chooses_the_host(
        #[case] region: &str,
        #[case] ingress: &str,
        #[case] problems: usize,
    ) {
        let configuration = read(&[("FP_REGION", region)]);
        assert_eq!(configuration.ingress, ingress);
        assert_eq!(configuration.problems.len(), problems);
    }

    #[rstest]
    #[case("https://evil.example")]
    #[case("evil.example/path")]
    #[case("user@evil.example")]
    #[case("evil.example?x")]
    #[case("evil example")]
    fn a_host_is_only_a_host(#[case] host: &str) {
        let configuration = read(&[("FP_INGRESS_BASE_HOST", host)]);
        assert_eq!(configuration.ingress, "https://api.fpjs.io");
        assert_eq!(configuration.problems.len(), 1);
    }

    #[rstest]
    #[case("fp", Some("fp"))]
    #[case("fp/v1/", Some("fp/v1"))]
    #[case("/fp", None)]
    #[case("f p", None)]
    #[case("fp/../x", None)]
    #[case("\"><script>", None)]
    #[case("", None)]
    fn a_route_prefix_is_plain_segments(#[case] prefix: &str, #[case] expected: Option<&str>) {
        let configuration = read(&[("WORKER_ROUTE_PREFIX", prefix)]);
        assert_eq!(configuration.route_prefix.as_deref(), expected);
        assert_eq!(
            configuration.problems.len(),
            usize::from(expected.is_none())
        );
    }

    #[test]
    fn an_unusable_entry_leaves_the_others_in_force() {
        let configuration = read(&[
            (
                "PROTECTED_APIS",
                r#"[{"method":"POST","url":"a.example/x*y"},{"method":"HEAD","url":"a.example/x"},
                    {"method":"POST","url":"a.example/x"}]"#,
            ),
            ("IDENTIFICATION_PAGE_URLS", r#"["/relative","a.example/"]"#),
        ]);
        assert_eq!(configuration.protected_apis.len(), 1);
        assert_eq!(configuration.identification_pages.len(), 1);
        assert_eq!(
            configuration
                .problems
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>(),
            [
                "PROTECTED_APIS: pattern 1 cannot be used: * may only stand at the start of the host and at the end of the path",
                "PROTECTED_APIS is not valid: a JSON array of objects with method (GET, POST, PUT, PATCH or DELETE) and url",
                "IDENTIFICATION_PAGE_URLS: pattern 1 cannot be used: a pattern starts with a host, such as shop.example/api/*",
            ]
        );
    }

    /// The APIs that a list protects, where calls must not pass unchecked.
    fn protected(list: &str) -> Vec<String> {
        let configuration = read(&[("FP_RULESET_ID", "rs_1"), ("PROTECTED_APIS", list)]);
        let apis = configuration.protected_apis.iter();
        apis.map(|api| format!("{} {}", api.method.as_str(), api.url.as_str()))
            .collect()
    }

    #[rstest]
    #[case(r#"[{"method":"post","url":"a.example/x"}]"#, &["POST a.example/x"])]
    #[case(r#"[{"method":"*","url":"a.example/x"}]"#,
        &["GET a.example/x", "POST a.example/x", "PUT a.example/x", "PATCH a.example/x", "DELETE a.example/x"])]
    #[case("not json", EVERY_CALL)]
    #[case(" ", EVERY_CALL)]
    #[case("{}", EVERY_CALL)]
    #[case(r#"["POST a.example/x"]"#, EVERY_CALL)]
    #[case(r#"[{"method":"POST","url":"a.example/*/x"}]"#, EVERY_CALL)]
    #[case(r#"[{"method":"POST","url":"/x*"}]"#, EVERY_CALL)]
    #[case("[]", &[])]
    #[case("", &[])]
    fn what_cannot_be_read_of_a_protected_api_stands_for_everything(
        #[case] list: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(protected(list), expected);
    }

    const EVERY_CALL: &[&str] = &["POST */*", "PUT */*", "PATCH */*", "DELETE */*"];

    #[test]
    fn where_calls_pass_unchecked_nothing_is_widened_and_nothing_is_guarded() {
        for open in [
            ("FP_RULESET_ID", ""),
            ("FP_FAILURE_FALLBACK_ACTION", r#"{"type":"allow"}"#),
        ] {
            let configuration = read(&[("FP_RULESET_ID", "rs_1"), ("PROTECTED_APIS", "{"), open]);
            assert_eq!(configuration.protected_apis, []);
            assert_eq!(configuration.guard, None);
            assert_eq!(configuration.problems.len(), 1);
        }
    }

    #[rstest]
    #[case("", true, 0)]
    #[case("on", true, 0)]
    #[case("OFF", false, 0)]
    #[case("no", true, 1)]
    fn the_guard_can_be_switched_off(
        #[case] value: &str,
        #[case] expected: bool,
        #[case] problems: usize,
    ) {
        let configuration = read(&[("FP_RULESET_ID", "rs_1"), ("FP_GUARD", value)]);
        assert_eq!(configuration.guard.is_some(), expected);
        assert_eq!(configuration.problems.len(), problems);
    }

    #[test]
    fn a_ruleset_of_blanks_is_no_monitoring() {
        let configuration = read(&[("FP_RULESET_ID", " ")]);
        assert!(!configuration.fails_open());
        assert_eq!(configuration.problems.len(), 1);
    }

    #[rstest]
    #[case("not json")]
    #[case(r#"{"type":"block"}"#)]
    #[case(r#"{"type":"perhaps"}"#)]
    fn a_failure_mode_that_cannot_be_read_is_closed(#[case] text: &str) {
        let configuration = read(&[
            ("FP_RULESET_ID", "rs_1"),
            ("FP_FAILURE_FALLBACK_ACTION", text),
        ]);
        assert!(!configuration.fails_open());
        assert_eq!(configuration.problems.len(), 1);
    }

    #[rstest]
    #[case("250", 250)]
    #[case("0", 3000)]
    #[case("-1", 3000)]
    #[case("soon", 3000)]
    fn the_timeout_is_in_milliseconds(#[case] text: &str, #[case] milliseconds: u64) {
        let configuration = read(&[("FP_TIMEOUT_MS", text)]);
        assert_eq!(configuration.timeout, Duration::from_millis(milliseconds));
    }

    #[test]
    fn the_secret_key_does_not_show_itself() {
        let configuration = read(&[("FP_SECRET_KEY", "very-secret")]);
        assert!(!format!("{configuration:?}").contains("very-secret"));
        assert_eq!(
            configuration.secret_key.unwrap().bearer(),
            "Bearer very-secret"
        );
    }

    #[test]
    fn a_missing_key_is_a_problem_and_no_failure() {
        let configuration = read(&[("FP_SECRET_KEY", "")]);
        assert_eq!(configuration.problems, [Problem::Missing("FP_SECRET_KEY")]);
    }

    proptest! {
        #[test]
        fn no_variable_makes_the_reader_fail(text in ".{0,80}") {
            let configuration = Configuration::read(|_| Some(text.clone()));
            prop_assert!(configuration.ingress.starts_with("https://"));
        }
    }
}
