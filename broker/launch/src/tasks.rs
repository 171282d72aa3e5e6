//! How many processes and threads a run may have, where the kernel itself holds it. The gate counts them too, and stops
//! what passes the limit; the kernel's number is a quarter higher, so that a crowd is seen before it is only refused.

use nix::sys::utsname::uname;
use tollgate_policy::amount::Stock;
use tollgate_policy::boundary::Boundary;
use tollgate_sys::limits::{Resource, resource};
use tollgate_sys::machine;
use tollgate_sys::namespaces::Set;

/// Numbers that a process namespace never gives out a second time (`RESERVED_PIDS` of kernel/pid.c).
const RESERVED: u64 = 301;
/// The largest number of a process (`PID_MAX_LIMIT` of include/linux/threads.h).
const LARGEST: u64 = 1 << 22;

/// What holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// The process namespace gives out no numbers from this on (`kernel.pid_max`, each namespace's own since Linux
    /// 6.14, commit 7863dcc72d0f).
    Numbers(u64),
    /// `RLIMIT_NPROC`, which counts in the run's own user namespace (since Linux 5.14, commit 21d1c5e386bc), or all that
    /// the user has: then what runs on the machine already comes on top. Root is never held by it.
    Limit(u64),
    /// Nothing.
    Nothing,
}

impl Hold {
    /// What holds it in these namespaces.
    pub(crate) fn of(most: Option<u64>, set: Set) -> Self {
        let Some(most) = most.map(|most| most.saturating_add(most / 4)) else { return Self::Nothing };
        if !nix::unistd::getuid().is_root() {
            let others = if set.has(Set::USER) { Some(0) } else { running() };
            others.map_or(Self::Nothing, |others| Self::Limit(most.saturating_add(others)))
        } else if set.has(Set::PID) && has_own_numbers() {
            Self::Numbers(most.saturating_add(RESERVED).min(LARGEST))
        } else {
            Self::Nothing
        }
    }

    /// As a limit of the command.
    pub(crate) fn limit(self) -> Option<(Resource, u64)> {
        match self {
            Self::Limit(most) => resource("nproc").map(|resource| (resource, most)),
            Self::Numbers(_) | Self::Nothing => None,
        }
    }

    /// As the end of the namespace's numbers.
    pub(crate) fn numbers(self) -> Option<u64> {
        match self {
            Self::Numbers(end) => Some(end),
            Self::Limit(_) | Self::Nothing => None,
        }
    }
}

/// How many a boundary lets a run have on this machine.
pub(crate) fn most(boundary: &Boundary) -> Option<u64> {
    let stock = Stock { whole: LARGEST, cpus: machine::cpus() };
    boundary.budget.get("processes")?.iter().map(|budget| budget.amount.of(stock)).min()
}

/// Processes and threads on the machine: the fourth field of `/proc/loadavg` (`proc_loadavg(5)`).
fn running() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_ascii_whitespace().nth(3)?.split_once('/')?.1.parse().ok()
}

/// Whether a process namespace has a `kernel.pid_max` of its own. Where it has not, writing there would change the
/// machine's.
fn has_own_numbers() -> bool {
    uname().is_ok_and(|name| name.release().to_str().is_some_and(is_new_enough))
}

fn is_new_enough(release: &str) -> bool {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (6, 14)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_compared_by_number() {
        for (release, expected) in [
            ("6.14.0", true),
            ("6.18.44-fc-v669", true),
            ("7.0-rc1", true),
            ("6.9.3-arch1", false),
            ("5.15.0-105-generic", false),
            ("6", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(release), expected, "{release}");
        }
    }

    #[test]
    fn root_without_namespaces_is_not_held() {
        let held = Hold::of(Some(100), Set::NONE) != Hold::Nothing;
        assert_eq!(held, !nix::unistd::getuid().is_root());
        assert_eq!(Hold::of(None, Set::PID.with(Set::USER)), Hold::Nothing);
        assert!(running().is_some_and(|tasks| tasks > 1));
    }
}
