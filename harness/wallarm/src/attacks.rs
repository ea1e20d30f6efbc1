//! What the console shows: hits, and the attacks they add up to (documentation, Grouping and sampling of hits).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use serde::{Deserialize, Serialize};

use super::detect::{AttackType, Point};

/// Hits further apart than this belong to two attacks, in milliseconds: an hour. Sampling counts by the same hour.
const HOUR: i64 = 60 * 60 * 1000;
/// So many identical hits an hour are kept; the rest is only counted.
const KEPT: usize = 5;
/// The same for requests of the denylist.
const KEPT_DENIED: usize = 10;
/// The application that requests belong to where none is set up.
const NO_APPLICATION: i32 = -1;

/// A malicious request, once for each kind of attack in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The kind of attack.
    #[serde(rename = "type")]
    pub attack: AttackType,
    /// The address it came from.
    pub ip: IpAddr,
    /// The country the edge reports for it.
    pub remote_country: Option<String>,
    /// The method.
    pub method: String,
    /// The host the visitor asked for.
    pub domain: String,
    /// The path.
    pub path: String,
    /// Where the payload was.
    pub point: Point,
    /// The payload.
    pub value: String,
    /// The sign that gave it away.
    pub stamp: String,
    /// Bytes of the request's body.
    pub size: usize,
    /// The status the node answered with.
    pub statuscode: u16,
    /// Whether the node blocked it.
    pub blocked: bool,
    /// When it came, in milliseconds since 1970.
    pub time: i64,
    /// The id of the request, 32 hexadecimal digits.
    pub request_id: String,
    /// The application, `-1` where none is set up.
    pub application: i32,
}

/// Hits of one kind, at one point of one address of the site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attack {
    /// The kind.
    #[serde(rename = "type")]
    pub attack: AttackType,
    /// The parameter.
    pub point: Point,
    /// The host.
    pub domain: String,
    /// The path.
    pub path: String,
    /// How many hits it has, those that were not kept included.
    pub hits: u64,
    /// How many of them were blocked.
    pub blocked: u64,
    /// What became of them.
    pub status: AttackStatus,
    /// The different payloads.
    pub payloads: BTreeSet<String>,
    /// The addresses it came from, with the number of hits.
    pub sources: BTreeMap<IpAddr, u64>,
    /// When it began, in milliseconds since 1970.
    pub first: i64,
    /// When its latest hit came.
    pub last: i64,
    /// The application.
    pub application: i32,
    /// The hits that were kept.
    pub kept: Vec<Hit>,
}

/// What became of the hits of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttackStatus {
    /// All of them were blocked.
    Blocked,
    /// Some of them were.
    PartiallyBlocked,
    /// None was.
    Monitoring,
}

/// The attacks of a node, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Attacks(Vec<Attack>);

impl Attacks {
    pub(super) fn list(&self) -> &[Attack] {
        &self.0
    }

    /// Adds a hit to its attack, which begins with it where there is none.
    pub(super) fn add(&mut self, hit: Hit) {
        let attack = match self.0.iter().position(|attack| attack.takes(&hit)) {
            Some(index) => &mut self.0[index],
            None => {
                self.0.push(Attack::beginning_with(&hit));
                // There is one: it was just put there.
                let Some(attack) = self.0.last_mut() else {
                    return;
                };
                attack
            }
        };
        attack.add(hit);
    }
}

impl Attack {
    fn beginning_with(hit: &Hit) -> Self {
        Self {
            attack: hit.attack,
            point: hit.point.clone(),
            domain: hit.domain.clone(),
            path: hit.path.clone(),
            hits: 0,
            blocked: 0,
            status: AttackStatus::Monitoring,
            payloads: BTreeSet::new(),
            sources: BTreeMap::new(),
            first: hit.time,
            last: hit.time,
            application: NO_APPLICATION,
            kept: Vec::new(),
        }
    }

    fn takes(&self, hit: &Hit) -> bool {
        self.attack == hit.attack
            && self.point == hit.point
            && self.domain == hit.domain
            && self.path == hit.path
            && hit.time.saturating_sub(self.last) < HOUR
    }

