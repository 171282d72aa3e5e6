//! Git repositories that come to be in here: a person who later runs git in one runs what its configuration names, and
//! its hooks. So wherever a directory holds `objects` and `refs` (without both git takes it for no repository, bare or
//! not), its `config` says only what names no program, and its `hooks` are samples; whichever of these comes last is
//! looked at. git itself writes a configuration beside the old one and renames it: that is when its content is known.
//!
//! A tool that writes `config` in place (neither git nor libgit2 do) writes a draft, where somebody could be asked about it:
//! what names no program is no question.
//!
//! Absent on purpose: `git config` of what could run a program: it is refused. `config.worktree` and included files count
//! only by a key that is refused.

use std::ffi::CStr;
use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd};

use nix::dir::Dir;
use nix::errno::Errno;
use tollgate_deputy::config;
use tollgate_sys::at::{self, How, Reach};

use crate::resolve::{Object, Place, rooted, split};
use crate::standing::Kind;
use crate::{Attempt, Stop, Wall};

/// What is told in place of a glob.
const WALL: &str = "hooks and programs of git repositories";
/// No configuration that names no program is as long.
const LONGEST: u64 = 1 << 18;

/// How something comes to a name.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Coming<'a> {
    /// Made there, or opened for writing: what will be in it isn't known.
    Made(Kind),
    /// Moved there.
    Moved(&'a Place),
}

/// Whether a path's last names can matter at all.
pub(crate) fn concerns(path: &[u8]) -> bool {
    let mut names = path.rsplit(|&b| b == b'/');
    let (name, above) = (names.next().unwrap_or_default(), names.next().unwrap_or_default());
    above == b"hooks" || matches!(name, b"config" | b"objects" | b"refs" | b"hooks")
}

impl Attempt<'_> {
    /// Whether a name may come to be, or be written, as far as git is concerned.
    pub(crate) fn spares_git(&self, place: &Place, coming: Coming<'_>) -> Result<(), Stop> {
        let path = place.path();
        if !concerns(&path) || self.has_leave(&path) {
            return Ok(());
        }
        if self.is_harmless(place, coming)? { Ok(()) } else { Err(Stop::Met(Wall::Guarded(WALL.to_owned()), path)) }
    }

    /// Whether a second name may be given to something: through that it could be written.
    pub(crate) fn spares_git_link(&self, place: &Place) -> Result<(), Stop> {
        let guarded = place.bare() == b"config"
            && !self.has_leave(&place.path())
            && is_there(place.dir.as_fd(), &[c"objects", c"refs"]);
        if guarded { Err(Stop::Met(Wall::Guarded(WALL.to_owned()), place.path())) } else { Ok(()) }
    }

    /// The same for writing to something that was reached without its name.
    pub(crate) fn spares_git_object(&self, object: &Object) -> Result<(), Stop> {
        if !concerns(&object.path) {
            return Ok(());
        }
        let (above, name) = split(&object.path);
        let above = above.strip_suffix(b"/").unwrap_or_default().to_vec();
        let text = |bytes: Vec<u8>| std::ffi::CString::new(bytes).map_err(|_| Errno::EINVAL);
        let dir = at::open(self.lookup.root, &text(rooted(above.clone()))?, How::DIRECTORY, Reach::InRootPlain)?;
        let place = Place { dir, above, name: text(name.to_vec())?, object: None };
        self.spares_git(&place, Coming::Made(Kind::Other))
    }

    fn is_harmless(&self, place: &Place, coming: Coming<'_>) -> Result<bool, Errno> {
        let dir = place.dir.as_fd();
        match place.bare() {
            b"objects" => Ok(!is_there(dir, &[c"refs"]) || is_clean(dir)?),
            b"refs" => Ok(!is_there(dir, &[c"objects"]) || is_clean(dir)?),
            _ if !is_there(dir, &[c"objects", c"refs"]) => Ok(self.is_no_hook(place)),
            b"config" => match coming {
                Coming::Made(_) => Ok(false),
                Coming::Moved(from) => is_tame((from.dir.as_fd(), &bare(from)?)),
            },
            b"hooks" => match coming {
                Coming::Made(kind) => Ok(kind == Kind::Directory),
                Coming::Moved(from) => are_samples((from.dir.as_fd(), &bare(from)?)),
            },
            _ => Ok(self.is_no_hook(place)),
        }
    }

    /// Whether a name is anything but a hook of a repository.
    fn is_no_hook(&self, place: &Place) -> bool {
        let Some(repository) = place.above.strip_suffix(b"/hooks") else { return true };
        if place.bare().ends_with(b".sample") {
            return true;
        }
        let Ok(path) = std::ffi::CString::new(rooted(repository.to_vec())) else { return false };
        match at::open(self.lookup.root, &path, How::DIRECTORY, Reach::InRootPlain) {
            Ok(dir) => !is_there(dir.as_fd(), &[c"objects", c"refs"]),
            Err(_) => false,
        }
    }
}

fn bare(place: &Place) -> Result<std::ffi::CString, Errno> {
    std::ffi::CString::new(place.bare()).map_err(|_| Errno::EINVAL)
}

fn is_there(dir: BorrowedFd<'_>, names: &[&CStr]) -> bool {
    names.iter().all(|name| at::stat(dir, name).is_ok())
}

/// Whether a directory may become a repository with what is in it.
fn is_clean(dir: BorrowedFd<'_>) -> Result<bool, Errno> {
    let config = !is_there(dir, &[c"config"]) || is_tame((dir, c"config"))?;
    Ok(config && (!is_there(dir, &[c"hooks"]) || are_samples((dir, c"hooks"))?))
}

/// Whether a file is a configuration that names no program, and nobody can write into it unseen.
fn is_tame((dir, name): at::Spot<'_>) -> Result<bool, Errno> {
    let stat = at::stat(dir, name)?;
    if stat.st_mode & libc::S_IFMT != libc::S_IFREG || stat.st_nlink != 1 {
        return Ok(false);
    }
    let how = How { flags: libc::O_RDONLY | libc::O_NONBLOCK, mode: 0 };
    let file = at::open(dir, name, how, Reach::Name)?;
    if !at::has_no_writer(file.as_fd()) {
        return Ok(false);
    }
    let mut content = Vec::new();
    let read = std::fs::File::from(file).take(LONGEST + 1).read_to_end(&mut content);
    Ok(read.is_ok() && names_no_program(&content))
}

/// Whether a configuration can be read, and names no program.
pub(crate) fn names_no_program(content: &[u8]) -> bool {
    let text = std::str::from_utf8(content).ok().filter(|text| text.len() as u64 <= LONGEST);
    text.is_some_and(|text| config::parse(text).is_ok_and(|all| all.iter().all(config::Setting::names_no_program)))
}

/// Whether a wall was met for git's sake alone, by a configuration of this name.
pub(crate) fn is_configuration((wall, name): (&Wall, &[u8])) -> bool {
    name == b"config" && *wall == Wall::Guarded(WALL.to_owned())
}

/// Whether a directory holds nothing that git would run as a hook.
fn are_samples((dir, name): at::Spot<'_>) -> Result<bool, Errno> {
    let how = How { flags: libc::O_RDONLY | libc::O_DIRECTORY, mode: 0 };
    let listed = match at::open(dir, name, how, Reach::Name) {
        Err(Errno::ENOTDIR | Errno::ELOOP) => return Ok(false),
        listed => listed?,
    };
    for entry in Dir::from_fd(listed)?.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if !matches!(name, b"." | b"..") && !name.ends_with(b".sample") {
            return Ok(false);
        }
    }
    Ok(true)
}
