//! The allocator's ways (`mallopt(3)`), for a process that lives shortly or long and has few threads.

/// One heap for all threads, which grows in large steps and is never given back in between: a thread's own heap costs
/// seven calls to make, and small steps cost one each.
pub fn keep_simple() {
    #[cfg(target_env = "gnu")]
    {
        const STEP: libc::c_int = 1 << 20;
        for (setting, value) in [(libc::M_ARENA_MAX, 1), (libc::M_TOP_PAD, STEP), (libc::M_TRIM_THRESHOLD, 8 * STEP)] {
            // SAFETY: takes numbers only. What is refused stays as it was, which is only slower.
            let _set = unsafe { libc::mallopt(setting, value) };
        }
    }
}
