//! From fork to exec, on the command's side. Each step is a door that opens one way: its type gives the next step only.
//!
//! ```text
//! Fresh::new(task, wires).take_place()?.limit()?.drop_capabilities()?.install_filter()?.restrict_paths()?.execute()
//! ```

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::sys::signal::Signal;
use tollgate_sys::handover::{self, Pass, Word};
use tollgate_sys::landlock::Ruleset;
use tollgate_sys::masks::Mask;
use tollgate_sys::namespaces::Maps;
use tollgate_sys::news::News;
use tollgate_sys::seccomp::Installed;
use tollgate_sys::{caps, fds, limits, masks, process, seccomp};

use crate::fault::Step;
use crate::guard::Task;
use crate::order::Order;

/// What guard and command have of the supervisor.
#[derive(Debug)]
pub(crate) struct Wires {
    /// For one last word before exec.
    pub(crate) word: OwnedFd,
    /// For news of the command.
    pub(crate) news: OwnedFd,
    /// For the guard's very last word: all is swept.
    pub(crate) swept: OwnedFd,
    /// The signal mask that the command gets back.
    pub(crate) mask: Mask,
    /// For a user namespace of the guard's own.
    pub(crate) maps: Option<Maps>,
}

/// A step that failed, and why.
pub(crate) type Failed = (Step, io::Error);

pub(crate) fn at(step: Step) -> impl Fn(io::Error) -> Failed {
    move |error| (step, error)
}

/// Just forked: may do what the supervisor may.
pub(crate) struct Fresh<'a>(&'a Task<'a>);
/// In its place: session, group, terminal, directory, signals.
pub(crate) struct Placed<'a>(&'a Task<'a>);
/// Under its resource limits.
pub(crate) struct Limited<'a>(&'a Task<'a>);
/// Without capabilities, and no way to new ones.
pub(crate) struct Powerless<'a>(&'a Task<'a>);
/// Under its filter.
pub(crate) struct Filtered<'a>(&'a Task<'a>, Installed);
/// In its Landlock domain, too. It is left to say so.
pub(crate) struct Restricted<'a>(&'a Task<'a>, Installed);
/// Announced, and without the filter's listener. All that is left is to execute.
pub(crate) struct Ready<'a>(&'a Task<'a>);

/// The command's whole way. Does not return; what fails is reported, and nothing is run.
pub(crate) fn cook(task: &Task<'_>, wires: &Wires) -> ! {
    let pass = &task.order.pass;
    match recipe(task, wires) {
        Ok(ready) => {
            let errno = ready.execute().raw_os_error().unwrap_or(libc::EINVAL);
            if handover::write(wires.news.as_fd(), &News::Failed(errno).encode(), pass).is_err() {
                handover::exit(125, pass) // the guard reports at least that
            }
        }
        Err(failed) => report(wires, failed, pass),
    }
    handover::exit(124, pass)
}

fn recipe<'a>(task: &'a Task<'a>, wires: &Wires) -> Result<Ready<'a>, Failed> {
    Fresh(task)
        .take_place(&wires.mask)?
        .limit()?
        .drop_capabilities()?
        .install_filter()?
        .restrict_paths(wires)?
        .say_ready(wires)
}

/// Tells the supervisor of a step that failed.
pub(crate) fn report(wires: &Wires, (step, error): Failed, pass: &Pass) {
    let number = Step::ALL.iter().position(|one| *one == step).and_then(|at| u8::try_from(at).ok());
    let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
    let word = Word::Failed { step: number.unwrap_or(u8::MAX), errno };
    // If not even that can be said, the supervisor sees the other end close, and takes it for a failure as well.
    let _said_or_closed = handover::send(wires.word.as_fd(), word, None, pass);
}

impl<'a> Fresh<'a> {
    /// A process group of its own, in the guard's session: so it can be stopped and signalled as a job.
    fn take_place(self, mask: &Mask) -> Result<Placed<'a>, Failed> {
        let task = self.0;
        let stdio = at(Step::Stdio);
        // The kernel, too, ends the command if the guard is killed.
        process::signal_on_parent_death(libc::SIGKILL).map_err(at(Step::Session))?;
        process::new_group().map_err(at(Step::Session))?;
        if let Some(terminal) = task.post.terminal {
            terminal.settle().map_err(stdio)?;
        }
        fds::close_all_on_exec().map_err(at(Step::Stdio))?;
        process::enter_directory(&task.order.cwd, task.order.stands).map_err(at(Step::Directory))?;
        // The supervisor may be closed to inspection; the gate must be able to look into the command.
        process::inspection(process::Inspection::Open).map_err(at(Step::Session))?;
        masks::default_action(Signal::SIGPIPE).map_err(at(Step::Session))?;
        mask.restore().map_err(at(Step::Session))?;
        Ok(Placed(task))
    }
}

impl<'a> Placed<'a> {
    fn limit(self) -> Result<Limited<'a>, Failed> {
        for (resource, most) in &self.0.order.limits {
            limits::lower(*resource, *most).map_err(at(Step::Limits))?;
        }
        Ok(Limited(self.0))
    }
}

impl<'a> Limited<'a> {
    fn drop_capabilities(self) -> Result<Powerless<'a>, Failed> {
        caps::drop_all().map_err(at(Step::Capabilities))?;
        process::forgo_new_privileges().map_err(at(Step::Capabilities))?;
        Ok(Powerless(self.0))
    }
}

impl<'a> Powerless<'a> {
    /// Before the ruleset is there: the kernel compiles the filter while the supervisor still looks up roots.
    fn install_filter(self) -> Result<Filtered<'a>, Failed> {
        let installed = seccomp::install(&self.0.filter).map_err(at(Step::Filter))?;
        Ok(Filtered(self.0, installed))
    }
}

impl<'a> Filtered<'a> {
    /// The ruleset comes from the supervisor, which made it meanwhile; what only exists in here is added.
    fn restrict_paths(self, wires: &Wires) -> Result<Restricted<'a>, Failed> {
        let Order { abi, pass, .. } = &self.0.order;
        if *abi > 0 {
            let parcel = handover::collect(wires.word.as_fd(), pass).map_err(at(Step::Ruleset))?;
            let ruleset = Ruleset::from_fd(parcel, *abi, *pass);
            for (object, rights) in &self.0.late {
                ruleset.allow(object, *rights).map_err(at(Step::Ruleset))?;
            }
            ruleset.enter().map_err(at(Step::Landlock))?;
        }
        Ok(Restricted(self.0, self.1))
    }
}

impl<'a> Restricted<'a> {
    fn say_ready(self, wires: &Wires) -> Result<Ready<'a>, Failed> {
        let Self(task, Installed { listener, listening }) = self;
        let sent = listener.as_ref().map(OwnedFd::as_fd);
        handover::send(wires.word.as_fd(), Word::Ready(listening), sent, &task.order.pass)
            .map_err(at(Step::Handover))?;
        // The supervisor's is then the only one: if it is killed, calls that wait for it fail at once, this one's
        // own execve first of all.
        drop(listener);
        Ok(Ready(task))
    }
}

impl Ready<'_> {
    /// Comes back only with an error.
    fn execute(&self) -> io::Error {
        self.0.image.execute()
    }
}
