//! Fault injection: whatever is changed in a ledger by force, `verify` finds it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it is wrong")]

mod common;

use std::fs;
use std::path::Path;

use common::{detected, exported, ledger, raw, verified};
use rusqlite::{Connection, params};
use tollgate_ledger::{Expected, Flaw, Reader, verify};

const LAST: i64 = 54;

/// 55 records in 10 groups, all of it in the database file.
fn made(state: &Path) -> Connection {
    ledger(state, 10);
    let connection = raw(state);
    let found = verified(state);
    assert!(found.holds(), "{found:?}");
    assert_eq!((found.records, found.checkpoints), (55, 10));
    connection
}

/// Flips one bit of each byte of a column, in the rows of one remainder modulo 2, and expects each flip to be found.
fn flip_all(table: &str, column: &str, remainder: i64) {
    let dir = tempfile::tempdir().unwrap();
    let connection = made(dir.path());
    let select = format!("SELECT rowid, {column} FROM {table} WHERE rowid % 2 = {remainder}");
    let rows: Vec<(i64, Vec<u8>)> = connection
        .prepare(&select)
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(!rows.is_empty());
    let update = format!("UPDATE {table} SET {column} = ?1 WHERE rowid = ?2");
    for (row, bytes) in rows {
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1 << (at % 8);
            connection.execute(&update, params![wrong, row]).unwrap();
            assert!(detected(dir.path(), &Expected::default()), "{table}.{column}, row {row}, byte {at}");
        }
        connection.execute(&update, params![bytes, row]).unwrap();
    }
    assert!(verified(dir.path()).holds(), "put back, it holds again");
}

#[test]
fn every_byte_of_every_even_record() {
    flip_all("records", "body", 0);
}

#[test]
fn every_byte_of_every_odd_record() {
    flip_all("records", "body", 1);
}

#[test]
fn every_byte_of_every_note() {
    flip_all("checkpoints", "note", 0);
    flip_all("checkpoints", "note", 1);
}

#[test]
fn every_byte_of_every_compact_range() {
    flip_all("checkpoints", "frontier", 0);
    flip_all("checkpoints", "frontier", 1);
}

#[test]
fn every_byte_of_every_number() {
    let dir = tempfile::tempdir().unwrap();
    let connection = made(dir.path());
    for (table, column, rows) in
        [("records", "seq", 0..=LAST), ("checkpoints", "id", 1..=10), ("checkpoints", "size", 1..=10)]
    {
        for row in rows {
            let select = format!("SELECT {column} FROM {table} WHERE rowid = ?1");
            let old: i64 = connection.query_row(&select, [row], |r| r.get(0)).unwrap();
            for byte in 0..8 {
                let new = old ^ (1 << (byte * 8 + row % 8));
                let place = if column == "size" { row } else { new };
                let update = format!("UPDATE OR IGNORE {table} SET {column} = ?1 WHERE rowid = ?2");
                if connection.execute(&update, params![new, row]).unwrap() == 0 {
                    continue; // taken: that would be two rows of one number, which can't be stored
                }
                assert!(detected(dir.path(), &Expected::default()), "{table}.{column}: {old} to {new}");
                connection.execute(&update, params![old, place]).unwrap();
            }
        }
    }
    assert!(verified(dir.path()).holds());
}

