//! The database file: how it is made, opened and recognised. SQLite in WAL mode; nothing in it is ever changed.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::fault::{Fault, Kind};
use crate::key;
use crate::note::Signer;

/// The database's file in the state directory.
pub(crate) const LEDGER_FILE: &str = "ledger.db";
/// The log that SQLite writes before it (its WAL).
pub(crate) const LOG_FILE: &str = "ledger.db-wal";
/// "Toll": what `file` and we recognise the database by.
pub(crate) const APPLICATION_ID: i64 = 0x546f_6c6c;
/// The version of the tables.
pub(crate) const VERSION: i64 = 1;

/// How long a lock is waited for. Other runs hold it for one small transaction at a time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Below this much free space the ledger counts as full before a write has failed.
const FLOOR: u64 = 1 << 20;

/// Tables and triggers, each as SQLite stores its text: `verify` compares them.
pub(crate) const SCHEMA: [(&str, &str); 8] = [
    // A record in its canonical form; the hash of its leaf follows from it.
    ("records", "CREATE TABLE records (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT"),
    // The signed note after each appended group, and the tree's compact range at that size.
    (
        "checkpoints",
        "CREATE TABLE checkpoints (id INTEGER PRIMARY KEY, size INTEGER NOT NULL, note BLOB NOT NULL, \
         frontier BLOB NOT NULL) STRICT",
    ),
    (
        "records_no_update",
        "CREATE TRIGGER records_no_update BEFORE UPDATE ON records BEGIN SELECT raise(ABORT, 'append-only'); END",
    ),
    (
        "records_no_delete",
        "CREATE TRIGGER records_no_delete BEFORE DELETE ON records BEGIN SELECT raise(ABORT, 'append-only'); END",
    ),
    // INSERT OR REPLACE deletes without the trigger above, so a record may only go to the end.
    (
        "records_at_end",
        "CREATE TRIGGER records_at_end BEFORE INSERT ON records WHEN new.seq IS NOT \
         (SELECT ifnull(max(seq), -1) + 1 FROM records) BEGIN SELECT raise(ABORT, 'append-only'); END",
    ),
    (
        "checkpoints_no_update",
        "CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints BEGIN SELECT raise(ABORT, 'append-only'); END",
    ),
    (
        "checkpoints_no_delete",
        "CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints BEGIN SELECT raise(ABORT, 'append-only'); END",
    ),
    (
        "checkpoints_at_end",
        "CREATE TRIGGER checkpoints_at_end BEFORE INSERT ON checkpoints WHEN new.id IS NOT \
         (SELECT ifnull(max(id), 0) + 1 FROM checkpoints) BEGIN SELECT raise(ABORT, 'append-only'); END",
    ),
];

/// A database opened for appending.
pub(crate) struct Store {
    /// The state directory, by no symlink.
    pub(crate) state: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) connection: Connection,
    pub(crate) signer: Signer,
}

/// Opens the ledger in a state directory, making what is missing.
pub(crate) fn open(state: &Path) -> Result<Store, Fault> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(state);
    made.map_err(|e| Fault::io(Kind::NotMade, state, e))?;
    // SQLite is told below to follow no symlink; one that leads to the state directory is the user's own choice.
    let state = &state.canonicalize().map_err(|e| Fault::io(Kind::Unreadable, state, e))?;
    let path = state.join(LEDGER_FILE);
    let signer = signer(state, &path)?;
    if is_missing(&path)? {
        room(&path)?;
        make(&path)?;
    }
    let connection = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // SQLite falls back to reading where it may not write.
    if connection.is_readonly("main").map_err(|e| Fault::sqlite(&path, e))? {
        return Err(Fault::new(Kind::ReadOnly, &path));
    }
    room(&path)?;
    connection
        .execute_batch("PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL")
        .map_err(|e| Fault::sqlite(&path, e))?;
    key::publish_verifier(state, signer.verifier())?;
    Ok(Store { state: state.clone(), path, connection, signer })
}

