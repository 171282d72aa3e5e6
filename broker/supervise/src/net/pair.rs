//! Datagram pairs. One of the kernel's could still send to any socket by its path, past every gate; callers get a pair of
//! message pipes instead, which keep messages apart and whole as well, and pass over an address that is given with one. What
//! tells them apart: once the other end is closed, reading ends instead of waiting, and sending is `EPIPE`.

use std::os::fd::AsFd as _;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};
use tollgate_sys::memory;
use tollgate_sys::notify::{CloseOnExec, Notification};

use super::{arg, word};
use crate::gate::Gate;

/// The bits of a type that are no flags (`SOCK_TYPE_MASK`, include/linux/net.h).
const SOCK_TYPE: i32 = 0xf;

impl Gate<'_> {
    /// `socketpair` for datagrams.
    pub(super) fn make_pair(&self, call: &Notification) -> Result<Option<i64>, i32> {
        let Some(listener) = &self.listener else { return Err(libc::EPERM) };
        let (flags, to) = (word(call, 1), arg(call, 3));
        if flags & !(SOCK_TYPE | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) != 0 {
            return Err(libc::EINVAL);
        }
        // What is given can't be taken back: the place for the numbers is tried first, with what stands there.
        let mut place = [0; 8];
        memory::read_exact(call.tid, to, &mut place).map_err(|_| libc::EFAULT)?;
        if !self.still_waits(call) {
            return Err(libc::EINTR);
        }
        memory::write(call.tid, to, &place).map_err(|_| libc::EFAULT)?;
        let patient = if flags & libc::SOCK_NONBLOCK == 0 { SockFlag::empty() } else { SockFlag::SOCK_NONBLOCK };
        let (one, other) =
            socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC.union(patient))
                .map_err(|errno| errno as i32)?;
        let closes = if flags & libc::SOCK_CLOEXEC == 0 { CloseOnExec::No } else { CloseOnExec::Yes };
        let give = |end| listener.give(call.id, end, closes).map_err(|err| err.raw_os_error().unwrap_or(libc::EMFILE));
        let numbers = [give(one.as_fd())?.to_ne_bytes(), give(other.as_fd())?.to_ne_bytes()].concat();
        memory::write(call.tid, to, &numbers).map_err(|_| libc::EFAULT)?;
        Ok(Some(0))
    }
}
