//! The second look at an exec: a seized thread stops once its new image is laid and before that runs
//! (`ptrace(2)`, `PTRACE_EVENT_EXEC`). To be called from one thread only: ptrace ties a tracee to its tracer's thread.

use std::io;

const OPTIONS: libc::c_int = libc::PTRACE_O_TRACEEXEC | libc::PTRACE_O_EXITKILL;

/// Attaches without stopping. If the supervisor dies before letting go, the kernel kills the thread.
///
/// # Errors
/// `ESRCH` if it has gone, `EPERM` if it may not be traced (it then must not be let through).
pub fn seize(tid: i32) -> io::Result<()> {
    // SAFETY: PTRACE_SEIZE takes no address; the options travel by value.
    check(unsafe { libc::ptrace(libc::PTRACE_SEIZE, tid, 0usize, OPTIONS) })
}

/// Asks for a stop at the next return to user space, so that a failed exec is noticed. On the exec's success
/// its own stop comes first, and letting go there cancels this one.
///
/// # Errors
/// `ESRCH` if it has gone.
pub fn interrupt(tid: i32) -> io::Result<()> {
    // SAFETY: PTRACE_INTERRUPT takes neither address nor data.
    check(unsafe { libc::ptrace(libc::PTRACE_INTERRUPT, tid, 0usize, 0usize) })
}

/// Lets go, handing over `signal` (0 for none) where the stop was one of delivery.
///
/// # Errors
/// `ESRCH` if it has gone or isn't stopped.
pub fn detach(tid: i32, signal: i32) -> io::Result<()> {
    let signal = usize::try_from(signal).unwrap_or(0);
    // SAFETY: PTRACE_DETACH takes the signal by value and no address.
    check(unsafe { libc::ptrace(libc::PTRACE_DETACH, tid, 0usize, signal) })
}

/// At an exec stop: the thread id that the caller had before (`PTRACE_GETEVENTMSG`; it takes the leader's on exec).
///
/// # Errors
/// `ESRCH` if it has gone.
pub fn former_tid(tid: i32) -> io::Result<i32> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: the kernel writes one long behind the pointer.
    check(unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, tid, 0usize, &raw mut message) })?;
    i32::try_from(message).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
