//! The guard: requests that the origin may take for a protected call although they do not match as one.
//!
//! Patterns are compared as Cloudflare compares routes, letter by letter. Origins do not: `/API/login`, `/api/login/` and
//! `/api//login` run the same code in one or the other, and so do methods that an origin does not know, or that a header
//! overrides. Where the failure mode is closed, such a near miss is a protected call.

use url::{Url, form_urlencoded};

use crate::{
    canonical::{Place, Shape, forms},
    configuration::{Method, ProtectedApi},
    form::{Form, FormScanner, METHOD_FIELD},
    headers::list,
    log::{LogEntry, LogLevel},
    pattern::Pattern,
    request::RequestHead,
};

/// Header fields that override the method at some origin. Some servers do not tell `_` from `-` in a name.
const METHOD_OVERRIDES: [&str; 4] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
    "x-method",
];

/// Header fields that override the path at some origin.
const PATH_OVERRIDES: [&str; 6] = [
    "x-original-url",
    "x-rewrite-url",
    "x-original-uri",
    "x-forwarded-uri",
    "x-forwarded-path",
    "x-envoy-original-path",
];

/// The longest URL that passes Cloudflare. No server takes a longer one, wherever it stands.
const LONGEST_URL: usize = 16 * 1024;

/// Knows near misses of the protected APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    shapes: Vec<Shape>,
}

/// A request that may be a call of a protected API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NearMiss<'a> {
    /// The API.
    pub api: &'a ProtectedApi,
    /// Whether it is one only if its body overrides the method.
    pub if_overridden: bool,
}

impl Guard {
    /// A guard of these APIs.
    pub fn new(apis: &[ProtectedApi]) -> Self {
        let shapes = apis.iter().map(|api| {
            let (path, is_prefix) = api.url.path();
            Shape::new(path, is_prefix, api.method != Method::Get)
        });
        Self {
            shapes: shapes.collect(),
        }
    }

    /// The canonical paths of the APIs, in their order.
    pub(crate) fn shapes(&self) -> &[Shape] {
        &self.shapes
    }

    /// The API that a request is a near miss of. `apis` are those the guard was made of.
    pub fn near_miss<'a>(
        &self,
        apis: &'a [ProtectedApi],
        head: &RequestHead,
    ) -> Option<NearMiss<'a>> {
        let methods = Methods::of(head);
        let mut overridable = None;
        for url in std::iter::once(&head.url).chain(&other_paths(head)) {
            let mut forms = Forms::new(url);
            for (api, shape) in apis.iter().zip(&self.shapes) {
                let Some(counts) = methods.count_for(api.method) else {
                    continue;
                };
                let near_miss = NearMiss {
                    api,
                    if_overridden: counts == Counts::IfOverridden,
                };
                match forms.place(&api.url, shape) {
                    Some(_) if counts == Counts::IfOverridden => {
                        overridable.get_or_insert(near_miss);
                    }
                    Some(place) if counts == Counts::Anywhere || place == Place::Own => {
                        return Some(near_miss);
                    }
                    _ => {}
                }
            }
        }
        overridable
    }

    /// Whether a preflight asks for one of the APIs, by a URL that is a near miss.
    pub fn concerns(&self, apis: &[ProtectedApi], url: &Url) -> bool {
        let mut forms = Forms::new(url);
        let mut pairs = apis.iter().zip(&self.shapes);
        pairs.any(|(api, shape)| forms.place(&api.url, shape).is_some())
    }

    /// Whether the body of a request overrides its method by one that is protected at its URL, or might behind the part
    /// that was read.
    pub fn is_overridden(&self, apis: &[ProtectedApi], url: &Url, form: &Form) -> bool {
        let mut forms = Forms::new(url);
        !form.is_whole
            || apis.iter().zip(&self.shapes).any(|(api, shape)| {
                form.methods.contains(&api.method) && forms.place(&api.url, shape).is_some()
            })
    }
}

