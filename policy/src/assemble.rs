//! Documents of all layers made one policy: profiles they extend are fetched, short forms resolved, rules filed.

use std::collections::BTreeSet;

use crate::boundary::Rights;
use crate::digest::sha256_hex;
use crate::hear::At;
use crate::hear::exec::ExecRules;
use crate::hear::net::{NetRules, UnixRules};
use crate::hear::path::{Granted, Granteds, PathRules};
use crate::hear::tool::ToolRules;
use crate::layer::{Bounds, Layer, clip};
use crate::path::AbsPath;
use crate::pattern::resolve;
use crate::place::Place;
use crate::policy::{Policy, Rules};
use crate::profile::document::{Reference, Spot};
use crate::profile::errors::{nearest, shown};
use crate::profile::{Document, Fault, Faults};

/// Profiles by name.
type Lookup<'l> = &'l dyn Fn(&str) -> Option<Document>;

impl Policy {
    /// All layers in one. `lookup` gives profiles by name, for `extends` and `profile`. A profile counts in the
    /// layer that names it. Among documents of one layer the order given is that of their `[[call]]` and
    /// `[[risk]]` lines; it matters for nothing else.
    ///
    /// # Errors
    /// [`Faults`]: a profile that doesn't exist, a loop, a table that its layer may not have.
    pub fn assemble(
        layers: Vec<(Layer, Document)>,
        lookup: &dyn Fn(&str) -> Option<Document>,
        place: &Place,
    ) -> Result<Self, Faults> {
        let mut gathering = Gathering { lookup, sources: Vec::new(), faults: Vec::new(), known: BTreeSet::new() };
        for (layer, document) in layers {
            gathering.given(layer, document);
        }
        let Gathering { mut sources, faults, .. } = gathering;
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        sources.sort_by_key(|(layer, _)| layer.rank());
        let digest = digest(&sources);
        let bounds = sources.iter().filter_map(|(layer, d)| Bounds::new(*layer, &d.envelope, place)).collect();
        Ok(Self { sources, bounds, place: place.clone(), digest, rules: Rules::default() })
    }

    pub(crate) fn exec_rules(&self) -> &ExecRules {
        self.rules.exec.get_or_init(|| ExecRules::new(self, self.each(|d| &d.commands[..])))
    }

    pub(crate) fn path_rules(&self) -> &PathRules {
        let globs = || self.each(|d| &d.paths[..]).flat_map(|(at, rule)| rule.paths.iter().map(move |glob| (at, glob)));
        self.rules.paths.get_or_init(|| PathRules::new(self, globs()))
    }

    pub(crate) fn roots(&self) -> &Granteds {
        self.rules.roots.get_or_init(|| Granteds::new(self.granted()))
    }

    pub(crate) fn net_rules(&self) -> &NetRules {
        let names = || self.each(|d| &d.nets[..]).flat_map(|(at, rule)| rule.names.iter().map(move |name| (at, name)));
        self.rules.nets.get_or_init(|| NetRules::new(names()))
    }

    pub(crate) fn unix_rules(&self) -> &UnixRules {
        self.rules.sockets.get_or_init(|| {
            let rules = self.each(|d| &d.sockets[..]);
            let granted = self.sources().flat_map(|(at, d)| d.network.unix.iter().map(move |glob| (at, glob)));
            UnixRules::new(self, rules.flat_map(|(at, r)| r.sockets.iter().map(move |s| (at, s))), granted)
        })
    }

    pub(crate) fn tool_rules(&self) -> &ToolRules {
        self.rules.tools.get_or_init(|| ToolRules::new(self.each(|d| &d.tools[..])))
    }

    /// All rules of one kind.
    fn each<'a, R: 'a>(&'a self, rules: fn(&Document) -> &[R]) -> impl Iterator<Item = (At, &'a R)> {
        self.sources().flat_map(move |(at, document)| {
            (0_u32..).zip(rules(document)).map(move |(rule, item)| (At { rule, ..at }, item))
        })
    }

