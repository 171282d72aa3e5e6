//! Capabilities (`capabilities(7)`): who has them, and giving all of them up.

use std::io;

use crate::process::done;

const VERSION_3: u32 = 0x2008_0522; // _LINUX_CAPABILITY_VERSION_3
const SYS_ADMIN: u32 = 21;
const SYS_PTRACE: u32 = 19;
const SETPCAP: u32 = 8;
const MOST: libc::c_ulong = 63;

#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

fn read() -> io::Result<[Sets; 2]> {
    let mut header = Header { version: VERSION_3, pid: 0 };
    let mut sets = [Sets::default(); 2];
    // SAFETY: version 3 takes a header and two sets, both writable and of the kernel's layout.
    let got = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    done(i32::try_from(got).unwrap_or(-1)).map(|()| sets)
}

/// Whether the caller holds `CAP_SYS_ADMIN` in effect.
#[must_use]
pub fn is_admin() -> bool {
    read().is_ok_and(|[low, _]| low.effective & (1 << SYS_ADMIN) != 0)
}

/// Whether the caller holds `CAP_SYS_PTRACE` in effect.
#[must_use]
pub fn may_trace() -> bool {
    read().is_ok_and(|[low, _]| low.effective & (1 << SYS_PTRACE) != 0)
}

/// What the calling thread has in effect, a bit each.
pub(crate) fn effective() -> io::Result<u64> {
    let [low, high] = read()?;
    Ok(u64::from(low.effective) | u64::from(high.effective) << 32)
}

/// Sets what the calling thread has in effect, within what it is permitted; the rest stays.
pub(crate) fn set_effective(bits: u64) -> io::Result<()> {
    let mut sets = read()?;
    let [low, high] = &mut sets;
    low.effective = u32::try_from(bits & 0xffff_ffff).unwrap_or(0);
    high.effective = u32::try_from(bits >> 32).unwrap_or(0);
    let mut header = Header { version: VERSION_3, pid: 0 };
    // SAFETY: as in `read`; the kernel only reads both.
    let got = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, sets.as_ptr()) };
    done(i32::try_from(got).unwrap_or(-1))
}

/// Empties the bounding set, so that no program ever gives capabilities back; the caller keeps those it has. Without
/// `CAP_SETPCAP` the set stays as it is; `no_new_privs` then keeps it from mattering.
///
/// # Errors
/// What `prctl(2)` says.
pub fn drop_bounding() -> io::Result<()> {
    let [low, _] = read()?;
    if low.effective & (1 << SETPCAP) == 0 {
        return Ok(());
    }
    for capability in 0..=MOST {
        // SAFETY: takes numbers only.
        match done(unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) }) {
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => break, // beyond the kernel's last one
            other => other?,
        }
    }
    Ok(())
}

/// Gives up every effective, permitted, inheritable and ambient capability.
///
/// # Errors
/// What `capset(2)` says.
pub fn drop_all() -> io::Result<()> {
    let [low, high] = read()?;
    if low.permitted | low.inheritable | high.permitted | high.inheritable == 0 {
        return Ok(()); // nothing to give up; ambient capabilities are always permitted ones
    }
    let mut header = Header { version: VERSION_3, pid: 0 };
    let none = [Sets::default(); 2];
    // SAFETY: as in `read`; the kernel only reads both. Ambient capabilities go with the permitted ones.
    let got = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, none.as_ptr()) };
    done(i32::try_from(got).unwrap_or(-1))
}
