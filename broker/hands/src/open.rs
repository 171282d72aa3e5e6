//! Opening for writing and creating.

use std::ffi::CString;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use tollgate_sys::at::{self, How, Reach};
use tollgate_sys::notify::CloseOnExec;

use crate::call::{Last, Spot};
use crate::guard::Guarded;
use crate::repository::{self, Coming};
use crate::resolve::{Found, Object, Place, is_proc, rooted, split};
use crate::standing::{Expect, Kind, may_write};
use crate::terminals::CALLERS;
use crate::walk::in_proc;
use crate::{Attempt, Given, Stop, Wall, wait};

/// An open as it was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) flags: i32,
    mode: u32,
}

impl Wanted {
    pub(crate) fn new(flags: i32, mode: u32) -> Self {
        Self { flags, mode }
    }

    pub(crate) fn mode(self) -> u32 {
        self.mode
    }

    pub(crate) fn has(self, flag: i32) -> bool {
        self.flags & flag == flag
    }

    fn is_nameless(self) -> bool {
        self.has(libc::O_TMPFILE)
    }

    pub(crate) fn is_exclusive(self) -> bool {
        self.has(libc::O_CREAT | libc::O_EXCL)
    }

    fn only_reads(self) -> bool {
        self.flags & libc::O_ACCMODE == libc::O_RDONLY && !self.has(libc::O_TRUNC)
    }

    /// Whether a descriptor does as much already.
    fn is_had_by(self, held: &OwnedFd) -> bool {
        let Ok(flags) = fcntl(held, FcntlArg::F_GETFL) else { return false };
        let mode = flags & libc::O_ACCMODE;
        let covers = mode == libc::O_RDWR || mode == libc::O_WRONLY && self.flags & libc::O_ACCMODE == mode;
        covers && flags & libc::O_PATH == 0 && (flags & libc::O_APPEND == 0 || self.has(libc::O_APPEND))
    }

    /// As the hands open it: a terminal is not made theirs.
    fn how(self) -> How {
        How { flags: self.flags | libc::O_NOCTTY, mode: self.mode }
    }

    pub(crate) fn existing(self) -> i32 {
        (self.flags | libc::O_NOCTTY) & !(libc::O_CREAT | libc::O_EXCL)
    }

    pub(crate) fn given(self, file: OwnedFd) -> Given {
        Given::File(file, if self.has(libc::O_CLOEXEC) { CloseOnExec::Yes } else { CloseOnExec::No })
    }

    /// Takes back the `O_NONBLOCK` that a file was opened with so that nothing could hold up the gate.
    pub(crate) fn settle(self, file: &OwnedFd) -> Result<(), Errno> {
        if !self.has(libc::O_NONBLOCK) {
            fcntl(file, FcntlArg::F_SETFL(OFlag::from_bits_truncate(self.flags)))?;
        }
        Ok(())
    }
}

