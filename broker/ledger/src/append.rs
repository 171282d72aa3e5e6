//! One transaction: records, the tree's new compact range and a signed checkpoint, all or nothing.

use rusqlite::{Connection, OptionalExtension as _, Statement, params};

use crate::fault::{Fault, Kind};
use crate::note::Verifier;
use crate::store::Store;
use crate::tree::{CompactRange, leaf_hash};

/// When a transaction must be on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sync {
    /// When the system gets to it: survives a crash of the process, not of the machine.
    Later,
    /// Before it counts as done.
    Now,
}

/// The end of the ledger, as the last transaction left it.
#[derive(Clone, Default)]
struct Tip {
    id: i64,
    tree: CompactRange,
    note: Vec<u8>,
}

/// Appends to an open ledger; other processes may append to it too.
pub(crate) struct Appender<'s> {
    store: &'s Store,
    insert_record: Statement<'s>,
    insert_checkpoint: Statement<'s>,
    last_checkpoint: Statement<'s>,
    last_record: Statement<'s>,
    sync: Sync,
    /// The last tip that was checked; another one has its signature checked before anything is built on it.
    tip: Tip,
}

impl<'s> Appender<'s> {
    /// Ready to append, once the ledger turns out to be writable and its end to be in order.
    pub(crate) fn new(store: &'s Store) -> Result<Self, Fault> {
        let fault = |e| Fault::sqlite(&store.path, e);
        let connection = &store.connection;
        connection
            .execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = NORMAL; BEGIN IMMEDIATE")
            .map_err(fault)?;
        let prepare = |sql| connection.prepare(sql).map_err(fault);
        let mut appender = Self {
            store,
            insert_record: prepare("INSERT INTO records (seq, body) VALUES (?1, ?2)")?,
            insert_checkpoint: prepare("INSERT INTO checkpoints (id, size, note, frontier) VALUES (?1, ?2, ?3, ?4)")?,
            last_checkpoint: prepare("SELECT id, size, note, frontier FROM checkpoints ORDER BY id DESC LIMIT 1")?,
            last_record: prepare("SELECT max(seq) FROM records")?,
            sync: Sync::Later,
            tip: Tip::default(),
        };
        let tip = appender.read_tip();
        connection.execute_batch("ROLLBACK").map_err(fault)?;
        appender.tip = tip?;
        Ok(appender)
    }

    /// Appends a group with its checkpoint.
    pub(crate) fn append(&mut self, bodies: &[Vec<u8>], sync: Sync) -> Result<(), Fault> {
        if bodies.is_empty() {
            return Ok(());
        }
        self.set_sync(sync)?;
        self.batch("BEGIN IMMEDIATE")?;
        let done = self.append_within(bodies).and_then(|tip| self.batch("COMMIT").map(|()| tip));
        match done {
            Ok(tip) => {
                self.tip = tip;
                Ok(())
            }
            Err(fault) => {
                // Some errors have rolled back already; then this says so, which changes nothing.
                drop(self.batch("ROLLBACK"));
                Err(fault)
            }
        }
    }

    fn append_within(&mut self, bodies: &[Vec<u8>]) -> Result<Tip, Fault> {
        let Tip { id, mut tree, .. } = self.read_tip()?;
        let path = &self.store.path;
        let fault = |e| Fault::sqlite(path, e);
        for body in bodies {
            self.insert_record.execute(params![tree.size().cast_signed(), body]).map_err(fault)?;
            tree.push(leaf_hash(body));
        }
        let note = self.store.signer.sign(tree.size(), tree.root()).into_bytes();
        let tip = Tip { id: id + 1, tree, note };
        self.insert_checkpoint
            .execute(params![tip.id, tip.tree.size().cast_signed(), tip.note, tip.tree.to_bytes()])
            .map_err(fault)?;
        Ok(tip)
    }

    /// Reads the end inside the transaction. A new checkpoint signs all before it, so what was not signed by our key
    /// must not become signed by being built upon.
    fn read_tip(&mut self) -> Result<Tip, Fault> {
        let path = &self.store.path;
        let corrupt = |why: &str| Fault::new(Kind::Corrupt, path).because(why);
        let last: Option<i64> = self.last_record.query_row([], |row| row.get(0)).map_err(|e| Fault::sqlite(path, e))?;
        let row = self
            .last_checkpoint
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .optional()
            .map_err(|e| Fault::sqlite(path, e))?;
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

    fn set_sync(&mut self, sync: Sync) -> Result<(), Fault> {
        if self.sync != sync {
            self.batch(match sync {
                Sync::Later => "PRAGMA synchronous = NORMAL",
                Sync::Now => "PRAGMA synchronous = FULL",
            })?;
            self.sync = sync;
        }
        Ok(())
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

/// Folds the WAL into the database when it has grown beyond `limit` bytes: that needs fsyncs, so not more often.
/// Best effort: readers may be in the way, and the next run can do it as well.
pub(crate) fn fold_wal(store: &Store, limit: u64) {
    let mut wal = store.path.clone().into_os_string();
    wal.push("-wal");
    if std::fs::metadata(wal).is_ok_and(|m| m.len() > limit) {
        drop(checkpoint(&store.connection));
    }
}

fn checkpoint(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(std::time::Duration::ZERO)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    connection.busy_timeout(crate::store::PATIENCE)
}
