//! The command's terminal: a pty of its own, relayed to the user's through a filter.
//!
//! As with sudo's `use_pty`: the guard leads the pty's session, the command is a job in it. The job starts in the
//! foreground if standard input and output both are the terminal and this process is in the terminal's foreground;
//! else it starts in the background, and is brought forward when it first asks for keys or settings (it stops with
//! `SIGTTIN` or `SIGTTOU`), so that `tollgate run -- make | less` leaves the keys to `less`.

use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::unistd::{Pid, getpgrp, getpid};
use tollgate_sys::pty::Settings;
use tollgate_sys::{fds, pty};

use crate::fault::{LaunchError, Step};
use crate::relay::{self, Relay};
use crate::screen::{Job, Screen};

/// Who sits at the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seat {
    /// A person, whose keys are the command's.
    Taken,
    /// Nobody: what comes from there is never read, and is not the command's.
    Empty,
}

/// A new pty for a command whose standard input, output or error is a terminal.
#[derive(Debug)]
pub struct Terminal {
    pair: pty::Pair,
    /// Which of 0, 1, 2 are terminals.
    is: [bool; 3],
    screen: Screen,
    seat: Seat,
    start: Place,
    /// The user's settings, where the command begins in the foreground.
    before: Option<Settings>,
}

/// Where the job is in its terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Foreground,
    Background,
}

/// A terminal in use: relayed by a thread. Dropping it restores the user's terminal.
#[derive(Debug)]
pub struct Attached {
    screen: Arc<Screen>,
    seat: Seat,
    guard: Pid,
    over: Arc<AtomicBool>,
    wake: OwnedFd,
    /// The command's terminal, until it has been in the foreground once and so has got the user's settings.
    fresh: Mutex<Option<OwnedFd>>,
    /// Whether the command had the terminal when it was stopped, and is to have it again.
    kept: AtomicBool,
    relay: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Opens a pty if any of 0, 1, 2 is a terminal; none if none is (the command then has no controlling terminal). Where
    /// nobody sits there, a terminal as standard input is set aside for one that is at its end, and the command has no
    /// controlling terminal either: it writes to it, and that is all.
    ///
    /// # Errors
    /// [`LaunchError::Step`] with `Step::Stdio`.
    pub fn open(seat: Seat) -> Result<Option<Self>, LaunchError> {
        let stdio = |e| LaunchError::Step(Step::Stdio, e);
        if seat == Seat::Empty && pty::is_terminal(io::stdin()) {
            let nothing = OpenOptions::new().read(true).open("/dev/null").map_err(stdio)?;
            fds::place(nothing.as_fd(), 0).map_err(stdio)?;
        }
        let is = [pty::is_terminal(io::stdin()), pty::is_terminal(io::stdout()), pty::is_terminal(io::stderr())];
        if is == [false; 3] {
            return Ok(None);
        }
        let keys = if is[0] { io::stdin().as_fd().try_clone_to_owned() } else { own_terminal() };
        let terminal = keys.and_then(|keys| Self::with(is, keys, Job::Own));
        terminal.map(|terminal| Some(Self { seat, ..terminal })).map_err(stdio)
    }

    /// As [`Terminal::open`], for a command that runs in the place of another process, whose streams these are: the
    /// terminal is that process's, and no other is looked for. None, too, if it can't be read from.
    ///
    /// # Errors
    /// As there.
    pub fn open_for(process: Pid) -> Result<Option<Self>, LaunchError> {
        let is = [pty::is_terminal(io::stdin()), pty::is_terminal(io::stdout()), pty::is_terminal(io::stderr())];
        let streams = [io::stdin().as_fd().try_clone_to_owned(), io::stdout().as_fd().try_clone_to_owned()];
        let streams = streams.into_iter().chain([io::stderr().as_fd().try_clone_to_owned()]);
        let keys = is.into_iter().zip(streams).find(|(is, stream)| *is && stream.as_ref().is_ok_and(goes_both_ways));
        let Some((_, keys)) = keys else { return Ok(None) };
        let terminal = keys.and_then(|keys| Self::with(is, keys, Job::Of(process)));
        terminal.map(Some).map_err(|e| LaunchError::Step(Step::Stdio, e))
    }

    fn with(is: [bool; 3], keys: OwnedFd, job: Job) -> io::Result<Self> {
        let picture = match is {
            [_, true, _] => io::stdout().as_fd().try_clone_to_owned()?,
            [_, false, true] => io::stderr().as_fd().try_clone_to_owned()?,
            [_, false, false] => keys.try_clone()?,
        };
        let screen = Screen::new(keys, picture, job);
        let pair = pty::open()?;
        // A terminal without a size (a serial line) gives none.
        let _sized = pty::copy_size(screen.keys(), pair.master.as_fd());
        let start = if is[0] && is[1] && screen.is_ours() { Place::Foreground } else { Place::Background };
        let before = if start == Place::Foreground { Some(screen.settings()?) } else { None };
        if let Some(before) = &before {
            before.apply(pair.slave.as_fd())?;
        }
        Ok(Self { pair, is, screen, seat: Seat::Taken, start, before })
    }

    /// The end that is the command's.
    pub(crate) fn slave(&self) -> &OwnedFd {
        &self.pair.slave
    }

    /// Whether it is to control the command's session.
    pub(crate) fn controls(&self) -> bool {
        self.seat == Seat::Taken
    }

