//! Objects changed without being opened: mode, owner, times, length, extended attributes.

use std::ffi::CString;
use std::os::fd::AsFd as _;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tollgate_sys::at::{self, How, Reach};

use crate::call::{Change, Of};
use crate::resolve::{Found, Object, Place};
use crate::standing::{Kind, may_write};
use crate::{Attempt, Given, Stop, Wall};

/// What is changed: the object, and its name where it is a symlink, which can't be reached otherwise.
struct Target {
    object: Object,
    place: Option<Place>,
}

impl Attempt<'_> {
    pub(crate) fn alter(&mut self, of: &Of, change: &Change) -> Result<Given, Stop> {
        if let Of::Open(fd) = of
            && let Some(given) = self.alter_open(*fd, change)?
        {
            return Ok(given);
        }
        let target = self.target(of)?;
        let stat = at::stat(target.object.handle.as_fd(), c"")?;
        self.may_alter(&target.object, (&stat, change))?;
        if Kind::of(&stat) != Kind::Directory && matches!(change, Change::Mode(mode) if mode & libc::S_ISGID != 0) {
            return Err(Stop::Rights);
        }
        self.still()?;
        let handle = target.object.handle.as_fd();
        match change {
            Change::Mode(mode) => at::change_mode(handle, *mode)?,
            Change::Owner(user, group) => at::change_owner(handle, *user, *group)?,
            Change::Times(times) => at::change_times(handle, times.as_ref())?,
            Change::Length(length) => {
                self.within_limit(&target.object, *length)?;
                at::truncate(handle, *length)?;
            }
            Change::Attribute(name, value) => match &target.place {
                Some(place) if stat.st_mode & libc::S_IFMT == libc::S_IFLNK => {
                    let bare = CString::new(place.bare()).map_err(|_| Errno::EINVAL)?;
                    at::set_attribute(place.dir.as_fd(), &bare, name, value.as_ref())?;
                }
                _ => at::set_attribute(handle, c"", name, value.as_ref())?,
            },
        }
        Ok(Given::Nothing)
    }

    /// A file that the caller has open, where it is an ordinary one; none where one must look more closely.
    fn alter_open(&mut self, fd: i32, change: &Change) -> Result<Option<Given>, Stop> {
        if matches!(change, Change::Mode(mode) if mode & libc::S_ISGID != 0) {
            return Ok(None);
        }
        let file = self.lookup.callers.descriptor(self.lookup.tid, fd)?;
        if !self.standing.is_plain(&self.lookup.name_of(file.as_fd())?) {
            return Ok(None);
        }
        self.still()?;
        match change {
            Change::Mode(mode) => at::change_open_mode(file.as_fd(), *mode)?,
            Change::Owner(user, group) => at::change_open_owner(file.as_fd(), *user, *group)?,
            Change::Times(_) | Change::Length(_) | Change::Attribute(..) => return Ok(None),
        }
        Ok(Some(Given::Nothing))
    }

    fn target(&mut self, of: &Of) -> Result<Target, Stop> {
        let (at, last) = match of {
            Of::Path(at, last) => (at, *last),
            Of::Handle(fd) | Of::Open(fd) => {
                let handle = self.lookup.callers.descriptor(self.lookup.tid, *fd)?;
                let flags = fcntl(&handle, FcntlArg::F_GETFL)?;
                if matches!(of, Of::Open(_)) && OFlag::from_bits_truncate(flags).contains(OFlag::O_PATH) {
                    return Err(Stop::Fails(Errno::EBADF));
                }
                let path = self.lookup.name_of(handle.as_fd())?;
                return Ok(Target { object: Object { handle, path }, place: None });
            }
        };
        let mut place = match self.lookup.find(at, last)? {
            Found::Object(object) => return Ok(Target { object, place: None }),
            Found::Place(place) => place,
        };
        let bare = CString::new(place.bare()).map_err(|_| Errno::EINVAL)?;
        let handle = match place.object.take() {
            Some((handle, _)) => handle,
            None => at::open(place.dir.as_fd(), &bare, How::HANDLE, Reach::Name)?,
        };
        if place.has_slash() && Kind::of(&at::stat(handle.as_fd(), c"")?) != Kind::Directory {
            return Err(Stop::Fails(Errno::ENOTDIR));
        }
        let path = place.path();
        Ok(Target { object: Object { handle, path }, place: Some(place) })
    }

    /// Whether an object may be changed. A terminal of the run's may have its mode and owner set; another device belongs to
    /// all, though it may be written.
    fn may_alter(&self, object: &Object, (stat, change): (&libc::stat, &Change)) -> Result<(), Stop> {
        if object.is_no_path()? {
            return Ok(());
        }
        let may = if !self.standing.rights(&object.path).device || self.has_leave(&object.path) {
            self.may(&object.path, Kind::of(stat))
        } else if matches!(change, Change::Times(_)) || self.is_runs_terminal(stat) {
            Ok(())
        } else {
            Err(Stop::Met(Wall::Root, object.path.clone()))
        };
        may.map_err(|stop| match natural(object, (stat, change)) {
            Err(errno) => Stop::Fails(errno),
            Ok(()) => stop,
        })
    }

    /// The caller's own limit on the size of files.
    fn within_limit(&self, object: &Object, length: i64) -> Result<(), Stop> {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.lookup.tid)).map_err(|_| Errno::ESRCH)?;
        let line = limits.lines().find_map(|line| line.strip_prefix("Max file size")).unwrap_or_default();
        let soft = line.split_ascii_whitespace().next().and_then(|soft| soft.parse::<i64>().ok());
        if soft.is_none_or(|soft| length <= soft) {
            return Ok(());
        }
        at::may_write(object.handle.as_fd())?;
        if kill(Pid::from_raw(self.lookup.tid), Signal::SIGXFSZ).is_err() {
            // it has gone
        }
        Err(Stop::Fails(Errno::EFBIG))
    }
}

/// The errno that a change gets for permission's sake, without us.
fn natural(object: &Object, (stat, change): (&libc::stat, &Change)) -> Result<(), Errno> {
    let own = stat.st_uid == nix::unistd::geteuid().as_raw();
    match change {
        Change::Mode(_) | Change::Owner(..) | Change::Times(Some(_)) if !own => Err(Errno::EPERM),
        Change::Times(None) if own => Ok(()),
        Change::Length(_) if Kind::of(stat) == Kind::Directory => Err(Errno::EISDIR),
        Change::Times(None) | Change::Length(_) | Change::Attribute(..) => may_write(object.handle.as_fd()),
        Change::Mode(_) | Change::Owner(..) | Change::Times(Some(_)) => Ok(()),
    }
}
