//! The loop: what woke the supervisor, and who deals with it.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tollgate_hands::{CALLS, Files};
use tollgate_ledger::record::Unwritten;
use tollgate_limits::Watch;
use tollgate_policy::boundary::CallFate;
use tollgate_policy::grant::Grants;
use tollgate_sys::news::{LENGTH, News};
use tollgate_sys::notify::{Listener, Notification};
use tollgate_sys::wait;
use tollgate_wire::canary::Canaries;

use crate::calls::Calls;
use crate::drafts::{self, Drafts};
use crate::escalate::Escalation;
use crate::hold::Held;
use crate::lately::Lately;
use crate::net::{self, Net};
use crate::paths;
use crate::places::{self, Runnable};
use crate::processors::Processors;
use crate::program::Programs;
use crate::record::Pen;
use crate::signals;
use crate::tell::Teller;
use crate::tree::Tree;
use crate::verify::Stopping;
use crate::wall::Walls;
use crate::{Ending, Role, Run, calls};

/// How often open questions are looked over for callers that have gone.
const LOOK_OVER: Duration = Duration::from_millis(500);

/// The gate itself failed.
#[derive(Debug)]
pub struct GateError {
    what: &'static str,
    source: io::Error,
}

impl std::fmt::Display for GateError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the gate can't {}", self.what)
    }
}

impl std::error::Error for GateError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

fn cannot(what: &'static str) -> impl Fn(io::Error) -> GateError {
    move |source| GateError { what, source }
}

/// The gate's state.
pub(crate) struct Gate<'a> {
    pub(crate) run: Run<'a>,
    pub(crate) listener: Option<Arc<Listener>>,
    pub(crate) calls: Calls<'a>,
    pub(crate) programs: Programs,
    pub(crate) tree: Tree,
    pub(crate) pen: Pen<'a>,
    pub(crate) teller: Teller,
    pub(crate) grants: Grants,
    /// Roots that files may be run from.
    pub(crate) runnable: Runnable,
    /// Refusals of a moment ago.
    pub(crate) lately: Lately,
    /// Threads on their way to an exec stop.
    pub(crate) stopping: HashMap<i32, Stopping>,
    /// Commands that run outside.
    pub(crate) escalations: Vec<Escalation>,
    /// Actions (their digests) that a person denied for the rest of the run.
    pub(crate) denied: HashSet<String>,
    /// Calls that wait for an answer, by question.
    pub(crate) held: HashMap<String, Held>,
    /// Attempts that wait with an identical one, by its question.
    pub(crate) joined: HashMap<String, Vec<Held>>,
    /// Tests of attention that are open.
    pub(crate) canaries: Canaries,
    /// What is known of this run's sockets.
    pub(crate) net: Net,
    /// Looks after limits on the whole run.
    pub(crate) watch: Watch,
    /// Limits that were passed, and how often.
    pub(crate) limits_hit: HashMap<&'static str, u64>,
    /// What was refused.
    pub(crate) walls: Walls,
    /// The hands for path calls, where the filter hands those over.
    pub(crate) files: Option<Files<'a>>,
    /// Files whose writing is to be asked about.
    pub(crate) drafts: Drafts,
    /// Paths whose writing was refused.
    pub(crate) denied_writes: HashSet<tollgate_policy::path::AbsPath>,
    /// Where the gate may run.
    processors: Processors,
    /// Whether the command's own exec has been let through.
    pub(crate) under_way: bool,
    pub(crate) ending: Ending,
    /// The guard's pipe, until its end is closed.
    news: Option<OwnedFd>,
    heard: Vec<u8>,
    over: bool,
    called_back: bool,
}

/// What the loop was woken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Call,
    /// Nobody is left behind the filter: nothing will ever come from it.
    NoMoreCalls,
    Signal,
    News,
    Answer,
    /// The egress turned something away.
    Turned,
    /// A draft was closed.
    Draft,
    /// Whose command this is wants no more of it.
    CalledBack,
}

impl Event {
    fn with(self, fd: &PollFd<'_>) -> Self {
        let only_hung_up =
            fd.revents().is_some_and(|r| r.contains(PollFlags::POLLHUP) && !r.contains(PollFlags::POLLIN));
        if self == Self::Call && only_hung_up { Self::NoMoreCalls } else { self }
    }
}

