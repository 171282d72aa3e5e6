//! Sockets for lookups. A caller that makes a UDP socket is given one that leads to the egress's stub and nowhere else,
//! and is answered as if it were UDP. It gets a number from 960 up, for which the filter sends the few calls that would
//! tell the difference; only what programs see depends on that, not where anything goes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, getsockopt, recv, sockopt};
use nix::sys::time::TimeVal;
use tollgate_sys::memory;
use tollgate_sys::notify::{CloseOnExec, Listener, Notification};

use super::{Meant, arg, cookie, meant, word};
use crate::address::{self, Address};
use crate::gate::Gate;

/// The numbers that the filter knows askers by, as `profiles/calls.toml` has them.
const NUMBERS: std::ops::Range<u32> = 960..1024;
/// Answers to lookups are shorter; nothing else comes.
const LONGEST: usize = 4096;
/// How often a caller that waits is looked after.
const LOOK: u16 = 200;

/// A socket for lookups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asker {
    is_v6: bool,
    to: Option<SocketAddr>,
    /// Where the last message went that had an address of its own.
    sent: Option<SocketAddr>,
}

impl Asker {
    /// What it is connected to, so far as it knows.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.to
    }

    /// An address that it could have.
    pub(crate) fn local(&self, cookie: u64) -> SocketAddr {
        let address: IpAddr = match (self.is_v6, self.to.is_some()) {
            (false, true) => Ipv4Addr::LOCALHOST.into(),
            (false, false) => Ipv4Addr::UNSPECIFIED.into(),
            (true, true) => Ipv6Addr::LOCALHOST.into(),
            (true, false) => Ipv6Addr::UNSPECIFIED.into(),
        };
        SocketAddr::new(address, u16::try_from(32_768 + cookie % 28_000).unwrap_or(32_768))
    }

    /// Connects it: lookups go on, and loopback does no harm (programs ask which address they would have); nothing is
    /// reached. All else is out of reach.
    pub(crate) fn connect(&mut self, to: &Address) -> Result<(), i32> {
        match to {
            Address::Nowhere => self.to = None,
            Address::Inet(to) if to.is_ipv6() != self.is_v6 => return Err(libc::EAFNOSUPPORT),
            Address::Inet(to) if to.port() == 53 || meant(to.ip()) != Meant::Elsewhere => self.to = Some(*to),
            Address::Inet(_) => return Err(libc::ENETUNREACH),
            Address::Path(_) | Address::Abstract(_) | Address::Other(_) => return Err(libc::EINVAL),
        }
        Ok(())
    }

    fn source(&self) -> SocketAddr {
        let unknown = if self.is_v6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
        self.to.or(self.sent).unwrap_or_else(|| SocketAddr::new(unknown, 53))
    }
}

