//! The fields of an event that a rule may ask for: 120, with the type of each.
//!
//! Source: the fields that carry `x-ruleset-metadata` in the published OpenAPI description of the Server API v4.

use std::sync::LazyLock;

use strsim::damerau_levenshtein;

/// What a field holds when the event has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Bool,
    /// Any number; expressions compare them as floating point.
    Number,
    /// Any text.
    Text,
    /// One of these words.
    OneOf(&'static [&'static str]),
}

/// A field of an event.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// The keys from the event's top to the field.
    pub path: Vec<&'static str>,
    /// The keys joined by dots.
    pub name: String,
    /// The type of its value.
    pub kind: Kind,
}

const CONFIDENCE: Kind = Kind::OneOf(&["low", "medium", "high"]);

/// What an automated visitor is for: the 16 categories of the published schema.
pub const BOT_CATEGORIES: &[&str] = &[
    "advertising_and_marketing",
    "aggregator",
    "ai_agent",
    "ai_assistant",
    "ai_browser",
    "ai_crawler",
    "ai_search",
    "browser_automation",
    "ecommerce",
    "monitoring_and_analytics",
    "other",
    "scraping",
    "security",
    "search_engine_crawler",
    "search_engine_optimization",
    "unknown",
];

/// Fields that stand once in the event.
const SINGLE: &[(&str, Kind)] = &[
    // Platform.
    ("linked_id", Kind::Text),
    ("environment_id", Kind::Text),
    (
        "sdk.platform",
        Kind::OneOf(&["js", "android", "ios", "unknown"]),
    ),
    ("sdk.version", Kind::Text),
    ("replayed", Kind::Bool),
    ("user_agent", Kind::Text),
    ("device", Kind::Text),
    ("os", Kind::Text),
    ("os_version", Kind::Text),
    // Identity.
    ("identification.visitor_id", Kind::Text),
    ("identification.confidence.score", Kind::Number),
    ("identification.visitor_found", Kind::Bool),
    ("high_activity_device", Kind::Bool),
    // Browser.
    ("url", Kind::Text),
    ("client_referrer", Kind::Text),
    ("browser_details.browser_name", Kind::Text),
    ("browser_details.browser_major_version", Kind::Text),
    ("browser_details.browser_full_version", Kind::Text),
    ("browser_details.os", Kind::Text),
    ("browser_details.os_version", Kind::Text),
    ("browser_details.device", Kind::Text),
    ("developer_tools", Kind::Bool),
    ("incognito", Kind::Bool),
    ("privacy_settings", Kind::Bool),
    ("tampering", Kind::Bool),
    ("tampering_confidence", CONFIDENCE),
    ("tampering_ml_score", Kind::Number),
    ("tampering_details.anomaly_score", Kind::Number),
    ("tampering_details.anti_detect_browser", Kind::Bool),
    ("virtual_machine", Kind::Bool),
    // Bots.
    ("bot", Kind::OneOf(&["bad", "good", "not_detected"])),
    ("bot_info.category", Kind::OneOf(BOT_CATEGORIES)),
    ("bot_info.provider", Kind::Text),
    ("bot_info.name", Kind::Text),
    (
        "bot_info.identity",
        Kind::OneOf(&["verified", "signed", "spoofed", "unknown"]),
    ),
    ("bot_info.confidence", CONFIDENCE),
    // Location.
    ("proximity.id", Kind::Text),
    // Address.
    ("ip_address", Kind::Text),
    ("ip_blocklist.email_spam", Kind::Bool),
    ("ip_blocklist.attack_source", Kind::Bool),
    ("ip_blocklist.tor_node", Kind::Bool),
    ("proxy", Kind::Bool),
    ("proxy_confidence", CONFIDENCE),
    (
        "proxy_details.proxy_type",
        Kind::OneOf(&["residential", "data_center", "unknown"]),
    ),
    ("proxy_details.provider", Kind::Text),
    ("vpn", Kind::Bool),
    ("vpn_confidence", CONFIDENCE),
    ("vpn_ml_score", Kind::Number),
    ("vpn_origin_timezone", Kind::Text),
    ("vpn_origin_country", Kind::Text),
    ("vpn_methods.timezone_mismatch", Kind::Bool),
    ("vpn_methods.public_vpn", Kind::Bool),
    ("vpn_methods.auxiliary_mobile", Kind::Bool),
    ("vpn_methods.os_mismatch", Kind::Bool),
    ("vpn_methods.relay", Kind::Bool),
    ("vpn_methods.ml_prediction", Kind::Bool),
    // Mobile: an event of a browser never has them.
    ("bundle_id", Kind::Text),
    ("package_name", Kind::Text),
    ("active_call", Kind::Bool),
    ("cloned_app", Kind::Bool),
    ("emulator", Kind::Bool),
    ("frida", Kind::Bool),
    ("jailbroken", Kind::Bool),
    ("location_spoofing", Kind::Bool),
    ("mitm_attack", Kind::Bool),
    ("root_apps", Kind::Bool),
    // Risk.
    ("suspect_score", Kind::Number),
];

