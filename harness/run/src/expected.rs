//! Known failures: `_expected.yaml` says which cases fail, why, and where that is being worked on.
//!
//! A case that fails as expected does not fail the run; one that passes all the same does, so the list stays true.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use edgeproof_browser::Engine;
use edgeproof_document::{LoadError, file, read};
use serde::Deserialize;

use super::record::{CaseRecord, Failure, Verdict};

/// The name of the file.
pub const EXPECTED: &str = "_expected.yaml";

/// Known failures by the name of the case.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    known: BTreeMap<String, KnownFailure>,
}

/// Why a case is known to fail.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownFailure {
    /// Why.
    pub reason: String,
    /// Where it is being worked on.
    pub link: String,
    /// The browser that it is so with, where it is so with one only.
    #[serde(default)]
    pub engine: Option<Engine>,
}

impl Expected {
    /// The lists that lie in these folders or above these files, as far up as `scenarios`.
    ///
    /// # Errors
    /// When a list cannot be read.
    pub fn beside(paths: &[PathBuf]) -> Result<Self, LoadError> {
        let mut files: Vec<PathBuf> = paths.iter().flat_map(|path| candidates(path)).collect();
        files.sort();
        files.dedup();
        let mut known = BTreeMap::new();
        for path in files.iter().filter(|path| path.is_file()) {
            let list: BTreeMap<_, _> = file::load(path, read::read)?;
            known.extend(list);
        }
        Ok(Self { known })
    }

    /// The verdict in the light of what is known of a case whose visitors came with these browsers.
    #[must_use]
    pub fn judge(&self, mut record: CaseRecord, engines: &BTreeSet<Engine>) -> CaseRecord {
        // A case that is run several times is the same case.
        let name = record.name.split('#').next().unwrap_or_default();
        let known = self.known.get(name);
        let is_meant =
            |known: &&KnownFailure| known.engine.is_none_or(|engine| engines.contains(&engine));
        let Some(known) = known.filter(is_meant) else {
            return record;
        };
        record.verdict = match record.verdict {
            Verdict::Failed(_) => Verdict::KnownFailure {
                reason: known.reason.clone(),
                link: known.link.clone(),
            },
            Verdict::Passed => Verdict::Failed(vec![Failure {
                claim: format!("this known failure now passes ({})", known.reason),
                actual: format!("so remove it from {EXPECTED} ({})", known.link),
                excerpt: None,
                message: None,
                nearest: None,
                call: None,
                journey: Vec::new(),
                notes: Vec::new(),
                way_out: None,
            }]),
            other => other,
        };
        record
    }
}

/// Where a list may lie for a path.
fn candidates(path: &Path) -> Vec<PathBuf> {
    let mut places = Vec::new();
    for folder in path.ancestors() {
        places.push(folder.join(EXPECTED));
        if folder.file_name().is_some_and(|name| name == "scenarios") {
            break;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use edgeproof_scenario::load::load_text;
    use rstest::rstest;

    use super::*;

    fn judged(name: &str, verdict: Verdict) -> &'static str {
        let folder = tempfile::tempdir().unwrap();
        let scenarios = folder.path().join("scenarios");
        std::fs::create_dir_all(scenarios.join("flow")).unwrap();
        std::fs::write(
            scenarios.join(EXPECTED),
            "flow::late: { reason: no deadline yet, link: 'https://example.com/1' }\n\
             flow::firefox: { engine: firefox, reason: not there, link: 'https://example.com/2' }\n\
             flow::chromium: { engine: chromium, reason: not there, link: 'https://example.com/2' }\n",
        )
        .unwrap();
        let expected = Expected::beside(&[scenarios.join("flow")]).unwrap();
        let case = load_text(Path::new("a.yaml"), "scenario: a\nsteps: []\n").unwrap();
        let mut record = CaseRecord::without_run(&case[0], verdict);
        record.name = name.to_owned();
        let engines = BTreeSet::from([Engine::Firefox]);
        expected.judge(record, &engines).verdict.word()
    }

    #[rstest]
    #[case("flow::late", Verdict::Failed(Vec::new()), "known failure")]
    #[case("flow::late", Verdict::Passed, "failed")]
    #[case("flow::late", Verdict::Error(String::new()), "error")]
    #[case::another_run("flow::late#2", Verdict::Failed(Vec::new()), "known failure")]
    #[case::of_this_engine("flow::firefox", Verdict::Failed(Vec::new()), "known failure")]
    #[case::of_this_engine_no_more("flow::firefox", Verdict::Passed, "failed")]
    #[case::of_another_engine("flow::chromium", Verdict::Failed(Vec::new()), "failed")]
    #[case::as_it_should_be_with_this_engine("flow::chromium", Verdict::Passed, "passed")]
    #[case("flow::other", Verdict::Failed(Vec::new()), "failed")]
    #[case("flow::other", Verdict::Passed, "passed")]
    fn a_known_failure_does_not_count_and_an_unexpected_pass_does(
        #[case] name: &str,
        #[case] verdict: Verdict,
        #[case] word: &str,
    ) {
        assert_eq!(judged(name, verdict), word);
    }
}
