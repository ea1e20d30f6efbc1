//! What the dashboard enforces of a deployment: names, counts, and that everything is in its zone.

use std::collections::BTreeSet;

use edgeproof_document::{node::YamlNode, problem::Problem};
use edgeproof_edge::Normalization;
use edgeproof_ground::{international, pattern::Pattern};
use edgeproof_runtime::check_compatibility_date;

use super::file::DeploymentFile;

/// The dashboard takes no more pages, and no more APIs, than this in one deployment.
pub const MOST: usize = 10;

/// Every rule that the file breaks, each at its place.
pub(super) fn broken(file: &DeploymentFile, node: &YamlNode) -> Vec<Problem> {
    let mut found = Found {
        node,
        problems: Vec::new(),
    };
    found.name(&file.name);
    found.zone(&file.zone);
    found.ruleset(file.ruleset.as_deref());
    if let Some(Err(error)) = file
        .compatibility_date
        .as_deref()
        .map(check_compatibility_date)
    {
        let help = "a later date takes a newer runtime, which comes with a newer edgeproof";
        found.problem(&["compatibility_date"], error.to_string(), help);
    }
    let pages = file.pages();
    let apis = file.protected_apis.iter();
    let apis: Vec<_> = apis.map(|api| api.protected(&file.zone)).collect();
    found.count("identification_pages", pages.len());
    found.count("protected_apis", apis.len());
    for (index, page) in pages.iter().enumerate() {
        found.pattern(
            &["identification_pages", &index.to_string()],
            page,
            &file.zone,
        );
    }
    for (index, api) in apis.iter().enumerate() {
        found.pattern(
            &["protected_apis", &index.to_string()],
            &api.url,
            &file.zone,
        );
    }
    found.repeated("identification_pages", &pages);
    let calls: Vec<String> = apis
        .iter()
        .map(|api| format!("{} {}", api.method, api.url))
        .collect();
    found.repeated("protected_apis", &calls);
    if let Some(wallarm) = &file.wallarm {
        found.node(&wallarm.node);
        for (index, route) in wallarm.routes.iter().enumerate() {
            found.pattern(
                &["wallarm", "routes", &index.to_string()],
                route,
                &file.zone,
            );
        }
    }
    found.problems
}

/// The host of a route pattern, without its scheme, as it is on the wire.
pub(crate) fn host(pattern: &str) -> String {
    let rest = pattern.split_once("://").map_or(pattern, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    international::host_or_as_written(host).into_owned()
}

/// The pattern with its host and path as URLs have them when they reach routes, where it is written otherwise: Cloudflare
/// compares letter by letter. The case of a host does not count.
fn as_urls_travel(pattern: &str) -> Option<String> {
    let start = pattern.find("://").map_or(0, |colon| colon + 3);
    let path_start = pattern[start..].find('/').map(|slash| start + slash);
    let (before, path) = pattern.split_at(path_start.unwrap_or(pattern.len()));
    let (scheme, host) = before.split_at(start);
    let star = if path.ends_with('*') { "*" } else { "" };
    let path = path.strip_suffix('*').unwrap_or(path);
    let travelling = match path {
        "" => String::new(),
        path => Normalization::default().apply(path),
    };
    if host.is_ascii() && travelling == path {
        return None;
    }
    let host = international::host_or_as_written(host);
    Some(format!("{scheme}{host}{travelling}{star}"))
}

struct Found<'a> {
    node: &'a YamlNode,
    problems: Vec<Problem>,
}

