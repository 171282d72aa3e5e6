//! Write-class path calls: open for writing, create, mkdir, mknod, unlink, rename, link, symlink, chmod, chown, utime,
//! truncate, extended attributes, and bind on a path. They are done on behalf of the caller; reads never come here. So are
//! the calls that get hold of a path without reading it (`look`), which Landlock does not govern.
//!
//! # Why there is no race
//!
//! * **Arguments** are copied once from the caller's memory (`call`); the notification is asked to be still valid
//!   after that; what is judged and what is done is the copy. Nothing here is let through with `CONTINUE` but
//!   `umask`, which has no pointer, `chdir` and `inotify_add_watch`, by which nothing is read or written, and binds of sockets that are no unix sockets or get no path.
//! * **Paths**: a call is either done in one `openat2` that fails if any symlink is on the way (`RESOLVE_IN_ROOT |
//!   RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS`), so that the string that was judged is the place that is used; or
//!   on a held directory descriptor whose true path was read back from the kernel, with one name in it that is not
//!   followed. Final symlinks are followed here, one at a time. Objects are changed through the handle that was judged.
//! * **The tree** can't change between the two: every call by which a process inside could move, make or remove a
//!   name comes through this gate, which does one at a time. (`openat2`, `io_uring`, `open_by_handle_at`, mounts and
//!   namespaces are refused by the filter.) Processes outside the sandbox are not adversaries; what they move
//!   meanwhile leads at worst to a name that they made so.
//! * **Directories that are renamed** are looked through (`contents`) for what their new names would make guarded
//!   and what their old ones did; between that and the rename nothing inside can be added, for the same reason.
//! * **Other runs** may write to the same tree, each with a gate of its own. Gates of one person's runs take turns
//!   (`turns`).
//!
//! # How far it reaches
//!
//! The gate's thread has laid down the capabilities that go past file permissions ([`creds`]); its user and groups are those of the caller, who has no capability to change its own. It acts on descriptors beneath the
//! sandbox's own root (`/proc/COMMAND/root`), so mounts of the sandbox hold for it. The static boundary's roots are
//! judged by true path here as Landlock would by inode, `REFER`'s rule included (`standing`); what is outside them
//! is never touched without an answer.
//!
//! Absent on purpose: a thread of its own in a Landlock domain. Landlock lets only an ancestor's domain read a
//! process's memory and directories, so such a thread could only be handed what this one read, at 6 µs a call.
//!
//! [`creds`]: tollgate_sys::creds

mod addresses;
mod alter;
mod call;
mod caller;
mod contents;
pub mod diff;
mod draft;
mod guard;
mod leads;
mod look;
mod memory;
mod names;
mod open;
mod repository;
mod resolve;
mod stake;
mod standing;
mod terminals;
mod turns;
mod wait;
mod walk;
mod words;

use std::cell::OnceCell;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use tollgate_policy::boundary::Boundary;
use tollgate_policy::path::AbsPath;
use tollgate_sys::creds;
use tollgate_sys::notify::{CloseOnExec, Listener, Notification};

use call::What;
use caller::Callers;
use resolve::Lookup;
use standing::Standing;

pub use call::CALLS;
pub use draft::{Begun, Draft, LARGEST, NUMBERS, Unplaced, Written};
pub use guard::Unreadable;
pub use stake::{End, Stake, Standing as Stands, Unseen};

/// The hands of a run: they judge path calls by the boundary, and do them.
#[derive(Debug)]
pub struct Files<'a> {
    root: OwnedFd,
    callers: Callers,
    boundary: &'a Boundary,
    /// Worked out when the first call comes, in its turn: it takes as long as a whole launch, and until then nothing inside
    /// has changed any name, since each such change is one of these calls. What other runs changed is told by `began`.
    standing: OnceCell<Standing>,
    /// What stood at the writable roots when these hands began: just after the kernel was told of them.
    began: Vec<standing::Object>,
    /// A path without symlinks: a root that holds it has none either.
    plain: std::path::PathBuf,
    shared: memory::Memory,
    addresses: addresses::Addresses,
    waiting: wait::Waiting,
    turns: turns::Turns,
    _lowered: creds::Lowered,
}

