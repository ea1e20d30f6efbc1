//! The files that one scenario is read from: bounded in size, and not from anywhere.

use std::{
    fs::File,
    io::{self, Read},
    path::{Component, Path, PathBuf},
};

use edgeproof_document::{
    node::{Value, YamlNode},
    problem::Problem,
    source::Sources,
    yaml,
};

use super::{environment::Variables, existing::Workers};

/// Bytes of the largest file. A scenario that somebody wrote has some thousand.
const LARGEST: u64 = 4 << 20;

/// What the files of a suite may be read from, besides the suite itself.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// What `${env.NAME}` stands for.
    pub variables: Variables,
    /// Folders outside the scenarios' own that may be read.
    pub folders: Vec<PathBuf>,
    /// Whether workers may ask for bindings that are not emulated.
    pub allow_missing_bindings: bool,
    /// Whether a file may be without `steps`: it describes a rig then, and proves nothing.
    pub may_be_without_steps: bool,
}

/// The files of one scenario while they are read.
pub(super) struct Files<'a> {
    pub(super) outside: &'a Outside,
    pub(super) sources: Sources,
    /// Everything that is wrong and does not stop the reading.
    pub(super) problems: Vec<Problem>,
    /// Values that nobody may read.
    pub(super) secrets: Vec<String>,
    /// What is known of the workers that combinations of the matrix share.
    pub(super) workers: Workers,
    /// The folder of the scenarios, and that of the project around it.
    suite: PathBuf,
    project: PathBuf,
}

/// What a file is read for, and with it from where it may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A part of the scenario, from the folder of the scenarios.
    Part,
    /// Something of the project around it, such as what gets deployed.
    Project,
}

impl<'a> Files<'a> {
    /// The files of the scenario at `path`.
    pub(super) fn of(path: &Path, outside: &'a Outside) -> Self {
        let (suite, project) = folders_of(path);
        Self {
            outside,
            sources: Sources::default(),
            problems: Vec::new(),
            secrets: Vec::new(),
            workers: Workers::new(),
            suite,
            project,
        }
    }

    pub(super) fn may_be_without_steps(&self) -> bool {
        self.outside.may_be_without_steps
    }

    /// The text as a file at `path`: parsed, with the values of variables in their places.
    pub(super) fn parse(&mut self, path: &Path, text: &str) -> Result<YamlNode, Problem> {
        let file = self.sources.add(path, text.to_owned());
        let node = yaml::parse(file, text)?;
        let filled = self.outside.variables.fill(&node);
        self.problems.extend(filled.missing);
        self.secrets.extend(filled.secrets);
        Ok(filled.node)
    }

    /// The file that a node names, seen from the file that the node stands in.
    pub(super) fn named(
        &mut self,
        name: &YamlNode,
        purpose: Purpose,
    ) -> Result<(PathBuf, YamlNode), Problem> {
        let path = self.path_of(name)?;
        let shown = path.display();
        if !is_yaml(&path) {
            // Of any other file no line may be shown, and without lines nobody can mend a mistake in it.
            return Err(at(
                name,
                format!("`{shown}` is no part of a scenario"),
                Some("the name of such a file ends in `.yaml` or `.yml`"),
            ));
        }
        let real = path.canonicalize();
        let real =
            real.map_err(|error| at(name, format!("`{shown}` cannot be read: {error}"), None))?;
        self.within(name, &path, &real, purpose)?;
        let text = read(&path)
            .map_err(|error| at(name, format!("`{shown}` cannot be read: {error}"), None))?;
        let node = self.parse(&path, &text)?;
        Ok((path, node))
    }

    /// A file that is sent or started as it is: where it is, if it may be read.
    pub(super) fn content(&self, name: &YamlNode) -> Result<PathBuf, Problem> {
        let path = self.path_of(name)?;
        let shown = path.display();
        let unreadable = |error| at(name, format!("`{shown}` cannot be read: {error}"), None);
        let real = path.canonicalize().map_err(unreadable)?;
        self.within(name, &path, &real, Purpose::Project)?;
        match real.metadata().map_err(unreadable)?.is_file() {
            true => Ok(path),
            false => Err(at(name, format!("`{shown}` is not a file"), None)),
        }
    }

    /// The path that a node names, seen from the file that the node stands in.
    pub(super) fn path_of(&self, name: &YamlNode) -> Result<PathBuf, Problem> {
        let Some(text) = name.value.as_text() else {
            let message = "a file or folder must be named by its path".to_owned();
            return Err(at(name, message, None));
        };
        let stands_in = self
            .sources
            .file(name.at.file)
            .map(|file| file.path.as_path());
        let folder = stands_in.and_then(Path::parent).unwrap_or(Path::new(""));
        Ok(lexical(&folder.join(text)))
    }

    fn within(
        &self,
        name: &YamlNode,
        path: &Path,
        real: &Path,
        purpose: Purpose,
    ) -> Result<(), Problem> {
        let (home, what) = match purpose {
            Purpose::Part => (&self.suite, "the folder of the scenarios"),
            Purpose::Project => (&self.project, "the project"),
        };
        let allowed = self.outside.folders.iter();
        let allowed = allowed.filter_map(|folder| folder.canonicalize().ok());
        if real.starts_with(home) || allowed.into_iter().any(|folder| real.starts_with(folder)) {
            return Ok(());
        }
        Err(at(
            name,
            format!(
                "`{}` is outside of {what}, `{}`",
                path.display(),
                home.display()
            ),
            Some("if that is meant, allow its folder with `--allow-path FOLDER`"),
        ))
    }
}

