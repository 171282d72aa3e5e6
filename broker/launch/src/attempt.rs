//! One try at starting: what it uses of the kernel, what it falls back to when a step is refused, and what then holds.

use std::io;

use tollgate_policy::boundary::{Enforced, Feature, Gap};
use tollgate_sys::namespaces::Set;
use tollgate_sys::probe::Probe;

use crate::fault::Step;
use crate::hide::Extent;
use crate::plan::{Options, Plan, UserNamespaces};
use crate::tasks::Hold;

/// One try.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// The namespaces to be made, the user namespace among them if it is needed.
    pub(crate) set: Set,
    /// Whether hidden and protected paths are covered.
    pub(crate) masks: Masks,
    /// Why the kernel doesn't hold the number of processes, where it refused to.
    unheld: Option<String>,
    /// Why what was wanted is not tried (again).
    lost: Vec<(Set, String)>,
}

/// Whether hidden and protected paths are covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Masks {
    /// They are.
    Laid,
    /// The kernel refused, with this error.
    Refused(String),
}

/// The namespaces to be made so that those that are wanted can be; none if there may be no user namespace for them.
pub(crate) fn needed(wanted: Set, probe: Probe, options: Options) -> Option<Set> {
    if wanted.is_empty() || probe.admin {
        return Some(wanted);
    }
    (options.user_namespaces == UserNamespaces::Allowed).then(|| wanted.with(Set::USER))
}

impl Attempt {
    /// The first try: all that is wanted and not known to be refused.
    pub(crate) fn first(plan: &Plan) -> Self {
        let mut first = Self { set: plan.namespaces, masks: Masks::Laid, unheld: None, lost: Vec::new() };
        match needed(plan.namespaces, plan.probe, plan.options) {
            Some(set) => first.set = set,
            None => first.lose(plan.namespaces.with(Set::USER), "user namespaces are switched off for this run"),
        }
        first
    }

    /// The next try after a step was refused; none if there is nothing to do without.
    pub(crate) fn after(&self, step: Step, error: &io::Error) -> Option<Self> {
        let mut next = self.clone();
        let why = format!("could not {step}: {error}");
        match step {
            Step::Guard | Step::Maps if !self.set.is_empty() => next.lose(self.set, &why),
            Step::Mounts => next.lose(self.set.without(Set::IPC.with(Set::UTS).with(Set::NET).with(Set::USER)), &why),
            Step::Proc if self.set.has(Set::PID) => next.lose(Set::PID, &why),
            Step::Loopback => next.lose(Set::NET, &why),
            Step::Masks if self.masks == Masks::Laid => next.masks = Masks::Refused(why),
            Step::Limits if self.unheld.is_none() => next.unheld = Some(why),
            // Nothing is left to do without, or nothing may be done without.
            Step::Guard
            | Step::Maps
            | Step::Proc
            | Step::Masks
            | Step::Temp
            | Step::Ruleset
            | Step::Plumbing
            | Step::Session
            | Step::Fork
            | Step::Stdio
            | Step::Directory
            | Step::Limits
            | Step::Capabilities
            | Step::Landlock
            | Step::Filter
            | Step::Handover
            | Step::Exec => return None,
        }
        Some(next)
    }

    /// What holds the number of processes.
    pub(crate) fn hold(&self, plan: &Plan) -> Hold {
        if self.unheld.is_some() { Hold::Nothing } else { Hold::of(plan.tasks, self.set) }
    }

    fn lose(&mut self, what: Set, why: &str) {
        self.lost.push((what, why.to_owned()));
        self.set = self.set.without(what);
        if self.set == Set::USER {
            self.set = Set::NONE; // nothing left to make in it
        }
    }

    /// What holds if this try succeeds.
    pub(crate) fn enforced(&self, plan: &Plan) -> Enforced {
        let abi = plan.landlock_abi();
        let mut enforced = Enforced { landlock_abi: abi, ..Enforced::default() };
        for feature in &plan.wanted {
            match self.gap(*feature, plan) {
                None => {
                    enforced.held.insert(*feature);
                }
                Some((detail, hint)) => {
                    enforced.gaps.push(Gap { feature: *feature, detail, hint: hint.to_owned() });
                }
            }
        }
        enforced
    }