/// A URL, its path brought into canonical form once that is asked for.
pub(crate) struct Forms<'a> {
    url: &'a Url,
    forms: Option<Vec<String>>,
}

impl<'a> Forms<'a> {
    pub(crate) fn new(url: &'a Url) -> Self {
        Self { url, forms: None }
    }

    /// The place of the URL, seen from a pattern of this shape.
    pub(crate) fn place(&mut self, pattern: &Pattern, shape: &Shape) -> Option<Place> {
        if !pattern.names_host(self.url) {
            return None;
        }
        let forms = self.forms.get_or_insert_with(|| forms(self.url.path()));
        shape.place(forms)
    }
}

/// The methods that an origin may run a request by.
struct Methods<'a> {
    sent: &'a str,
    overriding: Vec<Method>,
    is_preflight: bool,
    has_form: bool,
}

/// When a request of a method counts as one of the API's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    /// On every URL of the pattern.
    Anywhere,
    /// On the pattern's own path. An origin that does not look at the method runs it; below that path it is rather another
    /// call, as in `POST /orders*` and `PATCH /orders/7`.
    OnOwnPath,
    /// If the body says so.
    IfOverridden,
}

impl<'a> Methods<'a> {
    fn of(head: &'a RequestHead) -> Self {
        let mut overriding = Vec::new();
        for (name, value) in head.headers.iter() {
            if name.starts_with('x') && is_one_of(name, &METHOD_OVERRIDES) {
                overriding.extend(list(value).filter_map(Method::parse));
            }
        }
        if let Some(query) = head.url.query().filter(|query| !query.is_empty()) {
            let fields = form_urlencoded::parse(query.as_bytes());
            let values = fields.filter(|(name, _)| name == METHOD_FIELD);
            overriding.extend(values.filter_map(|(_, value)| Method::parse(&value)));
        }
        let content_type = head.headers.get("content-type").unwrap_or_default();
        Self {
            sent: &head.method,
            overriding,
            is_preflight: head.is_preflight(),
            has_form: head.method == "POST" && FormScanner::of_overriding(content_type).is_some(),
        }
    }

    fn count_for(&self, api: Method) -> Option<Counts> {
        let is_writing = matches!(api, Method::Put | Method::Patch | Method::Delete);
        let counts = match self.sent {
            sent if sent == api.as_str() || self.overriding.contains(&api) => Counts::Anywhere,
            "OPTIONS" if self.is_preflight => return None,
            "HEAD" if api == Method::Get => Counts::Anywhere,
            "PUT" | "PATCH" | "DELETE" if api == Method::Post => Counts::OnOwnPath,
            "POST" if is_writing && self.has_form => Counts::IfOverridden,
            "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" => return None,
            // What an origin does with a method that it does not know is its secret.
            _ => Counts::Anywhere,
        };
        Some(counts)
    }
}

/// Whether a name is one of these, `_` as good as `-`.
fn is_one_of(name: &str, names: &[&str]) -> bool {
    let is_same = |(one, other): (u8, u8)| one == other || one == b'_' && other == b'-';
    names
        .iter()
        .any(|known| known.len() == name.len() && name.bytes().zip(known.bytes()).all(is_same))
}

/// The URLs that header fields put in place of the request's own.
pub(crate) fn other_paths(head: &RequestHead) -> Vec<Url> {
    let fields = head.headers.iter();
    fields
        .filter(|(name, value)| {
            name.starts_with('x') && is_one_of(name, &PATH_OVERRIDES) && value.len() <= LONGEST_URL
        })
        .filter_map(|(_, value)| head.url.join(value).ok())
        .collect()
}

