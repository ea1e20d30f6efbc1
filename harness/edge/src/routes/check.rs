//! What Cloudflare's API refuses about routes and custom domains, with its own codes.
//!
//! Source: Cloudflare's documentation, Workers › Platform › Error codes, and Workers › Platform › Limits.

use std::collections::{BTreeMap, BTreeSet};

use edgeproof_ground::pattern::{Pattern, PatternError};

use super::Route;
use crate::zones::Zone;

/// How many routes a zone may have.
const ROUTES_OF_A_ZONE: usize = 1000;
/// In how many zones a worker may have routes.
const ZONES_OF_A_WORKER: usize = 1000;
/// How many custom domains a zone may have.
const CUSTOM_DOMAINS_OF_A_ZONE: usize = 100;

/// A route or a custom domain that Cloudflare would refuse.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// Two routes with one pattern.
    #[error("route `{0}` exists already")]
    Duplicate(Pattern),
    /// The pattern is not one.
    #[error(transparent)]
    Invalid(#[from] PatternError),
    /// The pattern's host is in none of the zones.
    #[error("route `{pattern}` is in none of the zones; there are {zones}")]
    OutsideZones {
        /// The pattern.
        pattern: Pattern,
        /// The zones there are.
        zones: String,
    },
    /// The route names a worker that does not exist.
    #[error("`{name}` runs the worker `{worker}`, which does not exist; there are {workers}")]
    NoSuchWorker {
        /// The route or the custom domain.
        name: String,
        /// The worker it names.
        worker: String,
        /// The workers there are.
        workers: String,
    },
    /// More routes than a zone may have.
    #[error("zone `{zone}` has {routes} routes; {ROUTES_OF_A_ZONE} are allowed")]
    TooManyRoutes {
        /// The zone.
        zone: String,
        /// How many it has.
        routes: usize,
    },
    /// A worker with routes in more zones than it may.
    #[error("worker `{worker}` has routes in {zones} zones; {ZONES_OF_A_WORKER} are allowed")]
    TooManyZones {
        /// The worker.
        worker: String,
        /// In how many zones.
        zones: usize,
    },
    /// A custom domain that is not a host name in its zone.
    #[error("custom domain `{host}` is not a name in zone `{zone}`")]
    DomainOutsideZone {
        /// The name.
        host: String,
        /// The zone.
        zone: String,
    },
    /// A custom domain whose name has a record of its own.
    #[error("custom domain `{host}` has a DNS record already")]
    DomainHasRecord {
        /// The name.
        host: String,
    },
    /// More custom domains than a zone may have.
    #[error("zone `{zone}` has {domains} custom domains; {CUSTOM_DOMAINS_OF_A_ZONE} are allowed")]
    TooManyDomains {
        /// The zone.
        zone: String,
        /// How many it has.
        domains: usize,
    },
}

impl RouteError {
    /// The code of Cloudflare's API.
    pub fn code(&self) -> u32 {
        match self {
            Self::Duplicate(_) => 10020,
            Self::Invalid(_) | Self::OutsideZones { .. } => PatternError::CODE,
            Self::NoSuchWorker { .. } => 10019,
            Self::TooManyRoutes { .. } => 10073,
            Self::TooManyZones { .. } => 100_149,
            Self::DomainOutsideZone { .. } => 100_112,
            Self::DomainHasRecord { .. } => 100_117,
            Self::TooManyDomains { .. } => 100_122,
        }
    }
}

/// The first thing about `routes` and the zones' custom domains that Cloudflare would refuse.
///
/// # Errors
/// That thing.
pub fn check(zones: &[Zone], routes: &[Route], workers: &BTreeSet<&str>) -> Result<(), RouteError> {
    // Whether Cloudflare takes two spellings of one pattern for two is not documented; here they are one.
    let mut patterns = BTreeSet::new();
    let mut of_zone: BTreeMap<&str, usize> = BTreeMap::new();
    let mut of_worker: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for route in routes {
        if !patterns.insert(route.pattern.on_the_wire()) {
            return Err(RouteError::Duplicate(route.pattern.clone()));
        }
        let zone = zone_of(zones, &route.pattern)?;
        *of_zone.entry(zone).or_default() += 1;
        if let Some(worker) = &route.worker {
            exists(worker, route.pattern.as_str(), workers)?;
            of_worker.entry(worker).or_default().insert(zone);
        }
    }
    if let Some((zone, routes)) = of_zone.into_iter().find(|(_, n)| *n > ROUTES_OF_A_ZONE) {
        return Err(RouteError::TooManyRoutes {
            zone: zone.to_owned(),
            routes,
        });
    }
    if let Some((worker, zones)) = of_worker
        .into_iter()
        .find(|(_, zones)| zones.len() > ZONES_OF_A_WORKER)
    {
        return Err(RouteError::TooManyZones {
            worker: worker.to_owned(),
            zones: zones.len(),
        });
    }
    zones
        .iter()
        .try_for_each(|zone| check_domains(zone, workers))
}

