//! The run's private temp directory: named before anything else, made and removed by the guard.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::fcntl::{OFlag, open, openat, renameat};
use nix::sys::stat::{FchmodatFlags, Mode, fchmod, fchmodat};
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::fault::{LaunchError, Step};

/// So many directories are open at once while a tree is removed.
const DEEPEST: usize = 128;

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
    let _gone_or_stays = tree(parent, name);
}

fn tree(parent: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    if unlinkat(parent, name, UnlinkatFlags::RemoveDir).is_ok() {
        return Ok(()); // empty already: the usual case
    }
    let top = open_directory(parent, name)?;
    let mut raised = 0;
    loop {
        let before = raised;
        empty(&top, (&top, &mut raised), 0)?;
        if raised == before {
            return Ok(unlinkat(parent, name, UnlinkatFlags::RemoveDir)?);
        }
    }
}

/// Empties a directory. What lies too deep is raised to the top, for the next round.
fn empty(directory: &OwnedFd, (top, raised): (&OwnedFd, &mut u64), depth: usize) -> io::Result<()> {
    for inner in names(directory)? {
        if unlinkat(directory, inner.as_c_str(), UnlinkatFlags::NoRemoveDir).is_ok()
            || unlinkat(directory, inner.as_c_str(), UnlinkatFlags::RemoveDir).is_ok()
        {
            continue;
        }
        let below = open_directory(directory.as_fd(), &inner)?;
        if depth >= DEEPEST {
            drop(below); // opened so that it may be moved
            raise(directory, &inner, (top, raised))?;
        } else {
            empty(&below, (top, &mut *raised), depth + 1)?;
            unlinkat(directory, inner.as_c_str(), UnlinkatFlags::RemoveDir)?;
        }
    }
    Ok(())
}

/// Moves a directory to the top, under a name that is free.
fn raise(directory: &OwnedFd, name: &CStr, (top, raised): (&OwnedFd, &mut u64)) -> io::Result<()> {
    loop {
        *raised += 1;
        let free = CString::new(format!(".tollgate-deep-{raised}"))?;
        match renameat(directory, name, top, free.as_c_str()) {
            Err(nix::Error::ENOTEMPTY | nix::Error::EEXIST | nix::Error::ENOTDIR) => {}
            done => return Ok(done?),
        }
    }
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

    #[test]
    fn a_tree_of_any_depth_goes() {
        let outside = tempfile::tempdir().unwrap();
        let temp = PrivateTemp::choose(outside.path()).unwrap();
        let (parent, name) = temp.place();
        fs::create_dir(temp.path()).unwrap();
        fs::create_dir(temp.path().join(".tollgate-deep-1")).unwrap();
        fs::write(temp.path().join(".tollgate-deep-1/x"), "x").unwrap();
        // Deeper than any path can name.
        let mut at = super::open_directory(parent, name).unwrap();
        for depth in 0..1500 {
            nix::sys::stat::mkdirat(&at, c"deeper", nix::sys::stat::Mode::S_IRWXU).unwrap();
            if depth % 100 == 0 {
                nix::sys::stat::mkdirat(&at, c"beside", nix::sys::stat::Mode::S_IRWXU).unwrap();
            }
            at = super::open_directory(std::os::fd::AsFd::as_fd(&at), c"deeper").unwrap();
        }
        drop(at);
        remove(parent, name);
        assert!(!temp.path().exists());
    }
}
