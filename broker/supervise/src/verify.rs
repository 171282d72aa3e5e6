//! The second look: at the exec stop the image and arguments that will really run are compared with what was judged.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use tollgate_deputy::content::sha256;
use tollgate_ledger::record::Event;
use tollgate_policy::action::{Exec, Form};
use tollgate_policy::path::AbsPath;
use tollgate_policy::verdict::Effect;
use tollgate_sys::notify::Notification;
use tollgate_sys::{ptrace, wait};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::exec::{Judged, NEXT_WALL};
use crate::gate::Gate;
use crate::program::{Program, differs};

/// A thread on its way to an exec stop.
#[derive(Debug)]
pub(crate) struct Stopping {
    judged: Judged,
    /// The question whose answer let it on.
    question: Option<String>,
}

/// What stands at an exec stop, against what was judged.
enum Second {
    /// The same.
    Same,
    /// Something else, or it can't be told.
    Other(String),
}

impl Gate<'_> {
    /// Lets a judged exec go on to its exec stop.
    pub(crate) fn let_on(&mut self, call: &Notification, judged: Judged, question: Option<String>) {
        let tid = call.tid;
        if self.another_executes(tid) {
            return self.refuse(call, libc::EAGAIN);
        }
        if let Err(err) = self.seize(tid) {
            let why = format!("its second look can't be arranged ({err})");
            return self.unknown(call, &judged.asked, &why);
        }
        // without it only a failed exec goes unnoticed until the thread's next event
        if ptrace::interrupt(tid).is_err() {
            return self.refuse(call, libc::EPERM);
        }
        self.stopping.insert(tid, Stopping { judged, question });
        let went_on = self.listener.as_ref().is_some_and(|listener| listener.proceed(call.id).is_ok());
        if !went_on {
            // the caller was interrupted meanwhile: it stops, is let go of, and asks again
        }
    }

    /// Whether another thread of the same process is on its way to an exec stop. Its exec holds a lock that attaching
    /// waits for (`cred_guard_mutex`), and waits itself for the threads that it ends to be reaped, which the gate does:
    /// attaching now could wait for ever. If its exec succeeds this thread ends; if not, this one may try again.
    fn another_executes(&self, tid: i32) -> bool {
        let same_process = |other: i32| std::fs::exists(format!("/proc/{tid}/task/{other}")).unwrap_or(true);
        self.stopping.keys().any(|&other| other != tid && same_process(other))
    }

    /// Attaches; a thread whose last exec failed unnoticed is attached still.
    fn seize(&self, tid: i32) -> io::Result<()> {
        match ptrace::seize(tid) {
            Err(err) if err.raw_os_error() == Some(libc::EPERM) && self.stopping.contains_key(&tid) => Ok(()),
            other => other,
        }
    }

    /// A traced thread changed.
    pub(crate) fn changed(&mut self, tid: i32, change: wait::Change) {
        match change {
            wait::Change::ExecStop => self.at_exec_stop(tid),
            wait::Change::Stop | wait::Change::GroupStop(_) => self.let_go(tid, 0),
            wait::Change::Delivery(signal) => self.let_go(tid, signal),
            wait::Change::Exited(_) | wait::Change::Signalled(_) => {
                self.stopping.remove(&tid);
            }
            wait::Change::Continued => {}
        }
    }

    fn let_go(&mut self, tid: i32, signal: i32) {
        self.stopping.remove(&tid);
        if ptrace::detach(tid, signal).is_err() {
            // killed meanwhile: its end is the next event
        }
    }

    fn at_exec_stop(&mut self, tid: i32) {
        let former = ptrace::former_tid(tid);
        let stopping = former.ok().and_then(|former| self.stopping.remove(&former));
        // a leader whose place another thread took has gone without a word
        self.stopping.remove(&tid);
        // nothing was judged for it: it must not run
        let Some(stopping) = stopping else {
            return kill_now(tid);
        };
        match self.second(tid, &stopping) {
            Second::Same if !self.is_still_ready(&stopping.judged) => {
                self.tampered(tid, &stopping.judged, "what it would use outside changed".into());
            }
            Second::Same => self.passed(tid, stopping),
            Second::Other(detail) => self.tampered(tid, &stopping.judged, detail),
        }
    }

    fn second(&mut self, tid: i32, stopping: &Stopping) -> Second {
        let judged = &stopping.judged;
        let Some(expected) = &judged.program.expected else {
            return self.second_unforeseen(tid, stopping);
        };
        match differs(tid, expected) {
            Err(err) => return Second::Other(format!("its image can't be read: {err}")),
            Ok(Some(difference)) => return Second::Other(difference.into()),
            Ok(None) => {}
        }
        for exec in &judged.program.execs {
            let Some(known) = &exec.image.sha256 else { continue };
            let now = match (&exec.image.form, content(exec)) {
                (Form::Native, _) | (_, None) => sha256(Path::new(&format!("/proc/{tid}/exe"))),
                (Form::Script { .. } | Form::Loader { .. }, Some(path)) => sha256(&beneath_root(tid, path)),
            };
            if now.ok().as_ref() != Some(known) {
                return Second::Other("the content of what is run changed".into());
            }
        }
        Second::Same
    }

    /// The first look could not name the image: it is judged by what stands there. An approval can't be bound to it.
    fn second_unforeseen(&mut self, tid: i32, stopping: &Stopping) -> Second {
        let found = match self.programs.found(tid, &stopping.judged.asked) {
            Ok(found) => found,
            Err(err) => return Second::Other(format!("its image can't be read: {err}")),
        };
        let verdict = self.verdict(std::slice::from_ref(&found), &tollgate_policy::grant::Grants::default());
        if verdict.effect == Effect::Allow && stopping.question.is_none() {
            Second::Same
        } else {
            Second::Other(crate::exec::why(&verdict))
        }
    }

    fn passed(&mut self, tid: i32, Stopping { judged, question }: Stopping) {
        if let (Some(_), Some(question)) = (&judged.outside, question) {
            return self.go_outside(tid, &judged, question);
        }
        self.under_way = true;
        let mut execs = judged.program.execs.into_iter();
        if let Some(exec) = execs.next() {
            let step = Event::Step { action: judged.action, pid: tid.unsigned_abs(), exec, verdict: judged.verdict };
            if let Err(unwritten) = self.pen.group(step) {
                self.broken(unwritten);
                return kill_now(tid);
            }
        }
        self.let_go(tid, 0);
    }

    fn tampered(&mut self, tid: i32, judged: &Judged, detail: String) {
        // it must not run, whatever else fails
        kill_now(tid);
        let shown = format!("to run `{}`", crate::tree::line(&judged.asked.argv));
        self.tell_once(&shown, &detail, NEXT_WALL);
        let found = self.programs.found(tid, &judged.asked).ok();
        let Some(exec) = judged.exec().cloned() else {
            return;
        };
        self.not_started(&detail);
        let event = Event::Tampered { action: judged.action, pid: tid.unsigned_abs(), judged: exec, found, detail };
        if let Err(unwritten) = self.pen.durable(event) {
            self.broken(unwritten);
        }
    }
}

pub(crate) fn kill_now(tid: i32) {
    if kill(Pid::from_raw(tid), Signal::SIGKILL).is_err() {
        // already gone; and if the supervisor goes, the kernel kills what it holds (PTRACE_O_EXITKILL)
    }
}

/// Adds the digest of each executable, or of the script where one is run, as it is now; it is compared again at the
/// exec stop. Paths are the caller's: looked up beneath its root.
pub(crate) fn add_digests(tid: i32, program: &mut Program) {
    for exec in &mut program.execs {
        if exec.image.sha256.is_none() {
            exec.image.sha256 = content(exec).and_then(|path| sha256(&beneath_root(tid, path)).ok());
        }
    }
}

/// Whose content an approval is for.
fn content(exec: &Exec) -> Option<&AbsPath> {
    match &exec.image.form {
        Form::Script { script } => script.as_ref(),
        Form::Native | Form::Loader { .. } => exec.image.executable.as_ref(),
    }
}

pub(crate) fn beneath_root(tid: i32, path: &AbsPath) -> PathBuf {
    let mut beneath = OsString::from(format!("/proc/{tid}/root"));
    beneath.push(path.as_path());
    beneath.into()
}
