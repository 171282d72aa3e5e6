//! What approvals opened, for one run. A grant is never wider than its question: it covers the exact action, or
//! commands with the same first words at which no other rule asks.

use std::cell::LazyCell;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::{Action, Exec, Form};
use crate::digest::{digest_of, sealed};
use crate::hear::Heard;
use crate::path::AbsPath;
use crate::policy::Policy;
use crate::question::{Answer, Approval, Bound, Question, Scope};
use crate::raw::Raw;
use crate::seen::{Seen, base};
use crate::subject::Subject;
use crate::verdict::{Effect, Reason, Verdict};
use crate::word::any_fits;

/// What one approval opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The run that it is for.
    pub run: String,
    /// The question that was answered.
    pub question: String,
    /// What it covers.
    pub covers: Covers,
    /// Unix milliseconds after which it is over; none for the rest of the run.
    pub until: Option<i64>,
    /// How often it may still be used; none for any number of times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses: Option<u32>,
    /// What the question was bound to. An exact grant stands only while evidence and policy are the same.
    #[serde(default)]
    pub bound: Bound,
    /// Who gave it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// What ran then; a prefix covers no other executable.
    pub executable: Option<AbsPath>,
    /// Rules (file, line) that asked then: an action at which another rule asks is asked anew.
    pub rules: Vec<(String, u32)>,
}

/// What a grant covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covers {
    /// One attempt of the exact action; who let it through takes it away with [`Grants::spend`].
    Once(String),
    /// The exact action.
    Digest(String),
    /// Commands whose argv starts with these words.
    Prefix(Vec<String>),
    /// One attempt of a command that was asked about before it was started.
    Ahead(Box<Ahead>),
}

/// A command as it was foreseen: what comes later is covered if it is this one, to the last byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// Its words.
    pub argv: Vec<Raw>,
    /// Where.
    pub cwd: AbsPath,
    /// The script, where one is run.
    pub script: Option<AbsPath>,
    /// SHA-256 of the executable, or of the script where one is run, hex.
    pub sha256: String,
    /// SHA-256 of each fact that was shown, hex: what is found later must be among them.
    pub facts: Vec<String>,
}

/// All grants of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    list: Vec<Grant>,
}

/// Why an approval makes no grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantFault {
    /// Another question, or another digest.
    OtherAction,
    /// After the deadline.
    Late,
    /// The scope ends before it begins.
    Over,
    /// A prefix that isn't the start of the question's argv, or is empty, or for no command.
    OtherPrefix,
    /// A prefix for a shell, an interpreter, a runner, a wrapper, or an image that isn't plain.
    ExactOnly,
}

impl fmt::Display for GrantFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherAction => "the answer is for another action than the question's",
            Self::Late => "the question's deadline has passed",
            Self::Over => "the approval would end before it begins",
            Self::OtherPrefix => "the prefix is not the start of the question's command",
            Self::ExactOnly => "this program runs what its arguments say, so only the exact command can be approved",
        })
    }
}

impl std::error::Error for GrantFault {}

impl Grant {
    /// Whether it covers one action, whatever rules ask about that.
    fn is_exact(&self) -> bool {
        matches!(self.covers, Covers::Once(_) | Covers::Digest(_))
    }

    /// Whether every rule that asks now asked when the grant was made.
    pub(crate) fn knows(&self, heard: &Heard<'_>) -> bool {
        self.is_exact() || asking(heard).iter().all(|rule| self.rules.contains(rule))
    }

    /// The verdict once the grant has opened it; class and wider profile stay.
    pub(crate) fn lift(&self, verdict: Verdict) -> Verdict {
        let because = format!("approved in {}; {}", self.question, verdict.reason.because);
        let reason = Reason { file: format!("grant:{}", self.question), line: 0, because };
        Verdict { effect: Effect::Allow, reason, ..verdict }
    }

    /// Whether what is bound now is what was approved. A prefix is bound to its executable and rules, and to the policy.
    #[must_use]
    pub fn stands(&self, now: &Bound) -> bool {
        let same_policy = self.bound.policy == now.policy;
        match self.covers {
            Covers::Prefix(_) | Covers::Ahead(_) => same_policy,
            Covers::Once(_) | Covers::Digest(_) => {
                let held = self.bound.held.is_empty() || self.bound.held == now.held;
                let known = now.lasting.iter().all(|fact| self.bound.lasting.contains(fact));
                same_policy && known && held
            }
        }
    }

