//! A thread's process, and whose child that is.

use std::io;
use std::iter::successors;
use std::os::fd::AsRawFd as _;

use nix::sys::stat::fstat;

use crate::pidfd;

/// A thread's process and that one's parent, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ids {
    /// Its process.
    pub process: i32,
    /// Its parent process; 0 if that is out of sight.
    pub parent: i32,
    /// What tells the process from others that had its number before or get it later: the inode of a handle on it (Linux 6.9),
    /// else when it began, in clock ticks.
    pub born: u64,
}

/// Process and parent of a thread.
///
/// # Errors
/// `ESRCH` or `ENOENT` if it has gone; what `open(2)` says of `/proc/TID/status` where the kernel is older than 6.13.
pub fn of(tid: i32) -> io::Result<Ids> {
    by_handle(tid).or_else(|_| by_text(tid))
}

/// A thread's process; none if it has gone.
#[must_use]
pub fn process_of(tid: i32) -> Option<i32> {
    of(tid).ok().map(|ids| ids.process)
}

/// Whether a process or a thread is that process or beneath it. Its parents can't change to others than that one's.
#[must_use]
pub fn descends(tid: i32, from: i32) -> bool {
    // as deep as a tree of processes can be
    successors(Some(tid), |tid| of(*tid).ok().map(|ids| ids.parent))
        .take(1 << 16)
        .take_while(|pid| *pid > 1)
        .any(|pid| pid == from)
}

/// `struct pidfd_info` of include/uapi/linux/pidfd.h, as it was first.
#[repr(C)]
#[derive(Default)]
struct About {
    mask: u64,
    control_group: u64,
    thread: u32,
    process: u32,
    parent: u32,
    users_and_end: [u32; 9],
}

/// A third of what the text takes (`PIDFD_GET_INFO`, Linux 6.13); an error where the kernel is older.
fn by_handle(tid: i32) -> io::Result<Ids> {
    const GET_INFO: libc::c_ulong = 0xc040_ff0b; // _IOWR(0xFF, 11, struct pidfd_info)
    const PID: u64 = 1; // PIDFD_INFO_PID
    let handle = pidfd::open(tid)?;
    let mut about = About { mask: PID, ..About::default() };
    // SAFETY: the kernel reads and writes one struct of the size that the request's number names, which `about` has.
    if unsafe { libc::ioctl(handle.as_raw_fd(), GET_INFO, &raw mut about) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let gone = || io::Error::from_raw_os_error(libc::ESRCH);
    let number = |id: u32| i32::try_from(id).map_err(|_| gone());
    match (number(about.process)?, number(about.parent)?) {
        (process, parent) if about.mask & PID != 0 && process > 0 => {
            let of_process = if process == tid { handle } else { pidfd::open(process)? };
            let born = fstat(of_process)?.st_ino;
            Ok(Ids { process, parent, born })
        }
        _ => Err(gone()),
    }
}

/// The same from `/proc/TID/status` (`proc_pid_status(5)`).
fn by_text(tid: i32) -> io::Result<Ids> {
    // a process's name in it may be any bytes, but no line of its own: the kernel escapes that
    let status = std::fs::read(format!("/proc/{tid}/status"))?;
    let status = String::from_utf8_lossy(&status);
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)).and_then(|value| value.trim().parse::<i32>().ok())
    };
    match (field("Tgid:"), field("PPid:")) {
        (Some(process), Some(parent)) => Ok(Ids { process, parent, born: began(process)? }),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}

/// `starttime` of `proc_pid_stat(5)`.
fn began(process: i32) -> io::Result<u64> {
    let stat = std::fs::read(format!("/proc/{process}/stat"))?;
    // the process's name, in brackets, may be any bytes
    let fields = stat.rsplit(|&b| b == b')').next().and_then(|rest| std::str::from_utf8(rest).ok());
    let began = fields.and_then(|fields| fields.split_ascii_whitespace().nth(19)?.parse().ok());
    began.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn processes_are_told_apart_and_threads_are_not() {
        let me = i32::try_from(std::process::id()).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let other = i32::try_from(child.id()).unwrap();
        let [of_thread, own] = [of(nix::unistd::gettid().as_raw()).unwrap(), of(me).unwrap()];
        assert_eq!(of_thread, own);
        // a clock tick may be the same; a handle is not
        if let (Ok(mine), Ok(its)) = (by_handle(me), by_handle(other)) {
            assert_ne!(mine.born, its.born);
        }
        let since = std::fs::read_to_string("/proc/uptime").unwrap();
        let since: f64 = since.split(' ').next().unwrap().parse().unwrap();
        let ago = since - f64::from(u32::try_from(began(other).unwrap()).unwrap()) / 100.0;
        assert!((-1.0..60.0).contains(&ago), "it began {ago} s ago");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_name_of_any_bytes_hides_nothing() {
        let (named, whose) = std::sync::mpsc::channel();
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let tid = nix::unistd::gettid().as_raw();
            std::fs::write(format!("/proc/self/task/{tid}/comm"), b"\xff\xfe\nTgid:\t1").unwrap();
            named.send(tid).unwrap();
            wait.recv().ok();
        });
        let tid = whose.recv().unwrap();
        let (found, told) = (by_text(tid).unwrap(), of(tid).unwrap());
        drop(done);
        thread.join().unwrap();
        assert_eq!(found.process, i32::try_from(std::process::id()).unwrap());
        let numbers = |ids: Ids| (ids.process, ids.parent);
        assert_eq!(numbers(told), numbers(found), "both ways of asking");
    }
}
