//! Paths: rules on them, and the roots.

use std::sync::OnceLock;

use crate::action::{Access, PathAccess};
use crate::boundary::Rights;
use crate::hear::{At, Heard, Meets, Opens, Voice};
use crate::index::Index;
use crate::layer::{Bounds, within};
use crate::path::AbsPath;
use crate::pattern::{Pattern, keys_of, path_key};
use crate::policy::Policy;
use crate::profile::document::{PathRule, Text};
use crate::verdict::Effect;

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
}

impl Policy {
    /// Who speaks of an access to a path.
    pub(crate) fn hear_path(&self, wanted: &PathAccess) -> Heard<'_> {
        let inside = |bounds: &Bounds| holds(bounds, wanted.access, &wanted.path);
        let mut voices: Vec<Voice<'_>> = Vec::new();
        for (at, glob) in self.path_rules().candidates(&wanted.path) {
            let rule = self.document(*at).and_then(|document| document.paths.get(at.rule as usize));
            let Some(rule) = rule else { continue };
            let meets = meets(rule, glob, wanted);
            voices.extend(Voice::of(&rule.terms, self.stand(*at), meets, || self.inside(*at, inside)));
        }
        voices.extend(self.roots_over(wanted));
        let ground = self.ground("paths outside the roots", Effect::Ask, |d| d.path, inside);
        Heard { voices, ground }
    }

    fn roots_over(&self, wanted: &PathAccess) -> impl Iterator<Item = Voice<'_>> {
        let roots = self.roots();
        let found = roots.index().candidates(&keys_of(&wanted.path)).into_iter();
        let access = wanted.access;
        found.filter_map(move |number| roots.roots.get(number as usize)).filter_map(move |root| {
            let because = may(root.rights, access)?;
            let (layer, file) = self.stand(At { source: root.source, rule: 0 });
            Some(Voice {
                effect: Effect::Allow,
                layer,
                file,
                line: 0,
                column: 0,
                because,
                class: None,
                profile: None,
                opens: Opens::Yes,
            })
        })
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
