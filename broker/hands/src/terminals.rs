//! Terminals. Each devpts counts from 0, and where no mount namespace is granted the person's own lie where the run's do: of
//! these only the one that the caller is on may be opened, and those whose other end a process of the run holds.

use std::ffi::CString;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::sys::stat::Mode;
use tollgate_sys::at::{self, How, Reach};
use tollgate_sys::{pidfd, pty};

use crate::open::Wanted;
use crate::{Attempt, Given, Stop};

/// The terminal of whoever opens it: major 5, minor 0.
pub(crate) const CALLERS: u64 = 5 << 8;
/// How far up a caller's line its other end is looked for, and among how many descriptors in all.
const LINE: usize = 64;
const DESCRIPTORS: usize = 4096;

impl Attempt<'_> {
    /// Whether it is a pseudo-terminal that may be the person's own and not the run's, or somebody else's.
    pub(crate) fn is_foreign_terminal(&self, stat: &libc::stat) -> bool {
        is_slave(stat) && is_ours(stat) && !self.own_terminal().is_ok_and(|own| own == number_of(stat))
    }

    /// Whether a device is a terminal that is the run's to change.
    pub(crate) fn is_runs_terminal(&self, stat: &libc::stat) -> bool {
        is_slave(stat) && (!self.is_foreign_terminal(stat) || self.slave(stat, libc::O_RDWR).is_some())
    }

    /// A pseudo-terminal of the run's own, opened.
    pub(crate) fn slave(&self, stat: &libc::stat, flags: i32) -> Option<OwnedFd> {
        let slave = self.by_master(slave_number(number_of(stat)), flags)?;
        let is = at::stat(slave.as_fd(), c"").ok()?;
        ((is.st_dev, is.st_ino, is.st_rdev) == (stat.st_dev, stat.st_ino, stat.st_rdev)).then_some(slave)
    }

    /// The caller's controlling terminal, opened, if it is one that the run has made.
    pub(crate) fn callers_slave(&self, flags: i32) -> Option<OwnedFd> {
        let own = self.own_terminal().ok().filter(|(major, _)| SLAVES.contains(major))?;
        self.by_master(slave_number(own), flags)
    }

    /// Through its other end, which the caller or who started it holds: by its name it could be another one by now.
    fn by_master(&self, number: i64, flags: i32) -> Option<OwnedFd> {
        let ours = i64::from(std::process::id());
        let mut tid = i64::from(self.lookup.tid);
        let mut left = DESCRIPTORS;
        for _ in 0..LINE {
            if tid <= 1 || tid == ours {
                return None;
            }
            let holder = i32::try_from(tid).ok()?;
            if let Some(slave) = held(holder, (number, flags), &mut left) {
                return Some(slave);
            }
            tid = field(holder, PARENT)?;
        }
        None
    }

    /// Major and minor number of the caller's controlling terminal (`proc_pid_stat(5)`, `tty_nr`).
    fn own_terminal(&self) -> Result<(i64, i64), Stop> {
        Ok(numbers(field(self.lookup.tid, TTY).ok_or(Errno::ENXIO)?))
    }

    /// The caller's own terminal, through a descriptor of the caller's, or ours where it is ours too. By its number another
    /// one could be meant: each devpts counts from 0, and a number is free again once its terminal is gone.
    pub(crate) fn terminal(&mut self, wanted: Wanted) -> Result<Given, Stop> {
        let own @ (major, minor) = self.own_terminal()?;
        for standard in 0..=2 {
            let Ok(held) = self.lookup.callers.descriptor(self.lookup.tid, standard) else { continue };
            let opened = fcntl(&held, FcntlArg::F_GETFL).is_ok_and(|flags| flags & libc::O_PATH == 0);
            let stat = at::stat(held.as_fd(), c"")?;
            if opened && stat.st_mode & libc::S_IFMT == libc::S_IFCHR && number_of(&stat) == own {
                return Ok(wanted.given(at::reopen(held.as_fd(), wanted.existing())?));
            }
        }
        let how = How { flags: wanted.existing(), mode: 0 };
        let session = |pid| field(pid, SESSION);
        let ours = i32::try_from(std::process::id()).ok().and_then(session);
        let path = match (major, minor) {
            // a session is on one terminal
            _ if ours.is_some() && session(self.lookup.tid) == ours => {
                let file = open("/dev/tty", OFlag::from_bits_truncate(how.flags) | OFlag::O_CLOEXEC, Mode::empty())?;
                return Ok(wanted.given(file));
            }
            (136..=143, _) if self.shares_terminals() => {
                let run_made = self.callers_slave(wanted.existing()).ok_or(Stop::Fails(Errno::ENXIO))?;
                return Ok(wanted.given(run_made));
            }
            (136..=143, _) => format!("/dev/pts/{}", slave_number(own)),
            (4, 0..=63) => format!("/dev/tty{minor}"),
            (4, _) => format!("/dev/ttyS{}", minor - 64),
            _ => return Err(Stop::Fails(Errno::ENXIO)),
        };
        let path = CString::new(path).map_err(|_| Errno::ENXIO)?;
        let file = at::open(self.lookup.root, &path, how, Reach::InRoot)?;
        Ok(wanted.given(file))
    }

    /// Whether the person's terminals lie where the run's do.
    fn shares_terminals(&self) -> bool {
        let theirs = at::open(self.lookup.root, c"/dev/pts", How::DIRECTORY, Reach::InRoot);
        let theirs = theirs.and_then(|pts| at::stat(pts.as_fd(), c""));
        // without one of its own there is nothing that could be opened
        theirs.map_or(true, |theirs| is_ours(&theirs))
    }
}

