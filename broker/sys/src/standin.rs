//! A process held at its exec stop stands in for one that runs elsewhere: it waits, its signals stop it before they are
//! delivered (`ptrace(2)`), and at last it leaves as the other did. The few instructions that it runs are written over
//! the entry of its fresh image, which is a private copy: neither the file nor another process sees them.
//!
//! To be called from the tracer's thread, with the process stopped.

use std::io;

#[cfg(target_arch = "x86_64")]
use crate::ptrace::{check, registers};

#[cfg(target_arch = "x86_64")]
mod code {
    // Position-independent; uses no stack and no register that a system call changes.
    std::arch::global_asm!(
        ".pushsection .rodata",
        ".hidden tollgate_standin_wait",
        ".hidden tollgate_standin_leave",
        ".hidden tollgate_standin_die",
        ".hidden tollgate_standin_end",
        ".globl tollgate_standin_wait",
        ".globl tollgate_standin_leave",
        ".globl tollgate_standin_die",
        ".globl tollgate_standin_end",
        "tollgate_standin_wait:", // ppoll(NULL, 0, NULL, NULL, 8), for ever
        "mov eax, 271",
        "xor edi, edi",
        "xor esi, esi",
        "xor edx, edx",
        "xor r10d, r10d",
        "mov r8d, 8",
        "syscall",
        "jmp tollgate_standin_wait",
        "tollgate_standin_leave:", // exit_group(r12)
        "mov edi, r12d",
        "mov eax, 231",
        "syscall",
        "ud2",
        "tollgate_standin_die:", // rt_sigaction(r12, default), rt_sigprocmask(none), kill(getpid(), r12)
        "mov edi, r12d",
        "lea rsi, [rip + 2f]",
        "xor edx, edx",
        "mov r10d, 8",
        "mov eax, 13",
        "syscall",
        "mov edi, 2",
        "lea rsi, [rip + 2f]",
        "xor edx, edx",
        "mov r10d, 8",
        "mov eax, 14",
        "syscall",
        "mov eax, 39",
        "syscall",
        "mov edi, eax",
        "mov esi, r12d",
        "mov eax, 62",
        "syscall",
        "lea edi, [r12 + 128]", // a signal that does not end anybody
        "mov eax, 231",
        "syscall",
        "ud2",
        ".p2align 3",
        "2:",
        ".zero 32",
        "tollgate_standin_end:",
        ".popsection",
    );

    unsafe extern "C" {
        static tollgate_standin_wait: u8;
        static tollgate_standin_leave: u8;
        static tollgate_standin_die: u8;
        static tollgate_standin_end: u8;
    }

    /// All of the instructions, and where leaving and dying begin in them.
    pub(super) fn parts() -> (&'static [u8], u64, u64) {
        let start = &raw const tollgate_standin_wait;
        let offset = |of: *const u8| of.addr() - start.addr();
        let length = offset(&raw const tollgate_standin_end);
        // SAFETY: the symbols bound one section's piece of read-only data, assembled above.
        let all = unsafe { std::slice::from_raw_parts(start, length) };
        (all, offset(&raw const tollgate_standin_leave) as u64, offset(&raw const tollgate_standin_die) as u64)
    }
}

/// A stand-in that waits.
#[derive(Debug)]
pub struct Standin {
    tid: i32,
    at: u64,
}

/// How it leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// With this exit code.
    Exit(i32),
    /// By this signal, whatever was blocked or ignored.
    Signal(i32),
}

impl Standin {
    /// Writes the instructions over a process that stands at its exec stop. It is still stopped.
    ///
    /// # Errors
    /// What `ptrace(2)` says; `ENOSYS` on processors that nobody wrote the instructions for.
    #[cfg(target_arch = "x86_64")]
    pub fn new(tid: i32) -> io::Result<Self> {
        let at = registers(tid)?.rip;
        let (all, ..) = code::parts();
        for (place, word) in (at..).step_by(size_of::<u64>()).zip(all.chunks(size_of::<u64>())) {
            let mut padded = [0x90; size_of::<u64>()];
            for (to, from) in padded.iter_mut().zip(word) {
                *to = *from;
            }
            poke(tid, place, u64::from_ne_bytes(padded))?;
        }
        Ok(Self { tid, at })
    }

    /// As above.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn new(_tid: i32) -> io::Result<Self> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    /// Makes the stopped process leave, and lets go of it.
    ///
    /// # Errors
    /// What `ptrace(2)` says.
    #[cfg(target_arch = "x86_64")]
    pub fn leave(&self, how: Leaving) -> io::Result<()> {
        let (_, leave, die) = code::parts();
        let mut registers = registers(self.tid)?;
        let (offset, number) = match how {
            Leaving::Exit(code) => (leave, code),
            Leaving::Signal(signal) => (die, signal),
        };
        registers.rip = self.at + offset;
        registers.r12 = u64::from(number.cast_unsigned());
        registers.orig_rax = u64::MAX; // not in a system call: nothing is to be restarted
        set_registers(self.tid, &mut registers)?;
        crate::ptrace::detach(self.tid, 0)
    }

