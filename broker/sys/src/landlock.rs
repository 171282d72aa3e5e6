//! Landlock domains (`landlock(7)`): what of the file system, TCP, signals and abstract sockets stays reachable.
//!
//! The `landlock` crate knows which ABI has which rights. Rules are added and the domain is entered with plain system
//! calls, since that happens in three processes (the ruleset travels as a descriptor) and between fork and exec.
//! Best effort per ABI: what the running kernel lacks is left out, and [`Ruleset::abi`] says how far it went.
//! ABI 8 and above add nothing that is used here (8: threads; 9: unix sockets by path; 10: UDP).

use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, PathBeneath, PathFd,
    Ruleset as Builder, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope,
};

use serde::{Deserialize, Serialize};

use crate::handover::Pass;
use crate::process::done;

/// The highest ABI whose restrictions are used.
pub const NEWEST: u32 = 7;

/// The first ABI in which a domain can keep its signals within.
pub const KEEPS_SIGNALS: u32 = 6;

/// What may be done beneath a path. `write` and `execute` imply `read`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "four rights that combine freely, each named where it is set")]
pub struct Rights {
    /// Read files, list directories.
    pub read: bool,
    /// Run files.
    pub execute: bool,
    /// Create, change, remove, rename; no device nodes.
    pub write: bool,
    /// Read, write and control (ioctl) devices that exist.
    pub device: bool,
}

/// TCP ports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ports {
    /// All: not governed.
    Any,
    /// These and no others.
    Only(Vec<u16>),
}

/// What a domain governs besides files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Governed {
    /// Use no ABI above this.
    pub cap: u32,
    /// TCP ports that may be connected to (ABI 4).
    pub connect: Ports,
    /// TCP ports that may be bound (ABI 4).
    pub bind: Ports,
}

/// The kernel's Landlock ABI; 0 where Landlock is missing or switched off.
#[must_use]
pub fn abi() -> u32 {
    const VERSION: u32 = 1; // LANDLOCK_CREATE_RULESET_VERSION
    // SAFETY: with VERSION the kernel wants a null pointer and a size of 0, and touches no memory.
    let got = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<u8>(), 0usize, VERSION) };
    u32::try_from(got).unwrap_or(0)
}

/// Enters a domain that governs signals alone: from then on the calling thread, and what it starts, signals nobody outside.
/// `kill(-1)` then means all of them, in one call that no fork slips through (kernel/fork.c). Needs `no_new_privs`.
///
/// # Errors
/// `EOPNOTSUPP` before ABI 6; what `landlock_create_ruleset(2)` and `landlock_restrict_self(2)` say.
pub fn keep_signals_within() -> io::Result<()> {
    let abi = abi();
    if abi < KEEPS_SIGNALS {
        return Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP));
    }
    let root = PathFd::new("/").map_err(|e| io::Error::other(e.to_string()))?;
    let builder = Builder::default().set_compatibility(CompatLevel::HardRequirement);
    // Every domain refuses renames between directories that it doesn't allow, also one that governs no files.
    let ruleset = builder
        .handle_access(AccessFs::Refer)
        .and_then(|builder| builder.scope(Scope::Signal))
        .and_then(Builder::create)
        .and_then(|ruleset| ruleset.add_rule(PathBeneath::new(root, AccessFs::Refer)));
    let fd: Option<OwnedFd> = ruleset.map_err(|e| plain(&e))?.into();
    let fd = fd.ok_or_else(|| io::Error::from_raw_os_error(libc::EOPNOTSUPP))?;
    Ruleset::from_fd(fd, abi, Pass::NONE).enter()
}

/// Rules under construction, then a domain that a thread enters once and for all. It may be handed from process to
/// process as a descriptor.
#[derive(Debug)]
pub struct Ruleset {
    fd: OwnedFd,
    abi: u32,
    pass: Pass,
}

#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: i32,
}

#[repr(C)]
struct NetPort {
    allowed: u64,
    port: u64,
}

impl Ruleset {
    /// An empty ruleset: nothing governed is allowed. `kernel` is what [`abi`] said, at least 1.
    ///
    /// # Errors
    /// What `landlock_create_ruleset(2)` says.
    pub fn create(kernel: u32, governed: &Governed) -> io::Result<Self> {
        let used = kernel.min(governed.cap).min(NEWEST);
        let mut builder = Builder::default().handle_access(AccessFs::from_all(version(used))).map_err(|e| plain(&e))?;
        let tcp = tcp(governed);
        if used >= 4 && !tcp.is_empty() {
            builder = builder.handle_access(tcp).map_err(|e| plain(&e))?;
        }
        if used >= KEEPS_SIGNALS {
            builder = builder.scope(Scope::AbstractUnixSocket | Scope::Signal).map_err(|e| plain(&e))?;
        }
        let fd: Option<OwnedFd> = builder.create().map_err(|e| plain(&e))?.into();
        let ruleset =
            Self { fd: fd.ok_or_else(|| io::Error::from_raw_os_error(libc::EOPNOTSUPP))?, abi: used, pass: Pass::NONE };
        if used >= 4 {
            ruleset.ports(&governed.connect, AccessNet::ConnectTcp)?;
            ruleset.ports(&governed.bind, AccessNet::BindTcp)?;
        }
        Ok(ruleset)
    }

    /// A ruleset that another process created with this ABI, for one that is under its filter already: its calls pass
    /// with `pass`.
    #[must_use]
    pub fn from_fd(fd: OwnedFd, abi: u32, pass: Pass) -> Self {
        Self { fd, abi, pass }
    }

