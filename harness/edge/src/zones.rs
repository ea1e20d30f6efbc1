//! Zones and the names in them.

use std::collections::{BTreeMap, HashMap};

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
    /// The place among them of the zone that each name belongs to, and whether the name is proxied: an account may have
    /// thousands of names, and each request is looked up more than once.
    names: HashMap<String, (usize, bool)>,
}

impl Zones {
    /// The zones, with all names in lower case.
    pub fn new(zones: Vec<Zone>) -> Self {
        let lower = |(host, proxied): (String, bool)| (host.to_ascii_lowercase(), proxied);
        let zones: Vec<Zone> = zones
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
        let mut names = HashMap::new();
        for (place, zone) in zones.iter().enumerate() {
            // A name belongs to the first zone that has it, and is a custom domain before it is a record.
            let custom = zone.custom_domains.keys().map(|host| (host, true));
            let records = zone.hosts.iter().map(|(host, proxied)| (host, *proxied));
            for (host, is_proxied) in custom.chain(records) {
                names.entry(host.clone()).or_insert((place, is_proxied));
            }
        }
        Self { zones, names }
    }

    /// All zones.
    pub fn all(&self) -> &[Zone] {
        &self.zones
    }

    /// Where `host` (lower case) leads.
    pub fn resolve(&self, host: &str) -> Resolution<'_> {
        match self.names.get(host) {
            Some(&(place, true)) => Resolution::Proxied(&self.zones[place]),
            Some(&(place, false)) => Resolution::DnsOnly(&self.zones[place]),
            None => Resolution::Unknown,
        }
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

    #[test]
    fn a_name_belongs_to_the_first_zone_and_is_a_custom_domain_before_a_record() {
        let zone = |name: &str, custom: Option<&str>| Zone {
            name: name.to_owned(),
            hosts: [("a.shop.example".to_owned(), false)].into(),
            custom_domains: custom
                .map(|host| (host.to_owned(), "worker".to_owned()))
                .into_iter()
                .collect(),
            ..Zone::default()
        };
        let first = |zones| match Zones::new(zones).resolve("a.shop.example") {
            Resolution::Proxied(zone) => ("proxied", zone.name.clone()),
            Resolution::DnsOnly(zone) => ("DNS-only", zone.name.clone()),
            Resolution::Unknown => ("unknown", String::new()),
        };
        let custom = zone("shop.example", Some("A.shop.example"));
        let plain = zone("a.shop.example", None);
        assert_eq!(
            first(vec![custom.clone(), plain.clone()]),
            ("proxied", "shop.example".to_owned())
        );
        assert_eq!(
            first(vec![plain, custom]),
            ("DNS-only", "a.shop.example".to_owned())
        );
    }
}
