//! Files that are written whole or not at all: beside their place first, then put there by one `rename(2)`.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::Path;

use nix::libc::O_NOFOLLOW;

/// Makes a file that is not there yet, with this mode (less the umask), and waits until it is on the disk.
///
/// # Errors
/// What `open(2)`, `write(2)` or `fsync(2)` says.
pub(crate) fn create(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let mut file = fresh(path, mode)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Puts a file in place, with the mode and owner of the one that it replaces; with this mode if there is none.
///
/// # Errors
/// As [`create`] and `rename(2)`; then all is as it was.
pub(crate) fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let new = path.with_file_name(format!(".{name}.tollgate-{}", std::process::id()));
    // what is there already is somebody else's, and stays
    let mut file = fresh(&new, mode)?;
    file.write_all(bytes)
        .and_then(|()| path.metadata().map_or(Ok(()), |before| take_after(&file, &before)))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&new, path))
        .inspect_err(|_| drop(fs::remove_file(&new)))
}

fn fresh(path: &Path, mode: u32) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(mode).custom_flags(O_NOFOLLOW).open(path)
}

/// On the file itself: its name may lead elsewhere by now, in a folder that others write.
fn take_after(file: &File, before: &fs::Metadata) -> io::Result<()> {
    // Only root can, and only root has to.
    fchown(file, Some(before.uid()), Some(before.gid())).ok();
    file.set_permissions(Permissions::from_mode(before.mode() & 0o7777))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop where it is wrong")]
    use super::*;

    #[test]
    fn what_is_replaced_hands_on_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        replace(&file, b"one", 0o600).unwrap();
        assert_eq!(file.metadata().unwrap().mode() & 0o7777, 0o600);
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        replace(&file, b"two", 0o600).unwrap();
        assert_eq!((fs::read(&file).unwrap(), file.metadata().unwrap().mode() & 0o7777), (b"two".to_vec(), 0o640));
    }

    #[test]
    fn a_failure_leaves_all_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("folder");
        fs::create_dir(&place).unwrap();
        assert!(replace(&place, b"one", 0o600).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_stands_in_the_way_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let others = folder.path().join(format!(".file.tollgate-{}", std::process::id()));
        fs::write(&others, "theirs").unwrap();
        assert!(replace(&file, b"one", 0o600).is_err());
        assert_eq!((fs::read(&others).unwrap(), file.exists()), (b"theirs".to_vec(), false));
    }
}
