//! The connecting itself, on a thread of its own: the caller's socket, and the very object, address or goal that was
//! judged.

use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    Shutdown, SockaddrIn, SockaddrIn6, SockaddrLike, SockaddrStorage, UnixAddr, getsockname, shutdown,
};
use tollgate_policy::action::{Connect, Target};
use tollgate_sys::leave::{self, Awaited, Leave};
use tollgate_sys::notify::Listener;

use crate::address;
use crate::net::{Diag, Inside};
use crate::outlet::Outlet;

/// How long a listener inside may take to have room for one more.
const ROOM: Duration = Duration::from_secs(10);

/// A connection that may be made: the caller's socket, and the very object or address that was judged.
pub(crate) struct Connecting {
    pub(crate) socket: OwnedFd,
    pub(crate) to: To,
    pub(crate) outlet: Arc<dyn Outlet>,
    /// What it has to have, if it is made before it is settled.
    pub(crate) leave: Option<Awaited>,
}

impl std::fmt::Debug for Connecting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connecting").field("socket", &self.socket).field("to", &self.to).finish_non_exhaustive()
    }
}

/// Where it goes.
#[derive(Debug)]
pub(crate) enum To {
    /// A unix socket's inode, held.
    Inode(OwnedFd),
    /// A unix socket's abstract name.
    Name(Vec<u8>),
    /// An internet address.
    Inet(SocketAddr),
    /// One of the sandbox's own listeners.
    Inside(Inside, Arc<Diag>),
    /// The relay's door, and what is meant.
    Relay {
        /// The door.
        door: SocketAddr,
        /// The name and port that were judged.
        goal: Connect,
    },
}

impl Connecting {
    /// Connects, and answers the call.
    pub(crate) fn finish(mut self, listener: &Listener, id: u64) {
        let answered = match self.connect() {
            Ok(()) => listener.succeed(id, 0),
            Err(errno) => listener.fail(id, errno as i32),
        };
        if answered.is_err() {
            // the caller has gone
        }
    }

    /// Makes it one that is begun before it is settled, where its caller does not wait: the leave that it needs from then
    /// on. None where it goes nowhere that could hold it.
    pub(crate) fn begins_early(&mut self) -> Option<Leave> {
        if !self.does_not_wait().unwrap_or(false) {
            return None;
        }
        if let To::Inet(at) = self.to {
            let goal = Connect { target: Target::Address(address::judged(&at)), port: at.port() };
            self.to = To::Relay { door: self.outlet.door(at)?, goal };
        }
        let To::Relay { .. } = self.to else { return None };
        let (leave, awaited) = leave::pair().ok()?;
        self.leave = Some(awaited);
        Some(leave)
    }

    fn does_not_wait(&self) -> Result<bool, Errno> {
        let flags = fcntl(&self.socket, FcntlArg::F_GETFL)?;
        Ok(OFlag::from_bits_truncate(flags).contains(OFlag::O_NONBLOCK))
    }

    fn connect(&mut self) -> Result<(), Errno> {
        let leave = self.leave.take();
        match &self.to {
            To::Inside(inside, diag) => self.inside(*inside, diag),
            To::Relay { door, goal } => self.relay((*door, goal), leave),
            To::Inode(_) | To::Name(_) | To::Inet(_) => connect_to(&self.socket, &self.to),
        }
    }

    /// Whoever listened before the connection was made must be the one who listens after it: else it may have come to
    /// somebody outside who took the port in between, and is broken off. (What then listens there has to listen on all
    /// addresses, and to begin in just that moment.)
    fn inside(&self, inside: Inside, diag: &Diag) -> Result<(), Errno> {
        let made = connect_inet(&self.socket, inside.at);
        let Some(cookie) = inside.cookie else { return made };
        let under_way = matches!(made, Err(Errno::EINPROGRESS | Errno::EALREADY | Errno::EINTR));
        if made.is_err() && !under_way {
            return made;
        }
        let up = made.is_ok() || self.comes_up();
        let there = diag.listener((inside.at.ip().to_canonical(), inside.at.port())).ok().flatten();
        if up && there == Some(cookie) {
            return made;
        }
        if shutdown(self.socket.as_raw_fd(), Shutdown::Both).is_err() {
            // it was refused already
        }
        Err(Errno::ECONNREFUSED)
    }

    /// A connection that is under way is waited for: it must not come up later, to somebody else.
    fn comes_up(&self) -> bool {
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT)];
        let patience = PollTimeout::try_from(ROOM).unwrap_or(PollTimeout::ZERO);
        matches!(poll(&mut fds, patience), Ok(1))
            && fds.iter().all(|fd| fd.revents().is_some_and(|got| !got.contains(PollFlags::POLLERR)))
    }

    /// A caller that waits learns what came of it, as it would without us; one that doesn't is connected to the relay
    /// at once.
    fn relay(&self, (door, goal): (SocketAddr, &Connect), leave: Option<Awaited>) -> Result<(), Errno> {
        if leave.is_some() || self.does_not_wait()? {
            let made = connect_inet(&self.socket, door);
            if matches!(made, Ok(()) | Err(Errno::EINPROGRESS)) {
                self.outlet.announce(self.local()?, goal, leave).map_err(Errno::from_raw)?;
            }
            return made;
        }
        let far = self.outlet.reach(goal).map_err(Errno::from_raw)?;
        connect_inet(&self.socket, door)?;
        far.join(self.local()?).map_err(Errno::from_raw)
    }

    fn local(&self) -> Result<SocketAddr, Errno> {
        let name: SockaddrStorage = getsockname(self.socket.as_raw_fd())?;
        let v4 = name.as_sockaddr_in().map(|v4| SocketAddr::new(v4.ip().into(), v4.port()));
        let v6 = || name.as_sockaddr_in6().map(|v6| SocketAddr::new(v6.ip().into(), v6.port()));
        v4.or_else(v6).ok_or(Errno::EINVAL)
    }
}

pub(crate) fn connect_to(socket: &OwnedFd, to: &To) -> Result<(), Errno> {
    let fd = socket.as_raw_fd();
    match to {
        To::Inode(inode) => {
            // the held inode itself: no name is looked up again
            connect(fd, &UnixAddr::new(format!("/proc/self/fd/{}", inode.as_raw_fd()).as_str())?)
        }
        To::Name(name) => connect(fd, &UnixAddr::new_abstract(name)?),
        To::Inet(at) | To::Relay { door: at, .. } | To::Inside(Inside { at, .. }, _) => connect_inet(socket, *at),
    }
}

fn connect_inet(socket: &OwnedFd, to: SocketAddr) -> Result<(), Errno> {
    match to {
        SocketAddr::V4(at) => connect(socket.as_raw_fd(), &SockaddrIn::from(at)),
        SocketAddr::V6(at) => connect(socket.as_raw_fd(), &SockaddrIn6::from(at)),
    }
}

fn connect(fd: i32, address: &dyn SockaddrLike) -> Result<(), Errno> {
    nix::sys::socket::connect(fd, address)
}
