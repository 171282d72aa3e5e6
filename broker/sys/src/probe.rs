//! What this kernel can hold: what a launch must know beforehand, and a closer look for `tollgate doctor`.

use std::fs;

use crate::{caps, landlock};

/// What this kernel can hold, as far as a launch needs to know before it tries. A few system calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Landlock ABI; 0 for none.
    pub landlock_abi: u32,
    /// Whether the caller holds `CAP_SYS_ADMIN`, so that namespaces need no user namespace.
    pub admin: bool,
    /// Whether processes may be traced.
    pub trace: Trace,
}

/// Whether a process may trace its descendants (`ptrace(2)`, Yama's `ptrace_scope`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// It may.
    Granted,
    /// Only with `CAP_SYS_PTRACE`, which the caller lacks.
    AdminOnly,
    /// Nobody may.
    Forbidden,
}

impl Trace {
    /// Why not; none if it may.
    #[must_use]
    pub fn refusal(self) -> Option<&'static str> {
        match self {
            Self::Granted => None,
            Self::AdminOnly => Some("ptrace is for administrators only (kernel.yama.ptrace_scope is 2)"),
            Self::Forbidden => Some("ptrace is forbidden (kernel.yama.ptrace_scope is 3)"),
        }
    }
}

impl Probe {
    /// Looks at this kernel and this process.
    #[must_use]
    pub fn here() -> Self {
        Self { landlock_abi: landlock::abi(), admin: caps::is_admin(), trace: trace() }
    }
}

fn trace() -> Trace {
    let scope = fs::read("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    match scope.first() {
        Some(b'2') if !caps::may_trace() => Trace::AdminOnly,
        Some(b'3') => Trace::Forbidden,
        _ => Trace::Granted,
    }
}