/// The text of a file, unless it is none of a size that is read.
///
/// # Errors
/// It cannot be read, is no file, is too large or is no text.
pub(super) fn read(path: &Path) -> io::Result<String> {
    let refused = |why: &str| io::Error::other(why.to_owned());
    // A pipe would be waited for, and a device has no end.
    if !path.metadata()?.is_file() {
        return Err(refused("it is not a file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(refused("it has more than 4 MB"));
    }
    String::from_utf8(bytes).map_err(|_| refused("it is not UTF-8 text"))
}

/// Whether a file is YAML by its name.
pub(super) fn is_yaml(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| matches!(ending, "yaml" | "yml"))
}

/// The path from the root of the file system.
pub(super) fn absolute(path: &Path) -> PathBuf {
    lexical(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// The folder of the scenarios that a file belongs to: the nearest one above it that is called `scenarios`; otherwise the
/// one that edgeproof runs in; or else the file's own, with those above it as long as each holds a YAML file itself.
fn folders_of(path: &Path) -> (PathBuf, PathBuf) {
    let path = absolute(path);
    let real = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let mut above = path.ancestors().skip(1);
    if let Some(suite) = above.find(|folder| folder.ends_with("scenarios")) {
        return (real(suite), real(suite.parent().unwrap_or(suite)));
    }
    let own = path.parent().unwrap_or(&path).to_owned();
    let here = std::env::current_dir().unwrap_or_else(|_| own.clone());
    let folder = match path.starts_with(&here) {
        true => here,
        false => own
            .ancestors()
            .skip(1)
            .take_while(|folder| holds_yaml(folder))
            .last()
            .unwrap_or(&own)
            .to_owned(),
    };
    (real(&folder), real(&folder))
}

/// Whether a folder holds a YAML file, as one of scenarios does. The root of the file system is none.
fn holds_yaml(folder: &Path) -> bool {
    folder.parent().is_some()
        && folder
            .read_dir()
            .is_ok_and(|entries| entries.flatten().any(|entry| is_yaml(&entry.path())))
}

/// The path without `a/..`, for people; the files of a suite are not behind links.
pub(super) fn lexical(path: &Path) -> PathBuf {
    let mut short = PathBuf::new();
    for part in path.components() {
        let above = matches!(short.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::ParentDir if above => {
                short.pop();
            }
            Component::CurDir => {}
            other => short.push(other),
        }
    }
    short
}

/// A mistake at a node.
pub(super) fn at(node: &YamlNode, message: String, help: Option<&str>) -> Problem {
    Problem {
        message,
        at: node.at,
        label: "here".to_owned(),
        help: help.map(str::to_owned),
    }
}

/// A path as a value.
pub(super) fn text_of(path: &Path) -> Value {
    // An empty path is the folder that edgeproof runs in, which no program takes for one.
    let text = path.to_string_lossy();
    Value::Text(match text.is_empty() {
        true => ".".to_owned(),
        false => text.into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;

    fn included(name: &str, allowed: &[PathBuf]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let scenarios = folder.path().join("scenarios");
        fs::create_dir_all(scenarios.join("flow")).unwrap();
        fs::write(scenarios.join("_part.yaml"), "a: 1\n").unwrap();
        fs::write(folder.path().join("outside.yaml"), "a: 1\n").unwrap();
        fs::write(scenarios.join("flow/notes.txt"), "hunter2: [\n").unwrap();
        fs::write(scenarios.join("flow/large.yaml"), vec![b'#'; 5 << 20]).unwrap();
        fs::create_dir(scenarios.join("flow/folder.yaml")).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", scenarios.join("flow/linked.yaml")).unwrap();
        let outside = Outside {
            folders: allowed.to_vec(),
            ..Outside::default()
        };
        let path = scenarios.join("flow/a.yaml");
        let mut files = Files::of(&path, &outside);
        let node = files.parse(&path, &format!("include: {name}\n")).unwrap();
        let name = node.get("include").unwrap();
        files
            .named(name, Purpose::Part)
            .map(|_| ())
            .map_err(|problem| problem.message)
    }

    #[rstest]
    #[case("../_part.yaml", None)]
    #[case(
        "../../outside.yaml",
        Some("is outside of the folder of the scenarios")
    )]
    #[case("/proc/self/environ", Some("is no part of a scenario"))]
    #[case("/etc/shadow", Some("is no part of a scenario"))]
    #[case("notes.txt", Some("is no part of a scenario"))]
    #[case("linked.yaml", Some("is outside of the folder of the scenarios"))]
    #[case("large.yaml", Some("it has more than 4 MB"))]
    #[case("folder.yaml", Some("it is not a file"))]
    #[case("none.yaml", Some("cannot be read: No such file"))]
    fn only_parts_of_the_scenarios_are_included(
        #[case] name: &str,
        #[case] expected: Option<&str>,
    ) {
        match (included(name, &[]), expected) {
            (Ok(()), None) => {}
            (Err(message), Some(expected)) => assert!(message.contains(expected), "{message}"),
            (found, _) => panic!("{found:?}"),
        }
    }

    #[test]
    fn a_folder_outside_may_be_allowed() {
        assert_eq!(
            included("../../outside.yaml", &[std::env::temp_dir()]),
            Ok(())
        );
    }
}
