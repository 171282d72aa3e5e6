//! `getsockname` and `getpeername`: callers are told the addresses that they asked for, not where these really lie.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use nix::errno::Errno;
use nix::sys::socket::{SockaddrStorage, UnixAddr, getpeername, getsockname};
use tollgate_sys::notify::Notification;

use super::bind::kind;
use super::{Ground, Net, arg, cookie};
use crate::address;
use crate::gate::Gate;

/// Whose address is asked for.
#[derive(Debug, Clone, Copy)]
enum End {
    Own,
    Peer,
}

impl Gate<'_> {
    pub(super) fn socket_name(&mut self, call: &Notification) -> Result<Option<i64>, i32> {
        self.name_of(call, End::Own)
    }

    pub(super) fn peer_name(&mut self, call: &Notification) -> Result<Option<i64>, i32> {
        self.name_of(call, End::Peer)
    }

    /// Tells the address, if it may be another one than the kernel's; what is not is left to the kernel.
    fn name_of(&mut self, call: &Notification, end: End) -> Result<Option<i64>, i32> {
        let socket = self.callers_socket(call)?;
        let Some(bytes) = self.renamed(&socket, end)? else {
            self.leave_be(call);
            return Ok(None);
        };
        self.tell_address(call, (arg(call, 1), arg(call, 2)), &bytes).map(|()| Some(0))
    }

    fn renamed(&mut self, socket: &OwnedFd, end: End) -> Result<Option<Vec<u8>>, i32> {
        let cookie = cookie(socket)?;
        let told = match (self.net.askers.of(cookie), end) {
            (Some(asker), End::Own) => asker.local(cookie),
            (Some(asker), End::Peer) => asker.peer().ok_or(libc::ENOTCONN)?,
            (None, _) => {
                let family = kind(socket)?.family;
                if family == libc::AF_UNIX {
                    return Ok(self.bound_by(socket, end));
                }
                let apart = self.net.ground == Ground::Namespace && self.net.peers.of(cookie).is_none();
                if apart || !matches!(family, libc::AF_INET | libc::AF_INET6) {
                    return Ok(None);
                }
                match end {
                    End::Own => self.net.local(socket, cookie)?,
                    End::Peer => self.net.peer(socket, cookie)?,
                }
            }
        };
        Ok(Some(address::bytes(&told)))
    }

    /// The path by which a unix socket, or its peer, was bound in here, where the kernel keeps another one.
    fn bound_by(&self, socket: &OwnedFd, end: End) -> Option<Vec<u8>> {
        let kept: UnixAddr = match end {
            End::Own => getsockname(socket.as_raw_fd()),
            End::Peer => getpeername(socket.as_raw_fd()),
        }
        .ok()?;
        let asked = self.files.as_ref()?.bound_by(kept.path()?.as_os_str().as_bytes())?;
        Some(address::unix(asked))
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