/// What is done by force, what must be found, and at which record (none: anywhere).
#[test]
fn moved_missing_and_added_rows_are_found_at_their_place() {
    let renumber = |table: &str, column: &str, from: i64, by: i64| {
        // By way of negative numbers, so that no two rows meet.
        format!(
            "UPDATE {table} SET {column} = -{column} - 1 WHERE {column} >= {from}; \
             UPDATE {table} SET {column} = -{column} - 1 + {by} WHERE {column} < 0;"
        )
    };
    let close_gap = format!("DELETE FROM records WHERE seq = 20; {}", renumber("records", "seq", 20, -1));
    let make_room = format!(
        "{} INSERT INTO records SELECT 20, body FROM records WHERE seq = 3;",
        renumber("records", "seq", 20, 1)
    );
    let swap = "UPDATE records SET seq = -1 WHERE seq = 30; UPDATE records SET seq = 30 WHERE seq = 31; \
                UPDATE records SET seq = 31 WHERE seq = -1;";
    let checkpoints = format!("DELETE FROM checkpoints WHERE id = 4; {}", renumber("checkpoints", "id", 5, -1));
    for (sql, flaw, seq) in [
        (swap, Flaw::Root, Some(35)),
        ("UPDATE records SET body = (SELECT body FROM records WHERE seq = 3) WHERE seq = 6", Flaw::Root, Some(9)),
        ("DELETE FROM records WHERE seq = 0", Flaw::Sequence, Some(1)),
        ("DELETE FROM records WHERE seq = 20", Flaw::Sequence, Some(21)),
        (&close_gap, Flaw::Root, Some(20)),
        (&make_room, Flaw::Root, Some(20)),
        ("DELETE FROM records WHERE seq = 54", Flaw::Checkpoints, Some(53)),
        ("DELETE FROM records WHERE seq > 44", Flaw::Checkpoints, Some(44)),
        ("INSERT INTO records SELECT 55, body FROM records WHERE seq = 3", Flaw::Uncovered, Some(55)),
        ("DELETE FROM checkpoints WHERE id = 10", Flaw::Uncovered, Some(45)),
        ("DELETE FROM checkpoints", Flaw::Uncovered, Some(0)),
        ("DELETE FROM checkpoints WHERE id = 4", Flaw::Checkpoints, Some(14)),
        (
            "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE id = 3) WHERE id = 4",
            Flaw::Checkpoints,
            Some(9),
        ),
        ("DROP TRIGGER records_no_delete", Flaw::Database, None),
        ("CREATE TABLE more (x)", Flaw::Database, None),
    ] {
        let dir = tempfile::tempdir().unwrap();
        made(dir.path()).execute_batch(sql).unwrap();
        let found = verified(dir.path());
        let first = found.findings.first().unwrap_or_else(|| panic!("not found: {sql}"));
        assert_eq!((first.flaw, first.seq), (flaw, seq), "{sql}: {found:?}");
    }
    // A checkpoint less, with the others renumbered, takes nothing away: the later ones cover all that it did.
    let dir = tempfile::tempdir().unwrap();
    made(dir.path()).execute_batch(&checkpoints).unwrap();
    assert!(verified(dir.path()).holds());
}

#[test]
fn two_changes_are_found_each_at_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let connection = made(dir.path());
    connection
        .execute_batch("UPDATE records SET body = (SELECT body FROM records WHERE seq = 0) WHERE seq IN (6, 33)")
        .unwrap();
    let found = verified(dir.path());
    let places: Vec<_> = found.findings.iter().map(|f| (f.flaw, f.seq)).collect();
    assert_eq!(places, [(Flaw::Root, Some(9)), (Flaw::Root, Some(35))]);
}

#[test]
fn a_record_that_is_not_canonical_is_found_even_if_it_was_signed() {
    use tollgate_ledger::note::Signer;
    use tollgate_ledger::tree::{CompactRange, leaf_hash};
    for body in [r#"{"mono": 1}"#, r#"{"at":1,"event":"nonsense","mono":1,"run":"r"}"#, "", "null", "1.5"] {
        let dir = tempfile::tempdir().unwrap();
        ledger(dir.path(), 1);
        let signer = Signer::from_text(&fs::read_to_string(dir.path().join("ledger.key")).unwrap()).unwrap();
        let mut tree = CompactRange::default();
        tree.push(leaf_hash(body.as_bytes()));
        let note = signer.sign(1, tree.root());
        raw(dir.path()).execute("UPDATE records SET body = ?1", [body.as_bytes()]).unwrap();
        raw(dir.path())
            .execute("UPDATE checkpoints SET note = ?1, frontier = ?2", params![note.into_bytes(), tree.to_bytes()])
            .unwrap();
        let found = verified(dir.path());
        let flaws: Vec<_> = found.findings.iter().map(|f| (f.flaw, f.seq)).collect();
        assert_eq!(flaws, [(Flaw::Record, Some(0))], "{body}");
    }
}

