//! Carries bytes between a caller and its far end: one thread, two lanes, bounded buffers; a side that is slow slows
//! the other down, and a side that is done leaves the other open.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags};

use crate::goal::Goal;
use crate::judge::{End, Objection};
use crate::wait::{self, Bell, Woken};
use crate::watch::{MOST, Speech, Watch};

/// Long polls, shells and idle database connections are silent for long; nothing living is silent for so long.
const IDLE: Duration = Duration::from_hours(2);
/// With one side done, the other is finishing.
const FINISHING: Duration = Duration::from_mins(10);
/// How long a line without an end is held where that is no reason to hold it.
const UNSURE: Duration = Duration::from_millis(200);
/// What a lane begins with, and what it grows to when it is full.
const SMALL: usize = 16 * 1024;
const LARGE: usize = 256 * 1024;

/// How many bytes went which way, and why it ended.
#[derive(Debug)]
pub(crate) struct Carried {
    pub(crate) up: u64,
    pub(crate) down: u64,
    pub(crate) end: End,
}

/// A connection with two ends.
#[derive(Debug)]
pub(crate) struct Pump<'a> {
    caller: &'a TcpStream,
    far: &'a TcpStream,
    watch: Watch,
    up: Lane,
    down: Lane,
    moved: Instant,
}

/// Why a connection can't go on.
enum Broken {
    /// One side broke it off.
    Stream,
    Objection(Objection),
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Stream
    }
}

impl<'a> Pump<'a> {
    /// Both streams don't block.
    pub(crate) fn new(caller: &'a TcpStream, far: &'a TcpStream, goal: &Goal) -> Self {
        Self { caller, far, watch: Watch::new(goal), up: Lane::default(), down: Lane::default(), moved: Instant::now() }
    }

    pub(crate) fn run(mut self, bell: &Bell) -> Carried {
        let end = loop {
            match self.step() {
                Ok(true) => self.moved = Instant::now(),
                Ok(false) => match self.rest(bell) {
                    Ok(None) => {}
                    Ok(Some(end)) => break end,
                    Err(_) => break End::Broken,
                },
                Err(Broken::Objection(objection)) => break End::Refused(objection),
                Err(Broken::Stream) => break End::Broken,
            }
            if self.up.closed && self.down.closed {
                break End::Closed;
            }
            if bell.has_rung() {
                break End::Stopped;
            }
        };
        Carried { up: self.up.carried, down: self.down.carried, end }
    }

    /// Moves what can be moved without waiting; whether anything was.
    fn step(&mut self) -> Result<bool, Broken> {
        let mut moved = self.down.fill(self.far)?;
        if moved && self.watch.is_listening() {
            self.watch.hear(self.down.fresh());
        }
        self.down.free = self.down.held();
        moved |= self.down.drain(self.caller)?;
        moved |= self.up.fill(self.caller)?;
        self.up.free = if self.watch.is_open() {
            self.up.held()
        } else {
            // what is free but not yet written was looked at before
            let free = self.up.free;
            let rest = self.up.bytes().get(free..).unwrap_or_default();
            let more = self.watch.release(rest, self.up.speech()).map_err(Broken::Objection)?;
            free.saturating_add(more)
        };
        moved |= self.up.drain(self.far)?;
        Ok(moved)
    }

    /// Waits until something can be moved. The end, if it is to end.
    fn rest(&mut self, bell: &Bell) -> io::Result<Option<End>> {
        let unsure = self.watch.is_unsure() && self.up.held() > self.up.free;
        let patience = match () {
            () if unsure => UNSURE,
            () if self.up.ended || self.down.ended => FINISHING,
            () => IDLE,
        };
        let interest = |from: &Lane, to: &Lane| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, from.has_room());
            flags.set(PollFlags::POLLOUT, to.free > 0);
            flags
        };
        let mut fds = vec![bell.heard()];
        for (stream, flags) in
            [(self.caller, interest(&self.up, &self.down)), (self.far, interest(&self.down, &self.up))]
        {
            // one that nothing is wanted of would wake us with its hang-up again and again
            if !flags.is_empty() {
                fds.push(PollFd::new(stream.as_fd(), flags));
            }
        }
        match wait::wait(&mut fds, self.moved.checked_add(patience))? {
            Woken::Ready => {}
            Woken::Stopped => return Ok(Some(End::Stopped)),
            Woken::Late if unsure => self.watch.tire(),
            Woken::Late => return Ok(Some(End::Idle)),
        }
        Ok(None)
    }
}

/// One direction.
#[derive(Debug, Default)]
struct Lane {
    buffer: Vec<u8>,
    from: usize,
    to: usize,
    /// How many of the held bytes may be written.
    free: usize,
    /// How many came with the last read.
    last: usize,
    ended: bool,
    closed: bool,
    carried: u64,
}

impl Lane {
    fn held(&self) -> usize {
        self.to.saturating_sub(self.from)
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.get(self.from..self.to).unwrap_or_default()
    }

    fn fresh(&self) -> &[u8] {
        let from = self.to.saturating_sub(self.last);
        self.buffer.get(from..self.to).unwrap_or_default()
    }

    fn speech(&self) -> Speech {
        if self.ended { Speech::Ended } else { Speech::Goes }
    }

    fn has_room(&self) -> bool {
        !self.ended && self.held() < MOST
    }

    /// Reads once, if there is room; whether anything came, the end included.
    fn fill(&mut self, mut stream: &TcpStream) -> io::Result<bool> {
        self.last = 0;
        if !self.has_room() {
            return Ok(false);
        }
        self.make_room();
        let room = self.buffer.get_mut(self.to..).unwrap_or_default();
        let whole = room.len();
        match stream.read(room) {
            Ok(0) => self.ended = true,
            Ok(n) => {
                self.to = self.to.saturating_add(n);
                self.last = n;
                if n == whole && self.buffer.len() < LARGE {
                    self.buffer.resize(LARGE, 0);
                }
            }
            Err(err) if is_later(&err) => return Ok(false),
            Err(err) => return Err(err),
        }
        Ok(true)
    }

    fn make_room(&mut self) {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        }
        if self.buffer.is_empty() {
            self.buffer.resize(SMALL, 0);
        }
        if self.to == self.buffer.len() {
            self.buffer.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.held());
        }
        if self.to == self.buffer.len() {
            self.buffer.resize(LARGE, 0);
        }
    }

    /// Writes once what may be written; passes the end on behind the last byte. Whether anything went.
    fn drain(&mut self, mut stream: &TcpStream) -> io::Result<bool> {
        let free = self.bytes().get(..self.free).unwrap_or_default();
        if !free.is_empty() {
            return match stream.write(free) {
                Ok(n) => {
                    self.from = self.from.saturating_add(n);
                    self.free = self.free.saturating_sub(n);
                    self.carried = self.carried.saturating_add(u64::try_from(n).unwrap_or(0));
                    Ok(n > 0)
                }
                Err(err) if is_later(&err) => Ok(false),
                Err(err) => Err(err),
            };
        }
        if self.ended && self.held() == 0 && !self.closed {
            self.closed = true;
            stream.shutdown(Shutdown::Write)?;
            return Ok(true);
        }
        Ok(false)
    }
}

fn is_later(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