/// What became of a call.
#[derive(Debug)]
pub enum Served {
    /// It is answered: done, or failed as it would have without us.
    Answered,
    /// The kernel may do it: nothing that is guarded can come of it.
    Proceed,
    /// It would make a set-group-id file of what is no directory, and still waits.
    Rights,
    /// It met a wall and still waits.
    Crossing(Box<Crossing>),
}

/// A call that met a wall.
#[derive(Debug, Clone)]
pub struct Crossing {
    /// The true path that it would change.
    pub path: AbsPath,
    /// Which wall.
    pub wall: Wall,
    /// The errno that a refusal gives.
    pub errno: i32,
    what: What,
    leave: Vec<Vec<u8>>,
}

impl Crossing {
    /// What the call would do there, in words for whoever is asked.
    #[must_use]
    pub fn words(&self) -> String {
        words::of(&self.what)
    }
}

/// What stood in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wall {
    /// No writable root covers the path.
    Outside,
    /// It is a root itself, or a device in one: that may be written, and not be removed, replaced, or given another mode or
    /// owner.
    Root,
    /// A guarded glob covers it, or something that would appear or vanish with it.
    Guarded(String),
}

/// The hands can't begin.
#[derive(Debug)]
pub enum FilesError {
    /// A guarded glob makes no sense.
    Glob(Unreadable),
    /// The kernel said no.
    System(std::io::Error),
}

impl std::fmt::Display for FilesError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Glob(glob) => glob.fmt(f),
            Self::System(_) => f.write_str("the gate can't prepare to write on behalf"),
        }
    }
}

impl std::error::Error for FilesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Glob(_) => None,
            Self::System(source) => Some(source),
        }
    }
}

impl From<Errno> for FilesError {
    fn from(errno: Errno) -> Self {
        Self::System(errno.into())
    }
}

/// How a call ends that is not done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// As it would have without us.
    Fails(Errno),
    /// At a wall: the true path, and the errno of a refusal.
    Met(Wall, Vec<u8>),
    /// A file would carry its group's rights.
    Rights,
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Self::Fails(errno)
    }
}

/// What a call gives.
#[derive(Debug)]
pub(crate) enum Given {
    /// 0.
    Nothing,
    /// A descriptor.
    File(OwnedFd, CloseOnExec),
    /// The answer comes from a thread that waits for somebody to open the other end.
    Later,
    /// The kernel may do it.
    Proceed,
}

/// One attempt at a call.
pub(crate) struct Attempt<'a> {
    pub(crate) lookup: Lookup<'a>,
    pub(crate) standing: &'a Standing,
    /// Whether it is done beneath the supervisor's root, where nothing is mounted to be only read.
    pub(crate) past_mounts: bool,
    /// True paths that were approved.
    pub(crate) leave: &'a [Vec<u8>],
    pub(crate) listener: &'a Arc<Listener>,
    pub(crate) call: &'a Notification,
    pub(crate) addresses: &'a mut addresses::Addresses,
    pub(crate) waiting: &'a wait::Waiting,
}

impl<'a> Files<'a> {
    /// Prepares to serve the sandbox whose command is `command`. To be called on the thread that will serve: its umask
    /// and working directory become its own, and as long as this lives it has no capabilities that go past file
    /// permissions in effect (they stay permitted, and come back with an exec or when this is dropped).
    ///
    /// # Errors
    /// [`FilesError`]; then nothing may start.
    pub fn new(command: i32, boundary: &'a Boundary) -> Result<Self, FilesError> {
        let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_CLOEXEC;
        let root = nix::fcntl::open(format!("/proc/{command}/root").as_str(), flags, nix::sys::stat::Mode::empty())?;
        creds::own_umask().map_err(FilesError::System)?;
        let lowered = creds::Lowered::lower().map_err(FilesError::System)?;
        Standing::check(boundary).map_err(FilesError::Glob)?;
        Ok(Self {
            root,
            callers: Callers::new()?,
            boundary,
            standing: OnceCell::new(),
            began: standing::writable(boundary),
            plain: std::path::PathBuf::new(),
            shared: memory::Memory::default(),
            addresses: addresses::Addresses::default(),
            waiting: wait::Waiting::default(),
            turns: turns::Turns::by(None),
            _lowered: lowered,
        })
    }

