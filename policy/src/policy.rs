//! The heart: checked rules of all layers, and their one verb [`Policy::judge`].

use std::sync::OnceLock;
use std::sync::atomic::AtomicU32;

use crate::action::Action;
use crate::assemble::Source;
use crate::digest::digest_of;
use crate::grant::Grants;
use crate::hear::exec::ExecRules;
use crate::hear::net::{NetRules, UnixRules};
use crate::hear::path::{Granteds, PathRules};
use crate::hear::tool::ToolRules;
use crate::hear::{At, Firm, Ground, Heard};
use crate::layer::Bounds;
pub use crate::layer::Layer;
use crate::place::Place;
use crate::profile::Document;
use crate::profile::document::{CallLine, Defaults, ProgramLine};
use crate::ready::{Shelf, Standing};
use crate::subject::Subject;
use crate::verdict::{Effect, Verdict};
use crate::word::any_fits;

/// Documents of all layers, resolved in a place and indexed.
#[derive(Debug)]
pub struct Policy {
    /// By layer, and within a layer what a document extends before itself.
    pub(crate) sources: Vec<(Layer, Source)>,
    pub(crate) bounds: Vec<Bounds>,
    pub(crate) place: Place,
    /// What the build prepared for these sources; none where they stand on nothing that is shipped.
    pub(crate) standing: Option<Standing>,
    /// Where shipped profiles come from; none where no source is one.
    pub(crate) shelf: Option<&'static Shelf>,
    pub(crate) digest: OnceLock<String>,
    pub(crate) rules: Rules,
}

/// The rules by kind, each with its index; filed when a kind is first asked for, so that a launch pays for what
/// it uses.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) exec: OnceLock<ExecRules>,
    pub(crate) paths: OnceLock<PathRules>,
    pub(crate) roots: OnceLock<Granteds>,
    /// How many questions about paths there were.
    pub(crate) asked: AtomicU32,
    pub(crate) nets: OnceLock<NetRules>,
    pub(crate) sockets: OnceLock<UnixRules>,
    pub(crate) tools: OnceLock<ToolRules>,
}

impl Policy {
    /// What policy concludes about one action. Total: any bytes get a verdict. `now_ms` is Unix time.
    ///
    /// An approval opens what asked for it and nothing else: it never lifts a deny, and it is for one run.
    #[must_use]
    pub fn judge(&self, subject: &Subject, action: &Action, grants: &Grants, now_ms: i64) -> Verdict {
        let heard = self.hear(action);
        let verdict = heard.verdict();
        match verdict.effect {
            Effect::Allow | Effect::Deny => verdict,
            Effect::Review | Effect::Ask => {
                let covering = grants.covering(subject, action, now_ms);
                match covering.into_iter().find(|grant| grant.knows(&heard)) {
                    Some(grant) => grant.lift(verdict),
                    None => verdict,
                }
            }
        }
    }

    /// Whether a layer that may grant says what becomes of paths that no rule speaks of. Where none does, the boundary's
    /// roots stand as they are and nobody is asked.
    #[must_use]
    pub fn speaks_of_other_paths(&self) -> bool {
        self.sources().any(|(at, document)| self.stand(at).0.may_grant() && document.defaults.path.is_some())
    }

    /// Files the rules that every run asks for first: for a moment in which there is nothing else to do.
    pub fn prepare(&self) {
        self.exec_rules();
    }

