//! What the machine has and what is in use, in one cheap call (`sysinfo(2)`); and a limit of another process.

use std::io;

use crate::process::done;

/// What the machine has, and what is in use now, by all that runs on it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Machine {
    /// Memory, in bytes.
    pub memory: u64,
    /// Memory that nothing uses, caches neither.
    pub free: u64,
    /// Memory of shared mappings and of file systems in memory.
    pub shared: u64,
    /// Swap that is in use.
    pub swapped: u64,
    /// Processes and threads; the kernel counts them in 16 bits here, so only differences mean something.
    pub tasks: u16,
}

/// Looks.
///
/// # Errors
/// What `sysinfo(2)` says, which is nothing.
pub fn now() -> io::Result<Machine> {
    let mut seen = std::mem::MaybeUninit::<libc::sysinfo>::zeroed();
    // SAFETY: the pointer leads to room for the struct that the kernel fills.
    done(unsafe { libc::sysinfo(seen.as_mut_ptr()) })?;
    // SAFETY: the kernel filled it; all its fields are plain numbers, for which zeroes are fine as well.
    let seen = unsafe { seen.assume_init() };
    let unit = u64::from(seen.mem_unit.max(1));
    Ok(Machine {
        memory: seen.totalram.saturating_mul(unit),
        free: seen.freeram.saturating_mul(unit),
        shared: seen.sharedram.saturating_mul(unit),
        swapped: seen.totalswap.saturating_sub(seen.freeswap).saturating_mul(unit),
        tasks: seen.procs,
    })
}

/// Processors that the calling process may use; at least one.
#[must_use]
pub fn cpus() -> u64 {
    let mut set = std::mem::MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: the pointer leads to room of the size that is said.
    let got = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), set.as_mut_ptr()) };
    if got != 0 {
        return 1; // a machine with more processors than the set has room for is big enough for any number
    }
    // SAFETY: zeroed, then filled by the kernel; it is an array of plain numbers.
    let set = unsafe { set.assume_init() };
    // SAFETY: only counts bits of the set.
    let count = unsafe { libc::CPU_COUNT(&set) };
    u64::try_from(count).unwrap_or(1).max(1)
}

/// The soft `RLIMIT_FSIZE` of a process; `u64::MAX` is none.
///
/// # Errors
/// What `prlimit(2)` says.
pub fn file_size_limit(pid: i32) -> io::Result<u64> {
    let mut now = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a null new limit changes nothing; `now` is a writable rlimit.
    done(unsafe { libc::prlimit(pid, libc::RLIMIT_FSIZE, std::ptr::null(), &raw mut now) })?;
    Ok(now.rlim_cur)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    #[test]
    fn the_machine_has_something() {
        let seen = super::now().unwrap();
        assert!(seen.memory > seen.free && seen.free > 0 && seen.tasks > 0, "{seen:?}");
        assert!((1..=4096).contains(&super::cpus()));
        assert!(super::file_size_limit(0).unwrap() > 0);
    }
}
