//! What a path means to its caller, found without letting go: a directory held by descriptor, its true path, and the
//! last name in it. Three ways, the cheapest first: the path taken by its word where no symlink is on it; looked up by
//! the kernel beneath the sandbox's root, and the true path read back; walked by hand (`walk`).

use std::ffi::CString;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use tollgate_sys::at::{self, How, Reach};

use crate::call::{Base, Last, Spot};
use crate::caller::Callers;
use crate::walk;

/// As many symlinks as the kernel follows (`MAXSYMLINKS`).
pub(crate) const LINKS: u32 = 40;
/// What the kernel appends to the name of a directory that is gone.
const GONE: &[u8] = b" (deleted)";

/// A name in a directory.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) dir: OwnedFd,
    /// The directory's true path, without a slash at its end: empty for the root.
    pub(crate) above: Vec<u8>,
    /// The name, as it goes to the kernel: slashes at its end included.
    pub(crate) name: CString,
    /// What was found there, where it was looked at.
    pub(crate) object: Option<(OwnedFd, libc::stat)>,
}

/// An object that a magic link of `/proc`, or a descriptor, led to.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) handle: OwnedFd,
    /// What the kernel calls it: a true path, or no path at all (`pipe:[1]`).
    pub(crate) path: Vec<u8>,
}

impl Object {
    pub(crate) fn is_no_path(&self) -> Result<bool, Errno> {
        is_no_path(self.handle.as_fd(), &self.path)
    }
}

/// What a path means.
#[derive(Debug)]
pub(crate) enum Found {
    Place(Place),
    Object(Object),
}

/// Where a lookup starts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start<'a> {
    Base(Base),
    Held(BorrowedFd<'a>, &'a [u8]),
}

impl Place {
    /// The true path of the name.
    pub(crate) fn path(&self) -> Vec<u8> {
        join(&self.above, self.bare())
    }

    /// The name without slashes.
    pub(crate) fn bare(&self) -> &[u8] {
        let name = self.name.to_bytes();
        let end = name.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
        name.get(..end).unwrap_or_default()
    }

    /// Whether slashes follow the name: it must be a directory.
    pub(crate) fn has_slash(&self) -> bool {
        self.bare().len() != self.name.to_bytes().len()
    }

    /// Whether it is no name at all but `.` or `..`: the kernel makes, removes and renames none such.
    pub(crate) fn is_dots(&self) -> bool {
        is_dots(self.bare())
    }
}

fn is_dots(name: &[u8]) -> bool {
    matches!(name, b"" | b"." | b"..")
}

fn join(above: &[u8], name: &[u8]) -> Vec<u8> {
    [above, b"/", name].concat()
}

fn text(bytes: Vec<u8>) -> Result<CString, Errno> {
    CString::new(bytes).map_err(|_| Errno::EINVAL)
}

/// A path as the directory's part, and the last name with its slashes.
pub(crate) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().rposition(|&b| b != b'/').map_or(0, |at| at + 1);
    let start = path.get(..end).unwrap_or_default().iter().rposition(|&b| b == b'/').map_or(0, |at| at + 1);
    path.split_at(start)
}

/// The path by its word: absolute, without `.` and doubled slashes; none where `..` is in it.
fn by_word(base: &[u8], path: &[u8]) -> Option<Vec<u8>> {
    let mut out = if path.starts_with(b"/") || base == b"/" { Vec::new() } else { base.to_vec() };
    for part in path.split(|&b| b == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return None,
            name => {
                out.push(b'/');
                out.extend_from_slice(name);
            }
        }
    }
    Some(out)
}

/// Looks paths up as one thread of the sandbox would.
#[derive(Debug)]
pub(crate) struct Lookup<'a> {
    pub(crate) root: BorrowedFd<'a>,
    pub(crate) callers: &'a mut Callers,
    pub(crate) tid: i32,
}

