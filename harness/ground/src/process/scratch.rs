//! Directories that go away.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::tell_warden;

/// A directory that is removed with its handle, and by the warden when no destructor runs.
#[derive(Debug)]
pub struct ScratchDirectory(tempfile::TempDir);

impl ScratchDirectory {
    /// Makes a fresh directory with the given prefix below `parent`, which is made too where it is missing.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn create(parent: &Path, prefix: &str) -> io::Result<Self> {
        std::fs::create_dir_all(parent)?;
        let directory = tempfile::Builder::new().prefix(prefix).tempdir_in(parent)?;
        tell_warden(&format!("remove {}", directory.path().display()));
        Ok(Self(directory))
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }
}
