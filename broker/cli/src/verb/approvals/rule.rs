//! A rule for the next time, from a question: the lines that would be added to the person's own policy, what they say, and
//! which decisions of the past would be others. Shown, never written: a rule is not one key's work.

use serde_json::{Value, json};
use tollgate_ledger::record::RunStarted;
use tollgate_policy::question::Question;
use tollgate_report::{Change, differ, meaning};
use tollgate_wire::{card, neutral};

use super::past;
use crate::args;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::layers::{self, Wanted};
use crate::place;
use crate::verb::policy::replay;
use crate::{time, ui};

/// A rule, and what it means.
pub(crate) struct Proposal {
    /// The file that it belongs in.
    file: String,
    /// What it is about.
    what: String,
    toml: String,
    /// What the file would say besides.
    says: Vec<String>,
    changes: Vec<Change>,
    judged: usize,
    /// Why it opens nothing: a floor asks, whatever a person allows.
    floor: String,
}

/// Shows it.
pub(super) fn rule(id: &str, effect: args::RuleEffect, json: args::Json) -> Outcome {
    let open = super::open()?.into_iter().find(|(_, question)| question.id == id).map(|(_, question)| question);
    let question = open.or_else(|| past::of(id).map(|past| past.question)).ok_or_else(|| super::absent(id))?;
    let proposal = Proposal::of(&question, effect)?;
    if json.json { ui::json(&proposal.as_json()) } else { ui::data(proposal.text()) }
}

impl Proposal {
    /// What would answer the question before it is asked.
    ///
    /// # Errors
    /// There is no rule for it, or the policies here can't be read.
    pub(crate) fn of(question: &Question, effect: args::RuleEffect) -> Result<Self, Failure> {
        let none = || {
            Failure::new(Exit::Failed, format!("there is no rule for `{}`", card::what(&question.action)))
                .hint("approve it with `--scope run`, or write one yourself: see `tollgate policy schema`")
        };
        let (what, toml) = tollgate_report::rule_for(&question.action).ok_or_else(none)?;
        let toml = match effect {
            args::RuleEffect::Allow => toml,
            args::RuleEffect::Deny if toml.contains("effect = \"allow\"") => {
                toml.replacen("effect = \"allow\"", "effect = \"deny\"", 1)
            }
            args::RuleEffect::Deny => return Err(none()),
        };
        let toml = toml.replace("approved each time", &format!("decided at {}", neutral::short(&question.id, 80)));
        let path = layers::person().ok_or_else(|| Failure::new(Exit::Failed, "there is no home for your policy"))?;
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let version = if before.trim().is_empty() { "version = 1\n\n" } else { "" };
        let toml = format!("{version}{toml}");
        // by itself: what is there holds already
        let alone = if version.is_empty() { format!("version = 1\n{toml}") } else { toml.clone() };
        let now = |started: &RunStarted| {
            replay::layers(Wanted::default(), started).and_then(|(layers, place)| layers.assemble(&place))
        };
        let after = |started: &RunStarted| {
            let (layers, place) = replay::layers(Wanted::default(), started)?;
            layers.with("the new rule", &alone)?.assemble(&place)
        };
        let (changes, judged) = match replay::all() {
            Ok(story) => differ(&story, (Some(&now), &after), time::now())?,
            Err(_) => (Vec::new(), 0),
        };
        let reason = &question.verdict.reason;
        let floor = if effect == args::RuleEffect::Allow && !reason.is_default() {
            format!(
                "{} asks whatever you allow: narrow that rule, or approve for longer with --scope",
                card::rule(reason)
            )
        } else {
            String::new()
        };
        let says = meaning::difference("version = 1\n", &alone);
        Ok(Self { file: place::shown(&path), what, toml, says, changes, judged, floor })
    }

    /// As a person reads it.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("to {}, so that nobody is asked to {}:\n\n", self.file, self.what);
        let mut add = |line: &str| ui::add(&mut text, format_args!("{}\n", line.trim_end()));
        for line in self.toml.lines() {
            add(&format!("+ {line}"));
        }
        add("\nwhat it says:");
        for line in &self.says {
            add(&format!("    {line}"));
        }
        add("what would be decided otherwise:");
        for line in meaning::flips(&self.changes, self.judged) {
            add(&format!("    {line}"));
        }
        if !self.floor.is_empty() {
            add(&format!("but {}", self.floor));
        }
        add("nothing was changed: add the lines yourself, then `tollgate policy check`");
        text
    }

    fn as_json(&self) -> Value {
        json!({
            "file": self.file, "what": self.what, "toml": self.toml, "says": self.says, "floor": self.floor,
            "replay": meaning::as_json(&self.changes, self.judged),
        })
    }
}