impl Gate<'_> {
    /// `socket` for datagrams.
    pub(super) fn make_asker(&mut self, call: &Notification) -> Result<Option<i64>, i32> {
        let Some(listener) = self.listener.clone() else { return Err(libc::EPERM) };
        let flags = word(call, 1);
        let socket = self.run.outlet.asker().map_err(|err| err.raw_os_error().unwrap_or(libc::EACCES))?;
        if flags & libc::SOCK_NONBLOCK == 0 {
            fcntl(&socket, FcntlArg::F_SETFL(OFlag::empty())).map_err(|errno| errno as i32)?;
        }
        let closes = if flags & libc::SOCK_CLOEXEC == 0 { CloseOnExec::No } else { CloseOnExec::Yes };
        let asker = Asker { is_v6: word(call, 0) == libc::AF_INET6, to: None, sent: None };
        self.net.askers.put(cookie(&socket)?, asker);
        let at =
            self.free_number(call.tid).map(|number| listener.succeed_at(call.id, socket.as_fd(), (closes, number)));
        if !matches!(at, Some(Ok(_))) {
            // no room there: it works for most without
            listener
                .succeed_with(call.id, socket.as_fd(), closes)
                .map_err(|err| err.raw_os_error().unwrap_or(libc::EMFILE))?;
        }
        Ok(None)
    }

    /// A number at which the caller has nothing open.
    fn free_number(&mut self, tid: i32) -> Option<u32> {
        let width = NUMBERS.end - NUMBERS.start;
        let found = (0..width)
            .map(|step| NUMBERS.start + (self.net.next_number + step) % width)
            .find(|number| std::fs::symlink_metadata(format!("/proc/{tid}/fd/{number}")).is_err())?;
        self.net.next_number = (found + 1 - NUMBERS.start) % width;
        Some(found)
    }

    /// Any port, as resolvers do; a server of datagrams would never hear anything.
    pub(super) fn bind_asker(&mut self, call: &Notification) -> Result<(), i32> {
        match self.callers_address(call)? {
            Address::Inet(to) if to.port() == 0 && meant(to.ip()) != Meant::Elsewhere => Ok(()),
            Address::Inet(_) | Address::Nowhere | Address::Path(_) | Address::Abstract(_) | Address::Other(_) => {
                Err(libc::EACCES)
            }
        }
    }

    /// A call on a number that askers have. What is none goes on unchanged.
    pub(super) fn asker_call(&mut self, call: &Notification, name: &str) -> Result<Option<i64>, i32> {
        let socket = self.callers_socket(call)?;
        let Some(asker) = cookie(&socket).ok().and_then(|cookie| self.net.askers.of_mut(cookie)) else {
            self.leave_be(call);
            return Ok(None);
        };
        match name {
            // there is nothing to be set on what is no UDP socket, and nothing that it would change
            "setsockopt" if [libc::SOL_IP, libc::SOL_IPV6, libc::SOL_UDP].contains(&word(call, 1)) => Ok(Some(0)),
            "sendto" => {
                let length = usize::try_from(word(call, 5)).unwrap_or(0).min(address::LONGEST);
                let mut bytes = vec![0; length];
                if memory::read_exact(call.tid, arg(call, 4), &mut bytes).is_ok()
                    && let Address::Inet(to) = address::parse(&bytes)
                {
                    if to.port() != 53 {
                        return Err(libc::ENETUNREACH);
                    }
                    asker.sent = Some(to);
                }
                self.leave_be(call);
                Ok(None)
            }
            "recvfrom" | "recvmsg" => {
                let source = asker.source();
                self.receive(call, (socket, name == "recvmsg", source))
            }
            _ => {
                self.leave_be(call);
                Ok(None)
            }
        }
    }

    fn receive(
        &self,
        call: &Notification,
        (socket, is_message, source): (OwnedFd, bool, SocketAddr),
    ) -> Result<Option<i64>, i32> {
        let Some(listener) = self.listener.clone() else { return Err(libc::EPERM) };
        let flags = MsgFlags::from_bits_truncate(word(call, if is_message { 2 } else { 3 }));
        let letter = Letter { call: *call, source, is_message };
        match take(&socket, flags) {
            Err(Errno::EAGAIN) if flags.contains(MsgFlags::MSG_DONTWAIT) || is_patient(&socket) => Err(libc::EAGAIN),
            Err(Errno::EAGAIN) => {
                let begun = self.net.threads.run(move || letter.wait(&listener, (&socket, flags)));
                if begun.is_ok() { Ok(None) } else { Err(libc::EAGAIN) }
            }
            Err(errno) => Err(errno as i32),
            Ok(bytes) => letter.deliver(&listener, &bytes).map(Some),
        }
    }
}

/// Whether the socket does not wait.
fn is_patient(socket: &OwnedFd) -> bool {
    fcntl(socket, FcntlArg::F_GETFL).is_ok_and(|flags| OFlag::from_bits_truncate(flags).contains(OFlag::O_NONBLOCK))
}

/// A `struct timeval` as a duration.
fn span(time: TimeVal) -> Duration {
    let (seconds, micros) = (u64::try_from(time.tv_sec()), u64::try_from(time.tv_usec()));
    Duration::from_secs(seconds.unwrap_or(0)).saturating_add(Duration::from_micros(micros.unwrap_or(0)))
}

fn take(socket: &OwnedFd, flags: MsgFlags) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; LONGEST];
    let flags = flags.intersection(MsgFlags::MSG_PEEK).union(MsgFlags::MSG_DONTWAIT);
    let length = recv(socket.as_raw_fd(), &mut bytes, flags)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// An answer on its way to a caller.
#[derive(Debug, Clone, Copy)]
struct Letter {
    call: Notification,
    source: SocketAddr,
    is_message: bool,
}

