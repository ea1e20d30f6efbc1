//! Who is measured: what is measured only for comparison, and the workers under test.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use edgeproof_runtime::Bundle;
use flate2::{Compression, write::GzEncoder};
use serde::{Deserialize, Serialize};

/// The name of the baseline without any worker.
pub const ORIGIN: &str = "origin";

/// The name of the baseline that only forwards.
pub const PASS_THROUGH: &str = "pass-through";

/// The name of the baseline that does the same in the least JavaScript.
pub const MINIMAL: &str = "minimal-js";

/// One of those that take turns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contender {
    /// Its name in tables, unique in a run.
    pub name: String,
    /// What it is measured for.
    pub role: Role,
    /// Where its worker is: a folder, a script, a configuration; none for the origin, which is asked without a worker.
    #[serde(skip)]
    pub directory: Option<PathBuf>,
    /// How large it is; none for the origin.
    pub size: Option<Size>,
}

/// What a contender is measured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Others are compared with it.
    Baseline,
    /// It is compared with the baselines.
    UnderTest,
}

/// The bytes of a worker's modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// As they are.
    pub bytes: u64,
    /// Each compressed by gzip at its best, added up: what Cloudflare's limits count.
    pub gzip_bytes: u64,
}

impl Size {
    /// The size of a worker.
    ///
    /// # Errors
    /// When a module cannot be read.
    pub fn of(bundle: &Bundle) -> io::Result<Self> {
        let mut size = Self {
            bytes: 0,
            gzip_bytes: 0,
        };
        for module in &bundle.modules {
            let content = fs::read(&module.path)?;
            let mut packer = GzEncoder::new(Vec::new(), Compression::best());
            packer.write_all(&content)?;
            size.bytes += content.len() as u64;
            size.gzip_bytes += packer.finish()?.len() as u64;
        }
        Ok(size)
    }
}

impl Contender {
    /// The origin without a worker.
    pub fn origin() -> Self {
        Self {
            name: ORIGIN.to_owned(),
            role: Role::Baseline,
            directory: None,
            size: None,
        }
    }

    /// The worker in a directory.
    pub fn worker(name: impl Into<String>, role: Role, directory: &Path) -> Self {
        Self {
            name: name.into(),
            role,
            directory: Some(directory.to_owned()),
            size: None,
        }
    }
}

/// The shortest name by which each of the directories can be told from the others and from `taken`: the last parts of
/// its path, as many as it takes; a number where the whole path is there twice.
pub fn names(directories: &[PathBuf], taken: &[&str]) -> Vec<String> {
    let last = |path: &Path, parts: usize| {
        let all: Vec<_> = path.components().collect();
        let kept: PathBuf = all[all.len().saturating_sub(parts)..].iter().collect();
        kept.display().to_string()
    };
    let mut names: Vec<String> = taken.iter().map(|name| (*name).to_owned()).collect();
    for (index, directory) in directories.iter().enumerate() {
        let others = || {
            let others = directories.iter().enumerate();
            others.filter(move |(other, _)| *other != index)
        };
        let depth = directory.components().count();
        let short = (1..=depth)
            .map(|parts| (parts, last(directory, parts)))
            .find(|(parts, name)| {
                !taken.contains(&name.as_str())
                    && others().all(|(_, other)| last(other, *parts) != *name)
            });
        let name = short.map_or_else(
            || format!("{} ({})", directory.display(), index + 1),
            |(_, name)| name,
        );
        names.push(name);
    }
    names.split_off(taken.len())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(&["a/worker"], &["worker"])]
    #[case(&["a/worker", "b/worker"], &["a/worker", "b/worker"])]
    #[case(&["fixtures/workers/pass-through"], &["workers/pass-through"])]
    #[case(&["a/worker", "a/worker"], &["a/worker (1)", "a/worker (2)"])]
    fn a_name_is_as_short_as_it_can_be(#[case] paths: &[&str], #[case] expected: &[&str]) {
        let paths: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
        assert_eq!(names(&paths, &[ORIGIN, PASS_THROUGH]), expected);
    }

    #[test]
    fn a_size_counts_modules_only() {
        let directory = tempfile::tempdir().unwrap();
        let script = format!("export default {{}} // {}", " ".repeat(1000));
        fs::write(directory.path().join("index.js"), &script).unwrap();
        fs::write(directory.path().join("README.md"), "x".repeat(5000)).unwrap();
        let size = Size::of(&Bundle::read(directory.path()).unwrap()).unwrap();
        assert_eq!(size.bytes, script.len() as u64);
        assert!(size.gzip_bytes > 0 && size.gzip_bytes < 100, "{size:?}");
    }
}
