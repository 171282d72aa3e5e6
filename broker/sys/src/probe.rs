//! What this kernel can hold.

/// What this kernel can hold, as far as a launch needs to know beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Landlock ABI; 0 for none.
    pub landlock_abi: u32,
    /// Whether the caller holds `CAP_SYS_ADMIN`, so that namespaces need no user namespace.
    pub admin: bool,
}
