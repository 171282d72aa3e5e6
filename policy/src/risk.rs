//! How bad a thing could be, and the table behind `review`: class, risk, reversibility and authorisation to allow, ask or
//! deny. The lines are data, in profiles; what raises a risk is here.

use serde::{Deserialize, Serialize};

use crate::action::{Action, Target};
use crate::evidence::{Mark, Section};
use crate::path::AbsPath;
use crate::policy::Policy;
use crate::profile::document::{Reviewer, RiskLine};
use crate::question::{Authorised, Question, Reversible, Risk};
use crate::raw::Raw;
use crate::verdict::{Effect, Reason, Verdict};

/// What the risk table makes of a verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// Never [`Effect::Review`].
    pub effect: Effect,
    /// The line of the table, or the verdict's own reason.
    pub reason: Reason,
}

/// Classes whose effects stay. What has no class isn't known to be reversible either.
const LASTING: [&str; 3] = ["destructive", "publish", "credential"];

/// Classes that are never shown as a group, nor reviewed once for several.
const ALONE: [&str; 4] = ["destructive", "publish", "credential", "policy"];

/// For how long a question of high risk should be on screen before yes is possible, in milliseconds.
const PAUSE: u64 = 1500;

/// Open questions of a run where no layer says.
const OPEN: u64 = 64;

/// One case, as the table sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case<'a> {
    /// The rule's class.
    pub class: Option<&'a str>,
    /// How bad it could be.
    pub risk: Risk,
    /// Whether it could be undone.
    pub reversible: Reversible,
    /// Whether it was asked for.
    pub authorised: Authorised,
}

impl<'a> Case<'a> {
    /// Reads `CLASS RISK yes|partly|no AUTHORISED`; `-` is no class.
    #[must_use]
    pub fn read(text: &'a str) -> Option<Self> {
        let mut words = text.split(' ');
        let class = Some(words.next()?).filter(|class| *class != "-");
        let risk = match words.next()? {
            "low" => Risk::Low,
            "medium" => Risk::Medium,
            "high" => Risk::High,
            _ => return None,
        };
        let reversible = match words.next()? {
            "yes" => Reversible::Yes,
            "partly" => Reversible::Partly,
            "no" => Reversible::No,
            _ => return None,
        };
        let authorised = match words.next()? {
            "forbidden" => Authorised::Forbidden,
            "unsaid" => Authorised::Unsaid,
            "implied" => Authorised::Implied,
            "explicit" => Authorised::Explicit,
            _ => return None,
        };
        words.next().is_none().then_some(Self { class, risk, reversible, authorised })
    }

    /// What is known of a verdict by its class alone.
    #[must_use]
    pub fn of(verdict: &'a Verdict) -> Self {
        let class = verdict.class.as_deref();
        let (risk, reversible) = usual(class);
        Self { class, risk, reversible, authorised: Authorised::Unsaid }
    }

    /// What is known of a question.
    #[must_use]
    pub fn of_question(question: &'a Question) -> Self {
        Self {
            class: question.verdict.class.as_deref(),
            risk: question.risk,
            reversible: question.reversible,
            authorised: question.authorised,
        }
    }

    /// Whether a line of the table speaks of it.
    pub(crate) fn fits(&self, line: &RiskLine) -> bool {
        let undone = self.reversible != Reversible::No;
        line.class.as_deref().is_none_or(|wanted| Some(wanted) == self.class)
            && line.risk.is_none_or(|wanted| wanted == self.risk)
            && line.reversible.is_none_or(|wanted| wanted == undone)
            && line.authorised.is_none_or(|wanted| wanted == self.authorised)
    }
}

/// A class's risk and reversibility before any evidence.
fn usual(class: Option<&str>) -> (Risk, Reversible) {
    match class {
        Some("read") => (Risk::Low, Reversible::Yes),
        Some("install") => (Risk::Medium, Reversible::Partly),
        Some("credential" | "privilege" | "persistence") => (Risk::High, Reversible::No),
        Some("policy") => (Risk::High, Reversible::Partly),
        Some(class) if !LASTING.contains(&class) => (Risk::Medium, Reversible::Yes),
        Some(_) | None => (Risk::Medium, Reversible::No),
    }
}