/// Whether something lies in the devpts of this process.
fn is_ours(stat: &libc::stat) -> bool {
    std::fs::metadata("/dev/pts").is_ok_and(|ours| ours.dev() == stat.st_dev)
}

/// The slave with this number, of one of a process's masters. No other is opened: who waits for one to be opened would see it.
fn held(tid: i32, (number, flags): (i64, i32), left: &mut usize) -> Option<OwnedFd> {
    let process = pidfd::open(tid).ok()?;
    for entry in std::fs::read_dir(format!("/proc/{tid}/fd")).ok()?.flatten() {
        *left = left.checked_sub(1)?;
        let is_master = std::fs::read_link(entry.path()).is_ok_and(|to| to.ends_with("ptmx"));
        let Some(fd) = entry.file_name().to_str().filter(|_| is_master).and_then(|fd| fd.parse().ok()) else {
            continue;
        };
        let Ok(master) = pidfd::descriptor(process.as_fd(), fd) else { continue };
        if pty::number(master.as_fd()).is_ok_and(|is| i64::from(is) == number) {
            return pty::slave(master.as_fd(), flags | libc::O_NOCTTY).ok();
        }
    }
    None
}

/// Which fields `proc_pid_stat(5)` has behind the name: `ppid`, `session` and `tty_nr`.
const PARENT: usize = 1;
const SESSION: usize = 3;
const TTY: usize = 4;

fn field(tid: i32, n: usize) -> Option<i64> {
    let stat = std::fs::read(format!("/proc/{tid}/stat")).ok()?;
    // the process's name, in brackets, may be any bytes
    let fields = stat.rsplit(|&b| b == b')').next().and_then(|rest| std::str::from_utf8(rest).ok())?;
    fields.split_ascii_whitespace().nth(n)?.parse().ok()
}

/// As `tty_nr` has them in one.
fn numbers(number: i64) -> (i64, i64) {
    ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00))
}

/// Whether it is the end of a pseudo-terminal that programs are on (`Documentation/admin-guide/devices.txt`).
fn is_slave(stat: &libc::stat) -> bool {
    stat.st_mode & libc::S_IFMT == libc::S_IFCHR && SLAVES.contains(&number_of(stat).0)
}

/// Major and minor number.
fn number_of(stat: &libc::stat) -> (i64, i64) {
    (i64::from(libc::major(stat.st_rdev)), i64::from(libc::minor(stat.st_rdev)))
}

/// The majors of such ends, 256 minors each.
const SLAVES: std::ops::RangeInclusive<i64> = 136..=143;

fn slave_number((major, minor): (i64, i64)) -> i64 {
    (major - SLAVES.start()) * 256 + minor
}
