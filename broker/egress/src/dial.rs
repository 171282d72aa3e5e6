//! Reaching a goal: resolve, look at every address, and connect to exactly those that were looked at. A name that
//! leads elsewhere the next time it is asked (rebinding) gains nothing.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockProtocol, SockType, SockaddrIn, SockaddrIn6, connect, getsockopt, socket, sockopt,
};
use tollgate_policy::action::Target;

use crate::class;
use crate::goal::Goal;
use crate::ground::Ground;
use crate::judge::End;
use crate::wait::{self, Woken};

/// RFC 8305 §8 recommends 250 ms.
const STAGGER: Duration = Duration::from_millis(250);
/// Of all tries together.
const PATIENCE: Duration = Duration::from_secs(30);
const RESOLVING: Duration = Duration::from_secs(20);
/// Addresses of one name that are tried.
const ADDRESSES: usize = 8;

/// A far end that was reached for a goal, to be joined with a caller's connection.
#[derive(Debug)]
pub struct Reached {
    pub(crate) goal: Goal,
    pub(crate) stream: TcpStream,
}

/// Why a goal was not reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreached {
    /// What the caller's `connect` is to fail with.
    pub errno: i32,
    /// For the ledger.
    pub end: End,
}

impl From<End> for Unreached {
    fn from(end: End) -> Self {
        let errno = match &end {
            End::Unreachable(errno) => *errno,
            End::Elsewhere(..) => Errno::EACCES as i32,
            End::Idle => Errno::ETIMEDOUT as i32,
            // the caller was told that the name has an address
            End::Unresolved(_) | End::Closed | End::Broken | End::Stopped | End::Refused(_) => {
                Errno::EHOSTUNREACH as i32
            }
        };
        Self { errno, end }
    }
}

/// Connects to a goal.
pub(crate) fn dial(goal: &Goal, ground: &Ground) -> Result<TcpStream, End> {
    let port = goal.connect.port;
    let addresses = addresses(goal, ground)?;
    let addresses: Vec<SocketAddr> =
        (addresses.into_iter().take(ADDRESSES)).map(|address| SocketAddr::new(address, port)).collect();
    let stream = race(&addresses, ground)?;
    // the relay adds no delay of its own
    let ready = stream.set_nodelay(true).and_then(|()| stream.set_nonblocking(true));
    match ready {
        Ok(()) => Ok(stream),
        Err(err) => Err(End::Unreachable(err.raw_os_error().unwrap_or(Errno::EIO as i32))),
    }
}

/// The addresses that may be connected to.
fn addresses(goal: &Goal, ground: &Ground) -> Result<Vec<IpAddr>, End> {
    let name = match &goal.connect.target {
        Target::Name(name) => name,
        // it was judged as what it is
        Target::Address(address) => return Ok(vec![*address]),
        Target::Unix(_) | Target::Abstract(_) => {
            return Err(End::Unresolved("a unix socket is no host".to_owned()));
        }
    };
    let now = Instant::now();
    let until = now.checked_add(RESOLVING).unwrap_or(now);
    let found = ground.resolve.resolve(name, until);
    if ground.end.has_rung() {
        return Err(End::Stopped);
    }
    let found = found.map_err(|err| End::Unresolved(unresolved(&err)))?;
    let mut elsewhere = None;
    let mut allowed = Vec::new();
    for address in found {
        let address = address.to_canonical();
        let class = class::here(address);
        if class.is_open() || ground.judge.may_reach(&goal.connect, address, class) {
            allowed.push(address);
        } else {
            elsewhere = elsewhere.or(Some(End::Elsewhere(address, class)));
        }
    }
    match elsewhere {
        _ if !allowed.is_empty() => Ok(allowed),
        Some(elsewhere) => Err(elsewhere),
        None => Err(End::Unresolved("the name has no address".to_owned())),
    }
}

/// Tries addresses in their order, the next when one fails or is slow; the first that answers is taken.
fn race(addresses: &[SocketAddr], ground: &Ground) -> Result<TcpStream, End> {
    let begun = Instant::now();
    let until = begun.checked_add(PATIENCE).unwrap_or(begun);
    let mut next = begun;
    let mut rest = addresses.iter();
    let mut trying: Vec<OwnedFd> = Vec::new();
    let mut last = Errno::ETIMEDOUT;
    loop {
        let now = Instant::now();
        if now >= until {
            return Err(End::Unreachable(last as i32));
        }
        if now >= next || trying.is_empty() {
            match rest.next().map(start) {
                None if trying.is_empty() => return Err(End::Unreachable(last as i32)),
                None => next = until,
                Some(Err(errno)) => {
                    last = errno;
                    continue;
                }
                Some(Ok(Started::Connected(socket))) => return Ok(socket.into()),
                Some(Ok(Started::Trying(socket))) => {
                    trying.push(socket);
                    next = now.checked_add(STAGGER).unwrap_or(until);
                }
            }
        }
        let Some(ready) = first_ready(&trying, next.min(until), ground)? else {
            continue;
        };
        let socket = trying.swap_remove(ready);
        match getsockopt(&socket, sockopt::SocketError) {
            Ok(0) => return Ok(socket.into()),
            Ok(errno) => last = Errno::from_raw(errno),
            Err(errno) => last = errno,
        }
        next = now;
    }
}

enum Started {
    Connected(OwnedFd),
    Trying(OwnedFd),
}

fn start(address: &SocketAddr) -> Result<Started, Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let made = socket(family, SockType::Stream, flags, SockProtocol::Tcp)?;
    let connected = match address {
        SocketAddr::V4(address) => connect(made.as_raw_fd(), &SockaddrIn::from(*address)),
        SocketAddr::V6(address) => connect(made.as_raw_fd(), &SockaddrIn6::from(*address)),
    };
    match connected {
        Ok(()) => Ok(Started::Connected(made)),
        Err(Errno::EINPROGRESS) => Ok(Started::Trying(made)),
        Err(errno) => Err(errno),
    }
}

/// The first of these sockets whose connection has succeeded or failed; none if that takes longer.
fn first_ready(trying: &[OwnedFd], until: Instant, ground: &Ground) -> Result<Option<usize>, End> {
    let mut fds = vec![ground.end.heard()];
    fds.extend(trying.iter().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLOUT)));
    match wait::wait(&mut fds, Some(until)) {
        Ok(Woken::Ready) => Ok(fds.iter().skip(1).position(wait::is_ready)),
        Ok(Woken::Late) => Ok(None),
        Ok(Woken::Stopped) => Err(End::Stopped),
        Err(err) => Err(unreachable(&err)),
    }
}

fn unresolved(err: &io::Error) -> String {
    let kind = err.kind();
    if kind == io::ErrorKind::NotFound {
        "the name does not exist, or has no address".to_owned()
    } else if kind == io::ErrorKind::TimedOut {
        "no name server answered in time".to_owned()
    } else {
        err.to_string()
    }
}

fn unreachable(err: &io::Error) -> End {
    End::Unreachable(err.raw_os_error().unwrap_or(Errno::EIO as i32))
}
