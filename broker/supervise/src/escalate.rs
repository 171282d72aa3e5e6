//! A command that was approved under a wider profile: it is made ready before anybody is asked, and once more at its exec
//! stop; then it runs outside, while the process that wanted it waits, hands its signals on, and leaves as it did.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::{Pid, getpgid};
use tollgate_deputy::content::sha256;
use tollgate_deputy::{Asking, Prepared, Way, prepare};
use tollgate_ledger::record::Event;
use tollgate_policy::action::{Action, Exec, Form};
use tollgate_sys::news::News;
use tollgate_sys::standin::{Leaving, Standin};
use tollgate_sys::{pidfd, ptrace, pty, wait};

use crate::exec::{Judged, NEXT_WALL};
use crate::gate::Gate;
use crate::outside::{Order, Outsider, Word};
use crate::verify::kill_now;

/// How many commands of one run may be outside at once.
const MOST: usize = 16;
/// How long an outside supervisor may take to end what it started, once told.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a shell says of a program that was found and could not be run.
const NOT_RUN: i32 = 126;

/// A command outside, and the process inside that stands for it.
#[derive(Debug)]
pub(crate) struct Escalation {
    tid: i32,
    /// None once the process inside has ended.
    standin: Option<Standin>,
    outsider: i32,
    /// Closed, it ends everything outside.
    line: Option<OwnedFd>,
    action: u64,
    exec: Exec,
    /// How to leave, once that is known.
    leaving: Option<Leaving>,
    /// The last of these signals that was handed on.
    told: Option<Signal>,
    keys: Keys,
    /// Whether the command outside was stopped by itself, or by its own terminal.
    asleep: bool,
}

/// Whether the keys of a terminal may go to the command outside and not to the process inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keys {
    Its,
    Nobodys,
}

impl Keys {
    fn of(order: &Order) -> Self {
        if order.stdio.iter().flatten().any(pty::is_terminal) { Self::Its } else { Self::Nobodys }
    }
}

