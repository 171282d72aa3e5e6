//! `connect` at notification: done on the caller's own socket by the supervisor, so that the address that was
//! judged is the address that is used.

use std::net::SocketAddr;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrLike, UnixAddr, getsockopt, socket, sockopt,
};
use tollgate_ledger::record::Event;
use tollgate_policy::action::{Action, Connect, Target};
use tollgate_policy::grant::Grants;
use tollgate_policy::raw::Raw;
use tollgate_policy::verdict::Effect;
use tollgate_sys::notify::{Listener, Notification};
use tollgate_sys::{memory, pidfd};

use crate::address::{self, Address};
use crate::exec::{NEXT_RULE, why};
use crate::gate::Gate;
use crate::hold::{Held, Then};
use crate::places;
use crate::program::Asked;
use crate::record::now;

/// More connections at once than any program waits for.
const CONNECTING: usize = 512;

/// A connection that may be made: the caller's socket, and the very object or address that was judged.
#[derive(Debug)]
pub(crate) struct Connecting {
    socket: OwnedFd,
    to: To,
}

#[derive(Debug)]
enum To {
    /// A unix socket's inode, held.
    Inode(OwnedFd),
    /// A unix socket's abstract name.
    Name(Vec<u8>),
    /// An internet address.
    Inet(SocketAddr),
}

impl Gate<'_> {
    /// A socket is to be connected.
    pub(crate) fn connect(&mut self, call: Notification) {
        let (socket, address) = match self.socket_and_address(&call) {
            Ok(both) => both,
            Err(errno) => return self.refuse(&call, errno),
        };
        let (to, target, port) = match self.target(&call, address) {
            Ok(target) => target,
            Err(errno) => return self.refuse(&call, errno),
        };
        let connecting = Connecting { socket, to };
        self.judge_connect(call, &Connect { target, port }, connecting);
    }

    fn socket_and_address(&self, call: &Notification) -> Result<(OwnedFd, Address), i32> {
        let length = usize::try_from(call.args[2]).ok().filter(|&n| n <= address::LONGEST).ok_or(libc::EINVAL)?;
        let mut bytes = [0u8; address::LONGEST];
        let bytes = bytes.get_mut(..length).unwrap_or_default();
        memory::read_exact(call.tid, call.args[1], bytes).map_err(|_| libc::EFAULT)?;
        let handle = pidfd::open(call.tid).map_err(|_| libc::EPERM)?;
        // the kernel takes the descriptor as an int
        #[allow(clippy::cast_possible_truncation, reason = "as the kernel does")]
        let fd = call.args[0] as u32;
        let fd = fd.cast_signed();
        let socket = pidfd::descriptor(handle.as_fd(), fd).map_err(|err| err.raw_os_error().unwrap_or(libc::EBADF))?;
        let valid = self.listener.as_ref().is_some_and(|listener| listener.is_valid(call.id));
        if valid { Ok((socket, address::parse(bytes))) } else { Err(libc::EINTR) }
    }

    fn target(&mut self, call: &Notification, address: Address) -> Result<(To, Target, u16), i32> {
        match address {
            Address::Path(path) => {
                let asked = Asked { tid: call.tid, dir: None, path, argv: Vec::new() };
                let (handle, path) = self.programs.socket(&asked)?;
                Ok((To::Inode(handle), Target::Unix(path), 0))
            }
            Address::Abstract(name) => Ok((To::Name(name.clone()), Target::Abstract(Raw(name)), 0)),
            Address::Inet(at) => Ok((To::Inet(at), Target::Address(address::judged(&at)), at.port())),
            Address::Nowhere => Err(libc::EAFNOSUPPORT),
            Address::Other(_) => Err(libc::EINVAL),
        }
    }

    /// Whether a unix socket is one of the sandbox's own. In a private place nobody else can make one. Elsewhere a
    /// connection of our own says who listens there: only where something inside can have made the socket, since a
    /// service outside may act on a connection alone, and a server inside may take only one. An inode keeps its
    /// listener; an abstract name could change hands only between processes outside.
    fn is_inside(&self, connecting: &Connecting, target: &Target) -> bool {
        match target {
            Target::Unix(path) if places::is_private(self.run.boundary, &self.run.started.enforced, path) => true,
            Target::Unix(path) => self.programs.beneath_writable(path) && self.listens_inside(connecting),
            Target::Abstract(_) => self.listens_inside(connecting),
            Target::Name(_) | Target::Address(_) => false,
        }
    }

    fn listens_inside(&self, connecting: &Connecting) -> bool {
        let Ok(kind) = getsockopt(&connecting.socket, sockopt::SockType) else {
            return false;
        };
        if kind == SockType::Datagram {
            return false;
        }
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let Ok(probe) = socket(AddressFamily::Unix, kind, flags, None) else {
            return false;
        };
        if connect_to(&probe, &connecting.to).is_err() {
            return false;
        }
        // a process that has ended keeps its number in the credentials, and the number may be another's by now
        let ended = |errno| matches!(errno, Errno::EINVAL | Errno::ESRCH | Errno::ENODATA);
        if getsockopt(&probe, sockopt::PeerPidfd).is_err_and(ended) {
            return false;
        }
        let Ok(peer) = getsockopt(&probe, sockopt::PeerCredentials) else {
            return false;
        };
        peer.pid() > 0 && self.tree.holds(peer.pid(), self.run.guard)
    }

    fn judge_connect(&mut self, call: Notification, connect: &Connect, connecting: Connecting) {
        let what = Action::Connect(connect.clone());
        let judge = |grants: &Grants| self.run.policy.judge(&self.run.subject, &what, grants, now());
        let (verdict, granted) = (judge(&Grants::default()), judge(&self.grants));
        let action = self.tree.place(call.tid).action();
        let shown = format!("to connect to {}", shown(connect));
        match verdict.effect {
            Effect::Allow => self.make(&call, connecting),
            Effect::Review | Effect::Ask | Effect::Deny if self.is_inside(&connecting, &connect.target) => {
                self.make(&call, connecting);
            }
            Effect::Review | Effect::Ask => {
                let held = Held { call, action, what, shown, verdict, then: Then::Connect(connecting) };
                if granted.effect == Effect::Allow {
                    self.granted(held);
                } else {
                    self.question(held);
                }
            }
            Effect::Deny => {
                let reason = why(&verdict);
                let denied = Event::Denied { action, pid: call.tid.unsigned_abs(), what, verdict };
                if let Err(unwritten) = self.pen.durable(denied) {
                    self.broken(unwritten);
                }
                self.say(call.tid, &shown, &reason, NEXT_RULE);
                self.refuse(&call, libc::EACCES);
            }
        }
    }

    /// Connects, and gives the caller what came of it: on a thread of its own, since it may take long. Whether it
    /// may is the caller's to change at any time, with `O_NONBLOCK` on the socket that it shares.
    pub(crate) fn make(&mut self, call: &Notification, connecting: Connecting) {
        let Some(listener) = self.listener.clone() else {
            return;
        };
        let id = call.id;
        // each thread holds its own reference
        if Arc::strong_count(&listener) > CONNECTING {
            return self.refuse(call, libc::EAGAIN);
        }
        let spawned =
            std::thread::Builder::new().stack_size(64 * 1024).spawn(move || finish(&listener, id, &connecting));
        if spawned.is_err() {
            self.refuse(call, libc::EAGAIN);
        }
    }
}

