//! Starting: forks the guard, tells it what to do, and comes back when the command, its child, is at its door (execve).

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;

use nix::fcntl::OFlag;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, pipe2, read};
use tollgate_policy::boundary::Enforced;
use tollgate_sys::handover::{self, Heard, Pass, Word};
use tollgate_sys::namespaces::{Maps, Set};
use tollgate_sys::probe::Probe;
use tollgate_sys::process::{self, Fork};
use tollgate_sys::{fds, masks};

use crate::attempt::{self, Attempt};
use crate::command::Command;
use crate::fault::{LaunchError, Step};
use crate::guard::{self, Post};
use crate::layout::Layout;
use crate::lookup::Lookup;
use crate::plan::{Options, Plan};
use crate::recipe::{Failed, Wires, at};
use crate::sweep::{self, Scope};
use crate::temp::PrivateTemp;
use crate::terminal::Terminal;
use crate::usual::{Foresight, Usual};

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

impl Plan {
    /// Forks and comes back when the command has entered its boundary. `TMPDIR` is set here. If a step fails that the
    /// boundary can do without (namespaces refused), tries again without it and says so in [`Started::enforced`].
    ///
    /// # Errors
    /// [`LaunchError`]; then nothing runs and nothing is left.
    pub fn start(self, command: &Command, terminal: Option<&Terminal>) -> Result<Started, LaunchError> {
        self.start_meanwhile((command, terminal), None, &mut || ())
    }

