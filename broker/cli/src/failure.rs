//! Why a verb did not do what it was told: what failed on what, the causes, the cure, and the exit code.

use std::error::Error;
use std::fmt::Display;

use crate::exit::Exit;

/// What every verb gives.
pub(crate) type Outcome = Result<Exit, Failure>;

/// One failure, to be rendered by `ui`.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) text: String,
    pub(crate) causes: Vec<String>,
    pub(crate) hint: Option<String>,
    /// Lines to be shown below, as they are.
    pub(crate) detail: String,
}

impl Failure {
    /// Says what failed, without causes.
    pub(crate) fn new(exit: Exit, text: impl Display) -> Self {
        Self { exit, text: text.to_string(), causes: Vec::new(), hint: None, detail: String::new() }
    }

    /// An error with its whole chain.
    pub(crate) fn of(exit: Exit, error: &dyn Error) -> Self {
        let causes = chain(error).skip(1);
        Self {
            exit,
            text: error.to_string(),
            causes: causes.map(ToString::to_string).collect(),
            hint: None,
            detail: String::new(),
        }
    }

    /// Adds a cause, and its own.
    pub(crate) fn because(mut self, cause: &dyn Error) -> Self {
        let causes = chain(cause);
        self.causes.extend(causes.map(ToString::to_string));
        self
    }

    /// Adds lines to be shown below.
    pub(crate) fn detail(mut self, detail: String) -> Self {
        self.detail = detail;
        self
    }

    /// Adds what to do.
    pub(crate) fn hint(mut self, hint: impl Display) -> Self {
        self.hint = Some(hint.to_string()).filter(|hint| !hint.is_empty());
        self
    }
}

/// An error and its causes, outermost first.
pub(crate) fn chain(error: &dyn Error) -> impl Iterator<Item = &dyn Error> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let this = next?;
        next = this.source();
        Some(this)
    })
}