fn finish(listener: &Arc<Listener>, id: u64, connecting: &Connecting) {
    let answered = match connect_to(&connecting.socket, &connecting.to) {
        Ok(()) => listener.succeed(id, 0),
        Err(errno) => listener.fail(id, errno as i32),
    };
    if answered.is_err() {
        // the caller has gone
    }
}

fn connect_to(socket: &OwnedFd, to: &To) -> Result<(), Errno> {
    let fd = socket.as_raw_fd();
    match to {
        To::Inode(inode) => {
            // the held inode itself: no name is looked up again
            connect(fd, &UnixAddr::new(format!("/proc/self/fd/{}", inode.as_raw_fd()).as_str())?)
        }
        To::Name(name) => connect(fd, &UnixAddr::new_abstract(name)?),
        To::Inet(SocketAddr::V4(at)) => connect(fd, &SockaddrIn::from(*at)),
        To::Inet(SocketAddr::V6(at)) => connect(fd, &SockaddrIn6::from(*at)),
    }
}

fn connect(fd: i32, address: &dyn SockaddrLike) -> Result<(), Errno> {
    nix::sys::socket::connect(fd, address)
}

fn shown(connect: &Connect) -> String {
    match &connect.target {
        Target::Name(name) => format!("{name}:{}", connect.port),
        Target::Address(address) => SocketAddr::new(*address, connect.port).to_string(),
        Target::Unix(path) => format!("the socket {path:?}"),
        Target::Abstract(name) => format!("the abstract socket {name:?}"),
    }
}
