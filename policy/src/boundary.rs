//! What a kernel can hold: the policy lowered to roots, calls, limits and environment; and, after the fact,
//! what was enforced and what could not be.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::amount::Amount;
use crate::path::AbsPath;
use crate::profile::document::{List, Text};

/// The static boundary, in the kernel's terms. Paths may be missing on this machine; who applies it skips those.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boundary {
    /// What may be reached, and how. Overlaps add up.
    pub roots: Vec<Root>,
    /// Paths that must look empty although a root covers them (globs already anchored: absolute, `*` and `**`).
    pub hidden: Vec<String>,
    /// Paths that must not be written although a writable root covers them (anchored globs).
    pub protected: Vec<String>,
    /// The network.
    pub network: Network,
    /// The system-call filter.
    pub calls: CallFilter,
    /// Resource limits by their `RLIMIT_` name in lower case (`nofile`, `nproc`, `core`, `as`, `fsize`, `cpu`).
    pub limits: BTreeMap<String, u64>,
    /// What the whole run may have, by name: `processes`, `memory`, `memory_per_process`, `disk`. Of several amounts
    /// the lowest counts on the machine; the first says where it is written.
    #[serde(default)]
    pub budget: BTreeMap<String, Vec<Budget>>,
    /// The environment that a command starts with.
    pub environment: Environment,
    /// Namespaces that are used where the kernel grants them.
    pub namespaces: BTreeSet<Namespace>,
    /// Features without which nothing starts.
    pub require: BTreeSet<Feature>,
}

/// One amount of the budget, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// How much.
    pub amount: Amount,
    /// The file that says so.
    pub source: String,
}

/// One root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Root {
    /// A file or a directory with all beneath it.
    pub path: AbsPath,
    /// What may be done there.
    pub rights: Rights,
}

/// What may be done beneath a root. `write` and `execute` each imply reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "four rights that combine freely, as the kernel has them")]
pub struct Rights {
    /// Read files, list directories.
    pub read: bool,
    /// Run files.
    pub execute: bool,
    /// Create, change, remove, rename.
    pub write: bool,
    /// Device ioctls (terminals, null, …).
    pub device: bool,
}

/// The network, as far as a static boundary knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// How wide.
    pub reach: Reach,
    /// TCP ports that may be connected to under [`Reach::Ports`].
    pub ports: BTreeSet<u16>,
    /// Path-named unix sockets that may be connected to (anchored globs).
    pub unix: Vec<String>,
}

/// How wide the network is open.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// No connection leaves.
    #[default]
    None,
    /// TCP to the listed ports, and DNS.
    Ports,
    /// TCP and UDP to anywhere.
    Open,
}

/// A namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Namespace {
    /// A mount namespace: private /tmp, /dev/shm and /proc, hidden paths masked.
    Mount,
    /// A process-id namespace: other processes unseen, all dead when its init is.
    Pid,
    /// System V and POSIX message queues, shared memory.
    Ipc,
    /// A network namespace with only a loopback.
    Net,
    /// Host name.
    Uts,
}

/// Something that `--require` or a profile's floor can insist on. Names are those of `tollgate doctor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Feature {
    /// Landlock at all (ABI 1): files.
    LandlockFiles,
    /// Landlock ABI 2: files can be moved between directories without widening rights.
    LandlockRefer,
    /// Landlock ABI 3: truncation.
    LandlockTruncate,
    /// Landlock ABI 4: TCP bind and connect.
    LandlockTcp,
    /// Landlock ABI 5: ioctls on devices.
    LandlockDeviceIoctl,
    /// Landlock ABI 6: signals stay inside.
    LandlockSignals,
    /// Landlock ABI 6: abstract unix sockets stay inside.
    LandlockAbstractSockets,
    /// A seccomp filter.
    Seccomp,
    /// The exec gate: notification.
    ExecGate,
    /// The exec gate's second look, at the exec stop.
    ExecVerify,
    /// A user namespace, where the caller lacks the rights to make the others without.
    UserNamespace,
    /// A mount namespace.
    MountNamespace,
    /// A process-id namespace.
    PidNamespace,
    /// An IPC namespace.
    IpcNamespace,
    /// A network namespace.
    NetNamespace,
    /// Hidden paths beneath readable roots.
    HiddenPaths,
    /// A temp directory that nobody else sees.
    PrivateTemp,
    /// Permissions, owners, times and attributes of files outside the writable roots stay as they are.
    OutsideMetadata,
    /// The kernel itself holds how many processes a run has at once; else the gate counts them.
    ProcessLimit,
    /// The kernel itself holds how much memory a run has; else the gate counts it.
    MemoryLimit,
}

/// What the kernel holds for a run, and what it doesn't. Who starts a command must look at the gaps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct Enforced {
    /// Landlock ABI in force; 0 for none.
    pub landlock_abi: u32,
    /// What holds.
    pub held: BTreeSet<Feature>,
    /// What was wanted and doesn't hold.
    pub gaps: Vec<Gap>,
}

/// One thing that was wanted and doesn't hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// What is missing.
    pub feature: Feature,
    /// What that leaves open, and why it is missing.
    pub detail: String,
    /// How to get it; empty if there is no way.
    pub hint: String,
}

/// The system-call filter, as data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFilter {
    /// Entries; a call that none names is answered `ENOSYS`.
    pub entries: Vec<CallEntry>,
}

/// One line of the filter: several calls of one fate. For one call all entries are looked at; the first whose
/// conditions hold, in the order of the file, decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallEntry {
    /// Names as in the kernel's table; one that this architecture lacks is skipped.
    #[schemars(with = "Vec<String>")]
    pub names: List<Text>,
    /// What happens.
    pub then: CallFate,
    /// The errno's name, for `errno` (`EPERM` if left out).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub errno: Option<Text>,
    /// Conditions on arguments; all must hold.
    #[serde(default, skip_serializing_if = "<[ArgTest]>::is_empty")]
    #[schemars(with = "Vec<ArgTest>")]
    pub when: List<ArgTest>,
    /// Who needs it, or why it is refused.
    #[schemars(with = "String")]
    pub because: Text,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallFate {
    /// It proceeds.
    Allow,
    /// It fails with an errno, unseen by the gate.
    Errno,
    /// It goes to the gate, which refuses it with an errno, tells the agent why, and writes it down.
    Refuse,
    /// It goes to the gate, which judges it.
    Judge,
    /// The process is killed.
    Kill,
}

/// A condition on one argument: `(arg & mask) == equal` (or `!=` with `not`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArgTest {
    /// 0 to 5.
    pub arg: u8,
    /// Which bits are looked at. The kernel reads many arguments as 32 bits: then the mask must be 32 bits too.
    #[serde(default = "all_32")]
    pub mask: u64,
    /// What they must be.
    pub equal: u64,
    /// Turn the test around.
    #[serde(default)]
    pub not: bool,
}

const fn all_32() -> u64 {
    0xffff_ffff
}

/// The environment that a command starts with: only what is named passes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Names that pass, `*` as a wildcard (`LC_*`).
    pub pass: Vec<Text>,
    /// Names that never pass, even if `pass` covers them.
    pub drop: Vec<Text>,
    /// Set to these values, over all else.
    pub set: BTreeMap<String, String>,
}