    fn gap(&self, feature: Feature, plan: &Plan) -> Option<(String, &'static str)> {
        let abi = plan.landlock_abi();
        let landlock = |least: u32, detail: &str, hint: &'static str| {
            (abi < least).then(|| (format!("{detail} (Landlock ABI {abi} of {least})"), hint))
        };
        match feature {
            Feature::LandlockFiles => landlock(1, "all files of the user can be reached", NO_LANDLOCK),
            Feature::LandlockRefer => landlock(2, "files cannot be moved between directories", "Linux 5.19 or later"),
            Feature::LandlockTruncate => landlock(3, "files outside can be truncated", "Linux 6.2 or later"),
            Feature::LandlockTcp => landlock(4, "TCP is not held by Landlock", "Linux 6.7 or later"),
            Feature::LandlockDeviceIoctl => {
                landlock(5, "devices that can be opened can be controlled", "Linux 6.10 or later")
            }
            Feature::LandlockSignals => {
                landlock(6, "other processes of the user can be sent signals", "Linux 6.12 or later")
            }
            Feature::LandlockAbstractSockets => {
                landlock(6, "abstract unix sockets outside can be connected to", "Linux 6.12 or later")
            }
            Feature::Seccomp => None, // a run without its filter is never started
            Feature::ExecGate => (!plan.filter.notifies()).then(|| ("no call goes to the gate".to_owned(), "")),
            Feature::ExecVerify => {
                plan.probe.trace.refusal().map(|why| (why.to_owned(), "sysctl kernel.yama.ptrace_scope=1"))
            }
            Feature::UserNamespace => self.namespace(Set::USER, "user"),
            Feature::MountNamespace => self.namespace(Set::MOUNT, "mount"),
            Feature::PidNamespace => self.namespace(Set::PID, "process"),
            Feature::IpcNamespace => self.namespace(Set::IPC, "IPC"),
            Feature::NetNamespace => self.namespace(Set::NET, "network"),
            Feature::HiddenPaths => self.hidden(plan),
            Feature::OutsideMetadata => (!self.set.has(Set::MOUNT) && !plan.metadata_is_judged).then(|| {
                let detail = "permissions, owners, times and attributes of the user's files outside can be changed";
                (detail.to_owned(), MORE_NAMESPACES)
            }),
            Feature::ProcessLimit => (self.hold(plan) == Hold::Nothing).then(|| {
                let why = self.unheld.as_deref().unwrap_or("root is held in a process namespace only");
                (
                    format!("processes are counted by the gate: a burst may pass the limit for a moment ({why})"),
                    MORE_TASKS,
                )
            }),
            Feature::MemoryLimit => {
                Some(("memory is counted by the gate: a burst may pass the limit for a moment".to_owned(), ""))
            }
            Feature::PrivateTemp => (!self.set.has(Set::MOUNT)).then(|| {
                let detail = "TMPDIR is private, but other programs of the user can look into it".to_owned();
                (detail, MORE_NAMESPACES)
            }),
        }
    }

    fn namespace(&self, set: Set, name: &str) -> Option<(String, &'static str)> {
        if self.set.has(set) {
            return None;
        }
        let why = self.lost.iter().find(|(lost, _)| lost.has(set)).map_or("it was not asked for", |(_, why)| why);
        Some((format!("no {name} namespace: {why}"), MORE_NAMESPACES))
    }

    fn hidden(&self, plan: &Plan) -> Option<(String, &'static str)> {
        match (&self.masks, plan.extent) {
            _ if !self.set.has(Set::MOUNT) => Some((
                "hidden paths beneath readable roots can be read: no mount namespace".to_owned(),
                MORE_NAMESPACES,
            )),
            (Masks::Refused(why), _) => Some((format!("hidden paths can be read: {why}"), "")),
            (Masks::Laid, Extent::Bounded) => Some((
                "the tree is too large: hidden paths deep in it can be read".to_owned(),
                "name them without `**`",
            )),
            (Masks::Laid, Extent::Whole) => None,
        }
    }
}

const NO_LANDLOCK: &str = "Linux 5.13 or later, with `landlock` in the `lsm=` kernel parameter";
const MORE_TASKS: &str = "not as root, or with a process namespace on Linux 6.14 or later";
const MORE_NAMESPACES: &str = "run as root, or allow unprivileged user namespaces (`tollgate doctor` says how)";
