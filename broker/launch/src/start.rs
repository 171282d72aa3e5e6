//! Starting: forks the guard, which forks the command; comes back when the command is at its door (execve).

use std::os::fd::OwnedFd;

use nix::unistd::Pid;
use tollgate_policy::boundary::Enforced;

use crate::command::Command;
use crate::fault::LaunchError;
use crate::plan::Plan;
use crate::terminal::Terminal;

/// A started run. The command is about to execute its program: its own `execve` is the first call that the gate sees.
#[derive(Debug)]
pub struct Started {
    /// The guard, a child of the caller. It ends after all else in the run has: wait for it last.
    /// `SIGTERM` to it ends the run: all is killed.
    pub guard: Pid,
    /// The command, leader of its process group; its id as the caller sees it.
    pub command: Pid,
    /// The filter's listener; none if the filter hands nothing to the gate.
    pub listener: Option<OwnedFd>,
    /// Pipe with `tollgate_sys::news` messages. The first ending (exited, signalled, failed) counts; end of file
    /// without one means that the guard was killed.
    pub news: OwnedFd,
    /// What holds, as a fact.
    pub enforced: Enforced,
}

impl Plan {
    /// Forks and comes back when the command has entered its boundary. `TMPDIR` is set here. If a step fails that the
    /// boundary can do without (namespaces refused), tries again without it and says so in [`Started::enforced`].
    ///
    /// # Errors
    /// [`LaunchError`]; then nothing runs and nothing is left.
    pub fn start(self, command: &Command, terminal: Option<&Terminal>) -> Result<Started, LaunchError> {
        let _ = (command, terminal);
        Err(LaunchError::Threads)
    }
}
