//! What the platform knows about addresses: a small built-in table that a scenario extends.
//!
//! The built-in networks are those reserved for documentation (RFC 5737, RFC 3849) under numbers reserved for it
//! (RFC 5398), so that nothing here is said about a network that exists.

use std::{collections::BTreeMap, net::IpAddr, sync::LazyLock};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::Deserialize;

use super::event::{AddressInfo, Geolocation, IpBlocklist, IpInfo, Level, ProxyDetails};

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
}

/// Networks by their range; of several that hold an address, the smallest counts.
pub type Networks = BTreeMap<IpNet, Network>;

/// No time zone is given for the homes, else every browser that runs in another one would be taken for a VPN.
static BUILT_IN: LazyLock<Networks> = LazyLock::new(|| {
    let home = |asn: &str, country: (&str, &str), continent: (&str, &str)| Network {
        info: AddressInfo {
            geolocation: Some(geolocation(country, continent, None)),
            asn_type: Some("isp".to_owned()),
            ..system(asn, "Example Access")
        },
        ..Network::default()
    };
    let hosted = |asn: &str| Network {
        info: AddressInfo {
            geolocation: Some(geolocation(
                ("US", "United States"),
                ("NA", "North America"),
                Some("America/New_York"),
            )),
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
    let germany = (("DE", "Germany"), ("EU", "Europe"));
    let america = (("US", "United States"), ("NA", "North America"));
    [
        ("203.0.113.0/24", home("64496", germany.0, germany.1)),
        ("192.0.2.0/24", home("64497", america.0, america.1)),
        ("2001:db8::/32", home("64498", germany.0, germany.1)),
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

fn geolocation(
    country: (&str, &str),
    continent: (&str, &str),
    timezone: Option<&str>,
) -> Geolocation {
    Geolocation {
        timezone: timezone.map(str::to_owned),
        country_code: Some(country.0.to_owned()),
        country_name: Some(country.1.to_owned()),
        continent_code: Some(continent.0.to_owned()),
        continent_name: Some(continent.1.to_owned()),
        ..Geolocation::default()
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

/// What an event says about an address. `text` is the address as it came.
pub(super) fn ip_info(known: Option<(IpNet, &Network)>, text: &str, ip: IpAddr) -> IpInfo {
    let known = known.map(|(range, network)| AddressInfo {
        asn_network: network
            .info
            .asn_network
            .clone()
            .or_else(|| Some(range.to_string())),
        ..network.info.clone()
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
