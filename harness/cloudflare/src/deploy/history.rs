//! Which version of a worker counts, where several attempts meet.
//!
//! No call of Cloudflare's API has a condition, so two attempts may both put a version in force. But the API keeps the order
//! of all deployments, and every deployment made here says what it takes the place of. Whoever reads the same order comes to
//! the same end: a deployment counts where what it takes the place of counted at that moment, and what others made, with
//! wrangler or in the dashboard, counts always.

use std::collections::BTreeSet;

use super::mark::{self, Mark};
use crate::client::{Deployed, Past, Share, VersionHead};

/// The deployments of a worker.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History {
    past: Past,
}

impl History {
    pub(super) fn new(past: Past) -> Self {
        Self { past }
    }

    /// The deployment that counts, seen from one that is known to have counted: `base` by its id, or the oldest one that the API
    /// still tells.
    pub(super) fn standing(&self, base: Option<&str>) -> Option<&Deployed> {
        self.counting(base).pop()
    }

    /// Whether a version ever counted.
    pub(super) fn counted(&self, id: &str, base: Option<&str>) -> bool {
        let counting = self.counting(base);
        counting.iter().any(|deployed| version(deployed) == id)
    }

    /// Whether a version was ever in force, even if it did not count.
    pub(super) fn was_in_force(&self, id: &str) -> bool {
        let mut deployments = self.past.deployments.iter();
        deployments.any(|deployed| version(deployed) == id)
    }

    /// The deployments that counted, the last one at the end.
    fn counting(&self, base: Option<&str>) -> Vec<&Deployed> {
        let order: Vec<&Deployed> = self.past.deployments.iter().rev().collect();
        let is_base = |deployed: &&Deployed| base.is_some_and(|base| deployed.id == base);
        let known = order.iter().position(is_base);
        let (before, after) = order.split_at(known.unwrap_or(0));
        let mut seen: BTreeSet<&str> = before.iter().map(|deployed| version(deployed)).collect();
        let mut counting: Vec<&Deployed> = Vec::new();
        for deployed in after {
            let is_first = seen.insert(version(deployed));
            let counts = match (self.takes_the_place_of(deployed, is_first), counting.last()) {
                // What was before it is known to count, or forgotten.
                (_, None) | (None, _) => true,
                (Some(replaced), Some(standing)) => replaced == version(standing),
            };
            if counts {
                counting.push(deployed);
            }
        }
        counting
    }

    /// The deployment that counts, seen from the last one of a finished attempt.
    pub(super) fn standing_after(&self, finished: Option<&str>) -> Option<&Deployed> {
        self.standing(self.base_of(finished))
    }

    fn base_of(&self, finished: Option<&str>) -> Option<&str> {
        let is_finished = |deployed: &&Deployed| {
            let mark = self.mark(version(deployed));
            mark.is_some_and(|mark| Some(mark.attempt.as_str()) == finished)
        };
        let base = self.past.deployments.iter().find(is_finished);
        base.map(|deployed| deployed.id.as_str())
    }

    /// The deployment that was made last: what runs, whether or not it counts.
    pub(super) fn latest(&self) -> Option<&Deployed> {
        self.past.deployments.first()
    }

    /// The version of an attempt, whether or not it was ever in force.
    pub(super) fn of_attempt(&self, attempt: &str) -> Option<&VersionHead> {
        let mut versions = self.past.versions.iter();
        versions.find(|head| mark_of(head).is_some_and(|mark| mark.attempt == attempt))
    }

    /// What a version says of itself.
    pub(super) fn mark(&self, version: &str) -> Option<Mark> {
        self.head(version).and_then(mark_of)
    }

    /// The last version that counted and was made here.
    pub(super) fn last_made_here(&self, finished: Option<&str>) -> Option<&str> {
        let counting = self.counting(self.base_of(finished));
        let mut versions = counting.into_iter().rev().map(version);
        versions.find(|version| self.mark(version).is_some())
    }

    /// Whether every version was made here, by whatever attempt.
    pub(super) fn is_all_made_here(&self) -> bool {
        let mut versions = self.past.versions.iter();
        versions.all(|head| mark_of(head).is_some())
    }

    pub(super) fn head(&self, version: &str) -> Option<&VersionHead> {
        self.past.versions.iter().find(|head| head.id == version)
    }

    /// What a deployment takes the place of; nothing where it does not ask, as those of others.
    fn takes_the_place_of<'a>(&'a self, deployed: &'a Deployed, is_first: bool) -> Option<&'a str> {
        if let Some(replaced) = deployed.message().and_then(mark::replaced) {
            return Some(replaced);
        }
        // An upload as a new worker, where the worker was not new: it was to take the place of none.
        let head = self.head(version(deployed))?;
        let mark = mark_of(head)?;
        (is_first && mark.is_first && head.number > 1).then_some("")
    }
}

