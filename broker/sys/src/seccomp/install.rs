//! Installing a filter in the calling thread. Allocates nothing: it runs between fork and exec.

use std::io;
use std::os::fd::{FromRawFd as _, OwnedFd};

use super::Program;

/// What was installed.
#[derive(Debug)]
pub struct Installed {
    /// The listener (close-on-exec); none if the program notifies of nothing.
    pub listener: Option<OwnedFd>,
    /// How callers wait.
    pub listening: Listening,
}

/// How callers wait for the listener's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listening {
    /// Only fatal signals interrupt (`SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV`, Linux 5.19).
    Killable,
    /// Any signal interrupts and the call starts again: programs with many signals may stall.
    Interruptible,
    /// Nobody waits.
    Not,
}

/// Installs a program for the calling thread. `no_new_privs` must be set (or `CAP_SYS_ADMIN` held).
///
/// # Errors
/// What `seccomp(2)` says: `EACCES` without `no_new_privs`, `EBUSY` if a filter above already has a listener,
/// `EINVAL` where the kernel lacks seccomp filters or notifications.
pub fn install(program: &Program) -> io::Result<Installed> {
    if !program.notifies() {
        set(program, 0)?;
        return Ok(Installed { listener: None, listening: Listening::Not });
    }
    let flag = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    let (fd, listening) = match set(program, flag | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV) {
        Err(e) if e.raw_os_error() == Some(libc::EINVAL) => (set(program, flag)?, Listening::Interruptible),
        done => (done?, Listening::Killable),
    };
    // SAFETY: with NEW_LISTENER a successful call returns a new descriptor that nothing else owns.
    let listener = unsafe { OwnedFd::from_raw_fd(fd) };
    Ok(Installed { listener: Some(listener), listening })
}

fn set(program: &Program, flags: libc::c_ulong) -> io::Result<i32> {
    let description = libc::sock_fprog {
        len: u16::try_from(program.code.len()).unwrap_or(u16::MAX),
        filter: program.code.as_ptr().cast_mut(),
    };
    // SAFETY: `description` points at `len` instructions that outlive the call; the kernel only reads them.
    let got = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const description) };
    if got < 0 { Err(io::Error::last_os_error()) } else { Ok(i32::try_from(got).unwrap_or_default()) }
}
