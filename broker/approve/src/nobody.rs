//! Nobody to ask: each question is refused at once, with a reason (`--ci`).

use std::os::fd::BorrowedFd;

use tollgate_policy::question::Question;
use tollgate_wire::ask::{Asker, Ended, Unasked};

/// An asker that knows nobody.
#[derive(Debug, Clone)]
pub struct Nobody {
    reason: String,
}

impl Nobody {
    /// Refuses everything, for this reason (shown to the agent and written in the ledger).
    #[must_use]
    pub fn because(reason: &str) -> Self {
        Self { reason: reason.to_owned() }
    }
}

impl Asker for Nobody {
    fn raise(&mut self, _: Question) -> Result<(), Unasked> {
        Err(Unasked(self.reason.clone()))
    }

    fn wakes(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn take(&mut self) -> Vec<Ended> {
        Vec::new()
    }

    fn withdraw(&mut self, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::tests::question;

    #[test]
    fn nobody_refuses_at_once() {
        let mut nobody = Nobody::because("nobody can be asked in this run (--ci)");
        let refused = nobody.raise(question("r-1", 60_000));
        assert_eq!(refused, Err(Unasked("nobody can be asked in this run (--ci)".into())));
        assert!(nobody.take().is_empty());
    }
}
