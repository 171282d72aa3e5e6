//! `bind` of TCP sockets, on behalf: to the run's own loopback, whatever address of loopback was asked for. Addresses
//! of the machine's other interfaces would let the network in.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{SockaddrIn, SockaddrIn6, bind};
use tollgate_policy::action::{Connect, Target};
use tollgate_policy::boundary::Reach;
use tollgate_sys::notify::Notification;
use tollgate_sys::sockets::{self, Kind};

use super::{Bound, Ground, Meant, Net, cookie, meant};
use crate::address::Address;
use crate::gate::Gate;

/// What an agent is told to do about it.
const NEXT: &str = "bind to 127.0.0.1, ::1 or any address: other processes of this run reach it there";

impl Gate<'_> {
    /// A socket is to be bound. Unix sockets with a path are the path gate's; the kernel does what is neither.
    pub(crate) fn bind(&mut self, call: Notification) {
        let kind = self.callers_socket(&call).and_then(|socket| kind(&socket).map(|kind| (socket, kind)));
        let done = match kind {
            Ok((socket, Kind { family: libc::AF_INET | libc::AF_INET6, .. })) => self.bind_inet(&call, &socket),
            Ok((socket, _)) => match cookie(&socket).ok().filter(|cookie| self.net.asker(*cookie).is_some()) {
                Some(_) => self.bind_asker(&call),
                None => return self.bind_other(call),
            },
            Err(errno) => Err(errno),
        };
        match done {
            Ok(()) => self.answer(&call, 0),
            Err(errno) => self.refuse(&call, errno),
        }
    }

    fn bind_other(&mut self, call: Notification) {
        if self.files.is_some() { self.path_call(call, "bind") } else { self.leave_be(&call) }
    }

    fn bind_inet(&mut self, call: &Notification, socket: &OwnedFd) -> Result<(), i32> {
        let Address::Inet(asked) = self.callers_address(call)? else {
            return Err(libc::EAFNOSUPPORT);
        };
        let open = self.run.boundary.network.reach == Reach::Open;
        if meant(asked.ip()) == Meant::Elsewhere && self.net.ground == Ground::Shared && !open {
            self.not_here(call, asked);
            return Err(libc::EACCES);
        }
        if is_privileged(asked.port()) {
            return Err(libc::EACCES);
        }
        if open { bind_to(socket, asked).map_err(|errno| errno as i32) } else { self.net.bind(socket, asked) }
    }

    /// Told once for each address.
    fn not_here(&mut self, call: &Notification, asked: SocketAddr) {
        let connect = Connect { target: Target::Address(asked.ip()), port: asked.port() };
        if self.net.refuses(&connect) {
            let why = "only this machine's loopback can be listened at from inside";
            self.say(call.tid, &format!("to listen at {asked}"), why, NEXT);
        } else {
            self.ending.refusals += 1;
        }
    }
}

impl Net {
    /// Binds to the run's own loopback, or, in a network namespace, to what was asked.
    pub(crate) fn bind(&mut self, socket: &OwnedFd, asked: SocketAddr) -> Result<(), i32> {
        let cookie = cookie(socket)?;
        let only = sockets::keeps_to_v6(socket.as_fd()).unwrap_or(false);
        let meant = meant(asked.ip());
        let bound = Bound { asked: asked.ip(), both: meant == Meant::Any && !only };
        let to = match self.ground {
            Ground::Namespace => asked,
            Ground::Shared => {
                let own = self.own()?;
                self.is_free(asked, bound)?;
                let is_v6 = kind(socket)?.family == libc::AF_INET6;
                if is_v6 != asked.is_ipv6() {
                    return Err(if is_v6 { libc::EINVAL } else { libc::EAFNOSUPPORT });
                }
                if is_v6 && only {
                    // it keeps to IPv6 all the same: nobody is led to it from IPv4
                    sockets::open_to_v4(socket.as_fd()).map_err(|err| err.raw_os_error().unwrap_or(libc::EINVAL))?;
                }
                own.bound((meant, is_v6), asked.port()).ok_or(libc::EADDRNOTAVAIL)?
            }
        };
        bind_to(socket, to).map_err(|errno| errno as i32)?;
        self.bound.put(cookie, bound);
        Ok(())
    }

    /// One that takes both families meets those of IPv4.
    fn is_free(&mut self, asked: SocketAddr, bound: Bound) -> Result<(), i32> {
        let port = asked.port();
        if port == 0 {
            return Ok(());
        }
        let own = self.own()?;
        let diag = self.diag()?;
        let listener = |address: IpAddr| diag.listener((address, port)).ok().flatten();
        let met = if bound.both {
            listener(own.v4.into()).is_some()
        } else if meant(asked.ip()) == Meant::Four {
            listener(own.v6.into()).and_then(|cookie| self.listeners.of(cookie)).is_some_and(|other| other.both)
        } else {
            false
        };
        if met { Err(libc::EADDRINUSE) } else { Ok(()) }
    }
}

pub(crate) fn kind(socket: &OwnedFd) -> Result<Kind, i32> {
    sockets::kind(socket.as_fd()).map_err(|err| err.raw_os_error().unwrap_or(libc::ENOTSOCK))
}

pub(crate) fn bind_to(socket: &OwnedFd, to: SocketAddr) -> Result<(), Errno> {
    match to {
        SocketAddr::V4(to) => bind(socket.as_raw_fd(), &SockaddrIn::from(to)),
        SocketAddr::V6(to) => bind(socket.as_raw_fd(), &SockaddrIn6::from(to)),
    }
}

/// Whether a port is kept for those with a capability that nothing inside has (`ip(7)`).
fn is_privileged(port: u16) -> bool {
    let first = || {
        let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").ok()?;
        text.trim().parse::<u16>().ok()
    };
    port != 0 && port < 1024 && port < first().unwrap_or(1024)
}
