//! edgeproof's own parts that are no code of the command: the worker, the agent, the sites, the workers that others are
//! compared with.
//!
//! A checkout has them as sources and builds them. A released command has them inside, as a tar archive, and lays them
//! out in the user's cache, where the runtime and the origin read them. Nothing is written beside the executable.

use std::{
    env, fs,
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
    sync::OnceLock,
};

/// What a released command laid out.
#[derive(Debug)]
struct LaidOut {
    /// The parts.
    folder: PathBuf,
    /// The user's cache, with other things in it.
    cache: PathBuf,
}

static LAID_OUT: OnceLock<LaidOut> = OnceLock::new();

/// There is no folder for the parts.
#[derive(Debug, thiserror::Error)]
#[error(
    "edgeproof's own files could not be written to {}; set XDG_CACHE_HOME or TMPDIR to a folder of your own that can be written to",
    path.display()
)]
pub struct PartsError {
    /// The last folder that was tried.
    path: PathBuf,
    /// Why not there.
    source: io::Error,
}

/// Lays out an archive of parts, in the user's cache or, where nothing can be written there, in a folder of the user's
/// own below the one for temporary files. What is there already is compared byte by byte and only written where it
/// differs, each file whole, so that commands that start at the same time may do this at the same time.
///
/// # Errors
/// When neither folder can be written to, or both belong to somebody else.
pub fn lay_out(archive: &[u8]) -> Result<(), PartsError> {
    let temporary = env::temp_dir().join(format!("edgeproof-{}", user()));
    let mut refused = None;
    for cache in user_cache().into_iter().chain([temporary]) {
        match lay_out_below(archive, &cache) {
            Ok(folder) => {
                let _ = LAID_OUT.set(LaidOut { folder, cache });
                return Ok(());
            }
            Err(source) => refused = Some((cache, source)),
        }
    }
    refused.map_or(Ok(()), |(path, source)| Err(PartsError { path, source }))
}

/// The folder of the parts that were laid out; none in a checkout.
pub(crate) fn folder() -> Option<&'static Path> {
    LAID_OUT.get().map(|laid_out| laid_out.folder.as_path())
}

/// The folder for what is kept from run to run; none in a checkout, which keeps it below `target`.
pub(crate) fn cache() -> Option<&'static Path> {
    LAID_OUT.get().map(|laid_out| laid_out.cache.as_path())
}

/// `edgeproof` in the user's cache, as the platform and the XDG Base Directory Specification name it.
fn user_cache() -> Option<PathBuf> {
    let stated = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let below_home = if cfg!(target_os = "macos") {
        "Library/Caches"
    } else {
        ".cache"
    };
    let cache = stated
        // The specification: a relative path is to be ignored.
        .filter(|path| path.is_absolute())
        .or_else(|| Some(env::home_dir()?.join(below_home)))?;
    cache.is_absolute().then(|| cache.join("edgeproof"))
}

fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

fn lay_out_below(archive: &[u8], cache: &Path) -> io::Result<PathBuf> {
    own(cache)?;
    let name = blake3::hash(archive).to_hex();
    let folder = cache.join("parts").join(&name[..16]);
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let path = folder.join(entry.path()?);
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            write(&path, &content)?;
        }
    }
    Ok(folder)
}

/// Makes the folder of this user, for nobody else. What runs is read from there, so a folder that others can write to,
/// or that is another's, is not used.
fn own(folder: &Path) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let found = fs::symlink_metadata(folder)?;
    if found.is_dir() && found.uid() == user() && found.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        "others can write to it",
    ))
}

/// Writes a file whole, where it does not hold this already.
fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|found| found == content) {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use rstest::rstest;

    use super::*;

    fn archive(files: &[(&str, &str)]) -> Vec<u8> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, path, content.as_bytes())
                .unwrap();
        }
        archive.into_inner().unwrap()
    }

    #[test]
    fn parts_are_laid_out_once_and_mended_where_a_file_is_missing_or_changed() {
        let directory = tempfile::tempdir().unwrap();
        let cache = directory.path().join("a b/edgeproof");
        let archive = archive(&[("worker/index.js", "1"), ("sites/signup/site.json", "{}")]);
        let folder = lay_out_below(&archive, &cache).unwrap();
        let worker = folder.join("worker/index.js");
        let written = fs::metadata(&worker).unwrap().modified().unwrap();
        lay_out_below(&archive, &cache).unwrap();
        assert_eq!(fs::metadata(&worker).unwrap().modified().unwrap(), written);

        fs::write(&worker, "2").unwrap();
        fs::remove_file(folder.join("sites/signup/site.json")).unwrap();
        lay_out_below(&archive, &cache).unwrap();
        assert_eq!(fs::read_to_string(&worker).unwrap(), "1");
        assert!(folder.join("sites/signup/site.json").is_file());
    }

    #[test]
    fn another_version_has_a_folder_of_its_own() {
        let directory = tempfile::tempdir().unwrap();
        let cache = directory.path().join("edgeproof");
        let one = lay_out_below(&archive(&[("a", "1")]), &cache).unwrap();
        let two = lay_out_below(&archive(&[("a", "2")]), &cache).unwrap();
        assert_ne!(one, two);
        assert_eq!(fs::read_to_string(one.join("a")).unwrap(), "1");
    }

    #[rstest]
    #[case(0o777, false)]
    #[case(0o770, false)]
    #[case(0o755, true)]
    #[case(0o700, true)]
    fn a_folder_that_others_can_write_to_is_not_used(#[case] mode: u32, #[case] is_used: bool) {
        let directory = tempfile::tempdir().unwrap();
        let cache = directory.path().join("edgeproof");
        fs::create_dir(&cache).unwrap();
        fs::set_permissions(&cache, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(own(&cache).is_ok(), is_used);
    }

    #[test]
    fn a_link_to_a_folder_is_not_used() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("edgeproof");
        std::os::unix::fs::symlink(directory.path(), &link).unwrap();
        assert!(own(&link).is_err());
    }
}