    /// Roots of the layers that may grant, each clipped to the envelopes above it.
    fn granted(&self) -> Vec<Granted> {
        let mut granted = Vec::new();
        for (at, document) in self.sources().filter(|(at, _)| self.stand(*at).0.may_grant()) {
            let roots = &document.roots;
            let none = Rights::default();
            let kinds = [
                (&roots.read, Rights { read: true, ..none }),
                (&roots.exec, Rights { read: true, execute: true, ..none }),
                (&roots.write, Rights { read: true, execute: true, write: true, ..none }),
                (&roots.device, Rights { read: true, write: true, device: true, ..none }),
            ];
            for (paths, rights) in kinds {
                let paths = paths.iter().filter_map(|text| resolve(text, &self.place));
                granted.extend(paths.flat_map(|path| self.clipped(at, path, rights)));
            }
        }
        granted
    }

    /// What the envelopes above a source leave of a tree, right by right.
    pub(crate) fn clipped(&self, at: At, path: AbsPath, rights: Rights) -> Vec<Granted> {
        let rank = self.stand(at).0.rank();
        let above: Vec<&Bounds> = self.bounds.iter().filter(|bounds| bounds.rank < rank).collect();
        let source = at.source;
        if above.is_empty() {
            return vec![Granted { source, path, rights }];
        }
        let none = Rights::default();
        let read = Rights { read: true, ..none };
        let mut kept = Vec::new();
        let mut keep = |wanted: bool, rights: Rights, roots: fn(&Bounds) -> [Option<&Vec<AbsPath>>; 2]| {
            if wanted {
                let all = above.iter().flat_map(|bounds| roots(bounds));
                let trees = all.fold(vec![path.clone()], |trees, roots| clip(roots, trees));
                kept.extend(trees.into_iter().map(|path| Granted { source, path, rights }));
            }
        };
        keep(rights.read, read, |b| [b.read.as_ref(), None]);
        keep(rights.execute, Rights { execute: true, ..read }, |b| [b.read.as_ref(), b.exec.as_ref()]);
        if rights.device {
            keep(true, Rights { write: true, device: true, ..read }, |b| {
                [b.device.as_ref(), b.write.as_ref().filter(|_| b.device.is_none())]
            });
        } else {
            keep(rights.write, Rights { write: true, ..read }, |b| [b.read.as_ref(), b.write.as_ref()]);
        }
        kept
    }

    /// SHA-256 hex over all sources and their layers.
    #[must_use]
    pub fn digest(&self) -> String {
        self.digest.clone()
    }

    /// Seconds until silence refuses; the lowest of all layers, none where no layer says.
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        self.sources.iter().filter_map(|(_, document)| document.approvals.deadline).min()
    }

    /// Profiles in force, by name, each once.
    #[must_use]
    pub fn profiles(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.sources.iter().filter_map(|(_, document)| document.name.as_deref()) {
            if !names.iter().any(|known| known == name) {
                names.push(name.to_owned());
            }
        }
        names
    }

    /// Whether this executable is itself an agent (a harness), by any profile's `starters`.
    #[must_use]
    pub fn is_starter(&self, executable: &AbsPath) -> bool {
        let name = crate::seen::bytes_of_name(executable).unwrap_or_default();
        self.sources.iter().any(|(_, document)| crate::word::any_fits(&document.starters, name))
    }
}

fn digest(sources: &[(Layer, Document)]) -> String {
    let lines = sources.iter().map(|(layer, document)| {
        let granting = layer.may_grant();
        format!(
            "{} {granting} {} {}
",
            layer.rank(),
            document.sha256,
            document.source
        )
    });
    let text: String = lines.collect();
    sha256_hex(text.as_bytes())
}

/// Documents being gathered.
struct Gathering<'l> {
    lookup: Lookup<'l>,
    sources: Vec<(Layer, Document)>,
    faults: Vec<Fault>,
    /// Profiles that are known to exist.
    known: BTreeSet<String>,
}

