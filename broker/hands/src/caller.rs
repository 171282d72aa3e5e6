//! The threads that call: their directories and umasks, read from `/proc/TID` through a handle that stays with the
//! thread it was opened for, so that a number that is used again is noticed.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::io::Read as _;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use tollgate_sys::at::{self, How, Reach};
use tollgate_sys::pidfd;

use crate::call::Base;

/// How many threads' handles are kept; then all are let go and opened again as they call.
const KEPT: usize = 128;

/// Threads seen.
#[derive(Debug)]
pub(crate) struct Callers {
    proc: OwnedFd,
    seen: HashMap<i32, Caller>,
    /// Threads whose `umask` was let through and may not have happened yet: as long as there are any, no umask that
    /// is read is remembered.
    changing: HashSet<i32>,
    /// The thread whose handle has answered since it began the call that is being served: it is the caller's.
    proven: i32,
}

#[derive(Debug)]
struct Caller {
    home: OwnedFd,
    handle: Option<OwnedFd>,
    umask: Option<u32>,
}

impl Callers {
    pub(crate) fn new() -> Result<Self, Errno> {
        let proc = std::fs::File::open("/proc").map_err(|err| Errno::from_raw(err.raw_os_error().unwrap_or(0)))?;
        Ok(Self { proc: proc.into(), seen: HashMap::new(), changing: HashSet::new(), proven: 0 })
    }

    /// A thread has made a call, so the one before is over.
    pub(crate) fn calls(&mut self, tid: i32) {
        self.proven = 0;
        if !self.changing.is_empty() {
            self.changing.remove(&tid);
        }
    }

    /// A thread is about to change its umask, and with it that of all who share it.
    pub(crate) fn changes_umask(&mut self, tid: i32) {
        self.changing.insert(tid);
        for caller in self.seen.values_mut() {
            caller.umask = None;
        }
    }

    fn caller(&mut self, tid: i32) -> Result<&mut Caller, Errno> {
        if !self.seen.contains_key(&tid) {
            if self.seen.len() >= KEPT {
                self.seen.clear();
                let proc = self.proc.as_fd();
                self.changing.retain(|tid| home(proc, *tid).is_ok());
            }
            let home = home(self.proc.as_fd(), tid)?;
            self.seen.insert(tid, Caller { home, handle: None, umask: None });
        }
        self.seen.get_mut(&tid).ok_or(Errno::ESRCH)
    }

    /// What the kernel calls a thread's working directory, or the object behind one of its descriptors.
    pub(crate) fn name_of(&mut self, tid: i32, base: Base) -> Result<Vec<u8>, Errno> {
        let link = match base {
            Base::Cwd => CString::from(c"cwd"),
            Base::Fd(fd) => CString::new(format!("fd/{fd}")).map_err(|_| Errno::EBADF)?,
        };
        if let Ok(name) = at::read_link(self.caller(tid)?.home.as_fd(), &link) {
            self.proven = tid;
            return Ok(name);
        }
        // the handle may be that of a thread that has gone
        self.seen.remove(&tid);
        at::read_link(self.caller(tid)?.home.as_fd(), &link).map_err(|errno| match (errno, base) {
            (Errno::ENOENT, Base::Fd(_)) => Errno::EBADF,
            (errno, _) => errno,
        })
    }

    /// The object behind a thread's working directory or descriptor itself.
    pub(crate) fn object(&mut self, tid: i32, base: Base) -> Result<OwnedFd, Errno> {
        match base {
            Base::Fd(fd) => self.descriptor(tid, fd),
            Base::Cwd => {
                let path = format!("/proc/{tid}/cwd");
                let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC;
                nix::fcntl::open(path.as_str(), flags, nix::sys::stat::Mode::empty())
            }
        }
    }

    /// A thread's descriptor: the same open file description.
    pub(crate) fn descriptor(&mut self, tid: i32, fd: i32) -> Result<OwnedFd, Errno> {
        let caller = self.caller(tid)?;
        if let Some(handle) = &caller.handle {
            match pidfd::descriptor(handle.as_fd(), fd) {
                Err(err) if err.raw_os_error() == Some(libc::ESRCH) => {} // another thread's, by now
                got => return got.map_err(|err| plain(&err)),
            }
        }
        let handle = pidfd::open(tid).map_err(|err| plain(&err))?;
        let got = pidfd::descriptor(handle.as_fd(), fd).map_err(|err| plain(&err));
        caller.handle = Some(handle);
        got
    }

    /// A thread's umask.
    pub(crate) fn umask(&mut self, tid: i32) -> Result<u32, Errno> {
        if self.proven != tid {
            // a thread that has gone has no directory
            self.name_of(tid, Base::Cwd)?;
        }
        let settled = self.changing.is_empty();
        let caller = self.caller(tid)?;
        if let Some(umask) = caller.umask {
            return Ok(umask);
        }
        // one read: the kernel writes all of it anew for each look
        let mut status = [0; 1024];
        let how = How { flags: libc::O_RDONLY, mode: 0 };
        let file = at::open(caller.home.as_fd(), c"status", how, Reach::Name)?;
        let length = std::fs::File::from(file).read(&mut status).map_err(|_| Errno::ESRCH)?;
        let status = status.get(..length).unwrap_or_default();
        let umask = field(status, "Umask:").and_then(|text| u32::from_str_radix(text, 8).ok()).ok_or(Errno::EPERM)?;
        caller.umask = settled.then_some(umask);
        Ok(umask)
    }

    /// How a thread calls itself in `/proc`, by process and thread, in its own process-id namespace.
    pub(crate) fn own_ids(tid: i32) -> Result<(i32, i32), Errno> {
        let status = std::fs::read(format!("/proc/{tid}/status")).map_err(|_| Errno::ESRCH)?;
        let last = |head: &str| field(&status, head)?.split_ascii_whitespace().next_back()?.parse::<i32>().ok();
        Ok((last("NStgid:").ok_or(Errno::ESRCH)?, last("NSpid:").ok_or(Errno::ESRCH)?))
    }
}

/// A line of `/proc/TID/status`. The process's name in it may be any bytes.
fn field<'a>(status: &'a [u8], head: &str) -> Option<&'a str> {
    let line = status.split(|&b| b == b'\n').find_map(|line| line.strip_prefix(head.as_bytes()))?;
    std::str::from_utf8(line).ok().map(str::trim)
}

fn home(proc: BorrowedFd<'_>, tid: i32) -> Result<OwnedFd, Errno> {
    let name = CString::new(tid.to_string()).map_err(|_| Errno::ESRCH)?;
    at::open(proc, &name, How::DIRECTORY, Reach::Name)
}

fn plain(err: &std::io::Error) -> Errno {
    Errno::from_raw(err.raw_os_error().unwrap_or(libc::EBADF))
}
