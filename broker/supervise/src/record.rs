//! Writing down: every event of the run gets its time and goes to the ledger, durable where something follows
//! from it.

use std::collections::HashMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use tollgate_ledger::record::{Event, Record, Recorder, RunStarted, Unwritten};
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;
use tollgate_sys::news::News;

use crate::{Ending, Run, tree};

/// Writes the run's events.
pub(crate) struct Pen<'a> {
    recorder: &'a dyn Recorder,
    run: String,
    /// The run's command, where lineages begin.
    command: i32,
    begun: Instant,
    started: Option<RunStarted>,
    waiting: Option<Instant>,
    waited: u64,
    asked: HashMap<String, Instant>,
}

impl<'a> Pen<'a> {
    pub(crate) fn new(run: &Run<'a>) -> Self {
        Self {
            recorder: run.recorder,
            run: run.id.clone(),
            command: run.command,
            begun: run.begun,
            started: Some(run.started.clone()),
            waiting: None,
            waited: 0,
            asked: HashMap::new(),
        }
    }

    pub(crate) fn began(&self) -> bool {
        self.started.is_none()
    }

    /// The run's first records.
    pub(crate) fn begin(&mut self) -> Result<(), Unwritten> {
        let Some(started) = self.started.take() else {
            return Ok(());
        };
        let (agent, argv, cwd) = (started.agent, started.argv.clone(), started.cwd.clone());
        self.group(Event::RunStarted(started))?;
        if agent { Ok(()) } else { self.action(1, argv, cwd, ReadOnly::Unknown) }
    }

    /// An action begins.
    pub(crate) fn action(&self, action: u64, argv: Vec<Raw>, cwd: AbsPath, reads: ReadOnly) -> Result<(), Unwritten> {
        self.group(Event::ActionStarted { action, argv, cwd, read_only: reads == ReadOnly::Yes })
    }

    pub(crate) fn group(&self, event: Event) -> Result<(), Unwritten> {
        self.recorder.group(self.record(event))
    }

    pub(crate) fn durable(&self, event: Event) -> Result<(), Unwritten> {
        self.recorder.durable(self.record(event))
    }

    /// Notes when a question was put.
    pub(crate) fn asks(&mut self, question: &str) {
        self.asked.insert(question.to_owned(), Instant::now());
    }

    /// Milliseconds since a question was put; it is then forgotten.
    pub(crate) fn asked_for(&mut self, question: &str) -> u64 {
        self.asked.remove(question).map_or(0, milliseconds)
    }

    /// From here on a human is being waited for.
    pub(crate) fn waits(&mut self) {
        self.waiting.get_or_insert_with(Instant::now);
    }

    /// Nobody is being waited for any more.
    pub(crate) fn goes_on(&mut self) {
        if let Some(since) = self.waiting.take() {
            self.waited += milliseconds(since);
        }
    }

    /// The run's last records. A ledger that takes them no more has already ended the run, or is told of by its own
    /// error when it is closed.
    pub(crate) fn ended(&mut self, ending: &Ending) {
        self.goes_on();
        if !self.began() {
            return;
        }
        let (status, reason) = conclusion(ending);
        if self.group(Event::RunEnded { status, waited: self.waited, reason }).is_err() {
            // said above
        }
    }

    fn record(&self, event: Event) -> Record {
        let lineage = refused(&event).map_or_else(Vec::new, |pid| tree::lineage(self.command, pid));
        let event = tollgate_ledger::brief::event(event);
        Record { at: now(), mono: milliseconds(self.begun), run: self.run.clone(), lineage, event }
    }
}

/// The code that the run leaves with (see the exit codes of `run`), and why, where it did not end by itself.
fn conclusion(ending: &Ending) -> (i32, String) {
    if let Some(unwritten) = &ending.unwritten {
        return (124, unwritten.to_string());
    }
    if let Some(limit) = &ending.stopped {
        return (123, limit.clone());
    }
    if let Some(refused) = &ending.refused {
        return (122, refused.clone());
    }
    let status = match ending.news {
        Some(News::Exited(code)) => code,
        Some(News::Signalled(signal)) => 128 + signal,
        Some(News::Failed(_)) => 122,
        Some(News::Stopped(_) | News::Continued) | None => 124,
    };
    (status, String::new())
}

/// Who was refused, where the event is a refusal.
fn refused(event: &Event) -> Option<i32> {
    let (Event::Denied { pid, .. } | Event::Refused { pid, .. } | Event::Tampered { pid, .. }) = event else {
        return None;
    };
    i32::try_from(*pid).ok()
}

/// Whether an action is known to only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadOnly {
    /// A rule of class `read` says so.
    Yes,
    /// Nothing says so.
    Unknown,
}

/// Unix time in milliseconds; 0 before 1970.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or(0)
}

/// Milliseconds since then.
pub(crate) fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
