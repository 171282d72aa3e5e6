//! Turns. Several runs may have the same tree: what one gate has looked at, another's caller must not move before it is
//! used. So the gates of a person's runs act one after the other: each holds a lock from its first look to its last act.

use std::fs::{File, OpenOptions, TryLockError};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;

/// A call takes some dozen microseconds; a folder with much in it that is renamed, a second.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between tries.
const PAUSE: Duration = Duration::from_micros(20);

/// The lock that the gates share.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// The file; none where there is nobody to share with.
    path: Option<PathBuf>,
    file: Option<File>,
}

/// A turn, until it is given back or dropped.
#[derive(Debug)]
pub(crate) struct Turn(Option<File>);

impl Turns {
    /// By a lock on this file, which is made where it is missing. Nothing inside may reach it.
    pub(crate) fn by(path: &Path) -> Self {
        Self { path: Some(path.to_owned()), file: None }
    }

    /// Waits for a turn: `EAGAIN` where another gate does not end its own, else what the kernel says of the file.
    pub(crate) fn take(&mut self) -> Result<Turn, Errno> {
        let Some(path) = &self.path else { return Ok(Turn(None)) };
        let failed = |err: &std::io::Error| Errno::from_raw(err.raw_os_error().unwrap_or(libc::EIO));
        let file = if let Some(file) = self.file.take() {
            file
        } else {
            let mut how = OpenOptions::new();
            how.read(true).write(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
            how.open(path).map_err(|err| failed(&err))?
        };
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Turn(Some(file))),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(Errno::EAGAIN),
                Err(TryLockError::Error(err)) => return Err(failed(&err)),
            }
        }
    }

    /// Gives a turn back.
    pub(crate) fn give(&mut self, turn: Turn) {
        // one that can't be unlocked is closed, which ends it too
        self.file = turn.0.filter(|file| file.unlock().is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_has_a_turn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("turns");
        let (mut here, mut there) = (Turns::by(&path), Turns::by(&path));
        let turn = here.take().unwrap();
        let other = std::thread::spawn(move || {
            let turn = there.take().unwrap();
            let now = Instant::now();
            there.give(turn);
            now
        });
        std::thread::sleep(Duration::from_millis(50));
        let given = Instant::now();
        here.give(turn);
        assert!(other.join().unwrap() >= given);
        let again = here.take().unwrap();
        here.give(again);
        assert!(Turns::by(&dir.path().join("no/turns")).take().is_err());
    }
}
