//! The doors, all on loopback, and the one thread that stands at them: questions by datagram it answers itself,
//! connections it hands on.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{MsgFlags, recv, send};
use tollgate_sys::pool::Pool;

use crate::dns::answer::Source;
use crate::dns::stream;
use crate::ground::Ground;
use crate::meet::{Meeting, Met};
use crate::relay;
use crate::wait::{self, Bell, Woken};

/// Lookups a second, and how many may come at once; more are dropped, and asked again by who asked.
const RATE: u32 = 2000;
/// Sockets of callers that ask by datagram.
const ASKERS: usize = 512;
/// Datagrams or connections taken from one door before the others are looked at.
const TURN: usize = 64;

/// The listeners: made where the callers' sockets are, that is in the sandbox's own network namespace where it has
/// one. All of them must be on loopback, or bound to addresses that nobody else can reach.
#[derive(Debug, Default)]
pub struct Doors {
    /// Name lookups by datagram, at most one a family.
    pub lookups: Vec<UdpSocket>,
    /// Name lookups over TCP, at most one a family.
    pub long_lookups: Vec<TcpListener>,
    /// The relay's, at most one a family.
    pub relay: Vec<TcpListener>,
}

impl Doors {
    /// Opens all doors on the loopback addresses of this thread's network namespace, with ports that the kernel
    /// chooses. IPv6 is left out where the machine has none.
    ///
    /// # Errors
    /// What the kernel says, for IPv4.
    pub fn open() -> io::Result<Self> {
        let mut doors = Self::default();
        let v4 = (Ipv4Addr::LOCALHOST, 0);
        doors.lookups.push(UdpSocket::bind(v4)?);
        doors.long_lookups.push(TcpListener::bind(v4)?);
        doors.relay.push(TcpListener::bind(v4)?);
        let v6 = (Ipv6Addr::LOCALHOST, 0);
        doors.lookups.extend(UdpSocket::bind(v6).ok());
        doors.long_lookups.extend(TcpListener::bind(v6).ok());
        doors.relay.extend(TcpListener::bind(v6).ok());
        Ok(doors)
    }

    fn quiet(&self) -> io::Result<()> {
        for door in &self.lookups {
            door.set_nonblocking(true)?;
        }
        for door in self.long_lookups.iter().chain(&self.relay) {
            door.set_nonblocking(true)?;
        }
        Ok(())
    }
}

/// Callers' sockets that are to be looked after from now on.
#[derive(Debug)]
pub(crate) struct Askers {
    new: Mutex<VecDeque<OwnedFd>>,
    bell: Bell,
}

