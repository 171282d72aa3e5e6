//! Several processes on one ledger, and processes that are killed. Each test starts itself again as the other processes.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may stop where it is wrong; a child talks to its parent"
)]

mod common;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{record, verified};
use tollgate_ledger::list::Filter;
use tollgate_ledger::record::Recorder as _;
use tollgate_ledger::{Reader, Writer};

const STATE: &str = "LEDGER_TEST_STATE";
const RUN: &str = "LEDGER_TEST_RUN";

/// The state directory and run, in a child.
fn in_child() -> Option<(PathBuf, String)> {
    Some((std::env::var_os(STATE)?.into(), std::env::var(RUN).ok()?))
}

/// Starts this test again, as a child.
fn child(test: &str, state: &Path, run: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(STATE, state)
        .env(RUN, run)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn eight_processes_append_to_one_ledger() {
    if let Some((state, run)) = in_child() {
        let writer = Writer::open(&state);
        for number in 0..200 {
            match number % 20 {
                7 => writer.durable(record(&run, number)).unwrap(),
                13 => writer.group(record(&run, number)).and_then(|()| writer.flush()).unwrap(),
                _ => writer.group(record(&run, number)).unwrap(),
            }
        }
        return writer.finish().unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    // Nothing is there yet: they also make directory, key and database at the same time.
    let state = dir.path().join("state");
    let runs: Vec<String> = (0..8).map(|n| format!("run-{n}")).collect();
    let children: Vec<Child> =
        runs.iter().map(|run| child("eight_processes_append_to_one_ledger", &state, run)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let found = verified(&state);
    assert!(found.holds(), "{found:?}");
    assert_eq!(found.records, 8 * 200);
    let mut next: HashMap<String, u64> = HashMap::new();
    Reader::open(&state)
        .unwrap()
        .each(&Filter::default(), |_, found| {
            let number = next.entry(found.run.clone()).or_default();
            assert_eq!(found, record(&found.run, *number), "each run's records are in order, none twice, none lost");
            *number += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    assert!(runs.iter().all(|run| next.get(run) == Some(&200)));
}

#[test]
fn the_first_runs_may_start_at_once() {
    if let Some((state, run)) = in_child() {
        let writer = Writer::open(&state);
        writer.ready().unwrap();
        writer.group(record(&run, 0)).unwrap();
        return writer.finish().unwrap();
    }
    for _ in 0..10 {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let children: Vec<Child> =
            (0..6).map(|n| child("the_first_runs_may_start_at_once", &state, &n.to_string())).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        assert_eq!(verified(&state).records, 6);
        assert!(verified(&state).holds());
        let left = state.read_dir().unwrap().count();
        assert_eq!(left, 6, "key, verifier key, journal, database, log and its index; nothing temporary");
    }
}

#[test]
fn what_is_durable_survives_a_kill() {
    if let Some((state, run)) = in_child() {
        let writer = Writer::open(&state);
        for number in 0.. {
            writer.group(record(&run, 2 * number)).unwrap();
            writer.durable(record(&run, 2 * number + 1)).unwrap();
            println!("durable {}", 2 * number + 1);
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut least: u64 = 0;
    for round in 0..12 {
        let mut child = child("what_is_durable_survives_a_kill", dir.path(), &round.to_string());
        let lines = BufReader::new(child.stdout.take().unwrap());
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(40 + round * 13));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        // The last whole line that came out before it died.
        let said = lines.lines().map_while(Result::ok).filter_map(|l| l.strip_prefix("durable ")?.parse().ok()).last();
        killer.join().unwrap();
        let found = verified(dir.path());
        assert!(found.holds(), "{found:?}");
        let durable: u64 = said.map_or(0, |last: u64| last + 1);
        assert!(found.records >= least + durable, "{} records, {least} and {durable} were durable", found.records);
        least = found.records;
    }
    assert!(least > 0, "at least one round got to write something");
}

#[test]
fn what_is_written_in_groups_survives_a_kill() {
    if let Some((state, run)) = in_child() {
        let writer = Writer::open(&state);
        for number in 0.. {
            writer.group(record(&run, number)).and_then(|()| writer.flush()).unwrap();
            println!("written {number}");
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    Writer::open(dir.path()).finish().unwrap();
    let mut least: u64 = 0;
    for round in 0..12 {
        let mut child = child("what_is_written_in_groups_survives_a_kill", dir.path(), &round.to_string());
        let lines = BufReader::new(child.stdout.take().unwrap());
        let killer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(40 + round * 13));
            child.kill().unwrap();
            child.wait().unwrap();
        });
        let said = lines.lines().map_while(Result::ok).filter_map(|l| l.strip_prefix("written ")?.parse().ok()).last();
        killer.join().unwrap();
        least += said.map_or(0, |last: u64| last + 1);
        assert!(Reader::open(dir.path()).unwrap().size().unwrap() >= least);
        if round % 2 == 1 {
            let found = verified(dir.path());
            assert!(found.holds() && found.records >= least, "{found:?}, {least} were written");
        }
    }
    assert!(least > 0, "at least one round got to write something");
}

#[test]
fn a_reader_sees_whole_groups_while_others_write() {
    if let Some((state, run)) = in_child() {
        let writer = Writer::open(&state);
        for number in 0..600 {
            writer.group(record(&run, number)).unwrap();
            if number % 3 == 2 {
                writer.flush().unwrap();
            }
            if number == 300 {
                // until the reader has seen some
                let begun = Instant::now();
                while !state.join("seen").exists() {
                    assert!(begun.elapsed() < Duration::from_mins(1), "nothing is seen");
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
        }
        return writer.finish().unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    Writer::open(dir.path()).finish().unwrap();
    let mut child = child("a_reader_sees_whole_groups_while_others_write", dir.path(), "r");
    let reader = Reader::open(dir.path()).unwrap();
    let mut sizes = Vec::new();
    while child.try_wait().unwrap().is_none() {
        let size = reader.size().unwrap();
        sizes.push(size);
        let found = verified(dir.path());
        assert!(found.holds(), "{found:?}");
        if (1..600).contains(&size) {
            std::fs::write(dir.path().join("seen"), "").unwrap();
        }
    }
    assert!(child.wait().unwrap().success(), "{sizes:?}");
    assert!(sizes.is_sorted(), "{sizes:?}");
    assert_eq!(reader.size().unwrap(), 600);
}
