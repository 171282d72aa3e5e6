//! Seccomp filters: a plain description, compiled to classic BPF and installed (`seccomp(2)`).
//!
//! An own compiler, because filters here need user notifications, a search that does not grow with the number of calls,
//! and tests on halves of 64-bit arguments. Foreign architectures are killed; calls of the x32 table are `ENOSYS`.

mod assemble;
mod compile;
mod install;
mod names;
mod template;

#[cfg(test)]
mod interpret;
#[cfg(test)]
mod tests;

use std::fmt;

pub use compile::{Program, compile};
pub use install::{Installed, Listening, install};
pub use names::number;
pub use template::Instruction;

/// A filter: entries in order, and what happens to a call that none decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// For one call all entries that name it are looked at; the first whose tests hold decides.
    pub entries: Vec<Entry>,
    /// What happens else.
    pub otherwise: Fate,
}

/// Several calls of one fate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Call numbers of this architecture (see [`number`]).
    pub calls: Vec<u32>,
    /// All must hold; none means always.
    pub tests: Vec<ArgTest>,
    /// What then happens.
    pub then: Fate,
}

/// `(arg & mask) == equal`, or `!=` with [`Sense::Differs`]. Bits of `equal` outside `mask` can never match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ArgTest {
    /// 0 to 5.
    pub arg: u8,
    /// The bits that count.
    pub mask: u64,
    /// What they are compared with.
    pub equal: u64,
    /// Which way the test goes.
    pub sense: Sense,
}

/// Which way a test goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sense {
    /// The masked bits are these.
    Equals,
    /// They are not.
    Differs,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It proceeds.
    Allow,
    /// It fails with this errno (1 to 4095).
    Errno(u16),
    /// It waits for the listener's word.
    Notify,
    /// The whole process is killed with `SIGSYS`.
    Kill,
}

impl Fate {
    /// The filter's return value (include/uapi/linux/seccomp.h).
    pub(crate) const fn code(self) -> u32 {
        match self {
            Self::Allow => libc::SECCOMP_RET_ALLOW,
            Self::Errno(errno) => libc::SECCOMP_RET_ERRNO | errno as u32,
            Self::Notify => libc::SECCOMP_RET_USER_NOTIF,
            Self::Kill => libc::SECCOMP_RET_KILL_PROCESS,
        }
    }
}

impl Filter {
    /// The fate of a call whatever its arguments; none if they matter.
    #[must_use]
    pub fn fate(&self, call: u32) -> Option<Fate> {
        match self.entries.iter().find(|entry| entry.calls.contains(&call)) {
            None => Some(self.otherwise),
            Some(entry) if entry.tests.is_empty() => Some(entry.then),
            Some(_) => None,
        }
    }

    /// Whether some call may wait for a listener.
    #[must_use]
    pub fn notifies(&self) -> bool {
        self.otherwise == Fate::Notify || self.entries.iter().any(|entry| entry.then == Fate::Notify)
    }
}

/// Why a filter cannot be compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompileError {
    /// Longer than the kernel's 4,096 instructions: this many.
    TooLong(usize),
    /// A test on an argument beyond the sixth.
    Argument(u8),
    /// An errno outside 1 to 4,095.
    Errno(u16),
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(n) => write!(f, "filter has {n} instructions; the kernel takes 4096"),
            Self::Argument(n) => write!(f, "no system call has an argument {n} (they are 0 to 5)"),
            Self::Errno(n) => write!(f, "errno {n} is outside 1 to 4095"),
        }
    }
}

impl std::error::Error for CompileError {}
