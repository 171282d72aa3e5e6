//! The boundary lowered to this kernel, before anything is forked: what will hold, and the gaps.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;

use tollgate_policy::boundary::{Boundary, CallFate, CallFilter, Enforced, Feature, Namespace, Network, Reach, Root};
use tollgate_sys::handover::Pass;
use tollgate_sys::landlock::{Governed, NEWEST, Ports};
use tollgate_sys::limits::{Resource, resource};
use tollgate_sys::namespaces::Set;
use tollgate_sys::probe::Probe;
use tollgate_sys::seccomp::{self, Program};

use crate::attempt::Attempt;
use crate::fault::{LaunchError, Step};
use crate::filter;
use crate::hide::{self, Extent, Found};
use crate::pattern;
use crate::start::Ahead;
use crate::tasks;
use crate::temp::PrivateTemp;

/// What a run may use of the kernel; the default is all it offers. For tests and for `--no-…` flags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Use no Landlock ABI above this.
    pub landlock_cap: Option<u32>,
    /// Whether user namespaces may be made.
    pub user_namespaces: UserNamespaces,
}

/// Whether user namespaces may be made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserNamespaces {
    /// Where the kernel grants them and the caller needs one to make the others.
    #[default]
    Allowed,
    /// Never; without `CAP_SYS_ADMIN` there are then no namespaces at all.
    Forbidden,
}

/// A boundary lowered to this kernel. Nothing has been started.
#[derive(Debug)]
pub struct Plan {
    pub(crate) probe: Probe,
    pub(crate) options: Options,
    pub(crate) temp: PrivateTemp,
    pub(crate) roots: Vec<Root>,
    pub(crate) governed: Governed,
    pub(crate) network: Network,
    /// Whether the gate judges changes of permissions, owners, times and attributes.
    pub(crate) metadata_is_judged: bool,
    pub(crate) filter: Filter,
    pub(crate) pass: Pass,
    pub(crate) limits: Vec<(Resource, u64)>,
    /// Processes and threads at once.
    pub(crate) tasks: Option<u64>,
    pub(crate) namespaces: Set,
    pub(crate) hidden: Vec<Found>,
    pub(crate) protected: Vec<Found>,
    pub(crate) extent: Extent,
    pub(crate) require: BTreeSet<Feature>,
    pub(crate) wanted: BTreeSet<Feature>,
    enforced: Enforced,
}

/// The filter of a plan.
#[derive(Debug)]
pub(crate) enum Filter {
    /// The usual one, which the guard has compiled.
    Usual(CallFilter),
    /// Another, compiled.
    Own(Program),
}

impl Filter {
    /// Whether some call may wait for a listener.
    pub(crate) fn notifies(&self) -> bool {
        match self {
            Self::Usual(calls) => {
                calls.entries.iter().any(|entry| matches!(entry.then, CallFate::Refuse | CallFate::Judge))
            }
            Self::Own(program) => program.notifies(),
        }
    }

    /// What a guard must be given of it; `foresees` if it was forked ahead.
    pub(crate) fn to_send(&self, pass: &Pass, foresees: bool) -> Result<Option<Program>, LaunchError> {
        match self {
            Self::Usual(_) if foresees => Ok(None),
            Self::Usual(calls) => filter::lower(calls, pass).map(Some),
            Self::Own(program) => Ok(Some(program.clone())),
        }
    }
}

impl Plan {
    /// Lowers a boundary. Looks at the tree for hidden paths; changes nothing.
    ///
    /// # Errors
    /// [`LaunchError::Required`] if it requires what this kernel is known not to hold;
    /// [`LaunchError::Filter`] and [`LaunchError::Unknown`] for a boundary that makes no sense here.
    pub fn lower(boundary: &Boundary, probe: Probe, options: Options, temp: PrivateTemp) -> Result<Self, LaunchError> {
        Self::lower_with(boundary, (probe, options), temp, None)
    }