impl Lookup<'_> {
    /// The true path that a path has if no symlink is on it: what is then opened with [`Reach::InRootPlain`] is at
    /// that path or is not opened. None where the word alone doesn't tell.
    pub(crate) fn word(&mut self, at: &Spot) -> Result<Option<Vec<u8>>, Errno> {
        let path = at.path.to_bytes();
        if path.is_empty() || path.ends_with(b"/") || path.ends_with(b"/.") || path == b"." {
            return Ok(None);
        }
        let base = if path.starts_with(b"/") { Vec::new() } else { self.callers.name_of(self.tid, at.base)? };
        if !path.starts_with(b"/") && (!base.starts_with(b"/") || base.ends_with(GONE)) {
            return Ok(None);
        }
        Ok(by_word(&base, path))
    }

    /// What a path means. Where the last name is followed and is missing, it is the place that is still missing it.
    pub(crate) fn find(&mut self, at: &Spot, last: Last) -> Result<Found, Errno> {
        if at.path.is_empty() {
            return Err(Errno::ENOENT);
        }
        let mut place = self.place(Start::Base(at.base), at.path.to_bytes())?;
        for _ in 0..=LINKS {
            if place.is_dots() {
                if last == Last::Itself {
                    return Ok(Found::Place(place));
                }
                let (dir, above) = self.directory(Start::Held(place.dir.as_fd(), &place.above), place.bare())?;
                return Ok(Found::Object(Object { handle: dir, path: rooted(above) }));
            }
            if last == Last::Itself {
                return Ok(Found::Place(place));
            }
            let bare = text(place.bare().to_vec())?;
            let Ok(handle) = at::open(place.dir.as_fd(), &bare, How::HANDLE, Reach::Name) else {
                return Ok(Found::Place(place));
            };
            let stat = at::stat(handle.as_fd(), c"")?;
            if stat.st_mode & libc::S_IFMT != libc::S_IFLNK {
                place.object = Some((handle, stat));
                return Ok(Found::Place(place));
            }
            if let Some(handle) = walk::magic(self, (place.dir.as_fd(), &place.above), (&handle, bare.to_bytes()))? {
                let path = self.name_of(handle.as_fd())?;
                return Ok(Found::Object(Object { handle, path }));
            }
            may_follow(place.dir.as_fd(), &stat)?;
            let mut target = walk::target(self, (place.dir.as_fd(), &place.above), (&handle, bare.to_bytes()))?;
            if place.has_slash() {
                target.push(b'/');
            }
            place = self.place(Start::Held(place.dir.as_fd(), &place.above), &target)?;
        }
        Err(Errno::ELOOP)
    }

    fn place(&mut self, start: Start<'_>, path: &[u8]) -> Result<Place, Errno> {
        let (directory, name) = split(path);
        let name = if name.is_empty() { b"." } else { name };
        let (dir, above) = self.directory(start, directory)?;
        Ok(Place { dir, above, name: text(name.to_vec())?, object: None })
    }

    /// A directory, and its true path without a slash at its end.
    pub(crate) fn directory(&mut self, start: Start<'_>, path: &[u8]) -> Result<(OwnedFd, Vec<u8>), Errno> {
        let base = match start {
            _ if path.starts_with(b"/") => Vec::new(),
            Start::Base(base) => self.callers.name_of(self.tid, base)?,
            Start::Held(_, above) => above.to_vec(),
        };
        if base.is_empty() || (base.starts_with(b"/") && !base.ends_with(GONE)) {
            if let Some(word) = by_word(&base, path)
                && let Ok(dir) = at::open(self.root, &text(rooted(word.clone()))?, How::DIRECTORY, Reach::InRootPlain)
                && !is_proc(&word)
            {
                return Ok((dir, word));
            }
            if let Ok(dir) = at::open(self.root, &text(join(&base, path))?, How::DIRECTORY, Reach::InRoot) {
                let above = unrooted(at::name_of(dir.as_fd())?);
                if above.first().is_none_or(|&b| b == b'/') && !is_proc(&above) {
                    return Ok((dir, above));
                }
            }
        }
        let dir = walk::directory(self, start, path)?;
        let above = unrooted(self.name_of(dir.as_fd())?);
        Ok((dir, above))
    }

    /// The true path of what a descriptor of the caller's led to. One that was handed in from outside may lie where the
    /// sandbox has something else by that path: then it is told by a path that nothing inside has.
    pub(crate) fn name_of(&self, object: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
        let path = at::name_of(object)?;
        if is_no_path(object, &path)? || is_proc(&path) || self.is_inside(object, &path) {
            return Ok(path);
        }
        Ok([FOREIGN, &path].concat())
    }

    /// Whether what has this path lies in the sandbox's own tree: on the mount that is there, or beneath it if it is gone.
    fn is_inside(&self, object: BorrowedFd<'_>, path: &[u8]) -> bool {
        let Ok(mount) = at::mount_of(object, c"") else { return false };
        let is_on = |path: &[u8]| {
            let there = text(path.to_vec()).and_then(|path| at::open(self.root, &path, How::HANDLE, Reach::InRoot));
            there.is_ok_and(|there| at::mount_of(there.as_fd(), c"") == Ok(mount))
        };
        is_on(path) || is_on(split(path).0)
    }
}