    /// As above.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn leave(&self, _how: Leaving) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(libc::ENOSYS))
    }

    /// Lets the stopped process go on waiting. A signal other than 0 is delivered, where the stop was one of delivery.
    ///
    /// # Errors
    /// What `ptrace(2)` says.
    pub fn go_on(&self, signal: i32) -> io::Result<()> {
        let signal = usize::try_from(signal).unwrap_or(0);
        // SAFETY: PTRACE_CONT takes the signal by value and no address.
        check(unsafe { libc::ptrace(libc::PTRACE_CONT, self.tid, 0usize, signal) })
    }

    /// Leaves the process stopped, as job control wants it; that it is continued is the next event.
    ///
    /// # Errors
    /// What `ptrace(2)` says.
    pub fn stay_stopped(&self) -> io::Result<()> {
        // SAFETY: PTRACE_LISTEN takes neither address nor data.
        check(unsafe { libc::ptrace(libc::PTRACE_LISTEN, self.tid, 0usize, 0usize) })
    }
}

#[cfg(target_arch = "x86_64")]
fn set_registers(tid: i32, registers: &mut libc::user_regs_struct) -> io::Result<()> {
    // SAFETY: the kernel reads one user_regs_struct behind the pointer.
    check(unsafe { libc::ptrace(libc::PTRACE_SETREGS, tid, 0usize, &raw mut *registers) })
}

#[cfg(target_arch = "x86_64")]
fn poke(tid: i32, place: u64, word: u64) -> io::Result<()> {
    // SAFETY: PTRACE_POKETEXT takes a number of the other process's address space and a word by value.
    check(unsafe { libc::ptrace(libc::PTRACE_POKETEXT, tid, place, word) })
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::{Child, Command, Stdio};

    use super::{Leaving, Standin};
    use crate::ptrace;
    use crate::wait::{self, Change};

    /// `true`, held at its exec stop; its shell blocks nothing, and ignores SIGINT.
    fn held() -> (Child, i32) {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "trap '' INT; read x; exec true"]).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let tid = i32::try_from(child.id()).unwrap();
        ptrace::seize(tid).unwrap();
        drop(child.stdin.take());
        assert_eq!(next(tid), Change::ExecStop);
        (child, tid)
    }

    fn next(tid: i32) -> Change {
        loop {
            match wait::next_of(tid).unwrap() {
                Some(change) => return change,
                None => std::thread::sleep(std::time::Duration::from_millis(1)),
            }
        }
    }

    fn waits(standin: &Standin) {
        standin.go_on(0).unwrap();
        // it has to get to its wait before it can be interrupted there
        std::thread::sleep(std::time::Duration::from_millis(20));
    }

    #[test]
    fn it_leaves_with_the_code_it_is_given() {
        for code in [0, 7, 255] {
            let (mut child, tid) = held();
            let standin = Standin::new(tid).unwrap();
            waits(&standin);
            ptrace::interrupt(tid).unwrap();
            assert_eq!(next(tid), Change::Stop);
            standin.leave(Leaving::Exit(code)).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(code));
        }
    }

    #[test]
    fn it_dies_by_the_signal_it_is_given() {
        for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGKILL, libc::SIGSEGV] {
            let (mut child, tid) = held();
            let standin = Standin::new(tid).unwrap();
            waits(&standin);
            ptrace::interrupt(tid).unwrap();
            assert_eq!(next(tid), Change::Stop);
            standin.leave(Leaving::Signal(signal)).unwrap();
            assert_eq!(child.wait().unwrap().signal(), Some(signal));
        }
    }

    #[test]
    fn it_can_leave_before_it_ever_ran() {
        let (mut child, tid) = held();
        Standin::new(tid).unwrap().leave(Leaving::Exit(9)).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(9));
    }

    #[test]
    fn its_signals_are_seen_and_go_no_further() {
        let (mut child, tid) = held();
        let standin = Standin::new(tid).unwrap();
        waits(&standin);
        for signal in [libc::SIGTERM, libc::SIGHUP, libc::SIGUSR1, libc::SIGINT] {
            // SAFETY: takes numbers; the child is this test's own.
            unsafe { libc::kill(tid, signal) };
            assert_eq!(next(tid), Change::Delivery(signal));
            standin.go_on(0).unwrap();
        }
        // SAFETY: as above.
        unsafe { libc::kill(tid, libc::SIGSTOP) };
        assert_eq!(next(tid), Change::Delivery(libc::SIGSTOP));
        standin.go_on(libc::SIGSTOP).unwrap();
        assert_eq!(next(tid), Change::GroupStop(libc::SIGSTOP));
        standin.stay_stopped().unwrap();
        // SAFETY: as above.
        unsafe { libc::kill(tid, libc::SIGCONT) };
        let mut seen = Vec::new();
        while seen.len() < 2 {
            let change = next(tid);
            standin.go_on(0).unwrap();
            seen.push(change);
        }
        assert!(seen.contains(&Change::Delivery(libc::SIGCONT)), "{seen:?}");
        ptrace::interrupt(tid).unwrap();
        assert_eq!(next(tid), Change::Stop);
        standin.leave(Leaving::Exit(3)).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(3));
    }
}
