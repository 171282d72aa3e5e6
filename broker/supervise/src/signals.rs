//! Signals to the supervisor as events: its children's and tracees' changes, and what is to be handed on.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that are handed on to the command.
const HANDED_ON: [Signal; 6] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// The supervisor's signals. To be made while the process has one thread, after the fork: threads inherit the mask,
/// and a thread without it would swallow the signals.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks the signals and opens the descriptor that they are read from.
    ///
    /// # Errors
    /// What `sigprocmask(2)` and `signalfd(2)` say.
    pub fn take() -> io::Result<Self> {
        let mut set = SigSet::empty();
        set.add(Signal::SIGCHLD);
        for signal in HANDED_ON {
            set.add(signal);
        }
        set.thread_block()?;
        Ok(Self(SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?))
    }

    /// The next signal, if there is one.
    ///
    /// # Errors
    /// What `read(2)` says.
    pub(crate) fn next(&self) -> io::Result<Option<Signal>> {
        Ok(match self.0.read_signal()? {
            Some(news) => i32::try_from(news.ssi_signo).ok().and_then(|n| Signal::try_from(n).ok()),
            None => None,
        })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
