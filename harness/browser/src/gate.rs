//! What requests to some hosts carry, and no request to another host: what lets a visitor through the gate in front of a
//! site, and what says who visits.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use url::Url;

/// Headers and cookies for some hosts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gate {
    /// The hosts.
    pub hosts: Vec<String>,
    /// The headers of every request to them.
    pub headers: HeaderMap,
    /// The cookies that they are sent, by name.
    pub cookies: Vec<(String, String)>,
}

impl Gate {
    /// Whether a URL is one of its hosts'.
    pub fn is_for(&self, url: &Url) -> bool {
        let host = url.host_str();
        host.is_some_and(|host| self.hosts.iter().any(|known| known == host))
    }

    /// The headers that a request to a URL should have instead of those that it has, or nothing where they are right: to
    /// other hosts, as after a redirect, none of these goes.
    pub(crate) fn instead(&self, url: &str, has: &[Header]) -> Option<Vec<Header>> {
        let is_own = |(name, _): &&Header| self.headers.contains_key(name.as_str());
        let is_for = Url::parse(url).is_ok_and(|url| self.is_for(&url));
        if !is_for && !has.iter().any(|header| is_own(&header)) {
            return None;
        }
        let mut headers: Vec<Header> = has
            .iter()
            .filter(|header| !is_own(header))
            .cloned()
            .collect();
        if is_for {
            headers.extend(self.headers.iter().map(text));
        }
        Some(headers)
    }
}

/// The name of a header, in small letters, and its value.
pub(crate) type Header = (String, String);

fn text((name, value): (&HeaderName, &HeaderValue)) -> Header {
    let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
    (name.as_str().to_owned(), value)
}

/// The headers of a request as browsers tell them: a mapping, or a list of names and values.
pub(crate) fn headers(told: &Value) -> Vec<Header> {
    let header = |name: &str, value: &Value| {
        let value = value.as_str().or_else(|| value["value"].as_str());
        (
            name.to_ascii_lowercase(),
            value.unwrap_or_default().to_owned(),
        )
    };
    match told {
        Value::Object(pairs) => pairs
            .iter()
            .map(|(name, value)| header(name, value))
            .collect(),
        Value::Array(list) => list
            .iter()
            .map(|one| header(one["name"].as_str().unwrap_or_default(), &one["value"]))
            .collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::added("https://a.example/x", &["accept"], Some(vec!["accept", "x-gate"]))]
    #[case::on_any_port("https://a.example:8443/", &[], Some(vec!["x-gate"]))]
    #[case::not_doubled("https://a.example/", &["x-gate", "accept"], Some(vec!["accept", "x-gate"]))]
    #[case::of_another_host("https://b.example/?https://a.example/", &["accept"], None)]
    #[case::below("https://c.a.example/", &["accept"], None)]
    #[case::taken_away_after_a_redirect("https://b.example/", &["x-gate", "accept"], Some(vec!["accept"]))]
    fn headers_go_to_their_hosts_and_to_no_other(
        #[case] url: &str,
        #[case] has: &[&str],
        #[case] expected: Option<Vec<&str>>,
    ) {
        let gate = Gate {
            hosts: vec!["a.example".to_owned()],
            headers: HeaderMap::from_iter([(
                HeaderName::from_static("x-gate"),
                HeaderValue::from_static("in"),
            )]),
            cookies: Vec::new(),
        };
        let has: Vec<Header> = has
            .iter()
            .map(|name| ((*name).to_owned(), String::new()))
            .collect();
        let names = gate.instead(url, &has).map(|headers| {
            let names = headers.into_iter().map(|(name, _)| name);
            names.collect::<Vec<_>>()
        });
        let expected = expected.map(|names| names.into_iter().map(str::to_owned).collect());
        assert_eq!(names, expected);
    }
}