    /// All that speaks of an action, strictest first.
    pub(crate) fn hear(&self, action: &Action) -> Heard<'_> {
        let mut heard = match action {
            Action::Exec(exec) => self.hear_exec(exec),
            Action::Path(wanted) => self.hear_path(wanted),
            Action::Connect(wanted) => self.hear_connect(wanted),
            Action::Call(wanted) => self.hear_call(wanted),
            Action::Tool(wanted) => self.hear_tool(wanted),
        };
        heard.sort();
        heard
    }

    /// The default of one kind of action: the strictest of all layers that may grant, `usual` where they are
    /// silent; other layers can only make it stricter. A default looser than `usual` is a grant, so it counts
    /// only inside the envelopes above.
    pub(crate) fn ground(
        &self,
        what: &str,
        usual: Effect,
        says: impl Fn(&Defaults) -> Option<Effect>,
        inside: impl Fn(&Bounds) -> bool + Copy,
    ) -> Ground {
        let mut entitled: Option<(Effect, &str)> = None;
        let mut others: Option<(Effect, &str)> = None;
        for (at, document) in self.sources() {
            let Some(said) = says(&document.defaults) else {
                continue;
            };
            let kept = said >= usual || self.inside(at, inside);
            let effect = if kept { said } else { usual };
            let slot = if self.stand(at).0.may_grant() { &mut entitled } else { &mut others };
            if slot.is_none_or(|(before, _)| effect > before) {
                *slot = Some((effect, &document.source));
            }
        }
        let base = entitled.unwrap_or((usual, "what is built in"));
        let (effect, file) = others.filter(|(effect, _)| *effect > base.0).unwrap_or(base);
        let because = format!("no rule speaks of it, and the default for {what} is {effect} ({file})");
        Ground { effect, because, firm: Firm::No }
    }

    /// Whether an action keeps to every envelope above a source.
    pub(crate) fn inside(&self, at: At, holds: impl Fn(&Bounds) -> bool) -> bool {
        let rank = self.stand(at).0.rank();
        self.bounds.iter().filter(|bounds| bounds.rank < rank).all(holds)
    }

    /// Where a source stands, and its file. One that isn't there stands where nothing is granted.
    pub(crate) fn stand(&self, at: At) -> (Layer, &str) {
        let source = self.sources.get(at.source as usize);
        source.map_or((Layer::Contract, ""), |(layer, document)| (*layer, &*document.source))
    }

    pub(crate) fn document(&self, at: At) -> Option<&Document> {
        self.sources.get(at.source as usize).map(|(_, document)| &**document)
    }

    /// All sources; the rule's number is 0.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (At, &Document)> {
        let numbered = (0_u32..).zip(&self.sources);
        numbered.map(|(source, (_, document))| (At { source, rule: 0 }, &**document))
    }

    /// Lines of the system-call filter, first the one that decides first: a document's before those of what it
    /// extends, so that a wider profile can open a call. Only from layers that may grant. A document that stands in
    /// several layers decides where it comes first; its lines would say nothing new further down.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (At, &CallLine)> {
        let speaks = |(at, d): &(At, &Document)| !d.calls.is_empty() && self.stand(*at).0.may_grant();
        let mut last_first: Vec<(At, &Document)> = Vec::new();
        let entitled: Vec<_> = self.sources().filter(speaks).collect();
        for (at, document) in entitled.into_iter().rev() {
            if !last_first.iter().any(|(_, d)| d.source == document.source && d.sha256 == document.sha256) {
                last_first.push((at, document));
            }
        }
        last_first.into_iter().flat_map(|(at, document)| document.calls.iter().map(move |line| (at, line)))
    }

    /// The table of wrappers and interpreters; of layers that may grant.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &ProgramLine> {
        self.sources()
            .filter(|(at, _)| self.stand(*at).0.may_grant())
            .flat_map(|(_, document)| document.programs.iter())
    }

    /// Whether a variable may be set for a command without changing what it does, as far as layers that may grant say so.
    pub(crate) fn is_harmless(&self, name: &str) -> bool {
        let lists =
            self.sources().filter(|(at, _)| self.stand(*at).0.may_grant()).map(|(_, d)| &d.environment.harmless);
        lists.into_iter().any(|list| any_fits(list, name.as_bytes()))
    }

    /// The action's digest, as a question about it carries it.
    #[must_use]
    pub fn digest_of(action: &Action) -> String {
        digest_of(action)
    }
}
