//! `getsockname` and `getpeername`: callers are told the addresses that they asked for, not where these really lie.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, getpeername, getsockname};
use tollgate_sys::notify::Notification;
use tollgate_sys::sockets::Kind;

use super::bind::kind;
use super::{Ground, Net, arg, cookie};
use crate::gate::Gate;

impl Gate<'_> {
    pub(super) fn socket_name(&mut self, call: &Notification) -> Result<Option<i64>, i32> {
        let Some((socket, cookie)) = self.renamed(call)? else { return Ok(None) };
        let name = match self.net.askers.of(cookie) {
            Some(asker) => asker.local(cookie),
            None => self.net.local(&socket, cookie)?,
        };
        self.tell_address(call, (arg(call, 1), arg(call, 2)), name).map(|()| Some(0))
    }

    pub(super) fn peer_name(&mut self, call: &Notification) -> Result<Option<i64>, i32> {
        let Some((socket, cookie)) = self.renamed(call)? else { return Ok(None) };
        let name = match self.net.askers.of(cookie) {
            Some(asker) => asker.peer().ok_or(libc::ENOTCONN)?,
            None => self.net.peer(&socket, cookie)?,
        };
        self.tell_address(call, (arg(call, 1), arg(call, 2)), name).map(|()| Some(0))
    }

    /// The socket, if its addresses may be others than the kernel's; what is not is left to the kernel.
    fn renamed(&mut self, call: &Notification) -> Result<Option<(OwnedFd, u64)>, i32> {
        let socket = self.callers_socket(call)?;
        let cookie = cookie(&socket)?;
        let is_inet = matches!(kind(&socket)?, Kind { family: libc::AF_INET | libc::AF_INET6, .. });
        let apart = self.net.ground == Ground::Namespace && self.net.peers.of(cookie).is_none();
        if self.net.askers.of(cookie).is_some() || (is_inet && !apart) {
            return Ok(Some((socket, cookie)));
        }
        self.leave_be(call);
        Ok(None)
    }
}

impl Net {
    fn local(&self, socket: &OwnedFd, cookie: u64) -> Result<SocketAddr, i32> {
        let real = inet(getsockname(socket.as_raw_fd()))?;
        Ok(match (self.bound.of(cookie), self.own) {
            (Some(bound), _) => SocketAddr::new(bound.asked, real.port()),
            (None, Some(own)) => own.told(real),
            (None, None) => real,
        })
    }

    fn peer(&self, socket: &OwnedFd, cookie: u64) -> Result<SocketAddr, i32> {
        let real = inet(getpeername(socket.as_raw_fd()))?;
        Ok(match (self.peers.of(cookie), self.own) {
            (Some(asked), _) => *asked,
            (None, Some(own)) => own.told(real),
            (None, None) => real,
        })
    }
}

fn inet(found: Result<SockaddrStorage, Errno>) -> Result<SocketAddr, i32> {
    let found = found.map_err(|errno| errno as i32)?;
    let v4 = found.as_sockaddr_in().map(|v4| SocketAddr::new(v4.ip().into(), v4.port()));
    v4.or_else(|| found.as_sockaddr_in6().map(|v6| SocketAddr::new(v6.ip().into(), v6.port()))).ok_or(libc::EINVAL)
}
