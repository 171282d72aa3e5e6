//! The user's own terminal: whose turn it is, raw while the command has it, as it was before whenever it has not.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use nix::unistd::{Pid, getpgrp};
use tollgate_sys::pty::{self, Settings};

/// What must be put back if the process panics, which in a release ends it without destructors.
static TAKEN: Mutex<Option<(OwnedFd, Settings)>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// Whose job the command is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// This process's.
    Own,
    /// Another process's, in whose place the command runs.
    Of(Pid),
}

/// The user's terminal.
#[derive(Debug)]
pub(crate) struct Screen {
    keys: OwnedFd,
    picture: OwnedFd,
    job: Job,
    taken: AtomicBool,
}

impl Screen {
    pub(crate) fn new(keys: OwnedFd, picture: OwnedFd, job: Job) -> Self {
        Self { keys, picture, job, taken: AtomicBool::new(false) }
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

    /// Whether the job is in the terminal's foreground.
    pub(crate) fn is_ours(&self) -> bool {
        if let Job::Of(process) = self.job {
            return is_in_front(process);
        }
        // A terminal that controls another session, or none, is nobody's job's: then there is nobody to dispute it.
        pty::foreground_group(self.keys()).map_or(true, |group| group == getpgrp().as_raw())
    }

    /// Whose job the command is.
    pub(crate) fn job(&self) -> Job {
        self.job
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

/// Whether a process is in the foreground of the terminal that controls it (`proc_pid_stat(5)`: fields 5 and 8).
fn is_in_front(process: Pid) -> bool {
    let Ok(stat) = std::fs::read(format!("/proc/{process}/stat")) else { return false };
    // the name before may hold anything
    let Some(end) = stat.iter().rposition(|&byte| byte == b')') else { return false };
    let rest = String::from_utf8_lossy(stat.get(end..).unwrap_or_default()).into_owned();
    let mut fields = rest.split_ascii_whitespace().skip(3);
    let (group, front) = (fields.next(), fields.nth(2));
    group.is_some() && group == front
}

fn put_back() {
    let taken = TAKEN.try_lock().ok().and_then(|mut taken| taken.take());
    if let Some((terminal, before)) = taken {
        // If it is gone there is nothing to put back.
        let _restored = before.apply(terminal.as_fd());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_without_a_terminal_is_in_front_of_none() {
        let mut child = std::process::Command::new("setsid").args(["sleep", "10"]).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_millis(100));
        assert!(!is_in_front(Pid::from_raw(i32::try_from(child.id()).unwrap())));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_in_front(Pid::from_raw(i32::MAX)));
    }
}
