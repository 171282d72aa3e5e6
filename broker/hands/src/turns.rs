//! Turns. Several runs may have the same tree: what one gate has looked at, another's caller must not move before it is
//! used. So the gates of a person's runs act one after the other: each holds a lock from its first look to its last act.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use nix::errno::Errno;
use tollgate_sys::pool::Pool;

/// A call takes some dozen microseconds; a folder with much in it that is renamed, a second.
const PATIENCE: Duration = Duration::from_secs(30);
/// A waiter that has just brought a turn may not have sat down yet when the next is sent; one that waits in vain stays.
const WAITERS: usize = 32;
/// Tries before the kernel is asked to say when: most turns are over by then.
const TRIES: u32 = 4;

/// The lock that the gates share.
#[derive(Debug)]
pub(crate) struct Turns {
    /// The file; none where there is nobody to share with.
    path: Option<PathBuf>,
    file: Option<File>,
    /// They wait in place of the gate, which must not be held for ever.
    waiters: Pool,
}

/// A turn, until it is given back or dropped.
#[derive(Debug)]
pub(crate) struct Turn(Option<File>);

impl Turns {
    /// By a lock on this file, which is made where it is missing. Nothing inside may reach it. None: nobody else is there.
    pub(crate) fn by(path: Option<&Path>) -> Self {
        Self { path: path.map(Path::to_owned), file: None, waiters: Pool::new("turns", WAITERS) }
    }

    /// Waits for a turn: `EAGAIN` where another gate does not end its own, else what the kernel says of the file.
    pub(crate) fn take(&mut self) -> Result<Turn, Errno> {
        let Some(path) = &self.path else { return Ok(Turn(None)) };
        let file = match self.file.take() {
            Some(file) => Ok(file),
            None => opened(path),
        };
        let file = file.map_err(|err| errno(&err))?;
        for _ in 0..TRIES {
            if file.try_lock().is_ok() {
                return Ok(Turn(Some(file)));
            }
            std::thread::yield_now();
        }
        let (done, turn) = channel();
        // one that comes too late finds nobody, and is dropped
        let wait = move || drop(done.send(file.lock().map(|()| file)));
        self.waiters.run(wait).map_err(|_| Errno::EAGAIN)?;
        match turn.recv_timeout(PATIENCE) {
            Ok(Ok(file)) => Ok(Turn(Some(file))),
            Ok(Err(err)) => Err(errno(&err)),
            Err(_) => Err(Errno::EAGAIN),
        }
    }

    /// Gives a turn back.
    pub(crate) fn give(&mut self, turn: Turn) {
        // one that can't be unlocked is closed, which ends it too
        self.file = turn.0.filter(|file| file.unlock().is_ok());
    }
}

fn opened(path: &Path) -> io::Result<File> {
    let mut how = OpenOptions::new();
    how.read(true).write(true).create(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}

fn errno(err: &io::Error) -> Errno {
    Errno::from_raw(err.raw_os_error().unwrap_or(libc::EIO))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use super::*;

    #[test]
    fn one_at_a_time_has_a_turn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("turns");
        let (mut here, mut there) = (Turns::by(Some(&path)), Turns::by(Some(&path)));
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
        assert!(Turns::by(Some(&dir.path().join("no/turns"))).take().is_err());
    }

    #[test]
    fn many_that_want_one_get_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("turns");
        let inside = Arc::new(AtomicUsize::new(0));
        let play = |_| {
            let (path, inside) = (path.clone(), Arc::clone(&inside));
            std::thread::spawn(move || {
                let mut turns = Turns::by(Some(&path));
                for _ in 0..1000 {
                    let turn = turns.take().unwrap();
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    let begun = Instant::now();
                    while begun.elapsed() < Duration::from_micros(20) {}
                    inside.fetch_sub(1, Ordering::SeqCst);
                    turns.give(turn);
                }
            })
        };
        let players: Vec<_> = (0..8).map(play).collect();
        assert!(players.into_iter().all(|player| player.join().is_ok()));
    }
}