impl Found<'_> {
    fn problem(&mut self, path: &[&str], message: String, help: &str) {
        let at = self.node.at_path(path.iter().copied());
        self.problems.push(Problem {
            message,
            at: at.map_or(self.node.at, |node| node.at),
            label: "here".to_owned(),
            help: Some(help.to_owned()),
        });
    }

    /// Cloudflare refuses other names with code 10016.
    fn name(&mut self, name: &str) {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
        let first = name.chars().next().is_some_and(char::is_alphanumeric);
        if !first || name.len() > 63 || !name.chars().all(allowed) {
            self.problem(
                &["name"],
                format!("`{name}` is not a name that a worker can have"),
                "lower-case letters, digits, `-` and `_`, a letter or digit first, at most 63",
            );
        }
    }

    fn zone(&mut self, zone: &str) {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        let labels = zone.split('.').count() > 1 && zone.split('.').all(|label| !label.is_empty());
        if !labels || !zone.chars().all(allowed) {
            self.problem(
                &["zone"],
                format!("`{zone}` is not the name of a zone"),
                "a domain as Cloudflare shows it, such as `shop.example`",
            );
        }
    }

    fn ruleset(&mut self, ruleset: Option<&str>) {
        let allowed = |id: &str| {
            id.strip_prefix("rs_").is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric())
            })
        };
        if let Some(ruleset) = ruleset.filter(|id| !allowed(id)) {
            self.problem(
                &["ruleset"],
                format!("`{ruleset}` is not the id of a ruleset"),
                "the ruleset's Settings tab shows it: `rs_` and letters or digits; without a ruleset the worker monitors",
            );
        }
    }

    fn count(&mut self, key: &str, count: usize) {
        let what = key.replace('_', " ");
        if count == 0 {
            self.problem(
                &[key],
                format!("a deployment without {what} protects nothing"),
                "add at least one",
            );
        } else if count > MOST {
            self.problem(
                &[key],
                format!("{count} {what}, but a deployment takes at most {MOST}"),
                "join some with a trailing `*`, or deploy twice",
            );
        }
    }

    fn pattern(&mut self, path: &[&str], pattern: &str, zone: &str) {
        if let Err(error) = pattern.parse::<Pattern>() {
            let help = "host and path, such as `shop.example/signup*`";
            return self.problem(path, error.to_string(), help);
        }
        if let Some(travels) = as_urls_travel(pattern) {
            return self.problem(
                path,
                format!("`{pattern}` matches no URL: they reach routes encoded and normalised"),
                &format!("write `{travels}`"),
            );
        }
        let host = host(pattern);
        if host.contains('*') {
            return self.problem(
                path,
                format!("`{pattern}` is for more than one host"),
                "name each host: subdomain and zone",
            );
        }
        if host != zone && !host.ends_with(&format!(".{zone}")) {
            self.problem(
                path,
                format!("`{host}` is not in the zone `{zone}`"),
                "a deployment is for one zone and its subdomains; deploy once for each zone",
            );
        }
    }

    fn repeated(&mut self, key: &str, all: &[String]) {
        let mut seen = BTreeSet::new();
        for (index, text) in all.iter().enumerate() {
            // Two spellings of one pattern are one.
            if !seen.insert(international::pattern(text).unwrap_or_else(|_| text.clone())) {
                let message = format!("`{text}` is given twice");
                self.problem(&[key, &index.to_string()], message, "remove one of them");
            }
        }
    }

    fn node(&mut self, node: &str) {
        let url = url::Url::parse(node).ok();
        let usable = url.is_some_and(|url| {
            url.scheme() == "https"
                && url.host_str().is_some()
                && url.username().is_empty()
                && url.password().is_none()
                && url.path() == "/"
                && url.query().is_none()
        });
        if !usable {
            self.problem(
                &["wallarm", "node"],
                format!("`{node}` is not the address of a node"),
                "a scheme and a host, such as `https://node.shop.example`",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use edgeproof_document::LoadError;
    use rstest::rstest;

    use super::*;

    const GOOD: &str = "name: flow\nzone: shop.example\nidentification_pages: [shop.example/a]\nprotected_apis: [POST shop.example/b*]\n";

    fn mistakes(text: &str) -> Vec<String> {
        match DeploymentFile::load_text(Path::new("d.yaml"), text) {
            Ok(_) => Vec::new(),
            Err(LoadError::Mistakes(mistakes)) => mistakes
                .iter()
                .map(|mistake| {
                    let place = mistake.sources.place(mistake.problem.at).unwrap();
                    format!(
                        "{}:{} {}",
                        place.line, place.column, mistake.problem.message
                    )
                })
                .collect(),
            Err(other) => panic!("{other}"),
        }
    }

    #[rstest]
    #[case("", "", &[])]
    #[case("name: flow", "name: Flow", &["1:7 `Flow` is not a name that a worker can have"])]
    #[case("name: flow", "name: -flow", &["1:7 `-flow` is not a name that a worker can have"])]
    #[case("zone: shop.example", "zone: https://shop.example/", &[
        "2:7 `https://shop.example/` is not a host name: it has a character that is not allowed, or invalid punycode",
    ])]
    #[case("zone: shop.example", "zone: example", &["2:7 `example` is not the name of a zone"])]
    #[case("shop.example/a", "SMÖRGÅS.example/a", &["3:24 `SMÖRGÅS.example/a` matches no URL: they reach routes encoded and normalised"])]
    #[case::not_ascii("[shop.example/a]", "[{path: /anmälan, prefix: true}]", &["3:24 `shop.example/anmälan*` matches no URL: they reach routes encoded and normalised"])]
    #[case::a_blank("[shop.example/a]", "['shop.example/my page']", &["3:24 `shop.example/my page` matches no URL: they reach routes encoded and normalised"])]
    #[case::small_escapes("[shop.example/a]", "[shop.example/anm%c3%a4lan]", &["3:24 `shop.example/anm%c3%a4lan` matches no URL: they reach routes encoded and normalised"])]
    #[case::needless_escapes("[shop.example/a]", "[shop.example/%61]", &["3:24 `shop.example/%61` matches no URL: they reach routes encoded and normalised"])]
    #[case::dots("[shop.example/a]", "[shop.example/b/../a]", &["3:24 `shop.example/b/../a` matches no URL: they reach routes encoded and normalised"])]
    #[case::as_it_travels("[shop.example/a]", "['SHOP.example/anm%C3%A4lan//x*']", &[])]
    #[case("[shop.example/a]", "[]", &["3:23 a deployment without identification pages protects nothing"])]
    #[case("[shop.example/a]", "[other.example/a]", &["3:24 `other.example` is not in the zone `shop.example`"])]
    #[case("[shop.example/a]", "[myshop.example/a]", &["3:24 `myshop.example` is not in the zone `shop.example`"])]
    #[case("[shop.example/a]", "['*.shop.example/a']", &["3:24 `*.shop.example/a` is for more than one host"])]
    #[case("[shop.example/a]", "['shop.example/*.html']", &["3:24 route `shop.example/*.html` has a wildcard inside its path; `*` can only be the last character"])]
    #[case("[shop.example/a]", "[shop.example/a, {path: /a}]", &["3:40 `shop.example/a` is given twice"])]
    #[case("zone:", "ruleset: my rules\nzone:", &["2:10 `my rules` is not the id of a ruleset"])]
    #[case("zone:", "wallarm: {node: 'http://node.example', routes: [b.example/*]}\nzone:", &[
        "2:17 `http://node.example` is not the address of a node",
        "2:49 `b.example` is not in the zone `shop.example`",
    ])]
    #[case("zone:", "rulset: rs_1\nzone:", &["2:1 unknown key `rulset`"])]
    fn what_the_dashboard_would_refuse_is_refused_with_its_place(
        #[case] from: &str,
        #[case] to: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(mistakes(&GOOD.replacen(from, to, 1)), expected);
    }

    #[rstest]
    #[case("shop.example/anmälan*", Some("shop.example/anm%C3%A4lan*"))]
    #[case(
        "https://SMÖRGÅS.example/my page",
        Some("https://xn--smrgs-pra0j.example/my%20page")
    )]
    #[case("shop.example", None)]
    #[case("SHOP.example/*", None)]
    #[case("shop.example/a://b", None)]
    fn the_pattern_that_is_meant_is_told(#[case] pattern: &str, #[case] expected: Option<&str>) {
        assert_eq!(as_urls_travel(pattern).as_deref(), expected);
    }

    #[rstest]
    #[case(10, true)]
    #[case(11, false)]
    fn a_deployment_has_ten_pages_and_ten_apis_at_most(#[case] count: usize, #[case] taken: bool) {
        let pages: Vec<String> = (0..count).map(|n| format!("shop.example/{n}")).collect();
        let apis: Vec<String> = pages.iter().map(|page| format!("POST {page}")).collect();
        let text = format!(
            "name: flow\nzone: shop.example\nidentification_pages: [{}]\nprotected_apis: [{}]\n",
            pages.join(", "),
            apis.join(", ")
        );
        assert_eq!(mistakes(&text).len(), if taken { 0 } else { 2 });
    }
}
