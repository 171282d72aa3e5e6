//! Looking without reading: a handle that opens nothing (`O_PATH`), a working directory, a watch on names. Landlock
//! governs none of them. They may reach what some root covers, and the folders above roots; not their neighbours.

use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use tollgate_sys::at::{self, How, Reach};
use tollgate_sys::notify::CloseOnExec;

use crate::call::{Last, Spot};
use crate::resolve::Found;
use crate::{Attempt, Given, Stop};

/// What is to come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// A handle, opened with these flags: made here.
    Handle(i32),
    /// The kernel goes on. What another thread could change about it meanwhile shows it a name, and nothing more.
    Proceed,
}

impl Attempt<'_> {
    pub(crate) fn look(&mut self, at: &Spot, last: Last, then: Then) -> Result<Given, Stop> {
        let object = self.seen(at, last)?;
        self.still()?;
        let name = at::name_of(object.as_fd())?;
        // what has no path in the tree was handed to the caller by its own descriptors
        if name.starts_with(b"/") && !self.standing.shows(&name) {
            return Err(Stop::Fails(Errno::EACCES));
        }
        match then {
            Then::Proceed => Ok(Given::Proceed),
            Then::Handle(flags) => {
                let is_directory = at::stat(object.as_fd(), c"")?.st_mode & libc::S_IFMT == libc::S_IFDIR;
                if flags & libc::O_DIRECTORY != 0 && !is_directory {
                    return Err(Stop::Fails(Errno::ENOTDIR));
                }
                let closes = if flags & libc::O_CLOEXEC != 0 { CloseOnExec::Yes } else { CloseOnExec::No };
                Ok(Given::File(object, closes))
            }
        }
    }

    /// A handle on what a path means.
    fn seen(&mut self, at: &Spot, last: Last) -> Result<OwnedFd, Stop> {
        let place = match self.lookup.find(at, last)? {
            Found::Object(object) => return Ok(object.handle),
            Found::Place(place) => place,
        };
        let name = if place.is_dots() { c".".to_owned() } else { place.name.clone() };
        if let Some((handle, stat)) = place.object {
            let wrong = place.name.to_bytes().ends_with(b"/") && stat.st_mode & libc::S_IFMT != libc::S_IFDIR;
            return if wrong { Err(Stop::Fails(Errno::ENOTDIR)) } else { Ok(handle) };
        }
        Ok(at::open(place.dir.as_fd(), &name, How::HANDLE, Reach::Name)?)
    }
}
