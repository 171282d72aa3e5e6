//! What approvals opened, for one run.

use serde::{Deserialize, Serialize};

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
}

/// All grants of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    list: Vec<Grant>,
}

impl Grants {
    /// Adds one that [`crate::Policy::grant`] made.
    pub fn add(&mut self, grant: Grant) {
        self.list.push(grant);
    }

    /// Takes away the grant of `question` if it was for once.
    pub fn spend(&mut self, question: &str) {
        self.list
            .retain(|g| !(g.question == question && matches!(g.covers, Covers::Once(_))));
    }
}
