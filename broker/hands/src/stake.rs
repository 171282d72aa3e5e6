//! What a call would take away, or put in place of it: looked up for those who are asked, before anything is done.

use std::ffi::CString;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use nix::errno::Errno;
use tollgate_sys::at::{self, How, Reach};
use tollgate_sys::notify::{Listener, Notification};

use crate::call::{Last, Spot, What};
use crate::resolve::Found;
use crate::{Attempt, Crossing, Files, Stop};

/// Longer content is not read.
const LONGEST: u64 = 1 << 20;

/// A name that a call removes, moves or replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Its true path.
    pub path: PathBuf,
    /// What stands there.
    pub now: Standing,
}

/// What stands at a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing.
    Nothing,
    /// A regular file with this content.
    File(Vec<u8>),
    /// A regular file that is too long to be read, or can't be: its length.
    Unread(u64),
    /// A symlink that says this.
    Link(Vec<u8>),
    /// A directory.
    Directory,
    /// Something else.
    Other,
}

/// What a call is about to do to names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stake {
    /// It goes.
    Removed(End),
    /// The first comes in place of the second.
    Moved(End, End),
    /// They change places.
    Exchanged(End, End),
}

/// What stands at a name could not be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unseen;

impl Files<'_> {
    /// What a call that met a wall would take away or replace; none for calls that only change what stands there.
    ///
    /// # Errors
    /// [`Unseen`] where it can't be looked at.
    pub fn stake(
        &mut self,
        listener: &Arc<Listener>,
        call: &Notification,
        crossing: &Crossing,
    ) -> Result<Option<Stake>, Unseen> {
        let leave = [crossing.leave.clone(), vec![crate::path_bytes(&crossing.path)]].concat();
        let looked = self.trying((listener, call), &leave, |attempt| attempt.stake(&crossing.what));
        looked.and_then(Result::ok).ok_or(Unseen)
    }
}

impl Attempt<'_> {
    fn stake(&mut self, what: &What) -> Result<Option<Stake>, Stop> {
        Ok(match what {
            What::Unlink { at, .. } => Some(Stake::Removed(self.end(at)?)),
            What::Rename { from, to, flags } => {
                let (from, to) = (self.end(from)?, self.end(to)?);
                let exchange = flags & libc::RENAME_EXCHANGE != 0;
                Some(if exchange { Stake::Exchanged(from, to) } else { Stake::Moved(from, to) })
            }
            What::Open { .. }
            | What::MakeDirectory { .. }
            | What::MakeNode { .. }
            | What::Link { .. }
            | What::Symlink { .. }
            | What::Alter { .. }
            | What::Bind { .. }
            | What::Look { .. }
            | What::Umask => None,
        })
    }

    fn end(&mut self, at: &Spot) -> Result<End, Stop> {
        let Found::Place(place) = self.lookup.find(at, Last::Itself)? else {
            return Err(Stop::Fails(Errno::EINVAL));
        };
        let bare = CString::new(place.bare()).map_err(|_| Errno::EINVAL)?;
        let now = match at::open(place.dir.as_fd(), &bare, How::HANDLE, Reach::Name) {
            Err(Errno::ENOENT) => Standing::Nothing,
            handle => standing(&handle?)?,
        };
        Ok(End { path: PathBuf::from(std::ffi::OsString::from_vec(place.path())), now })
    }
}

fn standing(handle: &std::os::fd::OwnedFd) -> Result<Standing, Errno> {
    let stat = at::stat(handle.as_fd(), c"")?;
    let length = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
    Ok(match stat.st_mode & libc::S_IFMT {
        libc::S_IFDIR => Standing::Directory,
        libc::S_IFLNK => Standing::Link(at::read_link(handle.as_fd(), c"")?),
        libc::S_IFREG if length <= LONGEST => match at::reopen(handle.as_fd(), libc::O_RDONLY | libc::O_NONBLOCK) {
            Err(_) => Standing::Unread(length),
            Ok(file) => {
                let mut content = Vec::new();
                let read = std::fs::File::from(file).take(LONGEST + 1).read_to_end(&mut content);
                if read.is_ok() { Standing::File(content) } else { Standing::Unread(length) }
            }
        },
        libc::S_IFREG => Standing::Unread(length),
        _ => Standing::Other,
    })
}