impl Gathering<'_> {
    /// A document that stands in a layer by itself.
    fn given(&mut self, layer: Layer, document: Document) {
        if matches!(layer, Layer::Project { .. } | Layer::Contract) {
            for (line, key) in
                [(document.calls.first().map(|c| c.spot), "call"), (document.risks.first().map(|r| r.spot), "risk")]
            {
                if let Some(spot) = line {
                    let message = format!("a project's policy and a contract can't have [[{key}]]");
                    self.fault(&document.source, spot, (message, None));
                }
            }
        }
        self.gather(layer, document, &mut Vec::new());
    }

    /// What a document extends, then itself; each once a layer.
    fn gather(&mut self, layer: Layer, document: Document, path: &mut Vec<String>) {
        if self.sources.iter().any(|(l, d)| *l == layer && d.source == document.source && d.sha256 == document.sha256) {
            return;
        }
        path.extend(document.name.as_deref().map(str::to_owned));
        let whose = owner(&document);
        for reference in document.extends.iter() {
            if path.iter().any(|name| *name == reference.name) {
                let round = path.iter().map(String::as_str).chain([&*reference.name]).map(|n| format!("`{n}`")).collect::<Vec<_>>();
                let message = format!("{whose} extends itself: {}", round.join(" extends "));
                self.fault(&document.source, reference.spot, (message, None));
            } else if let Some(found) = self.find(&document, reference, &format!("{whose} extends")) {
                self.gather(layer, found, path);
            }
        }
        for reference in document.commands.iter().filter_map(|rule| rule.profile.as_ref()) {
            if !self.known.contains(&*reference.name) && layer != Layer::BuiltIn {
                self.find(&document, reference, &format!("a rule of {whose} names"));
            }
        }
        if document.name.is_some() {
            path.pop();
        }
        self.sources.push((layer, document));
    }

    fn find(&mut self, from: &Document, reference: &Reference, says: &str) -> Option<Document> {
        let found = (self.lookup)(&reference.name);
        if found.is_some() {
            self.known.insert(reference.name.to_string());
        } else {
            let message = format!("{says} `{}`, which does not exist", shown(&reference.name));
            let hint = self.near(&reference.name);
            self.fault(&from.source, reference.spot, (message, hint));
        }
        found
    }

    /// The nearest name that exists. `lookup` can't list, so the candidates are the wrong name's own neighbours:
    /// those that are known, and those made of it by swapping, dropping or doubling one letter.
    fn near(&self, wrong: &str) -> Option<String> {
        let known = nearest(wrong, self.known.iter().map(String::as_str));
        known.or_else(|| {
            let found = neighbours(wrong).into_iter().find(|name| (self.lookup)(name).is_some())?;
            Some(format!("did you mean `{found}`?"))
        })
    }

    fn fault(&mut self, file: &str, spot: Spot, (message, hint): (String, Option<String>)) {
        self.faults.push(Fault { file: file.to_owned(), spot, message, text: String::new(), hint });
    }
}

fn owner(document: &Document) -> String {
    match &document.name {
        Some(name) => format!("profile `{name}`"),
        None => "this policy".to_owned(),
    }
}

/// Every name at one edit from a wrong one.
fn neighbours(wrong: &str) -> Vec<String> {
    let letters: Vec<char> = wrong.chars().take(32).collect();
    let alphabet = ('a'..='z').chain('0'..='9').chain(['-']);
    let mut names = Vec::new();
    for at in 0..=letters.len() {
        let (front, back) = letters.split_at(at);
        let front: String = front.iter().collect();
        let rest = |skip: usize| back.iter().skip(skip).collect::<String>();
        if let [a, b, ..] = back {
            names.push(format!("{front}{b}{a}{}", rest(2)));
        }
        names.push(format!("{front}{}", rest(1)));
        for letter in alphabet.clone() {
            names.push(format!("{front}{letter}{}", rest(1)));
            names.push(format!("{front}{letter}{}", rest(0)));
        }
    }
    names
}