/// The key. It is made before the ledger, so a ledger without one has lost it.
fn signer(state: &Path, ledger: &Path) -> Result<Signer, Fault> {
    if let Some(signer) = key::load(state)? {
        return Ok(signer);
    }
    if is_missing(ledger)? {
        return key::make(state);
    }
    // Another process may have made both since we looked.
    key::load(state)?.ok_or_else(|| Fault::new(Kind::KeyMissing, &state.join(key::KEY_FILE)))
}

pub(crate) fn is_missing(path: &Path) -> Result<bool, Fault> {
    match path.symlink_metadata() {
        Ok(_) => Ok(false),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(e) => Err(Fault::io(Kind::Unreadable, path, e)),
    }
}

/// Whether there is room to write. A write would tell too, but only after the command has begun.
pub(crate) fn room(path: &Path) -> Result<(), Fault> {
    let dir = path.parent().unwrap_or(path);
    let Ok(stat) = nix::sys::statvfs::statvfs(dir) else {
        return Ok(());
    };
    if stat.blocks_available().saturating_mul(stat.fragment_size()) < FLOOR {
        return Err(Fault::new(Kind::Full, path));
    }
    Ok(())
}

/// Makes an empty ledger beside and gives it its name when it is complete, so that no process sees half a schema.
fn make(path: &Path) -> Result<(), Fault> {
    let beside = key::beside(path)?;
    let made = key::create_new(&beside, key::Mode::Private)
        .map_err(|e| Fault::io(Kind::NotMade, path, e))
        .and_then(|_| lay(&beside).map_err(|e| Fault::sqlite(path, e)))
        .and_then(|()| key::link_new(&beside, path));
    made.inspect_err(|_| drop(std::fs::remove_file(&beside)))
}

fn lay(file: &Path) -> rusqlite::Result<()> {
    let connection = Connection::open_with_flags(file, flags(OpenFlags::SQLITE_OPEN_READ_WRITE))?;
    let tables: String = SCHEMA.iter().flat_map(|(_, sql)| [*sql, "; "]).collect();
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = MEMORY; BEGIN; {tables} PRAGMA application_id = {APPLICATION_ID}; \
         PRAGMA user_version = {VERSION}; COMMIT; PRAGMA journal_mode = WAL;"
    ))?;
    connection.close().map_err(|(_, e)| e)
}

/// Opens a ledger that exists and recognises it.
pub(crate) fn connect(path: &Path, mode: OpenFlags) -> Result<Connection, Fault> {
    let fault = |e| Fault::sqlite(path, e);
    if is_missing(path)? {
        return Err(Fault::new(Kind::Missing, path));
    }
    let connection = Connection::open_with_flags(path, flags(mode)).map_err(fault)?;
    connection.busy_timeout(PATIENCE).map_err(fault)?;
    for (setting, on) in [
        // The WAL outlives us: folding it in when the last run closes would cost every short run two fsyncs.
        (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    ] {
        connection.set_db_config(setting, on).map_err(fault)?;
    }
    recognise(&connection, path)?;
    Ok(connection)
}

fn flags(mode: OpenFlags) -> OpenFlags {
    mode | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW
}

fn recognise(connection: &Connection, path: &Path) -> Result<(), Fault> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let is_ours = number("application_id").map_err(|e| Fault::sqlite(path, e))? == APPLICATION_ID;
    let version = number("user_version").map_err(|e| Fault::sqlite(path, e))?;
    match version {
        _ if !is_ours => Err(Fault::new(Kind::NotALedger, path)),
        VERSION => Ok(()),
        newer if newer > VERSION => {
            Err(Fault::new(Kind::Newer, path).because(format!("it has version {newer}, this is {VERSION}")))
        }
        _ => Err(Fault::new(Kind::Corrupt, path).because(format!("it has version {version}, which never was"))),
    }
}