    fn ports(&self, ports: &Ports, access: AccessNet) -> io::Result<()> {
        const NET_PORT: u32 = 2; // LANDLOCK_RULE_NET_PORT
        let Ports::Only(list) = ports else { return Ok(()) };
        for port in list {
            let rule = NetPort { allowed: BitFlags::from(access).bits(), port: u64::from(*port) };
            // SAFETY: `rule` has the layout of landlock_net_port_attr and outlives the call.
            unsafe { self.add(NET_PORT, (&raw const rule).cast()) }?;
        }
        Ok(())
    }

    /// Allows what `rights` says on the object behind a descriptor (`O_PATH` will do) and all beneath it.
    /// Allocates nothing.
    ///
    /// # Errors
    /// What `landlock_add_rule(2)` says.
    pub fn allow(&self, object: impl AsFd, rights: Rights) -> io::Result<()> {
        let abi = version(self.abi);
        let access = access(abi, rights);
        if access.is_empty() {
            return Ok(());
        }
        match self.beneath(object.as_fd(), access) {
            // Rights on directories make no sense on a file. To ask the kernel is cheaper than to look first.
            Err(e) if e.raw_os_error() == Some(libc::EINVAL) => {
                self.beneath(object.as_fd(), access & AccessFs::from_file(abi))
            }
            other => other,
        }
    }

    fn beneath(&self, object: BorrowedFd<'_>, access: BitFlags<AccessFs>) -> io::Result<()> {
        const PATH_BENEATH: u32 = 1; // LANDLOCK_RULE_PATH_BENEATH
        let rule = Beneath { allowed: access.bits(), parent: object.as_raw_fd() };
        // SAFETY: `rule` has the layout of landlock_path_beneath_attr (packed) and outlives the call.
        unsafe { self.add(PATH_BENEATH, (&raw const rule).cast()) }
    }

    /// # Safety
    /// `rule` must point at the struct that `kind` names.
    unsafe fn add(&self, kind: u32, rule: *const u8) -> io::Result<()> {
        let [first, second] = self.pass.words();
        // SAFETY: the caller vouches for `rule`; the kernel only reads it, and ignores the last two arguments.
        let got =
            unsafe { libc::syscall(libc::SYS_landlock_add_rule, self.fd.as_raw_fd(), kind, rule, 0, first, second) };
        done(i32::try_from(got).unwrap_or(-1))
    }

    /// The ABI in use: the least of the kernel's, the cap and [`NEWEST`].
    #[must_use]
    pub fn abi(&self) -> u32 {
        self.abi
    }

    /// Puts the calling thread, and all it starts, into the domain. There is no way back. Allocates nothing.
    ///
    /// # Errors
    /// What `landlock_restrict_self(2)` says: `EPERM` without `no_new_privs`; `E2BIG` where 16 domains are nested already.
    pub fn enter(self) -> io::Result<()> {
        let (fd, [first, second]) = (self.fd.as_raw_fd(), self.pass.words());
        // SAFETY: takes numbers only; the last four are ignored by the kernel.
        let got = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, fd, 0, 0usize, 0usize, first, second) };
        done(i32::try_from(got).unwrap_or(-1))
    }
}

impl AsFd for Ruleset {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn version(abi: u32) -> ABI {
    ABI::from(i32::try_from(abi).unwrap_or(0))
}

fn tcp(governed: &Governed) -> BitFlags<AccessNet> {
    let mut tcp = BitFlags::EMPTY;
    if governed.connect != Ports::Any {
        tcp |= AccessNet::ConnectTcp;
    }
    if governed.bind != Ports::Any {
        tcp |= AccessNet::BindTcp;
    }
    tcp
}

fn access(abi: ABI, rights: Rights) -> BitFlags<AccessFs> {
    let all = AccessFs::from_all(abi);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut access = BitFlags::EMPTY;
    if rights.read || rights.execute || rights.write || rights.device {
        access |= read;
    }
    if rights.execute {
        access |= AccessFs::Execute;
    }
    if rights.write {
        access |= all & !(read | AccessFs::Execute | AccessFs::MakeChar | AccessFs::MakeBlock | AccessFs::IoctlDev);
    }
    if rights.device {
        access |= AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    }
    access & all
}

/// The errno inside the crate's error, which wraps it several times; `EINVAL` where there is none.
fn plain(error: &RulesetError) -> io::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(errno) = inner.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error) {
            return io::Error::from_raw_os_error(errno);
        }
        cause = inner.source();
    }
    io::Error::from_raw_os_error(libc::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::{Rights, access, version};
    use landlock::AccessFs;

    #[test]
    fn no_rights_give_nothing_and_none_gives_devices() {
        for abi in 1..=super::NEWEST {
            assert!(access(version(abi), Rights::default()).is_empty());
            let all = Rights { read: true, execute: true, write: true, device: true };
            let most = access(version(abi), all);
            assert!(!most.intersects(AccessFs::MakeBlock | AccessFs::MakeChar), "ABI {abi}");
            assert_eq!(most.contains(AccessFs::Truncate), abi >= 3, "ABI {abi}");
            assert_eq!(most.contains(AccessFs::Refer), abi >= 2, "ABI {abi}");
            assert_eq!(most.contains(AccessFs::IoctlDev), abi >= 5, "ABI {abi}");
            let written = access(version(abi), Rights { write: true, ..Rights::default() });
            assert!(!written.contains(AccessFs::Execute), "ABI {abi}");
            let read = access(version(abi), Rights { read: true, ..Rights::default() });
            assert_eq!(read, AccessFs::ReadFile | AccessFs::ReadDir, "ABI {abi}");
        }
    }
}
