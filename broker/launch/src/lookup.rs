//! Roots looked up on this machine, with few calls: most of the usual ones are missing.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::Mode;

/// Looks up roots; what lies in a directory that is missing is not looked for. A root that is passed over is one grant
/// less, never one more.
#[derive(Debug, Default)]
pub(crate) struct Lookup<'a> {
    /// A path without symlinks. A root that holds it has none either: who could put one there since, in another run, would
    /// choose where this one writes.
    plain: Option<&'a Path>,
    missing: Vec<&'a Path>,
    /// Directories that are there although a root in them is not.
    there: Vec<&'a Path>,
    /// Kept open until all is done: nobody waits for their closing then.
    kept: Vec<OwnedFd>,
}

impl<'a> Lookup<'a> {
    pub(crate) fn with_plain(path: &'a Path) -> Self {
        Self { plain: Some(path), ..Self::default() }
    }

    pub(crate) fn object(&mut self, path: &'a Path) -> io::Result<Option<OwnedFd>> {
        if self.missing.iter().any(|above| lies_in(path, above)) {
            return Ok(None);
        }
        let found = self.open(path)?;
        if let (None, Some(parent)) = (&found, path.parent())
            && !self.there.iter().any(|known| known.as_os_str() == parent.as_os_str())
        {
            let known = if self.open(parent)?.is_some() { &mut self.there } else { &mut self.missing };
            known.push(parent);
        }
        Ok(found)
    }

    /// What is done with, but need not be closed at once.
    pub(crate) fn keep(&mut self, object: OwnedFd) {
        self.kept.push(object);
    }

    /// The object at a root; none if there is none, or none that the caller could reach either.
    fn open(&mut self, path: &Path) -> io::Result<Option<OwnedFd>> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let is_plain = self.plain.is_some_and(|plain| lies_in(plain, path));
        loop {
            let opened = if is_plain {
                openat2(AT_FDCWD, path, OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_NO_SYMLINKS))
            } else {
                open(path, flags, Mode::empty())
            };
            match opened {
                Ok(object) => return Ok(Some(object)),
                Err(nix::Error::ENOENT | nix::Error::ENOTDIR | nix::Error::EACCES | nix::Error::ELOOP) => {
                    return Ok(None);
                }
                Err(nix::Error::EMFILE) if !self.kept.is_empty() => self.kept.clear(),
                Err(other) => return Err(other.into()),
            }
        }
    }
}

/// Whether a path is that directory or beneath it. By bytes: both are normalised, and a path compares by component.
pub(crate) fn lies_in(path: &Path, directory: &Path) -> bool {
    let rest = path.as_os_str().as_bytes().strip_prefix(directory.as_os_str().as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::Lookup;
    use std::fs;
    use std::path::PathBuf;

    #[test]
    fn a_symlink_that_came_since_is_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        fs::create_dir_all(real.join("victim/work")).unwrap();
        std::os::unix::fs::symlink("victim", real.join("root")).unwrap();
        let (root, work) = (real.join("root"), real.join("root/work"));
        assert!(Lookup::default().object(&root).unwrap().is_some());
        assert!(Lookup::with_plain(&work).object(&root).unwrap().is_none());
        assert!(Lookup::with_plain(&work).object(&work).unwrap().is_none());
        assert!(Lookup::with_plain(&real.join("victim/work")).object(&real.join("victim")).unwrap().is_some());
    }

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
}
