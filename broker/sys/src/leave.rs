//! Leave: a yes or no from one thread, for which another waits in the same poll as for everything else.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::sync::{Arc, OnceLock};

use nix::sys::eventfd::{EfdFlags, EventFd};

/// The end that says it. Dropped without a word, it says no.
#[derive(Debug)]
pub struct Leave(Arc<Shared>);

/// The end that waits.
#[derive(Debug)]
pub struct Awaited(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    word: OnceLock<bool>,
    /// Set when nobody waits any more.
    given_up: OnceLock<()>,
    event: EventFd,
}

/// Both ends.
///
/// # Errors
/// What the kernel says to an eventfd.
pub fn pair() -> io::Result<(Leave, Awaited)> {
    let event = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
    let shared = Arc::new(Shared { word: OnceLock::new(), given_up: OnceLock::new(), event });
    Ok((Leave(Arc::clone(&shared)), Awaited(shared)))
}

impl Leave {
    /// Says yes.
    pub fn give(self) {
        self.say(true);
    }

    /// Whether somebody still waits.
    #[must_use]
    pub fn is_awaited(&self) -> bool {
        self.0.given_up.get().is_none()
    }

    fn say(&self, word: bool) {
        if self.0.word.set(word).is_ok() && self.0.event.write(1).is_err() {
            // only a full counter refuses, and that one is readable
        }
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.say(false);
    }
}

impl Awaited {
    /// What was said; none so far.
    #[must_use]
    pub fn word(&self) -> Option<bool> {
        self.0.word.get().copied()
    }

    /// Readable once it was said.
    #[must_use]
    pub fn heard(&self) -> BorrowedFd<'_> {
        self.0.event.as_fd()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let _first = self.0.given_up.set(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_is_said_and_no_is_silence() {
        let (leave, awaited) = pair().unwrap();
        assert_eq!((awaited.word(), leave.is_awaited()), (None, true));
        leave.give();
        assert_eq!(awaited.word(), Some(true));
        let (leave, awaited) = pair().unwrap();
        drop(leave);
        assert_eq!(awaited.word(), Some(false));
        let (leave, awaited) = pair().unwrap();
        drop(awaited);
        assert!(!leave.is_awaited());
    }
}
