//! Facts that the broker collected itself, for whoever answers a question: one variant a kind of fact.
//!
//! All text in here may have been written by the sandbox: it is data, and every channel shows it neutralised
//! (`tollgate_wire::card`).

use serde::{Deserialize, Serialize};

/// One section of a question's evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Section {
    /// A single fact that has no section of its own.
    Note {
        /// One or two words.
        label: String,
        /// The fact.
        text: String,
    },
    /// The program that would run.
    Executable(Executable),
    /// What a yes opens, and nothing else.
    Opens(Opens),
    /// What the boundary refused of the same effect before.
    Refused {
        /// One line each, newest first.
        walls: Vec<String>,
    },
    /// A path that is to be written, or removed.
    File(File),
    /// Changes of content.
    Diff(Diff),
    /// What a change of policy means.
    Meaning {
        /// Statements that it makes besides (`+ …`), and no more (`- …`).
        says: Vec<String>,
        /// Past decisions that would be others, the sum last.
        flips: Vec<String>,
    },
    /// Commits that would be published, or become unreachable.
    Commits(Commits),
    /// Where something goes.
    Destination(Destination),
    /// What looks like a secret in what would leave.
    Secrets(Secrets),
    /// Packages that would be installed or published.
    Packages(Packages),
    /// Secrets that the process can read, by path.
    Readable {
        /// Paths.
        paths: Vec<String>,
    },
    /// How it could be undone; empty where it can't be.
    Recovery {
        /// The command, as one line.
        command: String,
        /// What it brings back, and what not.
        note: String,
    },
    /// What was decided before in like cases.
    Earlier(Earlier),
    /// What the automatic reviewer found, and why it did not decide.
    Review {
        /// Who reviewed: `rules`, or the reviewer's name.
        by: String,
        /// Its verdict in a word, or `review_failed`.
        verdict: String,
        /// Why. Written by a model: as untrusted as the rest.
        rationale: String,
        /// Short codes of what it saw.
        codes: Vec<String>,
    },
    /// A fact that could not be collected, and why: what is not shown is not known to be harmless.
    Missing {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The agent's own words, of `tollgate request`. Always last, always marked "agent says".
    Says {
        /// What it says.
        text: String,
    },
}

/// The program that would run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executable {
    /// Its resolved path; empty for an image without a name.
    pub path: String,
    /// Its owner and group.
    pub uid: u32,
    /// See `uid`.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
    /// SHA-256 of its content (a script's own), hex; empty where it was not read.
    pub sha256: String,
    /// The script that it runs, where it is an interpreter for one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub script: String,
    /// The loader that was told to run it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub loader: String,
    /// Whether the sandbox can change it.
    pub changeable: bool,
}

/// What a yes opens.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opens {
    /// In a sentence: "this one connection".
    pub what: String,
    /// The wider profile; empty where it stays inside the same boundary.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// Environment variables that it gets or loses, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<String>,
}

/// A path that is to be written, or removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The resolved path.
    pub path: String,
    /// What would be done: `create`, `write`, `remove`, `rename` …
    pub would: String,
    /// Symlinks on the way, each as `link -> target`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<String>,
    /// What stands there now, in words: "a file, 12 bytes, uid 0, mode 644".
    pub now: String,
    /// Known to version control: `tracked`, `modified`, `untracked`; empty outside of a repository.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tracked: String,
}

/// Changes of content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// What is compared: "would be published", "lock file".
    pub title: String,
    /// Files, by path.
    pub files: Vec<Changed>,
    /// Unified diff, as far as it fits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Lines of the diff that were left out.
    #[serde(default)]
    pub left_out: u64,
    /// Files that were left out.
    #[serde(default)]
    pub more: u64,
}

/// One changed file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Its path.
    pub path: String,
    /// Lines added; none for binary content.
    pub added: Option<u64>,
    /// Lines removed; none for binary content.
    pub removed: Option<u64>,
    /// What is to be looked at: it runs somewhere later, or was not part of the task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// Why a changed file is to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// It says what a build server runs.
    Ci,
    /// It runs by itself on who checks it out: hooks, editors' tasks, agents' settings.
    Hook,
    /// A file that other programs take commands from: build scripts, package scripts.
    Script,
    /// It lies outside what the run was for.
    OutsideScope,
    /// It holds what looks like a secret.
    Secret,
    /// Its content is no text.
    Binary,
}

/// Commits that would be published, or become unreachable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commits {
    /// What becomes of them: "would be published to `main`", "become unreachable".
    pub title: String,
    /// Newest first.
    pub list: Vec<Commit>,
    /// How many more there are.
    #[serde(default)]
    pub more: u64,
    /// What the count rests on and who could have changed that; empty where nothing is doubtful.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doubt: String,
}

