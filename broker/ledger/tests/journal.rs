//! The journal beside the database: what is tampered with is found, what is torn is dropped and named, what is taken
//! into the tree twice is there once.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may stop where it is wrong")]

mod common;

use std::fs;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use common::{detected, ledger, record, verified};
use proptest::prelude::*;
use tollgate_ledger::fault::Kind;
use tollgate_ledger::list::Filter;
use tollgate_ledger::record::{Record, Recorder as _};
use tollgate_ledger::{Expected, Flaw, Reader, Writer, verify};

fn journal(state: &Path) -> PathBuf {
    state.join("ledger.journal")
}

/// A tree of three records, and three more in the journal.
fn made(state: &Path) -> Vec<u8> {
    ledger(state, 2);
    let writer = Writer::open(state);
    for number in 3..6 {
        writer.group(record("r1", number)).unwrap();
    }
    writer.finish().unwrap();
    fs::read(journal(state)).unwrap()
}

fn copied(from: &Path, to: &Path) {
    drop(fs::remove_dir_all(to));
    fs::create_dir(to).unwrap();
    for file in from.read_dir().unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn records(state: &Path) -> Vec<Record> {
    let mut all = Vec::new();
    let take = |seq, record| {
        assert_eq!(seq, all.len() as u64);
        all.push(record);
        ControlFlow::Continue(())
    };
    Reader::open(state).unwrap().each(&Filter::default(), take).unwrap();
    all
}

#[test]
fn contained_actions_leave_the_database_alone() {
    let dir = tempfile::tempdir().unwrap();
    ledger(dir.path(), 2);
    let look = || {
        let of =
            |file: &str| dir.path().join(file).metadata().map(|m| (m.ino(), m.size(), m.ctime(), m.ctime_nsec())).ok();
        ["ledger.db", "ledger.db-wal", "ledger.db-shm"].map(of)
    };
    let before = look();
    let writer = Writer::open(dir.path());
    writer.ready().unwrap();
    (0..200).for_each(|number| writer.group(record("r2", number)).unwrap());
    writer.finish().unwrap();
    assert_eq!(look(), before);
    assert_eq!(Reader::open(dir.path()).unwrap().size().unwrap(), 203, "they are read all the same");
    let found = verified(dir.path());
    assert!(found.holds(), "{found:?}");
    assert_eq!((found.records, found.waiting), (203, 0), "and signed when it matters");
}

#[test]
fn every_byte_of_what_is_not_signed_yet() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (bytes, copy) = (made(dir.path()), copy.path().join("state"));
    for at in 0..bytes.len() {
        copied(dir.path(), &copy);
        let mut wrong = bytes.clone();
        wrong[at] ^= 1 << (at % 8);
        fs::write(journal(&copy), wrong).unwrap();
        assert!(detected(&copy, &Expected::default()), "byte {at}");
    }
    assert!(verified(dir.path()).holds());
    let emptied = fs::read(journal(dir.path())).unwrap();
    for at in 0..emptied.len() {
        let mut wrong = emptied.clone();
        wrong[at] ^= 1 << (at % 8);
        fs::write(journal(dir.path()), wrong).unwrap();
        assert!(detected(dir.path(), &Expected::default()), "byte {at} of the first line");
        let fault = Writer::open(dir.path()).ready().unwrap_err();
        assert_eq!(fault.kind, Kind::Corrupt, "and nothing starts: {fault}");
    }
}

#[test]
fn a_crossing_signs_what_was_before_it_and_refuses_what_was_changed() {
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = made(dir.path());
    let writer = Writer::open(dir.path());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(journal(dir.path()), &bytes).unwrap();
    let unwritten = writer.durable(record("r2", 1)).unwrap_err();
    assert!(unwritten.0.contains("ledger.journal` is corrupt"), "{unwritten}");
    assert!(writer.group(record("r2", 2)).is_err(), "from then on nothing is taken");
    let found = verified(dir.path());
    assert_eq!(found.findings.iter().map(|f| f.flaw).collect::<Vec<_>>(), [Flaw::Journal]);
}

#[test]
fn a_torn_end_is_dropped_and_named() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (bytes, copy) = (made(dir.path()), copy.path().join("state"));
    let last = bytes[..bytes.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    for cut in [last + 1, last + 20, bytes.len() - 1] {
        for by_writer in [true, false] {
            copied(dir.path(), &copy);
            fs::write(journal(&copy), &bytes[..cut]).unwrap();
            if by_writer {
                let writer = Writer::open(&copy);
                writer.group(record("r2", 0)).unwrap();
                writer.finish().unwrap();
            }
            let found = verified(&copy);
            assert!(found.holds(), "{found:?}");
            assert_eq!(found.records, 5 + u64::from(by_writer));
            assert!(found.torn >= (cut - last) as u64, "{found:?}");
            let kept = fs::read(copy.join("ledger.torn")).unwrap();
            assert_eq!(kept, [&bytes[last..cut], b"\n"].concat());
        }
    }
}

