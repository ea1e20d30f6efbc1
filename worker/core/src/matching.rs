//! What a request is for: one of the worker's own routes, a protected call, an identification page, or none of them.
//!
//! The most specific pattern decides; among equals the worker's own routes come first, then protected APIs, then pages. A
//! page is asked for by GET and HEAD only, and under the worker's own prefix only what it serves is its own, so neither
//! takes a call away from a protected API.

use crate::{
    configuration::{Configuration, ProtectedApi},
    pattern::{Pattern, Specificity},
    request::RequestHead,
};

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route<'a> {
    /// A script of the worker, or the agent's loader.
    Script(Script),
    /// A response of the platform that browsers may cache; the path, with its query, behind the route prefix.
    BrowserCache(String),
    /// A call that must carry signals.
    Protected,
    /// A request that the origin may take for a call of this API, and that must carry signals as well.
    NearMiss(&'a ProtectedApi),
    /// A request that is a call of this API if its body overrides the method.
    Overridable(&'a ProtectedApi),
    /// The preflight of a protected call.
    Preflight,
    /// A page that gets the instrumentation.
    Page(&'a Pattern),
    /// Nothing of the worker's.
    Other,
}

/// A script under the route prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Script {
    /// Collects signals in the page.
    Instrumentor,
    /// Hands the platform's response to the agent after a navigation.
    AgentProcessor,
    /// Loads the agent; it comes from the CDN.
    Loader,
}

impl Script {
    /// Every script.
    pub const ALL: [Self; 3] = [Self::Instrumentor, Self::AgentProcessor, Self::Loader];

    /// Its file name under the route prefix.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Instrumentor => "instrumentor.iife.js",
            Self::AgentProcessor => "agent-processor.iife.js",
            Self::Loader => "loader.js",
        }
    }

    /// Its path on every site.
    pub fn path(self, prefix: &str) -> String {
        format!("/{prefix}/{}", self.file_name())
    }
}

/// Decides what a request is for.
pub fn route<'a>(configuration: &'a Configuration, head: &RequestHead) -> Route<'a> {
    match matched(configuration, head) {
        // Nobody wrote of this very URL that it is a page, so it may be a call in disguise.
        Route::Page(page) if page.is_wild() => {
            near_miss(configuration, head).unwrap_or(Route::Page(page))
        }
        Route::Other => near_miss(configuration, head).unwrap_or(Route::Other),
        matched => matched,
    }
}

/// What a request is for by its method and its URL as they are written.
fn matched<'a>(configuration: &'a Configuration, head: &RequestHead) -> Route<'a> {
    let mut best: Option<(Specificity, Route<'a>)> = None;
    let mut offer = |specificity: Specificity, route: Route<'a>| {
        if best
            .as_ref()
            .is_none_or(|(other, _)| specificity.outranks(*other))
        {
            best = Some((specificity, route));
        }
    };
    if let Some((specificity, route)) = own_route(configuration, head) {
        offer(specificity, route);
    }
    for api in &configuration.protected_apis {
        let route = match head.method.as_str() {
            // An origin may run another call by this method; the guard knows.
            "OPTIONS" if configuration.guard.is_none() || head.is_preflight() => Route::Preflight,
            method if method == api.method.as_str() => Route::Protected,
            _ => continue,
        };
        if api.url.matches(&head.url) {
            offer(api.url.specificity(), route);
        }
    }
    let pages = match head.method.as_str() {
        "GET" | "HEAD" => configuration.identification_pages.as_slice(),
        _ => &[],
    };
    for page in pages {
        if page.matches(&head.url) {
            offer(page.specificity(), Route::Page(page));
        }
    }
    best.map_or(Route::Other, |(_, route)| route)
}

fn near_miss<'a>(configuration: &'a Configuration, head: &RequestHead) -> Option<Route<'a>> {
    let guard = configuration.guard.as_ref()?;
    let apis = &configuration.protected_apis;
    if head.is_preflight() {
        return guard.concerns(apis, &head.url).then_some(Route::Preflight);
    }
    let near_miss = guard.near_miss(apis, head)?;
    Some(if near_miss.if_overridden {
        Route::Overridable(near_miss.api)
    } else {
        Route::NearMiss(near_miss.api)
    })
}