    /// Where shared memory with a name is kept, if the sandbox has no `/dev/shm` of its own: in the run's own directory.
    #[must_use]
    pub fn sharing_in(mut self, temp: &std::path::Path) -> Self {
        self.shared = memory::Memory::beneath(temp);
        self
    }

    /// With the run's workspace, as it was found: no symlink leads there.
    #[must_use]
    pub fn working_in(mut self, workspace: &AbsPath) -> Self {
        workspace.as_path().clone_into(&mut self.plain);
        self
    }

    /// With a file by which this run's hands and those of the person's other runs act one after the other.
    #[must_use]
    pub fn taking_turns(mut self, lock: &std::path::Path) -> Self {
        self.turns = turns::Turns::by(Some(lock));
        self
    }

    /// Serves one call of [`CALLS`].
    pub fn serve(&mut self, listener: &Arc<Listener>, (name, call): (&str, &Notification)) -> Served {
        self.callers.calls(call.tid);
        let what = match call::copy(name, call) {
            Ok(What::Umask) => {
                self.callers.changes_umask(call.tid);
                return Served::Proceed;
            }
            Ok(what) => self.shared.placed(what, self.root.as_fd()),
            Err(errno) => return fail(listener, call, errno),
        };
        self.attempt(listener, call, (what, Vec::new()))
    }

    /// Puts what was written into a draft where it belongs.
    ///
    /// # Errors
    /// [`Unplaced`]; then nothing was changed, or, where the disk failed in the middle, not all.
    pub fn put(&mut self, draft: &Draft, written: &Written) -> Result<(), Unplaced> {
        let turn = self.turns.take()?;
        let put = draft.put(written);
        self.turns.give(turn);
        put
    }

    /// The path by which a unix socket was bound, if the kernel keeps another one: `kept` is its `sun_path`.
    #[must_use]
    pub fn bound_by(&self, kept: &[u8]) -> Option<&[u8]> {
        self.addresses.asked(kept)
    }

    /// Does a call whose crossing was approved. It is looked up anew, and done only where it comes to the path that
    /// was approved; it may meet another wall.
    pub fn approved(&mut self, listener: &Arc<Listener>, call: &Notification, crossing: &Crossing) -> Served {
        let mut leave = crossing.leave.clone();
        leave.push(path_bytes(&crossing.path));
        self.attempt(listener, call, (crossing.what.clone(), leave))
    }

    fn attempt(
        &mut self,
        listener: &Arc<Listener>,
        call: &Notification,
        (what, leave): (What, Vec<Vec<u8>>),
    ) -> Served {
        match self.trying((listener, call), &leave, |attempt| attempt.make(&what)) {
            None => fail(listener, call, Errno::EPERM),
            Some(Ok(given)) => answer(listener, call, given),
            Some(Err(Stop::Fails(errno))) => fail(listener, call, errno),
            Some(Err(Stop::Rights)) => Served::Rights,
            Some(Err(Stop::Met(wall, path))) => match AbsPath::new(path_of(&path)) {
                Ok(path) => Served::Crossing(Box::new(Crossing { path, wall, errno: libc::EACCES, what, leave })),
                Err(_) => fail(listener, call, Errno::EACCES),
            },
        }
    }

