//! Looking without reading: a handle that opens nothing (`O_PATH`), a working directory, a watch on names. Landlock
//! governs none of them. They may reach what some root covers, and the folders above roots; not their neighbours.

use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use tollgate_sys::at::{self, How, Reach};

use crate::call::{Last, Spot};
use crate::resolve::{Found, is_foreign};
use crate::{Attempt, Given, Stop};

impl Attempt<'_> {
    /// The kernel goes on with it: it gives nobody else's handle away (`SECCOMP_IOCTL_NOTIF_ADDFD` takes no `O_PATH`). What
    /// another thread changes about the path meanwhile shows it a name, and nothing more: what is read or written through
    /// a handle or from a directory is asked about by where it lies.
    pub(crate) fn look(&mut self, at: &Spot, last: Last) -> Result<Given, Stop> {
        let object = self.seen(at, last)?;
        self.still()?;
        let name = self.lookup.name_of(object.as_fd())?;
        // what has no path in the tree was handed to the caller by its own descriptors
        if name.starts_with(b"/") && (is_foreign(&name) || !self.standing.shows(&name)) {
            return Err(Stop::Fails(Errno::EACCES));
        }
        Ok(Given::Proceed)
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
