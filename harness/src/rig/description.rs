//! What a rig is made of: the `given` part of a scenario, and what a Rust test builds by hand.

use std::{collections::BTreeMap, net::IpAddr, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{Connector, RealNode, WrongClock};
use crate::{
    cloudflare::plane,
    edge,
    fingerprint::{self, Ruleset},
    international,
    internet::Fault,
    origin::{
        App,
        launch::{Launch, Missing},
    },
    wallarm,
};

/// Everything a rig is built from. Maps are keyed by the names the user gave.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Description {
    /// The zones of the Cloudflare account, by domain name. A name in any script means its punycode, here and everywhere.
    #[serde(deserialize_with = "international::by_name")]
    pub zones: BTreeMap<String, Zone>,
    /// What is deployed in front of them, by worker name.
    pub deployments: BTreeMap<String, Deployment>,
    /// The rulesets of the Fingerprint workspace, by name.
    pub rulesets: BTreeMap<String, Ruleset>,
    /// The Cloudflare account and its control plane; none is emulated where it is absent.
    pub cloudflare: Option<plane::Settings>,
    /// The rest of the Fingerprint workspace.
    pub fingerprint: fingerprint::Settings,
    /// The Wallarm filtering node.
    pub node: wallarm::Settings,
    /// The time at which the rig starts, such as `2026-11-21T12:00:00Z`; the machine's where it is absent. The worker
    /// has the machine's time all the same: `workerd` knows no other.
    #[schemars(with = "Option<String>")]
    pub clock: Option<jiff::Timestamp>,
    /// Who visits, by a name of the user's choice.
    pub visitors: BTreeMap<String, Visitor>,
    /// What goes wrong on the way to the parts of the rig.
    pub faults: Vec<Fault>,
}

impl Description {
    /// The first thing that an app of its hosts needs and that is not on this machine.
    pub(crate) fn missing(&self) -> Option<Missing> {
        let hosts = self.zones.values().flat_map(|zone| zone.hosts.values());
        let mut launches = hosts.filter_map(|host| host.app.as_ref()?.launch.as_ref());
        launches.find_map(Launch::missing)
    }
}

/// A Cloudflare zone: its hosts, and the settings of its edge.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// The names that resolve in this zone, each with what answers behind the edge.
    #[serde(default, deserialize_with = "international::by_name")]
    pub hosts: BTreeMap<String, Host>,
    /// Names that a worker answers by itself, each with the worker.
    #[serde(default, deserialize_with = "international::by_name")]
    pub custom_domains: BTreeMap<String, String>,
    /// Routes beside those of the deployments, such as a pattern without a worker.
    #[serde(default)]
    pub routes: Vec<edge::Route>,
    /// How the zone's edge behaves.
    #[serde(default)]
    pub edge: edge::Settings,
}

/// What stands behind one name of a zone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// A site of `fixtures/sites`, by folder name.
    pub site: Option<String>,
    /// The user's own application: its address, such as `http://127.0.0.1:3000`, or a mapping.
    #[serde(default, deserialize_with = "App::read")]
    #[schemars(schema_with = "App::schema")]
    pub app: Option<App>,
    /// Whether traffic goes through the edge; a DNS-only host goes straight to its origin.
    #[serde(default = "yes")]
    pub proxied: bool,
}

/// A worker in front of pages and APIs, in the words of the vendor's dashboard.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Deployment {
    /// A directory with a built worker; the worker of this repository where it is absent.
    pub worker: Option<String>,
    /// URL patterns of the pages that get the instrumentation.
    pub identification_pages: Vec<String>,
    /// The APIs that are protected, such as `POST shop.example/api/create-account*`.
    pub protected_apis: Vec<ProtectedApi>,
    /// What happens to a protected call that could not be identified.
    pub failure_mode: FailureMode,
    /// The ruleset that decides; without one the worker monitors and blocks nothing.
    pub ruleset: Option<String>,
    /// Route patterns; derived from the pages, the APIs and the worker's own prefix where they are absent.
    pub routes: Option<Vec<String>>,
    /// The Wallarm connector of the same worker; without it no traffic goes through a node.
    pub wallarm: Option<Connector>,
    /// A real filtering node in place of the emulated one.
    pub node: Option<RealNode>,
    /// Further worker variables; they win over the derived ones. An empty value removes one.
    pub variables: BTreeMap<String, String>,
}

/// An API whose calls must carry signals.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub struct ProtectedApi {
    /// The method that is protected.
    pub method: Method,
    /// The URL pattern, as in a Cloudflare route.
    pub url: String,
}

