//! Ledgers that can't be used: each has its own clear message, and nothing is taken.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may stop where it is wrong; a skipped one says so"
)]

mod common;

use std::error::Error as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use common::{ledger, raw, record, verified};
use tollgate_ledger::fault::Kind;
use tollgate_ledger::record::Recorder as _;
use tollgate_ledger::{Fault, Filter, Reader, Writer};

/// The fault of a writer in this directory. It takes nothing, and says why.
fn refused(state: &Path) -> Fault {
    let writer = Writer::open(state);
    let fault = writer.ready().unwrap_err();
    assert!(writer.group(record("r", 0)).is_err());
    let unwritten = writer.durable(record("r", 0)).unwrap_err();
    assert!(unwritten.0.starts_with(&fault.to_string()), "{unwritten} / {fault}");
    assert!(writer.flush().is_err());
    assert_eq!(writer.finish().unwrap_err().kind, fault.kind);
    assert!(!fault.hint().is_empty());
    fault
}

#[test]
fn what_is_no_ledger_of_ours_is_left_alone() {
    type Spoil = fn(&Path);
    let cases: [(Kind, &str, Spoil); 11] = [
        (Kind::NotALedger, "`STATE/ledger.db` is not a ledger", |s| {
            fs::write(s.join("ledger.db"), "hello, this is not it").unwrap();
        }),
        (Kind::NotALedger, "`STATE/ledger.db` is not a ledger", |s| fs::write(s.join("ledger.db"), "").unwrap()),
        (Kind::NotALedger, "`STATE/ledger.db` is not a ledger", |s| {
            raw(s).pragma_update(None, "application_id", 7).unwrap();
        }),
        (Kind::Newer, "the ledger `STATE/ledger.db` was made by a newer version of tollgate", |s| {
            raw(s).pragma_update(None, "user_version", 2).unwrap();
        }),
        (Kind::Corrupt, "the ledger `STATE/ledger.db` is corrupt", |s| {
            raw(s).pragma_update(None, "user_version", 0).unwrap();
        }),
        (Kind::Corrupt, "the ledger `STATE/ledger.db` is corrupt", |s| {
            raw(s).execute("DELETE FROM checkpoints", []).unwrap();
        }),
        (Kind::Corrupt, "the ledger `STATE/ledger.db` is corrupt", |s| {
            raw(s).execute("UPDATE checkpoints SET note = x'00' WHERE id = 3", []).unwrap();
        }),
        (Kind::Corrupt, "the ledger `STATE/ledger.db` is corrupt", |s| {
            raw(s).execute("UPDATE checkpoints SET frontier = zeroblob(64) WHERE id = 3", []).unwrap();
        }),
        (Kind::KeyMissing, "the key `STATE/ledger.key` of the ledger is missing", |s| {
            fs::remove_file(s.join("ledger.key")).unwrap();
        }),
        (Kind::KeyMalformed, "`STATE/ledger.key` does not hold a ledger key", |s| {
            fs::write(s.join("ledger.key"), "x").unwrap();
        }),
        (Kind::KeyExposed, "the key `STATE/ledger.key` can be read or written by other users", |s| {
            fs::set_permissions(s.join("ledger.key"), Permissions::from_mode(0o640)).unwrap();
        }),
    ];
    for (kind, text, spoil) in cases {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().canonicalize().unwrap();
        ledger(&state, 3);
        for file in ["ledger.db-wal", "ledger.db-shm"] {
            // Folded in first, so that what is spoiled is all there is.
            raw(&state).query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
            drop(fs::remove_file(state.join(file)));
        }
        spoil(&state);
        let before = fs::read(state.join("ledger.db")).unwrap();
        let fault = refused(&state);
        assert_eq!(fault.kind, kind, "{fault}: {:?}", fault.source());
        assert_eq!(fault.to_string(), text.replace("STATE", state.to_str().unwrap()));
        assert_eq!(fs::read(state.join("ledger.db")).unwrap(), before);
    }
}

#[test]
fn what_can_not_be_made_says_where() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), "").unwrap();
    assert_eq!(refused(&dir.path().join("file/state")).kind, Kind::NotMade);
    assert_eq!(refused(&dir.path().join("file")).kind, Kind::NotMade);

    let real = dir.path().join("real");
    ledger(&real, 1);
    let linked = dir.path().join("linked");
    fs::create_dir(&linked).unwrap();
    fs::copy(real.join("ledger.key"), linked.join("ledger.key")).unwrap();
    symlink(real.join("ledger.db"), linked.join("ledger.db")).unwrap();
    assert_eq!(refused(&linked).kind, Kind::Unreadable, "no symlink is followed");
    symlink(&real, dir.path().join("by-name")).unwrap();
    Writer::open(&dir.path().join("by-name")).ready().unwrap();
}

