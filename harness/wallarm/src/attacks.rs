//! What the console shows: hits, and the attacks they add up to (documentation, Grouping and sampling of hits).

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use edgeproof_ground::memory::{Keyed, Memory};
use serde::{Deserialize, Serialize};

use super::detect::{AttackType, Point};

/// Hits further apart than this belong to two attacks, in milliseconds: an hour. Sampling counts by the same hour.
const HOUR: i64 = 60 * 60 * 1000;
/// So many identical hits an hour are kept; the rest is only counted.
const KEPT: usize = 5;
/// The same for requests of the denylist.
const KEPT_DENIED: usize = 10;
/// What an attack takes beside its hits: itself and its key.
const ATTACK_BYTES: usize = size_of::<Attack>() + size_of::<Numbered>() + size_of::<Place>();
/// The parts of a point, the stamp, the id of the request.
const POINT_BYTES: usize = 160;
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

/// What hits of one attack have in common: the kind, the point, the host and the path.
type Place = (AttackType, Point, String, String);

/// The attacks of a node.
#[derive(Debug)]
pub(super) struct Attacks {
    /// The place that was hit last is the newest.
    places: Keyed<Place, AtPlace>,
    hits: u64,
}

/// The attacks at one place, one after the other.
#[derive(Debug, Default)]
struct AtPlace {
    attacks: Vec<Numbered>,
    bytes: usize,
}

#[derive(Debug)]
struct Numbered {
    attack: Attack,
    /// Which hits of the node were its first and its latest.
    first: u64,
    latest: u64,
}

impl Attacks {
    pub(super) fn new(memory: &Memory) -> Self {
        Self {
            places: Keyed::new(memory),
            hits: 0,
        }
    }

    /// Those that are kept, the oldest first.
    pub(super) fn list(&self) -> Vec<Attack> {
        self.since(0)
    }

    /// Those with a hit after the first `hits`, the oldest first.
    pub(super) fn since(&self, hits: u64) -> Vec<Attack> {
        let mut found = Vec::new();
        self.places.newest_first(|place| {
            let hit = place.attacks.iter().filter(|one| one.latest > hits);
            let before = found.len();
            found.extend(hit.map(|one| (one.first, one.attack.clone())));
            found.len() > before
        });
        found.sort_by_key(|(first, _)| *first);
        found.into_iter().map(|(_, attack)| attack).collect()
    }

    /// How many hits there have been.
    pub(super) fn hits(&self) -> u64 {
        self.hits
    }

    /// Whether some are no longer kept.
    pub(super) fn has_forgotten(&self) -> bool {
        self.places.forgotten() > 0
    }

    /// Adds a hit to its attack, which begins with it where there is none.
    pub(super) fn add(&mut self, hit: Hit) {
        self.hits += 1;
        let number = self.hits;
        let place = (
            hit.attack,
            hit.point.clone(),
            hit.domain.clone(),
            hit.path.clone(),
        );
        let add = |place: &mut AtPlace| place.add(hit, number);
        self.places.change(place, add, |_, place| place.bytes);
    }
}

impl AtPlace {
    fn add(&mut self, hit: Hit, number: u64) {
        let takes = |one: &Numbered| hit.time.saturating_sub(one.attack.last) < HOUR;
        let index = self.attacks.iter().position(takes);
        let index = index.unwrap_or_else(|| {
            self.attacks.push(Numbered {
                attack: Attack::beginning_with(&hit),
                first: number,
                latest: number,
            });
            self.bytes += ATTACK_BYTES + hit.bytes();
            self.attacks.len() - 1
        });
        let one = &mut self.attacks[index];
        one.latest = number;
        self.bytes += one.attack.add(hit);
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

    /// Adds a hit; gives how many bytes larger that made it.
    fn add(&mut self, hit: Hit) -> usize {
        let mut more = 0;
        self.hits += 1;
        self.blocked += u64::from(hit.blocked);
        self.status = match self.blocked {
            0 => AttackStatus::Monitoring,
            all if all == self.hits => AttackStatus::Blocked,
            _ => AttackStatus::PartiallyBlocked,
        };
        if !self.payloads.contains(&hit.value) {
            more += size_of::<String>() + hit.value.len();
            self.payloads.insert(hit.value.clone());
        }
        let from = self.sources.entry(hit.ip).or_insert_with(|| {
            more += size_of::<(IpAddr, u64)>();
            0
        });
        *from += 1;
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
            more += hit.bytes();
            self.kept.push(hit);
        }
        more
    }
}

impl Hit {
    /// What a hit of no application says of it.
    pub(super) const APPLICATION: i32 = NO_APPLICATION;

    /// About how much memory it takes.
    fn bytes(&self) -> usize {
        let texts = [&self.method, &self.domain, &self.path, &self.value];
        size_of::<Self>() + POINT_BYTES + texts.map(String::len).iter().sum::<usize>()
    }
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
        let mut attacks = Attacks::new(&Memory::default());
        hits.into_iter().for_each(|hit| attacks.add(hit));
        attacks.list()
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
    fn those_that_were_hit_since_are_found_without_a_look_at_the_others() {
        let mut attacks = Attacks::new(&Memory::default());
        for path in ["/a", "/b", "/c"] {
            attacks.add(hit(AttackType::Sqli, path, 0));
        }
        let before = attacks.hits();
        assert!(attacks.since(before).is_empty());
        for path in ["/c", "/a", "/d"] {
            attacks.add(hit(AttackType::Sqli, path, 1));
        }
        let since = attacks.since(before);
        let paths: Vec<_> = since.iter().map(|attack| attack.path.as_str()).collect();
        assert_eq!(paths, ["/a", "/c", "/d"]);
    }

    #[test]
    fn the_attacks_that_were_hit_longest_ago_make_room() {
        let mut attacks = Attacks::new(&Memory::of_bytes(64 * 1024));
        for number in 0..1000 {
            attacks.add(hit(AttackType::Sqli, "/often", number));
            attacks.add(hit(AttackType::Sqli, &format!("/{number}"), number));
        }
        assert!(attacks.has_forgotten());
        let kept = attacks.list();
        assert!((10..200).contains(&kept.len()), "{}", kept.len());
        assert_eq!((kept[0].path.as_str(), kept[0].hits), ("/often", 1000));
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
