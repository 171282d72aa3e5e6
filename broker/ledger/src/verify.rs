//! Recomputes a ledger from its records and says what is wrong, and where. The journal is taken into the tree first, so
//! that all is signed when it is looked at; where that can't be done from here, the journal is checked where it lies.
//!
//! What this can't see: that records were cut off at the end, from the journal, or from the tree together with their
//! checkpoints (only a checkpoint that was kept elsewhere shows that), and what was written by somebody who has the key.

use std::path::Path;

use rusqlite::types::ValueRef;

use crate::append;
use crate::check::{Check, Noted};
use crate::fault::Fault;
use crate::journal::{self, Chain};
use crate::key;
use crate::note::{Checkpoint, Seed, Verifier};
use crate::reader::{Reader, Snapshot};
use crate::store::SCHEMA;
use crate::tree::{CompactRange, Hash};

/// What a ledger is held against beside itself.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// A signed checkpoint that was kept elsewhere.
    pub checkpoint: Option<Vec<u8>>,
    /// The verifier key that was kept elsewhere; else the one beside the ledger, or in the export, is taken.
    pub key: Option<Verifier>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Verification {
    /// How many records.
    pub records: u64,
    /// How many checkpoints.
    pub checkpoints: u64,
    /// The key that the signatures were checked with; none where there was none.
    pub key: Option<Verifier>,
    /// The newest checkpoint that holds.
    pub newest: Option<Checkpoint>,
    /// How many records more wait in the journal and are not signed yet; no fault.
    pub waiting: u64,
    /// How many bytes of records there are that were never whole, because their writer was killed or the machine
    /// stopped; no fault. They are kept in `ledger.torn`.
    pub torn: u64,
    /// How often the clock stepped back within a run; no fault.
    pub clock_steps: u64,
    /// What is wrong, in the order in which it was found; empty if all is in order. No more than 100 are kept.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The record it is about; for a checkpoint, the last record that it covers; none where it is about the whole.
    pub seq: Option<u64>,
    /// What is wrong.
    pub flaw: Flaw,
    /// In words.
    pub detail: String,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Flaw {
    /// The database itself is damaged, or its tables or triggers are not the ones we made.
    Database,
    /// Records are missing here, or one stands where none should.
    Sequence,
    /// A record is not in the canonical form, or is none.
    Record,
    /// A checkpoint's form, key or signature is wrong.
    Signature,
    /// A signed root is not the root of the records: something before was changed, moved, added or removed.
    Root,
    /// The stored compact range does not fit the records.
    Frontier,
    /// Checkpoints are missing or out of order.
    Checkpoints,
    /// The last records are not covered by a checkpoint.
    Uncovered,
    /// The ledger is shorter than a checkpoint that was kept, or is another one.
    Kept,
    /// The key beside the ledger is not the one that was kept, or not the one that signs.
    Key,
    /// The journal was changed, does not belong to the tree, or can't be taken into it.
    Journal,
}

impl Finding {
    pub(crate) fn new(seq: Option<u64>, flaw: Flaw, detail: impl Into<String>) -> Self {
        Self { seq, flaw, detail: detail.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.seq {
            Some(seq) => write!(f, "at record {seq}: {}", self.detail),
            None => f.write_str(&self.detail),
        }
    }
}

impl Verification {
    /// Whether all is in order.
    #[must_use]
    pub const fn holds(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Verifies the ledger in a state directory.
///
/// # Errors
/// [`Fault`] where it can't even be read that far: no ledger, not a ledger, or damaged beyond reading.
pub fn verify(state: &Path, expected: &Expected) -> Result<Verification, Fault> {
    let reader = Reader::open(state)?;
    let settled = append::settle(&reader.state);
    let mut check = Check::new(expected);
    check.key(reader.verifier());
    match key::load(state) {
        Ok(Some(signer)) if signer.verifier() != reader.verifier() => {
            check.find(Finding::new(None, Flaw::Key, "`ledger.pub` is not the public half of `ledger.key`"));
        }
        // Who verifies need not be who writes: without the private key there is nothing to compare.
        Ok(_) => {}
        Err(fault) => check.find(Finding::new(None, Flaw::Key, fault.to_string())),
    }
    let snapshot = reader.snapshot()?;
    database(&snapshot, &mut check)?;
    rows(&snapshot, &mut check)?;
    match settled {
        Ok(()) => journal(&snapshot, &mut check, key::load_seed(state).ok().flatten()),
        Err(fault) => {
            let why = std::error::Error::source(&fault).map(ToString::to_string).unwrap_or_default();
            check.find(Finding::new(None, Flaw::Journal, format!("the journal can't be taken into the tree: {why}")));
        }
    }
    check.torn(reader.state.join(journal::TORN_FILE).metadata().map_or(0, |m| m.len()));
    Ok(check.finish())
}

/// What is left in the journal: its links can only be checked with the private key.
fn journal(snapshot: &Snapshot<'_>, check: &mut Check<'_>, seed: Option<Seed>) {
    let found = journal::read(&snapshot.journal, seed.map(|seed| Chain::new(&seed)).as_ref());
    if let Some(flaw) = found.flaw {
        check.find(Finding::new(None, Flaw::Journal, format!("the journal was changed: {flaw}")));
        return;
    }
    let base = found.header.map_or(snapshot.stored, |header| header.base);
    if let Some(known) = snapshot.stored.checked_sub(base) {
        check.waiting((found.bodies.len() as u64).saturating_sub(known));
    } else {
        let detail = format!("there are {} records, but there were {base} once", snapshot.stored);
        check.find(Finding::new(None, Flaw::Journal, detail));
    }
    check.torn(found.torn.len() as u64);
}

/// The database file itself: its pages, its tables and triggers.
fn database(snapshot: &Snapshot<'_>, check: &mut Check<'_>) -> Result<(), Fault> {
    let fault = |e| snapshot.sqlite(e);
    let mut statement = snapshot.transaction.prepare("PRAGMA integrity_check(20)").map_err(fault)?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0)).map_err(fault)?;
    for line in lines {
        let line = line.map_err(fault)?;
        if line != "ok" {
            check.find(Finding::new(None, Flaw::Database, format!("the database is damaged: {line}")));
        }
    }
    let mut statement = snapshot.transaction.prepare("SELECT name, sql FROM sqlite_schema").map_err(fault)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(fault)?;
    let found: Vec<(String, Option<String>)> = rows.collect::<Result<_, _>>().map_err(fault)?;
    let same = |(name, sql): &(&str, &str)| found.iter().any(|(n, s)| n == name && s.as_deref() == Some(*sql));
    if found.len() != SCHEMA.len() || !SCHEMA.iter().all(same) {
        check.find(Finding::new(None, Flaw::Database, "tables or triggers were changed"));
    }
    Ok(())
}

/// All records, and each checkpoint when the records that it covers have been taken.
fn rows(snapshot: &Snapshot<'_>, check: &mut Check<'_>) -> Result<(), Fault> {
    let fault = |e| snapshot.sqlite(e);
    let connection = &snapshot.transaction;
    let mut records = connection.prepare("SELECT seq, body FROM records ORDER BY seq").map_err(fault)?;
    let mut points =
        connection.prepare("SELECT id, size, note, frontier FROM checkpoints ORDER BY id").map_err(fault)?;
    let (mut records, mut points) = (records.query([]).map_err(fault)?, points.query([]).map_err(fault)?);
    let mut point = points.next().map_err(fault)?.map(Point::read).transpose().map_err(fault)?;
    loop {
        // A checkpoint whose size does not come next is taken at once: it will not fit.
        while let Some(due) = point.take_if(|p| p.size <= check.size()) {
            stored(check, &due);
            point = points.next().map_err(fault)?.map(Point::read).transpose().map_err(fault)?;
        }
        let Some(row) = records.next().map_err(fault)? else {
            break;
        };
        match (row.get_ref(0).map_err(fault)?, row.get_ref(1).map_err(fault)?) {
            (ValueRef::Integer(seq), ValueRef::Blob(body)) => check.record(seq.cast_unsigned(), body),
            _ => check.find(Finding::new(Some(check.size()), Flaw::Record, "the row does not hold a record")),
        }
    }
    while let Some(late) = point {
        stored(check, &late);
        point = points.next().map_err(fault)?.map(Point::read).transpose().map_err(fault)?;
    }
    Ok(())
}

/// A stored checkpoint.
struct Point {
    id: i64,
    size: u64,
    note: Vec<u8>,
    frontier: Vec<u8>,
}

impl Point {
    fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let size: i64 = row.get(1)?;
        Ok(Self { id: row.get(0)?, size: size.cast_unsigned(), note: row.get(2)?, frontier: row.get(3)? })
    }

    /// The compact range that it stored, if that is what its own root says.
    fn range(&self, root: &Hash) -> Option<CompactRange> {
        CompactRange::from_bytes(self.size, &self.frontier).filter(|range| range.root() == *root)
    }
}

fn stored(check: &mut Check<'_>, point: &Point) {
    let place = point.size.checked_sub(1);
    if u64::try_from(point.id).ok() != check.checkpoints().checked_add(1) {
        let detail = format!("checkpoint {} stands where {} should", point.id, check.checkpoints() + 1);
        check.find(Finding::new(place, Flaw::Checkpoints, detail));
    }
    let frontier_fits = check.size() != point.size || check.frontier() == point.frontier;
    let noted = check.checkpoint(&point.note);
    if !frontier_fits && !matches!(noted, Noted::OtherRoot(_)) {
        let detail = "the stored compact range does not fit the records";
        check.find(Finding::new(place, Flaw::Frontier, detail));
    }
    match noted {
        Noted::Fits(checkpoint) if checkpoint.size == point.size => {}
        Noted::Fits(checkpoint) => {
            let detail = format!("a checkpoint of {} is stored as one of {}", checkpoint.size, point.size);
            check.find(Finding::new(place, Flaw::Checkpoints, detail));
        }
        Noted::Wrong => {}
        // So that what was changed before is not held against what came after.
        Noted::OtherRoot(checkpoint) => match point.range(&checkpoint.root) {
            Some(range) => check.resume(range),
            None => check.find(Finding::new(place, Flaw::Frontier, "the stored compact range does not fit its root")),
        },
    }
}
