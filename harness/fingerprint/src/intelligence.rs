//! What the platform knows about addresses: a small built-in table that a scenario extends.
//!
//! The built-in networks are those reserved for documentation (RFC 5737, RFC 3849) under numbers reserved for it
//! (RFC 5398), so that nothing here is said about a network that exists.

use std::{collections::BTreeMap, net::IpAddr, sync::LazyLock};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::event::{
    AddressInfo, Geolocation, IpBlocklist, IpInfo, Level, ProxyDetails, Subdivision,
};

/// What is known about the addresses of a network.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Its location and its owner. `address` is filled in.
    pub info: AddressInfo,
    /// Whether it belongs to a public VPN service.
    pub public_vpn: bool,
    /// Whether it belongs to a relay service such as iCloud's.
    pub relay: bool,
    /// How sure the platform is of a VPN here.
    pub vpn_confidence: Option<Level>,
    /// The proxy that is here.
    pub proxy: Option<ProxyDetails>,
    /// How sure the platform is of the proxy.
    pub proxy_confidence: Option<Level>,
    /// The lists the addresses are on.
    pub blocklist: IpBlocklist,
    /// Whether it is a home of the built-in table: it is in the time zone of whatever browser comes from it, else every
    /// browser that runs in another one would be taken for a VPN.
    #[serde(skip)]
    pub(super) is_home: bool,
}

/// Networks by their range; of several that hold an address, the smallest counts.
pub type Networks = BTreeMap<IpNet, Network>;

static BUILT_IN: LazyLock<Networks> = LazyLock::new(|| {
    let home = |asn: &str, place: Geolocation| Network {
        info: AddressInfo {
            geolocation: Some(place),
            asn_type: Some("isp".to_owned()),
            ..system(asn, "Example Access")
        },
        is_home: true,
        ..Network::default()
    };
    let hosted = |asn: &str| Network {
        info: AddressInfo {
            geolocation: Some(ashburn()),
            asn_type: Some("hosting".to_owned()),
            datacenter_result: Some(true),
            datacenter_name: Some("Example Hosting".to_owned()),
            ..system(asn, "Example Hosting")
        },
        ..Network::default()
    };
    let vpn = Network {
        public_vpn: true,
        vpn_confidence: Some(Level::High),
        ..hosted("64500")
    };
    let proxy = Network {
        proxy: Some(ProxyDetails {
            proxy_type: "data_center".to_owned(),
            last_seen_at: None,
            provider: Some("Example Proxy".to_owned()),
        }),
        proxy_confidence: Some(Level::High),
        ..hosted("64501")
    };
    let tor = Network {
        blocklist: IpBlocklist {
            tor_node: true,
            ..IpBlocklist::default()
        },
        ..hosted("64502")
    };
    [
        ("203.0.113.0/24", home("64496", berlin())),
        ("192.0.2.0/24", home("64497", new_york())),
        ("2001:db8::/32", home("64498", berlin())),
        ("198.51.100.0/24", hosted("64499")),
        ("198.51.100.64/26", vpn),
        ("198.51.100.128/26", proxy),
        ("198.51.100.192/26", tor),
    ]
    .into_iter()
    .filter_map(|(range, network)| Some((range.parse().ok()?, network)))
    .collect()
});

fn system(asn: &str, name: &str) -> AddressInfo {
    AddressInfo {
        asn: Some(asn.to_owned()),
        asn_name: Some(name.to_owned()),
        datacenter_result: Some(false),
        ..AddressInfo::default()
    }
}

fn berlin() -> Geolocation {
    Geolocation {
        latitude: Some(52.52),
        longitude: Some(13.405),
        ..place(
            ["Europe/Berlin", "10115", "Berlin", "BE", "State of Berlin"],
            ["DE", "Germany", "EU", "Europe"],
        )
    }
}

fn new_york() -> Geolocation {
    Geolocation {
        latitude: Some(40.7143),
        longitude: Some(-74.006),
        ..place(
            ["America/New_York", "10001", "New York", "NY", "New York"],
            ["US", "United States", "NA", "North America"],
        )
    }
}

fn ashburn() -> Geolocation {
    Geolocation {
        latitude: Some(39.0437),
        longitude: Some(-77.4875),
        ..place(
            ["America/New_York", "20147", "Ashburn", "VA", "Virginia"],
            ["US", "United States", "NA", "North America"],
        )
    }
}

/// A place, but for where on the globe it is.
fn place(
    [timezone, postal_code, city, code, subdivision]: [&str; 5],
    [country_code, country, continent_code, continent]: [&str; 4],
) -> Geolocation {
    let text = |text: &str| Some(text.to_owned());
    Geolocation {
        accuracy_radius: Some(20),
        latitude: None,
        longitude: None,
        postal_code: text(postal_code),
        timezone: text(timezone),
        city_name: text(city),
        country_code: text(country_code),
        country_name: text(country),
        continent_code: text(continent_code),
        continent_name: text(continent),
        subdivisions: Some(vec![Subdivision {
            iso_code: code.to_owned(),
            name: subdivision.to_owned(),
        }]),
    }
}

/// What is known about an address: what the scenario says, else the built-in table; nothing otherwise.
pub(super) fn look_up(added: &Networks, ip: IpAddr) -> Option<(IpNet, &Network)> {
    let smallest = |networks: &'_ Networks| {
        networks
            .keys()
            .filter(|range| range.contains(&ip))
            .max_by_key(|range| range.prefix_len())
            .copied()
    };
    let found = |networks: &'static Networks| {
        smallest(networks).and_then(|range| Some((range, networks.get(&range)?)))
    };
    match smallest(added) {
        Some(range) => Some((range, added.get(&range)?)),
        None => found(&BUILT_IN),
    }
}

/// What an event says about an address. `text` is the address as it came, `timezone` that of the browser.
pub(super) fn ip_info(
    known: Option<(IpNet, &Network)>,
    text: &str,
    ip: IpAddr,
    timezone: Option<&str>,
) -> IpInfo {
    let known = known.map(|(range, network)| {
        let mut info = network.info.clone();
        info.asn_network.get_or_insert_with(|| range.to_string());
        if let (true, Some(place), Some(timezone)) =
            (network.is_home, &mut info.geolocation, timezone)
        {
            place.timezone = Some(timezone.to_owned());
        }
        info
    });
    let info = AddressInfo {
        address: text.to_owned(),
        ..known.unwrap_or_default()
    };
    if ip.is_ipv4() {
        IpInfo {
            v4: Some(info),
            v6: None,
        }
    } else {
        IpInfo {
            v4: None,
            v6: Some(info),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("203.0.113.7", Some("64496"))]
    #[case("198.51.100.5", Some("64499"))]
    #[case("198.51.100.70", Some("64500"))]
    #[case("2001:db8::1", Some("64498"))]
    #[case("127.0.0.1", None)]
    fn the_smallest_network_that_holds_an_address_counts(
        #[case] ip: IpAddr,
        #[case] asn: Option<&str>,
    ) {
        let added = Networks::default();
        let found = look_up(&added, ip);
        assert_eq!(
            found.and_then(|(_, network)| network.info.asn.as_deref()),
            asn
        );
    }

    #[test]
    fn what_a_scenario_says_wins_over_the_table() {
        let added: Networks =
            serde_json::from_str(r#"{ "203.0.113.0/24": { "relay": true } }"#).unwrap();
        let (_, network) = look_up(&added, IpAddr::from([203, 0, 113, 7])).unwrap();
        assert!(network.relay && network.info.asn.is_none());
    }
}