    fn add(&mut self, hit: Hit) {
        self.hits += 1;
        self.blocked += u64::from(hit.blocked);
        self.status = match self.blocked {
            0 => AttackStatus::Monitoring,
            all if all == self.hits => AttackStatus::Blocked,
            _ => AttackStatus::PartiallyBlocked,
        };
        self.payloads.insert(hit.value.clone());
        *self.sources.entry(hit.ip).or_default() += 1;
        self.last = self.last.max(hit.time);
        let identical = self.kept.iter().filter(|kept| {
            kept.method == hit.method
                && kept.statuscode == hit.statuscode
                && kept.ip == hit.ip
                && hit.time.saturating_sub(kept.time) < HOUR
        });
        let limit = if hit.attack == AttackType::BlockedSource {
            KEPT_DENIED
        } else {
            KEPT
        };
        if identical.count() < limit {
            self.kept.push(hit);
        }
    }
}

impl Hit {
    /// What a hit of no application says of it.
    pub(super) const APPLICATION: i32 = NO_APPLICATION;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(attack: AttackType, path: &str, time: i64) -> Hit {
        Hit {
            attack,
            ip: [203, 0, 113, 7].into(),
            remote_country: None,
            method: "GET".to_owned(),
            domain: "shop.example".to_owned(),
            path: path.to_owned(),
            point: Point::part("query").below("id"),
            value: "1 or 1=1".to_owned(),
            stamp: "tautology".to_owned(),
            size: 0,
            statuscode: 403,
            blocked: true,
            time,
            request_id: String::new(),
            application: Hit::APPLICATION,
        }
    }

    fn of(hits: impl IntoIterator<Item = Hit>) -> Vec<Attack> {
        let mut attacks = Attacks::default();
        hits.into_iter().for_each(|hit| attacks.add(hit));
        attacks.list().to_vec()
    }

    #[test]
    fn hits_of_one_kind_point_and_address_are_one_attack() {
        let attacks = of([
            hit(AttackType::Sqli, "/a", 0),
            hit(AttackType::Sqli, "/a", 1),
            hit(AttackType::Xss, "/a", 2),
            hit(AttackType::Sqli, "/b", 3),
        ]);
        let counts: Vec<_> = attacks
            .iter()
            .map(|attack| (attack.attack.code(), attack.path.as_str(), attack.hits))
            .collect();
        assert_eq!(
            counts,
            [("sqli", "/a", 2), ("xss", "/a", 1), ("sqli", "/b", 1)]
        );
    }

    #[test]
    fn after_an_hour_without_a_hit_another_attack_begins() {
        let times = [0, HOUR - 1, 2 * HOUR - 2, 3 * HOUR - 2];
        let attacks = of(times.map(|time| hit(AttackType::Sqli, "/a", time)));
        assert_eq!(
            attacks.iter().map(|attack| attack.hits).collect::<Vec<_>>(),
            [3, 1]
        );
    }

    #[test]
    fn the_first_five_identical_hits_of_an_hour_are_kept_and_all_are_counted() {
        let attacks = of((0..8).map(|time| hit(AttackType::Sqli, "/a", time)));
        assert_eq!((attacks[0].hits, attacks[0].kept.len()), (8, 5));
        let mut other = hit(AttackType::Sqli, "/a", 9);
        other.method = "POST".to_owned();
        let hits = (0..8)
            .map(|time| hit(AttackType::Sqli, "/a", time))
            .chain([other]);
        assert_eq!(of(hits)[0].kept.len(), 6);
        let denied = (0..20).map(|time| hit(AttackType::BlockedSource, "/a", time));
        assert_eq!(of(denied)[0].kept.len(), 10);
    }

    #[test]
    fn an_attack_of_which_some_hits_passed_is_partially_blocked() {
        let mut passed = hit(AttackType::Sqli, "/a", 1);
        passed.blocked = false;
        let status = |hits: Vec<Hit>| of(hits)[0].status;
        let blocked = || hit(AttackType::Sqli, "/a", 0);
        assert_eq!(status(vec![blocked()]), AttackStatus::Blocked);
        assert_eq!(status(vec![passed.clone()]), AttackStatus::Monitoring);
        assert_eq!(
            status(vec![blocked(), passed]),
            AttackStatus::PartiallyBlocked
        );
    }
}
