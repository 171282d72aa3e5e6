//! A yes that was given at a hook, on its way to the run that the call becomes. It waits in the state folder, which nothing
//! inside a boundary reaches, under a name that only the rewritten command line tells; who takes it first takes it away.
//!
//! It opens nothing by itself: the run's gate makes its own question of what is really executed, and the yes answers that
//! only if words, folder, content, facts, rules and policy are those that were shown.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use serde::{Deserialize, Serialize};
use tollgate_ledger::record::Of;
use tollgate_policy::digest::sha256_hex;
use tollgate_policy::grant::{Grant, Grants};
use tollgate_wire::place::{Trust, make};

use super::shell::Call;
use crate::exit::Exit;
use crate::failure::Failure;

/// The folder of hooks beneath the state folder.
pub(crate) const FOLDER: &str = "hooks";

/// How long it waits for its run, in milliseconds: clients may have questions of their own in between.
const WAITS: i64 = 10 * 60 * 1000;

/// Longest file, in bytes.
const LIMIT: u64 = 4 << 20;

/// Letters and digits of a name: 128 random bits.
const NAME: usize = 32;

/// What was approved for a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Handed {
    /// SHA-256 of the text that the run is started with, hex.
    text: String,
    /// Unix milliseconds after which it is worth nothing.
    until: i64,
    /// The action of the client's session.
    pub(crate) of: Of,
    granted: Vec<Grant>,
}

impl Handed {
    /// What was granted for a text.
    pub(crate) fn new(text: &str, of: Of, granted: Vec<Grant>) -> Self {
        let until = crate::time::now().saturating_add(WAITS);
        Self { text: sha256_hex(text.as_bytes()), until, of, granted }
    }

    /// Puts it where its run finds it. The name is a secret of the command line that it is put into.
    pub(crate) fn leave(&self, state: &Path) -> Result<String, Failure> {
        let fault = |e: std::io::Error| Failure::new(Exit::Internal, "an approval can't be handed over").because(&e);
        let folder = state.join(FOLDER);
        make(&folder, Trust::Private).map_err(|unfit| Failure::of(Exit::Internal, &unfit).hint(unfit.hint()))?;
        let random = || tollgate_sys::random::number().map_err(|e| fault(std::io::Error::other(e)));
        let name = format!("{:016x}{:016x}", random()?, random()?);
        let text = serde_json::to_vec(self).map_err(|e| fault(e.into()))?;
        let mut file =
            File::options().write(true).create_new(true).mode(0o600).open(place(state, &name)).map_err(fault)?;
        file.write_all(&text).map_err(fault)?;
        Ok(name)
    }

    /// Takes it, for this call; none where there is none, or it is another call's: then what is asked is asked.
    pub(crate) fn take(state: &Path, name: &str, call: &Call) -> Option<Self> {
        if !is_name(name) {
            return None;
        }
        let path = place(state, name);
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits();
        let file = File::options().read(true).custom_flags(flags).open(&path).ok()?;
        // of two that opened it, one removes it
        fs::remove_file(&path).ok()?;
        let mut text = String::new();
        file.take(LIMIT).read_to_string(&mut text).ok()?;
        let handed: Self = serde_json::from_str(&text).ok()?;
        let called = call.text.as_ref()?.to_str()?;
        (handed.text == sha256_hex(called.as_bytes()) && crate::time::now() <= handed.until).then_some(handed)
    }

    /// The grants, for this run.
    pub(crate) fn grants(&self, run: &str) -> Grants {
        let mut grants = Grants::default();
        for grant in &self.granted {
            grants.add(Grant { run: run.to_owned(), ..grant.clone() });
        }
        grants
    }
}

/// Whether a word is a name of one.
pub(crate) fn is_name(word: &str) -> bool {
    word.len() == NAME && word.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn place(state: &Path, name: &str) -> PathBuf {
    state.join(FOLDER).join(format!("yes-{name}"))
}
