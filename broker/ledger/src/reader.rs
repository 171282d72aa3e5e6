//! Reads a ledger while others append to it.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use crate::fault::{Fault, Kind};
use crate::list::{Entry, Filter};
use crate::note::{Checkpoint, Verifier};
use crate::record::Record;
use crate::tree::Hash;

/// A ledger opened read-only.
#[derive(Debug)]
pub struct Reader {
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
    verifier: Verifier,
}

/// A record with the proof that it is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its place.
    pub seq: u64,
    /// The record.
    pub record: Record,
    /// The stored bytes.
    pub body: Vec<u8>,
    /// The checkpoint that the proof leads to, and its signed note.
    pub checkpoint: Checkpoint,
    /// The note.
    pub note: String,
    /// The inclusion proof, from the leaf up; it was checked.
    pub proof: Vec<Hash>,
}

impl Reader {
    /// Opens the ledger in a state directory.
    ///
    /// # Errors
    /// [`Fault`]: [`Kind::Missing`] where there is none, else why it can't be read.
    pub fn open(state: &Path) -> Result<Self, Fault> {
        let _ = state;
        Err(Fault::new(Kind::Missing, state))
    }

    /// The public half of the key.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// How many records there are.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read.
    pub fn size(&self) -> Result<u64, Fault> {
        Err(Fault::new(Kind::Unreadable, &self.path))
    }

    /// The newest signed checkpoint, as a note; none while there are no records.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read.
    pub fn checkpoint(&self) -> Result<Option<String>, Fault> {
        Err(Fault::new(Kind::Unreadable, &self.path))
    }

    /// The records that the filter asks for, the newest last.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read, or a record makes no sense.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Entry>, Fault> {
        let _ = filter;
        Err(Fault::new(Kind::Unreadable, &self.path))
    }

    /// Hands over one record after the other, oldest first, from one state of the ledger, holding one at a time.
    /// `limit` is not looked at.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read, or a record makes no sense.
    pub fn each(
        &self,
        filter: &Filter,
        mut take: impl FnMut(u64, Record) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        let _ = (filter, &mut take);
        Err(Fault::new(Kind::Unreadable, &self.path))
    }

    /// One record with its proof; none if there is no such record.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read, or the proof does not hold.
    pub fn show(&self, seq: u64) -> Result<Option<Shown>, Fault> {
        let _ = seq;
        Err(Fault::new(Kind::Unreadable, &self.path))
    }

    /// The proof that the ledger of now begins with the ledger of `size` records; none where there never was one.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read.
    pub fn consistency(&self, size: u64) -> Result<Option<Vec<Hash>>, Fault> {
        let _ = size;
        Err(Fault::new(Kind::Unreadable, &self.path))
    }

    /// Writes the whole ledger: a line `{"record":…,"seq":…}` each, then a line with the checkpoint and the verifier
    /// key. Gives the number of records.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read, or the output not written.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64, Fault> {
        let _ = out;
        Err(Fault::new(Kind::Unreadable, &self.path))
    }
}
