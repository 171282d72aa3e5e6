//! Drafts: an opening for writing that has to be asked about, before anybody can know what will be written. The caller
//! gets a file in memory with the content that stands there now, and writes into that; nobody else has it. When the last
//! of its descriptors goes, what was written is read once: that is what is shown, and that is what is put in place, by
//! the hands, where the file was opened.
//!
//! Absent on purpose: drafts of what is no regular file, is larger than [`LARGEST`], or can't be read by its writer. Such
//! an opening is asked about as it is, without its content.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, fchmod};
use tollgate_policy::path::AbsPath;
use tollgate_sys::at::{self, How, Reach};
use tollgate_sys::notify::{CloseOnExec, Listener, Notification};

use crate::call::{Last, What};
use crate::guard::{Guarded, Guards};
use crate::leads::Leads;
use crate::open::Wanted;
use crate::resolve::{Found, Place, split};
use crate::standing::{Expect, may_write};
use crate::{Attempt, Crossing, Files, Stop, Wall, path_bytes, repository};

/// Numbers that drafts get, where the caller may have such and has them free: the filter tells their `close` by it.
pub const NUMBERS: std::ops::Range<u32> = 704..768;
/// Most that is copied into a draft, or out of one.
pub const LARGEST: u64 = 64 << 20;
/// What `/proc` calls every draft.
const NAME: &str = "tollgate-draft";

/// A draft, as the gate holds it.
#[derive(Debug)]
pub struct Draft {
    /// The true path that it is for.
    pub path: AbsPath,
    file: File,
    place: Place,
    /// What the kernel calls the place's directory.
    above: Vec<u8>,
    /// What stood there when it was begun; none where nothing did.
    before: Option<Before>,
    /// What its content follows: where the sandbox can't read what stands there, it writes the end alone.
    follows: Follows,
    /// What made it a draft.
    wall: Wall,
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    Nothing,
    Before,
}

#[derive(Debug)]
struct Before {
    content: Vec<u8>,
    object: (u64, u64),
    mode: u32,
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// All of the file as it shall be.
    pub content: Vec<u8>,
    /// Its permission bits.
    pub mode: u32,
}

/// What became of the opening.
#[derive(Debug)]
pub enum Begun {
    /// The caller is to write into a draft: [`Draft::give`].
    Draft(Box<Draft>),
    /// Nothing to draft: the call still waits.
    Unfit,
    /// It failed, as it would have without us.
    Answered,
}

/// What was written could not be put in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unplaced {
    /// Something else stands there than what was compared with.
    Changed,
    /// The system said no.
    Fails(Errno),
}

impl std::fmt::Display for Unplaced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Changed => f.write_str("the file was changed meanwhile, and is not what was shown"),
            Self::Fails(errno) => write!(f, "it could not be written: {}", errno.desc()),
        }
    }
}

impl std::error::Error for Unplaced {}

impl From<Errno> for Unplaced {
    fn from(errno: Errno) -> Self {
        Self::Fails(errno)
    }
}

impl Crossing {
    /// Whether it is the opening of something whose content would be written.
    #[must_use]
    pub fn opens(&self) -> bool {
        matches!(&self.what, What::Open { flags, .. } if flags & libc::O_ACCMODE != libc::O_RDONLY
            && flags & (libc::O_DIRECTORY | libc::O_TMPFILE) == 0)
    }

    /// Whether it is, for git's sake alone, the opening of a repository's configuration: [`Draft::is_tame`] tells the rest.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        self.opens()
            && repository::is_configuration((&self.wall, split(self.path.as_path().as_os_str().as_encoded_bytes()).1))
    }
}

impl Files<'_> {
    /// Gives the caller a draft in place of what it wants to open for writing.
    pub fn draft(&mut self, listener: &Arc<Listener>, call: &Notification, crossing: &Crossing) -> Begun {
        let What::Open { flags, mode, .. } = crossing.what else { return Begun::Unfit };
        let mut leave = crossing.leave.clone();
        leave.push(path_bytes(&crossing.path));
        let wanted = Wanted::new(flags, mode);
        let Ok(hidden) = Guards::new(&self.boundary.hidden, &mut Leads::default()) else { return Begun::Unfit };
        let begun = self.trying((listener, call), &leave, |attempt| attempt.draft((crossing, wanted), &hidden));
        match begun {
            Some(Ok(Some(draft))) => Begun::Draft(Box::new(draft)),
            Some(Err(Stop::Fails(errno))) => {
                crate::fail(listener, call, errno);
                Begun::Answered
            }
            Some(Ok(None) | Err(Stop::Met(..) | Stop::Rights)) | None => Begun::Unfit,
        }
    }
}

