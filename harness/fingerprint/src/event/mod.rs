//! The event of one identification, in the published shape of the Server API v4.
//!
//! Only fields that have a source here are in these types; the README of this room names the source of each.

mod address;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

pub use address::{
    AddressInfo, Geolocation, IpBlocklist, IpInfo, ProxyDetails, Subdivision, VpnMethods,
};

use super::rules::RuleAction;

/// What the platform knows about one identification.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// `<milliseconds>.<six letters and digits>`.
    pub event_id: String,
    /// When the signals were handed out, by the platform's clock, in milliseconds since 1970.
    pub timestamp: i64,
    /// What was analysed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The caller's own id for the visit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_id: Option<String>,
    /// The environment of the API key, `ae_…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_id: Option<String>,
    /// Whether a caller marked the event as suspect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspect: Option<bool>,
    /// The agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sdk: Option<Sdk>,
    /// Whether the same signals were sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<bool>,
    /// Who it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identification: Option<Identification>,
    /// Who it is by the device alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supplementary_id_high_recall: Option<Identification>,
    /// The caller's own data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<Json>,
    /// The page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The browser's user agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Where the visitor came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_referrer: Option<String>,
    /// The visitor's address, byte for byte as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_address: Option<String>,
    /// An app's id on iOS; only a scenario can state one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle_id: Option<String>,
    /// An app's name on Android; only a scenario can state one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package_name: Option<String>,
    /// The device's kind, from the user agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The operating system, from the user agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os_version: Option<String>,
    /// The browser, from the user agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub browser_details: Option<BrowserDetails>,
    /// Where the device is; only a scenario can state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proximity: Option<Proximity>,
    /// Whether the visitor is automated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot: Option<Bot>,
    /// By what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_type: Option<String>,
    /// More about what automates it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_info: Option<BotInfo>,
    /// How sure the platform is that the browser was tampered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tampering_confidence: Option<Level>,
    /// A model's score, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tampering_ml_score: Option<f64>,
    /// What speaks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tampering_details: Option<TamperingDetails>,
    /// How sure the platform is about `proxy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_confidence: Option<Level>,
    /// More about the proxy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy_details: Option<ProxyDetails>,
    /// How sure the platform is about `vpn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn_confidence: Option<Level>,
    /// A model's score, 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn_ml_score: Option<f64>,
    /// The time zone of the browser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn_origin_timezone: Option<String>,
    /// The country behind the VPN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn_origin_country: Option<String>,
    /// How a VPN was recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpn_methods: Option<VpnMethods>,
    /// Whether the address is on a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_blocklist: Option<IpBlocklist>,
    /// What is known about the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip_info: Option<IpInfo>,
    /// The sum of the weights of the signals that were found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspect_score: Option<u32>,
    /// How often the visitor and its address were seen lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub velocity: Option<Velocity>,
    /// What FingerprintJS measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_device_attributes: Option<Map<String, Json>>,
    /// The smart signals that are plain yes or no.
    #[serde(flatten)]
    pub flags: Flags,
    /// What the ruleset decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule_action: Option<RuleAction>,
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A browser or app with the agent.
    Device,
    /// A request at the edge.
    Edge,
}

/// The agent that collected the signals.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sdk {
    /// `js`, `android`, `ios` or `unknown`.
    pub platform: String,
    /// Its version.
    pub version: String,
    /// Who started it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub integrations: Vec<Integration>,
}

/// A product that starts the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The part of it that does so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subintegration: Option<Subintegration>,
}

/// A part of a product that starts the agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subintegration {
    /// Its name.
    pub name: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// A visitor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Identification {
    /// 20 letters and digits.
    pub visitor_id: String,
    /// Whether the visitor was seen before.
    pub visitor_found: bool,
    /// How sure the platform is.
    pub confidence: Confidence,
    /// When it was first seen, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen_at: Option<i64>,
    /// When it was last seen before this event, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<i64>,
}

/// How sure the platform is of a visitor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Confidence {
    /// From 0 to 1.
    pub score: f64,
    /// The version of the score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

/// The browser, from its user agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserDetails {
    /// Such as `Chrome`.
    pub browser_name: String,
    /// Such as `156`.
    pub browser_major_version: String,
    /// Such as `156.0.8078`.
    pub browser_full_version: String,
    /// Such as `Linux`.
    pub os: String,
    /// Such as `10.15.7`; empty where the user agent does not say.
    pub os_version: String,
    /// `Other` for a computer.
    pub device: String,
}

/// Where a device is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proximity {
    /// The id of the place.
    pub id: String,
    /// In metres.
    pub precision_radius: u32,
    /// From 0 to 1.
    pub confidence: f64,
}

/// Whether a visitor is automated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bot {
    /// Automated, and unwanted as far as the platform knows.
    Bad,
    /// Automated by somebody who says so.
    Good,
    /// Not automated as far as the platform knows.
    NotDetected,
}

/// What automates a visitor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BotInfo {
    /// One of [`super::rules::fields::BOT_CATEGORIES`].
    pub category: String,
    /// Who provides it.
    pub provider: String,
    /// Where to read about the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_url: Option<String>,
    /// What it is called.
    pub name: String,
    /// `verified`, `signed`, `spoofed` or `unknown`.
    pub identity: String,
    /// How sure the platform is.
    pub confidence: Level,
}

/// How sure the platform is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Not very.
    Low,
    /// Somewhat.
    Medium,
    /// Very.
    High,
}

/// What speaks for tampering.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TamperingDetails {
    /// From 0 to 1; above 0.5 is worth acting on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anomaly_score: Option<f64>,
    /// Whether it is a browser made to hide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anti_detect_browser: Option<bool>,
}

/// How often something was seen, over three spans of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counter {
    /// In the last five minutes.
    #[serde(rename = "5_minutes")]
    pub five_minutes: u64,
    /// In the last hour.
    #[serde(rename = "1_hour")]
    pub one_hour: u64,
    /// In the last day; dropped where there were more than 20,000 events.
    #[serde(rename = "24_hours", default, skip_serializing_if = "Option::is_none")]
    pub day: Option<u64>,
}

/// How often the visitor and its address were seen lately.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Velocity {
    /// Addresses of this visitor.
    pub distinct_ip: Counter,
    /// Linked ids of this visitor.
    pub distinct_linked_id: Counter,
    /// Countries of this visitor.
    pub distinct_country: Counter,
    /// Events of this visitor.
    pub events: Counter,
    /// Events of this address.
    pub ip_events: Counter,
    /// Addresses of this linked id.
    pub distinct_ip_by_linked_id: Counter,
    /// Visitors of this linked id.
    pub distinct_visitor_id_by_linked_id: Counter,
}

/// The smart signals that are true or false, by the name of their field. Present means the signal is part of the
/// event; the platform leaves those of other kinds of device out.
pub type Flags = BTreeMap<String, bool>;

impl Event {
    /// Whether a smart signal that is true or false, such as `incognito`, was found.
    pub fn flag(&self, name: &str) -> bool {
        self.flags.get(name).copied().unwrap_or_default()
    }

    /// The event as the JSON that rules read and the API answers.
    ///
    /// # Errors
    /// None: every key is text. The writer's error is kept rather than hidden.
    pub fn to_json(&self) -> Result<Json, serde_json::Error> {
        serde_json::to_value(self)
    }
}
