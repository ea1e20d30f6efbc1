//! Zones and the names in them.

use std::collections::BTreeMap;

use super::settings::EdgeSettings;

/// A zone of the account: a domain and the names in it that have a DNS record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// The domain.
    pub name: String,
    /// The names, each with whether it is proxied (orange cloud) or DNS-only.
    pub hosts: BTreeMap<String, bool>,
    /// Custom domains: exact names, each with the worker that is their origin. They need no entry among the hosts.
    pub custom_domains: BTreeMap<String, String>,
    /// How the zone's edge behaves.
    pub settings: EdgeSettings,
}

/// Where a name leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution<'a> {
    /// To the edge, which serves it as a part of this zone.
    Proxied(&'a Zone),
    /// Past the edge, straight to the origin.
    DnsOnly(&'a Zone),
    /// Nowhere: the name has no record.
    Unknown,
}

/// The name that a host means: in lower case, and without the dot that a full name may end with.
///
/// Assumption: Cloudflare publishes nothing of that dot. nginx, which the edge descends from, serves such a host as the
/// name without it; what is passed on keeps the dot.
pub(super) fn name(host: &str) -> String {
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// All zones of the account.
#[derive(Clone, Debug, Default)]
pub struct Zones {
    zones: Vec<Zone>,
}

impl Zones {
    /// The zones, with all names in lower case.
    pub fn new(zones: Vec<Zone>) -> Self {
        let lower = |(host, proxied): (String, bool)| (host.to_ascii_lowercase(), proxied);
        let zones = zones
            .into_iter()
            .map(|zone| Zone {
                name: zone.name.to_ascii_lowercase(),
                hosts: zone.hosts.into_iter().map(lower).collect(),
                custom_domains: zone
                    .custom_domains
                    .into_iter()
                    .map(|(host, worker)| (host.to_ascii_lowercase(), worker))
                    .collect(),
                settings: zone.settings,
            })
            .collect();
        Self { zones }
    }

    /// All zones.
    pub fn all(&self) -> &[Zone] {
        &self.zones
    }

    /// Where `host` (lower case) leads.
    pub fn resolve(&self, host: &str) -> Resolution<'_> {
        for zone in &self.zones {
            if zone.custom_domains.contains_key(host) {
                return Resolution::Proxied(zone);
            }
            match zone.hosts.get(host) {
                Some(true) => return Resolution::Proxied(zone),
                Some(false) => return Resolution::DnsOnly(zone),
                None => {}
            }
        }
        Resolution::Unknown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_zone_past_the_edge_or_nowhere() {
        let zones = Zones::new(vec![Zone {
            name: "Shop.example".to_owned(),
            hosts: [
                ("shop.example".to_owned(), true),
                ("Direct.shop.example".to_owned(), false),
            ]
            .into(),
            ..Zone::default()
        }]);
        assert!(
            matches!(zones.resolve("shop.example"), Resolution::Proxied(zone) if zone.name == "shop.example")
        );
        assert!(matches!(
            zones.resolve("direct.shop.example"),
            Resolution::DnsOnly(_)
        ));
        assert_eq!(zones.resolve("www.shop.example"), Resolution::Unknown);
    }
}
