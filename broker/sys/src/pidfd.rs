//! Processes and their descriptors by handle, not by number (`pidfd_open(2)`, `pidfd_getfd(2)`).

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// `PIDFD_THREAD` (Linux 6.9): a handle on a thread that is no leader.
const PIDFD_THREAD: libc::c_uint = libc::O_EXCL.cast_unsigned();

/// A handle on a thread's process.
///
/// # Errors
/// `ESRCH` if it has gone; `EINVAL` if `tid` is no leader and the kernel is older than 6.9.
pub fn open(tid: i32) -> io::Result<OwnedFd> {
    match open_with(tid, 0) {
        // EINVAL before 6.?, ENOENT after: the number is a thread's
        Err(err) if matches!(err.raw_os_error(), Some(libc::EINVAL | libc::ENOENT)) => open_with(tid, PIDFD_THREAD),
        done => done,
    }
}

fn open_with(tid: i32, flags: libc::c_uint) -> io::Result<OwnedFd> {
    // SAFETY: both arguments are numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, tid, flags) };
    own(fd)
}

/// A duplicate of descriptor `fd` of the process behind `pidfd`: the same open file description.
///
/// # Errors
/// `EBADF` if it has no such descriptor, `EPERM`, `ESRCH`.
pub fn descriptor(pidfd: BorrowedFd<'_>, fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: all arguments are numbers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd.as_raw_fd(), fd, 0) };
    own(fd)
}

/// Sends a signal to the process behind `pidfd`, and to no other that may have its number by now.
///
/// # Errors
/// `ESRCH` if it has gone; `EPERM`.
pub fn signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: numbers, and a null pointer that stands for the usual details.
    let done = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, none, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn own(fd: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(fd) {
        // SAFETY: the kernel has just made this descriptor for us; nobody else has it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
