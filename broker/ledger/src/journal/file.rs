//! The journal's file. All who write it, and all who read it, hold its lock (`flock(2)`) for that long.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Chain, Header, Link, SEAL, link_of, read};
use crate::fault::{Fault, Kind};

/// The journal's file in the state directory.
pub(crate) const JOURNAL_FILE: &str = "ledger.journal";
/// Torn ends are kept here when they are cut off.
pub(crate) const TORN_FILE: &str = "ledger.torn";
/// No first line is longer.
const FIRST_LINE: usize = 128;
/// The first and the longest sleep between two tries for the lock.
const NAPS: [Duration; 2] = [Duration::from_micros(50), Duration::from_millis(5)];

/// An open journal.
pub(crate) struct Journal {
    file: File,
    path: PathBuf,
}

/// What a journal is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
    /// To write it, and to make it where there is none.
    Make,
}

/// A journal whose lock is held.
pub(crate) struct Locked<'j>(&'j Journal);

/// What became of an attempt to append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Appended {
    /// It is written; the journal has so many bytes now.
    Done(u64),
    /// The journal has no whole last line to go on from.
    Torn,
}

impl Journal {
    /// Opens it; none where there is none.
    pub(crate) fn open(state: &Path, access: Access) -> Result<Option<Self>, Fault> {
        let path = state.join(JOURNAL_FILE);
        let mut options = OpenOptions::new();
        options.read(true).write(access != Access::Read).create(access == Access::Make).mode(0o600);
        options.custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits());
        match options.open(&path) {
            Ok(file) => Ok(Some(Self { file, path })),
            Err(e) if e.kind() == io::ErrorKind::NotFound && access != Access::Make => Ok(None),
            Err(e) if access == Access::Make => Err(Fault::io(Kind::NotMade, &path, e)),
            Err(e) => Err(Fault::io(Kind::Unreadable, &path, e)),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its first line, if that is whole and was written with this key. Needs no lock: a line that is being replaced is
    /// at worst missing.
    pub(crate) fn header(&self, chain: &Chain) -> Option<Header> {
        let mut bytes = [0; FIRST_LINE];
        let n = self.file.read_at(&mut bytes, 0).ok()?;
        let bytes = bytes.get(..n)?;
        let end = bytes.iter().position(|b| *b == b'\n')?;
        let first = read(bytes.get(..=end)?, Some(chain));
        first.header.filter(|_| first.flaw.is_none())
    }

    /// Takes the lock to write.
    pub(crate) fn exclusively(&self, patience: Duration) -> Result<Locked<'_>, Fault> {
        self.lock(patience, File::try_lock)
    }

    /// Takes the lock to read.
    pub(crate) fn shared(&self, patience: Duration) -> Result<Locked<'_>, Fault> {
        self.lock(patience, File::try_lock_shared)
    }

    /// Others hold the lock for a write, or for one transaction; one of them may have been stopped with it.
    fn lock(&self, patience: Duration, take: fn(&File) -> Result<(), TryLockError>) -> Result<Locked<'_>, Fault> {
        let (mut begun, [mut nap, longest]) = (None, NAPS);
        loop {
            match take(&self.file) {
                Ok(()) => return Ok(Locked(self)),
                Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(TryLockError::Error(e)) => return Err(Fault::io(Kind::Unreadable, &self.path, e)),
                Err(TryLockError::WouldBlock) => {}
            }
            if begun.get_or_insert_with(Instant::now).elapsed() >= patience {
                return Err(Fault::new(Kind::Busy, &self.path));
            }
            std::thread::sleep(nap);
            nap = (nap * 2).min(longest);
        }
    }
}

impl Locked<'_> {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Fault> {
        let mut file = &self.0.file;
        let mut bytes = Vec::new();
        let done = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes));
        done.map_err(|e| Fault::io(Kind::Unreadable, &self.0.path, e))?;
        Ok(bytes)
    }

    /// Adds records, all or none, each in its stored form. They are then with the system, and survive whatever becomes
    /// of this process.
    pub(crate) fn append(&self, chain: &Chain, bodies: &[Vec<u8>]) -> Result<Appended, Fault> {
        let fault = |e| Fault::io(Kind::Unreadable, &self.0.path, e);
        let meta = self.0.file.metadata().map_err(fault)?;
        if meta.nlink() == 0 {
            return Err(Fault::new(Kind::Corrupt, &self.0.path).because("it was removed while a run goes on"));
        }
        let Some(mut link) = self.last_link(meta.size())? else {
            return Ok(Appended::Torn);
        };
        let mut lines = Vec::with_capacity(bodies.iter().map(|body| body.len() + SEAL + 1).sum());
        for body in bodies {
            link = chain.write(&mut lines, link, body);
        }
        self.0.file.write_all_at(&lines, meta.size()).map_err(|e| {
            // What of it was written is no whole line, or lines that were not all: none of it counts.
            drop(self.0.file.set_len(meta.size()));
            fault(e)
        })?;
        Ok(Appended::Done(meta.size() + lines.len() as u64))
    }

    /// The link of the last line, if the journal ends with a whole line.
    fn last_link(&self, size: u64) -> Result<Option<Link>, Fault> {
        let mut seal = [0; SEAL + 1];
        let Some(from) = size.checked_sub(seal.len() as u64) else {
            return Ok(None);
        };
        self.0.file.read_exact_at(&mut seal, from).map_err(|e| Fault::io(Kind::Unreadable, &self.0.path, e))?;
        Ok(seal.strip_prefix(b" ").and_then(|s| s.strip_suffix(b"\n")).and_then(link_of))
    }

    /// Begins it anew, once all in it is durable elsewhere. Stopped in between, it is empty, which is as good.
    pub(crate) fn reset(&self, chain: &Chain, header: Header) -> Result<(), Fault> {
        let file = &self.0.file;
        let done = file.set_len(0).and_then(|()| file.write_all_at(&header.line(chain), 0));
        done.map_err(|e| Fault::io(Kind::Unreadable, &self.0.path, e))
    }

    /// Keeps an end that is about to be cut off.
    pub(crate) fn keep_torn(&self, torn: &[u8]) -> Result<(), Fault> {
        let path = self.0.path.with_file_name(TORN_FILE);
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(0o600).custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits());
        let done = options.open(&path).and_then(|mut file| file.write_all(&[torn, b"\n"].concat()));
        done.map_err(|e| Fault::io(Kind::NotMade, &path, e))
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // By hand: a child that is being started may have the same open file for a moment, and closing ours would not
        // unlock then.
        drop(self.0.file.unlock());
    }
}
