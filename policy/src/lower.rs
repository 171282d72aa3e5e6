//! The policy in a kernel's terms. What a kernel can't express is lowered to something narrower, never wider.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStrExt as _;

use crate::action::Access;
use crate::assemble::rooted;
use crate::boundary::{ArgTest, Boundary, CallEntry, CallFate, CallFilter, Environment, Network, Reach, Rights, Root};
use crate::hear::At;
use crate::hear::path::Granted;
use crate::layer::{Bounds, Layer};
use crate::path::AbsPath;
use crate::pattern::placed::{Laying, Placed};
use crate::pattern::{Pattern, resolve, tree};
use crate::policy::Policy;
use crate::profile::Document;
use crate::profile::document::{CallLine, List, PathRule, Text};
use crate::profile::rules::abstract_name;
use crate::ready::{Prepared, Ready, Standing};
use crate::verdict::Effect;
use crate::word::any_fits;

/// Descriptors of drafts, in which the gate keeps what is to be asked about: they lie in 704 to 767, or are moved to where
/// the output goes.
const DRAFTS: &str =
    "the last descriptor on a file that is asked about: what was written is shown before it is put in place";

/// The calls by which such a descriptor goes.
fn drafts() -> Vec<CallEntry> {
    let test = |arg, mask, equal| ArgTest { arg, mask, equal, not: false };
    let entry = |names: &'static [&'static str], when: Vec<ArgTest>| CallEntry {
        names: names.iter().map(|name| Text::from(*name)).collect::<Vec<_>>().into(),
        then: CallFate::Judge,
        errno: None,
        when: when.into(),
        because: DRAFTS.into(),
    };
    let whole = 0xffff_ffff;
    vec![
        entry(&["close"], vec![test(0, 0xffff_ffc0, 0x2c0)]),
        entry(&["close"], vec![test(0, whole, 1)]),
        entry(&["close"], vec![test(0, whole, 2)]),
        entry(&["dup2", "dup3"], vec![test(1, whole, 1)]),
        entry(&["dup2", "dup3"], vec![test(1, whole, 2)]),
        entry(&["exit_group"], Vec::new()),
    ]
}

impl Ready {
    /// The system-call filter of a run on this profile, unless other layers have lines for it.
    #[must_use]
    pub fn calls(&self) -> CallFilter {
        let mut last_first: Vec<&u32> = Vec::new();
        for at in self.beneath.iter().chain(self.chain).rev() {
            if !last_first.contains(&at) {
                last_first.push(at);
            }
        }
        let documents = last_first.into_iter().filter_map(|at| self.shelf.documents.get(usize::try_from(*at).ok()?));
        filter(documents.flat_map(|document| document.calls.iter()))
    }
}

fn filter<'a>(lines: impl Iterator<Item = &'a CallLine>) -> CallFilter {
    let entry = |line: &CallLine| CallEntry {
        names: line.names.clone(),
        then: line.then,
        errno: line.errno.clone(),
        when: line.when.clone(),
        because: line.because.clone(),
    };
    CallFilter { entries: lines.map(entry).collect() }
}

