//! The identification event, as far as the worker reads it: the same part comes from `/v4/send` and `/v4/edge`.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use crate::json::{Json, JsonError, Object, Read};

/// What the platform knows about the address and the automation behind a request.
#[derive(Debug)]
pub(crate) struct Intelligence<'a> {
    /// Facts about the IPv4 address.
    pub(crate) v4: Option<AddressInfo<'a, Ipv4Addr>>,
    /// Facts about the IPv6 address.
    pub(crate) v6: Option<AddressInfo<'a, Ipv6Addr>>,
    /// The bot, where there is one.
    pub(crate) bot_info: Option<BotInfo<'a>>,
    /// Whether the address is a proxy.
    pub(crate) proxy: Option<bool>,
    /// How sure that is.
    pub(crate) proxy_confidence: Option<Confidence<'a>>,
    /// Which proxy.
    pub(crate) proxy_details: Option<ProxyDetails<'a>>,
    /// Whether a VPN is in use.
    pub(crate) vpn: Option<bool>,
    /// How sure that is.
    pub(crate) vpn_confidence: Option<Confidence<'a>>,
    /// How it was found out.
    pub(crate) vpn_methods: VpnMethods,
    /// Whether the address is an exit of the Tor network.
    pub(crate) tor_node: Option<bool>,
}

/// Facts about one address.
#[derive(Debug)]
pub(crate) struct AddressInfo<'a, Address> {
    /// The address itself.
    pub(crate) address: Address,
    /// Where it is.
    pub(crate) geolocation: Option<Geolocation<'a>>,
    /// The autonomous system's operator as the platform names it.
    pub(crate) asn_name: Option<&'a str>,
    /// The announced network, such as `203.0.113.0/24`.
    pub(crate) asn_network: Option<&'a str>,
    /// Kind of operator.
    pub(crate) asn_type: Option<&'a str>,
    /// Data centre, where it is in one.
    pub(crate) datacenter_name: Option<&'a str>,
}

/// Where an address is.
#[derive(Debug)]
pub(crate) struct Geolocation<'a> {
    /// In kilometres.
    pub(crate) accuracy_radius: Option<f64>,
    pub(crate) latitude: Option<f64>,
    pub(crate) longitude: Option<f64>,
    pub(crate) postal_code: Option<&'a str>,
    pub(crate) timezone: Option<&'a str>,
    pub(crate) city_name: Option<&'a str>,
    /// ISO 3166-1 alpha-2.
    pub(crate) country_code: Option<&'a str>,
    pub(crate) continent_code: Option<&'a str>,
}

/// A bot the platform knows.
#[derive(Debug)]
pub(crate) struct BotInfo<'a> {
    pub(crate) category: &'a str,
    pub(crate) provider: &'a str,
    pub(crate) name: &'a str,
    pub(crate) identity: Identity<'a>,
}

/// How a bot shows who it is: the platform's word.
#[derive(Debug)]
pub(crate) struct Identity<'a>(pub(crate) &'a str);

/// How sure the platform is: its word.
#[derive(Debug)]
pub(crate) struct Confidence<'a>(pub(crate) &'a str);

/// Which proxy an address is.
#[derive(Debug)]
pub(crate) struct ProxyDetails<'a> {
    /// `residential`, `data_center` or `unknown`.
    pub(crate) proxy_type: Option<&'a str>,
    /// Unix time in milliseconds, to the hour.
    pub(crate) last_seen_at: Option<f64>,
    /// Who runs it.
    pub(crate) provider: Option<&'a str>,
}

/// How a VPN was found out.
#[derive(Debug, Default)]
pub(crate) struct VpnMethods {
    pub(crate) timezone_mismatch: Option<bool>,
    pub(crate) public_vpn: Option<bool>,
    pub(crate) auxiliary_mobile: Option<bool>,
    pub(crate) os_mismatch: Option<bool>,
    pub(crate) relay: Option<bool>,
}

