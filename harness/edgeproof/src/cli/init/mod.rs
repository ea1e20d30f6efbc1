//! `edgeproof init`: the folder, the first scenario and the CI file of a project.

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use edgeproof_ground::whole_file::write_whole;
use edgeproof_run::exit;

use super::{CliError, program, project::PROJECT};

/// The options of `init`.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The CI system to write a file for [default: the one whose files are here].
    #[arg(long, value_name = "SYSTEM")]
    ci: Option<Ci>,
}

/// A CI system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Ci {
    /// GitHub Actions.
    Github,
    /// GitLab CI/CD.
    Gitlab,
    /// Buildkite.
    Buildkite,
    /// CircleCI.
    Circleci,
    /// A Job of Kubernetes.
    Kubernetes,
    /// None of them.
    None,
}

const FIRST: &str = include_str!("first.yaml");
const SETTINGS: &str = "\
# What `edgeproof` takes for granted here; the command line wins. Paths are relative to this file.
scenarios: [edgeproof/scenarios]
# worker: path/to/another/worker
# engine: firefox
# env_files: [.env]
# reports: [html=edgeproof/reports/report.html]
";
const EDITOR: &str = "\
{
  \"yaml.schemas\": {
    \"./edgeproof/scenarios/schema.json\": \"edgeproof/scenarios/**/*.yaml\"
  }
}
";

impl Ci {
    /// The system whose files are here.
    fn of_folder(folder: &Path) -> Self {
        let is_there = |path: &str| folder.join(path).exists();
        let remote = fs::read_to_string(folder.join(".git/config")).unwrap_or_default();
        if is_there(".github") {
            Self::Github
        } else if is_there(".gitlab-ci.yml") {
            Self::Gitlab
        } else if is_there(".buildkite") {
            Self::Buildkite
        } else if is_there(".circleci") {
            Self::Circleci
        } else if remote.contains("github.com") {
            Self::Github
        } else if remote.contains("gitlab") {
            Self::Gitlab
        } else {
            Self::None
        }
    }

    /// The file, its content, and what is left to do by hand.
    fn file(self) -> Option<(&'static str, &'static str, Option<&'static str>)> {
        match self {
            Self::Github => Some((
                ".github/workflows/edgeproof.yaml",
                include_str!("github.yaml"),
                None,
            )),
            Self::Gitlab => Some((
                "edgeproof/gitlab-ci.yml",
                include_str!("gitlab.yaml"),
                Some("add `include: edgeproof/gitlab-ci.yml` to .gitlab-ci.yml"),
            )),
            Self::Buildkite => Some((
                "edgeproof/buildkite.yml",
                include_str!("buildkite.yaml"),
                Some(
                    "run `buildkite-agent pipeline upload edgeproof/buildkite.yml` in your pipeline",
                ),
            )),
            Self::Circleci => Some((
                "edgeproof/circleci.yml",
                include_str!("circleci.yaml"),
                Some("copy the job of edgeproof/circleci.yml into .circleci/config.yml"),
            )),
            Self::Kubernetes => Some((
                "edgeproof/kubernetes.yaml",
                include_str!("kubernetes.yaml"),
                Some("name your image in edgeproof/kubernetes.yaml"),
            )),
            Self::None => None,
        }
    }
}

pub(super) fn init(options: &Options) -> Result<u8, CliError> {
    let ci = options.ci.unwrap_or_else(|| Ci::of_folder(Path::new(".")));
    let schema = edgeproof_scenario::schema::text().map_err(io::Error::from)?;
    let mut files: Vec<(&str, &str)> = vec![
        (PROJECT, SETTINGS),
        ("edgeproof/scenarios/first.yaml", FIRST),
        ("edgeproof/scenarios/schema.json", &schema),
        ("edgeproof/.gitignore", "reports/\n"),
        (".vscode/settings.json", EDITOR),
    ];
    let ci = ci.file();
    files.extend(ci.map(|(path, content, _)| (path, content)));
    let mut out = anstream::stdout();
    for (path, content) in files {
        let path = Path::new(path);
        let told = if put(path, content).map_err(CliError::write(path))? {
            "written"
        } else {
            "kept as it was"
        };
        writeln!(out, "{}: {told}", path.display())?;
    }
    let program = program::name();
    writeln!(out, "\nNext:\n  {program} run")?;
    writeln!(
        out,
        "  {program} new PAGE 'POST /api/…' --app URL   for a page of your own"
    )?;
    match ci {
        Some((_, _, Some(left))) => writeln!(out, "  {left}")?,
        None if options.ci.is_none() => writeln!(
            out,
            "  {program} init --ci github                   for the file of a CI system, or gitlab, buildkite, circleci, kubernetes"
        )?,
        _ => {}
    }
    Ok(exit::PASSED)
}

/// Writes a file that is not there yet, and says whether it did.
fn put(path: &Path, content: &str) -> io::Result<bool> {
    let is_new = fs::symlink_metadata(path).is_err();
    if is_new {
        write_whole(path, content)?;
    }
    Ok(is_new)
}

#[cfg(test)]
mod tests {
    use edgeproof_scenario::{lint, load};
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_first_scenario_reads_and_has_nothing_to_warn_of() {
        let cases = load::load_text(Path::new("first.yaml"), FIRST).unwrap();
        assert!(
            lint::lint(&cases[0]).is_empty(),
            "{:?}",
            lint::lint(&cases[0])
        );
    }

    #[rstest]
    #[case(".github/workflows/a.yaml", "", Ci::Github)]
    #[case(".gitlab-ci.yml", "", Ci::Gitlab)]
    #[case(".buildkite/pipeline.yml", "", Ci::Buildkite)]
    #[case(".circleci/config.yml", "", Ci::Circleci)]
    #[case(".git/config", "url = git@github.com:a/b.git", Ci::Github)]
    #[case(".git/config", "url = https://gitlab.example/a/b.git", Ci::Gitlab)]
    #[case("README.md", "", Ci::None)]
    fn the_ci_system_is_the_one_whose_files_are_here(
        #[case] path: &str,
        #[case] content: &str,
        #[case] expected: Ci,
    ) {
        let folder = tempfile::tempdir().unwrap();
        put(&folder.path().join(path), content).unwrap();
        assert_eq!(Ci::of_folder(folder.path()), expected);
    }

    #[rstest]
    #[case(Ci::Github)]
    #[case(Ci::Gitlab)]
    #[case(Ci::Buildkite)]
    #[case(Ci::Circleci)]
    #[case(Ci::Kubernetes)]
    fn each_ci_file_is_yaml_and_runs_shards(#[case] ci: Ci) {
        let (_, content, _) = ci.file().unwrap();
        let read: serde_json::Value = serde_saphyr::from_str(content).unwrap();
        let words = content.replace(", ", " ");
        assert!(read.is_object() && words.contains("edgeproof run --shard"));
    }

    #[test]
    fn a_file_that_is_there_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        assert!(put(&path, "1").unwrap());
        assert!(!put(&path, "2").unwrap());
        assert_eq!(fs::read_to_string(path).unwrap(), "1");
    }
}