/// What stands where nothing was prepared.
static NOTHING: Prepared = Prepared::nothing();

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
            budget: self.lower_budget(),
            environment: self.lower_environment(),
            namespaces: documents().flat_map(|d| d.namespaces.iter().copied()).collect(),
            require: documents().flat_map(|d| d.require.iter().copied()).collect(),
        }
    }

    /// What the build prepared, unless an envelope stands above some of it.
    fn prepared(&self) -> &'static Prepared {
        self.unbounded().map_or(&NOTHING, |standing| standing.prepared)
    }

    fn unbounded(&self) -> Option<&Standing> {
        let lowest = Layer::Person.rank();
        self.standing.as_ref().filter(|_| self.bounds.iter().all(|bounds| bounds.rank >= lowest))
    }

    /// The sources that [`Self::prepared`] knows nothing of.
    fn added(&self) -> impl Iterator<Item = (At, &Document)> {
        let standing = self.unbounded();
        self.sources().filter(move |(at, _)| !standing.is_some_and(|standing| standing.knows(*at)))
    }

    /// Path globs as written of some sources, each with its rule.
    fn globs<'a>(
        sources: impl Iterator<Item = (At, &'a Document)>,
    ) -> impl Iterator<Item = (At, &'a PathRule, &'a Text)> {
        let rules = sources.flat_map(|(at, document)| document.paths.iter().map(move |rule| (at, rule)));
        rules.flat_map(|(at, rule)| rule.paths.iter().map(move |glob| (at, rule, glob)))
    }

    fn floors(&self, access: Access) -> Vec<String> {
        let prepared = self.prepared();
        let known = if access == Access::Read { &prepared.hidden } else { &prepared.protected };
        let mut laying = Laying::new(&self.place);
        let mut texts: Vec<String> = known.iter().filter_map(|glob| laying.glob(glob)).collect();
        let added = Self::globs(self.added()).filter(|(_, rule, _)| is_floor(rule, access));
        texts.extend(added.filter_map(|(_, _, glob)| Some(Pattern::new(glob, &self.place)?.into_text())));
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    fn lower_roots(&self) -> Vec<Root> {
        let prepared = &self.prepared().roots;
        let mut trees: Vec<Root> = Vec::with_capacity(prepared.len() + 16);
        let mut laying = Laying::new(&self.place);
        for (placed, rights) in prepared.iter() {
            trees.extend(laying.path(placed).map(|path| Root { path, rights: *rights }));
        }
        let granted = self.granted(self.added(), &|_, _| true).into_iter();
        trees.extend(granted.map(|Granted { path, rights, .. }| Root { path, rights }));
        for (at, rule, glob) in Self::globs(self.added()).filter(|(at, rule, _)| self.grants(*at, rule)) {
            let Some(tree) = tree(glob).and_then(|tree| resolve(tree, &self.place)) else { continue };
            let clipped = self.clipped(at, tree, granting(rule)).into_iter();
            trees.extend(clipped.map(|Granted { path, rights, .. }| Root { path, rights }));
        }
        merged(trees)
    }

    /// Whether a path rule counts as a grant.
    fn grants(&self, at: At, rule: &PathRule) -> bool {
        rule.terms.effect == Effect::Allow && self.stand(at).0.may_grant()
    }

    /// What all documents of a run come to, as far as it does not hang on where the run happens. All of them may
    /// grant.
    pub(crate) fn prepare_all(&self) -> Prepared {
        let mut roots: BTreeMap<Placed, Rights> = BTreeMap::new();
        let mut add = |text: &str, rights| {
            if let Some(placed) = Placed::path(text) {
                let before = roots.entry(placed).or_default();
                *before = join(*before, rights);
            }
        };
        self.sources().flat_map(|(_, d)| rooted(&d.roots)).for_each(|(text, rights)| add(text, rights));
        for (_, rule, glob) in Self::globs(self.sources()).filter(|(at, rule, _)| self.grants(*at, rule)) {
            if let Some(tree) = tree(glob) {
                add(tree, granting(rule));
            }
        }
        let floors = |access| {
            let globs = Self::globs(self.sources()).filter(move |(_, rule, _)| is_floor(rule, access));
            let placed: BTreeSet<Placed> = globs.filter_map(|(_, _, glob)| Placed::glob(glob)).collect();
            placed.into_iter().collect::<List<Placed>>()
        };
        let (granted, guarded) = Self::socket_globs(self.sources());
        let drop = once(self.sources().flat_map(|(_, d)| d.environment.drop.iter()));
        let set = self.sources().flat_map(|(_, d)| d.environment.set.iter().map(|(name, _)| name));
        Prepared {
            roots: roots.into_iter().collect(),
            hidden: floors(Access::Read),
            protected: floors(Access::Write),
            sockets: once(granted.into_iter().map(|(_, glob)| glob)),
            guarded_sockets: once(guarded.into_iter()),
            pass: once(self.sources().flat_map(|(_, d)| d.environment.pass.iter())),
            never_set: once(set.filter(|name| any_fits(&drop, name.as_bytes()))),
            drop,
        }
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
        let prepared = self.prepared();
        let (granted, guarded) = Self::socket_globs(self.added());
        let pattern = |glob: &Text| Pattern::new(glob, &self.place);
        let known = prepared.sockets.iter().filter_map(pattern);
        let added = granted.into_iter().filter_map(|(at, glob)| {
            let glob = pattern(glob)?;
            let holds = |b: &Bounds| b.unix.as_ref().is_none_or(|unix| unix.iter().any(|e| surely_in(&glob, e)));
            (self.stand(at).0.may_grant() && self.inside(at, holds)).then_some(glob)
        });
        let granted: Vec<Pattern> = known.chain(added).filter(|glob| !glob.is_blurred()).collect();
        if granted.is_empty() {
            return Vec::new();
        }
        let guarded = prepared.guarded_sockets.iter().chain(guarded).filter_map(pattern);
        let fronts: Vec<AbsPath> = guarded.map(|glob| front(&glob)).collect();
        let free = granted.iter().filter(|glob| {
            let ours = front(glob);
            !fronts.iter().any(|floor| ours.is_within(floor) || floor.is_within(&ours))
        });
        let texts: BTreeSet<String> = free.map(|glob| glob.text().to_owned()).collect();
        texts.into_iter().collect()
    }

    /// Globs of sockets as written: those that are granted, whoever does, and those on which there is a floor.
    fn socket_globs<'a>(sources: impl Iterator<Item = (At, &'a Document)>) -> (Vec<(At, &'a Text)>, Vec<&'a Text>) {
        let (mut granted, mut guarded) = (Vec::new(), Vec::new());
        for (at, document) in sources {
            granted.extend(document.network.unix.iter().map(|glob| (at, glob)));
            for rule in document.sockets.iter() {
                let globs = rule.sockets.iter().filter(|text| abstract_name(text).is_none());
                if rule.terms.effect > Effect::Allow {
                    guarded.extend(globs);
                } else {
                    granted.extend(globs.map(|glob| (at, glob)));
                }
            }
        }
        (granted, guarded)
    }

    fn lower_calls(&self) -> CallFilter {
        let lines = self.lower_lines().entries;
        let drafts = if self.asks_about_writes() { drafts() } else { Vec::new() };
        CallFilter { entries: drafts.into_iter().chain(lines).collect() }
    }

    pub(crate) fn lower_lines(&self) -> CallFilter {
        filter(self.calls().map(|(_, line)| line))
    }

    /// Whether somebody may be asked about a write: then its content is known first. A change of policy holds up nobody.
    fn asks_about_writes(&self) -> bool {
        let holds = |rule: &PathRule| rule.terms.effect < Effect::Deny && rule.terms.class.as_deref() != Some("policy");
        let asks = |rule: &PathRule| rule.terms.effect > Effect::Allow && rule.access.contains(&Access::Write);
        self.speaks_of_other_paths()
            || self.sources().any(|(_, document)| document.paths.iter().any(|it| asks(it) && holds(it)))
    }

    /// Whether a variable is kept from what runs here.
    pub(crate) fn drops(&self, name: &str) -> bool {
        let globs: Vec<&Text> = self.sources().flat_map(|(_, d)| d.environment.drop.iter()).collect();
        any_fits(&globs, name.as_bytes())
    }

    /// Values of lower layers go over those above; what a floor drops is never set.
    fn lower_environment(&self) -> Environment {
        let prepared = self.prepared();
        let drop = names(&prepared.drop, self.added().flat_map(|(_, d)| d.environment.drop.iter()));
        let entitled = self.added().filter(|(at, _)| self.stand(*at).0.may_grant());
        let pass = names(&prepared.pass, entitled.flat_map(|(_, d)| d.environment.pass.iter()));
        let added: Vec<&Text> = self.added().flat_map(|(_, d)| d.environment.drop.iter()).collect();
        let added_sources: Vec<u32> = self.added().map(|(at, _)| at.source).collect();
        let dropped = |at: At, name: &Text| match added_sources.binary_search(&at.source) {
            Ok(_) => any_fits(&drop, name.as_bytes()),
            Err(_) => prepared.never_set.contains(name) || any_fits(&added, name.as_bytes()),
        };
        let mut set = BTreeMap::new();
        for (at, document) in self.sources().filter(|(at, _)| self.stand(*at).0.may_grant()) {
            for (name, value) in document.environment.set.iter().filter(|(name, _)| !dropped(at, name)) {
                if let Some(value) = self.value(value) {
                    set.insert(name.to_string(), value);
                }
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
fn once<'a>(texts: impl Iterator<Item = &'a Text>) -> List<Text> {
    let texts: BTreeSet<&Text> = texts.collect();
    texts.into_iter().cloned().collect()
}

/// Names that are known to be in order, and others: each once, in order.
fn names<'a>(known: &'a [Text], added: impl Iterator<Item = &'a Text>) -> Vec<Text> {
    let mut names: Vec<Text> = known.iter().chain(added).cloned().collect();
    if names.len() > known.len() {
        names.sort_unstable();
        names.dedup();
    }
    names
}

/// Whether a path rule hides (reading is not free) or protects. What is hidden needs no protection beside it.
fn is_floor(rule: &PathRule, access: Access) -> bool {
    let hides = rule.access.contains(&Access::Read);
    rule.terms.effect > Effect::Allow && rule.access.contains(&access) && (access == Access::Read || !hides)
}

/// What a rule that allows gives.
fn granting(rule: &PathRule) -> Rights {
    Rights { read: true, write: rule.access.contains(&Access::Write), ..Rights::default() }
}

/// Each path once, with all that it is given, in order of bytes; none whose rights a root above it has.
fn merged(mut trees: Vec<Root>) -> Vec<Root> {
    // By bytes: a path compares by component, which costs more than all the rest.
    trees.sort_by(|a, b| bytes(&a.path).cmp(bytes(&b.path)));
    trees.dedup_by(|later, first| {
        let same = bytes(&later.path) == bytes(&first.path);
        if same {
            first.rights = join(first.rights, later.rights);
        }
        same
    });
    let mut kept: Vec<Root> = Vec::with_capacity(trees.len());
    // All that begins with the same bytes lies together, so what may lie above is a stack: numbers of those kept.
    let mut above: Vec<usize> = Vec::new();
    for root in trees {
        let begins = |upper: &usize| kept.get(*upper).is_some_and(|u| bytes(&root.path).starts_with(bytes(&u.path)));
        above.truncate(above.iter().rposition(begins).map_or(0, |last| last + 1));
        let covers = |upper: &Root| join(upper.rights, root.rights) == upper.rights && root.path.is_within(&upper.path);
        if !above.iter().filter_map(|upper| kept.get(*upper)).any(covers) {
            above.push(kept.len());
            kept.push(root);
        }
    }
    kept
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

/// The literal directory that a glob's matches lie in.
fn front(glob: &Pattern) -> AbsPath {
    if let Some(tree) = glob.tree() {
        return tree.clone();
    }
    let plain = glob.text().split(['*', '?', '[', '{', '\\']).next().unwrap_or_default();
    let dir = plain.rsplit_once('/').map_or("", |(dir, _)| dir);
    AbsPath::new(format!("/{dir}")).unwrap_or_else(|_| AbsPath::root())
}