    /// The user's end.
    pub(crate) fn keys(&self) -> BorrowedFd<'_> {
        self.screen.keys()
    }

    /// Whether the supervisor makes the user's terminal raw from the start.
    pub(crate) fn is_raw(&self) -> bool {
        self.before.is_some()
    }

    /// In the guard of a supervisor that was killed: puts the user's terminal back, of which this is a descriptor, if it
    /// is still as that one made it.
    pub(crate) fn put_back(&self, keys: BorrowedFd<'_>) {
        if let (Some(before), Ok(now)) = (&self.before, Settings::of(keys))
            && now.is(&before.raw())
        {
            // If it is gone there is nothing to put back.
            let _restored = before.apply(keys);
        }
    }

    /// In the command: puts the slave where the supervisor has a terminal.
    pub(crate) fn settle(&self) -> io::Result<()> {
        for (fd, is) in (0..).zip(self.is) {
            if is {
                fds::place(self.pair.slave.as_fd(), fd)?;
            }
        }
        match self.start {
            Place::Foreground => {
                pty::foreground(self.pair.slave.as_fd(), i32::try_from(std::process::id()).unwrap_or(0))
            }
            Place::Background => Ok(()),
        }
    }

    /// Begins to relay: raw mode, window size, a thread. Call it after [`crate::Plan::start`]; signals other than
    /// `SIGWINCH` stay with the caller.
    ///
    /// # Errors
    /// What the system says; the user's terminal is as before.
    pub fn attach(self, command: Pid, guard: Pid) -> io::Result<Attached> {
        let Self { pair, screen, seat, start, .. } = self;
        drop(pair.slave); // so that the end of the last program is seen as a hang-up
        let screen = Arc::new(screen);
        let over = Arc::new(AtomicBool::new(false));
        // Every thread must block it, or one would swallow it.
        [Signal::SIGWINCH].into_iter().collect::<SigSet>().thread_block()?;
        let (woken, wake) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC | nix::fcntl::OFlag::O_NONBLOCK)?;
        if start == Place::Foreground {
            screen.take()?;
        }
        let fresh = Mutex::new(if start == Place::Foreground { None } else { Some(pair.master.try_clone()?) });
        let relay = Relay::new(pair.master, Arc::clone(&screen), woken, Arc::clone(&over));
        let relay = relay.and_then(|relay| relay::spawn(relay, (command, guard)));
        match relay {
            Ok(relay) => Ok(Attached {
                screen,
                seat,
                guard,
                over,
                wake,
                fresh,
                kept: AtomicBool::new(false),
                relay: Some(relay),
            }),
            Err(e) => {
                screen.give_back();
                Err(e)
            }
        }
    }
}

fn goes_both_ways(stream: &OwnedFd) -> bool {
    let flags = fcntl(stream, FcntlArg::F_GETFL).map(OFlag::from_bits_truncate);
    flags.is_ok_and(|flags| flags.intersection(OFlag::O_ACCMODE) == OFlag::O_RDWR)
}

/// The terminal that controls this process, for a command whose standard input is something else.
fn own_terminal() -> io::Result<OwnedFd> {
    match OpenOptions::new().read(true).write(true).open("/dev/tty") {
        Ok(terminal) => Ok(terminal.into()),
        // No controlling terminal: a terminal was handed in as output only.
        Err(_) if pty::is_terminal(io::stdout()) => io::stdout().as_fd().try_clone_to_owned(),
        Err(_) => io::stderr().as_fd().try_clone_to_owned(),
    }
}

impl Attached {
    /// To be told when the command was stopped (the signal's number), on the main thread. If it stopped because it asked
    /// for the terminal, it gets it. Else this gives the terminal back, stops the calling process and its job as the
    /// command was stopped, and, once continued, takes the terminal again and resumes the command.
    pub fn stopped(&self, signal: i32) {
        let signal = Signal::try_from(signal).unwrap_or(Signal::SIGSTOP);
        let asks = matches!(signal, Signal::SIGTTIN | Signal::SIGTTOU);
        if asks && self.seat == Seat::Empty {
            return self.order(Signal::SIGUSR2); // it never gets it
        }
        if asks && self.screen.is_ours() {
            return self.forward();
        }
        let had = self.screen.give_back();
        let _stopped = match self.screen.job() {
            // The whole job, as the user's shell expects it; it goes on here when that is continued.
            Job::Own => killpg(getpgrp(), signal),
            // It was stopped because the process in whose place it runs was, and goes on when that does.
            Job::Of(_) if signal == Signal::SIGSTOP => {
                self.kept.store(had, Ordering::Release);
                return;
            }
            // Whoever watches this process stops that one, and continues both.
            Job::Of(_) => kill(getpid(), Signal::SIGSTOP),
        };
        if self.screen.is_ours() && (had || asks) {
            self.forward();
        } else {
            self.order(Signal::SIGUSR2);
        }
    }

    /// To be told when the command was continued, on the main thread: by others than [`Attached::stopped`].
    pub fn continued(&self) {
        if self.kept.swap(false, Ordering::AcqRel) && self.screen.is_ours() {
            self.forward();
        }
    }

    /// Brings the job to the foreground, here and in its own terminal, and resumes it.
    fn forward(&self) {
        // Both fail only if the terminal is gone, which the relay notices.
        if let Ok(before) = self.screen.take()
            && let Some(fresh) = self.fresh.lock().ok().and_then(|mut fresh| fresh.take())
        {
            let _set = before.apply(fresh.as_fd());
        }
        self.poke();
        self.order(Signal::SIGUSR1);
    }

    fn order(&self, signal: Signal) {
        // The guard may be gone; then the run is over.
        let _ordered = kill(self.guard, signal);
    }

    fn poke(&self) {
        // A full pipe wakes as well.
        let _woken = nix::unistd::write(&self.wake, b"w");
    }

    /// After the run's end: writes out what is left and restores the user's terminal.
    pub fn finish(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.over.store(true, Ordering::Release);
        self.poke();
        if let Some(relay) = self.relay.take() {
            // A relay that panicked has nothing left to write.
            let _ended = relay.join();
        }
        self.screen.give_back();
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.end();
    }
}