impl Attempt<'_> {
    pub(crate) fn open(&mut self, at: &Spot, (flags, mode): (i32, u32)) -> Result<Given, Stop> {
        let wanted = Wanted { flags, mode };
        if let Some(file) = self.by_word(at, wanted)? {
            return Ok(wanted.given(file));
        }
        let follows = wanted.is_nameless() || !(wanted.has(libc::O_NOFOLLOW) || wanted.is_exclusive());
        let slashed = at.path.to_bytes().ends_with(b"/") && !wanted.is_exclusive();
        let last = if follows || slashed { Last::Followed } else { Last::Itself };
        match self.lookup.find(at, last)? {
            Found::Object(object) if wanted.is_nameless() => self.nameless(&object.handle, (&object.path, wanted)),
            Found::Object(object) => self.object(&object, wanted),
            Found::Place(place) => self.place(place, wanted),
        }
    }

    /// In one call, where no symlink is on the way and all is as usual; none where one must look more closely.
    fn by_word(&mut self, at: &Spot, wanted: Wanted) -> Result<Option<OwnedFd>, Stop> {
        if self.past_mounts {
            return Ok(None);
        }
        let Some(path) = self.lookup.word(at)? else { return Ok(None) };
        let creates = wanted.has(libc::O_CREAT);
        let may = if creates { self.standing.takes_names(split(&path).0) } else { self.standing.rights(&path).write };
        if is_proc(&path) || repository::concerns(&path) || !may {
            return Ok(None);
        }
        match self.standing.guards.look(&path) {
            Guarded::By(_) => return Ok(None),
            Guarded::Above(above) if above.named && !wanted.is_nameless() => return Ok(None),
            Guarded::Above(_) | Guarded::Free => {}
        }
        let text = CString::new(rooted(path)).map_err(|_| Errno::EINVAL)?;
        self.still()?;
        let mut how = wanted.how();
        let makes = wanted.is_exclusive() || wanted.is_nameless();
        if !makes {
            how.flags |= libc::O_NONBLOCK;
        }
        let root = self.lookup.root;
        let act = || at::open(root, &text, how, Reach::InRootPlain);
        let opened = if creates || makes { self.masked(act) } else { act() };
        match opened {
            Ok(file) if makes => Ok(Some(file)),
            Ok(file) => {
                let stat = at::stat(file.as_fd(), c"")?;
                if matches!(stat.st_mode & libc::S_IFMT, libc::S_IFCHR | libc::S_IFBLK | libc::S_IFIFO) {
                    return Ok(None); // judged as a device, or waited for
                }
                // no disk has such a number, and a `/proc` can be mounted anywhere
                if libc::major(stat.st_dev) == 0 && in_proc(&file)? {
                    return Err(Stop::Fails(Errno::EACCES));
                }
                wanted.settle(&file)?;
                Ok(Some(file))
            }
            Err(Errno::EEXIST | Errno::EISDIR | Errno::ETXTBSY | Errno::ENOSPC | Errno::EDQUOT | Errno::EROFS) => {
                opened.map(Some).map_err(Stop::Fails)
            }
            Err(_) => Ok(None),
        }
    }

    /// `O_TMPFILE`: a file without a name in a directory. A name it gets by a link, which is judged then.
    fn nameless(&mut self, dir: &OwnedFd, (path, wanted): (&[u8], Wanted)) -> Result<Given, Stop> {
        if Kind::of(&at::stat(dir.as_fd(), c"")?) != Kind::Directory {
            return Err(Stop::Fails(Errno::ENOTDIR));
        }
        self.may(path, Kind::Directory)?;
        self.still()?;
        let file = self.masked(|| at::open(dir.as_fd(), c".", wanted.how(), Reach::Name))?;
        Ok(wanted.given(file))
    }

    fn place(&mut self, mut place: Place, wanted: Wanted) -> Result<Given, Stop> {
        if place.is_dots() {
            return Err(Stop::Fails(if wanted.is_exclusive() { Errno::EEXIST } else { Errno::EISDIR }));
        }
        let bare = CString::new(place.bare()).map_err(|_| Errno::EINVAL)?;
        let object = match place.object.take() {
            Some((handle, _)) => Ok(handle),
            None => at::open(place.dir.as_fd(), &bare, How::HANDLE, Reach::Name),
        };
        let handle = match object {
            Ok(handle) => handle,
            Err(Errno::ENOENT) if place.has_slash() && wanted.has(libc::O_CREAT) => {
                return Err(Stop::Fails(Errno::EISDIR));
            }
            Err(Errno::ENOENT) if wanted.has(libc::O_CREAT) => return self.create(&place, wanted),
            Err(errno) => return Err(Stop::Fails(errno)),
        };
        if wanted.is_nameless() {
            return self.nameless(&handle, (&place.path(), wanted));
        }
        let kind = at::stat(handle.as_fd(), c"")?.st_mode & libc::S_IFMT;
        if place.has_slash() && kind != libc::S_IFDIR {
            return Err(Stop::Fails(Errno::ENOTDIR));
        }
        let object = Object { handle, path: place.path() };
        if wanted.is_exclusive() {
            return Err(Stop::Fails(Errno::EEXIST));
        }
        if kind != libc::S_IFREG || wanted.only_reads() {
            return self.object(&object, wanted);
        }
        if wanted.has(libc::O_DIRECTORY) {
            return Err(Stop::Fails(Errno::ENOTDIR));
        }
        self.may_content(&object, wanted)?;
        self.spares_git(&place, Coming::Made(Kind::Other))?;
        self.still()?;
        // by its name, so that the rules for sticky directories (fs.protected_regular) see it as it was asked for
        let mut how = wanted.how();
        how.flags |= libc::O_NONBLOCK;
        let file = at::open(place.dir.as_fd(), &bare, how, Reach::Name)?;
        wanted.settle(&file)?;
        Ok(wanted.given(file))
    }

    fn create(&mut self, place: &Place, wanted: Wanted) -> Result<Given, Stop> {
        self.may_name(place, (Kind::Other, Expect::Missing))?;
        self.spares_git(place, Coming::Made(Kind::Other))?;
        self.still()?;
        let file = self.masked(|| at::open(place.dir.as_fd(), &place.name, wanted.how(), Reach::Name))?;
        Ok(wanted.given(file))
    }

    /// Whether the content of something that exists may be changed: also through a descriptor that the caller was given so
    /// (`/dev/stderr`).
    fn may_content(&self, object: &Object, wanted: Wanted) -> Result<(), Stop> {
        if object.is_no_path()? || wanted.is_had_by(&object.handle) {
            return Ok(());
        }
        self.may(&object.path, Kind::Other).map_err(|stop| match may_write(object.handle.as_fd()) {
            Err(errno) => Stop::Fails(errno),
            Ok(()) => stop,
        })
    }

    /// Whether something that exists may be opened for reading by a call that could have made it (`O_CREAT`). Reading is
    /// Landlock's matter, and it is not asked about what the hands open; nor does the kernel ask who the caller is, as it does
    /// for what is in a `/proc`.
    fn may_read(&self, object: &Object) -> Result<(), Stop> {
        if object.is_no_path()? {
            return Ok(());
        }
        let rights = self.standing.rights(&object.path);
        let free = !matches!(self.standing.guards.look(&object.path), Guarded::By(_));
        let may = free && (rights.read || rights.execute || rights.write) || self.has_leave(&object.path);
        if may && !is_proc(&object.path) && !in_proc(&object.handle)? {
            Ok(())
        } else {
            Err(Stop::Fails(Errno::EACCES))
        }
    }

    /// Something that exists, held: what it is decides.
    fn object(&mut self, object: &Object, wanted: Wanted) -> Result<Given, Stop> {
        self.same_place(&object.path)?;
        let stat = at::stat(object.handle.as_fd(), c"")?;
        let kind = stat.st_mode & libc::S_IFMT;
        match kind {
            libc::S_IFLNK => return Err(Stop::Fails(Errno::ELOOP)),
            libc::S_IFDIR => return Err(Stop::Fails(Errno::EISDIR)),
            _ if wanted.has(libc::O_DIRECTORY) => return Err(Stop::Fails(Errno::ENOTDIR)),
            libc::S_IFSOCK => return Err(Stop::Fails(Errno::ENXIO)),
            _ => {}
        }
        let rights = self.standing.rights(&object.path);
        let device = matches!(kind, libc::S_IFCHR | libc::S_IFBLK);
        if wanted.only_reads() && !device {
            self.may_read(object)?;
        } else if kind == libc::S_IFCHR && self.is_foreign_terminal(&stat) {
            let ends = self.slave(&stat, wanted.existing()).ok_or(Stop::Fails(Errno::EACCES))?;
            self.still()?;
            return Ok(wanted.given(ends));
        } else if kind == libc::S_IFCHR && stat.st_rdev == CALLERS && !rights.device {
            // as where there is none: many try it, and nobody is asked
            let own = self.callers_slave(wanted.existing()).ok_or(Stop::Fails(Errno::ENXIO))?;
            self.still()?;
            return Ok(wanted.given(own));
        } else if device {
            if !rights.device && !self.has_leave(&object.path) {
                let outside = Stop::Met(Wall::Outside, object.path.clone());
                return Err(if wanted.only_reads() { Stop::Fails(Errno::EACCES) } else { outside });
            }
        } else if !(kind == libc::S_IFIFO && rights.device) {
            self.may_content(object, wanted)?;
            self.spares_git_object(object)?;
        }
        self.still()?;
        if kind == libc::S_IFCHR && stat.st_rdev == CALLERS {
            return self.terminal(wanted);
        }
        if kind == libc::S_IFIFO {
            return wait::other_end(self, object, wanted);
        }
        let file = at::reopen(object.handle.as_fd(), wanted.existing())?;
        Ok(wanted.given(file))
    }
}
