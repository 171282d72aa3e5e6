//! Who is at the other end of a connection, as the kernel says: a person's program, or something that this or
//! another run contains.
//!
//! A boundary already keeps the socket's folder and its token out of reach. This is the second wall: no process
//! beneath a supervisor may answer, whatever it got hold of.

use std::fmt;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::getuid;

/// How deep a process may be nested before it is taken for a trick.
const DEPTH: usize = 4096;

/// An approver, as the socket proved it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
}

/// A peer that may not answer.
#[derive(Debug)]
pub(crate) enum Stranger {
    /// The kernel doesn't say who it is.
    Unknown,
    /// It ended, or it is in a process namespace that can't be seen from here.
    Unseen,
    /// Another user's.
    User(u32),
    /// It is contained by this run.
    Contained,
    /// It is contained by another run.
    Elsewhere,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("can't tell who is asking"),
            Self::Unseen => f.write_str("can't see the process that is asking"),
            Self::User(uid) => write!(f, "this run belongs to another user than uid {uid}"),
            Self::Contained | Self::Elsewhere => f.write_str("a process inside a boundary can't answer questions"),
        }
    }
}

/// Who is at the other end of the stream.
pub(crate) fn identify(stream: &UnixStream) -> Result<Peer, Stranger> {
    let credentials = getsockopt(stream, sockopt::PeerCredentials).map_err(|_| Stranger::Unknown)?;
    let (uid, pid) = (credentials.uid(), credentials.pid());
    if uid != getuid().as_raw() && uid != 0 {
        return Err(Stranger::User(uid));
    }
    // The descriptor pins the process: as long as it has not ended, the number is not another's (Linux 6.5).
    // Without it, the same start time before and after must do.
    let pinned = pin(stream)?;
    let began = started(pid)?;
    let lineage = lineage(pid)?;
    if pinned.as_ref().is_some_and(has_ended) || started(pid)? != began {
        return Err(Stranger::Unseen);
    }
    let me = i32::try_from(std::process::id()).map_err(|_| Stranger::Unseen)?;
    if lineage.contains(&me) {
        return Err(Stranger::Contained);
    }
    if lineage.iter().any(|ancestor| runs_this_program(*ancestor)) {
        return Err(Stranger::Elsewhere);
    }
    Ok(Peer { uid })
}

/// Whether this process itself is beneath a supervisor, as far as it can see: an early word for who tries to answer
/// from inside. What holds is the check at the other end.
#[must_use]
pub fn within_boundary() -> bool {
    let me = i32::try_from(std::process::id()).unwrap_or(0);
    std::env::var_os("TOLLGATE_RUN").is_some()
        || lineage(me).is_ok_and(|lineage| lineage.into_iter().any(runs_this_program))
}

impl Peer {
    /// `ann (uid 1000)`; the name is that of `/etc/passwd`.
    pub(crate) fn name(&self) -> String {
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let uid = self.uid.to_string();
        let name = passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(1) == Some(uid.as_str())).then_some(name)
        });
        match name {
            Some(name) => format!("{} (uid {uid})", crate::neutral::short(name, 32)),
            None => format!("uid {uid}"),
        }
    }
}

fn pin(stream: &UnixStream) -> Result<Option<OwnedFd>, Stranger> {
    match getsockopt(stream, sockopt::PeerPidfd) {
        Ok(fd) => Ok(Some(fd)),
        Err(nix::Error::ENOPROTOOPT) => Ok(None),
        Err(_) => Err(Stranger::Unseen),
    }
}

fn has_ended(pidfd: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)];
    // Readable means ended (pidfd_open(2)); a failed look counts as ended.
    poll(&mut fds, PollTimeout::ZERO) != Ok(0)
}

/// All ancestors of a process, nearest first. Each link is read twice: a parent that still is the parent after its
/// own entry was read was alive meanwhile, so its number was not another's.
fn lineage(pid: i32) -> Result<Vec<i32>, Stranger> {
    let mut ancestors = Vec::new();
    let mut child = pid;
    let mut parent = parent_of(child)?;
    while parent > 0 {
        if ancestors.len() == DEPTH {
            return Err(Stranger::Unseen);
        }
        let grandparent = parent_of(parent)?;
        if parent_of(child)? != parent {
            // Somebody in between ended meanwhile: begin again from here.
            parent = parent_of(child)?;
            continue;
        }
        ancestors.push(parent);
        child = parent;
        parent = grandparent;
    }
    Ok(ancestors)
}

fn runs_this_program(pid: i32) -> bool {
    let object = |path: String| std::fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    let it = object(format!("/proc/{pid}/exe"));
    it.is_some() && it == object("/proc/self/exe".to_owned())
}

fn parent_of(pid: i32) -> Result<i32, Stranger> {
    field(pid, 4)
}

fn started(pid: i32) -> Result<u64, Stranger> {
    field(pid, 22)
}

/// A field of `/proc/PID/stat`, numbered as in `proc_pid_stat(5)`. The second one, the name, may hold anything, so
/// fields are counted from its last parenthesis.
fn field<T: std::str::FromStr>(pid: i32, number: usize) -> Result<T, Stranger> {
    if pid <= 0 {
        return Err(Stranger::Unseen);
    }
    let stat = std::fs::read(format!("/proc/{pid}/stat")).map_err(|_| Stranger::Unseen)?;
    let stat = String::from_utf8_lossy(&stat);
    let (_, rest) = stat.rsplit_once(')').ok_or(Stranger::Unseen)?;
    let text = number.checked_sub(3).and_then(|at| rest.split_ascii_whitespace().nth(at));
    text.and_then(|text| text.parse().ok()).ok_or(Stranger::Unseen)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_process_of_ours_that_is_not_beneath_us_is_a_peer() {
        let (a, _b) = UnixStream::pair().unwrap();
        let peer = identify(&a).unwrap();
        assert_eq!(peer.uid, getuid().as_raw());
        assert!(peer.name().ends_with(&format!(
            "uid {}{}",
            peer.uid,
            if peer.name().contains('(') { ")" } else { "" }
        )));
    }

    #[test]
    fn a_child_is_beneath_us_however_it_is_called() {
        let mut child =
            std::process::Command::new("sh").args(["-c", "exec -a 'x) S 1 1' sleep 60 || sleep 60"]).spawn().unwrap();
        let found = lineage(i32::try_from(child.id()).unwrap());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(found.unwrap().first().copied(), i32::try_from(std::process::id()).ok());
    }

    #[test]
    fn unseen_processes_are_strangers() {
        for pid in [0, -1, i32::MAX] {
            assert!(matches!(lineage(pid), Err(Stranger::Unseen)), "{pid}");
        }
    }
}