impl<'a> Intelligence<'a> {
    /// Reads it from an event. The platform always sends `ip_info`, empty when it knows nothing.
    pub(crate) fn read(event: Object<'a>) -> Result<Self, JsonError> {
        let ip_info: Object = event.required("ip_info")?;
        let blocklist: Option<Object> = event.optional("ip_blocklist")?;
        Ok(Self {
            v4: member(ip_info, "v4", AddressInfo::read)?,
            v6: member(ip_info, "v6", AddressInfo::read)?,
            bot_info: member(event, "bot_info", BotInfo::read)?,
            proxy: event.optional("proxy")?,
            proxy_confidence: event.optional("proxy_confidence")?,
            proxy_details: member(event, "proxy_details", ProxyDetails::read)?,
            vpn: event.optional("vpn")?,
            vpn_confidence: event.optional("vpn_confidence")?,
            vpn_methods: member(event, "vpn_methods", VpnMethods::read)?.unwrap_or_default(),
            tor_node: blocklist.map_or(Ok(None), |list| list.optional("tor_node"))?,
        })
    }
}

/// An object in an object.
fn member<'a, T>(
    object: Object<'a>,
    name: &'static str,
    read: impl FnOnce(Object<'a>) -> Result<T, JsonError>,
) -> Result<Option<T>, JsonError> {
    object.optional(name)?.map(read).transpose()
}

impl<'a, Address: FromStr> AddressInfo<'a, Address> {
    fn read(info: Object<'a>) -> Result<Self, JsonError> {
        let address: &str = info.required("address")?;
        Ok(Self {
            address: address.parse().map_err(|_| JsonError::Member("address"))?,
            geolocation: member(info, "geolocation", Geolocation::read)?,
            asn_name: info.optional("asn_name")?,
            asn_network: info.optional("asn_network")?,
            asn_type: info.optional("asn_type")?,
            datacenter_name: info.optional("datacenter_name")?,
        })
    }
}

impl<'a> Geolocation<'a> {
    fn read(place: Object<'a>) -> Result<Self, JsonError> {
        Ok(Self {
            accuracy_radius: place.optional("accuracy_radius")?,
            latitude: place.optional("latitude")?,
            longitude: place.optional("longitude")?,
            postal_code: place.optional("postal_code")?,
            timezone: place.optional("timezone")?,
            city_name: place.optional("city_name")?,
            country_code: place.optional("country_code")?,
            continent_code: place.optional("continent_code")?,
        })
    }
}

impl<'a> BotInfo<'a> {
    fn read(bot: Object<'a>) -> Result<Self, JsonError> {
        bot.required::<Confidence>("confidence")?;
        Ok(Self {
            category: bot.required("category")?,
            provider: bot.required("provider")?,
            name: bot.required("name")?,
            identity: bot.required("identity")?,
        })
    }
}

impl<'a> ProxyDetails<'a> {
    fn read(details: Object<'a>) -> Result<Self, JsonError> {
        Ok(Self {
            proxy_type: details.optional("proxy_type")?,
            last_seen_at: details.optional("last_seen_at")?,
            provider: details.optional("provider")?,
        })
    }
}

impl VpnMethods {
    fn read(methods: Object<'_>) -> Result<Self, JsonError> {
        Ok(Self {
            timezone_mismatch: methods.optional("timezone_mismatch")?,
            public_vpn: methods.optional("public_vpn")?,
            auxiliary_mobile: methods.optional("auxiliary_mobile")?,
            os_mismatch: methods.optional("os_mismatch")?,
            relay: methods.optional("relay")?,
        })
    }
}

impl<'a> Read<'a> for Identity<'a> {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        let word = <&str>::read(json)?;
        matches!(word, "verified" | "signed" | "spoofed" | "unknown").then_some(Self(word))
    }
}

impl<'a> Read<'a> for Confidence<'a> {
    fn read(json: &'a Json<'_>) -> Option<Self> {
        let word = <&str>::read(json)?;
        matches!(word, "low" | "medium" | "high").then_some(Self(word))
    }
}