impl<'a> Gate<'a> {
    pub(crate) fn new(mut run: Run<'a>) -> Result<Self, GateError> {
        let listener = run.listener.take().map(|fd| Arc::new(Listener::new(fd)));
        let root = root_of(run.command).map_err(cannot("see the sandbox's root"))?;
        let news = unblocked(&run.news).map_err(cannot("hear from the guard"))?;
        let files = paths::hands(run.command, run.boundary)
            .map_err(|err| cannot("prepare to write on behalf")(io::Error::other(err)))?
            .map(|files| files.sharing_in(&run.temp).taking_turns(&run.turns).working_in(&run.started.workspace));
        let pen = Pen::new(&run);
        Ok(Self {
            listener,
            calls: Calls::new(&run.boundary.calls),
            programs: Programs::new(root, places::writable(run.boundary, &run.started.enforced)),
            runnable: Runnable::new(run.boundary, &run.started.enforced),
            lately: Lately::default(),
            tree: Tree::new(run.command, run.started.agent),
            pen,
            teller: Teller::default(),
            grants: std::mem::take(&mut run.grants),
            stopping: HashMap::new(),
            escalations: Vec::new(),
            denied: HashSet::new(),
            held: HashMap::new(),
            joined: HashMap::new(),
            net: Net::new(&run.started.enforced),
            watch: Watch::new(run.guard, run.command),
            limits_hit: HashMap::new(),
            walls: Walls::default(),
            files,
            drafts: Drafts::default(),
            denied_writes: HashSet::new(),
            canaries: Canaries::default(),
            processors: Processors::default(),
            under_way: false,
            ending: Ending {
                news: None,
                guard: None,
                refused: None,
                refusals: 0,
                questions: 0,
                limits: Vec::new(),
                untold: Vec::new(),
                stopped: None,
                unwritten: None,
            },
            news: Some(news),
            heard: Vec::new(),
            over: false,
            called_back: false,
            run,
        })
    }

    pub(crate) fn run(mut self) -> Result<Ending, GateError> {
        let ended = self.turns();
        if ended.is_err() {
            self.end_everything();
        }
        self.call_back();
        ended?;
        self.close_all("the run ended");
        self.pen.ended(&self.ending);
        self.ending.untold = self.teller.finish();
        Ok(self.ending)
    }

    fn turns(&mut self) -> Result<(), GateError> {
        while !self.over || self.settles() {
            for event in self.sleep().map_err(cannot("wait for events"))? {
                match event {
                    Event::Call => self.take_call().map_err(cannot("take a call"))?,
                    Event::NoMoreCalls => self.listener = None,
                    Event::Signal => self.take_signals().map_err(cannot("take signals"))?,
                    Event::News => self.take_news().map_err(cannot("hear from the guard"))?,
                    Event::Answer => self.take_answers(),
                    Event::Turned => self.take_turned(),
                    Event::Draft => self.take_drafts(),
                    Event::CalledBack => {
                        self.called_back = true;
                        self.end_everything();
                    }
                }
            }
            self.look_over();
            self.watch_limits();
        }
        Ok(())
    }

    fn sleep(&self) -> io::Result<Vec<Event>> {
        let look_over = (!self.held.is_empty()).then_some(LOOK_OVER);
        let longest = [look_over, self.run.recorder.tick(), self.watch.wait()].into_iter().flatten().min();
        let timeout = longest.map_or(PollTimeout::NONE, |wait| wait.try_into().unwrap_or(PollTimeout::MAX));
        let watched = [
            self.listener.as_ref().map(|listener| (Event::Call, listener.as_fd())),
            Some((Event::Signal, self.run.signals.as_fd())),
            self.news.as_ref().map(|news| (Event::News, news.as_fd())),
            self.run.asker.wakes().map(|fd| (Event::Answer, fd)),
            self.run.outlet.wakes().map(|fd| (Event::Turned, fd)),
            self.drafts.wakes().map(|watch| (Event::Draft, watch.as_fd())),
            self.line().map(|fd| (Event::CalledBack, fd)),
        ];
        let watched: Vec<_> = watched.into_iter().flatten().collect();
        let mut fds: Vec<_> = watched.iter().map(|(_, fd)| PollFd::new(*fd, PollFlags::POLLIN)).collect();
        let here = (!self.stopping.is_empty()).then(|| self.processors.stay_here());
        let woken = poll(&mut fds, timeout);
        drop(here);
        match woken {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(Vec::new()),
            Err(err) => return Err(err.into()),
        }
        let woken = watched.iter().zip(&fds).filter(|(_, fd)| fd.any().unwrap_or(false));
        Ok(woken.map(|((event, _), fd)| event.with(fd)).collect())
    }

    pub(crate) fn is_called_back(&self) -> bool {
        self.called_back
    }