/// What is said of a near miss.
pub fn log(api: &ProtectedApi) -> LogEntry {
    let (method, url) = (api.method.as_str(), api.url.as_str());
    LogEntry::new(
        LogLevel::Info,
        "near miss",
        format!("an origin may take it for `{method} {url}`"),
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::headers::Headers;

    const ORDINARY: &str = include_str!("../../../fixtures/ordinary-urls.txt");

    fn api(text: &str) -> ProtectedApi {
        let (method, url) = text.split_once(' ').unwrap();
        ProtectedApi {
            method: Method::parse(method).unwrap(),
            url: Pattern::parse(url).unwrap(),
        }
    }

    fn head(method: &str, url: &str, lines: &str) -> RequestHead {
        RequestHead::new(method, url, Headers::from_lines(lines)).unwrap()
    }

    /// What a request is to the guard of one API.
    fn judged(protected: &str, request: &str, lines: &str) -> &'static str {
        let apis = [api(protected)];
        let (method, path) = request.split_once(' ').unwrap();
        let head = head(method, &format!("https://shop.example{path}"), lines);
        match Guard::new(&apis).near_miss(&apis, &head) {
            None => "left alone",
            Some(near_miss) if near_miss.if_overridden => "overridable",
            Some(_) => "near miss",
        }
    }

    const EXACT: &str = "POST shop.example/api/create-account";
    const PREFIX: &str = "POST shop.example/api/create-account*";
    const DELETE: &str = "DELETE shop.example/orders*";
    const FORM: &str = "content-type: application/x-www-form-urlencoded";

    #[rstest]
    #[case(EXACT, "POST /api/create-account?x=1", "near miss")]
    #[case(PREFIX, "POST /API/create-account", "near miss")]
    #[case(PREFIX, "GET /API/create-account", "left alone")]
    #[case(EXACT, "PATCH /api/create-account", "near miss")]
    #[case(PREFIX, "PUT /api/create-account/", "near miss")]
    #[case(PREFIX, "PATCH /api/create-account/7", "left alone")]
    #[case(DELETE, "PATCH /orders", "left alone")]
    #[case(PREFIX, "SEARCH /api/create-account/x", "near miss")]
    #[case(PREFIX, "post /api/create-account", "near miss")]
    #[case(PREFIX, "OPTIONS /api/create-account", "near miss")]
    #[case("GET shop.example/list*", "HEAD /list", "near miss")]
    #[case("GET shop.example/list*", "POST /list", "left alone")]
    #[case(PREFIX, "GET /api/create-account?_method=post", "near miss")]
    #[case(DELETE, "POST /orders/7?x=1&%5Fmethod=DELETE", "near miss")]
    #[case(DELETE, "POST /orders/7?_method=PUT", "left alone")]
    fn a_near_miss_is_told_by_method_and_url(
        #[case] protected: &str,
        #[case] request: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(judged(protected, request, ""), expected);
    }

    #[rstest]
    #[case("x-http-method-override: delete", "near miss")]
    #[case("X-HTTP-Method: GET, DELETE", "near miss")]
    #[case("x_http_method_override: DELETE", "near miss")]
    #[case("x-method-override: PUT", "left alone")]
    #[case("x-http-method-overridden: DELETE", "left alone")]
    #[case(FORM, "overridable")]
    #[case("content-type: multipart/form-data; boundary=b", "overridable")]
    #[case("content-type: application/vnd.api+json", "overridable")]
    #[case("content-type: text/plain", "left alone")]
    fn a_post_can_override_its_method(#[case] line: &str, #[case] expected: &str) {
        assert_eq!(judged(DELETE, "POST /orders/7", line), expected);
    }

    #[rstest]
    #[case("x-original-url: /api/create-account", "near miss")]
    #[case("x-rewrite-url: https://shop.example/API/create-account", "near miss")]
    #[case("x-forwarded-uri: /other", "left alone")]
    fn a_header_can_override_the_path(#[case] line: &str, #[case] expected: &str) {
        assert_eq!(judged(PREFIX, "POST /", line), expected);
    }

    #[rstest]
    #[case("", true)]
    #[case("origin: https://a.example", true)]
    #[case(
        "origin: https://a.example\naccess-control-request-method: POST",
        false
    )]
    #[case(
        "origin: https://a.example\naccess-control-request-method: POST\ncookie: a=b",
        true
    )]
    #[case(
        "origin: https://a.example\naccess-control-request-method: POST\ncontent-length: 2",
        true
    )]
    fn only_a_preflight_is_no_call(#[case] lines: &str, #[case] is_call: bool) {
        let expected = if is_call { "near miss" } else { "left alone" };
        assert_eq!(
            judged(PREFIX, "OPTIONS /api/create-account", lines),
            expected
        );
    }

    #[rstest]
    #[case("https://shop.example./API/create-account", true)]
    #[case("http://shop.example:8080/API/create-account", true)]
    #[case("https://www.shop.example/API/create-account", false)]
    fn a_near_miss_is_of_the_same_host(#[case] url: &str, #[case] expected: bool) {
        let apis = [api("POST https://shop.example/api/create-account*")];
        let found = Guard::new(&apis).near_miss(&apis, &head("POST", url, ""));
        assert_eq!(found.is_some(), expected);
    }

    #[rstest]
    #[case("x=1&_method=delete", true)]
    #[case("x=_method&method=DELETE", false)]
    #[case("_method=PATCH", false)]
    fn a_form_overrides_by_a_protected_method(#[case] body: &str, #[case] expected: bool) {
        let apis = [api(DELETE)];
        let mut scanner = FormScanner::of_overriding("application/x-www-form-urlencoded").unwrap();
        scanner.push(body.as_bytes());
        let url = Url::parse("https://shop.example/orders/7").unwrap();
        let guard = Guard::new(&apis);
        assert_eq!(
            guard.is_overridden(&apis, &url, &scanner.finish(true)),
            expected
        );
        let mut begun = scanner.finish(false);
        begun.methods.clear();
        assert!(
            guard.is_overridden(&apis, &url, &begun),
            "nobody knows what follows"
        );
    }

    /// Calls that sites protect, on any host.
    const PROTECTED: [&str; 24] = [
        "POST */api/create-account",
        "POST */api/create-account*",
        "POST */api/login",
        "POST */api/login*",
        "POST */api/v1/users",
        "POST */users/sign_in",
        "POST */users*",
        "POST */signup",
        "POST */register",
        "POST */account/login",
        "POST */account/register*",
        "POST */cart/add.js",
        "POST */cart/add*",
        "POST */checkout",
        "POST */subscribe",
        "POST */wp-login.php*",
        "POST */wp-json/wp/v2/users*",
        "POST */v1/accounts:signUp*",
        "POST */api/accounts/7/confirm",
        "POST */session",
        "GET */login",
        "GET */api/v1/users/*",
        "DELETE */api/v1/users/*",
        "PUT */api/accounts/*",
    ];

    #[test]
    fn ordinary_urls_of_real_sites_are_left_alone() {
        let mut count = 0;
        let mut host = "";
        for line in ORDINARY.lines().filter(|line| !line.starts_with('#')) {
            let Some(line) = line.strip_prefix(' ') else {
                host = line;
                continue;
            };
            let (method, paths) = line.split_once(' ').unwrap();
            for path in paths.split(' ') {
                let head = head(method, &format!("https://{host}{path}"), "accept: */*");
                count += 1;
                for protected in PROTECTED.map(api) {
                    let is_call =
                        protected.method.as_str() == method && protected.url.matches(&head.url);
                    let apis = [protected];
                    let found = Guard::new(&apis).near_miss(&apis, &head);
                    assert!(
                        is_call || found.is_none(),
                        "{method} {} is caught by {}",
                        head.url,
                        apis[0].url.as_str()
                    );
                }
            }
        }
        assert!(count >= 500, "{count}");
    }
}