    /// As [`Plan::lower`], for a guard that was forked ahead.
    ///
    /// # Errors
    /// As [`Plan::lower`].
    pub fn lower_with(
        boundary: &Boundary,
        (probe, options): (Probe, Options),
        temp: PrivateTemp,
        ahead: Option<&Ahead>,
    ) -> Result<Self, LaunchError> {
        let foresight = ahead.and_then(Ahead::foresight);
        let pass = foresight.map_or_else(Pass::new, |foresight| Ok(foresight.pass));
        let pass = pass.map_err(|e| LaunchError::Step(Step::Filter, e))?;
        let filter = if foresight.is_some_and(|foresight| foresight.usual.calls == boundary.calls) {
            Filter::Usual(boundary.calls.clone())
        } else {
            Filter::Own(filter::lower(&boundary.calls, &pass)?)
        };
        let (hidden, extent) = hide::expand(&covered(&plain(&boundary.hidden), &boundary.roots));
        let (protected, _) = hide::expand(&literal(&plain(&boundary.protected)));
        let mut plan = Self {
            probe,
            options,
            temp,
            roots: boundary.roots.clone(),
            governed: governed(&boundary.network, options),
            network: boundary.network.clone(),
            metadata_is_judged: METADATA.iter().all(|call| is_judged(&boundary.calls, call)),
            filter,
            pass,
            limits: limits(boundary)?,
            tasks: tasks::most(boundary),
            namespaces: boundary.namespaces.iter().fold(Set::NONE, |set, one| set.with(kind(*one))),
            hidden,
            protected,
            extent,
            require: boundary.require.clone(),
            wanted: BTreeSet::new(),
            enforced: Enforced::default(),
        };
        plan.wanted = wanted(boundary, &plan);
        plan.enforced = Attempt::first(&plan).enforced(&plan);
        plan.demand(&plan.enforced)?;
        Ok(plan)
    }

    /// What will hold as far as can be known before trying. [`crate::Started::enforced`] is the last word.
    pub fn enforced(&self) -> &Enforced {
        &self.enforced
    }

    /// The Landlock ABI that will be used; 0 for none.
    pub(crate) fn landlock_abi(&self) -> u32 {
        self.probe.landlock_abi.min(self.governed.cap).min(NEWEST)
    }

    /// Whether all that is required holds.
    pub(crate) fn demand(&self, enforced: &Enforced) -> Result<(), LaunchError> {
        let missing: Vec<_> = enforced.gaps.iter().filter(|gap| self.require.contains(&gap.feature)).cloned().collect();
        if missing.is_empty() { Ok(()) } else { Err(LaunchError::Required(missing)) }
    }
}

fn kind(namespace: Namespace) -> Set {
    match namespace {
        Namespace::Mount => Set::MOUNT,
        Namespace::Pid => Set::PID,
        Namespace::Ipc => Set::IPC,
        Namespace::Net => Set::NET,
        Namespace::Uts => Set::UTS,
    }
}

/// Calls that change what Landlock does not govern.
const METADATA: [&str; 8] =
    ["chmod", "fchmod", "fchmodat2", "fchownat", "fchown", "utimensat", "setxattr", "fsetxattr"];

/// Whether no call of this name gets past the gate unseen.
fn is_judged(calls: &CallFilter, name: &str) -> bool {
    // A name that this architecture lacks reaches no kernel.
    seccomp::number(name).is_none()
        || calls
            .entries
            .iter()
            .filter(|entry| entry.names.iter().any(|one| *one == name))
            .any(|entry| entry.then == CallFate::Judge && entry.when.is_empty())
}

/// What the ruleset of a boundary with this network governs.
pub(crate) fn governed(network: &Network, options: Options) -> Governed {
    let (connect, bind) = match network.reach {
        Reach::None => (Ports::Only(Vec::new()), Ports::Only(Vec::new())),
        Reach::Ports => (Ports::Only(network.ports.iter().copied().collect()), Ports::Only(Vec::new())),
        Reach::Open => (Ports::Any, Ports::Any),
    };
    Governed { cap: options.landlock_cap.unwrap_or(NEWEST), connect, bind }
}

fn limits(boundary: &Boundary) -> Result<Vec<(Resource, u64)>, LaunchError> {
    let known = |(name, most): (&String, &u64)| {
        resource(name).map(|resource| (resource, *most)).ok_or_else(|| LaunchError::Unknown("limit", name.clone()))
    };
    boundary.limits.iter().map(known).collect()
}

/// Hidden paths that some root would show; the others can't be reached anyway.
fn covered(globs: &[String], roots: &[Root]) -> Vec<String> {
    let mut shown: Vec<&[u8]> = roots.iter().map(|root| root.path.as_path().as_os_str().as_bytes()).collect();
    shown.sort_unstable();
    let mut shown = Shown { roots: shown, last: (b"", false) };
    globs.iter().filter(|glob| shown.meet(glob.as_bytes())).cloned().collect()
}

/// Roots, by bytes and in order, since all of them meet all globs.
struct Shown<'a> {
    roots: Vec<&'a [u8]>,
    /// The folder that was last asked about: most globs lie in the same one as their neighbours.
    last: (&'a [u8], bool),
}

