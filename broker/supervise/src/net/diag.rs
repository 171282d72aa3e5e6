//! Who listens at an address: the kernel's own lookup, as for a connection that arrives (`sock_diag(7)`).

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

/// `SOCK_DIAG_BY_FAMILY` (`linux/sock_diag.h`), `NLM_F_REQUEST` (`linux/netlink.h`).
const BY_FAMILY: u16 = 20;
const REQUEST: u16 = 1;
/// `TCP_LISTEN` (`net/tcp_states.h`).
const LISTEN: u8 = 10;
/// Where the message of an answer begins, and the cookie in `struct inet_diag_msg`.
const HEADER: usize = 16;
const COOKIE: usize = HEADER + 4 + 40;

/// A question and answer channel to the kernel.
#[derive(Debug)]
pub(crate) struct Diag(OwnedFd);

impl Diag {
    pub(crate) fn open() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Netlink, SockType::Datagram, flags, SockProtocol::NetlinkSockDiag)?;
        Ok(Self(socket))
    }

    /// A unix socket, by its inode among sockets and its cookie; none if it is not there, or the kernel can't tell (it
    /// says the same of both).
    pub(crate) fn unix(&self, (inode, cookie): (u32, u64)) -> io::Result<Option<Unix>> {
        let Some(answer) = self.ask(&unix_question(inode, cookie))? else {
            return Ok(None);
        };
        let state = answer.get(HEADER + 2).copied();
        Ok(Some(Unix { listens: state == Some(LISTEN), place: place(answer.get(HEADER + 16..).unwrap_or_default()) }))
    }

    /// The cookie of the TCP socket that a connection to this address would come to; none if nobody listens.
    pub(crate) fn listener(&self, (address, port): (IpAddr, u16)) -> io::Result<Option<u64>> {
        let Some(answer) = self.ask(&question(address, port))? else {
            return Ok(None);
        };
        let state = answer.get(HEADER + 1).copied();
        let cookie = answer.get(COOKIE..).and_then(|rest| rest.first_chunk()).copied().map(u64::from_ne_bytes);
        Ok(cookie.filter(|_| state == Some(LISTEN)))
    }

    /// The answer; none if there is no such socket.
    fn ask(&self, question: &[u8]) -> io::Result<Option<Vec<u8>>> {
        send(self.0.as_raw_fd(), question, MsgFlags::empty())?;
        let mut answer = vec![0u8; 512];
        let length = recv(self.0.as_raw_fd(), &mut answer, MsgFlags::empty())?;
        answer.truncate(length);
        let kind = answer.get(4..6).and_then(|two| two.try_into().ok()).map(u16::from_ne_bytes);
        if kind == Some(BY_FAMILY) {
            return Ok(Some(answer));
        }
        match answer.get(HEADER..).and_then(|rest| rest.first_chunk()).copied().map(i32::from_ne_bytes) {
            Some(errno) if matches!(-errno, libc::ENOENT | libc::ESTALE) => Ok(None),
            Some(errno) if errno < 0 => Err(io::Error::from_raw_os_error(-errno)),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// What the kernel says of a unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unix {
    pub(crate) listens: bool,
    /// The device and inode that it was bound to, both as the kernel's own tables have them.
    pub(crate) place: Option<(u32, u32)>,
}

/// `UNIX_DIAG_VFS` among the attributes (`linux/unix_diag.h`): inode, device.
fn place(mut attributes: &[u8]) -> Option<(u32, u32)> {
    loop {
        let [a, b, c, d, content @ ..] = attributes else { return None };
        let (length, kind) = (usize::from(u16::from_ne_bytes([*a, *b])), u16::from_ne_bytes([*c, *d]));
        if kind == 1 {
            let (inode, rest) = content.split_first_chunk()?;
            return Some((u32::from_ne_bytes(*rest.first_chunk()?), u32::from_ne_bytes(*inode)));
        }
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}

/// `struct unix_diag_req` (`linux/unix_diag.h`): just this socket, and where it was bound.
fn unix_question(inode: u32, cookie: u64) -> Vec<u8> {
    let mut body = vec![u8::try_from(libc::AF_UNIX).unwrap_or(1), 0, 0, 0];
    body.extend(u32::MAX.to_ne_bytes()); // in any state
    body.extend(inode.to_ne_bytes());
    body.extend(2u32.to_ne_bytes()); // UDIAG_SHOW_VFS
    body.extend(cookie.to_ne_bytes());
    message(&body)
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2` (`linux/inet_diag.h`). The far end is an address that no connection
/// has: what is found is the listener.
fn question(address: IpAddr, port: u16) -> Vec<u8> {
    let (family, near, far) = match address {
        IpAddr::V4(v4) => (libc::AF_INET, v4.octets().to_vec(), vec![0; 4]),
        IpAddr::V6(v6) => (libc::AF_INET6, v6.octets().to_vec(), vec![0; 16]),
    };
    let wide = |mut bytes: Vec<u8>| {
        bytes.resize(16, 0);
        bytes
    };
    let tcp = u8::try_from(libc::IPPROTO_TCP).unwrap_or(6);
    let mut body = vec![u8::try_from(family).unwrap_or(0), tcp, 0, 0];
    body.extend(u32::MAX.to_ne_bytes()); // in any state
    body.extend(port.to_be_bytes());
    body.extend(0u16.to_be_bytes());
    body.extend(wide(near));
    body.extend(wide(far));
    body.extend(0u32.to_ne_bytes()); // on any interface
    body.extend(u64::MAX.to_ne_bytes()); // INET_DIAG_NOCOOKIE: whatever its cookie
    message(&body)
}

fn message(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(0);
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(BY_FAMILY.to_ne_bytes());
    message.extend(REQUEST.to_ne_bytes());
    message.extend([0; 8]); // sequence, and the kernel as receiver
    message.extend(body);
    message
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::fd::AsFd as _;

    use tollgate_sys::sockets;

    use super::*;

    #[test]
    fn a_listener_is_found_by_its_address_and_only_while_it_listens() {
        let diag = Diag::open().unwrap();
        let one = TcpListener::bind("127.77.0.1:0").unwrap();
        let at = one.local_addr().unwrap();
        let cookie = sockets::cookie(one.as_fd()).unwrap();
        assert_eq!(diag.listener((at.ip(), at.port())).unwrap(), Some(cookie));
        assert_eq!(diag.listener(("127.77.0.2".parse().unwrap(), at.port())).unwrap(), None);
        let open = std::net::TcpStream::connect(at).unwrap();
        assert_eq!(diag.listener((at.ip(), at.port())).unwrap(), Some(cookie));
        drop(one);
        assert_eq!(diag.listener((at.ip(), at.port())).unwrap(), None, "{open:?}");
        if let Ok(six) = TcpListener::bind("[::1]:0") {
            let at = six.local_addr().unwrap();
            assert_eq!(diag.listener((at.ip(), at.port())).unwrap(), Some(sockets::cookie(six.as_fd()).unwrap()));
        }
    }
}
