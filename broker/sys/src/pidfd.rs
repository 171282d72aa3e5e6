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

/// A thread's process and that one's parent, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    /// Its process.
    pub process: i32,
    /// Its parent process; 0 if that is out of sight.
    pub parent: i32,
}

/// `struct pidfd_info` of include/uapi/linux/pidfd.h, as it was first.
#[repr(C)]
#[derive(Default)]
struct About {
    mask: u64,
    control_group: u64,
    thread: u32,
    process: u32,
    parent: u32,
    users_and_end: [u32; 9],
}

/// What the kernel says of a thread's family (`PIDFD_GET_INFO`, Linux 6.13): a third of what `/proc/TID/status` takes.
///
/// # Errors
/// As [`open`]; `ENOTTY` or `EINVAL` where the kernel is older; `ESRCH` if it has gone.
pub fn ids(tid: i32) -> io::Result<Ids> {
    const GET_INFO: libc::c_ulong = 0xc040_ff0b; // _IOWR(0xFF, 11, struct pidfd_info)
    const PID: u64 = 1; // PIDFD_INFO_PID
    let handle = open(tid)?;
    let mut about = About { mask: PID, ..About::default() };
    // SAFETY: the kernel reads and writes one struct of the size that the request's number names, which `about` has.
    if unsafe { libc::ioctl(handle.as_raw_fd(), GET_INFO, &raw mut about) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let gone = || io::Error::from_raw_os_error(libc::ESRCH);
    let number = |id: u32| i32::try_from(id).map_err(|_| gone());
    match (number(about.process)?, number(about.parent)?) {
        (process, parent) if about.mask & PID != 0 && process > 0 => Ok(Ids { process, parent }),
        _ => Err(gone()),
    }
}

fn own(fd: libc::c_long) -> io::Result<OwnedFd> {
    match i32::try_from(fd) {
        // SAFETY: the kernel has just made this descriptor for us; nobody else has it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}
