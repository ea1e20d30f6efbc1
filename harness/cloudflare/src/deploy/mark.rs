//! What a deployment leaves at Cloudflare to be known by.
//!
//! Every version says in its message what it was made of and in which attempt, every deployment what it took the place of:
//! both are Cloudflare's own, in its order, and nobody changes them later. The worker's tags say that it was made here, and
//! which attempt was the last to be finished.

use std::collections::BTreeMap;

/// Every worker that was deployed here has this tag.
const MADE_HERE: &str = "edgeproof";

/// The tag with the last attempt that was finished.
const FINISHED: &str = "edgeproof-finished-";

/// The tag with the last attempt that broke off and could not be undone.
const ENDED: &str = "edgeproof-ended-";

/// What a version's message begins with.
const OF_VERSION: &str = "edgeproof: bundle ";

/// What a deployment's message begins with.
const OF_DEPLOYMENT: &str = "edgeproof: in place of ";

/// What the message of a version says. It has less than 100 bytes: Cloudflare may cut what is longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The hash of its modules.
    pub(super) bundle: String,
    /// The hash of its variables.
    pub(super) variables: String,
    /// Whether it was uploaded as the first version of a worker.
    pub(super) is_first: bool,
    /// The attempt that uploaded it.
    pub(super) attempt: String,
}

impl Mark {
    /// Reads the message of a version; nothing where it is none of ours.
    pub(super) fn read(message: &str) -> Option<Self> {
        let (bundle, rest) = message
            .strip_prefix(OF_VERSION)?
            .split_once(", variables ")?;
        let (variables, rest) = rest.split_once(", ")?;
        let (kind, attempt) = rest.split_once(' ')?;
        Some(Self {
            bundle: bundle.to_owned(),
            variables: variables.to_owned(),
            is_first: match kind {
                "new" => true,
                "edit" => false,
                _ => return None,
            },
            attempt: attempt.to_owned(),
        })
    }

    /// As the message of a version.
    pub(super) fn message(&self) -> String {
        let Self {
            bundle,
            variables,
            is_first,
            attempt,
        } = self;
        let kind = if *is_first { "new" } else { "edit" };
        format!("{OF_VERSION}{bundle}, variables {variables}, {kind} {attempt}")
    }
}

/// The message of a deployment that takes the place of a version.
pub(super) fn in_place_of(version: &str) -> String {
    format!("{OF_DEPLOYMENT}{version}")
}

/// The version that a deployment says it takes the place of.
pub(super) fn replaced(message: &str) -> Option<&str> {
    message.strip_prefix(OF_DEPLOYMENT)
}

/// A name for an attempt that no other one has.
pub(super) fn new_attempt() -> String {
    format!("{:08x}", fastrand::u32(..))
}

/// Whether a worker with these tags was deployed here.
pub(super) fn is_made_here(tags: &[String]) -> bool {
    tags.iter().any(|tag| tag == MADE_HERE)
}

/// The last attempt that was finished.
pub(super) fn finished(tags: &[String]) -> Option<&str> {
    tags.iter().find_map(|tag| tag.strip_prefix(FINISHED))
}

/// Whether an attempt broke off and said so.
pub(super) fn has_ended(tags: &[String], attempt: &str) -> bool {
    let mut tags = tags.iter().filter_map(|tag| tag.strip_prefix(ENDED));
    tags.any(|ended| ended == attempt)
}

/// The tags of a worker after an attempt was finished; those of others stay.
pub(super) fn finished_tags(before: &[String], attempt: &str) -> Vec<String> {
    let is_ours =
        |tag: &&String| *tag == MADE_HERE || tag.starts_with(FINISHED) || tag.starts_with(ENDED);
    let others = before.iter().filter(|tag| !is_ours(tag));
    let own = [MADE_HERE.to_owned(), format!("{FINISHED}{attempt}")];
    others.cloned().chain(own).collect()
}

/// The tags of a worker after an attempt broke off that could not be undone.
pub(super) fn ended_tags(before: &[String], attempt: &str) -> Vec<String> {
    let others = before.iter().filter(|tag| !tag.starts_with(ENDED));
    others
        .cloned()
        .chain([format!("{ENDED}{attempt}")])
        .collect()
}

/// 16 hexadecimal digits that tell variables apart.
pub(super) fn hash(variables: &BTreeMap<String, String>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in variables.iter().flat_map(|(name, value)| [name, value]) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_fits() {
        let variables = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
        for is_first in [true, false] {
            let mark = Mark {
                bundle: "0123456789abcdef".to_owned(),
                variables: hash(&variables),
                is_first,
                attempt: new_attempt(),
            };
            assert!(mark.message().len() <= 100, "{}", mark.message());
            assert_eq!(Mark::read(&mark.message()), Some(mark));
        }
        let version = "8b1f1bd2-6c7b-4f7e-9c58-0d1d3f0c6d10";
        assert!(in_place_of(version).len() <= 100);
        assert_eq!(replaced(&in_place_of(version)), Some(version));
        assert_eq!(Mark::read("Rollback"), None);
        assert_ne!(
            hash(&variables),
            hash(&BTreeMap::from([("Ab".to_owned(), String::new())]))
        );
    }

    #[test]
    fn the_tags_of_others_stay() {
        let before = ["team-a", "edgeproof", "edgeproof-finished-1"].map(str::to_owned);
        let after = finished_tags(&before, "2");
        assert_eq!(after, ["team-a", "edgeproof", "edgeproof-finished-2"]);
        let ended = ended_tags(&after, "3");
        assert!(has_ended(&ended, "3") && !has_ended(&ended, "2"));
        assert_eq!(finished(&ended), Some("2"));
        assert_eq!(finished_tags(&ended, "2"), after);
        assert!(is_made_here(&after));
        assert_eq!(finished(&after), Some("2"));
        assert!(!is_made_here(&["team-a".to_owned()]));
    }
}
