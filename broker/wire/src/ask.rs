//! What the gate knows of those who answer: it raises a question, is woken, and takes what became of it.

use std::os::fd::BorrowedFd;

use tollgate_policy::question::{Approval, Question};

/// Who is asked. The queue of `approve` is one; a refusal of everything (`--ci`) is another.
pub trait Asker {
    /// Puts a question. Its end arrives through [`Asker::take`].
    ///
    /// # Errors
    /// [`Unasked`] where nobody can be asked: the gate refuses at once.
    fn raise(&mut self, question: Question) -> Result<(), Unasked>;
    /// Readable when [`Asker::take`] has something (an eventfd); none if it never will.
    fn wakes(&self) -> Option<BorrowedFd<'_>>;
    /// What has ended since the last call; also clears the wake-up.
    fn take(&mut self) -> Vec<Ended>;
    /// The asker is gone (its process ended): the question is closed unanswered.
    fn withdraw(&mut self, question: &str);
}

/// How a question ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
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