fn check_domains(zone: &Zone, workers: &BTreeSet<&str>) -> Result<(), RouteError> {
    let domains = zone.custom_domains.len();
    if domains > CUSTOM_DOMAINS_OF_A_ZONE {
        return Err(RouteError::TooManyDomains {
            zone: zone.name.clone(),
            domains,
        });
    }
    for (host, worker) in &zone.custom_domains {
        if host.contains(['*', '/']) || !is_within(host, &zone.name) {
            return Err(RouteError::DomainOutsideZone {
                host: host.clone(),
                zone: zone.name.clone(),
            });
        }
        if zone.hosts.contains_key(host) {
            return Err(RouteError::DomainHasRecord { host: host.clone() });
        }
        exists(worker, host, workers)?;
    }
    Ok(())
}

fn exists(worker: &str, name: &str, workers: &BTreeSet<&str>) -> Result<(), RouteError> {
    if workers.contains(worker) {
        return Ok(());
    }
    let there: Vec<&str> = workers.iter().copied().collect();
    Err(RouteError::NoSuchWorker {
        name: name.to_owned(),
        worker: worker.to_owned(),
        workers: if there.is_empty() {
            "none".to_owned()
        } else {
            there.join(", ")
        },
    })
}

/// The zone that a pattern is a route of. `*/*` belongs to whichever zone it was made in; with several, to the first.
fn zone_of<'a>(zones: &'a [Zone], pattern: &Pattern) -> Result<&'a str, RouteError> {
    let host = pattern.host().trim_start_matches('.');
    zones
        .iter()
        .map(|zone| zone.name.as_str())
        .filter(|zone| host.is_empty() || is_within(host, zone))
        // The longest name: a zone may be delegated below another one.
        .max_by_key(|zone| zone.len())
        .ok_or_else(|| RouteError::OutsideZones {
            pattern: pattern.clone(),
            zones: zones
                .iter()
                .map(|zone| zone.name.as_str())
                .collect::<Vec<_>>()
                .join(", "),
        })
}

fn is_within(host: &str, zone: &str) -> bool {
    let (host, zone) = (host.to_ascii_lowercase(), zone.to_ascii_lowercase());
    host == zone
        || host
            .strip_suffix(&zone)
            .is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use edgeproof_deployment::FailureMode;
    use rstest::rstest;

    use super::*;

    fn zone(custom_domains: &[(&str, &str)]) -> Zone {
        Zone {
            name: "shop.example".to_owned(),
            hosts: [("shop.example".to_owned(), true)].into(),
            custom_domains: custom_domains
                .iter()
                .map(|(host, worker)| ((*host).to_owned(), (*worker).to_owned()))
                .collect(),
            ..Zone::default()
        }
    }

    fn routes(patterns: &[(&str, Option<&str>)]) -> Vec<Route> {
        patterns
            .iter()
            .map(|(pattern, worker)| Route {
                pattern: pattern.parse().unwrap(),
                worker: worker.map(str::to_owned),
                over_daily_limit: FailureMode::Closed,
            })
            .collect()
    }

    fn code(zone: Zone, routes: &[Route]) -> Option<u32> {
        check(&[zone], routes, &BTreeSet::from(["flow"]))
            .err()
            .map(|error| error.code())
    }

    // Documentation, Workers › Platform › Error codes, one page for each.
    #[rstest]
    #[case::fine(&[("shop.example/*", Some("flow")), ("*.shop.example/*", None)], None)]
    #[case::fine(&[("*shop.example/*", Some("flow")), ("*/*", Some("flow"))], None)]
    #[case::duplicate(&[("shop.example/*", Some("flow")), ("shop.example/*", None)], Some(10020))]
    #[case::other_zone(&[("other.example/*", Some("flow"))], Some(10022))]
    #[case::looks_alike(&[("myshop.example/*", Some("flow"))], Some(10022))]
    #[case::cut_label(&[("*hop.example/*", Some("flow"))], Some(10022))]
    #[case::no_such_worker(&[("shop.example/*", Some("flwo"))], Some(10019))]
    fn routes_are_refused_with_the_codes_of_the_api(
        #[case] patterns: &[(&str, Option<&str>)],
        #[case] expected: Option<u32>,
    ) {
        assert_eq!(code(zone(&[]), &routes(patterns)), expected);
    }

    #[rstest]
    #[case(&[("www.shop.example", "flow")], None)]
    #[case::outside(&[("www.other.example", "flow")], Some(100_112))]
    #[case::wildcard(&[("*.shop.example", "flow")], Some(100_112))]
    #[case::record(&[("shop.example", "flow")], Some(100_117))]
    #[case::no_such_worker(&[("www.shop.example", "flwo")], Some(10019))]
    fn custom_domains_are_refused_with_the_codes_of_the_api(
        #[case] domains: &[(&str, &str)],
        #[case] expected: Option<u32>,
    ) {
        assert_eq!(code(zone(domains), &[]), expected);
    }

    #[rstest]
    #[case(1000, None)]
    #[case(1001, Some(10073))]
    fn a_zone_has_a_thousand_routes_at_most(#[case] count: usize, #[case] expected: Option<u32>) {
        let routes: Vec<Route> = (0..count)
            .map(|number| Route {
                pattern: format!("shop.example/{number}").parse().unwrap(),
                worker: Some("flow".to_owned()),
                over_daily_limit: FailureMode::Closed,
            })
            .collect();
        assert_eq!(code(zone(&[]), &routes), expected);
    }
}
