//! What the gate knows of those who answer: it raises a question, is woken, and takes what became of it.

use std::os::fd::BorrowedFd;
use std::time::Instant;

use tollgate_policy::grant::Grant;
use tollgate_policy::question::{Approval, Question};
use tollgate_policy::review::Review;

/// Who is asked. The queue of `approve` is one; a refusal of everything (`--ci`) is another.
pub trait Asker {
    /// Whether a question is made ready first ([`Asker::prepare`]): evidence is to be collected for it.
    fn prepares(&self, question: &Question) -> bool {
        let _ = question;
        false
    }
    /// Whether an approval for more than once is held to evidence that is collected ([`Collect::binds`]).
    fn binds(&self, question: &Question) -> bool {
        let _ = question;
        false
    }
    /// Collects evidence for a question. [`Ended::Ready`] brings it back, also where not all could be found; until then
    /// it is shown to nobody.
    fn prepare(&mut self, question: Question) {
        let _ = question;
    }
    /// What people were asked in earlier runs, and how much of that was a test of attention. Read from the ledger: for
    /// runs whose policy opts in, once.
    fn history(&self) -> History {
        History::default()
    }
    /// Whether a reviewer looks at questions.
    fn reviews(&self) -> bool {
        false
    }
    /// Puts a question to the reviewer; [`Ended::Reviewed`] brings what it says.
    fn review(&mut self, question: Question) {
        let _ = question;
    }
    /// Puts a question to people. Its end arrives through [`Asker::take`].
    ///
    /// # Errors
    /// [`Unasked`] where nobody can be asked: the gate refuses at once.
    fn raise(&mut self, question: Question) -> Result<(), Unasked>;
    /// One more attempt, identical to an open question's, waits for its answer.
    fn joined(&mut self, question: &str, waiting: u32) {
        let _ = (question, waiting);
    }
    /// Readable when [`Asker::take`] has something (an eventfd); none if it never will.
    fn wakes(&self) -> Option<BorrowedFd<'_>>;
    /// What has ended since the last call; also clears the wake-up.
    fn take(&mut self) -> Vec<Ended>;
    /// The asker is gone (its process ended): the question is closed unanswered.
    fn withdraw(&mut self, question: &str);
    /// All grants that stand, whenever that changes: for those who list them.
    fn granted(&mut self, grants: &[Grant]) {
        let _ = grants;
    }
    /// Grants that were taken back since the last call; asked before any grant is used.
    fn revoked(&mut self) -> Vec<Revoked> {
        Vec::new()
    }
}

/// What people were asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct History {
    /// Questions put to people.
    pub asked: u64,
    /// Tests of attention besides.
    pub tests: u64,
}

/// Who collects evidence that takes longer than the gate can wait. It is asked from threads of its own.
pub trait Collect: Send + Sync {
    /// Whether there is something to be collected for this question; asked by the gate, so it answers at once.
    fn wants(&self, question: &Question) -> bool;
    /// Whether an approval for more than once is held to what is collected for it (commits, packages).
    fn binds(&self, question: &Question) -> bool;
    /// What people were asked in earlier runs.
    fn history(&self) -> History {
        History::default()
    }
    /// Adds facts and possible answers, by this time. What could not be found out is a
    /// [`Section::Missing`](tollgate_policy::evidence::Section::Missing).
    fn collect(&self, question: &mut Question, until: Instant);
}

/// The automatic reviewer. It is asked from threads of its own.
pub trait Reviews: Send + Sync {
    /// What it says of a question, within its own deadline.
    fn review(&self, question: &Question) -> Review;
}

/// A grant that was taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// The question whose answer opened it.
    pub question: String,
    /// Who took it back.
    pub by: String,
}

/// How a question ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It is ready: its evidence is there. Nobody has answered yet.
    Ready(Box<Question>),
    /// The reviewer looked at it. Nobody has answered yet.
    Reviewed {
        /// The question's id.
        question: String,
        /// What it says.
        review: Box<Review>,
    },
    /// Somebody answered, over a channel that proved who it is; the digest was checked against the question's.
    Answered(Approval),
    /// The deadline passed.
    Expired {
        /// The question's id.
        question: String,
    },
}

/// Nobody can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unasked(pub String);

impl std::fmt::Display for Unasked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unasked {}
