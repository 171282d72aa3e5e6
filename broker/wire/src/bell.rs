//! The bell on the folders of sockets: whoever shows the questions wakes when one is put, answered or over, without
//! asking all the time. It says nothing but that there may be news.

use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

/// How long nobody looks where no bell can be hung (no inotify instances are left, say).
const BLIND: Duration = Duration::from_millis(500);

/// A bell on some folders.
#[derive(Debug)]
pub struct Bell {
    folders: Vec<PathBuf>,
    inotify: Option<Inotify>,
    /// How many folders are watched.
    fastened: AtomicUsize,
}

impl Bell {
    /// Hangs a bell. Folders that are not there yet are tried again at each [`Bell::wait`].
    #[must_use]
    pub fn hang(folders: &[PathBuf]) -> Self {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK).ok();
        let bell = Self { folders: folders.to_vec(), inotify, fastened: AtomicUsize::new(0) };
        bell.fasten();
        bell
    }

    /// Waits until there may be news, at most so long. A burst counts as one.
    pub fn wait(&self, longest: Duration) {
        let Some(inotify) = &self.inotify else {
            return std::thread::sleep(longest.min(BLIND));
        };
        let before = self.fastened.load(Ordering::Relaxed);
        let missing = self.fasten();
        if self.fastened.load(Ordering::Relaxed) > before {
            // What happened in there before it was watched is news.
            return;
        }
        let longest = if missing { longest.min(BLIND) } else { longest };
        let millis = u16::try_from(longest.as_millis()).unwrap_or(u16::MAX);
        let mut fds = [PollFd::new(inotify.as_fd(), PollFlags::POLLIN)];
        if poll(&mut fds, PollTimeout::from(millis)).is_err() {
            // Interrupted: whoever waits looks once too often. Out of memory: it must not spin.
            std::thread::sleep(Duration::from_millis(10));
        }
        // What they say does not matter; an overflow is news too.
        while inotify.read_events().is_ok_and(|events| !events.is_empty()) {}
    }

    /// Watches what is there; watching twice is watching once (`inotify_add_watch(2)`). Says whether one is missing.
    fn fasten(&self) -> bool {
        let Some(inotify) = &self.inotify else { return true };
        let what = AddWatchFlags::IN_CREATE
            | AddWatchFlags::IN_MOVED_TO
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ATTRIB
            | AddWatchFlags::IN_ONLYDIR
            | AddWatchFlags::IN_DONT_FOLLOW;
        let fastened = self.folders.iter().filter(|folder| inotify.add_watch(*folder, what).is_ok());
        let count = fastened.count();
        self.fastened.store(count, Ordering::Relaxed);
        count < self.folders.len()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::socket::Sockets;
    use std::time::Instant;

    #[test]
    fn a_ring_wakes_whoever_waits() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("run");
        let sockets = Sockets::make(&folder).unwrap();
        let _listener = sockets.listen("r1").unwrap();
        let bell = Bell::hang(&[folder]);
        let began = Instant::now();
        bell.wait(Duration::from_millis(100));
        assert!(began.elapsed() >= Duration::from_millis(90), "it rang by itself");
        let ringer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            sockets.ring("r1");
            Instant::now()
        });
        bell.wait(Duration::from_secs(20));
        let late = Instant::now().saturating_duration_since(ringer.join().unwrap());
        assert!(late < Duration::from_millis(500), "it was heard after {late:?}");
    }

    #[test]
    fn a_folder_that_comes_later_is_heard() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("run");
        let bell = Bell::hang(std::slice::from_ref(&folder));
        let sockets = Sockets::make(&folder).unwrap();
        let began = Instant::now();
        bell.wait(Duration::from_secs(20));
        assert!(began.elapsed() < Duration::from_secs(5));
        let _listener = sockets.listen("r1").unwrap();
        bell.wait(Duration::from_secs(20));
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
