//! Waiting: for descriptors, until a moment, or until everything ends.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

/// A bell: once rung, a poll on it returns at once.
#[derive(Debug)]
pub(crate) struct Bell {
    event: EventFd,
    rung: AtomicBool,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Self> {
        let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        Ok(Self { event, rung: AtomicBool::new(false) })
    }

    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        if self.event.write(1).is_err() {
            // only a full counter refuses, and that one is readable
        }
    }

    /// Makes it quiet again; what it was rung for is looked at afterwards.
    pub(crate) fn silence(&self) {
        self.rung.store(false, Ordering::SeqCst);
        if self.event.read().is_err() {
            // it was not rung
        }
    }

    pub(crate) fn has_rung(&self) -> bool {
        self.rung.load(Ordering::SeqCst)
    }

    pub(crate) fn heard(&self) -> PollFd<'_> {
        PollFd::new(self.event.as_fd(), PollFlags::POLLIN)
    }
}

/// Why a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Something is ready.
    Ready,
    /// The moment has come.
    Late,
    /// Everything is to end.
    Stopped,
}

/// Waits for any of `fds`, the first of which is the end's bell.
pub(crate) fn wait(fds: &mut [PollFd<'_>], until: Option<Instant>) -> io::Result<Woken> {
    loop {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        match poll(fds, timeout(left)) {
            Ok(0) if left.is_none_or(|left| left.is_zero()) => return Ok(Woken::Late),
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) if fds.first().is_some_and(is_ready) => return Ok(Woken::Stopped),
            Ok(_) => return Ok(Woken::Ready),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Waits for one descriptor; fails with `TimedOut` or `Interrupted` (the end).
pub(crate) fn for_one(fd: BorrowedFd<'_>, flags: PollFlags, (until, end): (Instant, &Bell)) -> io::Result<()> {
    let mut fds = [end.heard(), PollFd::new(fd, flags)];
    match wait(&mut fds, Some(until))? {
        Woken::Ready => Ok(()),
        Woken::Late => Err(io::ErrorKind::TimedOut.into()),
        Woken::Stopped => Err(io::ErrorKind::Interrupted.into()),
    }
}

/// Whether a wait found anything on this descriptor.
pub(crate) fn is_ready(fd: &PollFd<'_>) -> bool {
    fd.revents().is_none_or(|flags| !flags.is_empty())
}

/// Rounded up, or a wait would spin through its last millisecond.
fn timeout(left: Option<Duration>) -> PollTimeout {
    let Some(left) = left else {
        return PollTimeout::NONE;
    };
    let up = left.saturating_add(Duration::from_nanos(999_999));
    PollTimeout::try_from(up).unwrap_or(PollTimeout::MAX)
}
