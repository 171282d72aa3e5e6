//! Signals to the supervisor as events: its children's and tracees' changes, and what is to be handed on.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Signals that are handed on to the command.
const HANDED_ON: [Signal; 6] =
    [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT, Signal::SIGUSR1, Signal::SIGUSR2];

/// Signals that are handed on as well where the command stands for a job of somebody else's terminal.
const OF_A_JOB: [Signal; 2] = [Signal::SIGTSTP, Signal::SIGCONT];

/// What the command gets for a signal: outside it has no terminal of its own, and stops at one signal only.
pub(crate) fn meant(signal: Signal) -> Signal {
    if signal == Signal::SIGTSTP { Signal::SIGSTOP } else { signal }
}

/// What becomes of a window's new size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// It is handed on as a signal.
    HandedOn,
    /// Somebody else of this process sees to it.
    SeenTo,
}

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
        Self::of(HANDED_ON.into_iter().chain([Signal::SIGCHLD]).collect())
    }

    /// As [`Signals::take`], with those of job control: for a command that runs outside, in another's place. News of
    /// the window's size are a relay's, if it has a terminal of its own.
    ///
    /// # Errors
    /// As [`Signals::take`].
    pub fn take_all(screen: Size) -> io::Result<Self> {
        let size = (screen == Size::HandedOn).then_some(Signal::SIGWINCH);
        Self::of(HANDED_ON.into_iter().chain(OF_A_JOB).chain(size).chain([Signal::SIGCHLD]).collect())
    }

    fn of(set: SigSet) -> io::Result<Self> {
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
