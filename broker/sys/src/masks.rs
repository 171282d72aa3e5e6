//! Signal masks and waiting for signals, for processes without handlers.

use std::io;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};

use crate::process::done;

/// The mask as it was.
#[derive(Debug, Clone, Copy)]
pub struct Mask(SigSet);

/// Blocks all signals; gives what was blocked before.
///
/// # Errors
/// What `sigprocmask(2)` says.
pub fn block_all() -> io::Result<Mask> {
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))?;
    Ok(Mask(before))
}

impl Mask {
    /// Puts the mask back.
    ///
    /// # Errors
    /// What `sigprocmask(2)` says.
    pub fn restore(&self) -> io::Result<()> {
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.0), None)?;
        Ok(())
    }
}

/// Waits for one of these signals, all of which are blocked.
///
/// # Errors
/// What `sigwait(3)` says.
pub fn wait(signals: &[Signal]) -> io::Result<Signal> {
    Ok(signals.iter().copied().collect::<SigSet>().wait()?)
}

/// Whether a signal, which is blocked, waits to be taken.
#[must_use]
pub fn is_pending(signal: Signal) -> bool {
    let mut pending = std::mem::MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: the kernel fills the set, for which zeroes are fine as well.
    if unsafe { libc::sigpending(pending.as_mut_ptr()) } != 0 {
        return false;
    }
    // SAFETY: it was filled; the call only looks at it.
    unsafe { libc::sigismember(pending.as_ptr(), signal as libc::c_int) == 1 }
}

/// Gives a signal its default action (the Rust runtime ignores `SIGPIPE`, which a command must not inherit).
///
/// # Errors
/// What `signal(2)` says.
pub fn default_action(signal: Signal) -> io::Result<()> {
    // SAFETY: SIG_DFL runs no code of ours.
    let before = unsafe { libc::signal(signal as libc::c_int, libc::SIG_DFL) };
    done(if before == libc::SIG_ERR { -1 } else { 0 })
}
