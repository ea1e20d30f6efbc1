//! Directories that go away, and whose content is nobody else's business.

use std::{
    fs::{OpenOptions, Permissions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::tell_warden;
use crate::causes::about;

/// A directory that is removed with its handle, and by the warden when no destructor runs. Only its owner can look inside:
/// what is written there, such as the variables of a worker, may be secret.
#[derive(Debug)]
pub struct ScratchDirectory(PathBuf);

impl ScratchDirectory {
    /// Makes a fresh directory with the given prefix below `parent`, which is made too where it is missing.
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn create(parent: &Path, prefix: &str) -> io::Result<Self> {
        std::fs::create_dir_all(parent).map_err(about(parent))?;
        let directory = tempfile::Builder::new()
            .prefix(prefix)
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in(parent)?;
        Ok(Self::adopt(directory.keep()))
    }

    /// The same of a directory that somebody else has made, such as a program that is killed before it can remove it.
    pub fn adopt(directory: PathBuf) -> Self {
        tell_warden(&format!("remove {}", directory.display()));
        Self(directory)
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.0.clone()
    }
}

impl Drop for ScratchDirectory {
    fn drop(&mut self) {
        // The warden tries once more.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes a new file that only its owner can read, wherever it stands.
///
/// # Errors
/// Whatever the file system says, and that there is a file already.
pub fn write_private(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(content.as_ref()))
        .map_err(about(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_the_owner_can_look_inside() {
        let directory = ScratchDirectory::create(&std::env::temp_dir(), "scratch-").unwrap();
        let file = directory.path().join("secret");
        write_private(&file, "key").unwrap();
        assert_eq!((mode(&directory.path()), mode(&file)), (0o700, 0o600));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "key");
    }

    #[test]
    fn what_is_adopted_goes_with_its_handle() {
        let parent = tempfile::tempdir().unwrap();
        let made = parent.path().join("made");
        std::fs::create_dir(&made).unwrap();
        std::fs::write(made.join("file"), "").unwrap();
        let adopted = ScratchDirectory::adopt(made.clone());
        assert_eq!(adopted.path(), made);
        drop(adopted);
        assert!(!made.exists());
    }

    #[test]
    fn a_file_that_somebody_else_made_is_not_written_to() {
        let directory = ScratchDirectory::create(&std::env::temp_dir(), "scratch-").unwrap();
        let file = directory.path().join("secret");
        std::os::unix::fs::symlink("elsewhere", &file).unwrap();
        assert!(write_private(&file, "key").is_err());
        assert!(!directory.path().join("elsewhere").exists());
    }
}
