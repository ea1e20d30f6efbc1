//! What a rig is made of: the `given` part of a scenario, and what a Rust test builds by hand.

use std::{collections::BTreeMap, net::IpAddr, num::NonZeroU32};

use edgeproof_browser::{Engine, Profile};
use edgeproof_cloudflare::plane;
use edgeproof_deployment::Deployment;
use edgeproof_edge as edge;
use edgeproof_fingerprint::{self as fingerprint, Ruleset};
use edgeproof_ground::international;
use edgeproof_internet::Fault;
use edgeproof_origin::{
    App,
    launch::{Launch, Missing},
};
use edgeproof_wallarm as wallarm;
use http::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::Deserialize;

use super::WrongClock;

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
    /// The Cloudflare account and its API. Default: none is emulated.
    pub cloudflare: Option<plane::AccountSettings>,
    /// The rest of the Fingerprint workspace.
    pub fingerprint: fingerprint::PlatformSettings,
    /// The Wallarm filtering node.
    pub node: wallarm::NodeSettings,
    /// The time at which the rig starts, such as `2026-11-21T12:00:00Z`; default: the machine's. The worker always has
    /// the machine's time, because `workerd` has no other.
    #[schemars(with = "Option<String>")]
    pub clock: Option<jiff::Timestamp>,
    /// The browser of visitors that name none: `chromium` or `firefox`. Default: that of `--engine`, or else Chromium.
    pub engine: Option<Engine>,
    /// Who visits, by a name of the user's choice.
    pub visitors: BTreeMap<String, Visitor>,
    /// How many MiB of what happened the rig keeps: the requests on their way, what the origins, the filtering node and
    /// the platform saw, the logs. Of more, the oldest goes, and an expectation that needs it says so. Default: 64.
    pub memory_mb: Option<NonZeroU32>,
    /// What goes wrong on the way to the parts of the rig.
    pub faults: Vec<Fault>,
}

impl Description {
    /// The browser of a visitor, who has one; the default is of visitors that name none, in a scenario that names none.
    pub fn engine_of(&self, visitor: &Visitor, default: Engine) -> Engine {
        visitor.engine.or(self.engine).unwrap_or(default)
    }

    /// The first thing that an app of its hosts needs and that is not on this machine.
    pub fn missing(&self) -> Option<Missing> {
        let hosts = self.zones.values().flat_map(|zone| zone.hosts.values());
        let mut launches = hosts.filter_map(|host| host.app.as_ref()?.launch.as_ref());
        launches.find_map(Launch::missing)
    }
}

/// A Cloudflare zone: its hosts, and the settings of its edge.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// The names that resolve in this zone, each with its origin behind the edge.
    #[serde(default, deserialize_with = "international::by_name")]
    pub hosts: BTreeMap<String, Host>,
    /// Custom domains: host names that a worker serves by itself, each with the worker.
    #[serde(default, deserialize_with = "international::by_name")]
    pub custom_domains: BTreeMap<String, String>,
    /// Routes beside those of the deployments, such as a pattern without a worker.
    #[serde(default)]
    pub routes: Vec<edge::Route>,
    /// How the zone's edge behaves.
    #[serde(default)]
    pub edge: edge::EdgeSettings,
}

/// The origin behind one host name of a zone.
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

/// Somebody who visits the site.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Visitor {
    /// How the visitor comes.
    pub profile: Profile,
    /// With which browser, where it is one: `chromium` or `firefox`. Default: the `engine` of `given`.
    pub engine: Option<Engine>,
    /// The address the edge sees.
    pub ip: IpAddr,
    /// ISO 3166-1 alpha-2 code of the country the edge reports.
    pub country: String,
    /// Whether cookies are kept from one request, or one visit of a page, to the next.
    pub cookies: Cookies,
    /// Headers that go with every request of this visitor.
    pub headers: VisitorHeaders,
    /// The language the visitor reads, such as `de-DE`: it is in `Accept-Language` and in `navigator.language`.
    pub language: Option<String>,
    /// What else the edge knows of the address: city, network and the like.
    pub location: edge::Location,
    /// The error of the visitor's clock. Default: none.
    pub clock: WrongClock,
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
            engine: None,
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

fn yes() -> bool {
    true
}