impl Attempt<'_> {
    /// Whether the sandbox may read a path anyhow.
    fn reads(&self, path: &AbsPath, hidden: &Guards) -> bool {
        let bytes = path_bytes(path);
        let rights = self.standing.rights(&bytes);
        let shown = !matches!(hidden.look(&bytes), Guarded::By(_));
        shown && (rights.read || rights.execute || rights.write)
    }

    fn draft(&mut self, (crossing, wanted): (&Crossing, Wanted), hidden: &Guards) -> Result<Option<Draft>, Stop> {
        let What::Open { at, .. } = &crossing.what else { return Ok(None) };
        let last = if wanted.has(libc::O_NOFOLLOW) || wanted.is_exclusive() { Last::Itself } else { Last::Followed };
        let Found::Place(mut place) = self.lookup.find(at, last)? else { return Ok(None) };
        if place.is_dots() || place.has_slash() || place.path() != path_bytes(&crossing.path) {
            return Ok(None);
        }
        let object = match place.object.take() {
            Some((handle, _)) => Ok(handle),
            None => at::open(place.dir.as_fd(), &place.name, How::HANDLE, Reach::Name),
        };
        let before = match object {
            Ok(_) if wanted.is_exclusive() => return Err(Stop::Fails(Errno::EEXIST)),
            Ok(handle) => {
                may_write(handle.as_fd())?;
                let Some(before) = Before::of(&handle)? else { return Ok(None) };
                Some(before)
            }
            Err(Errno::ENOENT) if wanted.has(libc::O_CREAT) => {
                crate::standing::natural(&place, Expect::Missing)?;
                None
            }
            Err(errno) => return Err(Stop::Fails(errno)),
        };
        let unread = !wanted.has(libc::O_TRUNC) && before.is_some() && !self.reads(&crossing.path, hidden);
        let follows = if unread { Follows::Before } else { Follows::Nothing };
        if unread && !(wanted.has(libc::O_APPEND) && wanted.flags & libc::O_ACCMODE == libc::O_WRONLY) {
            return Ok(None); // a draft would show what stands there
        }
        let umask = self.lookup.callers.umask(self.lookup.tid)?;
        self.still()?;
        let mode = before.as_ref().map_or(wanted.mode() & !umask, |before| before.mode);
        let kept =
            before.as_ref().filter(|_| !wanted.has(libc::O_TRUNC) && !unread).map_or(&[][..], |before| &before.content);
        let file = sheet(kept, mode)?;
        let above = at::name_of(place.dir.as_fd())?;
        let (path, wall) = (crossing.path.clone(), crossing.wall.clone());
        Ok(Some(Draft { path, file, place, above, before, follows, wall, wanted }))
    }
}

/// A file in memory.
fn sheet(content: &[u8], mode: u32) -> Result<File, Errno> {
    let file = File::from(memfd_create(NAME, MFdFlags::MFD_CLOEXEC)?);
    fchmod(&file, Mode::from_bits_truncate(mode))?;
    file.write_all_at(content, 0).map_err(|err| Errno::from_raw(err.raw_os_error().unwrap_or(libc::EIO)))?;
    Ok(file)
}

impl Before {
    /// None for what has no draft.
    fn of(handle: &OwnedFd) -> Result<Option<Self>, Errno> {
        let stat = at::stat(handle.as_fd(), c"")?;
        let length = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if stat.st_mode & libc::S_IFMT != libc::S_IFREG || length > LARGEST {
            return Ok(None);
        }
        let Ok(file) = at::reopen(handle.as_fd(), libc::O_RDONLY | libc::O_NONBLOCK) else { return Ok(None) };
        let Some(content) = all(&File::from(file))? else { return Ok(None) };
        Ok(Some(Self { content, object: (stat.st_dev, stat.st_ino), mode: stat.st_mode & 0o7777 }))
    }
}

/// All that a file holds, from its beginning; none where that is too much.
fn all(file: &File) -> Result<Option<Vec<u8>>, Errno> {
    let plain = |err: &std::io::Error| Errno::from_raw(err.raw_os_error().unwrap_or(libc::EIO));
    let again = File::from(at::reopen(file.as_fd(), libc::O_RDONLY | libc::O_NONBLOCK)?);
    let mut content = Vec::new();
    again.take(LARGEST + 1).read_to_end(&mut content).map_err(|err| plain(&err))?;
    Ok((content.len() as u64 <= LARGEST).then_some(content))
}

impl Draft {
    /// Where the file in memory can be watched by this process.
    #[must_use]
    pub fn watched(&self) -> String {
        format!("/proc/self/fd/{}", self.file.as_raw_fd())
    }

