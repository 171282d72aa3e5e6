//! Facts for a question that take longer than the gate can wait: what a push would publish, what a reset would lose,
//! packages, destinations, what was decided before.
//!
//! All of it is looked up outside the sandbox, by a deadline, and nothing that the sandbox wrote is run: git gets a git
//! directory of its own with settings of its own (`git`), everything else is read as data. What can't be found out is
//! said to be not known.

mod destination;
mod destructive;
mod earlier;
mod files;
mod git;
mod locks;
mod marks;
mod options;
mod packages;
mod patch;
mod policies;
mod publish;
mod secrets;
mod specs;
mod tags;
#[cfg(test)]
mod tests;
mod wider;
mod words;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tollgate_deputy::repository;
use tollgate_policy::Policy;
use tollgate_policy::action::Action;
use tollgate_policy::evidence::Section;
use tollgate_policy::path::AbsPath;
use tollgate_policy::question::Question;
use tollgate_wire::ask::{Collect, History};

pub use policies::Means;
pub use secrets::found_in;
pub use wider::{Look, Wider};

/// Who collects.
pub struct Collector {
    /// The run's policy: what the sandbox can read.
    pub policy: Arc<Policy>,
    /// The workspace.
    pub workspace: AbsPath,
    /// Where the ledger is.
    pub state: PathBuf,
    /// Files that the run is for, as globs from the top of the repository; empty: all.
    pub scope: Vec<String>,
    /// Unix seconds when the run began.
    pub begun: i64,
    /// What a wider profile opens; none: it is not looked up.
    pub wider: Option<Look>,
    /// What a change of a policy means; none: it is not worked out.
    pub means: Option<Means>,
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector")
            .field("workspace", &self.workspace)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// One question's evidence, while it is collected.
pub(crate) struct Search<'a> {
    pub(crate) by: &'a Collector,
    pub(crate) until: Instant,
    pub(crate) found: Vec<Section>,
    /// Digest of what would be pushed, where the gate has made a copy of it.
    pub(crate) held: Option<String>,
}

impl Search<'_> {
    pub(crate) fn add(&mut self, section: Section) {
        self.found.push(section);
    }

    pub(crate) fn missing(&mut self, what: &str, why: impl std::fmt::Display) {
        self.found.push(Section::Missing { what: what.to_owned(), why: why.to_string() });
    }

    pub(crate) fn is_late(&self) -> bool {
        Instant::now() >= self.until
    }
}

impl Collect for Collector {
    fn wants(&self, question: &Question) -> bool {
        !matches!(question.action, Action::Call(_))
    }

    fn binds(&self, question: &Question) -> bool {
        let class = question.verdict.class.as_deref();
        matches!(&question.action, Action::Exec(exec) if words::kind(exec, class).is_some())
    }

    fn history(&self) -> History {
        earlier::history(&self.state)
    }

    fn collect(&self, question: &mut Question, until: Instant) {
        let held = question.evidence.iter().find_map(|section| {
            let Section::Note { label, text } = section else { return None };
            (label == repository::HELD).then(|| text.clone())
        });
        let mut search = Search { by: self, until, found: Vec::new(), held };
        let of_policy = question.verdict.class.as_deref() == Some(policies::CLASS);
        match &question.action {
            Action::Exec(exec) => match words::kind(exec, question.verdict.class.as_deref()) {
                Some(words::Kind::Push) => publish::push(exec, &mut search),
                Some(words::Kind::Destructive) => destructive::look(exec, &mut search),
                Some(words::Kind::Packages) => packages::look(exec, &mut search),
                None => {}
            },
            Action::Connect(connect) => destination::look(connect, &mut search),
            Action::Path(access) => {
                if of_policy {
                    policies::look(access, &question.evidence, &mut search);
                }
                files::look(access, &mut search);
            }
            Action::Call(_) | Action::Tool(_) => {}
        }
        wider::look(question, &mut search);
        let past = earlier::look(question, &mut search);
        question.evidence.append(&mut search.found);
        // the agent's own words come last
        question.evidence.sort_by_key(|section| matches!(section, Section::Says { .. }));
        question.offers.prefixes = earlier::offers(&self.policy, question, &past);
        // each change of a policy is looked at by itself
        question.offers.lasting = !of_policy;
    }
}
