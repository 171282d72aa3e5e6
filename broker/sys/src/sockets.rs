//! What only the kernel knows of a socket: its identity, its kind (`socket(7)`).

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// A socket's family, type and protocol, as in `socket(2)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// `AF_…`
    pub family: i32,
    /// `SOCK_…`, without flags.
    pub kind: i32,
}

/// The socket's cookie: no other socket of this machine ever has the same (`SO_COOKIE`, Linux 4.6).
///
/// # Errors
/// `ENOTSOCK` for what is no socket.
pub fn cookie(socket: BorrowedFd<'_>) -> io::Result<u64> {
    let mut value = 0u64;
    let mut length = libc::socklen_t::try_from(size_of::<u64>()).unwrap_or(8);
    // SAFETY: the kernel writes at most `length` bytes behind `value`, which has as many.
    let done = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_COOKIE,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    if done == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

/// The socket's kind.
///
/// # Errors
/// `ENOTSOCK` for what is no socket.
pub fn kind(socket: BorrowedFd<'_>) -> io::Result<Kind> {
    let (family, kind) = (number(socket, libc::SO_DOMAIN)?, number(socket, libc::SO_TYPE)?);
    Ok(Kind { family, kind })
}

/// Whether an IPv6 socket keeps to IPv6 (`IPV6_V6ONLY`).
///
/// # Errors
/// What `getsockopt(2)` says; `EOPNOTSUPP` and the like for sockets of other families.
pub fn keeps_to_v6(socket: BorrowedFd<'_>) -> io::Result<bool> {
    read(socket, (libc::IPPROTO_IPV6, libc::IPV6_V6ONLY)).map(|value| value != 0)
}

/// Opens an IPv6 socket to IPv4 in IPv6, or keeps it to IPv6: before it is bound.
///
/// # Errors
/// `EINVAL` once it is bound.
pub fn open_to_v4(socket: BorrowedFd<'_>) -> io::Result<()> {
    let no: libc::c_int = 0;
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(4);
    // SAFETY: the kernel reads `length` bytes behind `no`, which has as many.
    let done = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, (&raw const no).cast(), length)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn number(socket: BorrowedFd<'_>, name: libc::c_int) -> io::Result<i32> {
    read(socket, (libc::SOL_SOCKET, name))
}

fn read(socket: BorrowedFd<'_>, (level, name): (libc::c_int, libc::c_int)) -> io::Result<i32> {
    let mut value: libc::c_int = 0;
    let mut length = libc::socklen_t::try_from(size_of::<libc::c_int>()).unwrap_or(4);
    // SAFETY: the kernel writes at most `length` bytes behind `value`, which has as many.
    let done = unsafe { libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut value).cast(), &raw mut length) };
    if done == 0 { Ok(value) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::net::{TcpListener, UdpSocket};
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_socket_is_told_from_every_other() {
        let one = TcpListener::bind("127.0.0.1:0").unwrap();
        let two = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert_eq!(cookie(one.as_fd()).unwrap(), cookie(one.try_clone().unwrap().as_fd()).unwrap());
        assert_ne!(cookie(one.as_fd()).unwrap(), cookie(two.as_fd()).unwrap());
        assert_eq!(kind(one.as_fd()).unwrap(), Kind { family: libc::AF_INET, kind: libc::SOCK_STREAM });
        assert_eq!(kind(two.as_fd()).unwrap().kind, libc::SOCK_DGRAM);
        let file = std::fs::File::open("/dev/null").unwrap();
        assert_eq!(cookie(file.as_fd()).unwrap_err().raw_os_error(), Some(libc::ENOTSOCK));
    }
}
