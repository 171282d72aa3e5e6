//! Disks that the run can write to: how much less is free than when it began, and how much of that it wrote.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::statvfs::{Statvfs, statvfs};
use tollgate_policy::boundary::Boundary;

use crate::census::{self, Census};
use crate::stop::Victim;
use crate::{Bound, Breach, Ends};

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// After a stop, so much more (or a sixteenth of the limit) until the next.
const MORE: u64 = 64 << 20;

/// One of them.
#[derive(Debug)]
struct Disk {
    path: PathBuf,
    /// Bytes that were free for the user at the beginning.
    free: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    all: Vec<Disk>,
    looked: Option<Instant>,
    /// By how much each process had written at the last look.
    written: HashMap<Victim, u64>,
    /// Of processes that have ended since.
    ended: u64,
    /// What was preallocated since the last look: it may not show yet.
    pub(crate) promised: u64,
    /// What is tolerated after a stop.
    tolerated: u64,
}

impl Disks {
    /// The file systems of all writable roots, each once.
    pub(crate) fn of(boundary: &Boundary) -> Self {
        let mut seen = HashSet::new();
        let writable = boundary.roots.iter().filter(|root| root.rights.write && !root.rights.device);
        let disks = writable.filter_map(|root| {
            let path = root.path.as_path();
            let device = nix::sys::stat::stat(path).ok()?.st_dev;
            let fresh = seen.insert(device);
            fresh.then(|| Some(Disk { path: path.to_owned(), free: free(&statvfs(path).ok()?) })).flatten()
        });
        Self { all: disks.collect(), ..Self::default() }
    }

    /// Bytes that were free on the fullest of them; a share is of that.
    pub(crate) fn free(&self) -> u64 {
        self.all.iter().map(|disk| disk.free).min().unwrap_or(u64::MAX)
    }

    /// Bytes by which the most used of them has filled since the beginning, whoever did it.
    pub(crate) fn filled(&self) -> u64 {
        let filled = |disk: &Disk| Some(disk.free.saturating_sub(free(&statvfs(disk.path.as_path()).ok()?)));
        self.all.iter().filter_map(filled).max().unwrap_or(0)
    }

    /// The limit, where it is passed and at least a good part of that was written by the run.
    pub(crate) fn passed(
        &mut self,
        bound: &Bound,
        ((guard, command), now): ((i32, i32), Instant),
    ) -> io::Result<Option<Breach>> {
        if self.looked.is_some_and(|looked| now < looked + EVERY) {
            return Ok(None);
        }
        // Until it is clear who wrote it, the next look is another try.
        self.looked = None;
        let filled = self.filled();
        // Half way up it begins to matter who writes.
        let written = if filled <= bound.most / 2 { None } else { Some(Census::of_run((guard, command))?.written()?) };
        self.looked = Some(now);
        self.promised = 0;
        let Some(written) = written else { return Ok(None) };
        let gone = self.written.iter().filter(|(who, _)| !written.contains_key(who)).map(|(_, bytes)| bytes);
        self.ended = self.ended.saturating_add(gone.sum());
        let before = std::mem::replace(&mut self.written, written);
        let since = |who: &Victim, bytes: u64| bytes.saturating_sub(before.get(who).copied().unwrap_or(0));
        let writer = self.written.iter().max_by_key(|(who, bytes)| since(who, **bytes)).map(|(who, _)| *who);
        let own = census::written(guard)?.unwrap_or(self.ended).saturating_add(self.written.values().sum());
        // What short-lived processes wrote may not have been seen, where the guard can't be asked.
        if filled <= bound.most.max(self.tolerated) || own < bound.most / 4 {
            return Ok(None);
        }
        self.tolerated = filled.saturating_add(MORE.max(bound.most / 16));
        let ends = if writer.is_some_and(|writer| writer.pid == command) { Ends::Run } else { Ends::Doer };
        Ok(Some(Breach { bound: bound.clone(), used: filled, victims: writer.into_iter().collect(), ends }))
    }
}

fn free(of: &Statvfs) -> u64 {
    of.blocks_available().saturating_mul(of.fragment_size())
}

#[cfg(test)]
mod tests {
    use tollgate_policy::boundary::{Rights, Root};
    use tollgate_policy::path::AbsPath;

    use super::*;

    #[test]
    fn a_disk_counts_once_and_fills() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        let rights = Rights { write: true, ..Rights::default() };
        let root = |path: &std::path::Path| Root { path: AbsPath::new(path).unwrap(), rights };
        let boundary = Boundary { roots: vec![root(dir.path()), root(&dir.path().join("a"))], ..Boundary::default() };
        let mut disks = Disks::of(&boundary);
        assert_eq!(disks.all.len(), 1);
        assert!(disks.free() > 0);
        // As if much more had been free when it began.
        disks.all[0].free += 1 << 30;
        assert!(disks.filled() >= 1 << 29);
        let me = i32::try_from(std::process::id()).unwrap();
        let parent = nix::unistd::getppid().as_raw();
        let bound = Bound { name: "disk", most: 1 << 40, source: String::new() };
        assert_eq!(disks.passed(&bound, ((parent, me), Instant::now())).unwrap(), None, "far from the limit");
        assert!(census::written(me).unwrap().is_some());
    }
}