    /// Closed by whose command this is; looked at until that happens.
    fn line(&self) -> Option<BorrowedFd<'_>> {
        match &self.run.role {
            Role::Outside(line) if !self.called_back => Some(line.as_fd()),
            Role::Outside(_) | Role::Inside(_) => None,
        }
    }

    fn take_call(&mut self) -> io::Result<()> {
        let Some(listener) = &self.listener else {
            return Ok(());
        };
        let Some(call) = listener.receive()? else {
            return Ok(());
        };
        if !self.pen.began()
            && let Err(unwritten) = (self.run.ready)().and_then(|()| self.pen.begin())
        {
            self.broken(unwritten);
        }
        if self.ending.unwritten.is_some() || call.tid == 0 {
            self.refuse(&call, libc::EPERM);
            return Ok(());
        }
        let entry = self.calls.entry(&call);
        let fate = entry.map(|entry| (entry.then, calls::errno(entry), &*entry.because));
        match (calls::name(call.call).as_str(), fate) {
            ("execve" | "execveat", Some((CallFate::Judge, ..))) => {
                self.watch.stir();
                self.exec(call);
            }
            ("fallocate", Some((CallFate::Judge, ..))) => self.preallocate(&call),
            ("connect", Some((CallFate::Judge, ..))) => self.connect(call),
            ("bind", Some((CallFate::Judge, ..))) => self.bind(call),
            (name, Some((CallFate::Judge, ..))) if drafts::CALLS.contains(&name) => self.draft_call(call, name),
            (name, Some((CallFate::Judge, ..))) if net::CALLS.contains(&name) => self.socket_call(call, name),
            (name, Some((CallFate::Judge, ..))) if CALLS.contains(&name) => self.path_call(call, name),
            (_, Some((CallFate::Refuse, errno, because))) => self.wall(&call, errno, because),
            // no entry sends it here: the filter and this list are at odds, which is a refusal
            (_, _) => self.wall(&call, libc::EPERM, "the gate does not know what to do with it"),
        }
        Ok(())
    }

    /// Makes a call fail. That its caller may have gone meanwhile is as good as a refusal.
    pub(crate) fn refuse(&self, call: &Notification, errno: i32) {
        if let Some(listener) = &self.listener
            && let Err(err) = listener.fail(call.id, errno)
        {
            debug_assert_eq!(err.raw_os_error(), Some(libc::ENOENT));
        }
    }

    /// The ledger takes no more: nothing may happen that can't be written down.
    pub(crate) fn broken(&mut self, unwritten: Unwritten) {
        if self.ending.unwritten.is_none() {
            self.ending.unwritten = Some(unwritten);
            self.end_everything();
        }
    }

    /// Tells the guard to end the command and all that it started.
    pub(crate) fn end_everything(&self) {
        if kill(Pid::from_raw(self.run.guard), Signal::SIGTERM).is_err() {
            // it has gone, and with it everything
        }
    }

    fn take_signals(&mut self) -> io::Result<()> {
        while let Some(signal) = self.run.signals.next()? {
            if signal == Signal::SIGCHLD {
                continue;
            }
            if self.over {
                self.close_all("the run was interrupted");
            }
            let group = Pid::from_raw(self.run.command);
            if killpg(group, signals::meant(signal)).is_err() {
                // it has ended; the guard's news is on its way
            }
        }
        while let Some((pid, change)) = wait::next()? {
            if pid == self.run.guard {
                self.guard_changed(change)?;
            } else {
                self.changed_anywhere(pid, change);
            }
        }
        self.mirror_stops();
        Ok(())
    }

    fn changed_anywhere(&mut self, pid: i32, change: wait::Change) {
        if !self.changed_outside(pid, change) {
            self.changed(pid, change);
        }
    }

    fn guard_changed(&mut self, change: wait::Change) -> io::Result<()> {
        if matches!(change, wait::Change::Exited(_) | wait::Change::Signalled(_)) {
            self.take_news()?;
            self.ending.guard = self.ending.news.is_none().then_some(change);
            self.over = true;
        }
        Ok(())
    }

    fn take_news(&mut self) -> io::Result<()> {
        let mut buffer = [0u8; 64];
        let Some(news) = &self.news else { return Ok(()) };
        let n = match nix::unistd::read(news, &mut buffer) {
            Ok(n) => n,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(()),
            Err(err) => return Err(err.into()),
        };
        if n == 0 {
            // the guard's end is closed; its own end follows as a child's
            self.news = None;
            return Ok(());
        }
        self.heard.extend_from_slice(buffer.get(..n).unwrap_or_default());
        while let Some((message, rest)) = self.heard.split_first_chunk::<LENGTH>() {
            let news = News::decode(*message);
            self.heard = rest.to_vec();
            match news {
                Some(News::Stopped(signal)) => (self.run.stopped)(signal),
                Some(News::Continued) => (self.run.continued)(),
                None => {}
                Some(failed @ News::Failed(_)) => self.ending.news = Some(failed),
                Some(end) => {
                    // All else in the run is dead when an end is told; the guard only tidies up now.
                    self.ending.news.get_or_insert(end);
                    self.over = true;
                }
            }
        }
        Ok(())
    }
}

/// The pipe, read without waiting: its writer may have been killed, or stay silent.
fn unblocked(pipe: &OwnedFd) -> io::Result<OwnedFd> {
    let pipe = pipe.try_clone()?;
    fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok(pipe)
}

fn root_of(command: i32) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    Ok(nix::fcntl::open(format!("/proc/{command}/root").as_str(), flags, nix::sys::stat::Mode::empty())?)
}