impl<'a> Shown<'a> {
    /// Whether one leads to the other: a root covers the glob, or the glob reaches into a root.
    fn meet(&mut self, glob: &'a [u8]) -> bool {
        let literal = glob.iter().position(|byte| matches!(byte, b'*' | b'?')).unwrap_or(glob.len());
        let known = glob.get(..literal).unwrap_or_default();
        let folder = known.iter().rposition(|byte| *byte == b'/').and_then(|at| known.get(..=at)).unwrap_or_default();
        if self.last.0 != folder {
            self.last = (folder, self.cover(folder));
        }
        let beneath = self.roots.get(self.roots.partition_point(|path| *path < known)..).unwrap_or_default();
        let mut beneath = beneath.iter().map_while(|path| path.strip_prefix(known));
        self.last.1
            || self.has(known)
            || beneath
                .any(|rest| literal < glob.len() || rest.is_empty() || rest.starts_with(b"/") || known.ends_with(b"/"))
    }

    /// Whether a folder, which ends in `/`, is a root or lies beneath one.
    fn cover(&self, folder: &[u8]) -> bool {
        let ends = folder.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at.max(1));
        ends.filter_map(|end| folder.get(..end)).any(|path| self.has(path))
    }

    fn has(&self, path: &[u8]) -> bool {
        self.roots.binary_search(&path).is_ok()
    }
}

fn plain(globs: &[String]) -> Vec<String> {
    globs.iter().map(|glob| pattern::plain(glob)).collect()
}

/// Globs that name one path, or one directory with all in it: only these are worth a mount.
fn literal(globs: &[String]) -> Vec<String> {
    globs.iter().filter(|glob| !glob.strip_suffix("/**").unwrap_or(glob).contains('*')).cloned().collect()
}

fn wanted(boundary: &Boundary, plan: &Plan) -> BTreeSet<Feature> {
    let mut wanted = BTreeSet::from([
        Feature::LandlockFiles,
        Feature::LandlockRefer,
        Feature::LandlockTruncate,
        Feature::LandlockDeviceIoctl,
        Feature::LandlockSignals,
        Feature::LandlockAbstractSockets,
        Feature::Seccomp,
        Feature::PrivateTemp,
        Feature::OutsideMetadata,
    ]);
    for (limit, feature) in [("processes", Feature::ProcessLimit), ("memory", Feature::MemoryLimit)] {
        if boundary.budget.contains_key(limit) {
            wanted.insert(feature);
        }
    }
    if boundary.network.reach != Reach::Open {
        wanted.insert(Feature::LandlockTcp);
    }
    if plan.filter.notifies() {
        wanted.extend([Feature::ExecGate, Feature::ExecVerify]);
    }
    if !plan.hidden.is_empty() || plan.extent == Extent::Bounded {
        wanted.insert(Feature::HiddenPaths);
    }
    for (set, feature) in [
        (Set::MOUNT, Feature::MountNamespace),
        (Set::PID, Feature::PidNamespace),
        (Set::IPC, Feature::IpcNamespace),
        (Set::NET, Feature::NetNamespace),
    ] {
        if plan.namespaces.has(set) {
            wanted.insert(feature);
        }
    }
    if !plan.namespaces.is_empty() && !plan.probe.admin {
        wanted.insert(Feature::UserNamespace);
    }
    wanted.extend(&boundary.require);
    wanted
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::{covered, literal};
    use tollgate_policy::boundary::{Rights, Root};
    use tollgate_policy::path::AbsPath;

    #[test]
    fn only_hidden_paths_that_a_root_shows_are_looked_for() {
        let root = |path: &str| Root { path: AbsPath::new(path).unwrap(), rights: Rights::default() };
        let roots = [root("/home/u/ws"), root("/usr"), root("/home/u/.ssh/known_hosts")];
        for (glob, wanted) in [
            ("/home/u/ws/.env", true),
            ("/home/u/ws/**/.env", true),
            ("/home/u/wsx/.env", false),
            ("/home/u/.aws", false),
            ("/home/u/.ssh", true),
            ("/home/*/.env", true),
            ("/home/u/ws", true),
            ("/usr/local/cargo/credentials.toml", true),
            ("/var/run/secrets", false),
        ] {
            assert_eq!(covered(&[glob.to_owned()], &roots).len(), usize::from(wanted), "{glob}");
        }
        assert_eq!(covered(&["/etc/x".to_owned()], &[root("/")]).len(), 1);
    }

    #[test]
    fn only_single_paths_are_frozen() {
        let globs = ["/a/b", "/a/b/**", "/a/*/b", "/**/x"].map(str::to_owned);
        assert_eq!(literal(&globs), ["/a/b", "/a/b/**"]);
    }
}
