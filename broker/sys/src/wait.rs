//! What became of children and traced threads (`wait(2)`, `ptrace(2)`), without losing real-time signals.

use std::io;

/// A change of state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It ended with this exit code.
    Exited(i32),
    /// A signal ended it.
    Signalled(i32),
    /// A traced thread stands at its exec stop.
    ExecStop,
    /// A traced thread stands at a requested stop, or was continued after a group stop.
    Stop,
    /// A traced thread takes part in its process's stop by this signal (job control).
    GroupStop(i32),
    /// A traced thread stands before the delivery of this signal.
    Delivery(i32),
    /// It goes on.
    Continued,
}

/// The next change of any child or traced thread, without waiting; none if there is none.
///
/// # Errors
/// What `waitpid(2)` says, but `ECHILD`, which is none.
pub fn next() -> io::Result<Option<(i32, Change)>> {
    look(-1)
}

/// The next change of one child or traced thread, without waiting; none if there is none.
///
/// # Errors
/// As [`next`].
pub fn next_of(pid: i32) -> io::Result<Option<Change>> {
    Ok(look(pid)?.map(|(_, change)| change))
}

/// Whether a child was stopped since this was last asked (`waitid(2)`, `WSTOPPED`): one that is not traced.
#[must_use]
pub fn was_stopped(child: i32) -> bool {
    let Ok(id) = libc::id_t::try_from(child) else { return false };
    // SAFETY: all bit patterns of the struct are valid; it is made of numbers.
    let mut told = unsafe { std::mem::zeroed::<libc::siginfo_t>() };
    // SAFETY: the kernel writes one siginfo_t behind the pointer.
    let done = unsafe { libc::waitid(libc::P_PID, id, &raw mut told, libc::WSTOPPED | libc::WNOHANG) };
    done == 0 && told.si_signo == libc::SIGCHLD
}

fn look(whose: i32) -> io::Result<Option<(i32, Change)>> {
    let mut status = 0;
    // SAFETY: the kernel writes one int behind the pointer.
    let pid = unsafe { libc::waitpid(whose, &raw mut status, libc::__WALL | libc::WNOHANG) };
    match pid {
        0 => Ok(None),
        -1 => {
            let err = io::Error::last_os_error();
            match err.raw_os_error() {
                Some(libc::ECHILD | libc::EINTR) => Ok(None),
                _ => Err(err),
            }
        }
        _ => Ok(Some((pid, decode(status)))),
    }
}

fn decode(status: i32) -> Change {
    if libc::WIFEXITED(status) {
        return Change::Exited(libc::WEXITSTATUS(status));
    }
    if libc::WIFSIGNALED(status) {
        return Change::Signalled(libc::WTERMSIG(status));
    }
    if libc::WIFCONTINUED(status) {
        return Change::Continued;
    }
    match status >> 16 {
        libc::PTRACE_EVENT_EXEC => Change::ExecStop,
        0 => Change::Delivery(libc::WSTOPSIG(status)),
        libc::PTRACE_EVENT_STOP if libc::WSTOPSIG(status) != libc::SIGTRAP => Change::GroupStop(libc::WSTOPSIG(status)),
        _ => Change::Stop,
    }
}