impl Askers {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { new: Mutex::default(), bell: Bell::new()? })
    }

    pub(crate) fn add(&self, asker: OwnedFd) {
        let mut new = self.new.lock().unwrap_or_else(PoisonError::into_inner);
        new.push_back(asker);
        self.bell.ring();
    }

    fn take(&self) -> VecDeque<OwnedFd> {
        self.bell.silence();
        std::mem::take(&mut *self.new.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the thread at the doors works with.
pub(crate) struct Keeper {
    pub(crate) doors: Doors,
    pub(crate) ground: Arc<Ground>,
    pub(crate) meeting: Arc<Meeting>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) askers: Arc<Askers>,
}

impl Keeper {
    /// Stands at the doors until everything ends.
    pub(crate) fn keep(self) {
        let mut kept: Vec<OwnedFd> = Vec::new();
        let mut budget = Budget::new();
        if self.doors.quiet().is_err() {
            return;
        }
        loop {
            let sweep = self.meeting.sweep();
            let Ok(Some(turn)) = self.turn(&kept, sweep) else {
                return;
            };
            for (door, _) in self.doors.lookups.iter().zip(&turn.lookups).filter(is_woken) {
                self.lookups(door, &mut budget);
            }
            let mut at = 0usize;
            kept.retain(|asker| {
                let ready = turn.askers.get(at).copied().unwrap_or(PollFlags::empty());
                at = at.saturating_add(1);
                ready.is_empty() || self.asked(asker, ready, &mut budget)
            });
            if turn.new {
                kept.extend(self.askers.take());
            }
            // the oldest go: who forks a thousand askers hurts none but itself
            let over = kept.len().saturating_sub(ASKERS);
            kept.drain(..over);
            for (door, _) in self.doors.long_lookups.iter().zip(&turn.long_lookups).filter(is_woken) {
                self.long_lookups(door);
            }
            for (door, _) in self.doors.relay.iter().zip(&turn.relay).filter(is_woken) {
                self.connections(door);
            }
        }
    }

    /// Waits for whatever comes; none if everything ends.
    fn turn(&self, kept: &[OwnedFd], until: Option<Instant>) -> io::Result<Option<Turn>> {
        let mut fds = vec![self.ground.end.heard(), self.askers.bell.heard()];
        let listen = |fd| PollFd::new(fd, PollFlags::POLLIN);
        fds.extend(kept.iter().map(|asker| listen(asker.as_fd())));
        fds.extend(self.doors.lookups.iter().map(|door| listen(door.as_fd())));
        fds.extend(self.doors.long_lookups.iter().map(|door| listen(door.as_fd())));
        fds.extend(self.doors.relay.iter().map(|door| listen(door.as_fd())));
        if wait::wait(&mut fds, until)? == Woken::Stopped {
            return Ok(None);
        }
        let mut woken = fds.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty())).skip(1);
        let new = woken.next().is_some_and(|flags| !flags.is_empty());
        let mut next = |count| woken.by_ref().take(count).collect();
        let doors = &self.doors;
        Ok(Some(Turn {
            new,
            askers: next(kept.len()),
            lookups: next(doors.lookups.len()),
            long_lookups: next(doors.long_lookups.len()),
            relay: next(doors.relay.len()),
        }))
    }

    fn source(&self) -> Source<'_> {
        Source { names: &self.ground.names, judge: self.ground.judge.as_ref(), search: &self.ground.search }
    }

    fn lookups(&self, door: &UdpSocket, budget: &mut Budget) {
        let mut message = [0; 1500];
        for _ in 0..TURN {
            let Ok((length, from)) = door.recv_from(&mut message) else {
                return;
            };
            if !budget.spend() {
                continue;
            }
            let message = message.get(..length).unwrap_or_default();
            if let Some(answer) = self.source().answer(message)
                && door.send_to(&answer, from).is_err()
            {
                // it has gone, or asks again
            }
        }
    }

    /// Whether the asker is still there.
    fn asked(&self, asker: &OwnedFd, ready: PollFlags, budget: &mut Budget) -> bool {
        let mut message = [0; 1500];
        for _ in 0..TURN {
            let length = match recv(asker.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
                // an empty datagram looks like the end, which hangs up as well
                Ok(0) if ready.contains(PollFlags::POLLHUP) => return false,
                Ok(length) => length,
                Err(Errno::EAGAIN) => return !ready.contains(PollFlags::POLLHUP),
                Err(_) => return false,
            };
            let message = message.get(..length).unwrap_or_default();
            if !budget.spend() {
                continue;
            }
            if let Some(answer) = self.source().answer(message) {
                let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                if send(asker.as_raw_fd(), &answer, flags).is_err() {
                    // it does not read, or has gone
                }
            }
        }
        true
    }

    fn long_lookups(&self, door: &TcpListener) {
        for _ in 0..TURN {
            let Ok((stream, _)) = door.accept() else {
                return;
            };
            let ground = Arc::clone(&self.ground);
            let served = self.pool.run(move || {
                let source = Source { names: &ground.names, judge: ground.judge.as_ref(), search: &ground.search };
                if stream::serve(&stream, &source, &ground.end).is_err() {
                    // it has gone
                }
            });
            if served.is_err() {
                // too many: this one is closed
            }
        }
    }

    fn connections(&self, door: &TcpListener) {
        for _ in 0..TURN {
            let Ok((stream, peer)) = door.accept() else {
                return;
            };
            // whatever ends it before both sides are done, ends it with a reset
            relay::reset(&stream);
            if let Some(met) = self.meeting.arrive(peer, stream)
                && begin(met, &self.ground, &self.pool).is_err()
            {
                // no thread for it: it was dropped with the job, and so reset
            }
        }
    }
}

/// What a wait found, in the order of what was waited for.
struct Turn {
    /// Whether there are askers that nobody looked after yet.
    new: bool,
    askers: Vec<PollFlags>,
    lookups: Vec<PollFlags>,
    long_lookups: Vec<PollFlags>,
    relay: Vec<PollFlags>,
}

fn is_woken<T>((_, flags): &(T, &PollFlags)) -> bool {
    !flags.is_empty()
}

/// Starts carrying; resets the connection if there is no thread for it.
pub(crate) fn begin(met: Met, ground: &Arc<Ground>, pool: &Pool) -> io::Result<()> {
    let ground = Arc::clone(ground);
    pool.run(move || relay::run(met, &ground))
}

/// The address of the door for callers of this family.
pub(crate) fn address_for(caller: SocketAddr, doors: &[SocketAddr]) -> Option<SocketAddr> {
    let v4 = doors.iter().find(|door| door.is_ipv4());
    let v6 = doors.iter().find(|door| door.is_ipv6());
    match caller {
        SocketAddr::V4(_) => v4.copied(),
        SocketAddr::V6(to) if to.ip().to_ipv4_mapped().is_some() => v4.map(|door| mapped(*door)),
        SocketAddr::V6(_) => v6.copied(),
    }
}

/// As an IPv6 socket names an IPv4 address.
fn mapped(door: SocketAddr) -> SocketAddr {
    match door {
        SocketAddr::V4(v4) => SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port()),
        SocketAddr::V6(_) => door,
    }
}

/// Lookups that may still be answered in this second.
struct Budget {
    left: u32,
    since: Instant,
}

impl Budget {
    fn new() -> Self {
        Self { left: RATE, since: Instant::now() }
    }

    fn spend(&mut self) -> bool {
        if self.since.elapsed().as_secs() > 0 {
            *self = Self::new();
        }
        let some = self.left > 0;
        self.left = self.left.saturating_sub(1);
        some
    }
}
