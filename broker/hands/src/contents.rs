//! What a directory brings along or takes away when it is renamed: a tree prepared under a harmless name must not
//! become a guarded one, and a guarded one must not leave its name, be changed and come back.

use std::ffi::CString;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use nix::dir::Dir;
use nix::errno::Errno;
use tollgate_sys::at::{self, How, Reach, Spot};

use crate::guard::{Guarded, Guards, Trail};

/// How many names are looked at. A tree with more, under globs that could be anywhere in it, stays where it is.
const MOST: usize = 200_000;

/// A directory to be looked through, and where the machine stands there.
struct Pending(OwnedFd, Trail);

/// The glob that guards something in the directory `name`, if the directory stood where `trail` is; none where
/// nothing in it is guarded.
///
/// # Errors
/// `EBUSY` for a tree that is too large to be looked through, or what opening and listing say.
pub(crate) fn guarded((dir, name): Spot<'_>, trail: Trail, guards: &Guards) -> Result<Option<usize>, Errno> {
    let mut left = MOST;
    let mut pending = vec![Pending(at::open(dir, name, How::DIRECTORY, Reach::Name)?, trail)];
    while let Some(Pending(directory, trail)) = pending.pop() {
        for name in names(directory.as_fd(), &trail, guards)? {
            left = left.checked_sub(1).ok_or(Errno::EBUSY)?;
            match guards.step(&trail, name.to_bytes()) {
                Guarded::Free => {}
                Guarded::By(glob) => return Ok(Some(glob)),
                Guarded::Above(above) => match at::open(directory.as_fd(), &name, How::DIRECTORY, Reach::Name) {
                    Ok(inner) => pending.push(Pending(inner, above.trail)),
                    Err(Errno::ENOTDIR | Errno::ELOOP) if !above.named => {}
                    // a file or a symlink in place of what is guarded
                    Err(Errno::ENOTDIR | Errno::ELOOP) => return Ok(Some(guards.beneath(&above.trail))),
                    Err(errno) => return Err(errno),
                },
            }
        }
    }
    Ok(None)
}

/// The names in a directory that matter.
fn names(directory: BorrowedFd<'_>, trail: &Trail, guards: &Guards) -> Result<Vec<CString>, Errno> {
    if let Some(names) = guards.names(trail) {
        let exists = |name: &CString| at::stat(directory, name).is_ok();
        let texts = names.into_iter().filter_map(|name| CString::new(name).ok());
        return Ok(texts.filter(exists).collect());
    }
    let how = How { flags: libc::O_RDONLY | libc::O_DIRECTORY, mode: 0 };
    let listed = at::open(directory, c".", how, Reach::Name)?;
    let mut out = Vec::new();
    for entry in Dir::from_fd(listed)?.iter() {
        let name = entry?.file_name().to_owned();
        if !matches!(name.to_bytes(), b"." | b"..") {
            out.push(name);
            if out.len() > MOST {
                return Err(Errno::EBUSY);
            }
        }
    }
    Ok(out)
}
