//! Keys in, picture out: one thread between the user's terminal and the command's.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill, killpg};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, read, write};
use tollgate_sys::pty;

use crate::escapes::Filter;
use crate::screen::Screen;

/// How long a command may live on after its terminal has gone.
const GRACE: Duration = Duration::from_secs(2);
const CHUNK: usize = 16 * 1024;

/// What the thread works with.
pub(crate) struct Relay {
    master: OwnedFd,
    screen: Arc<Screen>,
    woken: OwnedFd,
    over: Arc<AtomicBool>,
    resized: SignalFd,
    /// Keys that the command has not taken yet.
    keys: Vec<u8>,
    filter: Filter,
    /// When the user's terminal went away.
    gone: Option<Instant>,
}

/// Whether the command's terminal may still give output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    More,
    Ended,
}

/// Starts the thread. It ends when told so, or when the command's terminal has no user left.
pub(crate) fn spawn(mut relay: Relay, (command, guard): (Pid, Pid)) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("terminal".to_owned()).stack_size(128 * 1024).spawn(move || {
        // Signals are for the main thread; one that stops must not be handled here alone.
        let _masked = SigSet::all().thread_block();
        relay.run(command, guard);
    })
}

impl Relay {
    pub(crate) fn new(master: OwnedFd, screen: Arc<Screen>, woken: OwnedFd, over: Arc<AtomicBool>) -> io::Result<Self> {
        // Else a paste that the command does not read would keep its output back, and it might wait for that.
        fcntl(&master, FcntlArg::F_SETFL(OFlag::O_RDWR | OFlag::O_NONBLOCK))?;
        let signals: SigSet = [Signal::SIGWINCH].into_iter().collect();
        let resized = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { master, screen, woken, over, resized, keys: Vec::new(), filter: Filter::default(), gone: None })
    }

    fn run(&mut self, command: Pid, guard: Pid) {
        loop {
            if self.over.load(Ordering::Acquire) {
                while self.show() == Ok(Output::More) {}
                return;
            }
            let Ok([keys, output, woken, resized]) = self.wait() else { return };
            if woken {
                let _emptied = read(&self.woken, &mut [0; 64]);
            }
            if resized && matches!(self.resized.read_signal(), Ok(Some(_))) {
                let _sized = pty::copy_size(self.screen.keys(), self.master.as_fd());
            }
            if keys && self.gone.is_none() && self.screen.is_taken() && self.take_keys().is_err() {
                // The terminal has gone: what a shell would tell its jobs. Some programs ignore that.
                self.gone = Some(Instant::now());
                let _told = killpg(command, Signal::SIGHUP);
                let _resumed = killpg(command, Signal::SIGCONT);
            }
            if output && self.show() == Ok(Output::Ended) {
                return;
            }
            self.put_keys();
            if self.gone.is_some_and(|gone| gone.elapsed() > GRACE) {
                let _ended = kill(guard, Signal::SIGTERM);
                return;
            }
        }
    }

    /// Waits; which of keys, output, wake-up and new size are there.
    fn wait(&self) -> nix::Result<[bool; 4]> {
        let listening = self.screen.is_taken() && self.keys.len() < CHUNK && self.gone.is_none();
        let some = |wanted: bool| if wanted { PollFlags::POLLIN } else { PollFlags::empty() };
        let mut output = PollFlags::POLLIN;
        if !self.keys.is_empty() {
            output |= PollFlags::POLLOUT;
        }
        // A terminal that nobody listens to is left out altogether: a hang-up would wake the loop for ever.
        let keys = if listening { self.screen.keys() } else { self.woken.as_fd() };
        let mut ends = [
            PollFd::new(keys, some(true)),
            PollFd::new(self.master.as_fd(), output),
            PollFd::new(self.woken.as_fd(), some(true)),
            PollFd::new(self.resized.as_fd(), some(true)),
        ];
        let patience = if self.gone.is_some() { PollTimeout::from(200u16) } else { PollTimeout::NONE };
        match poll(&mut ends, patience) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(other) => return Err(other),
        }
        let mut there = ends.map(|end| end.any().unwrap_or_default());
        there[0] &= listening;
        Ok(there)
    }

    /// Reads keys; an error if the terminal has gone.
    fn take_keys(&mut self) -> nix::Result<()> {
        let mut chunk = [0; 4096];
        match read(self.screen.keys(), &mut chunk) {
            Ok(0) => Err(Errno::EIO),
            Ok(n) => {
                self.keys.extend_from_slice(chunk.get(..n).unwrap_or_default());
                Ok(())
            }
            // Another job has the terminal now, or nothing was there after all.
            Err(Errno::EINTR | Errno::EAGAIN) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// Hands keys on, as many as the command takes.
    fn put_keys(&mut self) {
        while !self.keys.is_empty() {
            match write(&self.master, &self.keys) {
                Ok(n) => drop(self.keys.drain(..n)),
                Err(Errno::EINTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Shows what the command wrote.
    fn show(&mut self) -> nix::Result<Output> {
        let mut chunk = vec![0; CHUNK];
        let n = match read(&self.master, &mut chunk) {
            Ok(0) | Err(Errno::EIO) => return Ok(Output::Ended),
            Ok(n) => n,
            Err(other) => return Err(other),
        };
        let mut shown = Vec::with_capacity(n);
        self.filter.pass(chunk.get(..n).unwrap_or_default(), &mut shown);
        let mut rest = shown.as_slice();
        while !rest.is_empty() && self.gone.is_none() {
            match write(self.screen.picture(), rest) {
                Ok(n) => rest = rest.get(n..).unwrap_or_default(),
                Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(_) => break, // it cannot be shown to anybody
            }
        }
        Ok(Output::More)
    }
}
