//! Documents of all layers made one policy: profiles they extend are fetched, short forms resolved, rules filed.

use std::collections::BTreeSet;
use std::ops::Deref;
use std::sync::OnceLock;

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
use crate::profile::document::{Reference, Roots, Spot, Text};
use crate::profile::errors::{nearest, shown};
use crate::profile::{Document, Fault, Faults};
use crate::raw::Raw;
use crate::ready::{Given, Numbered, Ready, Shelf, Standing};

/// Profiles by name.
type Lookup<'l> = &'l dyn Fn(&str) -> Option<Given>;

/// A document of a policy.
#[derive(Debug)]
pub(crate) enum Source {
    /// Read at this launch.
    Read(Box<Document>),
    /// Part of the program, with its number on the shelf.
    Ready(u32, &'static Document),
}

impl Source {
    /// Its number on the shelf; none for what was read at this launch.
    pub(crate) const fn number(&self) -> Option<u32> {
        match self {
            Self::Read(_) => None,
            Self::Ready(number, _) => Some(*number),
        }
    }
}

impl Deref for Source {
    type Target = Document;
    fn deref(&self) -> &Document {
        match self {
            Self::Read(document) => document,
            Self::Ready(_, document) => document,
        }
    }
}

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
        let layers = layers.into_iter().map(|(layer, document)| (layer, document.into())).collect();
        Self::gather(layers, &|name| lookup(name).map(Given::from), place)
    }

    /// As [`Policy::assemble`], on profiles that are ready: a launch pays for what is added to them.
    ///
    /// # Errors
    /// As [`Policy::assemble`].
    pub fn assemble_ready(
        layers: Vec<(Layer, Given)>,
        lookup: &dyn Fn(&str) -> Option<&'static Ready>,
        place: &Place,
    ) -> Result<Self, Faults> {
        Self::gather(layers, &|name| lookup(name).map(Given::from), place)
    }

    fn gather(layers: Vec<(Layer, Given)>, lookup: Lookup<'_>, place: &Place) -> Result<Self, Faults> {
        let mut gathering =
            Gathering { lookup, sources: Vec::with_capacity(32), faults: Vec::new(), stack: None, shelf: None };
        for (layer, given) in layers {
            gathering.given(layer, given);
        }
        let Gathering { mut sources, faults, stack, shelf, .. } = gathering;
        if !faults.is_empty() {
            return Err(Faults(faults));
        }
        sources.sort_by_key(|(layer, _)| layer.rank());
        let bounds: Vec<Bounds> =
            sources.iter().filter_map(|(layer, d)| Bounds::new(*layer, &d.envelope, place)).collect();
        let standing = stack.and_then(|ready| Standing::find(ready, &sources));
        let (digest, rules) = (OnceLock::new(), Rules::default());
        Ok(Self { sources, bounds, place: place.clone(), standing, shelf, digest, rules })
    }

    pub(crate) fn exec_rules(&self) -> &ExecRules {
        self.rules.exec.get_or_init(|| {
            let number = |at: At| self.sources.get(at.source as usize).and_then(|(_, source)| source.number());
            let read = self.each(|d| &d.commands[..]).filter(|(at, _)| number(*at).is_none());
            let apart = self.shelf.into_iter().flat_map(|shelf| shelf.commands.apart.iter());
            let apart = apart.flat_map(|rule| self.shelved(*rule));
            let apart = apart.filter_map(|at| Some((at, self.document(at)?.commands.get(at.rule as usize)?)));
            ExecRules::new(self, read.chain(apart))
        })
    }

    /// Where a rule of a shipped profile stands: in each layer that holds the profile.
    pub(crate) fn shelved(&self, rule: Numbered) -> impl Iterator<Item = At> {
        let sources = (0_u32..).zip(&self.sources);
        let of_it = sources.filter(move |(_, (_, source))| source.number() == Some(rule.source));
        of_it.map(move |(source, _)| At { source, rule: rule.rule })
    }

    pub(crate) fn path_rules(&self) -> &PathRules {
        self.rules.paths.get_or_init(|| PathRules::new(self, self.path_globs()))
    }

    /// All globs of path rules, as written.
    pub(crate) fn path_globs(&self) -> impl Iterator<Item = (At, &Text)> {
        self.each(|d| &d.paths[..]).flat_map(|(at, rule)| rule.paths.iter().map(move |glob| (at, glob)))
    }

    pub(crate) fn roots(&self) -> &Granteds {
        self.rules.roots.get_or_init(|| Granteds::new(self.granted(self.sources(), &|_, _| true)))
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

    /// Roots of some sources that are `wanted`, where their layers may grant, each clipped to the envelopes above it.
    pub(crate) fn granted<'a>(
        &'a self,
        sources: impl Iterator<Item = (At, &'a Document)>,
        wanted: &dyn Fn(&str, Rights) -> bool,
    ) -> Vec<Granted> {
        let mut granted = Vec::new();
        for (at, document) in sources.filter(|(at, _)| self.stand(*at).0.may_grant()) {
            for (text, rights) in rooted(&document.roots).filter(|(text, rights)| wanted(text, *rights)) {
                let path = resolve(text, &self.place).into_iter();
                granted.extend(path.flat_map(|path| self.clipped(at, path, rights)));
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
        self.digest.get_or_init(|| digest(&self.sources)).clone()
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
        self.is_starting_name(name)
    }

    /// Whether a harness's profile is in force.
    #[must_use]
    pub fn has_starters(&self) -> bool {
        self.sources.iter().any(|(_, document)| !document.starters.is_empty())
    }

    /// Whether a command is such an agent: by its executable, or, where that runs JavaScript, by the file that it is given or
    /// the package (`node_modules/@scope/NAME`) in which that lies. Harnesses start themselves again in this way.
    #[must_use]
    pub fn is_starting(&self, executable: &AbsPath, argv: &[Raw]) -> bool {
        const RUNTIMES: [&[u8]; 4] = [b"node", b"nodejs", b"bun", b"deno"];
        let name = crate::seen::bytes_of_name(executable).unwrap_or_default();
        if self.is_starting_name(name) {
            return true;
        }
        let file = argv.iter().skip(1).map(Raw::bytes).find(|word| !word.starts_with(b"-"));
        let parts = || file.unwrap_or_default().split(|b| *b == b'/');
        let package =
            || parts().skip_while(|part| *part != b"node_modules").skip(1).find(|part| !part.starts_with(b"@"));
        RUNTIMES.contains(&name)
            && parts().next_back().into_iter().chain(package()).any(|part| self.is_starting_name(part))
    }

    fn is_starting_name(&self, name: &[u8]) -> bool {
        self.sources.iter().any(|(_, document)| crate::word::any_fits(&document.starters, name))
    }
}

fn digest(sources: &[(Layer, Source)]) -> String {
    let mut text = String::with_capacity(128 * sources.len());
    for (layer, document) in sources {
        let granting = if layer.may_grant() { "true" } else { "false" };
        for part in [&layer.rank().to_string(), " ", granting, " ", &document.sha256, " ", &document.source, "\n"] {
            text.push_str(part);
        }
    }
    sha256_hex(text.as_bytes())
}

/// Documents being gathered.
struct Gathering<'l> {
    lookup: Lookup<'l>,
    sources: Vec<(Layer, Source)>,
    faults: Vec<Fault>,
    /// The profile with which the person's layer began.
    stack: Option<&'static Ready>,
    /// Where shipped profiles come from.
    shelf: Option<&'static Shelf>,
}

impl Gathering<'_> {
    /// A document that stands in a layer by itself.
    fn given(&mut self, layer: Layer, given: Given) {
        if matches!(layer, Layer::Project { .. } | Layer::Contract) {
            let document = given.document();
            for (line, key) in [
                (document.calls.first().map(|c| c.spot), "[[call]]"),
                (document.risks.first().map(|r| r.spot), "[[risk]]"),
                (document.reviewer.as_ref().map(|r| r.spot), "[reviewer]"),
                (document.programs.first().map(|p| p.spot), "[[program]]"),
            ] {
                if let Some(spot) = line {
                    let message = format!("a project's policy and a contract can't have {key}");
                    self.fault(&document.source, spot, (message, None));
                }
            }
        }
        match given {
            // Where nothing else stands, gathering gives what the build found.
            Given::Ready(ready) if self.is_empty(layer) && self.is_of_one_shelf(ready) => {
                let documents = ready.shelf.documents;
                let source = |number: &u32| Some((layer, Source::Ready(*number, documents.get(*number as usize)?)));
                self.sources.extend(ready.chain.iter().filter_map(source));
                self.shelf = Some(ready.shelf);
                if layer == Layer::Person {
                    self.stack = Some(ready);
                }
            }
            Given::Ready(_) | Given::Read(_) => self.gather(layer, given, &mut Vec::new()),
        }
    }

    fn is_empty(&self, layer: Layer) -> bool {
        !self.sources.iter().any(|(of, _)| *of == layer)
    }

    /// Numbers on a shelf mean nothing on another.
    fn is_of_one_shelf(&self, ready: &Ready) -> bool {
        self.shelf.is_none_or(|known| std::ptr::eq(known, ready.shelf))
    }

    fn source(&mut self, given: Given) -> Source {
        match given {
            Given::Read(document) => Source::Read(document),
            // From another shelf it is as if it had been read.
            Given::Ready(ready) if !self.is_of_one_shelf(ready) => Source::Read(Box::new(ready.document.clone())),
            Given::Ready(ready) => {
                self.shelf = Some(ready.shelf);
                let is_it = |(_, document): &(u32, &'static Document)| std::ptr::eq(*document, ready.document);
                let found = (0_u32..).zip(ready.shelf.documents).find(is_it);
                found.map_or_else(|| Source::Read(Box::new(ready.document.clone())), |(n, d)| Source::Ready(n, d))
            }
        }
    }

    /// What a document extends, then itself; each once a layer.
    fn gather(&mut self, layer: Layer, given: Given, path: &mut Vec<Text>) {
        let source = self.source(given);
        let document = &*source;
        if self.sources.iter().any(|(l, d)| *l == layer && d.source == document.source && d.sha256 == document.sha256) {
            return;
        }
        path.extend(document.name.clone());
        for reference in document.extends.iter() {
            if path.contains(&reference.name) {
                let round = path.iter().chain([&reference.name]).map(|n| format!("`{n}`")).collect::<Vec<_>>();
                let message = format!("{} extends itself: {}", owner(document), round.join(" extends "));
                self.fault(&document.source, reference.spot, (message, None));
            } else if let Some(found) = self.find(document, reference, |whose| format!("{whose} extends")) {
                self.gather(layer, found, path);
            }
        }
        for reference in document.commands.iter().filter_map(|rule| rule.profile.as_ref()) {
            if layer != Layer::BuiltIn {
                self.find(document, reference, |whose| format!("a rule of {whose} names"));
            }
        }
        if document.name.is_some() {
            path.pop();
        }
        self.sources.push((layer, source));
    }

    fn find(&mut self, from: &Document, reference: &Reference, says: fn(String) -> String) -> Option<Given> {
        let found = (self.lookup)(&reference.name);
        if found.is_none() {
            let message = format!("{} `{}`, which does not exist", says(owner(from)), shown(&reference.name));
            let hint = self.near(from, &reference.name);
            self.fault(&from.source, reference.spot, (message, hint));
        }
        found
    }

    /// The nearest name that exists. `lookup` can't list, so the candidates are the names that are used elsewhere,
    /// and the wrong name's own neighbours: those made of it by swapping, dropping or doubling one letter.
    fn near(&self, from: &Document, wrong: &str) -> Option<String> {
        let documents = self.sources.iter().map(|(_, source)| &**source).chain([from]);
        let references =
            documents.flat_map(|d| d.extends.iter().chain(d.commands.iter().filter_map(|r| r.profile.as_ref())));
        let used: BTreeSet<&str> = references.map(|reference| &*reference.name).collect();
        let known = nearest(wrong, used.into_iter().filter(|name| (self.lookup)(name).is_some()));
        known.or_else(|| {
            let found = neighbours(wrong).into_iter().find(|name| (self.lookup)(name).is_some())?;
            Some(format!("did you mean `{found}`?"))
        })
    }

    fn fault(&mut self, file: &str, spot: Spot, (message, hint): (String, Option<String>)) {
        self.faults.push(Fault { file: file.to_owned(), spot, message, text: String::new(), hint });
    }
}

/// Roots as written, each with what it gives.
pub(crate) fn rooted(roots: &Roots) -> impl Iterator<Item = (&Text, Rights)> {
    let none = Rights::default();
    let kinds = [
        (&roots.read, Rights { read: true, ..none }),
        (&roots.exec, Rights { read: true, execute: true, ..none }),
        (&roots.write, Rights { read: true, execute: true, write: true, ..none }),
        (&roots.device, Rights { read: true, write: true, device: true, ..none }),
    ];
    kinds.into_iter().flat_map(|(paths, rights)| paths.iter().map(move |path| (path, rights)))
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