fn own_route<'a>(
    configuration: &'a Configuration,
    head: &RequestHead,
) -> Option<(Specificity, Route<'a>)> {
    let prefix = configuration.route_prefix.as_deref()?;
    let path = head.url.path();
    let rest = path
        .strip_prefix('/')?
        .strip_prefix(prefix)?
        .strip_prefix('/')?;
    let host = head.url.host_str().unwrap_or_default();
    if let Some(script) = Script::ALL
        .into_iter()
        .find(|script| script.file_name() == rest)
    {
        return Some((Specificity::of_own_route(host, path), Route::Script(script)));
    }
    if head.method != "GET" {
        return None;
    }
    let specificity = Specificity::of_own_route(host, &format!("/{prefix}/*"));
    let query = head.url.query().map(|query| format!("?{query}"));
    let route = Route::BrowserCache(format!("{rest}{}", query.unwrap_or_default()));
    Some((specificity, route))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::headers::Headers;

    fn configuration(guard: &str) -> Configuration {
        Configuration::read(|name| {
            let value = match name {
                "FP_RULESET_ID" => "rs_1",
                "FP_GUARD" => guard,
                "WORKER_ROUTE_PREFIX" => "fp",
                "PROTECTED_APIS" => {
                    r#"[{"method":"POST","url":"shop.example/api/*"},{"method":"GET","url":"shop.example/api/list*"},
                        {"method":"POST","url":"shop.example/both"},{"method":"GET","url":"*.shop.example/data/list*"},{"method":"POST","url":"shop.example/fp/deep/er"}]"#
                }
                "IDENTIFICATION_PAGE_URLS" => {
                    r#"["shop.example/","shop.example/api/page","shop.example/both","*.shop.example/*"]"#
                }
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    #[rstest]
    #[case(
        "GET",
        "shop.example/fp/instrumentor.iife.js",
        "script instrumentor.iife.js"
    )]
    #[case(
        "POST",
        "shop.example/fp/agent-processor.iife.js?x",
        "script agent-processor.iife.js"
    )]
    #[case("GET", "www.shop.example/fp/loader.js?a=b", "script loader.js")]
    #[case("GET", "shop.example/fp/a/b?q=1", "cache a/b?q=1")]
    #[case("GET", "shop.example/fp//evil.example/x", "cache /evil.example/x")]
    #[case("POST", "shop.example/fp/a/b", "other")]
    #[case("POST", "shop.example/fp/deep/er", "protected")]
    #[case("GET", "shop.example/fp", "other")]
    #[case("GET", "shop.example/fpx/loader.js", "other")]
    #[case("POST", "shop.example/api/create", "protected")]
    #[case("POST", "shop.example/api/create?x=1", "protected")]
    #[case("PUT", "shop.example/api/create", "other")]
    #[case("HEAD", "shop.example/api/list", "other")]
    #[case("GET", "shop.example/api/list?page=2", "protected")]
    #[case("OPTIONS", "shop.example/api/create", "preflight")]
    #[case("POST", "shop.example/api/page", "protected")]
    #[case("POST", "shop.example/both", "protected")]
    #[case("GET", "shop.example/both", "page shop.example/both")]
    #[case("GET", "shop.example/", "page shop.example/")]
    #[case("GET", "shop.example/?utm=1", "other")]
    #[case("GET", "www.shop.example/any?x", "page *.shop.example/*")]
    fn the_most_specific_pattern_decides(
        #[case] method: &str,
        #[case] url: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(found(&configuration("off"), method, url), expected);
    }

    #[rstest]
    #[case("POST", "shop.example/api/create", "protected")]
    #[case("POST", "shop.example/API/create", "near miss of shop.example/api/*")]
    #[case("HEAD", "shop.example/api/list", "near miss of shop.example/api/list*")]
    #[case("POST", "shop.example/BOTH", "near miss of shop.example/both")]
    // A page that is named as it stands is a page; one that a wildcard catches may be a call in disguise.
    #[case("GET", "shop.example/both", "page shop.example/both")]
    #[case("GET", "www.shop.example/api/LIST", "page *.shop.example/*")]
    #[case(
        "GET",
        "sub.shop.example/data/LIST",
        "near miss of *.shop.example/data/list*"
    )]
    #[case("GET", "shop.example/fp/x", "cache x")]
    #[case(
        "POST",
        "shop.example/fp/..%2fapi/x",
        "near miss of shop.example/api/*"
    )]
    #[case(
        "OPTIONS",
        "shop.example/api/create",
        "near miss of shop.example/api/*"
    )]
    #[case("GET", "shop.example/other", "other")]
    fn the_guard_takes_near_misses_for_protected_calls(
        #[case] method: &str,
        #[case] url: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(found(&configuration("on"), method, url), expected);
    }

    fn found(configuration: &Configuration, method: &str, url: &str) -> String {
        let head = RequestHead::new(method, &format!("https://{url}"), Headers::default()).unwrap();
        match route(configuration, &head) {
            Route::Script(script) => format!("script {}", script.file_name()),
            Route::BrowserCache(path) => format!("cache {path}"),
            Route::Protected => "protected".to_owned(),
            Route::NearMiss(api) => format!("near miss of {}", api.url.as_str()),
            Route::Overridable(api) => format!("overridable to {}", api.url.as_str()),
            Route::Preflight => "preflight".to_owned(),
            Route::Page(pattern) => format!("page {}", pattern.as_str()),
            Route::Other => "other".to_owned(),
        }
    }
}
