//! Which requests the node sees.

use super::{Connector, FailureMode, Mode, NodeRequest, node_request::node_request, static_file};
use crate::request::RequestHead;

/// How a request that is on its way to the origin is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// The node does not see it: its URL is none of the routes, or it asks for a static file.
    Unseen,
    /// It is a call of the worker to the node that came back to the worker: asking again would go on for ever.
    Loop,
    /// The node is asked and decides.
    Inline(NodeRequest),
    /// The node gets a copy.
    Async(NodeRequest),
    /// The node should decide and cannot be asked; the failure mode does.
    NoNode,
}

impl Connector {
    /// Decides about a request. `target` is its path and query as they came, `now` the time in Unix seconds.
    pub fn treatment(
        &self,
        head: &RequestHead,
        target: &str,
        has_body: bool,
        now: u64,
    ) -> Treatment {
        let is_static =
            || !has_body && static_file::is_asked_for(head, target, &self.static_suffixes);
        let is_routed = || {
            self.routes
                .as_ref()
                .is_none_or(|routes| routes.matches(head))
        };
        if !is_routed() || is_static() {
            return Treatment::Unseen;
        }
        let Some(node) = &self.node else {
            return match (self.mode, self.failure_mode) {
                // Nothing depends on a node that only watches; why there is none, the first line of the log says.
                (Mode::Async, _) | (_, FailureMode::Open) => Treatment::Unseen,
                (Mode::Inline, FailureMode::Closed) => Treatment::NoNode,
            };
        };
        if self.is_own_call(node, head, target, now) {
            return Treatment::Loop;
        }
        let request = node_request(node, self.loop_guard.as_ref(), head, target, now);
        match self.mode {
            Mode::Inline => Treatment::Inline(request),
            Mode::Async => Treatment::Async(request),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::{configuration::Configuration, headers::Headers, wallarm::target};

    const NOW: u64 = 1_795_000_000;

    fn connector(variables: &[(&str, &str)]) -> Connector {
        let defaults = [("WALLARM_NODE", "https://node.example/in")];
        Configuration::read(|name| {
            let mut all = variables.iter().chain(&defaults);
            all.find(|(variable, _)| *variable == name)
                .map(|(_, value)| (*value).to_owned())
        })
        .wallarm
        .unwrap()
    }

    fn treatment(connector: &Connector, method: &str, url: &str, has_body: bool) -> Treatment {
        let head = RequestHead::new(method, url, Headers::default()).unwrap();
        connector.treatment(&head, target(url), has_body, NOW)
    }

    #[rstest]
    #[case("GET", "/app.css", false, true)]
    #[case("HEAD", "/a/b/Logo.PNG", false, true)]
    #[case("GET", "/font.woff2?", false, false)]
    #[case("GET", "/static/%2e%2e/%2e%2e/passwd.js", false, false)]
    #[case("GET", "/x.js?<script>", false, false)]
    #[case("POST", "/x.js", false, false)]
    #[case("GET", "/x.js", true, false)]
    #[case("GET", "/x.json", false, false)]
    #[case("GET", "/x.js/", false, false)]
    #[case("GET", "/js", false, false)]
    #[case("GET", "/1%27%20or%201=1.js", false, false)]
    #[case("GET", "/admin;x.js", false, false)]
    #[case("GET", "/a/..%2f..%2fetc/passwd.js", false, false)]
    #[case("GET", "/etc...js", false, false)]
    fn a_static_file_carries_nothing_else(
        #[case] method: &str,
        #[case] path: &str,
        #[case] has_body: bool,
        #[case] is_static: bool,
    ) {
        let url = format!("https://shop.example{path}");
        let found = treatment(&connector(&[]), method, &url, has_body);
        assert_eq!(found == Treatment::Unseen, is_static, "{found:?}");
    }

    #[test]
    fn without_a_list_every_file_is_inspected() {
        let connector = connector(&[("WALLARM_STATIC_SUFFIXES", "[]")]);
        let found = treatment(&connector, "GET", "https://shop.example/app.css", false);
        assert!(matches!(found, Treatment::Inline(_)));
    }

    #[rstest]
    #[case("https://shop.example/api/x", true)]
    #[case("https://www.shop.example/", true)]
    #[case("https://shop.example/Api//x", true)]
    #[case("https://shop.example/other", false)]
    fn the_routes_choose(#[case] url: &str, #[case] is_seen: bool) {
        const ROUTES: &str = r#"["shop.example/api/*","*.shop.example/*"]"#;
        let connector = connector(&[("WALLARM_ROUTES", ROUTES), ("WALLARM_MODE", "async")]);
        let found = treatment(&connector, "GET", url, false);
        assert_eq!(matches!(found, Treatment::Async(_)), is_seen, "{found:?}");
    }

    #[rstest]
    #[case("inline", "open", Treatment::Unseen)]
    #[case("inline", "closed", Treatment::NoNode)]
    #[case("async", "closed", Treatment::Unseen)]
    fn a_node_that_cannot_be_used_takes_no_site_down(
        #[case] mode: &str,
        #[case] failure_mode: &str,
        #[case] expected: Treatment,
    ) {
        let connector = connector(&[
            ("WALLARM_NODE", "node"),
            ("WALLARM_MODE", mode),
            ("WALLARM_FAILURE_MODE", failure_mode),
        ]);
        let found = treatment(&connector, "GET", "https://shop.example/", false);
        assert_eq!(found, expected);
    }

    proptest! {
        #[test]
        fn what_may_be_an_attack_is_no_static_file(path in "/[ -~]{0,20}", query in "[ -~]{1,20}") {
            let connector = connector(&[]);
            let url = format!("https://shop.example{}.js?{query}x", path.replace(['?', '#'], ""));
            if !query.starts_with('#') {
                prop_assert_ne!(treatment(&connector, "GET", &url, false), Treatment::Unseen);
            }
        }
    }
}
