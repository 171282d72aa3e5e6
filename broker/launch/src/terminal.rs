//! The command's terminal: a pty of its own, relayed to the user's through a filter.

use nix::unistd::Pid;
use tollgate_sys::news::News;

use crate::fault::LaunchError;

/// A new pty for a command whose standard input, output or error is a terminal.
#[derive(Debug)]
pub struct Terminal {}

/// A terminal in use: relayed by a thread. Dropping it restores the user's terminal.
#[derive(Debug)]
pub struct Attached {}

impl Terminal {
    /// Opens a pty if any of 0, 1, 2 is a terminal; none if none is (the command then has no controlling terminal).
    ///
    /// # Errors
    /// [`LaunchError::Step`] with `Step::Stdio`.
    pub fn open() -> Result<Option<Self>, LaunchError> {
        Ok(None)
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
    /// To be told all news. On [`News::Stopped`] it gives the terminal back, stops the calling process as the command
    /// was stopped, and, once continued, takes the terminal again and resumes the command.
    pub fn heed(&self, news: News) {
        let _ = news;
    }

    /// After the run's end: writes out what is left and restores the user's terminal.
    pub fn finish(self) {}
}
