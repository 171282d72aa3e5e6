//! Takes the journal into the tree: records, the tree's new compact range and a signed checkpoint in one transaction,
//! durable before the journal is begun anew.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::fault::{Fault, Kind};
use crate::journal::{self, Access, Chain, Contents, Header, Journal, Locked};
use crate::key;
use crate::note::Verifier;
use crate::stamp::Stamp;
use crate::store::{self, LOG_FILE, PATIENCE, Store};
use crate::tree::{CompactRange, leaf_hash};

/// SQLite's log is folded into the database at this size: that needs fsyncs, so not more often; and the first to open
/// it reads all of it, so not much later.
const LOG: u64 = 384 << 10;

/// The end of the tree, as the last transaction left it.
#[derive(Clone, Default)]
struct Tip {
    id: i64,
    tree: CompactRange,
    note: Vec<u8>,
}

/// Adds to the tree; other processes may do so too, each while it holds the journal's lock.
pub(crate) struct Appender {
    store: Store,
    /// The last tip that was checked; another one has its signature checked before anything is built on it.
    tip: Tip,
}

impl Appender {
    /// Opens the database in a state directory, making what is missing.
    pub(crate) fn open(state: &Path) -> Result<Self, Fault> {
        Ok(Self { store: store::open(state)?, tip: Tip::default() })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Takes all that the journal holds into the tree, signs it, and begins the journal anew. When this returns, all of
    /// it is on the disk. Stopped anywhere in between, it can be done again: what is in the tree already is passed over.
    pub(crate) fn fold(&mut self, locked: &Locked<'_>, chain: &Chain) -> Result<(), Fault> {
        let bytes = locked.bytes()?;
        let contents = journal::read(&bytes, Some(chain));
        if let Some(flaw) = contents.flaw {
            return Err(Fault::new(Kind::Corrupt, locked.path()).because(flaw));
        }
        self.batch("BEGIN IMMEDIATE")?;
        match self.take_in(&contents).and_then(|tip| self.batch("COMMIT").map(|()| tip)) {
            Ok(tip) => self.tip = tip,
            Err(fault) => {
                // Some errors have rolled back already; then this says so, which changes nothing.
                drop(self.batch("ROLLBACK"));
                return Err(fault);
            }
        }
        if self.store.state.join(LOG_FILE).metadata().is_ok_and(|m| m.len() > LOG) {
            // Best effort: readers may be in the way, and the next can do it as well.
            drop(checkpoint(&self.store.connection));
        }
        let header = Header { base: self.tip.tree.size(), stamp: Stamp::of(&self.store.state)? };
        if contents.bodies.is_empty() && contents.torn.is_empty() && contents.header == Some(header) {
            return Ok(());
        }
        if !contents.torn.is_empty() {
            locked.keep_torn(contents.torn)?;
        }
        locked.reset(chain, header)
    }

    /// Within the transaction: adds those of the journal's records that are not in the tree yet.
    fn take_in(&self, contents: &Contents<'_>) -> Result<Tip, Fault> {
        let corrupt = |why: String| Fault::new(Kind::Corrupt, &self.store.path).because(why);
        let tip = self.read_tip()?;
        let size = tip.tree.size();
        let base = contents.header.map_or(size, |header| header.base);
        let known = size.checked_sub(base).ok_or_else(|| {
            corrupt(format!("it holds {size} records, but held {base} when the journal beside it was begun"))
        })?;
        let known = usize::try_from(known).unwrap_or(usize::MAX).min(contents.bodies.len());
        let (old, new) = contents.bodies.split_at(known);
        for (seq, body) in (base..).zip(old) {
            if self.body(seq)?.as_deref() != Some(*body) {
                return Err(corrupt(format!("its record {seq} is not the one of the journal beside it")));
            }
        }
        if new.is_empty() { Ok(tip) } else { self.add(tip, new) }
    }

    fn add(&self, Tip { id, mut tree, .. }: Tip, bodies: &[&[u8]]) -> Result<Tip, Fault> {
        let Store { path, connection, signer, .. } = &self.store;
        let fault = |e| Fault::sqlite(path, e);
        let mut insert = connection.prepare("INSERT INTO records (seq, body) VALUES (?1, ?2)").map_err(fault)?;
        for body in bodies {
            insert.execute(params![tree.size().cast_signed(), body]).map_err(fault)?;
            tree.push(leaf_hash(body));
        }
        let note = signer.sign(tree.size(), tree.root()).into_bytes();
        let tip = Tip { id: id + 1, tree, note };
        let sql = "INSERT INTO checkpoints (id, size, note, frontier) VALUES (?1, ?2, ?3, ?4)";
        connection
            .execute(sql, params![tip.id, tip.tree.size().cast_signed(), tip.note, tip.tree.to_bytes()])
            .map_err(fault)?;
        Ok(tip)
    }

    /// Reads the end inside the transaction. A new checkpoint signs all before it, so what was not signed by our key
    /// must not become signed by being built upon.
    fn read_tip(&self) -> Result<Tip, Fault> {
        let Store { path, connection, .. } = &self.store;
        let corrupt = |why: &str| Fault::new(Kind::Corrupt, path).because(why);
        let fault = |e| Fault::sqlite(path, e);
        let last = connection.query_row("SELECT max(seq) FROM records", [], |row| row.get::<_, Option<i64>>(0));
        let last = last.map_err(fault)?;
        let sql = "SELECT id, size, note, frontier FROM checkpoints ORDER BY id DESC LIMIT 1";
        let row = connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
        let row = row.optional().map_err(fault)?;
        let records = last.map_or(0, |seq| seq.saturating_add(1));
        let Some((id, size, note, frontier)): Option<(i64, i64, Vec<u8>, Vec<u8>)> = row else {
            return if records == 0 { Ok(Tip::default()) } else { Err(corrupt("it has records but no checkpoint")) };
        };
        if size != records {
            return Err(corrupt("its last checkpoint does not cover its last record"));
        }
        let tree = u64::try_from(size).ok().and_then(|size| CompactRange::from_bytes(size, &frontier));
        let tip = Tip { id, tree: tree.ok_or_else(|| corrupt("its compact range is malformed"))?, note };
        if tip.note != self.tip.note || tip.tree != self.tip.tree {
            check_tip(&tip, self.store.signer.verifier()).map_err(corrupt)?;
        }
        Ok(tip)
    }

    fn body(&self, seq: u64) -> Result<Option<Vec<u8>>, Fault> {
        let sql = "SELECT body FROM records WHERE seq = ?1";
        let row = self.store.connection.query_row(sql, [seq.cast_signed()], |row| row.get(0));
        row.optional().map_err(|e| Fault::sqlite(&self.store.path, e))
    }

    fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.store.connection.execute_batch(sql).map_err(|e| Fault::sqlite(&self.store.path, e))
    }
}

