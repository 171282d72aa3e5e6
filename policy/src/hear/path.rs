//! Paths: rules on them, and the roots.

use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;

use crate::action::{Access, PathAccess};
use crate::boundary::Rights;
use crate::hear::{At, Heard, Meets, Opens, Voice};
use crate::index::Index;
use crate::layer::{Bounds, within};
use crate::path::AbsPath;
use crate::pattern::{Pattern, keys_of, near, path_key};
use crate::policy::Policy;
use crate::profile::document::{PathRule, Text};
use crate::verdict::Effect;

/// Questions answered without filing anything: to look at each glob and root costs less than a tenth of filing them.
const UNFILED: u32 = 4;

/// All path rules, filed by directory, component and extension; a glob is an item of its own.
#[derive(Debug, Default)]
pub(crate) struct PathRules {
    pub(crate) globs: Vec<(At, Pattern)>,
    index: OnceLock<Index>,
}

/// A root of an entitled layer, clipped to the envelopes above it.
#[derive(Debug)]
pub(crate) struct Granted {
    pub(crate) source: u32,
    pub(crate) path: AbsPath,
    pub(crate) rights: Rights,
}

/// All roots, filed by directory.
#[derive(Debug, Default)]
pub(crate) struct Granteds {
    pub(crate) roots: Vec<Granted>,
    index: OnceLock<Index>,
}

impl PathRules {
    /// Files globs. One that starts from an unset variable is left out.
    pub(crate) fn new<'a>(policy: &Policy, all: impl Iterator<Item = (At, &'a Text)>) -> Self {
        let globs = all.filter_map(|(at, text)| Some((at, Pattern::new(text, &policy.place)?)));
        let globs: Vec<(At, Pattern)> = globs.collect();
        Self { index: OnceLock::new(), globs }
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let keys: Vec<_> = (0_u32..).zip(&self.globs).map(|(number, (_, glob))| (number, glob.keys())).collect();
            Index::build(&keys)
        })
    }

    /// Globs that may cover a path.
    pub(crate) fn candidates(&self, path: &AbsPath) -> impl Iterator<Item = &(At, Pattern)> {
        let found = self.index().candidates(&keys_of(path)).into_iter();
        found.filter_map(|number| self.globs.get(number as usize))
    }
}

impl Granteds {
    pub(crate) fn new(roots: Vec<Granted>) -> Self {
        Self { index: OnceLock::new(), roots }
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let keys = (0_u32..).zip(&self.roots).map(|(number, root)| (number, vec![path_key(&root.path)]));
            Index::build(&keys.collect::<Vec<_>>())
        })
    }

    /// Roots in which a path lies.
    fn over(&self, path: &AbsPath) -> impl Iterator<Item = &Granted> {
        let found = self.index().candidates(&keys_of(path)).into_iter();
        found.filter_map(|number| self.roots.get(number as usize))
    }
}

impl Policy {
    /// Who speaks of an access to a path.
    pub(crate) fn hear_path(&self, wanted: &PathAccess) -> Heard<'_> {
        let inside = |bounds: &Bounds| holds(bounds, wanted.access, &wanted.path);
        let hear = |at: At, glob: &Pattern| {
            let rule = self.document(at)?.paths.get(at.rule as usize)?;
            Voice::of(&rule.terms, self.stand(at), meets(rule, glob, wanted), || self.inside(at, inside))
        };
        let root = |root: &Granted| self.root(root, wanted.access);
        let voices = if self.rules.asked.fetch_add(1, Relaxed) < UNFILED {
            let near = |text: &str| near(text, &self.place, &wanted.path);
            let globs = self.path_globs().filter(|(_, text)| near(text));
            let globs = globs.filter_map(|(at, text)| hear(at, &Pattern::new(text, &self.place)?));
            let roots =
                self.granted(self.sources(), &|text, rights| may(rights, wanted.access).is_some() && near(text));
            globs.chain(roots.iter().filter(|root| wanted.path.is_within(&root.path)).filter_map(root)).collect()
        } else {
            let globs = self.path_rules().candidates(&wanted.path).filter_map(|(at, glob)| hear(*at, glob));
            globs.chain(self.roots().over(&wanted.path).filter_map(root)).collect()
        };
        let ground = self.ground("paths outside the roots", Effect::Ask, |d| d.path, inside);
        Heard { voices, ground }
    }

    fn root(&self, root: &Granted, access: Access) -> Option<Voice<'_>> {
        let because = may(root.rights, access)?;
        let (layer, file) = self.stand(At { source: root.source, rule: 0 });
        let (effect, opens, class, profile) = (Effect::Allow, Opens::Yes, None, None);
        Some(Voice { effect, layer, file, line: 0, column: 0, because, class, profile, opens })
    }
}

/// Why rights give an access; none if they don't.
const fn may(rights: Rights, access: Access) -> Option<&'static str> {
    match access {
        Access::Write if rights.write => Some("it lies in a root for writing"),
        Access::Write if rights.device => Some("it is a device that may be used"),
        Access::Read if rights.read || rights.execute || rights.write || rights.device => {
            Some("it lies in a root for reading")
        }
        Access::Read | Access::Write => None,
    }
}

/// Whether an envelope holds an access.
pub(crate) fn holds(bounds: &Bounds, access: Access, path: &AbsPath) -> bool {
    match access {
        Access::Read => within(bounds.read.as_ref(), path),
        Access::Write => within(bounds.read.as_ref(), path) && within(bounds.write.as_ref(), path),
    }
}

/// How a rule's glob meets an access. What may be written may be read.
fn meets(rule: &PathRule, glob: &Pattern, wanted: &PathAccess) -> Meets {
    let named = rule.access.contains(&wanted.access);
    let implied = rule.terms.effect == Effect::Allow && wanted.access == Access::Read;
    if !named && !implied {
        return Meets::No;
    }
    if !glob.is_blurred() && glob.covers(&wanted.path) == Ok(true) {
        return Meets::Surely;
    }
    let guarded = match wanted.access {
        Access::Read => glob.covers(&wanted.path),
        Access::Write => glob.guards(&wanted.path),
    };
    if guarded.unwrap_or(true) { Meets::Perhaps } else { Meets::No }
}