#[test]
fn a_journal_that_is_gone_takes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    made(dir.path());
    let writer = Writer::open(dir.path());
    writer.ready().unwrap();
    fs::remove_file(journal(dir.path())).unwrap();
    writer.group(record("r2", 0)).unwrap();
    assert!(writer.flush().unwrap_err().0.contains("was removed"));
    assert!(writer.group(record("r2", 1)).is_err());
    drop(writer);
    Writer::open(dir.path()).ready().unwrap();
    assert!(verified(dir.path()).holds(), "an end that was cut off can't be seen without a kept checkpoint");
}

#[test]
fn an_older_database_is_found_and_nothing_starts_on_it() {
    let (dir, old) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    ledger(dir.path(), 2);
    copied(dir.path(), &old.path().join("state"));
    ledger(dir.path(), 1);
    for file in ["ledger.db", "ledger.db-wal", "ledger.db-shm"] {
        fs::copy(old.path().join("state").join(file), dir.path().join(file)).unwrap();
    }
    assert_eq!(Writer::open(dir.path()).ready().unwrap_err().kind, Kind::Corrupt);
    let found = verify(dir.path(), &Expected::default()).unwrap();
    assert_eq!(found.findings.iter().map(|f| f.flaw).collect::<Vec<_>>(), [Flaw::Journal]);
}

/// What happens to a ledger that two runs write.
#[derive(Debug, Clone, Copy)]
enum Step {
    Group(usize),
    Flush(usize),
    Durable(usize),
    Seal(usize),
    /// Somebody verifies.
    Verify,
    /// A run is killed, and another begins.
    Anew(usize),
    /// The journal is what it was before it was last taken into the tree: who did that was killed in between.
    Back,
}

fn step() -> impl Strategy<Value = Step> {
    let run = 0..2_usize;
    prop_oneof![
        4 => run.clone().prop_map(Step::Group),
        3 => run.clone().prop_map(Step::Flush),
        1 => run.clone().prop_map(Step::Durable),
        1 => run.clone().prop_map(Step::Seal),
        1 => Just(Step::Verify),
        1 => run.prop_map(Step::Anew),
        2 => Just(Step::Back),
    ]
}

/// A ledger under test: what should be in it.
struct Story {
    state: PathBuf,
    runs: [Writer; 2],
    next: u64,
    /// Handed over by each run, but not written yet.
    waiting: [Vec<Record>; 2],
    written: Vec<Record>,
    /// The journal before it was last taken into the tree, while nothing was written since.
    before: Option<Vec<u8>>,
}

impl Story {
    fn hand_over(&mut self, run: usize, give: impl Fn(&Writer, Record)) {
        let record = record(if run == 0 { "a" } else { "b" }, self.next);
        self.next += 1;
        self.waiting[run].push(record.clone());
        give(&self.runs[run], record);
    }

    fn wrote(&mut self, run: usize) {
        self.before = self.before.take().filter(|_| self.waiting[run].is_empty());
        self.written.append(&mut self.waiting[run]);
    }

    /// Does what takes all into the tree; `run`'s waiting records come first.
    fn signs(&mut self, run: Option<usize>, sign: impl Fn(&Self)) {
        if let Some(run) = run {
            self.runs[run].flush().unwrap();
            self.wrote(run);
        }
        let before = fs::read(journal(&self.state)).unwrap();
        sign(self);
        self.before = Some(before);
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Group(run) => self.hand_over(run, |writer, record| writer.group(record).unwrap()),
            Step::Flush(run) => {
                self.runs[run].flush().unwrap();
                self.wrote(run);
            }
            Step::Durable(run) => {
                self.hand_over(run, |writer, record| writer.durable(record).unwrap());
                self.before = None;
                self.written.append(&mut self.waiting[run]);
            }
            Step::Seal(run) => self.signs(Some(run), |story| story.runs[run].seal().unwrap()),
            Step::Verify => self.signs(None, |story| assert!(verified(&story.state).holds())),
            Step::Anew(run) => {
                // As close to a kill as one process gets: what was not written yet is written now.
                self.runs[run] = Writer::open(&self.state);
                self.wrote(run);
                self.before = None;
            }
            Step::Back => {
                if let Some(before) = self.before.take() {
                    fs::write(journal(&self.state), before).unwrap();
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn whatever_happens_all_is_there_once_and_in_order(steps in prop::collection::vec(step(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().to_owned();
        let runs = [Writer::open(&state), Writer::open(&state)];
        let mut story = Story { state, runs, next: 0, waiting: Default::default(), written: Vec::new(), before: None };
        for step in steps {
            story.step(step);
            prop_assert_eq!(&records(dir.path()), &story.written);
        }
        let found = verified(dir.path());
        prop_assert!(found.holds(), "{:?}", found);
        prop_assert_eq!(found.records, story.written.len() as u64);
    }
}