/// One commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// Its full id.
    pub id: String,
    /// Author's name and address, as the commit says.
    pub author: String,
    /// First line of its message.
    pub subject: String,
}

/// Where something goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// A name, an address, or a URL without its password.
    pub name: String,
    /// Its port; 0 where there is none.
    #[serde(default)]
    pub port: u16,
    /// What kind of address: `public`, `private`, `loopback`, `link-local`, `file`; empty where it isn't known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub class: String,
    /// Whether nothing of this ledger went there before; none where that could not be looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_time: Option<bool>,
    /// Who can read what is published there, as far as that is known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub readers: String,
}

/// What looks like a secret in what would leave.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// What was looked through: "12 changed lines in 3 files".
    pub scanned: String,
    /// Found ones, never with the secret itself.
    pub found: Vec<Secret>,
    /// How many more there are.
    #[serde(default)]
    pub more: u64,
}

/// One find.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// What it looks like: "a private key".
    pub what: String,
    /// File.
    pub path: String,
    /// Line in the file, from 1; 0 where it isn't known.
    #[serde(default)]
    pub line: u64,
}

/// Packages that would be installed or published.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packages {
    /// The registry, as far as it is known.
    pub registry: String,
    /// The packages.
    pub list: Vec<Package>,
    /// How many more there are.
    #[serde(default)]
    pub more: u64,
}

/// One package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, or what was asked for; empty for any.
    pub version: String,
    /// Whether the lock file has it already: `locked`, `new`, `other version`; empty without a lock file.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub lock: String,
    /// Whether it runs scripts when installed, as the lock file says; none where it doesn't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scripts: Option<bool>,
}

/// What was decided before in like cases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// How many like questions were allowed.
    pub allowed: u64,
    /// How many were denied.
    pub denied: u64,
    /// How many got no answer.
    pub expired: u64,
    /// The latest of them, newest first.
    pub list: Vec<Like>,
}

/// One like decision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Like {
    /// Unix milliseconds.
    pub at: i64,
    /// The question's id.
    pub question: String,
    /// How it ended: `allowed`, `denied`, `expired` …
    pub outcome: String,
    /// Who decided.
    pub by: String,
    /// The action in one line.
    pub what: String,
    /// Whether it was the same action, byte for byte.
    pub same: bool,
}

impl Section {
    /// Whether an answer is bound to this section. What only tells of the past, and what others say, is not.
    #[must_use]
    pub fn binds(&self) -> bool {
        match self {
            Self::Note { .. }
            | Self::Executable(_)
            | Self::Opens(_)
            | Self::File(_)
            | Self::Diff(_)
            | Self::Meaning { .. }
            | Self::Commits(_)
            | Self::Destination(_)
            | Self::Secrets(_)
            | Self::Packages(_)
            | Self::Readable { .. }
            | Self::Recovery { .. }
            | Self::Missing { .. } => true,
            Self::Refused { .. } | Self::Earlier(_) | Self::Review { .. } | Self::Says { .. } => false,
        }
    }

    /// Whether it is the gate's own look at a call that waits; all else is collected, there or elsewhere.
    #[must_use]
    pub fn is_of_the_gate(&self) -> bool {
        matches!(self, Self::Note { .. } | Self::Executable(_) | Self::Opens(_))
    }

    /// Whether an approval for more than once is held to it, too: all that binds but the state of what is changed each
    /// time (the file that is written, whether it is the first connection).
    #[must_use]
    pub fn lasts(&self) -> bool {
        match self {
            // what could not be looked at is not known to be the same
            Self::Executable(_) | Self::Opens(_) | Self::Missing { .. } => true,
            Self::Diff(diff) => !diff.files.is_empty() || diff.more > 0,
            Self::Commits(commits) => !commits.list.is_empty(),
            Self::Secrets(secrets) => !secrets.found.is_empty(),
            Self::Packages(packages) => !packages.list.is_empty(),
            Self::Note { .. }
            | Self::Meaning { .. }
            | Self::File(_)
            | Self::Destination(_)
            | Self::Readable { .. }
            | Self::Recovery { .. }
            | Self::Refused { .. }
            | Self::Earlier(_)
            | Self::Review { .. }
            | Self::Says { .. } => false,
        }
    }

    /// A note.
    #[must_use]
    pub fn note(label: &str, text: impl Into<String>) -> Self {
        Self::Note { label: label.to_owned(), text: text.into() }
    }
}
