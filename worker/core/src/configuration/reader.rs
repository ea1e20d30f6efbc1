//! Reads each variable, and notes what cannot be used.

use super::{DEFAULT_INGRESS_HOST, Method, Problem, ProtectedApi, SecretKey};
use crate::{
    action::Action,
    json::{Json, Object, Read},
    log::LogLevel,
    pattern::Pattern,
};

/// Reads variables and notes what is wrong with them.
pub(crate) struct Reader<'a> {
    variable: &'a dyn Fn(&str) -> Option<String>,
    pub(super) problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(variable: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            variable,
            problems: Vec::new(),
        }
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        (self.variable)(name)
            .map(|text| text.trim().to_owned())
            .filter(|text| !text.is_empty())
    }

    /// Whether a switch is on: nothing but `true` turns it.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.text(name).as_deref() == Some("true")
    }

    pub(super) fn required(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name);
        if text.is_none() {
            self.problems.push(Problem::Missing(name));
        }
        text
    }

    pub(crate) fn invalid(&mut self, variable: &'static str, expected: &'static str) {
        self.problems.push(Problem::Invalid { variable, expected });
    }

    pub(super) fn secret_key(&mut self) -> Option<SecretKey> {
        let key = self.required("FP_SECRET_KEY")?;
        if key.bytes().all(|byte| byte.is_ascii_graphic()) {
            Some(SecretKey(key))
        } else {
            self.invalid("FP_SECRET_KEY", "visible ASCII characters");
            None
        }
    }

    pub(super) fn ingress(&mut self) -> String {
        let host = self.host("FP_INGRESS_BASE_HOST", DEFAULT_INGRESS_HOST);
        let region = match self.text("FP_REGION").as_deref() {
            None | Some("us") => "",
            Some("eu") => "eu.",
            Some("ap") => "ap.",
            Some(_) => {
                self.invalid("FP_REGION", "us, eu or ap; us is used");
                ""
            }
        };
        format!("https://{region}{host}")
    }

    /// A host, with a port where one is needed. A scheme or a path in it would send keys to another place.
    pub(super) fn host(&mut self, name: &'static str, default: &str) -> String {
        let Some(host) = self.text(name) else {
            return default.to_owned();
        };
        let parsed = url::Url::parse(&format!("https://{host}/"));
        let is_host = parsed.is_ok_and(|url| url.path() == "/" && url.username().is_empty())
            && !host.contains(['/', '\\', '?', '#', '@']);
        if is_host {
            host
        } else {
            self.invalid(
                name,
                "a host name without scheme and path; the default is used",
            );
            default.to_owned()
        }
    }

    pub(super) fn route_prefix(&mut self) -> Option<String> {
        const NAME: &str = "WORKER_ROUTE_PREFIX";
        let prefix = self.required(NAME)?;
        let prefix = prefix.trim_end_matches('/');
        let is_segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        };
        if prefix.split('/').all(is_segment) {
            Some(prefix.to_owned())
        } else {
            self.invalid(
                NAME,
                "path segments of letters, digits and -._~, without a slash at the start",
            );
            None
        }
    }

    pub(crate) fn json<T>(
        &mut self,
        name: &'static str,
        expected: &'static str,
        read: impl FnOnce(&Json<'_>) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(name)?;
        let json = Json::parse(&text).ok();
        let read = json.as_ref().and_then(read);
        if read.is_none() {
            self.invalid(name, expected);
        }
        read
    }

    fn pattern(&mut self, variable: &'static str, position: usize, text: &str) -> Option<Pattern> {
        Pattern::parse(text)
            .map_err(|error| {
                self.problems.push(Problem::Pattern {
                    variable,
                    position: position + 1,
                    error,
                });
            })
            .ok()
    }

    /// The protected APIs. One unusable entry leaves the others in force; where calls must not pass unchecked, it stands
    /// for everything it could have meant.
    pub(super) fn protected_apis(&mut self, is_closed: bool) -> Vec<ProtectedApi> {
        let entries: Option<Vec<Entry>> = if self.is_blank(PROTECTED_APIS) {
            self.invalid(PROTECTED_APIS, EXPECTED_APIS);
            None
        } else if self.text(PROTECTED_APIS).is_none() {
            return Vec::new();
        } else {
            self.json(PROTECTED_APIS, EXPECTED_APIS, |json| Read::read(json))
        };
        let Some(entries) = entries else {
            return self.every_call(is_closed, "the list".to_owned());
        };
        let mut apis = Vec::with_capacity(entries.len());
        for (position, Entry { method, url }) in entries.into_iter().enumerate() {
            apis.extend(self.protected_api(is_closed, position, method, url));
        }
        apis
    }

    fn protected_api(
        &mut self,
        is_closed: bool,
        position: usize,
        method: Option<Method>,
        url: Option<String>,
    ) -> Vec<ProtectedApi> {
        let what = |of_it| format!("the {of_it} of entry {}", position + 1);
        if method.is_none() || url.is_none() {
            self.invalid(PROTECTED_APIS, EXPECTED_APIS);
        }
        let url = url.and_then(|url| self.pattern(PROTECTED_APIS, position, &url));
        match (method, url) {
            (Some(method), Some(url)) => vec![ProtectedApi { method, url }],
            (None, Some(url)) if is_closed => {
                self.widened(what("method"), "every method is protected there");
                calls(&Method::ALL, &url)
            }
            (_, Some(_)) => Vec::new(),
            (_, None) => self.every_call(is_closed, what("url")),
        }
    }

    /// Every call that could be meant, where none may pass. Pages, and what they are made of, are still loaded.
    fn every_call(&mut self, is_closed: bool, what: String) -> Vec<ProtectedApi> {
        match Pattern::parse("*/*") {
            Ok(anywhere) if is_closed => {
                self.widened(what, "every call but GET and HEAD is protected");
                calls(&Method::WRITING, &anywhere)
            }
            _ => Vec::new(),
        }
    }

    fn widened(&mut self, what: String, so: &'static str) {
        let variable = PROTECTED_APIS;
        self.problems.push(Problem::Widened { variable, what, so });
    }

    /// The ruleset; an empty name where the variable holds nothing but blanks, so that nobody takes it for monitoring.
    pub(super) fn ruleset(&mut self) -> Option<String> {
        const NAME: &str = "FP_RULESET_ID";
        if self.is_blank(NAME) {
            self.invalid(
                NAME,
                "the id of a ruleset, or no value at all for monitoring",
            );
            return Some(String::new());
        }
        self.text(NAME)
    }

    /// Whether near misses of protected calls are protected too, where calls must not pass unchecked.
    pub(super) fn is_guarded(&mut self) -> bool {
        !self.is_second("FP_GUARD", ["on", "off"], "on or off; on is used")
    }

    fn is_blank(&self, name: &str) -> bool {
        (self.variable)(name).is_some_and(|text| !text.is_empty() && text.trim().is_empty())
    }

    /// A list of patterns; those that cannot be used are left out.
    pub(crate) fn patterns(&mut self, name: &'static str) -> Vec<Pattern> {
        let texts: Vec<String> = self
            .json(name, "a JSON array of URL patterns", |json| {
                Read::read(json)
            })
            .unwrap_or_default();
        texts
            .iter()
            .enumerate()
            .filter_map(|(position, text)| self.pattern(name, position, text))
            .collect()
    }

    pub(super) fn fallback(&mut self) -> Action {
        self.json(
            "FP_FAILURE_FALLBACK_ACTION",
            "a JSON object with type allow or block; calls that cannot be identified get 403",
            |json| Action::read(Object::read(json)?).ok(),
        )
        .unwrap_or_default()
    }

    pub(super) fn log_level(&mut self) -> LogLevel {
        let Some(text) = self.text("FP_LOG_LEVEL") else {
            return LogLevel::default();
        };
        LogLevel::parse(&text).unwrap_or_else(|| {
            self.invalid("FP_LOG_LEVEL", "error, warn, info or debug; error is used");
            LogLevel::default()
        })
    }

    /// One of two words, without case: whether it is the second. The first one is the default.
    pub(crate) fn is_second(
        &mut self,
        name: &'static str,
        words: [&str; 2],
        expected: &'static str,
    ) -> bool {
        let Some(text) = self.text(name) else {
            return false;
        };
        let [is_first, is_second] = words.map(|word| word.eq_ignore_ascii_case(&text));
        if !is_first && !is_second {
            self.invalid(name, expected);
        }
        is_second
    }

    /// A whole number above 0.
    pub(crate) fn number(
        &mut self,
        name: &'static str,
        default: u32,
        expected: &'static str,
    ) -> u32 {
        let Some(text) = self.text(name) else {
            return default;
        };
        match text.parse() {
            Ok(number @ 1..) => number,
            _ => {
                self.invalid(name, expected);
                default
            }
        }
    }
}

const PROTECTED_APIS: &str = "PROTECTED_APIS";
const EXPECTED_APIS: &str =
    "a JSON array of objects with method (GET, POST, PUT, PATCH or DELETE) and url";

/// Calls of a URL by these methods.
fn calls(methods: &[Method], url: &Pattern) -> Vec<ProtectedApi> {
    let calls = methods.iter().map(|&method| ProtectedApi {
        method,
        url: url.clone(),
    });
    calls.collect()
}

/// Method and pattern of a protected API, as far as they are there.
struct Entry {
    method: Option<Method>,
    url: Option<String>,
}

impl<'a> Read<'a> for Entry {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        let member = |name| Object::read(json)?.required::<&str>(name).ok();
        Some(Self {
            method: member("method").and_then(Method::parse),
            url: member("url").map(str::to_owned),
        })
    }
}