    /// Gives the caller a descriptor on it, which ends its call.
    ///
    /// # Errors
    /// The caller has gone, or has no room: then its call has failed.
    pub fn give(&self, listener: &Listener, call: &Notification) -> Result<(), Errno> {
        let kept = libc::O_ACCMODE | libc::O_APPEND | libc::O_SYNC | libc::O_DSYNC | libc::O_NONBLOCK;
        let given = at::reopen(self.file.as_fd(), self.wanted.flags & kept).and_then(|theirs| {
            let closes = if self.wanted.has(libc::O_CLOEXEC) { CloseOnExec::Yes } else { CloseOnExec::No };
            let free = |number: &u32| std::fs::symlink_metadata(format!("/proc/{}/fd/{number}", call.tid)).is_err();
            let number = NUMBERS.clone().find(free);
            let numbered = number.map(|number| listener.succeed_at(call.id, theirs.as_fd(), (closes, number)));
            if matches!(numbered, Some(Ok(_))) {
                return Ok(());
            }
            let plain = |err: std::io::Error| Errno::from_raw(err.raw_os_error().unwrap_or(libc::EMFILE));
            listener.succeed_with(call.id, theirs.as_fd(), closes).map(drop).map_err(plain)
        });
        given.inspect_err(|errno| drop(crate::fail(listener, call, *errno)))
    }

    /// Whether a descriptor of another process is one on this draft; `link` is its path in `/proc`.
    #[must_use]
    pub fn is_behind(&self, link: &std::path::Path) -> bool {
        use std::os::unix::fs::MetadataExt as _;
        let named = std::fs::read_link(link).is_ok_and(|to| to.as_os_str().as_encoded_bytes().starts_with(b"/memfd:"));
        let same = |theirs: std::fs::Metadata| {
            at::stat(self.file.as_fd(), c"").is_ok_and(|own| (own.st_dev, own.st_ino) == (theirs.dev(), theirs.ino()))
        };
        named && std::fs::metadata(link).is_ok_and(same)
    }

    /// The content that it was begun with: what stood at the path; none where nothing did.
    #[must_use]
    pub fn before(&self) -> Option<&[u8]> {
        self.before.as_ref().map(|before| &*before.content)
    }

    /// The permission bits of what stood there.
    #[must_use]
    pub fn mode_before(&self) -> Option<u32> {
        self.before.as_ref().map(|before| before.mode)
    }

    /// What is in it now; none where that is more than [`LARGEST`].
    ///
    /// # Errors
    /// What the system says.
    pub fn written(&self) -> Result<Option<Written>, Errno> {
        let mode = at::stat(self.file.as_fd(), c"")?.st_mode & 0o7777;
        let front = self.before().filter(|_| self.follows == Follows::Before).unwrap_or_default();
        Ok(all(&self.file)?.map(|content| Written { content: [front, &content].concat(), mode }))
    }

    /// Whether putting this in place would change anything.
    #[must_use]
    pub fn changes(&self, written: &Written) -> bool {
        self.before.as_ref().is_none_or(|before| before.content != written.content || before.mode != written.mode)
    }

    /// Whether only git stood in the way, and what was written is a configuration that names no program.
    #[must_use]
    pub fn is_tame(&self, written: &Written) -> bool {
        repository::is_configuration((&self.wall, self.place.bare()))
            && written.mode & 0o7000 == 0
            && repository::names_no_program(&written.content)
    }

    /// Puts it in place: what stands there must be what stood there when it was begun.
    ///
    /// # Errors
    /// [`Unplaced`]; then nothing was changed, or, where the disk failed in the middle, not all.
    pub(crate) fn put(&self, written: &Written) -> Result<(), Unplaced> {
        let (dir, name) = (self.place.dir.as_fd(), &self.place.name);
        if at::name_of(dir)? != self.above {
            return Err(Unplaced::Changed); // it was moved: the path that was shown is another by now
        }
        let mut file =
            match &self.before {
                None => {
                    let how = How { flags: libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL, mode: 0o600 };
                    File::from(at::open(dir, name, how, Reach::Name).map_err(|errno| {
                        if errno == Errno::EEXIST { Unplaced::Changed } else { Unplaced::Fails(errno) }
                    })?)
                }
                Some(before) => {
                    let how = How { flags: libc::O_RDWR | libc::O_NONBLOCK, mode: 0 };
                    let file = match at::open(dir, name, how, Reach::Name) {
                        Err(Errno::ENOENT | Errno::ELOOP) => return Err(Unplaced::Changed),
                        file => File::from(file?),
                    };
                    let stat = at::stat(file.as_fd(), c"")?;
                    let same = (stat.st_dev, stat.st_ino) == before.object && stat.st_mode & 0o7777 == before.mode;
                    if !same || all(&file)?.as_deref() != Some(&before.content) {
                        return Err(Unplaced::Changed);
                    }
                    file
                }
            };
        let failed = |err: std::io::Error| Unplaced::Fails(Errno::from_raw(err.raw_os_error().unwrap_or(libc::EIO)));
        file.set_len(0).map_err(failed)?;
        file.write_all(&written.content).map_err(failed)?;
        if self.before.as_ref().is_none_or(|before| before.mode != written.mode) {
            fchmod(&file, Mode::from_bits_truncate(written.mode))?;
        }
        Ok(())
    }
}
