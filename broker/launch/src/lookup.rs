//! Roots looked up on this machine, with few calls: most of the usual ones are missing.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::dir::Dir;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;

/// Looks up roots. A directory in which two are missing is listed: what it does not hold is not looked for. A root that is
/// passed over is one grant less, never one more.
#[derive(Debug, Default)]
pub(crate) struct Lookup<'a> {
    /// Directories that are missing.
    missing: Vec<&'a Path>,
    /// Directories that are there, and the names in them, in order; none if they are not known.
    there: Vec<(&'a Path, Option<Vec<CString>>)>,
    /// Directories in which a root was not found.
    doubtful: Vec<&'a Path>,
}

/// Directories with more entries are not listed.
const MOST_NAMES: usize = 1000;

impl<'a> Lookup<'a> {
    pub(crate) fn object(&mut self, path: &'a Path) -> io::Result<Option<OwnedFd>> {
        let Some((parent, name)) = path.parent().zip(path.file_name()) else { return object(path) };
        if self.missing.iter().any(|above| lies_in(path, above)) || self.lacks(parent, name) {
            return Ok(None);
        }
        let found = object(path)?;
        if found.is_none() && !self.there.iter().any(|(known, _)| same(known, parent)) {
            if self.doubtful.iter().any(|known| same(known, parent)) {
                self.list(parent);
            } else {
                self.doubtful.push(parent);
            }
        }
        Ok(found)
    }

    fn lacks(&self, parent: &Path, name: &OsStr) -> bool {
        let known = self.there.iter().rev().find(|(known, _)| same(known, parent));
        let names = known.and_then(|(_, names)| names.as_ref());
        names.is_some_and(|names| names.binary_search_by(|known| known.as_bytes().cmp(name.as_bytes())).is_err())
    }

    fn list(&mut self, directory: &'a Path) {
        match Dir::open(directory, OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()) {
            Ok(mut listing) => {
                let entries = listing.iter().take(MOST_NAMES + 1);
                let names: Result<Vec<CString>, _> =
                    entries.map(|entry| entry.map(|entry| entry.file_name().to_owned())).collect();
                let mut names = names.ok().filter(|names| names.len() <= MOST_NAMES);
                if let Some(names) = &mut names {
                    names.sort_unstable();
                }
                self.there.push((directory, names));
            }
            Err(nix::Error::ENOENT | nix::Error::ENOTDIR) => self.missing.push(directory),
            Err(_) => self.there.push((directory, None)), // it may be passed through all the same
        }
    }
}

/// Whether a path is that directory or beneath it. By bytes: both are normalised, and a path compares by component.
pub(crate) fn lies_in(path: &Path, directory: &Path) -> bool {
    let rest = path.as_os_str().as_bytes().strip_prefix(directory.as_os_str().as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// By bytes, as above.
fn same(one: &Path, other: &Path) -> bool {
    one.as_os_str() == other.as_os_str()
}

/// The object at a root; none if there is none, or none that the caller could reach either.
fn object(path: &Path) -> io::Result<Option<OwnedFd>> {
    match open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(object) => Ok(Some(object)),
        Err(nix::Error::ENOENT | nix::Error::ENOTDIR | nix::Error::EACCES | nix::Error::ELOOP) => Ok(None),
        Err(other) => Err(other.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::Lookup;
    use std::fs;
    use std::path::PathBuf;

    #[test]
    fn a_root_is_found_whatever_was_missing_before() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("there/inner")).unwrap();
        fs::write(dir.path().join("there/file"), "x").unwrap();
        std::os::unix::fs::symlink("file", dir.path().join("there/link")).unwrap();
        let cases = [
            ("there/a", false),
            ("there/b", false),
            ("there/c", false),
            ("there/file", true),
            ("there/link", true),
            ("there/inner", true),
            ("there/z", false),
            ("there/file/x", false),
            ("there/file/y", false),
            ("gone/a", false),
            ("gone/b", false),
            ("gone/c/d", false),
            ("gone-not", false),
            ("there", true),
        ];
        let paths: Vec<(PathBuf, bool)> = cases.iter().map(|(path, is)| (dir.path().join(path), *is)).collect();
        let mut lookup = Lookup::default();
        for (path, is) in &paths {
            assert_eq!(lookup.object(path).unwrap().is_some(), *is, "{}", path.display());
        }
    }

    #[test]
    fn a_directory_that_is_too_full_is_not_listed() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..=super::MOST_NAMES {
            fs::write(dir.path().join(n.to_string()), "").unwrap();
        }
        let paths: Vec<PathBuf> = ["a", "b", "c", "7", "1000"].map(|name| dir.path().join(name)).into();
        let mut lookup = Lookup::default();
        let found: Vec<bool> = paths.iter().map(|path| lookup.object(path).unwrap().is_some()).collect();
        assert_eq!(found, [false, false, false, true, true]);
    }
}
