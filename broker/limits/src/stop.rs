//! Stopping whom a limit stops.

use std::os::fd::AsFd as _;

use nix::sys::signal::Signal;
use tollgate_sys::ids::descends;
use tollgate_sys::pidfd;

/// Sends a signal to a process that still is the run's: its number may have become another's since it was counted.
pub fn signal((pid, guard): (i32, i32), signal: Signal) {
    let Ok(handle) = pidfd::open(pid) else { return };
    if descends(pid, guard) && pidfd::signal(handle.as_fd(), signal as i32).is_err() {
        // it has ended by itself
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_beneath_is_killed() {
        let me = i32::try_from(std::process::id()).unwrap();
        assert!(descends(me, nix::unistd::getppid().as_raw()));
        assert!(!descends(nix::unistd::getppid().as_raw(), me));
        assert!(!descends(i32::MAX, me));
    }
}
