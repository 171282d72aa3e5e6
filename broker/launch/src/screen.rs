//! The user's own terminal: whose turn it is, raw while the command has it, as it was before whenever it has not.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use nix::unistd::getpgrp;
use tollgate_sys::pty::{self, Settings};

/// What must be put back if the process panics, which in a release ends it without destructors.
static TAKEN: Mutex<Option<(OwnedFd, Settings)>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// The user's terminal.
#[derive(Debug)]
pub(crate) struct Screen {
    keys: OwnedFd,
    picture: OwnedFd,
    taken: AtomicBool,
}

impl Screen {
    pub(crate) fn new(keys: OwnedFd, picture: OwnedFd) -> Self {
        Self { keys, picture, taken: AtomicBool::new(false) }
    }

    /// Where keys are read.
    pub(crate) fn keys(&self) -> BorrowedFd<'_> {
        self.keys.as_fd()
    }

    /// Where output is written.
    pub(crate) fn picture(&self) -> BorrowedFd<'_> {
        self.picture.as_fd()
    }

    /// How it is set. While another job has the foreground these are that job's settings, not the user's.
    pub(crate) fn settings(&self) -> io::Result<Settings> {
        Settings::of(self.keys.as_fd())
    }

    /// Whether this process is in the terminal's foreground.
    pub(crate) fn is_ours(&self) -> bool {
        // A terminal that controls another session, or none, is nobody's job's: then there is nobody to dispute it.
        pty::foreground_group(self.keys()).map_or(true, |group| group == getpgrp().as_raw())
    }

    /// Whether the command has it.
    pub(crate) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Acquire)
    }

    /// Makes it raw, for the command; how it was until then.
    pub(crate) fn take(&self) -> io::Result<Settings> {
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                put_back();
                before(panic);
            }));
        });
        let before = self.settings()?;
        let kept = (self.keys.try_clone()?, before.clone());
        *TAKEN.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        before.raw().apply(self.keys())?;
        self.taken.store(true, Ordering::Release);
        Ok(before)
    }

    /// Puts it back as it was; whether the command had it.
    pub(crate) fn give_back(&self) -> bool {
        let had = self.taken.swap(false, Ordering::AcqRel);
        if had {
            put_back();
        }
        had
    }
}

fn put_back() {
    let taken = TAKEN.try_lock().ok().and_then(|mut taken| taken.take());
    if let Some((terminal, before)) = taken {
        // If it is gone there is nothing to put back.
        let _restored = before.apply(terminal.as_fd());
    }
}
