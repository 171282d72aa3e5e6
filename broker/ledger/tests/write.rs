//! What is written can be read again, proved and verified; secrets are not in it; nothing can be changed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it is wrong")]

mod common;

use std::ops::ControlFlow;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use common::{exported, ledger, record, started, verified};
use tollgate_ledger::list::{Clock, Filter};
use tollgate_ledger::record::{Event, Recorder as _};
use tollgate_ledger::{Expected, Reader, Redactor, Writer, tree, verify_export};

#[test]
fn what_is_written_can_be_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("new/state");
    let writer = Writer::open(&state);
    writer.group(started("r1", &["make"])).unwrap();
    writer.durable(record("r1", 1)).unwrap();
    assert_eq!(Reader::open(&state).unwrap().size().unwrap(), 2, "a durable record takes the group along");
    writer.group(record("r1", 2)).unwrap();
    writer.finish().unwrap();

    let reader = Reader::open(&state).unwrap();
    let mut all = Vec::new();
    reader
        .each(&Filter::default(), |seq, record| {
            all.push((seq, record));
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(all, vec![(0, started("r1", &["make"])), (1, record("r1", 1)), (2, record("r1", 2))]);
    let found = verified(&state);
    assert!(found.holds(), "{found:?}");
    assert_eq!((found.records, found.checkpoints), (3, 2));
    for (file, mode) in
        [("", 0o700), ("ledger.key", 0o600), ("ledger.db", 0o600), ("ledger.db-wal", 0o600), ("ledger.journal", 0o600)]
    {
        assert_eq!(state.join(file).metadata().unwrap().permissions().mode() & 0o777, mode, "{file}");
    }
    let left: Vec<_> = state.read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left.len(), 6, "{left:?}");
}

#[test]
fn a_group_is_written_soon_without_being_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::open(dir.path());
    writer.ready().unwrap();
    writer.group(record("r1", 1)).unwrap();
    let (reader, begun) = (Reader::open(dir.path()).unwrap(), Instant::now());
    while let Some(wait) = writer.tick() {
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(reader.size().unwrap(), 0);
        assert!(wait <= Duration::from_millis(250), "{wait:?}");
        std::thread::sleep(wait);
    }
    assert_eq!(reader.size().unwrap(), 1, "it waits no more, so it is written");
    for number in 0..1000 {
        writer.group(record("r1", number)).unwrap();
    }
    drop(writer);
    assert_eq!(reader.size().unwrap(), 1001, "dropping writes what is left");
}

#[test]
fn journal_and_log_do_not_grow_without_end() {
    let dir = tempfile::tempdir().unwrap();
    let size = |file: &str| dir.path().join(file).metadata().unwrap().len();
    ledger(dir.path(), 1);
    assert!(size("ledger.db-wal") > 0, "a small log stays: folding it in costs more than it is worth");
    let writer = Writer::open(dir.path());
    let mut largest = 0;
    for number in 0..8000 {
        writer.group(record("r2", number)).unwrap();
        largest = largest.max(size("ledger.journal"));
    }
    writer.finish().unwrap();
    assert!((1_000_000..1_200_000).contains(&largest) && size("ledger.journal") < 1_000_000, "{largest}");
    assert_eq!(size("ledger.db-wal"), 0, "the log was folded in when it had grown");
    let found = verified(dir.path());
    assert!(found.holds(), "{found:?}");
    assert_eq!(found.records, 8001);
}

#[test]
fn lists_are_filtered_and_mark_a_clock_that_stepped_back() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Writer::open(dir.path());
    for (run, number, at) in [("a", 0, 10), ("b", 1, 50), ("a", 2, 20), ("a", 3, 15), ("b", 4, 60), ("a", 5, 30)] {
        let mut record = record(run, number);
        record.at = at;
        writer.group(record).unwrap();
    }
    writer.finish().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    let seqs = |filter: Filter| -> Vec<(u64, bool)> {
        let entries = reader.list(&filter).unwrap();
        entries.into_iter().map(|e| (e.seq, e.clock == Clock::SteppedBack)).collect()
    };
    let all = Filter::default();
    assert_eq!(seqs(all.clone()), [(0, false), (1, false), (2, false), (3, true), (4, false), (5, false)]);
    assert_eq!(seqs(Filter { run: Some("a".into()), ..all.clone() }), [(0, false), (2, false), (3, true), (5, false)]);
    assert_eq!(seqs(Filter { event: Some("run_ended".into()), ..all.clone() }), [(2, false), (5, false)]);
    assert_eq!(seqs(Filter { since: Some(30), ..all.clone() }), [(1, false), (4, false), (5, false)]);
    assert_eq!(seqs(Filter { limit: Some(3), ..all.clone() }), [(3, true), (4, false), (5, false)]);
    assert_eq!(seqs(Filter { limit: Some(0), ..all.clone() }), []);
    assert_eq!(seqs(Filter { run: Some("c".into()), ..all }), []);
    let found = verified(dir.path());
    assert!(found.holds(), "a clock may step back: {found:?}");
    assert_eq!(found.clock_steps, 1);
}