/// What the worker does when it cannot identify a protected call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureMode {
    /// The call goes on to the origin.
    #[default]
    Open,
    /// The call is answered with 403.
    Closed,
}

/// Somebody who visits the site.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Visitor {
    /// How the visitor comes.
    pub profile: Profile,
    /// The address the edge sees.
    pub ip: IpAddr,
    /// ISO 3166-1 alpha-2 code of the country the edge reports.
    pub country: String,
    /// Whether cookies are kept from one request, or one visit of a page, to the next.
    pub cookies: Cookies,
    /// Headers that go with every request of this visitor.
    pub headers: VisitorHeaders,
    /// The language the visitor reads, such as `de-DE`: what `Accept-Language` asks for, and what pages are told.
    pub language: Option<String>,
    /// What else the edge knows of the address: city, network and the like.
    pub location: edge::Location,
    /// How wrong the visitor's clock is; right where it is absent.
    pub clock: WrongClock,
}

/// How a visitor comes to the site.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// No browser: a plain HTTP client.
    #[default]
    Http,
    /// Chromium with a profile on disk and nothing that shows automation.
    Regular,
    /// The same Chromium, off the record.
    Incognito,
    /// A plain headless browser that says it is automated.
    Automated,
}

/// What a visitor does with cookies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cookies {
    /// Keeps them and sends them back, as people's browsers do.
    #[default]
    Kept,
    /// Forgets them: before each request of an HTTP client, before each `visit` of a browser.
    Cleared,
}

/// Headers that HTTP can carry, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, String>")]
#[schemars(with = "BTreeMap<String, String>")]
pub struct VisitorHeaders(pub HeaderMap);

impl TryFrom<BTreeMap<String, String>> for VisitorHeaders {
    type Error = String;

    fn try_from(written: BTreeMap<String, String>) -> Result<Self, String> {
        let mut headers = HeaderMap::new();
        for (name, value) in written {
            let wrong = || format!("`{name}: {value}` is not a header that HTTP can carry");
            headers.insert(
                HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?,
                HeaderValue::try_from(&value).map_err(|_| wrong())?,
            );
        }
        Ok(Self(headers))
    }
}

impl Default for Visitor {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            // A documentation address (RFC 5737).
            ip: IpAddr::from([203, 0, 113, 7]),
            country: "DE".to_owned(),
            cookies: Cookies::default(),
            headers: VisitorHeaders::default(),
            language: None,
            location: edge::Location::default(),
            clock: WrongClock::default(),
        }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self {
            site: None,
            app: None,
            proxied: true,
        }
    }
}

impl TryFrom<String> for ProtectedApi {
    type Error = ProtectedApiError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for ProtectedApi {
    type Err = ProtectedApiError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (method, url) = text
            .split_once(' ')
            .ok_or_else(|| ProtectedApiError::Form(text.to_owned()))?;
        match method {
            "GET" | "POST" | "PUT" | "PATCH" | "DELETE" => Ok(Self {
                method: Method::from_str(method)
                    .map_err(|_| ProtectedApiError::Method(method.to_owned()))?,
                url: url.trim().to_owned(),
            }),
            other => Err(ProtectedApiError::Method(other.to_owned())),
        }
    }
}

/// Why the text of a protected API could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtectedApiError {
    /// It is not a method and a pattern.
    #[error("`{0}` is not a method and a URL pattern, such as `POST shop.example/api/login*`")]
    Form(String),
    /// The method is not one the product protects (the Flow worker knows five methods).
    #[error("`{0}` cannot be protected; the methods are GET, POST, PUT, PATCH and DELETE")]
    Method(String),
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("POST shop.example/api*", Ok((Method::POST, "shop.example/api*")))]
    #[case("GET  a.example/x", Ok((Method::GET, "a.example/x")))]
    #[case("HEAD a.example/x", Err(ProtectedApiError::Method("HEAD".to_owned())))]
    #[case("post a.example/x", Err(ProtectedApiError::Method("post".to_owned())))]
    #[case("a.example/x", Err(ProtectedApiError::Form("a.example/x".to_owned())))]
    fn a_protected_api_is_a_method_and_a_pattern(
        #[case] text: &str,
        #[case] expected: Result<(Method, &str), ProtectedApiError>,
    ) {
        let read = text.parse::<ProtectedApi>();
        assert_eq!(
            read.as_ref()
                .map(|api| (api.method.clone(), api.url.as_str())),
            expected
                .as_ref()
                .map(|(method, url)| (method.clone(), *url))
        );
    }
}