impl Policy {
    /// `review` turned into allow, ask or deny by the first line of the table that fits; ask where none does.
    /// Other effects stay as they are. Lines count from layers that may grant, those above first.
    #[must_use]
    pub fn review(&self, verdict: &Verdict) -> Reviewed {
        self.review_case(verdict, &Case::of(verdict))
    }

    /// The same, with what the evidence says.
    #[must_use]
    pub fn review_question(&self, question: &Question) -> Reviewed {
        self.review_case(&question.verdict, &Case::of_question(question))
    }

    fn review_case(&self, verdict: &Verdict, case: &Case<'_>) -> Reviewed {
        if verdict.effect != Effect::Review {
            return Reviewed { effect: verdict.effect, reason: verdict.reason.clone() };
        }
        let (effect, reason) = self.table(case).unwrap_or_else(|| {
            let because = format!("no line of the risk table fits; {}", verdict.reason.because);
            (Effect::Ask, Reason { because, ..verdict.reason.clone() })
        });
        Reviewed { effect, reason }
    }

    /// What the table says of a case; none where no line fits.
    #[must_use]
    pub fn table(&self, case: &Case<'_>) -> Option<(Effect, Reason)> {
        let entitled = self.sources.iter().filter(|(layer, _)| layer.may_grant());
        let mut lines = entitled.flat_map(|(_, d)| d.risks.iter().map(move |line| (&*d.source, line)));
        let (file, line) = lines.find(|(_, line)| case.fits(line))?;
        let reason = Reason { file: file.to_owned(), line: line.spot.line, because: line.because.to_string() };
        Some((line.then, reason))
    }

    /// The reviewer that the highest layer names; none: rules and evidence alone.
    #[must_use]
    pub fn reviewer(&self) -> Option<&Reviewer> {
        let mut entitled = self.sources.iter().filter(|(layer, _)| layer.may_grant());
        entitled.find_map(|(_, document)| document.reviewer.as_ref())
    }

    /// How many questions of a run may be open: the lowest number of all layers.
    #[must_use]
    pub fn open_questions(&self) -> u64 {
        self.sources.iter().filter_map(|(_, document)| document.approvals.open).min().unwrap_or(OPEN)
    }

    /// How many of a hundred questions are tests of attention: only where a layer that may grant opts in.
    #[must_use]
    pub fn canaries(&self) -> u64 {
        let entitled = self.sources.iter().filter(|(layer, _)| layer.may_grant());
        entitled.filter_map(|(_, document)| document.approvals.canaries).max().unwrap_or(0).min(2)
    }

    /// Works out risk, reversibility, group, and which answers ask for more, from class and evidence.
    pub fn assess(&self, question: &mut Question) {
        let class = question.verdict.class.clone();
        let (usual, undone) = usual(class.as_deref());
        question.risk = question.evidence.iter().map(raised).max().unwrap_or(Risk::Low).max(usual);
        question.reversible = question.evidence.iter().filter_map(undoes).min_by_key(|it| *it).unwrap_or(undone);
        if matches!(class.as_deref(), Some("publish")) {
            question.reversible = Reversible::No;
            if question.evidence.iter().any(|section| matches!(section, Section::Packages(_))) {
                question.risk = Risk::High;
            }
        }
        question.group = group(question);
        question.tests = self.canaries();
        let grave = question.risk == Risk::High;
        question.offers.pause = if grave { PAUSE } else { 0 };
        question.offers.confirm =
            if grave && question.reversible == Reversible::No { target(question) } else { String::new() };
        let two = |class: &str| {
            self.sources.iter().any(|(_, document)| document.approvals.two.iter().any(|wanted| wanted == class))
        };
        question.approvers.needed = if class.as_deref().is_some_and(two) { 2 } else { 1 };
        if question.approvers.needed > 1 {
            question.offers.lasting = false;
            question.offers.prefixes.clear();
        }
    }
}

