//! The policy in a kernel's terms. What a kernel can't express is lowered to something narrower, never wider.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::os::unix::ffi::OsStrExt as _;

use crate::action::Access;
use crate::boundary::{Boundary, CallEntry, CallFilter, Environment, Network, Reach, Rights, Root};
use crate::hear::At;
use crate::layer::Bounds;
use crate::path::AbsPath;
use crate::pattern::{Pattern, resolve};
use crate::policy::Policy;
use crate::profile::document::{PathRule, Text};
use crate::verdict::Effect;
use crate::word::any_fits;

impl Policy {
    /// The static boundary. Path floors of any strictness become hidden and protected paths: nobody is asked
    /// in the kernel. Path grants become roots where they are one tree.
    #[must_use]
    pub fn lower(&self) -> Boundary {
        let documents = || self.sources.iter().map(|(_, document)| document);
        Boundary {
            roots: self.lower_roots(),
            hidden: self.floors(Access::Read),
            protected: self.floors(Access::Write),
            network: self.lower_network(),
            calls: self.lower_calls(),
            limits: self.lower_limits(),
            budget: BTreeMap::new(),
            environment: self.lower_environment(),
            namespaces: documents().flat_map(|d| d.namespaces.iter().copied()).collect(),
            require: documents().flat_map(|d| d.require.iter().copied()).collect(),
        }
    }

    /// Path globs with the rule that they belong to.
    fn globs(&self) -> impl Iterator<Item = (At, &PathRule, &Pattern)> {
        self.path_rules().globs.iter().filter_map(|(at, glob)| {
            let rule = self.document(*at)?.paths.get(at.rule as usize)?;
            Some((*at, rule, glob))
        })
    }

    fn floors(&self, access: Access) -> Vec<String> {
        let floors = self.globs().filter(|(_, rule, _)| {
            let hides = rule.access.contains(&Access::Read);
            // What is hidden needs no protection beside it.
            rule.terms.effect > Effect::Allow && rule.access.contains(&access) && (access == Access::Read || !hides)
        });
        let mut texts: Vec<&str> = floors.map(|(_, _, glob)| glob.text()).collect();
        texts.sort_unstable();
        texts.dedup();
        texts.into_iter().map(str::to_owned).collect()
    }

    fn lower_roots(&self) -> Vec<Root> {
        let mut trees: Vec<(AbsPath, Rights)> = Vec::new();
        trees.extend(self.roots().roots.iter().map(|root| (root.path.clone(), root.rights)));
        for (at, rule, glob) in self.globs() {
            let entitled = rule.terms.effect == Effect::Allow && self.stand(at).0.may_grant();
            let Some(tree) = glob.tree().filter(|_| entitled) else { continue };
            let write = rule.access.contains(&Access::Write);
            let rights = Rights { read: true, write, ..Rights::default() };
            trees.extend(self.clipped(at, tree.clone(), rights).into_iter().map(|root| (root.path, root.rights)));
        }
        // By bytes: a path compares by component, which costs more than all the rest.
        let mut merged: HashMap<&[u8], (&AbsPath, Rights)> = HashMap::with_capacity(trees.len());
        for (path, rights) in &trees {
            let (_, before) = merged.entry(bytes(path)).or_insert((path, *rights));
            *before = join(*before, *rights);
        }
        let covered = |path: &[u8], rights: Rights| {
            let wide = |above: &[u8]| merged.get(above).is_some_and(|(_, wider)| join(*wider, rights) == *wider);
            let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
            path != b"/" && slashes.map(|at| path.get(..at.max(1)).unwrap_or(b"/")).any(wide)
        };
        let mut kept: Vec<_> = merged.iter().filter(|(path, (_, rights))| !covered(path, *rights)).collect();
        kept.sort_unstable_by_key(|(path, _)| **path);
        kept.into_iter().map(|(_, (path, rights))| Root { path: (*path).clone(), rights: *rights }).collect()
    }

    fn lower_network(&self) -> Network {
        let mut network = Network::default();
        for (at, document) in self.sources().filter(|(at, _)| self.stand(*at).0.may_grant()) {
            let rank = self.stand(at).0.rank();
            let above = || self.bounds.iter().filter(|bounds| bounds.rank < rank);
            let granted = &document.network;
            let port_held = |port: &&u16| above().all(|b| b.ports.as_ref().is_none_or(|p| p.contains(*port)));
            let reach = above().fold(granted.reach.unwrap_or_default(), reach_held);
            network.reach = network.reach.max(reach);
            if reach == Reach::Ports {
                network.ports.extend(granted.ports.iter().filter(port_held));
            }
        }
        network.unix = self.lower_sockets();
        network
    }

