//! Stopping whom a limit stops.

use std::io;
use std::os::fd::AsFd as _;

use nix::sys::signal::Signal;
use tollgate_sys::pidfd;

use crate::census;

/// A process that was counted as the run's. Its number may have become another's since then; that one began later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Victim {
    /// Its number.
    pub pid: i32,
    pub(crate) born: u64,
}

impl Victim {
    /// Sends it a signal, if it still is there.
    ///
    /// # Errors
    /// Where that can't be known, as no descriptor is left.
    pub fn signal(self, signal: Signal) -> io::Result<()> {
        let sent = pidfd::open(self.pid).and_then(|handle| {
            // the handle is on whoever has the number now
            if census::stat(self.pid)?.born == self.born {
                pidfd::signal(handle.as_fd(), signal as i32)
            } else {
                Ok(())
            }
        });
        census::seen(sent).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_counted_is_killed() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let victim = census::stat(pid).unwrap().victim();
        Victim { born: victim.born + 1, ..victim }.signal(Signal::SIGKILL).unwrap();
        assert!(child.try_wait().unwrap().is_none(), "another had that number");
        victim.signal(Signal::SIGKILL).unwrap();
        assert!(!child.wait().unwrap().success());
        victim.signal(Signal::SIGKILL).unwrap();
    }
}
