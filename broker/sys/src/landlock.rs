//! Landlock domains (`landlock(7)`): what of the file system, TCP, signals and abstract sockets stays reachable.
//!
//! Best effort per ABI: what the running kernel lacks is left out, and [`Ruleset::abi`] says how far it went.
//! ABI 8 and above add nothing that is used here (8: threads; 9: unix sockets by path; 10: UDP).

use std::error::Error as _;
use std::io;
use std::os::fd::AsFd;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, Ruleset as Builder,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, Scope,
};

/// The highest ABI whose restrictions are used.
pub const NEWEST: u32 = 7;

/// What may be done beneath a path. `write` and `execute` imply `read`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
    let got = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0usize,
            VERSION,
        )
    };
    u32::try_from(got).unwrap_or(0)
}

/// Rules under construction, then a domain that a thread enters once and for all.
#[derive(Debug)]
pub struct Ruleset {
    rules: RulesetCreated,
    abi: u32,
}

impl Ruleset {
    /// An empty ruleset: nothing governed is allowed. `kernel` is what [`abi`] said, at least 1.
    ///
    /// # Errors
    /// What `landlock_create_ruleset(2)` says.
    pub fn create(kernel: u32, governed: &Governed) -> io::Result<Self> {
        let used = kernel.min(governed.cap).min(NEWEST);
        let abi = ABI::from(i32::try_from(used).unwrap_or(0));
        let mut builder = Builder::default()
            .handle_access(AccessFs::from_all(abi))
            .map_err(plain)?;
        if used >= 4 {
            let mut tcp = BitFlags::<AccessNet>::EMPTY;
            if governed.connect != Ports::Any {
                tcp |= AccessNet::ConnectTcp;
            }
            if governed.bind != Ports::Any {
                tcp |= AccessNet::BindTcp;
            }
            if !tcp.is_empty() {
                builder = builder.handle_access(tcp).map_err(plain)?;
            }
        }
        if used >= 6 {
            builder = builder
                .scope(Scope::AbstractUnixSocket | Scope::Signal)
                .map_err(plain)?;
        }
        let rules = builder.create().map_err(plain)?;
        Self { rules, abi: used }.ports(governed)
    }

    fn ports(mut self, governed: &Governed) -> io::Result<Self> {
        if self.abi < 4 {
            return Ok(self);
        }
        for (ports, access) in [
            (&governed.connect, AccessNet::ConnectTcp),
            (&governed.bind, AccessNet::BindTcp),
        ] {
            if let Ports::Only(list) = ports {
                let rules = list
                    .iter()
                    .map(|port| Ok::<_, RulesetError>(NetPort::new(*port, access)));
                self.rules = self.rules.add_rules(rules).map_err(plain)?;
            }
        }
        Ok(self)
    }

    /// Allows what `rights` says on the object behind a descriptor (`O_PATH` will do) and all beneath it.
    ///
    /// # Errors
    /// What `landlock_add_rule(2)` says.
    pub fn allow(mut self, object: impl AsFd, rights: Rights) -> io::Result<Self> {
        let access = access(self.abi, rights);
        if !access.is_empty() {
            self.rules = self
                .rules
                .add_rule(PathBeneath::new(object, access))
                .map_err(plain)?;
        }
        Ok(self)
    }

    /// The ABI in use: the least of the kernel's, the cap and [`NEWEST`].
    #[must_use]
    pub fn abi(&self) -> u32 {
        self.abi
    }

    /// Puts the calling thread, and all it starts, into the domain; sets `no_new_privs` too. There is no way back.
    ///
    /// # Errors
    /// What `prctl(2)` and `landlock_restrict_self(2)` say (`E2BIG`: 16 domains are nested already).
    pub fn enter(self) -> io::Result<()> {
        let status = self.rules.restrict_self().map_err(plain)?;
        let held = status.no_new_privs && status.ruleset != landlock::RulesetStatus::NotEnforced;
        if held {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(libc::EOPNOTSUPP))
        }
    }
}

fn access(abi: u32, rights: Rights) -> BitFlags<AccessFs> {
    let all = AccessFs::from_all(ABI::from(i32::try_from(abi).unwrap_or(0)));
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut access = BitFlags::EMPTY;
    if rights.read || rights.execute || rights.write || rights.device {
        access |= read;
    }
    if rights.execute {
        access |= AccessFs::Execute;
    }
    if rights.write {
        access |= all
            & !(read
                | AccessFs::Execute
                | AccessFs::MakeChar
                | AccessFs::MakeBlock
                | AccessFs::IoctlDev);
    }
    if rights.device {
        access |= AccessFs::WriteFile | AccessFs::Truncate | AccessFs::IoctlDev;
    }
    access & all
}

/// The errno inside the crate's error, which wraps it several times; `EINVAL` where there is none.
fn plain(error: RulesetError) -> io::Error {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error.source();
    while let Some(inner) = cause {
        if let Some(errno) = inner
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error)
        {
            return io::Error::from_raw_os_error(errno);
        }
        cause = inner.source();
    }
    io::Error::from_raw_os_error(libc::EINVAL)
}
