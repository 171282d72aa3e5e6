//! The run's private temp directory: named before anything else, made and removed by the guard.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::fault::{LaunchError, Step};

/// How deep a tree is removed; what is built deeper on purpose stays.
const DEEPEST: usize = 256;

/// A directory that only this run uses, mode 0700: a name at first, made and removed by the guard.
#[derive(Debug)]
pub struct PrivateTemp {
    path: PathBuf,
    name: CString,
    parent: OwnedFd,
}

impl PrivateTemp {
    /// Chooses one in `parent` (absolute): the caller's `TMPDIR`, or `/tmp`.
    ///
    /// # Errors
    /// [`LaunchError::Step`] with [`Step::Temp`].
    pub fn choose(parent: &Path) -> Result<Self, LaunchError> {
        let fault = |error: io::Error| LaunchError::Step(Step::Temp, error);
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let held = open(parent, flags, Mode::empty()).map_err(|errno| fault(errno.into()))?;
        let name = format!("tollgate-{:016x}", tollgate_sys::random::number().map_err(fault)?);
        let path = parent.join(&name);
        let name = CString::new(name).map_err(|_| LaunchError::Nul("the temp directory"))?;
        Ok(Self { path, name, parent: held })
    }

    /// Where it is, seen from outside the boundary. Inside a mount namespace it is `/tmp` and `/var/tmp`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that it is in, and its name there.
    pub(crate) fn place(&self) -> (BorrowedFd<'_>, &CStr) {
        (self.parent.as_fd(), &self.name)
    }
}

/// Removes `name` in `parent` with all in it, never following a link. What can't be removed stays; there is nobody to
/// tell.
pub(crate) fn remove(parent: BorrowedFd<'_>, name: &CStr) {
    let _gone_or_stays = tree(parent, name, 0);
}

fn tree(parent: BorrowedFd<'_>, name: &CStr, depth: usize) -> io::Result<()> {
    if unlinkat(parent, name, UnlinkatFlags::RemoveDir).is_ok() {
        return Ok(()); // empty already: the usual case
    }
    if depth > DEEPEST {
        return Err(io::Error::from_raw_os_error(libc::ELOOP));
    }
    let directory = open_directory(parent, name)?;
    for inner in names(&directory)? {
        if unlinkat(&directory, inner.as_c_str(), UnlinkatFlags::NoRemoveDir).is_err() {
            tree(directory.as_fd(), &inner, depth + 1)?;
        }
    }
    Ok(unlinkat(parent, name, UnlinkatFlags::RemoveDir)?)
}

/// Opens a directory and makes it ours to empty (module caches take the right to write from their own directories).
fn open_directory(parent: BorrowedFd<'_>, name: &CStr) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = match openat(parent, name, flags, Mode::empty()) {
        Err(nix::Error::EACCES) => {
            // A symlink would have been ELOOP or ENOTDIR: this is a directory, and nobody is left to exchange it.
            fchmodat(parent, name, Mode::S_IRWXU, FchmodatFlags::FollowSymlink)?;
            openat(parent, name, flags, Mode::empty())?
        }
        other => other?,
    };
    fchmod(&directory, Mode::S_IRWXU)?;
    Ok(directory)
}

fn names(directory: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut reader = Dir::from_fd(directory.try_clone()?)?;
    let names = reader.iter().flatten().map(|entry| entry.file_name().to_owned());
    Ok(names.filter(|name| name.as_c_str() != c"." && name.as_c_str() != c"..").collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{PrivateTemp, remove};
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn it_goes_with_all_in_it_but_not_what_links_lead_to() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("keep"), "x").unwrap();
        let temp = PrivateTemp::choose(outside.path()).unwrap();
        let root = temp.path().to_owned();
        assert!(!root.exists());
        fs::create_dir_all(root.join("a/b/c")).unwrap();
        fs::write(root.join("a/b/c/file"), "x").unwrap();
        symlink(outside.path(), root.join("a/link")).unwrap();
        symlink("/nowhere", root.join("dangling")).unwrap();
        fs::set_permissions(root.join("a/b/c"), Permissions::from_mode(0o555)).unwrap();
        fs::set_permissions(root.join("a/b"), Permissions::from_mode(0o000)).unwrap();
        let (parent, name) = temp.place();
        remove(parent, name);
        assert!(!root.exists());
        assert!(outside.path().join("keep").exists());
    }
}
