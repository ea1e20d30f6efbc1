//! `edgeproof.yaml` at the root of a project: what would be repeated on every command line.

use std::{
    env,
    path::{Path, PathBuf},
};

use edgeproof_browser::Engine;
use edgeproof_document::{LoadError, file, read};
use serde::Deserialize;

use super::CliError;

/// The name of the file.
pub(super) const PROJECT: &str = "edgeproof.yaml";

/// Where scenarios are looked for when nobody says.
const SCENARIOS: &str = "scenarios";

/// What the file says. Paths in it are relative to it.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Project {
    /// Files and folders of scenarios.
    scenarios: Vec<PathBuf>,
    /// The worker under test.
    worker: Option<PathBuf>,
    /// The browser of visitors that name none.
    engine: Option<Engine>,
    /// Files with variables.
    env_files: Vec<PathBuf>,
    /// Reports of a run, as `FORMAT=FILE` or `github`.
    reports: Vec<String>,
    /// Where the file is, as seen from the working directory.
    #[serde(skip)]
    folder: PathBuf,
}

impl Project {
    /// The file in the working directory or in the nearest folder above; where there is none, it says nothing.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn find() -> Result<Self, CliError> {
        let here = env::current_dir()?;
        let mut folder = PathBuf::new();
        for above in here.ancestors() {
            if above.join(PROJECT).is_file() {
                return Ok(Self::read(folder)?);
            }
            folder.push("..");
        }
        Ok(Self::default())
    }

    fn read(folder: PathBuf) -> Result<Self, LoadError> {
        let project: Self = file::load(&folder.join(PROJECT), read::read)?;
        Ok(Self { folder, ..project })
    }

    /// The paths that were given, else those of the project, else `scenarios`.
    pub(super) fn scenarios(&self, given: &[PathBuf]) -> Vec<PathBuf> {
        if !given.is_empty() {
            return given.to_vec();
        }
        if self.scenarios.is_empty() {
            return vec![self.folder.join(SCENARIOS)];
        }
        self.seen_from_here(&self.scenarios)
    }

    /// The worker that was given, else the project's.
    pub(super) fn worker(&self, given: Option<&PathBuf>) -> Option<PathBuf> {
        let own = || self.worker.as_ref().map(|worker| self.folder.join(worker));
        given.cloned().or_else(own)
    }

    /// The browser of the project's visitors.
    pub(super) fn engine(&self) -> Option<Engine> {
        self.engine
    }

    /// The files with variables of the project.
    pub(super) fn env_files(&self) -> Vec<PathBuf> {
        self.seen_from_here(&self.env_files)
    }

    /// The reports of the project, as one would write them on the command line.
    pub(super) fn reports(&self) -> Vec<String> {
        let one = |report: &String| match report.split_once('=') {
            Some((format, file)) => format!("{format}={}", self.folder.join(file).display()),
            None => report.clone(),
        };
        self.reports.iter().map(one).collect()
    }

    fn seen_from_here(&self, paths: &[PathBuf]) -> Vec<PathBuf> {
        let one = |path: &PathBuf| self.folder.join(path);
        paths.iter().map(one).collect()
    }
}

/// The folder in which `edgeproof new` writes.
pub(super) fn folder_of_scenarios() -> Result<PathBuf, CliError> {
    let mut scenarios = Project::find()?.scenarios(&[]);
    let first = scenarios.swap_remove(0);
    Ok(if first.is_dir() || first.extension().is_none() {
        first
    } else {
        first.parent().unwrap_or(Path::new("")).to_owned()
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn project(text: &str) -> Result<Project, LoadError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(PROJECT), text).unwrap();
        let mut project = Project::read(folder.path().to_owned())?;
        project.folder = PathBuf::from("..");
        Ok(project)
    }

    #[test]
    fn paths_are_those_of_the_file_and_what_is_given_wins() {
        let project = project(
            "scenarios: [edgeproof/scenarios]\nworker: dist/worker\nengine: firefox\nenv_files: [.env]\n\
             reports: [html=out/report.html, github]\n",
        )
        .unwrap();
        let given = [PathBuf::from("a.yaml")];
        assert_eq!(project.scenarios(&given), given);
        assert_eq!(
            project.scenarios(&[]),
            [PathBuf::from("../edgeproof/scenarios")]
        );
        assert_eq!(project.worker(None), Some(PathBuf::from("../dist/worker")));
        assert_eq!(project.worker(Some(&given[0])).as_ref(), Some(&given[0]));
        assert_eq!(project.engine(), Some(Engine::Firefox));
        assert_eq!(project.env_files(), [PathBuf::from("../.env")]);
        assert_eq!(project.reports(), ["html=../out/report.html", "github"]);
    }

    #[test]
    fn without_a_word_scenarios_are_where_they_always_are() {
        assert_eq!(
            project("{}").unwrap().scenarios(&[]),
            [PathBuf::from("../scenarios")]
        );
    }

    #[rstest]
    #[case("scenaros: [a]", "scenaros")]
    #[case("scenarios: a: b", "edgeproof.yaml")]
    fn a_mistake_has_its_place(#[case] text: &str, #[case] expected: &str) {
        let error = CliError::from(project(text).unwrap_err());
        let style = edgeproof_document::problem::TextStyle::PLAIN;
        let text = error.text(style);
        assert!(text.contains(expected) && text.contains(":1:"), "{text}");
    }
}
