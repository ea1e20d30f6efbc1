//! Names results by the content they were made from, and puts them in place whole.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::BuildError;

/// The content a result depends on.
pub(super) struct Content(blake3::Hasher);

impl Content {
    /// `recipe` names how the result is made; it changes when that changes.
    pub(super) fn new(recipe: &str) -> Self {
        let mut content = Self(blake3::Hasher::new());
        content.add(recipe.as_bytes());
        content
    }

    /// Adds a file, or every file below a directory; what is not there counts as empty. `skip` names directories that
    /// do not matter.
    pub(super) fn read(&mut self, path: &Path, skip: &[&str]) -> Result<(), BuildError> {
        if path.is_dir() {
            let entries = fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
            let mut entries = entries.map_err(BuildError::file("read", path))?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let name = entry.file_name();
                if !skip.iter().any(|skipped| name == *skipped) {
                    self.add(name.as_encoded_bytes());
                    self.read(&entry.path(), skip)?;
                }
            }
        } else if path.is_file() {
            self.add(&fs::read(path).map_err(BuildError::file("read", path))?);
        }
        Ok(())
    }

    /// The name of the result.
    pub(super) fn name(&self) -> String {
        self.0.finalize().to_hex()[..16].to_owned()
    }

    /// Adds bytes with their length, so that two pieces are not one longer one.
    fn add(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

/// Makes a directory by `make` and gives it its name when it is whole. Where another process was faster, its result
/// stands.
pub(super) fn put(
    directory: &Path,
    make: impl FnOnce(&Path) -> Result<(), BuildError>,
) -> Result<PathBuf, BuildError> {
    let parent = directory.parent().unwrap_or(directory);
    fs::create_dir_all(parent).map_err(BuildError::file("created", parent))?;
    let unfinished = tempfile::Builder::new()
        .prefix(".unfinished-")
        .tempdir_in(parent)
        .map_err(BuildError::file("created", parent))?;
    let made = unfinished.path().join("made");
    fs::create_dir(&made).map_err(BuildError::file("created", &made))?;
    make(&made)?;
    match fs::rename(&made, directory) {
        Err(_) if directory.is_dir() => Ok(()),
        renamed => renamed.map_err(BuildError::file("created", directory)),
    }?;
    Ok(directory.to_owned())
}

/// Copies a file, or a folder with everything in it.
pub(super) fn copy(from: &Path, to: &Path) -> Result<(), BuildError> {
    if !from.is_dir() {
        let folder = to.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(BuildError::file("created", folder))?;
        return fs::copy(from, to)
            .map(drop)
            .map_err(BuildError::file("written", to));
    }
    for entry in fs::read_dir(from).map_err(BuildError::file("read", from))? {
        let name = entry.map_err(BuildError::file("read", from))?.file_name();
        copy(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(directory: &Path) -> String {
        let mut content = Content::new("test");
        content.read(directory, &["skipped"]).unwrap();
        content.name()
    }

    #[test]
    fn a_name_changes_with_contents_and_names_only() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("a/skipped")).unwrap();
        fs::write(directory.path().join("a/one"), "1").unwrap();
        let first = name(directory.path());
        fs::write(directory.path().join("a/skipped/two"), "2").unwrap();
        assert_eq!(name(directory.path()), first);
        fs::write(directory.path().join("a/one"), "2").unwrap();
        let second = name(directory.path());
        assert_ne!(second, first);
        fs::rename(
            directory.path().join("a/one"),
            directory.path().join("a/other"),
        )
        .unwrap();
        assert_ne!(name(directory.path()), second);
    }

    #[test]
    fn a_result_is_there_whole_or_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let result = directory.path().join("result");
        let broken = put(&result, |made| {
            fs::write(made.join("half"), "").unwrap();
            Err(BuildError::NoWasmToolchain)
        });
        assert!(broken.is_err() && !result.exists());
        put(&result, |made| {
            fs::write(made.join("whole"), "").unwrap();
            Ok(())
        })
        .unwrap();
        assert!(result.join("whole").is_file());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn where_another_was_faster_its_result_stands() {
        let directory = tempfile::tempdir().unwrap();
        let result = directory.path().join("result");
        let put_twice = put(&result, |made| {
            fs::write(made.join("mine"), "").unwrap();
            fs::create_dir(&result).unwrap();
            fs::write(result.join("theirs"), "").unwrap();
            Ok(())
        });
        assert_eq!(put_twice.unwrap(), result);
        assert!(result.join("theirs").is_file());
    }
}
