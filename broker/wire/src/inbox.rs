//! The open questions of all runs of this person, in one list; and the way back to each run with an answer.

use std::path::{Path, PathBuf};

use tollgate_policy::grant::Grant;
use tollgate_policy::question::Question;

use crate::client::{Client, ClientFault, Reaction, Taken};
use crate::socket::Sockets;

/// What waits for a person, from wherever it is seen: the page, the terminal.
pub trait Desk: Send + Sync {
    /// All open questions, oldest first.
    fn look(&self) -> Look;
    /// Gives an answer to a question of this run.
    ///
    /// # Errors
    /// [`ClientFault::Refused`] says why it was not taken; all others mean that it did not arrive.
    fn answer(&self, run: &str, reaction: &Reaction<'_>) -> Result<Taken, ClientFault>;
    /// Notes that somebody looks at a question in full.
    fn open(&self, run: &str, question: &str);
    /// What earlier answers opened and still stands, in all runs.
    fn grants(&self) -> Vec<Grant>;
    /// Takes back what the answer to a question opened.
    ///
    /// # Errors
    /// [`ClientFault::Refused`] where there is no such grant.
    fn revoke(&self, run: &str, question: &str) -> Result<(), ClientFault>;
}

/// What is open, and what could not be asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Look {
    /// Open questions, oldest first.
    pub questions: Vec<Question>,
    /// Runs that can be asked, by name: those that had a question at some time.
    pub runs: Vec<String>,
    /// Why a folder or a run could not be asked, a line each.
    pub faults: Vec<String>,
}

/// The sockets of all runs in some folders.
#[derive(Debug, Clone)]
pub struct Inbox {
    folders: Vec<PathBuf>,
}

impl Inbox {
    /// Of these folders (`Places::all_sockets`).
    #[must_use]
    pub const fn of(folders: Vec<PathBuf>) -> Self {
        Self { folders }
    }

    /// The folders.
    #[must_use]
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Asks a run, in whichever folder it is.
    fn ask<T>(&self, run: &str, ask: impl Fn(&Client) -> Result<T, ClientFault>) -> Result<T, ClientFault> {
        let mut last = ClientFault::Gone;
        for folder in &self.folders {
            match client(folder, run).and_then(|client| ask(&client)) {
                Err(ClientFault::Gone) => {}
                Err(fault @ ClientFault::Folder(_)) => last = fault,
                other => return other,
            }
        }
        Err(last)
    }

    fn look_into(folder: &Path, look: &mut Look) {
        let sockets = match Sockets::visit(folder) {
            Ok(Some(sockets)) => sockets,
            Ok(None) => return,
            Err(unfit) => return look.faults.push(chain(&unfit)),
        };
        let runs = match sockets.runs() {
            Ok(runs) => runs,
            Err(e) => return look.faults.push(format!("can't list `{}`: {e}", folder.display())),
        };
        for run in runs {
            let asked = client(folder, &run).and_then(|client| client.questions());
            match asked {
                Ok(questions) => {
                    look.questions.extend(questions.into_iter().filter(|question| question.run == run));
                    look.runs.push(run);
                }
                Err(ClientFault::Gone) => sockets.remove(&run),
                Err(fault) => look.faults.push(format!("run {run}: {}", chain(&fault))),
            }
        }
    }
}

impl Desk for Inbox {
    fn look(&self) -> Look {
        let mut look = Look::default();
        for folder in &self.folders {
            Self::look_into(folder, &mut look);
        }
        look.questions.sort_by_key(|question| question.asked_at);
        look
    }

    fn answer(&self, run: &str, reaction: &Reaction<'_>) -> Result<Taken, ClientFault> {
        self.ask(run, |client| client.answer(reaction.clone()))
    }

    fn open(&self, run: &str, question: &str) {
        // It is for the numbers on approvers only.
        self.ask(run, |client| client.show(question)).ok();
    }

    fn grants(&self) -> Vec<Grant> {
        let runs = self.folders.iter().filter_map(|folder| Sockets::visit(folder).ok()??.runs().ok()).flatten();
        runs.filter_map(|run| self.ask(&run, Client::grants).ok()).flatten().collect()
    }

    fn revoke(&self, run: &str, question: &str) -> Result<(), ClientFault> {
        self.ask(run, |client| client.revoke(question))
    }
}

fn client(folder: &Path, run: &str) -> Result<Client, ClientFault> {
    let sockets = Sockets::visit(folder).map_err(ClientFault::Folder)?.ok_or(ClientFault::Gone)?;
    Client::of_run(sockets, run)
}

fn chain(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut next = fault.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