    fn covers(&self, action: &Action, digest: &mut Option<String>) -> bool {
        match &self.covers {
            Covers::Once(covered) | Covers::Digest(covered) => {
                digest.get_or_insert_with(|| digest_of(action)) == covered
            }
            Covers::Prefix(words) => match action {
                Action::Exec(exec) => {
                    starts_with(exec, words) && is_plain(exec) && exec.image.executable == self.executable
                }
                Action::Path(_) | Action::Connect(_) | Action::Call(_) | Action::Tool(_) => false,
            },
            Covers::Ahead(ahead) => match action {
                Action::Exec(exec) => ahead.is(exec) && exec.image.executable == self.executable,
                Action::Path(_) | Action::Connect(_) | Action::Call(_) | Action::Tool(_) => false,
            },
        }
    }

    /// Whether all that was collected for a question was shown when this was given.
    fn has_shown(&self, question: &Question) -> bool {
        let Covers::Ahead(ahead) = &self.covers else { return true };
        let collected = question.evidence.iter().filter(|fact| fact.binds() && !fact.is_of_the_gate());
        collected.map(sealed).all(|fact| ahead.facts.contains(&fact))
    }
}

impl Ahead {
    fn is(&self, exec: &Exec) -> bool {
        let script = match &exec.image.form {
            Form::Native => None,
            Form::Script { script: Some(script) } => Some(script),
            Form::Script { script: None } | Form::Loader { .. } => return false,
        };
        let content = exec.image.sha256.as_ref() == Some(&self.sha256);
        content && script == self.script.as_ref() && exec.argv == self.argv && exec.cwd == self.cwd
    }
}

/// Rules that ask, and the default where it does.
fn asking(heard: &Heard<'_>) -> Vec<(String, u32)> {
    let floors = heard.voices.iter().filter(|voice| voice.effect > Effect::Allow);
    let mut rules: Vec<(String, u32)> = floors.map(|voice| (voice.file.to_owned(), voice.line)).collect();
    if rules.is_empty() {
        rules.push(("default".to_owned(), 0));
    }
    rules
}

impl Grants {
    /// Adds one that [`Policy::grant`] made.
    pub fn add(&mut self, grant: Grant) {
        self.list.push(grant);
    }

    /// Counts one use of the grant of `question`; it is gone with its last.
    pub fn spend(&mut self, question: &str) {
        for grant in self.list.iter_mut().filter(|grant| grant.question == question) {
            grant.uses = grant.uses.map(|left| left.saturating_sub(1));
        }
        let spent = |g: &Grant| matches!(g.covers, Covers::Once(_)) || g.uses == Some(0);
        self.list.retain(|g| !(g.question == question && spent(g)));
    }

    /// Takes the grant of `question` back.
    pub fn revoke(&mut self, question: &str) {
        self.list.retain(|grant| grant.question != question);
    }

    /// All of them, oldest first.
    #[must_use]
    pub fn all(&self) -> &[Grant] {
        &self.list
    }

    /// Grants that cover this action of this run now.
    #[must_use]
    pub fn covering(&self, subject: &Subject, action: &Action, now_ms: i64) -> Vec<&Grant> {
        let mut digest = None;
        let ours = self.list.iter().filter(|grant| grant.run == subject.run);
        let live = ours.filter(|grant| grant.until.is_none_or(|until| now_ms < until));
        live.filter(|grant| grant.covers(action, &mut digest)).collect()
    }
}

impl Policy {
    /// The grant that an approval of a question makes at `now_ms` (Unix time); none where the answer is no.
    ///
    /// # Errors
    /// [`GrantFault`] where the answer is for another action, too late, or wider than it may be.
    pub fn grant(&self, question: &Question, approval: &Approval, now_ms: i64) -> Result<Option<Grant>, GrantFault> {
        let digest = digest_of(&question.action);
        if approval.question != question.id || approval.digest != question.digest || !question.is_sealed() {
            return Err(GrantFault::OtherAction);
        }
        let scope = match &approval.answer {
            Answer::Deny | Answer::DenyRun | Answer::StopRun => return Ok(None),
            Answer::Approve(scope) => scope,
        };
        if now_ms > question.deadline {
            return Err(GrantFault::Late);
        }
        let (covers, until, uses) = match scope {
            Scope::Once => (Covers::Once(digest), None, None),
            Scope::Run => (Covers::Digest(digest), None, None),
            Scope::Until(until) if *until <= now_ms => return Err(GrantFault::Over),
            Scope::Until(until) => (Covers::Digest(digest), Some(*until), None),
            Scope::Uses(0) => return Err(GrantFault::Over),
            Scope::Uses(uses) => (Covers::Digest(digest), None, Some(*uses)),
            Scope::Prefix(words) => {
                self.prefix(&question.action, words)?;
                (Covers::Prefix(words.clone()), None, None)
            }
        };
        let rules = asking(&self.hear(&question.action));
        let executable = match &question.action {
            Action::Exec(exec) => exec.image.executable.clone(),
            Action::Path(_) | Action::Connect(_) | Action::Call(_) | Action::Tool(_) => None,
        };
        let (run, mut bound, by) = (question.run.clone(), question.bound.clone(), approval.by.clone());
        if matches!(question.action, Action::Path(_)) && *scope != Scope::Once {
            // the content that was shown is that of the first time
            bound.held.clear();
        }
        Ok(Some(Grant { run, question: question.id.clone(), covers, until, uses, bound, by, executable, rules }))
    }

