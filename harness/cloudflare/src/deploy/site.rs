//! Where a deployment goes, checked before anything is changed: token, permissions, account, zone, hosts.

use std::collections::BTreeSet;

use edgeproof_ground::international;

use super::{
    Deployer,
    error::{DeployError, Refusal},
};
use crate::client::{DnsRecord, ZoneFound};

/// Records that lead traffic to a host.
const LEADING: [&str; 3] = ["A", "AAAA", "CNAME"];

/// Whether Cloudflare serves a zone of this status; an empty one was not told.
fn is_active(status: &str) -> bool {
    matches!(status, "active" | "")
}

/// The account and zone of a deployment, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) account: String,
    pub(super) zone: String,
}

impl Deployer {
    /// Whether the token is in force.
    pub(super) async fn check_token(&self) -> Result<(), DeployError> {
        let cloudflare = &self.cloudflare;
        let mut verified = cloudflare.verify_token(self.account.as_deref()).await;
        // An account's own token is asked for by account, and says itself which one that is.
        if self.account.is_none()
            && matches!(&verified, Err(error) if error.is_unknown_token())
            && let Ok(accounts) = cloudflare.accounts().await
            && let [only] = accounts.as_slice()
        {
            verified = cloudflare.verify_token(Some(&only.id)).await;
        }
        match verified {
            Ok(token) if token.status == "active" => Ok(()),
            Ok(token) => Err(Refusal::InactiveToken(token.status).into()),
            Err(error) if error.is_unknown_token() => Err(Refusal::UnknownToken.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// The account and the zone of a name.
    pub(super) async fn site(&self, zone: &str) -> Result<Site, DeployError> {
        let zones = self
            .cloudflare
            .zones(Some(zone), self.account.as_deref())
            .await;
        let zones = zones.map_err(|error| {
            if error.is_forbidden() {
                missing("Zone:Read", format!("the zone `{zone}`")).into()
            } else {
                DeployError::from(error)
            }
        })?;
        // Cloudflare shows international names in letters, whichever way they are asked for.
        let mut named = zones;
        named.retain(|found| international::host_or_as_written(&found.name) == zone);
        let ZoneFound {
            id,
            status,
            account,
            ..
        } = the_one(zone, named)?;
        if !is_active(&status) {
            let zone = zone.to_owned();
            return Err(Refusal::InactiveZone { zone, status }.into());
        }
        Ok(Site {
            account: account.id,
            zone: id,
        })
    }

    /// Every permission that the token lacks for changes, and every host that no worker would see.
    pub(super) async fn check_site(
        &self,
        site: &Site,
        zone: &str,
        hosts: &BTreeSet<String>,
    ) -> Result<(), DeployError> {
        let mut refusals = self.check_permissions(site, zone).await?;
        for host in hosts {
            match self.records(site, zone, host).await? {
                Some(records) => refusals.extend(unreachable(host, &records)),
                None => {
                    refusals.push(missing("DNS:Read", format!("the zone `{zone}`")));
                    break;
                }
            }
        }
        if refusals.is_empty() {
            Ok(())
        } else {
            Err(DeployError::Refused(refusals))
        }
    }

    /// Which of the two permissions to change things the token lacks.
    pub(super) async fn check_permissions(
        &self,
        site: &Site,
        zone: &str,
    ) -> Result<Vec<Refusal>, DeployError> {
        let mut refusals = Vec::new();
        if !self.cloudflare.may_edit_scripts(&site.account).await? {
            let on = format!("the account {}", site.account);
            refusals.push(missing("Workers Scripts:Edit", on));
        }
        if !self.cloudflare.may_edit_routes(&site.zone).await? {
            let on = format!("the zone `{zone}`");
            refusals.push(missing("Workers Routes:Edit", on));
        }
        Ok(refusals)
    }

    /// The records of a host, or of the wildcard nearest above it; nothing where the token may not see them.
    async fn records(
        &self,
        site: &Site,
        zone: &str,
        host: &str,
    ) -> Result<Option<Vec<DnsRecord>>, DeployError> {
        for name in names(zone, host) {
            match self.cloudflare.dns_records(&site.zone, &name).await {
                Ok(mut records) => {
                    records.retain(|record| LEADING.contains(&record.kind.as_str()));
                    if !records.is_empty() {
                        return Ok(Some(records));
                    }
                }
                Err(error) if error.is_forbidden() => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(Vec::new()))
    }

    /// The account that is listed: the one that was named, or the only one.
    pub async fn account(&self) -> Result<String, DeployError> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let mut accounts = self.cloudflare.accounts().await?;
        match (accounts.pop(), accounts.len()) {
            (Some(only), 0) => Ok(only.id),
            (_, others) => Err(Refusal::WhichAccount(others + 1).into()),
        }
    }
}

/// Of several zones of one name, in several accounts, the one that Cloudflare serves: the others were never delegated to
/// it, or are no longer.
fn the_one(zone: &str, mut named: Vec<ZoneFound>) -> Result<ZoneFound, Refusal> {
    if named.iter().any(|found| is_active(&found.status)) {
        named.retain(|found| is_active(&found.status));
    }
    match named.len() {
        0 => Err(Refusal::NoZone(zone.to_owned())),
        1 => Ok(named.remove(0)),
        _ => {
            let account = |found: &ZoneFound| {
                let ZoneFound {
                    account, status, ..
                } = found;
                format!("{} ({}, {status})", account.name, account.id)
            };
            let accounts: Vec<String> = named.iter().map(account).collect();
            Err(Refusal::WhichZone {
                zone: zone.to_owned(),
                accounts: accounts.join(", "),
            })
        }
    }
}

fn missing(permission: &'static str, on: String) -> Refusal {
    Refusal::Permission { permission, on }
}

/// A host's own name, then the wildcards that would answer for it, the nearest first.
fn names(zone: &str, host: &str) -> Vec<String> {
    let mut names = vec![host.to_owned()];
    let mut rest = host;
    while rest != zone
        && let Some((_, parent)) = rest.split_once('.')
    {
        names.push(format!("*.{parent}"));
        rest = parent;
    }
    names
}

fn unreachable(host: &str, records: &[DnsRecord]) -> Option<Refusal> {
    let host = host.to_owned();
    if records.is_empty() {
        Some(Refusal::NoRecord { host })
    } else if records.iter().all(|record| record.proxied) {
        None
    } else {
        Some(Refusal::DnsOnly { host })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("shop.example", &["shop.example"])]
    #[case("www.shop.example", &["www.shop.example", "*.shop.example"])]
    #[case("a.b.shop.example", &["a.b.shop.example", "*.b.shop.example", "*.shop.example"])]
    fn a_host_may_be_answered_for_by_a_wildcard(#[case] host: &str, #[case] expected: &[&str]) {
        assert_eq!(names("shop.example", host), expected);
    }

    #[rstest]
    #[case::one(&[("own", "active")], Ok("own"))]
    #[case::one_that_is_not_served(&[("own", "moved")], Ok("own"))]
    #[case::another_was_never_delegated(&[("agency", "pending"), ("own", "active")], Ok("own"))]
    #[case::another_moved_away(&[("agency", "moved"), ("own", "active")], Ok("own"))]
    #[case::another_begins(&[("agency", "initializing"), ("own", "active")], Ok("own"))]
    #[case::none(&[], Err("the token sees no zone `shop.example`"))]
    #[case::two_that_are_served(
        &[("agency", "active"), ("own", "active")],
        Err("several accounts: agency (id of agency, active), own (id of own, active); set CLOUDFLARE_ACCOUNT_ID")
    )]
    #[case::two_that_are_not(
        &[("agency", "pending"), ("own", "moved")],
        Err("several accounts: agency (id of agency, pending), own (id of own, moved)")
    )]
    fn of_zones_of_one_name_the_one_that_is_served_is_meant(
        #[case] named: &[(&str, &str)],
        #[case] expected: Result<&str, &str>,
    ) {
        let zone = |(account, status): &(&str, &str)| ZoneFound {
            id: format!("zone of {account}"),
            name: "shop.example".to_owned(),
            status: (*status).to_owned(),
            account: crate::client::Account {
                id: format!("id of {account}"),
                name: (*account).to_owned(),
            },
        };
        let found = the_one("shop.example", named.iter().map(zone).collect());
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.account.name, expected),
            (Err(refusal), Err(expected)) => {
                assert!(refusal.to_string().contains(expected), "{refusal}");
            }
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    }

    #[rstest]
    #[case(&[], Some("no A, AAAA or CNAME"))]
    #[case(&[true, true], None)]
    #[case(&[true, false], Some("DNS-only"))]
    fn every_record_of_a_host_must_be_proxied(
        #[case] proxied: &[bool],
        #[case] expected: Option<&str>,
    ) {
        let record = |proxied: &bool| DnsRecord {
            name: "shop.example".to_owned(),
            kind: "A".to_owned(),
            proxied: *proxied,
            content: "192.0.2.1".to_owned(),
        };
        let records: Vec<_> = proxied.iter().map(record).collect();
        let refusal = unreachable("shop.example", &records).map(|refusal| refusal.to_string());
        assert_eq!(refusal.is_some(), expected.is_some());
        assert!(
            refusal
                .unwrap_or_default()
                .contains(expected.unwrap_or_default())
        );
    }
}