fn check_tip(tip: &Tip, verifier: &Verifier) -> Result<(), &'static str> {
    let checkpoint = verifier.open_exact(&tip.note).map_err(|_| "its last checkpoint is not signed by its key")?;
    if checkpoint.size == tip.tree.size() && checkpoint.root == tip.tree.root() {
        Ok(())
    } else {
        Err("its compact range does not fit its last checkpoint")
    }
}

fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::ZERO)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.busy_timeout(PATIENCE)
}

/// For who reads: takes the journal into the tree, if there is anything in it and it can be done from here (with the
/// key, and the right to write).
///
/// # Errors
/// [`Fault`] only where journal or database are corrupt.
pub(crate) fn settle(state: &Path) -> Result<(), Fault> {
    match try_settle(state) {
        Err(fault) if fault.kind == Kind::Corrupt => Err(fault),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn try_settle(state: &Path) -> Result<(), Fault> {
    let (Some(seed), Some(journal)) = (key::load_seed(state)?, Journal::open(state, Access::Write)?) else {
        return Ok(());
    };
    let locked = journal.exclusively(PATIENCE)?;
    let bytes = locked.bytes()?;
    if journal::read(&bytes, None).bodies.is_empty() {
        return Ok(());
    }
    drop(bytes);
    Appender::open(state)?.fold(&locked, &Chain::new(&seed))
}
