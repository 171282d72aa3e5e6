//! Names made, moved and removed: mkdir, mknod, unlink, rmdir, rename, link, symlink, bind.

use std::ffi::{CStr, CString};
use std::io::Read as _;
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use tollgate_sys::at::{self, How, Reach};
use tollgate_sys::creds;

use crate::call::{Bound, Last, Of, Spot};
use crate::contents;
use crate::guard::Guarded;
use crate::repository::Coming;
use crate::resolve::{Found, Place, split};
use crate::standing::{Expect, Kind};
use crate::{Attempt, Given, Stop, Wall};

/// The object of a link: a name, or something without one.
enum Source {
    Named(Place),
    Held(std::os::fd::OwnedFd),
}

impl Attempt<'_> {
    fn name(&mut self, at: &Spot) -> Result<Place, Stop> {
        match self.lookup.find(at, Last::Itself)? {
            Found::Place(place) => Ok(place),
            Found::Object(_) => Err(Stop::Fails(Errno::ELOOP)), // a name is not followed
        }
    }

    /// A name to be made.
    fn new_name(&mut self, at: &Spot, kind: Kind) -> Result<Place, Stop> {
        let place = self.name(at)?;
        if !place.is_dots() {
            self.may_name(&place, (kind, Expect::Missing))?;
            self.spares_git(&place, Coming::Made(kind))?;
        }
        self.still()?;
        Ok(place)
    }

    pub(crate) fn make_directory(&mut self, at: &Spot, mode: u32) -> Result<Given, Stop> {
        let place = self.new_name(at, Kind::Directory)?;
        self.masked(|| at::make_directory(place.dir.as_fd(), &place.name, mode))?;
        Ok(Given::Nothing)
    }

    pub(crate) fn make_node(&mut self, at: &Spot, (mode, _): (u32, u64)) -> Result<Given, Stop> {
        let place = self.new_name(at, Kind::Other)?;
        if matches!(mode & libc::S_IFMT, libc::S_IFCHR | libc::S_IFBLK) {
            return Err(Stop::Fails(Errno::EPERM));
        }
        self.masked(|| at::make_node(place.dir.as_fd(), &place.name, mode))?;
        Ok(Given::Nothing)
    }

    pub(crate) fn symlink(&mut self, target: &CStr, at: &Spot) -> Result<Given, Stop> {
        if target.is_empty() {
            return Err(Stop::Fails(Errno::ENOENT));
        }
        let place = self.new_name(at, Kind::Other)?;
        at::symlink(target, (place.dir.as_fd(), &place.name))?;
        Ok(Given::Nothing)
    }

    pub(crate) fn unlink(&mut self, at: &Spot, flags: i32) -> Result<Given, Stop> {
        if flags & !libc::AT_REMOVEDIR != 0 {
            return Err(Stop::Fails(Errno::EINVAL));
        }
        let kind = if flags == 0 { Kind::Other } else { Kind::Directory };
        let place = self.name(at)?;
        if !place.is_dots() {
            self.may_name(&place, (kind, Expect::Present(kind)))?;
        }
        self.still()?;
        at::unlink(place.dir.as_fd(), &place.name, flags)?;
        Ok(Given::Nothing)
    }

    pub(crate) fn rename(&mut self, from: &Spot, to: &Spot, flags: u32) -> Result<Given, Stop> {
        let both = libc::RENAME_EXCHANGE | libc::RENAME_NOREPLACE;
        // whiteouts: as a file system that has none; both: rename(2) knows no such thing
        if flags & libc::RENAME_WHITEOUT != 0 || flags & both == both {
            return Err(Stop::Fails(Errno::EINVAL));
        }
        let (from, to) = (self.name(from)?, self.name(to)?);
        if !from.is_dots() && !to.is_dots() {
            let moved = kind_of(&from)?;
            if flags & libc::RENAME_NOREPLACE != 0 && kind_of(&to).is_ok() {
                return Err(Stop::Fails(Errno::EEXIST)); // nobody need be asked about what would fail anyway
            }
            if let Err(stop) = self.may_move((&from, &to), moved) {
                let guarded = matches!(&stop, Stop::Met(Wall::Guarded(_), path) if *path == to.path());
                if !guarded || flags != 0 || moved == Kind::Directory || !changes_nothing(&from, &to)? {
                    return Err(stop);
                }
                self.still()?;
                at::unlink(from.dir.as_fd(), &from.name, 0)?;
                return Ok(Given::Nothing);
            }
            if flags & libc::RENAME_EXCHANGE != 0 {
                let moved = kind_of(&to)?;
                self.may_move((&to, &from), moved)?;
            }
        }
        self.still()?;
        at::rename((from.dir.as_fd(), &from.name), (to.dir.as_fd(), &to.name), flags)?;
        Ok(Given::Nothing)
    }

    /// Whether what stands at one name may stand at another, and nowhere else.
    fn may_move(&self, (from, to): (&Place, &Place), kind: Kind) -> Result<(), Stop> {
        self.may_name(from, (kind, Expect::Present(kind)))?;
        // a name that it replaces is of no other kind, or the kernel refuses
        self.may_stand(to, kind)?;
        if from.above != to.above && !self.has_leave(&to.path()) && !self.has_leave(&from.path()) {
            self.standing.may_refer(&from.above, &to.above)?;
        }
        self.spares_git(to, Coming::Moved(from))?;
        if kind == Kind::Directory {
            self.may_carry(from, &from.path())?;
            self.may_carry(from, &to.path())?;
        }
        Ok(())
    }

    /// Whether all that is in a directory may be what it is beneath this path: where it leaves from, or comes to.
    fn may_carry(&self, from: &Place, path: &[u8]) -> Result<(), Stop> {
        let guards = &self.standing.guards;
        if self.has_leave(path) {
            return Ok(());
        }
        let Guarded::Above(above) = guards.look(path) else { return Ok(()) };
        let bare = CString::new(from.bare()).map_err(|_| Errno::EINVAL)?;
        match contents::guarded((from.dir.as_fd(), &bare), above.trail, guards)? {
            None => Ok(()),
            Some(glob) => Err(Stop::Met(Wall::Guarded(guards.text(glob).to_owned()), path.to_vec())),
        }
    }

    pub(crate) fn link(&mut self, from: &Of, to: &Spot) -> Result<Given, Stop> {
        let (source, path) = self.source(from)?;
        let directory =
            matches!(&source, Source::Named(place) if !place.is_dots() && kind_of(place)? == Kind::Directory);
        let to = match self.new_name(to, Kind::Other) {
            // the kernel looks at the new name first, and refuses at the last
            Ok(to) if directory => return Err(Stop::Fails(kind_of(&to).map_or(Errno::EPERM, |_| Errno::EEXIST))),
            Err(Stop::Met(..)) if directory => return Err(Stop::Fails(Errno::EPERM)),
            to => to?,
        };
        // a second name for what is guarded would be a way around its first; and what can't be written here must not
        // get a name where it can
        match self.may(&path, Kind::Other) {
            Err(Stop::Met(Wall::Outside, _)) => return Err(Stop::Fails(Errno::EXDEV)),
            other => other?,
        }
        if let Source::Named(place) = &source {
            self.spares_git_link(place)?;
        }
        let above = split(&path).0.strip_suffix(b"/").unwrap_or_default().to_vec();
        if above != to.above && !self.has_leave(&to.path()) {
            self.standing.may_refer(&above, &to.above)?;
        }
        self.still()?;
        let spot = (to.dir.as_fd(), to.name.as_c_str());
        match source {
            Source::Named(place) => at::link((place.dir.as_fd(), &place.name), spot)?,
            Source::Held(object) => at::link_object(object.as_fd(), spot)?,
        }
        Ok(Given::Nothing)
    }

    fn source(&mut self, from: &Of) -> Result<(Source, Vec<u8>), Stop> {
        match from {
            Of::Path(at, last) => match self.lookup.find(at, *last)? {
                Found::Place(place) => {
                    let path = place.path();
                    Ok((Source::Named(place), path))
                }
                Found::Object(object) => Ok((Source::Held(object.handle), object.path)),
            },
            Of::Handle(fd) | Of::Open(fd) => {
                let object = self.lookup.callers.descriptor(self.lookup.tid, *fd)?;
                let path = self.lookup.name_of(object.as_fd())?;
                Ok((Source::Held(object), path))
            }
        }
    }

    pub(crate) fn bind(&mut self, socket: i32, path: &Bound) -> Result<Given, Stop> {
        let path = match path {
            // without a path nothing is made in the file system; what a racing thread could make of it is an empty
            // socket where nothing stands, which nobody can read or run
            Bound::Nameless | Bound::Foreign => return Ok(Given::Proceed),
            Bound::Path(path) => path.clone(),
        };
        let at = Spot { base: crate::call::Base::Cwd, path };
        let place = self.name(&at)?;
        if place.is_dots() {
            return Err(Stop::Fails(Errno::EADDRINUSE));
        }
        self.may_name(&place, (Kind::Other, Expect::Missing)).map_err(|stop| match stop {
            Stop::Fails(Errno::EEXIST) => Stop::Fails(Errno::EADDRINUSE),
            Stop::Fails(_) | Stop::Met(..) | Stop::Rights => stop,
        })?;
        let socket = self.lookup.callers.descriptor(self.lookup.tid, socket)?;
        self.still()?;
        let name = self.addresses.bind_by(&place.name, at.path.to_bytes());
        self.masked(|| creds::bind_in(place.dir.as_fd(), &name, socket.as_fd()))?;
        Ok(Given::Nothing)
    }
}

