//! Descriptors that a command must not inherit.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use crate::process::done;

fn close_range(first: RawFd, last: libc::c_uint, flags: libc::c_uint) -> io::Result<()> {
    let first = libc::c_uint::try_from(first).unwrap_or(0);
    // SAFETY: takes numbers only. Descriptors of the process are closed or marked; see the callers.
    let got = unsafe { libc::syscall(libc::SYS_close_range, first, last, flags) };
    match done(i32::try_from(got).unwrap_or(-1)) {
        // Linux before 5.11 (5.9 for closing): one by one.
        Err(e) if matches!(e.raw_os_error(), Some(libc::ENOSYS | libc::EINVAL)) => one_by_one(first, last, flags),
        other => other,
    }
}

fn one_by_one(first: libc::c_uint, last: libc::c_uint, flags: libc::c_uint) -> io::Result<()> {
    let (limit, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
    let end = last.min(libc::c_uint::try_from(limit).unwrap_or(1 << 20).min(1 << 20));
    for fd in first..=end {
        let fd = RawFd::try_from(fd).unwrap_or(RawFd::MAX);
        if flags == 0 {
            // SAFETY: as in `close_range`.
            unsafe { libc::close(fd) };
        } else {
            // SAFETY: takes numbers only; a descriptor that is not open is EBADF.
            unsafe { libc::fcntl(fd, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
    Ok(())
}

/// Marks every descriptor from 3 up to be closed by exec: nothing leaks into the command, whoever opened it.
///
/// # Errors
/// What `close_range(2)` says.
pub fn close_all_on_exec() -> io::Result<()> {
    close_range(3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC)
}

/// For a process that goes on alone with a few descriptors: moves them to 0, 1, 2 … in the order given and closes all
/// others. Nothing else in the process may use a descriptor any more: those that owned one must be forgotten.
///
/// # Errors
/// What `dup3(2)` and `close_range(2)` say.
pub fn keep_only<const N: usize>(kept: [BorrowedFd<'_>; N]) -> io::Result<()> {
    let mut high = [0; N];
    for (to, from) in high.iter_mut().zip(kept) {
        // First out of the way, so that no move overwrites one that is still to be moved.
        // SAFETY: takes numbers only.
        *to = unsafe { libc::fcntl(from.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 16) };
        done(*to)?;
    }
    for (to, from) in (0..).zip(high) {
        // SAFETY: takes numbers only; overwriting is what is wanted.
        done(unsafe { libc::dup2(from, to) })?;
    }
    close_range(RawFd::try_from(N).unwrap_or(3), libc::c_uint::MAX, 0)
}

/// Writes to a descriptor by its number, for a process that has given its descriptors fixed numbers.
///
/// # Errors
/// What `write(2)` says.
pub fn say(fd: RawFd, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the bytes outlive the call; a number that is not open is EBADF.
    let put = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    if put < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Waits until nobody reads a pipe any more to whose writing end one has said something; whether anything was left unread.
///
/// # Errors
/// What `poll(2)` or `FIONREAD` (pipe(7)) says.
pub fn unread(fd: RawFd) -> io::Result<bool> {
    let mut end = libc::pollfd { fd, events: 0, revents: 0 };
    let mut left: libc::c_int = 0;
    loop {
        // SAFETY: one entry, which outlives the call; a number that is not open is told in it.
        if unsafe { libc::poll(&raw mut end, 1, -1) } >= 0 {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    // SAFETY: the kernel writes one int there; a number that is not open is EBADF.
    done(unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut left) })?;
    Ok(left > 0)
}

/// Makes `from` the descriptor `to` (0, 1 or 2), inherited by exec.
///
/// # Errors
/// What `dup2(2)` says.
pub fn place(from: BorrowedFd<'_>, to: RawFd) -> io::Result<()> {
    // SAFETY: takes numbers only; 0 to 2 are owned by nobody in particular.
    done(unsafe { libc::dup2(from.as_raw_fd(), to) })
}

/// Takes a descriptor that was inherited by its number, and keeps it from being inherited further.
///
/// # Errors
/// `EBADF` if it isn't open, or is one of 0, 1, 2.
pub fn take(number: RawFd) -> io::Result<OwnedFd> {
    if number < 3 {
        return Err(io::Error::from_raw_os_error(libc::EBADF));
    }
    // SAFETY: takes numbers only; one that is not open is EBADF.
    done(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // SAFETY: it is open, and was open when this process began: nothing in here has made or owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Opens `/dev/null` for each of 0, 1, 2 that is closed, so that nothing else gets their numbers.
///
/// # Errors
/// What `open(2)` says.
pub fn fill_standard() -> io::Result<()> {
    for fd in 0..3 {
        // SAFETY: takes numbers only.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } < 0 {
            // The lowest free number is this one: those below are open.
            // SAFETY: the path is NUL-terminated.
            done(unsafe { libc::open(c"/dev/null".as_ptr(), libc::O_RDWR) })?;
        }
    }
    Ok(())
}