    /// The grant that a yes to this question makes for the run of the call that it was asked ahead of: for one attempt of
    /// this command with this content, where no other rule asks and nothing is found that was not shown. None for what
    /// is no command with a known content.
    #[must_use]
    pub fn grant_ahead(&self, question: &Question, by: &str) -> Option<Grant> {
        let Action::Exec(exec) = &question.action else { return None };
        let script = match &exec.image.form {
            Form::Native => None,
            Form::Script { script } => Some(script.clone()?),
            Form::Loader { .. } => return None,
        };
        let shown = question.evidence.iter().filter(|fact| fact.binds());
        let ahead = Ahead {
            argv: exec.argv.clone(),
            cwd: exec.cwd.clone(),
            script,
            sha256: exec.image.sha256.clone()?,
            facts: shown.map(sealed).collect(),
        };
        Some(Grant {
            run: question.run.clone(),
            question: question.id.clone(),
            covers: Covers::Ahead(Box::new(ahead)),
            until: None,
            uses: Some(1),
            bound: question.bound.clone(),
            by: by.to_owned(),
            executable: exec.image.executable.clone(),
            rules: asking(&self.hear(&question.action)),
        })
    }

    /// The grant that answers a question that would be asked: it covers the action, and what it was bound to is the same.
    #[must_use]
    pub fn answered<'g>(
        &self,
        subject: &Subject,
        question: &Question,
        grants: &'g Grants,
        now_ms: i64,
    ) -> Option<&'g Grant> {
        if question.verdict.effect == Effect::Deny {
            return None;
        }
        // of the run's hundreds of grants most are exact, and hearing takes longer than all else here
        let heard = LazyCell::new(|| self.hear(&question.action));
        let covering = grants.covering(subject, &question.action, now_ms);
        covering.into_iter().find(|grant| {
            grant.stands(&question.bound) && grant.has_shown(question) && (grant.is_exact() || grant.knows(&heard))
        })
    }

    /// Whether an answer to this question may be this prefix.
    #[must_use]
    pub fn may_be_prefix(&self, action: &Action, words: &[String]) -> bool {
        self.prefix(action, words).is_ok()
    }

    /// Whether an answer to this action may be a prefix. The list of programs for which it may not is data
    /// (`approvals.exact`); where no layer has one, it may for none.
    fn prefix(&self, action: &Action, words: &[String]) -> Result<(), GrantFault> {
        let Action::Exec(exec) = action else {
            return Err(GrantFault::OtherPrefix);
        };
        if words.is_empty() || !starts_with(exec, words) {
            return Err(GrantFault::OtherPrefix);
        }
        let exact = || self.sources.iter().flat_map(|(_, document)| document.approvals.exact.iter());
        let listed = |name: &[u8]| exact().any(|program| any_fits(std::slice::from_ref(program), name));
        let seen = Seen::new(exec);
        if exact().next().is_none() || !is_plain(exec) || seen.names.iter().any(|name| listed(name)) {
            return Err(GrantFault::ExactOnly);
        }
        Ok(())
    }
}

fn starts_with(exec: &Exec, words: &[String]) -> bool {
    words.len() <= exec.argv.len() && words.iter().zip(&exec.argv).all(|(want, word)| want.as_bytes() == word.bytes())
}

/// A binary that runs as itself, under its own name, and that nobody inside can change.
fn is_plain(exec: &Exec) -> bool {
    let name = exec.image.executable.as_ref().and_then(crate::seen::bytes_of_name);
    let zero = exec.argv.first().map(Raw::bytes).map(base);
    exec.image.form == Form::Native && !exec.image.writable && name.is_some() && name == zero
}
