//! The identification event, as far as the worker reads it: the same part comes from `/v4/send` and `/v4/edge`.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Deserialize;

/// What the platform knows about the address and the automation behind a request.
#[derive(Clone, Debug, Deserialize)]
pub struct Intelligence {
    /// Facts about the addresses; the platform always sends it, empty when it knows nothing.
    pub ip_info: IpInfo,
    /// The bot, where there is one.
    pub bot_info: Option<BotInfo>,
    /// Whether the address is a proxy.
    pub proxy: Option<bool>,
    /// How sure that is.
    pub proxy_confidence: Option<Confidence>,
    /// Which proxy.
    pub proxy_details: Option<ProxyDetails>,
    /// Whether a VPN is in use.
    pub vpn: Option<bool>,
    /// How sure that is.
    pub vpn_confidence: Option<Confidence>,
    /// How it was found out.
    pub vpn_methods: Option<VpnMethods>,
    /// Lists the address is on.
    pub ip_blocklist: Option<IpBlocklist>,
}

/// Facts about the addresses of a request, by family.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct IpInfo {
    /// The IPv4 address.
    pub v4: Option<AddressInfo<Ipv4Addr>>,
    /// The IPv6 address.
    pub v6: Option<AddressInfo<Ipv6Addr>>,
}

/// Facts about one address.
#[derive(Clone, Debug, Deserialize)]
pub struct AddressInfo<Address> {
    /// The address itself.
    pub address: Address,
    /// Where it is.
    pub geolocation: Option<Geolocation>,
    /// Number of the autonomous system's operator as the platform names it.
    pub asn_name: Option<String>,
    /// The announced network, such as `203.0.113.0/24`.
    pub asn_network: Option<String>,
    /// Kind of operator.
    pub asn_type: Option<String>,
    /// Data centre, where it is in one.
    pub datacenter_name: Option<String>,
}

/// Where an address is.
#[derive(Clone, Debug, Default, Deserialize)]
#[expect(missing_docs, reason = "the names are the platform's and say it")]
pub struct Geolocation {
    /// In kilometres.
    pub accuracy_radius: Option<f64>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    pub postal_code: Option<String>,
    pub timezone: Option<String>,
    pub city_name: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country_code: Option<String>,
    pub continent_code: Option<String>,
}

/// A bot the platform knows.
#[derive(Clone, Debug, Deserialize)]
#[expect(missing_docs, reason = "the names are the platform's and say it")]
pub struct BotInfo {
    pub category: String,
    pub provider: String,
    pub name: String,
    pub identity: Identity,
    pub confidence: Confidence,
}

/// How a bot shows who it is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are the platform's and say it")]
pub enum Identity {
    Verified,
    Signed,
    Spoofed,
    Unknown,
}

impl Identity {
    /// The platform's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Signed => "signed",
            Self::Spoofed => "spoofed",
            Self::Unknown => "unknown",
        }
    }
}

/// How sure the platform is.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Confidence {
    Low,
    Medium,
    High,
}

impl Confidence {
    /// The platform's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Which proxy an address is.
#[derive(Clone, Debug, Deserialize)]
pub struct ProxyDetails {
    /// `residential`, `data_center` or `unknown`.
    pub proxy_type: Option<String>,
    /// Unix time in milliseconds, to the hour.
    pub last_seen_at: Option<f64>,
    /// Who runs it.
    pub provider: Option<String>,
}

/// How a VPN was found out.
#[derive(Clone, Debug, Default, Deserialize)]
#[expect(missing_docs, reason = "the names are the platform's and say it")]
pub struct VpnMethods {
    pub timezone_mismatch: Option<bool>,
    pub public_vpn: Option<bool>,
    pub auxiliary_mobile: Option<bool>,
    pub os_mismatch: Option<bool>,
    pub relay: Option<bool>,
}

/// Lists an address is on.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct IpBlocklist {
    /// Whether it is an exit of the Tor network.
    pub tor_node: Option<bool>,
}