    /// One attempt, with leave for some paths; none where it can't even be begun.
    fn trying<T>(
        &mut self,
        (listener, call): (&Arc<Listener>, &Notification),
        leave: &[Vec<u8>],
        act: impl FnOnce(&mut Attempt<'_>) -> Result<T, Stop>,
    ) -> Option<Result<T, Stop>> {
        let turn = self.turns.take().ok()?;
        if self.standing.get().is_none() {
            let standing = Standing::new(self.root.as_fd(), (self.boundary, &self.began, &self.plain)).ok()?; // never: it was checked
            let _first = self.standing.set(standing);
        }
        let standing = self.standing.get()?;
        // what was approved lies, mostly, where the sandbox's own mounts can only be read
        let past = !leave.is_empty() && !leave.iter().any(|path| standing.is_elsewhere(path));
        let outside = past.then(own_root).transpose().ok()?;
        let root = outside.as_ref().unwrap_or(&self.root).as_fd();
        let lookup = Lookup { root, callers: &mut self.callers, tid: call.tid };
        let past_mounts = outside.is_some();
        let (addresses, waiting) = (&mut self.addresses, &self.waiting);
        let done = act(&mut Attempt { lookup, standing, past_mounts, leave, listener, call, addresses, waiting });
        self.turns.give(turn);
        Some(done)
    }
}

impl Attempt<'_> {
    fn make(&mut self, what: &What) -> Result<Given, Stop> {
        match what {
            What::Open { at, flags, mode } => self.open(at, (*flags, *mode)),
            What::MakeDirectory { at, mode } => self.make_directory(at, *mode),
            What::MakeNode { at, mode, device } => self.make_node(at, (*mode, *device)),
            What::Unlink { at, flags } => self.unlink(at, *flags),
            What::Rename { from, to, flags } => self.rename(from, to, *flags),
            What::Link { from, to } => self.link(from, to),
            What::Symlink { target, at } => self.symlink(target, at),
            What::Alter { of, change } => self.alter(of, change),
            What::Bind { socket, path } => self.bind(*socket, path),
            What::Look { at, last } => self.look(at, *last),
            What::Umask => Ok(Given::Proceed),
        }
    }

    /// The caller's arguments and directories are read: did they come from a caller that still waits?
    pub(crate) fn still(&self) -> Result<(), Stop> {
        if self.listener.is_valid(self.call.id) { Ok(()) } else { Err(Stop::Fails(Errno::EINTR)) }
    }

    /// Does something with the caller's umask.
    pub(crate) fn masked<T>(&mut self, act: impl FnOnce() -> Result<T, Errno>) -> Result<T, Errno> {
        let umask = self.lookup.callers.umask(self.lookup.tid)?;
        let before = creds::umask(umask);
        let done = act();
        let _ours = creds::umask(before);
        done
    }
}

/// The root that the supervisor sees.
fn own_root() -> Result<OwnedFd, Errno> {
    let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_CLOEXEC;
    nix::fcntl::open("/", flags, nix::sys::stat::Mode::empty())
}

fn fail(listener: &Listener, call: &Notification, errno: Errno) -> Served {
    if listener.fail(call.id, errno as i32).is_err() {
        // the caller has gone
    }
    Served::Answered
}

fn answer(listener: &Listener, call: &Notification, given: Given) -> Served {
    let answered = match given {
        Given::Nothing => listener.succeed(call.id, 0),
        Given::File(file, closes) => match listener.succeed_with(call.id, file.as_fd(), closes) {
            Err(err) if err.raw_os_error() != Some(libc::ENOENT) => {
                listener.fail(call.id, err.raw_os_error().unwrap_or(libc::EMFILE))
            }
            done => done.map(|_| ()),
        },
        Given::Later => Ok(()),
        Given::Proceed => return Served::Proceed,
    };
    if answered.is_err() {
        // the caller has gone
    }
    Served::Answered
}

fn path_of(bytes: &[u8]) -> &std::path::Path {
    use std::os::unix::ffi::OsStrExt as _;
    std::path::Path::new(std::ffi::OsStr::from_bytes(bytes))
}

fn path_bytes(path: &AbsPath) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt as _;
    path.as_path().as_os_str().as_bytes().to_vec()
}