impl Gate<'_> {
    /// Makes a command ready that its rule would run under a wider profile. Refused here, nobody is asked.
    ///
    /// # Errors
    /// Why it can't be run outside.
    pub(crate) fn make_ready(&self, judged: &mut Judged) -> Result<(), String> {
        let (Some(outside), Some(profile)) = (self.run.role.outside(), &judged.verdict.profile) else {
            return Ok(());
        };
        let about = outside.about(profile)?;
        if judged.program.expected.is_none() {
            return Err("it is not plain what it would run".into());
        }
        let facts = [
            (
                "opens".to_owned(),
                format!("this command, outside this boundary, under the profile `{profile}`: {about}"),
            ),
            ("environment".to_owned(), "yours, as far as that profile lets it pass; nothing of the agent's".to_owned()),
        ];
        judged.outside = match self.prepared(judged)? {
            Way::In(_) => None,
            Way::Out(mut prepared) => {
                prepared.facts.splice(0..0, facts);
                Some(prepared)
            }
        };
        Ok(())
    }

    fn prepared(&self, judged: &Judged) -> Result<Way, String> {
        // a virtual environment's `pip`, a package manager in `node_modules`: what it fetches is asked about name by name
        if judged.program.execs.iter().any(|exec| exec.image.writable) {
            return Ok(Way::In("what can be changed from inside stays inside".into()));
        }
        let exec = judged.exec().ok_or("nothing would run")?;
        let changeable = |path: &_| self.programs.beneath_writable(path);
        let mut way = prepare(&Asking { exec, changeable: &changeable })?;
        if let Way::Out(prepared) = &mut way {
            prepared.facts.extend(input(judged.asked.tid));
        }
        Ok(way)
    }

    /// The approved command stands at its exec stop, and is what was approved: it goes outside.
    pub(crate) fn go_outside(&mut self, tid: i32, judged: &Judged, question: String) {
        self.under_way = true;
        let standin = match Standin::new(tid) {
            Ok(standin) => standin,
            Err(err) => {
                self.not_outside(tid, judged, &format!("it can't be held: {err}"));
                return kill_now(tid);
            }
        };
        let started = self.order(tid, judged, question).and_then(|order| {
            let keys = Keys::of(&order);
            self.start(order).map(|outsider| (outsider, keys))
        });
        match started {
            Ok((Outsider { pid, line }, keys)) => {
                let Some(exec) = judged.exec().cloned() else { return kill_now(tid) };
                if standin.go_on(0).is_err() {
                    // killed meanwhile: its end is the next event, and ends what is outside
                }
                self.escalations.push(Escalation {
                    tid,
                    standin: Some(standin),
                    outsider: pid,
                    line: Some(line),
                    action: judged.action,
                    exec,
                    leaving: None,
                    told: None,
                    keys,
                    asleep: false,
                });
            }
            Err(why) => {
                self.not_outside(tid, judged, &why);
                if standin.leave(Leaving::Exit(NOT_RUN)).is_err() {
                    kill_now(tid);
                }
            }
        }
    }

    fn start(&mut self, order: Order) -> Result<Outsider, String> {
        if self.escalations.len() >= MOST {
            return Err(format!("{MOST} commands of this run are outside already"));
        }
        let outside = self.run.role.outside_mut().ok_or("this run has nobody who runs commands outside")?;
        outside.start(order).map_err(|err| format!("it can't be started outside: {err}"))
    }

    fn order(&self, tid: i32, judged: &Judged, question: String) -> Result<Order, String> {
        let exec = judged.exec().ok_or("nothing would run")?;
        let (Some(prepared), Some(profile)) = (&judged.outside, &judged.verdict.profile) else {
            return Err("it was not made ready".into());
        };
        same_file(tid, exec, judged)?;
        let stands = same_directory(tid, exec)?;
        Ok(Order {
            question,
            action: judged.action,
            profile: profile.clone(),
            exec: Exec { argv: prepared.argv.clone(), ..exec.clone() },
            stands,
            env: prepared.env.clone(),
            laid: prepared.laid.clone(),
            changeable: self.programs.writable().to_vec(),
            process: tid,
            stdio: stdio(tid)?,
            begun: self.run.begun,
        })
    }

    /// Whether what was made ready is still the same.
    pub(crate) fn is_still_ready(&self, judged: &Judged) -> bool {
        let Some(before) = &judged.outside else { return true };
        let now = self.prepared(judged);
        // the first facts are this run's own
        matches!(now, Ok(Way::Out(now)) if before.facts.ends_with(&now.facts) && same_but_facts(before, &now))
    }

    fn not_outside(&mut self, tid: i32, judged: &Judged, why: &str) {
        let what = format!("to run `{}` outside", crate::tree::line(&judged.asked.argv));
        self.say(tid, &what, why, NEXT_WALL);
        self.ending.refused.get_or_insert_with(|| format!("{what}: {why}"));
        let Some(exec) = judged.exec().cloned() else { return };
        self.write_refusal(judged.action, tid, exec, why);
    }

    fn write_refusal(&mut self, action: u64, tid: i32, exec: Exec, why: &str) {
        let wall = format!("it was not run outside: {why}");
        let event = Event::Refused { action, pid: tid.unsigned_abs(), what: Action::Exec(exec), wall };
        if let Err(unwritten) = self.pen.group(event) {
            self.broken(unwritten);
        }
    }

    /// A change of a stand-in or an outside supervisor; whether it was one.
    pub(crate) fn changed_outside(&mut self, pid: i32, change: wait::Change) -> bool {
        if let Some(at) = self.escalations.iter().position(|one| one.outsider == pid) {
            if matches!(change, wait::Change::Exited(_) | wait::Change::Signalled(_)) {
                self.came_back(at);
            }
            return true;
        }
        let Some(one) = self.escalations.iter_mut().find(|one| one.tid == pid && one.standin.is_some()) else {
            return false;
        };
        if one.inside(change) == Done::Yes {
            self.escalations.retain(|one| one.standin.is_some() || one.line.is_some() || one.outsider != 0);
        }
        true
    }

    /// An outside supervisor has ended.
    fn came_back(&mut self, at: usize) {
        let Some(one) = self.escalations.get_mut(at) else { return };
        let word = one.line.take().as_ref().and_then(Word::heard);
        one.outsider = 0;
        let (leaving, failed) = match word {
            Some(Word::Ended(News::Exited(code))) => (Leaving::Exit(code), None),
            Some(Word::Ended(News::Signalled(signal))) => (Leaving::Signal(signal), None),
            Some(Word::Ended(News::Failed(errno))) => {
                (Leaving::Exit(NOT_RUN), Some(Errno::from_raw(errno).desc().to_owned()))
            }
            Some(Word::Refused(why)) => (Leaving::Exit(NOT_RUN), Some(why)),
            Some(Word::Ended(News::Stopped(_) | News::Continued)) | None => {
                (Leaving::Exit(NOT_RUN), Some("its end outside was not seen".to_owned()))
            }
        };
        one.leaving = Some(leaving);
        one.interrupt_its_job();
        let (tid, action, exec, waits) = (one.tid, one.action, one.exec.clone(), one.standin.is_some());
        // where it stands stopped already, this makes it tell so again
        let gone = waits && ptrace::interrupt(tid).is_err();
        if let Some(why) = failed.filter(|_| waits) {
            let words: Vec<Vec<u8>> = exec.argv.iter().map(|word| word.bytes().to_vec()).collect();
            self.say(tid, &format!("to run `{}` outside", crate::tree::line(&words)), &why, NEXT_WALL);
            self.write_refusal(action, tid, exec, &why);
        }
        if !waits || gone {
            self.escalations.retain(|one| one.tid != tid);
        }
    }

    /// Stops the jobs inside whose commands outside were stopped.
    pub(crate) fn mirror_stops(&mut self) {
        let outside = self.escalations.iter_mut().filter(|one| one.outsider != 0 && one.standin.is_some());
        for one in outside.filter(|one| wait::was_stopped(one.outsider)) {
            one.asleep = true;
            one.tell_its_job(Signal::SIGTSTP);
            // its program may have blocked the other one, or not care
            if kill(Pid::from_raw(one.tid), Signal::SIGSTOP).is_err() {
                // gone: its end is the next event
            }
        }
    }

    /// Ends all that is outside, and waits for it.
    pub(crate) fn call_back(&mut self) {
        for one in &mut self.escalations {
            one.line = None;
        }
        let deadline = Instant::now() + PATIENCE;
        for one in self.escalations.drain(..).filter(|one| one.outsider != 0) {
            await_end(one.outsider, deadline);
        }
    }
}