/// A file as long as this is no configuration that is written anew as it was.
const LONGEST: u64 = 1 << 20;

/// Whether the one file says just what the other does: git writes its configuration anew to set what is set already
/// (`submodule update`, `branch -D`). Such a rename is answered by removing the new file: the guarded one keeps its
/// bytes and its inode, into which nobody inside holds a descriptor that writes.
fn changes_nothing(from: &Place, to: &Place) -> Result<bool, Errno> {
    let read = |place: &Place| -> Result<Option<(u32, Vec<u8>)>, Errno> {
        let bare = CString::new(place.bare()).map_err(|_| Errno::EINVAL)?;
        let handle = match at::open(place.dir.as_fd(), &bare, How::HANDLE, Reach::Name) {
            Err(Errno::ENOENT) => return Ok(None),
            handle => handle?,
        };
        let stat = at::stat(handle.as_fd(), c"")?;
        let length = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG || length > LONGEST {
            return Ok(None);
        }
        let file = at::reopen(handle.as_fd(), libc::O_RDONLY | libc::O_NONBLOCK)?;
        let mut bytes = Vec::new();
        let read = std::fs::File::from(file).take(LONGEST + 1).read_to_end(&mut bytes);
        Ok(read.ok().map(|_| (stat.st_mode, bytes)))
    };
    Ok(matches!((read(from)?, read(to)?), (Some(new), Some(old)) if new == old))
}

fn kind_of(place: &Place) -> Result<Kind, Errno> {
    let bare = CString::new(place.bare()).map_err(|_| Errno::EINVAL)?;
    Ok(Kind::of(&at::stat(place.dir.as_fd(), &bare)?))
}
