//! What an event says about the visitor's address.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is known about the visitor's addresses, by family.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct IpInfo {
    /// Of the IPv4 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v4: Option<AddressInfo>,
    /// Of the IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<AddressInfo>,
}

/// What is known about an address.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressInfo {
    /// The address.
    #[serde(default)]
    pub address: String,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geolocation: Option<Geolocation>,
    /// The number of the autonomous system, as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn: Option<String>,
    /// The system's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn_name: Option<String>,
    /// The announced network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn_network: Option<String>,
    /// What kind of network it is, such as `isp` or `hosting`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asn_type: Option<String>,
    /// Whether it is in a data centre.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacenter_result: Option<bool>,
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub datacenter_name: Option<String>,
}

/// Where an address is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Geolocation {
    /// In kilometres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy_radius: Option<u32>,
    /// In degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// In degrees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// The postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<String>,
    /// An IANA time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// The city.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city_name: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<String>,
    /// The country.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country_name: Option<String>,
    /// Two letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continent_code: Option<String>,
    /// The continent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continent_name: Option<String>,
    /// States, provinces and so on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subdivisions: Option<Vec<Subdivision>>,
}

/// A part of a country.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subdivision {
    /// Its ISO 3166-2 code without the country.
    pub iso_code: String,
    /// Its name.
    pub name: String,
}

/// Lists an address can be on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IpBlocklist {
    /// Sends spam.
    pub email_spam: bool,
    /// Attacks.
    pub attack_source: bool,
    /// Leaves the Tor network.
    pub tor_node: bool,
}

/// More about a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProxyDetails {
    /// `residential`, `data_center` or `unknown`.
    pub proxy_type: String,
    /// When it was last seen, in milliseconds since 1970, by the hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen_at: Option<i64>,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
}

/// How a VPN is recognised; a method without a source here is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VpnMethods {
    /// The browser's time zone is not that of the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone_mismatch: Option<bool>,
    /// The address belongs to a known service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_vpn: Option<bool>,
    /// A phone's VPN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auxiliary_mobile: Option<bool>,
    /// The network packets speak of another operating system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub os_mismatch: Option<bool>,
    /// A relay such as iCloud's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub relay: Option<bool>,
    /// A model says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ml_prediction: Option<bool>,
}
