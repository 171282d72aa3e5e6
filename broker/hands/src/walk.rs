//! The slow way through a path, name by name, as `path_resolution(7)` has it: for starts that no path leads to, for
//! the magic links of `/proc`, which mean the caller and not us, and for the errno of a path that leads nowhere.

use std::ffi::CString;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::statfs::{PROC_SUPER_MAGIC, fstatfs};
use tollgate_sys::at::{self, How, Reach};

use crate::call::Base;
use crate::caller::Callers;
use crate::resolve::{LINKS, Lookup, Start, is_proc};

/// A name and a handle on the link that stands there.
pub(crate) type Link<'a> = (&'a OwnedFd, &'a [u8]);
/// A directory and its true path.
type Directory<'a> = (BorrowedFd<'a>, &'a [u8]);

/// The directory that a path leads to.
pub(crate) fn directory(lookup: &mut Lookup<'_>, start: Start<'_>, path: &[u8]) -> Result<OwnedFd, Errno> {
    let mut at = match start {
        _ if path.starts_with(b"/") => clone(lookup.root)?,
        Start::Held(dir, _) => clone(dir)?,
        Start::Base(base) => lookup.callers.object(lookup.tid, base)?,
    };
    let mut left = names(path);
    let mut links = 0;
    loop {
        if !is_directory(at.as_fd())? {
            return Err(Errno::ENOTDIR);
        }
        let Some(name) = left.pop() else { return Ok(at) };
        if name == b".." {
            at = above(lookup.root, at)?;
            continue;
        }
        let text = CString::new(name.clone()).map_err(|_| Errno::EINVAL)?;
        let next = at::open(at.as_fd(), &text, How::HANDLE, Reach::Name)?;
        if at::stat(next.as_fd(), c"")?.st_mode & libc::S_IFMT != libc::S_IFLNK {
            at = next;
            continue;
        }
        links += 1;
        if links > LINKS {
            return Err(Errno::ELOOP);
        }
        let above = at::name_of(at.as_fd())?;
        if let Some(object) = magic(lookup, (at.as_fd(), &above), (&next, &name))? {
            at = object;
            continue;
        }
        let target = target(lookup, (at.as_fd(), &above), (&next, &name))?;
        if target.starts_with(b"/") {
            at = clone(lookup.root)?;
        }
        left.append(&mut names(&target));
    }
}

/// The names of a path, the first one last.
fn names(path: &[u8]) -> Vec<Vec<u8>> {
    let names = path.split(|&b| b == b'/').filter(|name| !matches!(*name, b"" | b"."));
    names.rev().map(<[u8]>::to_vec).collect()
}

fn clone(fd: BorrowedFd<'_>) -> Result<OwnedFd, Errno> {
    fd.try_clone_to_owned().map_err(|err| Errno::from_raw(err.raw_os_error().unwrap_or(libc::EMFILE)))
}

fn is_directory(fd: BorrowedFd<'_>) -> Result<bool, Errno> {
    Ok(at::stat(fd, c"")?.st_mode & libc::S_IFMT == libc::S_IFDIR)
}

fn above(root: BorrowedFd<'_>, at: OwnedFd) -> Result<OwnedFd, Errno> {
    let (here, top) = (at::stat(at.as_fd(), c"")?, at::stat(root, c"")?);
    if (here.st_dev, here.st_ino) == (top.st_dev, top.st_ino) {
        return Ok(at);
    }
    nix::fcntl::openat(
        &at,
        "..",
        nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    )
}

/// Whether something is in a `/proc`: there the text of a link means nothing, and what is read hangs on who reads.
pub(crate) fn in_proc(link: &OwnedFd) -> Result<bool, Errno> {
    Ok(fstatfs(link)?.filesystem_type() == PROC_SUPER_MAGIC)
}

/// The object that a magic link leads the caller to; none for a link that is an ordinary one.
///
/// Only the caller's own are followed: its descriptors, its directory, its root. What other processes have open is
/// `EACCES`, as Landlock answers for processes outside its domain.
pub(crate) fn magic(
    lookup: &mut Lookup<'_>,
    (_, above): Directory<'_>,
    (link, name): Link<'_>,
) -> Result<Option<OwnedFd>, Errno> {
    if !is_proc(above) || above == b"/proc" || !in_proc(link)? {
        return Ok(None);
    }
    let (process, thread) = Callers::own_ids(lookup.tid)?;
    let text = std::str::from_utf8(above).map_err(|_| Errno::EACCES)?;
    let own = [format!("/proc/{process}"), format!("/proc/{process}/task/{thread}")];
    let Some(rest) = own.iter().rev().find_map(|own| text.strip_prefix(own.as_str())) else {
        return Err(Errno::EACCES);
    };
    let number = || std::str::from_utf8(name).ok().and_then(|name| name.parse().ok());
    match (rest, name) {
        ("/fd", _) => lookup.callers.descriptor(lookup.tid, number().ok_or(Errno::ENOENT)?).map(Some),
        ("", b"cwd") => lookup.callers.object(lookup.tid, Base::Cwd).map(Some),
        ("", b"root") => clone(lookup.root).map(Some),
        _ => Err(Errno::EACCES),
    }
}

/// The text of an ordinary link; `self` and `thread-self` of `/proc` as the caller reads them.
pub(crate) fn target(
    lookup: &mut Lookup<'_>,
    (_, above): Directory<'_>,
    (link, name): Link<'_>,
) -> Result<Vec<u8>, Errno> {
    if above == b"/proc" && in_proc(link)? {
        let (process, thread) = Callers::own_ids(lookup.tid)?;
        return match name {
            b"self" => Ok(process.to_string().into_bytes()),
            b"thread-self" => Ok(format!("{process}/task/{thread}").into_bytes()),
            _ => at::read_link(link.as_fd(), c""), // `mounts`, `net`: through `self`
        };
    }
    at::read_link(link.as_fd(), c"")
}