/// Fields of `ip_info.v4` and of `ip_info.v6`.
const ADDRESS: &[(&str, Kind)] = &[
    ("address", Kind::Text),
    ("geolocation.accuracy_radius", Kind::Number),
    ("geolocation.latitude", Kind::Number),
    ("geolocation.longitude", Kind::Number),
    ("geolocation.timezone", Kind::Text),
    ("geolocation.city_name", Kind::Text),
    ("geolocation.country_code", Kind::Text),
    ("geolocation.country_name", Kind::Text),
    ("geolocation.continent_code", Kind::Text),
    ("geolocation.continent_name", Kind::Text),
    ("asn", Kind::Text),
    ("asn_name", Kind::Text),
    ("asn_network", Kind::Text),
    ("asn_type", Kind::Text),
    ("datacenter_result", Kind::Bool),
    ("datacenter_name", Kind::Text),
];

/// The velocity counters, each over three spans of time.
const COUNTERS: [&str; 7] = [
    "distinct_ip",
    "distinct_linked_id",
    "distinct_country",
    "events",
    "ip_events",
    "distinct_ip_by_linked_id",
    "distinct_visitor_id_by_linked_id",
];
const SPANS: [&str; 3] = ["5_minutes", "1_hour", "24_hours"];

/// Every field a rule may ask for.
pub static FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let single = SINGLE
        .iter()
        .map(|(name, kind)| Field::new(name.split('.').collect(), *kind));
    let addresses = ["v4", "v6"].into_iter().flat_map(|family| {
        ADDRESS.iter().map(move |(name, kind)| {
            let path = ["ip_info", family].into_iter().chain(name.split('.'));
            Field::new(path.collect(), *kind)
        })
    });
    let velocity = COUNTERS.into_iter().flat_map(|counter| {
        SPANS.map(|span| Field::new(vec!["velocity", counter, span], Kind::Number))
    });
    single.chain(addresses).chain(velocity).collect()
});

impl Field {
    fn new(path: Vec<&'static str>, kind: Kind) -> Self {
        let name = path.join(".");
        Self { path, name, kind }
    }
}

/// The field with this dotted name.
pub fn find(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|field| field.name == name)
}

/// Whether this dotted name is the beginning of fields, such as `ip_info.v4`.
pub fn is_group(name: &str) -> bool {
    FIELDS.iter().any(|field| {
        field
            .name
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// The field whose name is most like this one, if any is like it.
pub fn nearest(name: &str) -> Option<&'static str> {
    nearest_of(name, FIELDS.iter().map(|field| field.name.as_str()))
}

/// The word that is most like this one, if any is like it: at most a third of its letters differ.
pub fn nearest_of<'a>(word: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    among
        .map(|candidate| (damerau_levenshtein(word, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= candidate.len().max(word.len()).div_ceil(3))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_120_fields_and_no_name_stands_twice() {
        let mut names: Vec<_> = FIELDS.iter().map(|field| &field.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 120);
    }

    #[test]
    fn a_misspelt_field_has_a_nearest_one_and_nonsense_has_none() {
        assert_eq!(nearest("incognitoo"), Some("incognito"));
        assert_eq!(
            nearest("ip_info.v4.geolocation.country"),
            Some("ip_info.v4.geolocation.country_code")
        );
        assert_eq!(nearest("xyzzy"), None);
    }
}