impl Letter {
    /// Waits as long as the caller does.
    fn wait(self, listener: &Arc<Listener>, (socket, flags): (&OwnedFd, MsgFlags)) {
        let patience = getsockopt(socket, sockopt::ReceiveTimeout).ok();
        let patience = patience.map(span).filter(|patience| !patience.is_zero());
        let begun = std::time::Instant::now();
        let answered = loop {
            let mut fds = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
            if poll(&mut fds, PollTimeout::from(LOOK)).is_err_and(|errno| errno != Errno::EINTR)
                || !listener.is_valid(self.call.id)
            {
                return;
            }
            match take(socket, flags) {
                Err(Errno::EAGAIN) if patience.is_none_or(|patience| begun.elapsed() < patience) => {}
                Err(errno) => break Err(errno as i32),
                Ok(bytes) => break self.deliver(listener, &bytes),
            }
        };
        let said = match answered {
            Ok(length) => listener.succeed(self.call.id, length),
            Err(errno) => listener.fail(self.call.id, errno),
        };
        if said.is_err() {
            // the caller has gone
        }
    }

    /// Writes it where the caller wants it; says how long it is.
    fn deliver(self, listener: &Listener, bytes: &[u8]) -> Result<i64, i32> {
        if !listener.is_valid(self.call.id) {
            return Err(libc::EINTR);
        }
        let done = if self.is_message { self.as_message(bytes) } else { self.as_bytes(bytes) };
        done.map_err(|_| libc::EFAULT)
    }

    fn as_bytes(self, bytes: &[u8]) -> std::io::Result<i64> {
        let (call, tid) = (&self.call, self.call.tid);
        let room = usize::try_from(arg(call, 2)).unwrap_or(usize::MAX);
        let cut = bytes.get(..room).unwrap_or(bytes);
        memory::write(tid, arg(call, 1), cut)?;
        if arg(call, 4) != 0 && arg(call, 5) != 0 {
            let mut length = [0; 4];
            memory::read_exact(tid, arg(call, 5), &mut length)?;
            let length = self.tell(arg(call, 4), u32::from_ne_bytes(length))?;
            memory::write(tid, arg(call, 5), &length.to_ne_bytes())?;
        }
        Ok(self.length(bytes, cut.len()))
    }

    /// `struct msghdr` of 64 bits: name, its length, vector, its length, control, its length, flags.
    fn as_message(self, bytes: &[u8]) -> std::io::Result<i64> {
        let (tid, at) = (self.call.tid, arg(&self.call, 1));
        let mut header = [0; 56];
        memory::read_exact(tid, at, &mut header)?;
        let field = |n: usize| header.as_chunks::<8>().0.get(n).map_or(0, |eight| u64::from_ne_bytes(*eight));
        #[allow(clippy::cast_possible_truncation, reason = "an int in the lower half")]
        let room = field(1) as u32;
        let mut rest = bytes;
        for n in 0..field(3).min(64) {
            let mut entry = [0; 16];
            memory::read_exact(tid, field(2).wrapping_add(n * 16), &mut entry)?;
            let part = |n: usize| entry.as_chunks::<8>().0.get(n).map_or(0, |eight| u64::from_ne_bytes(*eight));
            let room = usize::try_from(part(1)).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            memory::write(tid, part(0), now)?;
            rest = later;
        }
        if field(0) != 0 {
            let length = self.tell(field(0), room)?;
            memory::write(tid, at.wrapping_add(8), &length.to_ne_bytes())?;
        }
        let flags = if rest.is_empty() { 0 } else { libc::MSG_TRUNC };
        memory::write(tid, at.wrapping_add(40), &0u64.to_ne_bytes())?;
        memory::write(tid, at.wrapping_add(48), &flags.to_ne_bytes())?;
        Ok(self.length(bytes, bytes.len() - rest.len()))
    }

    /// With `MSG_TRUNC` as a flag the caller wants to know how long it was.
    fn length(self, bytes: &[u8], taken: usize) -> i64 {
        let flags = word(&self.call, if self.is_message { 2 } else { 3 });
        let length = if flags & libc::MSG_TRUNC == 0 { taken } else { bytes.len() };
        i64::try_from(length).unwrap_or(i64::MAX)
    }

    /// Writes whom it came from; says how long that is.
    fn tell(self, to: u64, room: u32) -> std::io::Result<u32> {
        let bytes = address::bytes(&self.source);
        let room = usize::try_from(room).unwrap_or(0);
        memory::write(self.call.tid, to, bytes.get(..room).unwrap_or(&bytes))?;
        Ok(u32::try_from(bytes.len()).unwrap_or(0))
    }
}
