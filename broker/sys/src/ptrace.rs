//! The second look at an exec: a seized thread stops once its new image is laid and before that runs
//! (`ptrace(2)`, `PTRACE_EVENT_EXEC`). To be called from one thread only: ptrace ties a tracee to its tracer's thread.

use std::io;

use crate::memory;

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

/// At an exec stop: how many arguments the new program has, and the first `length` bytes of their text, which lies in one
/// piece, each with its NUL (`create_elf_tables` of `fs/binfmt_elf.c`). Nobody inside can write there yet.
///
/// # Errors
/// `ESRCH` if it has gone; `EFAULT` where less is there; `ENOSYS` where the layout is not known.
pub fn arguments(tid: i32, length: usize) -> io::Result<(u64, Vec<u8>)> {
    let mut start = [[0u8; 8]; 2];
    memory::read_exact(tid, stack(tid)?, start.as_flattened_mut())?;
    let [count, first] = start.map(u64::from_ne_bytes);
    let mut text = vec![0; length];
    memory::read_exact(tid, first, &mut text)?;
    Ok((count, text))
}

#[cfg(target_arch = "x86_64")]
fn stack(tid: i32) -> io::Result<u64> {
    registers(tid).map(|registers| registers.rsp)
}

#[cfg(not(target_arch = "x86_64"))]
fn stack(_tid: i32) -> io::Result<u64> {
    Err(io::Error::from_raw_os_error(libc::ENOSYS))
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn registers(tid: i32) -> io::Result<libc::user_regs_struct> {
    let mut registers = std::mem::MaybeUninit::<libc::user_regs_struct>::zeroed();
    // SAFETY: the kernel writes one user_regs_struct behind the pointer.
    check(unsafe { libc::ptrace(libc::PTRACE_GETREGS, tid, 0usize, registers.as_mut_ptr()) })?;
    // SAFETY: it is made of numbers, and was zeroed before the kernel filled it.
    Ok(unsafe { registers.assume_init() })
}

pub(crate) fn check(result: libc::c_long) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
