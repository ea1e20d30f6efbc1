//! Files that are written whole: the old one stays until the new one is there, also where the disk is full.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, ErrorKind, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    path::{Path, absolute},
};

/// Why no other file can take the place of one that can be written to: others may have the folder, or the file is mounted.
const IN_PLACE: [ErrorKind; 4] = [
    ErrorKind::PermissionDenied,
    ErrorKind::ReadOnlyFilesystem,
    ErrorKind::ResourceBusy,
    ErrorKind::CrossesDevices,
];

/// Writes a file, and the folder it goes to where that is missing. The file keeps its owner and permissions, and a link still
/// leads to it; what is no file, such as a pipe, is written to as it is.
///
/// # Errors
/// Whatever the file system says.
pub fn write_whole(path: &Path, content: impl AsRef<[u8]>) -> io::Result<()> {
    let content = content.as_ref();
    let is_file = fs::metadata(path).is_ok_and(|found| found.is_file());
    let is_new = fs::symlink_metadata(path).is_err();
    // A file in there is an output of this process.
    let is_output = path.starts_with("/dev") || path.starts_with("/proc");
    if is_output || !(is_file || is_new) {
        return fs::write(path, content);
    }
    match replace(path, is_file, content) {
        Err(error) if IN_PLACE.contains(&error.kind()) => fs::write(path, content),
        replaced => replaced,
    }
}

fn replace(path: &Path, is_file: bool, content: &[u8]) -> io::Result<()> {
    let path = match is_file {
        true => path.canonicalize()?,
        false => absolute(path)?,
    };
    let folder = path.parent().unwrap_or(&path);
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".edgeproof-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    file.write_all(content)?;
    if is_file {
        // One that must not be written to is not replaced either.
        let old = OpenOptions::new().write(true).open(&path)?.metadata()?;
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
        file.as_file().set_permissions(old.permissions())?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{io::Read, os::unix::fs::symlink, process::Command, thread};

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().mode() & 0o777
    }

    #[test]
    fn another_file_takes_the_place_with_its_permissions_and_behind_its_link() {
        let folder = tempfile::tempdir().unwrap();
        let (link, file) = (folder.path().join("link"), folder.path().join("file"));
        symlink("file", &link).unwrap();
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o751)).unwrap();
        let mut old = fs::File::open(&file).unwrap();
        write_whole(&link, "new").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(mode(&file), 0o751);
        let mut kept = String::new();
        old.read_to_string(&mut kept).unwrap();
        assert_eq!(kept, "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_new_file_is_as_any_other_and_has_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, other) = (folder.path().join("a/b/ours"), folder.path().join("other"));
        write_whole(&ours, "new").unwrap();
        fs::write(&other, "new").unwrap();
        assert_eq!(fs::read(&ours).unwrap(), b"new");
        assert_eq!(mode(&ours), mode(&other));
    }

    #[test]
    fn what_is_no_file_stays_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let reader = thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write_whole(&pipe, "new").unwrap();
        assert_eq!(reader.join().unwrap(), b"new");
        symlink("/dev/null", &link).unwrap();
        write_whole(&link, "new").unwrap();
        assert_eq!(fs::read(&link).unwrap(), b"");
        // A link to what is not there yet.
        fs::remove_file(&link).unwrap();
        symlink("later", &link).unwrap();
        write_whole(&link, "new").unwrap();
        assert_eq!(fs::read(folder.path().join("later")).unwrap(), b"new");
    }
}