#[test]
fn a_cut_off_end_is_found_by_a_kept_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let connection = made(dir.path());
    let kept = Reader::open(dir.path()).unwrap().checkpoint().unwrap().unwrap().into_bytes();
    let expected = Expected { checkpoint: Some(kept.clone()), key: None };
    assert!(verify(dir.path(), &expected).unwrap().holds());
    connection.execute_batch("DELETE FROM records WHERE seq > 35; DELETE FROM checkpoints WHERE id > 8").unwrap();
    let found = verified(dir.path());
    let flaws: Vec<_> = found.findings.iter().map(|f| f.flaw).collect();
    assert_eq!(flaws, [Flaw::Journal], "the journal remembers how many there were: {found:?}");
    fs::remove_file(dir.path().join("ledger.journal")).unwrap();
    assert!(verified(dir.path()).holds(), "without it, it can't be seen");
    let found = verify(dir.path(), &expected).unwrap();
    assert_eq!(found.findings[0].flaw, Flaw::Kept);
    assert!(found.findings[0].detail.contains("there are 36, the kept checkpoint covers 55"), "{found:?}");

    // The same key goes on from there: as long as before, but not what it was.
    drop(connection);
    ledger(dir.path(), 6);
    let found = verify(dir.path(), &expected).unwrap();
    assert_eq!(found.records, 57);
    assert_eq!(found.findings.iter().map(|f| f.flaw).collect::<Vec<_>>(), [Flaw::Kept]);

    for wrong in [&b""[..], b"nonsense", &kept[1..], &kept[..kept.len() - 1]] {
        let expected = Expected { checkpoint: Some(wrong.to_vec()), key: None };
        assert_eq!(verify(dir.path(), &expected).unwrap().findings[0].flaw, Flaw::Kept);
    }
}

#[test]
fn a_ledger_signed_with_another_key_is_found() {
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    drop(made(dir.path()));
    ledger(other.path(), 1);
    let kept = Reader::open(dir.path()).unwrap().verifier().clone();
    let expected = Expected { checkpoint: None, key: Some(kept) };
    assert!(verify(dir.path(), &expected).unwrap().holds());
    assert!(detected(other.path(), &expected), "a whole ledger put in its place");
    fs::copy(other.path().join("ledger.pub"), dir.path().join("ledger.pub")).unwrap();
    let flaws: Vec<_> = verified(dir.path()).findings.iter().map(|f| f.flaw).collect();
    assert_eq!(flaws[0], Flaw::Key);
    assert!(flaws.contains(&Flaw::Signature));
}

/// A flipped byte anywhere in the database file is found, or changes nothing that is told.
#[test]
fn flipped_bytes_of_the_file_are_found_or_without_effect() {
    let dir = tempfile::tempdir().unwrap();
    let connection = made(dir.path());
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(connection);
    let export = exported(dir.path());
    let good = fs::read(dir.path().join("ledger.db")).unwrap();
    let copy = tempfile::tempdir().unwrap();
    for file in ["ledger.key", "ledger.pub"] {
        fs::copy(dir.path().join(file), copy.path().join(file)).unwrap();
    }
    let (mut found, mut harmless) = (0, 0);
    // The header and the schema byte by byte, the rest in steps that meet every column of pages.
    for at in (0..600).chain((600..good.len()).step_by(31)) {
        let mut wrong = good.clone();
        wrong[at] ^= 1 << (at % 8);
        for file in ["ledger.db-wal", "ledger.db-shm"] {
            drop(fs::remove_file(copy.path().join(file)));
        }
        fs::write(copy.path().join("ledger.db"), wrong).unwrap();
        if detected(copy.path(), &Expected::default()) {
            found += 1;
        } else {
            assert_eq!(exported(copy.path()), export, "byte {at}");
            harmless += 1;
        }
    }
    assert!(found > 100 && harmless > 0, "{found} found, {harmless} harmless");
}
