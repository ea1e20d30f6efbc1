//! The tags of a worker that was deployed here: who made it, and of what.

use std::collections::BTreeMap;

/// Every worker that was deployed here has it.
const MADE_HERE: &str = "edgeproof";
const BUNDLE: &str = "edgeproof-bundle-";
const VARIABLES: &str = "edgeproof-variables-";
const ETAG: &str = "edgeproof-etag-";

/// What the tags say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Marks {
    /// Whether it was deployed here.
    pub(super) made_here: bool,
    /// The hash of its modules.
    pub(super) bundle: Option<String>,
    /// The hash of its variables.
    pub(super) variables: Option<String>,
    /// What Cloudflare said of its content. Written last, so a deployment without it was not finished.
    pub(super) etag: Option<String>,
}

impl Marks {
    /// Reads a worker's tags.
    pub(super) fn read(tags: &[String]) -> Self {
        let marked = |prefix: &str| {
            let mut found = tags.iter().filter_map(|tag| tag.strip_prefix(prefix));
            found.next().map(str::to_owned)
        };
        Self {
            made_here: tags.iter().any(|tag| tag == MADE_HERE),
            bundle: marked(BUNDLE),
            variables: marked(VARIABLES),
            etag: marked(ETAG),
        }
    }

    /// The tags of a worker of these modules and variables, before Cloudflare has said anything of it.
    pub(super) fn of(bundle: &str, variables: &BTreeMap<String, String>) -> Self {
        Self {
            made_here: true,
            bundle: Some(bundle.to_owned()),
            variables: Some(hash(variables)),
            etag: None,
        }
    }

    /// As tags.
    pub(super) fn tags(&self) -> Vec<String> {
        let marks = [
            (BUNDLE, &self.bundle),
            (VARIABLES, &self.variables),
            (ETAG, &self.etag),
        ];
        let marks = marks
            .iter()
            .filter_map(|(prefix, mark)| Some(format!("{prefix}{}", mark.as_ref()?)));
        std::iter::once(MADE_HERE.to_owned()).chain(marks).collect()
    }

    /// Whether these are the variables it was deployed with.
    pub(super) fn has_variables(&self, variables: &BTreeMap<String, String>) -> bool {
        self.variables.as_ref() == Some(&hash(variables))
    }
}

/// 16 hexadecimal digits that tell variables apart.
fn hash(variables: &BTreeMap<String, String>) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in variables.iter().flat_map(|(name, value)| [name, value]) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

/// What tags can hold of an etag: quotes and the mark of weak ones mean nothing here.
pub(super) fn plain_etag(etag: &str) -> String {
    etag.chars().filter(char::is_ascii_alphanumeric).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let variables = BTreeMap::from([("A".to_owned(), "b".to_owned())]);
        let mut marks = Marks::of("0123", &variables);
        assert_eq!(Marks::read(&marks.tags()), marks);
        marks.etag = Some(plain_etag("W/\"ab-1\""));
        assert_eq!(Marks::read(&marks.tags()).etag.as_deref(), Some("Wab1"));
        assert!(marks.has_variables(&variables));
        assert!(!marks.has_variables(&BTreeMap::from([("Ab".to_owned(), String::new())])));
        assert_eq!(Marks::read(&["other".to_owned()]), Marks::default());
    }
}