    /// As [`Plan::start`], with a guard that was forked ahead, and with something to do while guard and command are on
    /// their way, at each try. It must start no thread.
    ///
    /// # Errors
    /// As [`Plan::start`].
    pub fn start_meanwhile(
        self,
        (command, terminal): (&Command, Option<&Terminal>),
        mut ahead: Option<Ahead>,
        meanwhile: &mut dyn FnMut(),
    ) -> Result<Started, LaunchError> {
        let mut attempt = Attempt::first(&self);
        loop {
            let enforced = attempt.enforced(&self);
            self.demand(&enforced)?;
            match self.attempt((&attempt, ahead.take()), (command, terminal), meanwhile) {
                Ok((post, heard)) => {
                    let Guarding { guard, news, swept, .. } = post;
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
        (attempt, ahead): (&Attempt, Option<Ahead>),
        what: (&Command, Option<&Terminal>),
        meanwhile: &mut dyn FnMut(),
    ) -> Result<(Guarding, Heard), LaunchError> {
        // Never taken apart: a launch is short.
        let mut layout = ManuallyDrop::new(Layout::new(self, attempt, what)?);
        // One that was forked into other namespaces goes here.
        let guarding = match ahead.and_then(|ahead| ahead.with(attempt.set)) {
            Some(guarding) => guarding,
            None => Guarding::fork(Post { temp: &self.temp, terminal: what.1, set: attempt.set, foresight: None })?,
        };
        layout.order.filter = self.filter.to_send(&self.pass, guarding.foresight.is_some())?;
        let end = guarding.end.as_fd();
        let ordered = layout.order.send(end).map_err(at(Step::Plumbing));
        // Guard and command are busy with mounts and limits meanwhile.
        let mut lookup = Lookup::with_plain(&what.0.cwd);
        let told = ordered.and_then(|()| guarding.ruleset()).and_then(|ahead| {
            let is_filled = ahead.is_some();
            let filled = || if is_filled { guarding.filled() } else { Ok(0) };
            let usual = guarding.foresight.as_ref().map(|foresight| &foresight.usual);
            let rules = layout.rules(&mut lookup, usual.zip(ahead), filled)?;
            rules.map_or(Ok(()), |rules| handover::deliver(end, rules.as_fd())).map_err(at(Step::Ruleset))
        });
        drop(lookup);
        match told {
            Ok(()) => meanwhile(),
            // It has given up already, and said why.
            Err((_, e)) if e.raw_os_error() == Some(libc::EPIPE) => {}
            Err(failed) => return Err(guarding.failed(failed)),
        }
        loop {
            match handover::receive(end) {
                Ok(Some(Heard { word: Word::Ahead | Word::Filled(_), .. })) => {}
                Ok(Some(heard @ Heard { word: Word::Ready(_), .. })) => return Ok((guarding, heard)),
                other => return Err(guarding.failed(why(other))),
            }
        }
    }
}

/// Why a child went, from its last word or its silence.
fn why(heard: io::Result<Option<Heard>>) -> Failed {
    match heard {
        Ok(Some(Heard { word: Word::Failed { step, errno }, .. })) => {
            let step = Step::ALL.get(usize::from(step)).copied().unwrap_or(Step::Guard);
            (step, io::Error::from_raw_os_error(errno))
        }
        silent => (Step::Handover, silent.err().unwrap_or_else(|| io::Error::from_raw_os_error(libc::ECHILD))),
    }
}

/// A guard forked before it is known what for: while the caller reads policies, it makes its namespaces. It does nothing
/// that is seen outside before it has its order, and goes if this is dropped.
#[derive(Debug)]
pub struct Ahead(Option<Guarding>);

impl Ahead {
    /// Forks it into the namespaces that a boundary usually asks for. None where that fails; [`Plan::start_meanwhile`]
    /// finds out why. The plan must then be made with the same `temp` and `options`.
    #[must_use]
    pub fn fork(
        (temp, terminal): (&PrivateTemp, Option<&Terminal>),
        (probe, options): (Probe, Options),
        usual: Usual,
    ) -> Option<Self> {
        let namespaces = Set::MOUNT.with(Set::PID).with(Set::IPC).with(Set::UTS);
        let set = attempt::needed(namespaces, probe, options)?;
        let foresight = Foresight { usual, kernel: probe.landlock_abi, options, pass: Pass::new().ok()? };
        let mut guarding = Guarding::fork(Post { temp, terminal, set, foresight: Some(&foresight) }).ok()?;
        guarding.foresight = Some(foresight);
        Some(Self(Some(guarding)))
    }

    /// What it prepares.
    pub(crate) fn foresight(&self) -> Option<&Foresight> {
        self.0.as_ref().and_then(|guarding| guarding.foresight.as_ref())
    }

    /// It, if those are its namespaces.
    fn with(mut self, set: Set) -> Option<Guarding> {
        self.0.take_if(|guarding| guarding.set == set)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(guarding) = self.0.take() {
            guarding.dismiss();
        }
    }
}

/// The caller's hold on a guard, until the command is ready.
#[derive(Debug)]
struct Guarding {
    guard: Pid,
    set: Set,
    end: OwnedFd,
    news: OwnedFd,
    swept: OwnedFd,
    /// What it prepares ahead, if anything.
    foresight: Option<Foresight>,
}

impl Guarding {
    fn fork(post: Post<'_>) -> Result<Self, LaunchError> {
        let plumbing = |e: io::Error| LaunchError::Step(Step::Plumbing, e);
        if !process::is_single_threaded() {
            return Err(LaunchError::Threads);
        }
        fds::fill_standard().map_err(|e| LaunchError::Step(Step::Stdio, e))?;
        let ends = handover::ends().map_err(plumbing)?;
        let (news, news_end) = pipe2(OFlag::O_CLOEXEC).map_err(|e| plumbing(e.into()))?;
        let (swept, swept_end) = pipe2(OFlag::O_CLOEXEC).map_err(|e| plumbing(e.into()))?;
        if !post.set.has(Set::PID) {
            // Where the guard could be killed from inside (Landlock before ABI 6), its children come here.
            process::adopt_orphans().map_err(plumbing)?;
        }
        let maps = post.set.has(Set::USER).then(Maps::same);
        // Nothing may interrupt guard and command on their way; the command gets the old mask back.
        let mask = masks::block_all().map_err(plumbing)?;
        let forked = process::fork(post.set.only(guard::BIRTH));
        if let Ok(Fork::Child) = forked {
            drop((news, swept));
            guard::live(post, Wires { word: ends.child, news: news_end, swept: swept_end, mask, maps }, ends.parent)
        }
        mask.restore().map_err(plumbing)?;
        let Fork::Parent(guard) = forked.map_err(|e| LaunchError::Step(Step::Guard, e))? else {
            process::exit(125) // never: the child has left above
        };
        Ok(Self { guard: Pid::from_raw(guard), set: post.set, end: ends.parent, news, swept, foresight: None })
    }

    /// How many usual roots it has added to that ruleset.
    fn filled(&self) -> Result<u32, Failed> {
        match handover::receive(self.end.as_fd()) {
            Ok(Some(Heard { word: Word::Filled(count), .. })) => Ok(count),
            other => Err(why(other)),
        }
    }

    /// The ruleset that it fills ahead.
    fn ruleset(&self) -> Result<Option<OwnedFd>, Failed> {
        if self.foresight.is_none() {
            return Ok(None);
        }
        match handover::receive(self.end.as_fd()) {
            Ok(Some(Heard { word: Word::Ahead, listener, .. })) => Ok(listener),
            other => Err(why(other)),
        }
    }

    /// Nothing is to be started: it sees the other end close, and goes.
    fn dismiss(self) {
        drop(self.end);
        reap(self.guard);
    }

    fn failed(self, (step, error): Failed) -> LaunchError {
        self.dismiss();
        LaunchError::Step(step, error)
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