#[test]
fn a_reader_says_what_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Reader::open(dir.path()).unwrap_err().kind, Kind::Missing);
    assert_eq!(Reader::open(&dir.path().join("nowhere")).unwrap_err().kind, Kind::Missing);
    ledger(dir.path(), 1);
    fs::remove_file(dir.path().join("ledger.pub")).unwrap();
    assert_eq!(Reader::open(dir.path()).unwrap_err().kind, Kind::KeyMissing);
    Writer::open(dir.path()).finish().unwrap();
    assert!(verified(dir.path()).holds(), "a writer has put it back");
}

#[test]
fn an_empty_ledger_is_in_order() {
    let dir = tempfile::tempdir().unwrap();
    Writer::open(dir.path()).finish().unwrap();
    let reader = Reader::open(dir.path()).unwrap();
    assert_eq!((reader.size().unwrap(), reader.checkpoint().unwrap()), (0, None));
    assert!(verified(dir.path()).holds());
    assert!(common::exported(dir.path()).is_empty());
}

/// Runs this test again with a file system of its own mounted on a directory; false where that is not possible here.
fn in_own_mount(test: &str, options: &str) -> bool {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("mount -t tmpfs -o {options} none \"$1\" && shift && exec \"$@\"");
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", &script, "sh"])
        .arg(dir.path())
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env("LEDGER_TEST_MOUNT", dir.path())
        .status();
    let can = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"])
        .status()
        .is_ok_and(|s| s.success());
    if !can {
        eprintln!("skipped: no mount can be made here, so no full or read-only file system");
        return false;
    }
    assert!(status.unwrap().success());
    true
}

#[test]
fn a_full_disk_is_reported_and_nothing_is_lost_when_there_is_room_again() {
    let Some(mount) = std::env::var_os("LEDGER_TEST_MOUNT") else {
        in_own_mount("a_full_disk_is_reported_and_nothing_is_lost_when_there_is_room_again", "size=4m");
        return;
    };
    let (state, ballast) = (Path::new(&mount).join("state"), Path::new(&mount).join("fill"));
    let fill_up = || {
        let mut file = fs::File::create(&ballast).unwrap();
        while std::io::Write::write(&mut file, &[0; 4096]).is_ok_and(|n| n > 0) {}
    };
    let writer = Writer::open(&state);
    writer.durable(record("r1", 0)).unwrap();
    fill_up();
    let mut number = 1;
    let unwritten = loop {
        // The log has some room of its own.
        match writer.durable(record("r1", number)) {
            Ok(()) => number += 1,
            Err(unwritten) => break unwritten,
        }
        assert!(number < 10_000);
    };
    assert!(unwritten.0.contains("is full"), "{unwritten}");
    assert!(writer.group(record("r1", number + 1)).is_err(), "from then on nothing is taken");
    assert_eq!(refused(&state).kind, Kind::Full, "nor does another run start");
    assert_eq!(refused(&Path::new(&mount).join("other")).kind, Kind::Full);
    fs::remove_file(&ballast).unwrap();
    assert_eq!(writer.finish().unwrap_err().kind, Kind::Full);
    let found = verified(&state);
    assert!(found.holds(), "{found:?}");
    assert!(found.records >= number, "{} of {number}", found.records);
    ledger(&state, 1);
}

#[test]
fn a_read_only_ledger_is_reported_and_can_be_read() {
    let Some(mount) = std::env::var_os("LEDGER_TEST_MOUNT") else {
        in_own_mount("a_read_only_ledger_is_reported_and_can_be_read", "size=4m");
        return;
    };
    let state = Path::new(&mount).join("state");
    ledger(&state, 3);
    let writer = Writer::open(&state);
    writer.group(record("r2", 0)).unwrap();
    writer.finish().unwrap();
    let status = Command::new("mount").args(["-o", "remount,ro,bind"]).arg(&mount).status().unwrap();
    assert!(status.success());
    assert_eq!(refused(&state).kind, Kind::ReadOnly);
    assert_eq!(refused(&Path::new(&mount).join("new")).kind, Kind::ReadOnly);
    let found = verified(&state);
    assert!(found.holds(), "{found:?}");
    assert_eq!((found.records, found.waiting), (6, 1), "what waits can't be signed here, but it is looked at");
    let reader = Reader::open(&state).unwrap();
    assert_eq!(reader.size().unwrap(), 7);
    assert_eq!(reader.list(&Filter::default()).unwrap().len(), 7);
    assert!(reader.show(5).unwrap().is_some() && reader.show(6).unwrap().is_none());
}
