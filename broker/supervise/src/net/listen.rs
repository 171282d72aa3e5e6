//! `listen`, on behalf, for sockets of every family: which one it is can't be changed in between, and who listens is
//! then known. One that was never bound would be bound by the kernel to every address of the machine.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;

use nix::sys::socket::{Backlog, SockaddrLike as _, SockaddrStorage, getsockname, listen};
use std::os::fd::AsRawFd as _;
use tollgate_policy::boundary::Reach;
use tollgate_sys::notify::Notification;

use super::bind::kind;
use super::{Net, cookie, word};
use crate::gate::Gate;

impl Gate<'_> {
    /// A socket is to take connections.
    pub(super) fn listen(&mut self, call: &Notification) -> Result<i64, i32> {
        let socket = self.callers_socket(call)?;
        if self.run.boundary.network.reach != Reach::Open {
            self.net.may_listen(&socket)?;
        }
        listen(&socket, backlog(word(call, 1))).map_err(|errno| errno as i32)?;
        self.net.listens(&socket)?;
        Ok(0)
    }
}

impl Net {
    /// Only what was bound here may listen: such a socket keeps its address, whatever becomes of it.
    fn may_listen(&mut self, socket: &OwnedFd) -> Result<(), i32> {
        let (family, cookie) = (kind(socket)?.family, cookie(socket)?);
        if !matches!(family, libc::AF_INET | libc::AF_INET6) || self.bound.of(cookie).is_some() {
            return Ok(());
        }
        let name: SockaddrStorage = getsockname(socket.as_raw_fd()).map_err(|errno| errno as i32)?;
        let port = name.as_sockaddr_in().map(nix::sys::socket::SockaddrIn::port);
        let port = port.or_else(|| name.as_sockaddr_in6().map(nix::sys::socket::SockaddrIn6::port));
        match (port, name.family()) {
            (Some(0), _) if family == libc::AF_INET6 => self.bind(socket, (Ipv6Addr::UNSPECIFIED, 0).into()),
            (Some(0), _) => self.bind(socket, (Ipv4Addr::UNSPECIFIED, 0).into()),
            // bound by the kernel, for a connection that failed
            (Some(_) | None, _) => Err(libc::EINVAL),
        }
    }

    fn listens(&mut self, socket: &OwnedFd) -> Result<(), i32> {
        if kind(socket)?.family == libc::AF_UNIX {
            self.hears(socket);
            return Ok(());
        }
        let cookie = cookie(socket)?;
        if let Some(bound) = self.bound.of(cookie).copied() {
            self.listeners.put(cookie, bound);
        }
        Ok(())
    }
}

/// As the kernel takes it: what is negative or too large is the most.
fn backlog(asked: i32) -> Backlog {
    Backlog::new(asked).unwrap_or(Backlog::MAXALLOWABLE)
}