#[test]
fn a_record_is_shown_with_its_proof_and_states_are_consistent() {
    let dir = tempfile::tempdir().unwrap();
    ledger(dir.path(), 6);
    let reader = Reader::open(dir.path()).unwrap();
    let size = reader.size().unwrap();
    assert_eq!(size, 21);
    for seq in 0..size {
        let shown = reader.show(seq).unwrap().unwrap();
        assert_eq!(shown.record, record("r1", seq));
        let leaf = tree::leaf_hash(&shown.body);
        let top = (shown.checkpoint.size, &shown.checkpoint.root);
        assert!(tree::proves_inclusion(&leaf, seq, top, &shown.proof));
    }
    assert!(reader.show(size).unwrap().is_none());

    let old = reader.show(0).unwrap().unwrap().checkpoint;
    let writer = Writer::open(dir.path());
    writer.group(record("r2", 0)).unwrap();
    writer.finish().unwrap();
    let new = reader.show(0).unwrap().unwrap().checkpoint;
    let proof = reader.consistency(old.size).unwrap().unwrap();
    assert!(tree::proves_consistency((old.size, &old.root), (new.size, &new.root), &proof));
    assert_eq!(reader.consistency(0).unwrap(), None);
    assert_eq!(reader.consistency(new.size + 1).unwrap(), None);
}

#[test]
fn secrets_never_reach_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let redactor = Redactor::new().with_values([("DB_PASS".into(), "correct horse".into())]);
    let writer = Writer::open_with(dir.path(), redactor);
    writer.group(started("r1", &["deploy", "--token", "hunter2-hunter2", "correct horse"])).unwrap();
    writer.group(started("r1", &["deploy", "--token", "hunter2-hunter2", "x"])).unwrap();
    writer.finish().unwrap();
    for file in dir.path().read_dir().unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [&b"hunter2"[..], b"correct horse"] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret));
        }
    }
    let mut argvs = Vec::new();
    let reader = Reader::open(dir.path()).unwrap();
    reader
        .each(&Filter::default(), |_, record| {
            if let Event::RunStarted(run) = record.event {
                argvs.push(run.argv);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(argvs[0][2].text().unwrap().starts_with("[redacted:argument:"));
    assert_eq!(argvs[0][2], argvs[1][2], "equal secrets look equal");
    assert!(argvs[0][3].text().unwrap().starts_with("[redacted:DB_PASS:"));
    assert!(verified(dir.path()).holds());
}

#[test]
fn the_tables_refuse_to_be_changed() {
    let dir = tempfile::tempdir().unwrap();
    ledger(dir.path(), 2);
    let connection = rusqlite::Connection::open(dir.path().join("ledger.db")).unwrap();
    for sql in [
        "UPDATE records SET body = x'00'",
        "DELETE FROM records",
        "INSERT OR REPLACE INTO records (seq, body) VALUES (1, x'00')",
        "INSERT INTO records (seq, body) VALUES (7, x'00')",
        "UPDATE checkpoints SET size = 1",
        "DELETE FROM checkpoints",
        "INSERT OR REPLACE INTO checkpoints (id, size, note, frontier) VALUES (1, 1, x'', x'')",
    ] {
        let refused = connection.execute(sql, []).unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{sql}: {refused}");
    }
    assert!(verified(dir.path()).holds());
}

#[test]
fn an_export_verifies_and_no_changed_export_does() {
    let dir = tempfile::tempdir().unwrap();
    ledger(dir.path(), 4);
    let export = exported(dir.path());
    let key = Reader::open(dir.path()).unwrap().verifier().clone();
    let expected = Expected { checkpoint: None, key: Some(key) };
    let check = |bytes: &[u8], expected: &Expected| verify_export(&mut &*bytes, expected).unwrap();
    let found = check(&export, &expected);
    assert!(found.holds(), "{found:?}");
    assert_eq!(found.records, 10);
    assert!(check(&export, &Expected::default()).holds());
    for at in 0..export.len() {
        for bit in [0, 5, 7] {
            let mut wrong = export.clone();
            wrong[at] ^= 1 << bit;
            // Even without a key from elsewhere: the file does not hold together any more.
            assert!(!check(&wrong, &Expected::default()).holds(), "byte {at}, bit {bit}");
        }
        assert!(at == 0 || !check(&export[..at], &expected).holds(), "cut at {at}");
    }
    let lines: Vec<&[u8]> = export.split_inclusive(|b| *b == b'\n').collect();
    let without = |n: usize| [&lines[..n], &lines[n + 1..]].concat().concat();
    assert!((0..lines.len()).all(|n| !check(&without(n), &expected).holds()));
    assert!(!check(&[export.as_slice(), b"\n"].concat(), &expected).holds());
    let other = tempfile::tempdir().unwrap();
    ledger(other.path(), 4);
    assert!(!check(&exported(other.path()), &expected).holds(), "signed with another key");
}