/// How bad a section alone makes it.
fn raised(section: &Section) -> Risk {
    match section {
        Section::Secrets(secrets) if !secrets.found.is_empty() => Risk::High,
        Section::Diff(diff) => {
            let marks = || diff.files.iter().flat_map(|file| &file.marks);
            if marks().any(|mark| matches!(mark, Mark::Ci | Mark::Hook | Mark::Secret)) {
                Risk::High
            } else if marks().any(|mark| *mark == Mark::OutsideScope) {
                Risk::Medium
            } else {
                Risk::Low
            }
        }
        Section::Commits(commits) if commits.title.contains("unreachable on the other side") => Risk::High,
        Section::Executable(it) if it.changeable => Risk::Medium,
        Section::Destination(to) if to.first_time == Some(true) => Risk::Medium,
        Section::Packages(packages) if packages.list.iter().any(|package| package.scripts == Some(true)) => {
            Risk::Medium
        }
        Section::Missing { .. } => Risk::Medium,
        Section::Secrets(_)
        | Section::Commits(_)
        | Section::Executable(_)
        | Section::Destination(_)
        | Section::Packages(_)
        | Section::Note { .. }
        | Section::Meaning { .. }
        | Section::Opens(_)
        | Section::Refused { .. }
        | Section::File(_)
        | Section::Readable { .. }
        | Section::Recovery { .. }
        | Section::Earlier(_)
        | Section::Review { .. }
        | Section::Says { .. } => Risk::Low,
    }
}

/// Whether a section says how it could be undone. What could not be looked at is not known to be.
fn undoes(section: &Section) -> Option<Reversible> {
    let Section::Recovery { command, .. } = section else { return None };
    Some(if command.is_empty() { Reversible::No } else { Reversible::Partly })
}

/// Class, rule and root; empty where it stays alone.
fn group(question: &Question) -> String {
    let class = question.verdict.class.as_deref().unwrap_or("-");
    if ALONE.contains(&class) || question.approvers.needed > 1 {
        return String::new();
    }
    let root = match &question.action {
        Action::Exec(exec) => exec.image.executable.as_ref().map(shown).unwrap_or_default(),
        Action::Path(access) => access.path.as_path().parent().map(|at| at.display().to_string()).unwrap_or_default(),
        Action::Connect(connect) => match &connect.target {
            Target::Name(name) => name.rsplitn(3, '.').take(2).collect::<Vec<_>>().join("."),
            Target::Address(address) => address.to_string(),
            Target::Unix(_) | Target::Abstract(_) => "unix".to_owned(),
        },
        Action::Call(_) => String::new(),
        Action::Tool(tool) => tool.server.clone(),
    };
    let reason = &question.verdict.reason;
    format!("{class} {}:{} {root}", reason.file, reason.line)
}

fn shown(path: &AbsPath) -> String {
    path.as_path().display().to_string()
}

/// The word that is typed before something grave is approved.
fn target(question: &Question) -> String {
    let of_evidence = question.evidence.iter().find_map(|section| {
        if let Section::Packages(packages) = section {
            packages.list.first().map(|package| package.name.clone())
        } else if let Section::Destination(to) = section {
            to.name.split(' ').next().map(str::to_owned)
        } else {
            None
        }
    });
    let of_action = || match &question.action {
        Action::Exec(exec) => exec.argv.first().and_then(Raw::text).map(|zero| last(zero).to_owned()),
        Action::Path(access) => Some(last(&shown(&access.path)).to_owned()),
        Action::Connect(_) | Action::Call(_) => None,
        Action::Tool(tool) => Some(tool.tool.clone()),
    };
    let plain =
        |word: &String| !word.is_empty() && word.len() <= 100 && word.bytes().all(|byte| byte.is_ascii_graphic());
    of_evidence.filter(plain).or_else(of_action).filter(plain).unwrap_or_default()
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
