//! The gate: the notification loop, one file a kind of call. It judges at notification, looks again at the exec
//! stop, holds what is asked, writes down what was decided. No async runtime, one thread; it writes to no terminal.

mod address;
mod calls;
mod canary;
mod connect;
mod drafts;
mod escalate;
mod evidence;
mod exec;
mod gate;
mod hold;
mod image;
mod join;
mod lately;
mod limits;
mod loader;
mod merge;
mod net;
pub mod outlet;
pub mod outside;
mod paths;
mod places;
mod preallocate;
mod processors;
mod program;
mod record;
mod request;
mod review;
mod signals;
mod tell;
mod tree;
mod verify;
mod wall;

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tollgate_ledger::record::{Recorder, RunStarted, Unwritten};
use tollgate_policy::boundary::Boundary;
use tollgate_policy::grant::Grants;
use tollgate_policy::policy::Policy;
use tollgate_policy::subject::Subject;
use tollgate_sys::news::News;
use tollgate_sys::wait::Change;
use tollgate_wire::ask::Asker;

pub use gate::GateError;
pub use outside::Outside;
pub use signals::{Signals, Size};

/// Files that the gate may have open at once, where the machine allows so many.
const DESCRIPTORS: u64 = 1 << 16;

/// Everything a run's supervision needs; the processes are already there, the command waits at its first exec.
pub struct Run<'a> {
    /// The run's id.
    pub id: String,
    /// Who acts.
    pub subject: Subject,
    /// What judges.
    pub policy: &'a Policy,
    /// What was approved for it before it began.
    pub grants: Grants,
    /// What was laid around the command.
    pub boundary: &'a Boundary,
    /// How the run begins, for the ledger.
    pub started: RunStarted,
    /// When it began.
    pub begun: Instant,
    /// How long a question may stay open.
    pub deadline: Duration,
    /// The command's process id, as seen here.
    pub command: i32,
    /// The run's own temp directory, as it lies outside.
    pub temp: std::path::PathBuf,
    /// The file by which the gates of a person's runs act one after the other.
    pub turns: std::path::PathBuf,
    /// The guard's process id.
    pub guard: i32,
    /// The filter's listener; none where the kernel has no notifications (a gap that was looked at).
    pub listener: Option<OwnedFd>,
    /// The guard's news of the command.
    pub news: OwnedFd,
    /// Signals, taken before any thread was started.
    pub signals: Signals,
    /// Where it is written.
    pub recorder: &'a dyn Recorder,
    /// Called once, before the first exec is let through: the ledger is open and takes records, or nothing runs.
    pub ready: &'a mut dyn FnMut() -> Result<(), Unwritten>,
    /// Named egress.
    pub outlet: Arc<dyn outlet::Outlet>,
    /// Who is asked.
    pub asker: &'a mut dyn Asker,
    /// What kind of run it is.
    pub role: Role<'a>,
    /// Called when the command was stopped by a signal (job control): stops the supervisor as its shell expects.
    pub stopped: &'a mut dyn FnMut(i32),
    /// Called when it goes on after that.
    pub continued: &'a mut dyn FnMut(),
}

/// What kind of run it is.
pub enum Role<'a> {
    /// One that a person started, and who runs its approved commands outside; where nobody does, they run inside, too.
    Inside(Option<&'a mut dyn Outside>),
    /// One approved command of another run: its first exec was answered for already. When the other end of this line
    /// closes, everything is ended.
    Outside(OwnedFd),
}

impl Role<'_> {
    pub(crate) fn outside(&self) -> Option<&dyn Outside> {
        match self {
            Self::Inside(outside) => outside.as_deref().map(|outside| outside as &dyn Outside),
            Self::Outside(_) => None,
        }
    }

    pub(crate) fn outside_mut(&mut self) -> Option<&mut dyn Outside> {
        match self {
            Self::Inside(Some(outside)) => Some(&mut **outside),
            Self::Inside(None) | Self::Outside(_) => None,
        }
    }
}

impl std::fmt::Debug for Role<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Inside(_) => "Inside",
            Self::Outside(_) => "Outside",
        })
    }
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("id", &self.id).field("command", &self.command).finish_non_exhaustive()
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// What became of the command; none if the guard ended without a word.
    pub news: Option<News>,
    /// How the guard ended, where it ended without a word.
    pub guard: Option<Change>,
    /// Why the command itself was refused, where it never ran.
    pub refused: Option<String>,
    /// How many actions and calls were refused, by policy, people or walls.
    pub refusals: u64,
    /// How many questions were raised.
    pub questions: u64,
    /// Refusals in an agent's words that no process was there to read any more.
    pub untold: Vec<String>,
    /// Limits that were passed, each once.
    pub limits: Vec<String>,
    /// The limit whose passing ended the run.
    pub stopped: Option<String>,
    /// Why the ledger took no more, where that ended the run.
    pub unwritten: Option<Unwritten>,
}

/// Supervises a run to its end: returns when the command and all that it started are gone.
///
/// # Errors
/// [`GateError`] where the gate itself failed; the guard was then told to end everything.
pub fn supervise(run: Run<'_>) -> Result<Ending, GateError> {
    // Connections, lookups and questions of a run each hold some; the usual soft limit is 1024. Where no more can be had,
    // less is served, and a gate that can't look after the limits any more ends the run.
    let _raised_or_as_it_was = tollgate_sys::limits::raise_descriptors(DESCRIPTORS);
    gate::Gate::new(run)?.run()
}