    /// Sockets granted that no floor may touch and no envelope above leaves out.
    fn lower_sockets(&self) -> Vec<String> {
        let rules = self.unix_rules();
        let effect = |at: &At| Some(self.document(*at)?.sockets.get(at.rule as usize)?.terms.effect);
        let floors = || rules.paths.globs.iter().filter(|(at, _)| effect(at) > Some(Effect::Allow));
        let allowed = rules.paths.globs.iter().filter(|(at, _)| effect(at) == Some(Effect::Allow));
        let granted = allowed.chain(&rules.granted.globs).filter(|(at, glob)| {
            let holds = |b: &Bounds| b.unix.as_ref().is_none_or(|unix| unix.iter().any(|e| surely_in(glob, e)));
            self.stand(*at).0.may_grant() && !glob.is_blurred() && self.inside(*at, holds)
        });
        let free = granted.filter(|(_, glob)| !floors().any(|(_, floor)| may_meet(glob, floor)));
        let texts: BTreeSet<String> = free.map(|(_, glob)| glob.text().to_owned()).collect();
        texts.into_iter().collect()
    }

    fn lower_calls(&self) -> CallFilter {
        let entries = self.calls().map(|(_, line)| CallEntry {
            names: line.names.clone(),
            then: line.then,
            errno: line.errno.clone(),
            when: line.when.clone(),
            because: line.because.clone(),
        });
        CallFilter { entries: entries.collect() }
    }

    fn lower_limits(&self) -> BTreeMap<String, u64> {
        let mut limits: BTreeMap<String, u64> = BTreeMap::new();
        for (name, value) in self.sources.iter().flat_map(|(_, document)| document.limits.iter()) {
            limits.entry(name.to_string()).and_modify(|low| *low = (*low).min(*value)).or_insert(*value);
        }
        limits
    }

    /// Values of lower layers go over those above; what a floor drops is never set.
    fn lower_environment(&self) -> Environment {
        let every = || self.sources.iter();
        let entitled = || every().filter(|(layer, _)| layer.may_grant());
        let drop = sorted(every().flat_map(|(_, d)| d.environment.drop.iter()));
        let pass = sorted(entitled().flat_map(|(_, d)| d.environment.pass.iter()));
        let mut set = BTreeMap::new();
        for (name, value) in entitled().flat_map(|(_, document)| document.environment.set.iter()) {
            if let Some(value) = self.value(value).filter(|_| !any_fits(&drop, name.as_bytes())) {
                set.insert(name.to_string(), value);
            }
        }
        Environment { pass, drop, set }
    }

    /// A value with its leading short form resolved; none if that is no UTF-8.
    fn value(&self, text: &str) -> Option<String> {
        let first = text.split('/').next().unwrap_or(text);
        if first != "~" && !crate::pattern::SHORT.contains(&first) {
            return Some(text.to_owned());
        }
        resolve(text, &self.place)?.as_path().to_str().map(str::to_owned)
    }
}

/// Each once, in order.
fn sorted<'a>(names: impl Iterator<Item = &'a Text>) -> Vec<String> {
    let mut names: Vec<&str> = names.map(|name| &**name).collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(str::to_owned).collect()
}

fn bytes(path: &AbsPath) -> &[u8] {
    path.as_path().as_os_str().as_bytes()
}

const fn join(a: Rights, b: Rights) -> Rights {
    Rights {
        read: a.read || b.read,
        execute: a.execute || b.execute,
        write: a.write || b.write,
        device: a.device || b.device,
    }
}

/// A network that is open to any name is more than an envelope on names or ports leaves.
fn reach_held(wanted: Reach, bounds: &Bounds) -> Reach {
    let most = match bounds.reach {
        _ if !bounds.hold_any_host() => Reach::None,
        Some(reach) => reach,
        None if bounds.ports.is_some() => Reach::Ports,
        None => Reach::Open,
    };
    wanted.min(most)
}

/// Whether all that one glob covers is surely covered by another.
fn surely_in(glob: &Pattern, bound: &Pattern) -> bool {
    match (glob.tree(), bound.tree()) {
        (Some(path), _) => bound.covers(path) == Ok(true),
        (None, Some(root)) => front(glob).is_within(root) && front(glob) != *root,
        (None, None) => glob.text() == bound.text(),
    }
}

/// Whether two globs may cover the same path.
fn may_meet(a: &Pattern, b: &Pattern) -> bool {
    let (a, b) = (front(a), front(b));
    a.is_within(&b) || b.is_within(&a)
}

/// The literal directory that a glob's matches lie in.
fn front(glob: &Pattern) -> AbsPath {
    if let Some(tree) = glob.tree() {
        return tree.clone();
    }
    let plain = glob.text().split(['*', '?', '[', '{', '\\']).next().unwrap_or_default();
    let dir = plain.rsplit_once('/').map_or("", |(dir, _)| dir);
    AbsPath::new(format!("/{dir}")).unwrap_or_else(|_| AbsPath::root())
}
