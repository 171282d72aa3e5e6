//! Roots and the filter that most runs have. The guard compiles the one and looks up the others, as far as it comes, while
//! the supervisor still reads policies; its ruleset is taken over where the policy turns out to grant every one of them,
//! just so, and its filter where it is the policy's.

use std::ffi::OsStr;
use std::io;
use std::mem::ManuallyDrop;
use std::path::Path;

use tollgate_policy::boundary::{self, CallFilter, Network, Reach, Root};
use tollgate_sys::handover::Pass;
use tollgate_sys::landlock::{Rights, Ruleset};
use tollgate_sys::seccomp::{Instruction, Program};

use crate::filter;
use crate::layout::{NEW, rights};
use crate::lookup::{Lookup, lies_in};
use crate::plan::{Options, governed};

/// What a boundary most likely grants.
#[derive(Debug, Default)]
pub struct Usual {
    /// Absolute paths, normalised, each once.
    pub roots: Vec<(&'static str, boundary::Rights)>,
    /// How wide the network is open.
    pub reach: Reach,
    /// The filter.
    pub calls: CallFilter,
    /// The same, as [`crate::compiled`] gave it when Tollgate was built; empty where it is to be compiled at launch.
    pub compiled: &'static [Instruction],
}

/// A [`Usual`], and what else a guard must know to prepare it.
#[derive(Debug)]
pub(crate) struct Foresight {
    pub(crate) usual: Usual,
    /// The kernel's Landlock ABI.
    pub(crate) kernel: u32,
    pub(crate) options: Options,
    /// The run's.
    pub(crate) pass: Pass,
}

impl Foresight {
    /// The ruleset for its roots; none without Landlock.
    pub(crate) fn rules(&self) -> Option<io::Result<Ruleset>> {
        (self.kernel > 0).then(|| Ruleset::create(self.kernel, &governed(&self.usual.network(), self.options)))
    }

    /// Its filter, compiled; none where it makes no sense here, which the supervisor will say.
    pub(crate) fn filter(&self) -> Option<Program> {
        if !self.usual.compiled.is_empty() {
            return Some(Program::sealed(self.usual.compiled, &self.pass));
        }
        filter::lower(&self.usual.calls, &self.pass).ok()
    }
}

impl Usual {
    /// Those that are the same inside: no file system is put over them.
    fn lasting(&self) -> impl Iterator<Item = (&'static Path, boundary::Rights)> {
        let roots = self.roots.iter().map(|(path, rights)| (Path::new(*path), *rights));
        roots.filter(|(path, _)| !NEW.iter().any(|place| lies_in(path, Path::new(place))))
    }

    fn network(&self) -> Network {
        Network { reach: self.reach, ..Network::default() }
    }

    /// Adds them, as far as this machine has them, until `enough` says so; gives how many were gone through.
    pub(crate) fn fill(&self, rules: &Ruleset, mut enough: impl FnMut() -> bool) -> io::Result<u32> {
        // The guard closes all but a few descriptors at once, when the command is on its way.
        let mut lookup = ManuallyDrop::new(Lookup::default());
        let mut count = 0;
        for (path, of) in self.lasting() {
            if enough() {
                break;
            }
            add(&mut lookup, rules, (path, rights(of)))?;
            count += 1;
        }
        Ok(count)
    }

    /// Adds those that the guard did not get to.
    pub(crate) fn complete<'p>(&'p self, lookup: &mut Lookup<'p>, (rules, count): (&Ruleset, u32)) -> io::Result<()> {
        let mut rest = self.lasting().skip(usize::try_from(count).map_err(io::Error::other)?);
        rest.try_for_each(|(path, of)| add(lookup, rules, (path, rights(of))))
    }

    /// Which of `roots` are not among them, in order; none if not all of them are among `roots`, just so.
    pub(crate) fn left<'r>(
        &self,
        roots: &[&'r Root],
        (network, options): (&Network, Options),
    ) -> Option<Vec<&'r Root>> {
        if governed(&self.network(), options) != governed(network, options) {
            return None;
        }
        let mut left = roots.to_vec();
        left.sort_unstable_by(|a, b| text(a).cmp(text(b)));
        let mut taken = vec![false; left.len()];
        for (path, rights) in self.lasting() {
            let at = left.binary_search_by(|root| text(root).cmp(path.as_os_str())).ok()?;
            if left.get(at)?.rights != rights {
                return None;
            }
            *taken.get_mut(at)? = true;
        }
        let mut taken = taken.into_iter();
        left.retain(|_| taken.next() == Some(false));
        Some(left)
    }
}

/// Allows a root, if this machine has it.
pub(crate) fn add<'p>(lookup: &mut Lookup<'p>, rules: &Ruleset, (path, of): (&'p Path, Rights)) -> io::Result<()> {
    if let Some(object) = lookup.object(path)? {
        rules.allow(&object, of)?;
        lookup.keep(object);
    }
    Ok(())
}

/// By bytes: a path compares by component.
fn text(root: &Root) -> &OsStr {
    root.path.as_path().as_os_str()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use tollgate_policy::boundary::Rights;
    use tollgate_policy::path::AbsPath;

    const READ: Rights = Rights { read: true, execute: false, write: false, device: false };
    const RUN: Rights = Rights { execute: true, ..READ };

    #[test]
    fn a_ruleset_is_taken_over_only_where_all_of_it_is_granted() {
        let usual = Usual {
            roots: vec![("/usr", RUN), ("/proc", READ), ("/etc/hosts", READ)],
            reach: Reach::None,
            ..Usual::default()
        };
        let left = |of: &[(&str, Rights)], reach| {
            let root = |(path, rights): &(&str, Rights)| Root { path: AbsPath::new(path).unwrap(), rights: *rights };
            let roots: Vec<Root> = of.iter().map(root).collect();
            let network = Network { reach, ..Network::default() };
            let left = usual.left(&roots.iter().collect::<Vec<_>>(), (&network, Options::default()));
            left.map(|left| left.iter().map(|root| root.path.as_path().to_owned()).collect::<Vec<_>>())
        };
        let all = [("/w", RUN), ("/usr", RUN), ("/etc/hosts", READ), ("/proc", READ)];
        assert_eq!(left(&all, Reach::None), Some(vec!["/proc".into(), "/w".into()]));
        assert_eq!(left(&all, Reach::Open), None, "another network");
        assert_eq!(left(&all[..2], Reach::None), None, "a root that is not granted");
        let narrower = [("/w", RUN), ("/usr", READ), ("/etc/hosts", READ)];
        assert_eq!(left(&narrower, Reach::None), None, "rights that are not granted");
    }
}