/// Whether what the kernel calls an object is no path: pipes, sockets, memory files have no place in any tree.
pub(crate) fn is_no_path(object: BorrowedFd<'_>, path: &[u8]) -> Result<bool, Errno> {
    Ok(!path.starts_with(b"/") || path.starts_with(b"/memfd:") && at::stat(object, c"")?.st_nlink == 0)
}

/// Before the path of what lies outside of the sandbox's tree. No root is in a `/proc`, and nothing may be written there.
const FOREIGN: &[u8] = b"/proc/outside";

pub(crate) fn is_foreign(path: &[u8]) -> bool {
    path.strip_prefix(FOREIGN).is_some_and(|rest| rest.starts_with(b"/"))
}

/// In `/proc` the kernel would show us to ourselves where the caller is meant.
pub(crate) fn is_proc(path: &[u8]) -> bool {
    path.strip_prefix(b"/proc").is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

/// `/` for the empty path.
pub(crate) fn rooted(path: Vec<u8>) -> Vec<u8> {
    if path.is_empty() { vec![b'/'] } else { path }
}

fn unrooted(path: Vec<u8>) -> Vec<u8> {
    if path == b"/" { Vec::new() } else { path }
}

/// The rule of `fs.protected_symlinks` for a link at the end of a path, which is followed here and not by the kernel.
fn may_follow(dir: BorrowedFd<'_>, link: &libc::stat) -> Result<(), Errno> {
    let above = at::stat(dir, c"")?;
    let shared = above.st_mode & 0o1002 == 0o1002;
    let own = link.st_uid == nix::unistd::geteuid().as_raw() || link.st_uid == above.st_uid;
    if shared && !own && protected_symlinks() { Err(Errno::EACCES) } else { Ok(()) }
}

fn protected_symlinks() -> bool {
    std::fs::read("/proc/sys/fs/protected_symlinks").is_ok_and(|text| text.starts_with(b"1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_split() {
        for (path, dir, name) in [
            ("a", "", "a"),
            ("/a", "/", "a"),
            ("a/b//", "a/", "b//"),
            ("/", "", "/"),
            ("a//b", "a//", "b"),
            ("..", "", ".."),
        ] {
            assert_eq!(split(path.as_bytes()), (dir.as_bytes(), name.as_bytes()), "{path}");
        }
    }

    #[test]
    fn words_are_taken_where_they_tell() {
        for (base, path, word) in [
            ("/w", "a", Some("/w/a")),
            ("/w", "./a//b/.", Some("/w/a/b")),
            ("/w", "/a", Some("/a")),
            ("/", "a", Some("/a")),
            ("/w", "a/../b", None),
        ] {
            let expected = word.map(|word| word.as_bytes().to_vec());
            assert_eq!(by_word(base.as_bytes(), path.as_bytes()), expected, "{base} {path}");
        }
    }
}
