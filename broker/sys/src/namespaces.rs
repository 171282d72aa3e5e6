//! Namespaces (`namespaces(7)`): sets of them, the maps of a user namespace, the loopback of a network namespace.

use std::io::{self, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use crate::process::done;

/// A set of new namespaces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Set(libc::c_int);

impl Set {
    /// None.
    pub const NONE: Self = Self(0);
    /// A user namespace.
    pub const USER: Self = Self(libc::CLONE_NEWUSER);
    /// A mount namespace.
    pub const MOUNT: Self = Self(libc::CLONE_NEWNS);
    /// A process-id namespace.
    pub const PID: Self = Self(libc::CLONE_NEWPID);
    /// An IPC namespace.
    pub const IPC: Self = Self(libc::CLONE_NEWIPC);
    /// A network namespace.
    pub const NET: Self = Self(libc::CLONE_NEWNET);
    /// A namespace of host names.
    pub const UTS: Self = Self(libc::CLONE_NEWUTS);

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without that one.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// What is in both sets.
    #[must_use]
    pub const fn only(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of `other` is in.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether nothing is in.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Leaves those of the caller's for new ones. A process-id namespace would only be its children's.
    ///
    /// # Errors
    /// What `unshare(2)` says.
    pub fn enter(self) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        // SAFETY: takes flags only; the caller has one thread, and sees other mounts from here on.
        done(unsafe { libc::unshare(self.0) })
    }

    pub(crate) const fn flags(self) -> libc::c_int {
        self.0
    }
}

/// The maps of a user namespace in which the caller stays who it is: one user, one group.
#[derive(Debug)]
pub struct Maps {
    user: String,
    group: String,
}

impl Maps {
    /// For the caller. To be made before the namespace, in which the caller is nobody.
    #[must_use]
    pub fn same() -> Self {
        // SAFETY: takes no arguments and cannot fail.
        let user = unsafe { libc::geteuid() };
        // SAFETY: takes no arguments and cannot fail.
        let group = unsafe { libc::getegid() };
        Self { user: format!("{user} {user} 1"), group: format!("{group} {group} 1") }
    }

    /// Writes the maps of the calling process, just after it came into its new user namespace.
    ///
    /// # Errors
    /// What writing to `/proc/self` says; `EPERM` where a security module allows no such namespaces.
    pub fn write(&self) -> io::Result<()> {
        let write = |path: &str, text: &str| -> io::Result<()> {
            std::fs::OpenOptions::new().write(true).open(path)?.write_all(text.as_bytes())
        };
        // Before a group map without CAP_SETGID outside, setgroups must be given up (Linux 3.19, commit 9cc46516ddf4).
        write("/proc/self/setgroups", "deny")?;
        write("/proc/self/uid_map", &self.user)?;
        write("/proc/self/gid_map", &self.group)
    }
}

/// Brings up the loopback of a new network namespace.
///
/// # Errors
/// What `socket(2)` and `ioctl(2)` say.
pub fn bring_up_loopback() -> io::Result<()> {
    // SAFETY: takes numbers only.
    let fd = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    done(fd)?;
    // SAFETY: the call above succeeded; nothing else owns the descriptor.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: an all-zero ifreq is valid: a name of NULs and a union of numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = libc::c_char::try_from(*from).unwrap_or(0);
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or(1);
    // SAFETY: the request is an ifreq with a terminated name, as SIOCSIFFLAGS wants.
    done(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) })
}