fn mark_of(head: &VersionHead) -> Option<Mark> {
    Mark::read(head.message()?)
}

/// The version that a deployment put in force; of several, which only others make, the first.
pub(super) fn version(deployed: &Deployed) -> &str {
    let first = deployed.versions.first();
    first.map_or("", |share: &Share| share.version_id.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Uploads a version of an attempt, or of somebody else, and puts it in force.
    fn deploy(history: &mut History, id: &str, mark: Option<Mark>, replaced: Option<&str>) {
        let past = &mut history.past;
        if !past.versions.iter().any(|head| head.id == id) {
            let number = past.versions.len() + 1;
            let message = mark.map(|mark| mark.message());
            past.versions
                .insert(0, VersionHead::new(id, number, message.as_deref()));
        }
        let message = replaced.map(mark::in_place_of);
        let number = past.deployments.len();
        past.deployments.insert(
            0,
            Deployed::new(&format!("d{number}"), id, message.as_deref()),
        );
    }

    fn of(attempt: &str, is_first: bool) -> Option<Mark> {
        Some(Mark {
            bundle: "b".to_owned(),
            variables: "v".to_owned(),
            is_first,
            attempt: attempt.to_owned(),
        })
    }

    fn standing<'a>(history: &'a History, base: Option<&str>) -> &'a str {
        history.standing(base).map_or("", version)
    }

    #[test]
    fn of_two_edits_the_one_that_came_first_counts() {
        let mut history = History::default();
        deploy(&mut history, "v0", None, None);
        deploy(&mut history, "a", of("a", false), Some("v0"));
        deploy(&mut history, "b", of("b", false), Some("v0"));
        assert_eq!(standing(&history, Some("d0")), "a");
        // Whoever sees it puts it in force again.
        deploy(&mut history, "a", None, Some("a"));
        assert_eq!(standing(&history, Some("d0")), "a");
        assert_eq!(version(history.latest().unwrap()), "a");
    }

    #[test]
    fn of_two_creations_the_first_version_counts() {
        let mut history = History::default();
        deploy(&mut history, "a", of("a", true), None);
        deploy(&mut history, "b", of("b", true), None);
        assert_eq!(standing(&history, None), "a");
        // Another tool's worker does, too.
        let mut history = History::default();
        deploy(&mut history, "w", None, None);
        deploy(&mut history, "b", of("b", true), None);
        assert_eq!(standing(&history, None), "w");
    }

    #[test]
    fn what_others_make_counts_always() {
        let mut history = History::default();
        deploy(&mut history, "v0", of("0", true), None);
        deploy(&mut history, "a", of("a", false), Some("v0"));
        deploy(&mut history, "w", None, None);
        deploy(&mut history, "b", of("b", false), Some("a"));
        assert_eq!(standing(&history, Some("d1")), "w");
        // A rollback to what had lost is somebody's will.
        deploy(&mut history, "b", None, None);
        assert_eq!(standing(&history, Some("d1")), "b");
    }

    #[test]
    fn a_taking_back_that_came_too_late_does_not_count() {
        let mut history = History::default();
        deploy(&mut history, "v0", None, None);
        deploy(&mut history, "a", of("a", false), Some("v0"));
        deploy(&mut history, "w", None, None);
        deploy(&mut history, "v0", None, Some("a"));
        assert_eq!(standing(&history, Some("d0")), "w");
        assert_eq!(standing(&history, Some("gone")), "w");
    }

    proptest! {
        /// Attempts that read, deploy and put right in any order: every one of them sees the same version count, which is that
        /// of an attempt whose base had not been replaced.
        #[test]
        fn attempts_in_any_order_see_the_same(
            steps in proptest::collection::vec((0_usize..4, 0_u8..3), 1..24),
        ) {
            let mut history = History::default();
            deploy(&mut history, "v0", None, None);
            let mut bases = ["v0"; 4].map(str::to_owned);
            let mut has_deployed = [false; 4];
            let mut counts = "v0".to_owned();
            for (who, what) in steps {
                let id = format!("a{who}");
                match what {
                    0 if !has_deployed[who] => bases[who].clone_from(&counts),
                    1 if !has_deployed[who] => {
                        if bases[who] == counts {
                            counts.clone_from(&id);
                        }
                        deploy(&mut history, &id, of(&id, false), Some(&bases[who]));
                        has_deployed[who] = true;
                    }
                    // Puts right what it sees.
                    _ => {
                        let seen = standing(&history, Some("d0")).to_owned();
                        if history.latest().map(version) != Some(&seen) {
                            deploy(&mut history, &seen.clone(), None, Some(&seen));
                        }
                    }
                }
                prop_assert_eq!(standing(&history, Some("d0")), &counts);
            }
        }
    }
}
