//! Ledgers to test with.
#![allow(
    clippy::unwrap_used,
    dead_code,
    reason = "a test may stop where it is wrong; not every test needs all of this"
)]

use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;
use tollgate_ledger::record::{Event, Record, Recorder as _, RunStarted};
use tollgate_ledger::{Expected, Reader, Verification, Writer, verify};
use tollgate_policy::boundary::Enforced;
use tollgate_policy::path::AbsPath;
use tollgate_policy::raw::Raw;

/// A small record.
pub(crate) fn record(run: &str, number: u64) -> Record {
    let at = 1_700_000_000_000 + i64::try_from(number).unwrap();
    let event = match number % 3 {
        0 => Event::ActionEnded { action: number, status: 0 },
        1 => Event::ActionStarted {
            action: number,
            argv: vec![Raw::from("make"), Raw(vec![0xff, b'x'])],
            cwd: AbsPath::new("/w").unwrap(),
            read_only: false,
        },
        _ => Event::RunEnded { status: 1, waited: 2, reason: "stopped — \"so\"\n".into() },
    };
    Record { at, mono: number, run: run.into(), lineage: Vec::new(), event }
}

/// A run's first record.
pub(crate) fn started(run: &str, argv: &[&str]) -> Record {
    let started = RunStarted {
        name: String::new(),
        argv: argv.iter().map(|a| Raw::from(*a)).collect(),
        cwd: AbsPath::new("/w").unwrap(),
        workspace: AbsPath::new("/w").unwrap(),
        uid: 1000,
        profiles: vec!["workspace".into()],
        policy: "00".into(),
        agent: false,
        unattended: false,
        enforced: Enforced::default(),
        version: "0".into(),
        of: None,
    };
    Record { at: 1_700_000_000_000, mono: 0, run: run.into(), lineage: Vec::new(), event: Event::RunStarted(started) }
}

/// A ledger of `groups` transactions with 1, 2, 3 … records.
pub(crate) fn ledger(state: &Path, groups: u64) {
    let writer = Writer::open(state);
    writer.ready().unwrap();
    let mut number = 0;
    for group in 1..=groups {
        for _ in 0..group {
            writer.group(record("r1", number)).unwrap();
            number += 1;
        }
        writer.seal().unwrap();
    }
    writer.finish().unwrap();
}

/// A connection that can change what must not be changed.
pub(crate) fn raw(state: &Path) -> Connection {
    let connection = Connection::open(state.join("ledger.db")).unwrap();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
    connection.pragma_update(None, "synchronous", "OFF").unwrap();
    connection
}

pub(crate) fn verified(state: &Path) -> Verification {
    verify(state, &Expected::default()).unwrap()
}

/// Whether something is found to be wrong, in whatever way.
pub(crate) fn detected(state: &Path, expected: &Expected) -> bool {
    verify(state, expected).map_or(true, |v| !v.holds())
}

pub(crate) fn exported(state: &Path) -> Vec<u8> {
    let mut out = Vec::new();
    Reader::open(state).unwrap().export(&mut out).unwrap();
    out
}
