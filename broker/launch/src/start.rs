//! Starting: forks the guard, which forks the command; comes back when the command is at its door (execve).

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;

use nix::fcntl::OFlag;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, pipe2, read};
use tollgate_policy::boundary::Enforced;
use tollgate_sys::handover::{self, Heard, Word};
use tollgate_sys::namespaces::Set;
use tollgate_sys::process::{self, Fork};
use tollgate_sys::{fds, masks};

use crate::attempt::Attempt;
use crate::command::Command;
use crate::fault::{LaunchError, Step};
use crate::guard;
use crate::layout::Layout;
use crate::plan::Plan;
use crate::recipe::Wires;
use crate::sweep::{self, Scope};
use crate::terminal::Terminal;

/// A started run. The command is about to execute its program: its own `execve` is the first call that the gate sees.
#[derive(Debug)]
pub struct Started {
    /// The guard, a child of the caller. It ends after all else in the run has: see [`Remains::end`].
    /// `SIGTERM` to it ends the run: all is killed.
    pub guard: Pid,
    /// The command, leader of its process group; its id as the caller sees it.
    pub command: Pid,
    /// The filter's listener; none if the filter hands nothing to the gate.
    pub listener: Option<OwnedFd>,
    /// Pipe with `tollgate_sys::news` messages. The first ending (exited, signalled, failed) counts; when an exit or a
    /// signal is told, all else in the run is dead already. End of file without an ending: the guard was killed.
    pub news: OwnedFd,
    /// What holds, as a fact.
    pub enforced: Enforced,
    /// Paths that the command sees elsewhere: inside, outside. (`/tmp` inside is the private temp directory.)
    pub views: Vec<(PathBuf, PathBuf)>,
    /// What is to be waited for last.
    pub remains: Remains,
}

/// What is left to wait for when a run is over.
#[derive(Debug)]
pub struct Remains {
    guard: Pid,
    swept: OwnedFd,
}

/// A command at its door.
struct Ready {
    guard: Pid,
    heard: Heard,
    news: OwnedFd,
    swept: OwnedFd,
}

impl Plan {
    /// Forks and comes back when the command has entered its boundary. `TMPDIR` is set here. If a step fails that the
    /// boundary can do without (namespaces refused), tries again without it and says so in [`Started::enforced`].
    ///
    /// # Errors
    /// [`LaunchError`]; then nothing runs and nothing is left.
    pub fn start(self, command: &Command, terminal: Option<&Terminal>) -> Result<Started, LaunchError> {
        self.start_meanwhile(command, terminal, &mut || ())
    }

    /// As [`Plan::start`], with something to do while guard and command are on their way, at each try. It must start no
    /// thread.
    ///
    /// # Errors
    /// As [`Plan::start`].
    pub fn start_meanwhile(
        self,
        command: &Command,
        terminal: Option<&Terminal>,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Started, LaunchError> {
        if !process::is_single_threaded() {
            return Err(LaunchError::Threads);
        }
        fds::fill_standard().map_err(|e| LaunchError::Step(Step::Stdio, e))?;
        let mut attempt = Attempt::first(&self);
        loop {
            let enforced = attempt.enforced(&self);
            self.demand(&enforced)?;
            match self.attempt(&attempt, (command, terminal), meanwhile) {
                Ok(Ready { guard, heard, news, swept }) => {
                    let views = self.views(&attempt);
                    let command = Pid::from_raw(heard.sender);
                    let remains = Remains { guard, swept };
                    return Ok(Started { guard, command, listener: heard.listener, news, enforced, views, remains });
                }
                Err(LaunchError::Step(step, error)) => {
                    attempt = attempt.after(step, &error).ok_or(LaunchError::Step(step, error))?;
                }
                Err(other) => return Err(other),
            }
        }
    }

    fn views(&self, attempt: &Attempt) -> Vec<(PathBuf, PathBuf)> {
        let places: &[&str] = if attempt.set.has(Set::MOUNT) { &["/tmp", "/var/tmp"] } else { &[] };
        places.iter().map(|inside| (PathBuf::from(inside), self.temp.path().to_owned())).collect()
    }

    fn attempt(
        &self,
        attempt: &Attempt,
        what: (&Command, Option<&Terminal>),
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Ready, LaunchError> {
        let plumbing = |e: io::Error| LaunchError::Step(Step::Plumbing, e);
        // Never taken apart: after the fork each page that is written is copied first.
        let layout = ManuallyDrop::new(Layout::new(self, attempt, what)?);
        let ends = handover::ends().map_err(plumbing)?;
        let (news, news_end) = pipe2(OFlag::O_CLOEXEC).map_err(|e| plumbing(e.into()))?;
        let (swept, swept_end) = pipe2(OFlag::O_CLOEXEC).map_err(|e| plumbing(e.into()))?;
        if !attempt.set.has(Set::PID) {
            // Where the guard could be killed from inside (Landlock before ABI 6), its children come here.
            process::adopt_orphans().map_err(plumbing)?;
        }
        // Nothing may interrupt guard and command on their way; the command gets the old mask back.
        let mask = masks::block_all().map_err(plumbing)?;
        let forked = process::fork(attempt.set);
        if let Ok(Fork::Child) = forked {
            drop((news, swept));
            guard::live(&layout, Wires { word: ends.child, news: news_end, swept: swept_end, mask }, ends.parent)
        }
        mask.restore().map_err(plumbing)?;
        let Fork::Parent(guard) = forked.map_err(|e| LaunchError::Step(Step::Guard, e))? else {
            process::exit(125) // never: the child has left above
        };
        let guard = Pid::from_raw(guard);
        drop((ends.child, news_end, swept_end));
        // Guard and command are busy with mounts and limits meanwhile.
        if let Err(e) = layout
            .rules()
            .and_then(|rules| rules.map_or(Ok(()), |rules| handover::deliver(ends.parent.as_fd(), rules.as_fd())))
        {
            drop(ends.parent); // the command waits for the ruleset; now it gives up
            reap(guard);
            return Err(LaunchError::Step(Step::Ruleset, e));
        }
        meanwhile();
        match handover::receive(ends.parent.as_fd()) {
            Ok(Some(heard @ Heard { word: Word::Ready(_), .. })) => Ok(Ready { guard, heard, news, swept }),
            Ok(Some(Heard { word: Word::Failed { step, errno }, .. })) => {
                reap(guard);
                let step = Step::ALL.get(usize::from(step)).copied().unwrap_or(Step::Guard);
                Err(LaunchError::Step(step, io::Error::from_raw_os_error(errno)))
            }
            silent => {
                reap(guard);
                let why = silent.err().unwrap_or_else(|| io::Error::from_raw_os_error(libc::ECHILD));
                Err(LaunchError::Step(Step::Handover, why))
            }
        }
    }
}

fn reap(guard: Pid) {
    while waitpid(guard, None) == Err(nix::Error::EINTR) {}
}

impl Remains {
    /// Waits until nothing of the run is left. To be called last, however the run ended. If the guard itself was
    /// killed, what it left is killed here, and with it every other child of the caller.
    ///
    /// The guard is on its way out then, and may show as a zombie for a moment; who lives on must wait for it some time.
    pub fn end(self) {
        let mut word = [0u8];
        let swept = loop {
            match read(&self.swept, &mut word) {
                Err(nix::Error::EINTR) => {}
                other => break other,
            }
        };
        if swept != Ok(1) {
            reap(self.guard);
            sweep::all(Scope::Descendants, |_| {});
        }
    }
}