fn await_end(pid: i32, deadline: Instant) {
    loop {
        match wait::next_of(pid) {
            Ok(Some(wait::Change::Exited(_) | wait::Change::Signalled(_))) | Err(_) => return,
            Ok(_) if Instant::now() > deadline => {
                // its guard ends what is left when it is gone
                if kill(Pid::from_raw(pid), Signal::SIGKILL).is_err() {
                    return;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
            Ok(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

/// Whether an escalation has nothing left inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Done {
    Yes,
    No,
}

impl Escalation {
    /// What happened to the process inside.
    fn inside(&mut self, change: wait::Change) -> Done {
        let here = match change {
            wait::Change::Delivery(signal) if self.leaving.is_none() && self.standin.is_some() => self.hand_on(signal),
            wait::Change::Delivery(_)
            | wait::Change::Exited(_)
            | wait::Change::Signalled(_)
            | wait::Change::ExecStop
            | wait::Change::Stop
            | wait::Change::GroupStop(_)
            | wait::Change::Continued => 0,
        };
        let Some(standin) = &self.standin else { return Done::No };
        if matches!(change, wait::Change::Exited(_) | wait::Change::Signalled(_)) {
            self.standin = None;
            self.line = None;
            return Done::Yes;
        }
        if let (Some(leaving), false) = (self.leaving, change == wait::Change::Continued) {
            if standin.leave(leaving).is_err() {
                kill_now(self.tid);
            }
            self.standin = None;
            return Done::Yes;
        }
        let went_on = match change {
            wait::Change::Delivery(_) => standin.go_on(here),
            wait::Change::GroupStop(_) => standin.stay_stopped(),
            wait::Change::Stop => standin.go_on(0),
            wait::Change::ExecStop => Err(io::ErrorKind::InvalidData.into()),
            wait::Change::Continued | wait::Change::Exited(_) | wait::Change::Signalled(_) => Ok(()),
        };
        // gone meanwhile: its end is the next event
        if went_on.is_err_and(|err| err.raw_os_error() != Some(libc::ESRCH)) {
            kill_now(self.tid);
        }
        Done::No
    }

    /// A key of the terminal that the command outside had to itself ended it: all of its job gets that signal, as it
    /// would have from the terminal itself.
    fn interrupt_its_job(&self) {
        if let (Some(Leaving::Signal(signal)), Keys::Its) = (self.leaving, self.keys)
            && let Ok(signal @ (Signal::SIGINT | Signal::SIGQUIT)) = Signal::try_from(signal)
            && self.told != Some(signal)
            && self.standin.is_some()
        {
            self.tell_its_job(signal);
        }
    }

    /// Sends a signal to the process inside and its group.
    fn tell_its_job(&self, signal: Signal) {
        let told = getpgid(Some(Pid::from_raw(self.tid))).map(|group| killpg(group, signal));
        if !matches!(told, Ok(Ok(()))) {
            // gone: its end is the next event
        }
    }

    /// Hands a signal on to the command outside; what of it is delivered inside.
    fn hand_on(&mut self, signal: i32) -> i32 {
        let (told, here) = match signal {
            // stopped because the command outside was
            libc::SIGSTOP if self.asleep => (0, signal),
            libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU if self.asleep => (0, 0),
            libc::SIGHUP
            | libc::SIGINT
            | libc::SIGQUIT
            | libc::SIGTERM
            | libc::SIGUSR1
            | libc::SIGUSR2
            | libc::SIGCONT
            | libc::SIGWINCH => (signal, 0),
            libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU => (libc::SIGTSTP, signal),
            libc::SIGCHLD | libc::SIGURG | libc::SIGPIPE | libc::SIGIO => (0, 0),
            // it ends the process inside as it would have ended the command
            other => (0, other),
        };
        if signal == libc::SIGCONT {
            self.asleep = false;
        }
        if told != 0 {
            self.told = Signal::try_from(told).ok();
        }
        if let (Ok(told), true) = (Signal::try_from(told), self.outsider != 0)
            && kill(Pid::from_raw(self.outsider), told).is_err()
        {
            // it has just ended
        }
        here
    }
}

fn same_but_facts(one: &Prepared, other: &Prepared) -> bool {
    one.argv == other.argv && one.env == other.env && one.laid == other.laid
}

/// The program at the exec stop and the one of this path outside are the same object; for a script, the script too.
fn same_file(tid: i32, exec: &Exec, judged: &Judged) -> Result<(), String> {
    let (Some(path), Some(expected)) = (&exec.image.executable, &judged.program.expected) else {
        return Err("it is not plain what it would run".into());
    };
    let differs = || format!("{path:?} is another file outside");
    let id = |path: &Path| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    match &exec.image.form {
        Form::Native if id(path.as_path()) == Some(expected.file) => Ok(()),
        Form::Script { script: Some(script) } => {
            let inside = crate::verify::beneath_root(tid, script);
            let (here, there) = (id(&inside), id(script.as_path()));
            if here.is_some() && here == there { Ok(()) } else { Err(differs()) }
        }
        Form::Native | Form::Script { script: None } | Form::Loader { .. } => Err(differs()),
    }
}

/// The working directory, which is the same object as the one of this path outside: its device and inode.
fn same_directory(tid: i32, exec: &Exec) -> Result<(u64, u64), String> {
    let id = |path: &Path| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let inside = id(Path::new(&format!("/proc/{tid}/cwd")));
    inside.filter(|_| inside == id(exec.cwd.as_path())).ok_or_else(|| {
        "its working directory is only there inside (the private temp directory, for example): start it in the workspace"
            .into()
    })
}

/// What a command would read from its standard input, where that is no terminal and not nothing.
fn input(tid: i32) -> Option<(String, String)> {
    let path = PathBuf::from(format!("/proc/{tid}/fd/0"));
    let kind = std::fs::metadata(&path).ok()?.file_type();
    let text = if kind.is_file() {
        let name = std::fs::read_link(&path).ok()?.display().to_string();
        match sha256(&path) {
            Ok(digest) => format!("{name}, sha256 {digest}"),
            Err(err) => format!("{name}, which can't be read: {err}"),
        }
    } else if kind.is_fifo() || kind.is_socket() {
        "what comes through a pipe: it is not known".to_owned()
    } else {
        return None;
    };
    Some(("input".to_owned(), text))
}

/// The process's own standard input, output and error.
fn stdio(tid: i32) -> Result<[Option<OwnedFd>; 3], String> {
    let cannot = |err: io::Error| format!("its input and output can't be handed on: {err}");
    let handle = pidfd::open(tid).map_err(cannot)?;
    let take = |fd| match pidfd::descriptor(handle.as_fd(), fd) {
        Ok(taken) => Ok(Some(taken)),
        Err(err) if err.raw_os_error() == Some(libc::EBADF) => Ok(None),
        Err(err) => Err(cannot(err)),
    };
    Ok([take(0)?, take(1)?, take(2)?])
}
