//! The heart of verification: takes records and notes in order, from a database or an export, and holds them against
//! each other.

use std::collections::HashMap;

use crate::canonical;
use crate::note::{Checkpoint, Verifier};
use crate::record::Record;
use crate::tree::{CompactRange, leaf_hash};
use crate::verify::{Expected, Finding, Flaw, Verification};

/// More findings than this are not kept.
const ENOUGH: usize = 100;

/// A verification under way.
pub(crate) struct Check<'e> {
    expected: &'e Expected,
    kept: Kept,
    tree: CompactRange,
    /// The number that the next record must have.
    next: u64,
    /// How many records the last checkpoint covers.
    covered: u64,
    last_at: HashMap<String, i64>,
    found: Verification,
}

/// The checkpoint that was kept elsewhere.
enum Kept {
    None,
    /// The records have not come so far yet; its signature is checked at the end, when the key is known.
    Ahead(Checkpoint),
    Met,
    Missed(u64),
}

/// What a note turned out to be.
pub(crate) enum Noted {
    Fits(Checkpoint),
    /// Signed, but for other records than these.
    OtherRoot(Checkpoint),
    Wrong,
}

impl<'e> Check<'e> {
    pub(crate) fn new(expected: &'e Expected) -> Self {
        let found = Verification {
            records: 0,
            checkpoints: 0,
            key: expected.key.clone(),
            newest: None,
            waiting: 0,
            torn: 0,
            clock_steps: 0,
            findings: Vec::new(),
        };
        let kept = expected.checkpoint.as_deref().and_then(Checkpoint::unverified);
        let kept = kept.map_or(Kept::None, Kept::Ahead);
        let tree = CompactRange::default();
        Self { expected, kept, tree, next: 0, covered: 0, last_at: HashMap::new(), found }
    }

    /// How many records were taken.
    pub(crate) const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// How many checkpoints were taken.
    pub(crate) const fn checkpoints(&self) -> u64 {
        self.found.checkpoints
    }

    /// The compact range over the records so far, in stored form.
    pub(crate) fn frontier(&self) -> Vec<u8> {
        self.tree.to_bytes()
    }

    /// Goes on from another compact range of the same size.
    pub(crate) fn resume(&mut self, tree: CompactRange) {
        if tree.size() == self.tree.size() {
            self.tree = tree;
        }
    }

    pub(crate) fn find(&mut self, finding: Finding) {
        if self.found.findings.len() < ENOUGH {
            self.found.findings.push(finding);
        }
    }

    /// The key that comes with the ledger: it must be the one that was kept, if one was.
    pub(crate) fn key(&mut self, key: &Verifier) {
        match &self.found.key {
            Some(kept) if kept != key => {
                let detail = format!("the ledger comes with the key `{key:?}`, the kept one is `{kept:?}`");
                self.find(Finding::new(None, Flaw::Key, detail));
            }
            Some(_) => {}
            None => self.found.key = Some(key.clone()),
        }
    }

    /// The next record, as it is stored.
    pub(crate) fn record(&mut self, seq: u64, body: &[u8]) {
        if seq != self.next {
            let detail = format!("it stands where record {} should", self.next);
            self.find(Finding::new(Some(seq), Flaw::Sequence, detail));
        }
        self.next = seq.saturating_add(1);
        match parse(body) {
            Ok(record) => {
                let before = self.last_at.insert(record.run, record.at);
                self.found.clock_steps += u64::from(before.is_some_and(|at| record.at < at));
            }
            Err(why) => self.find(Finding::new(Some(seq), Flaw::Record, why)),
        }
        self.tree.push(leaf_hash(body));
        self.meet_kept();
    }

    fn meet_kept(&mut self) {
        if let Kept::Ahead(kept) = &self.kept
            && kept.size == self.tree.size()
        {
            self.kept = if kept.root == self.tree.root() { Kept::Met } else { Kept::Missed(kept.size) };
        }
    }

    /// The next checkpoint, as a signed note; it must cover exactly the records so far.
    pub(crate) fn checkpoint(&mut self, note: &[u8]) -> Noted {
        self.found.checkpoints += 1;
        let size = self.size();
        let place = size.checked_sub(1);
        let Some(key) = &self.found.key else {
            return Noted::Wrong;
        };
        let checkpoint = match key.open_exact(note) {
            Ok(checkpoint) => checkpoint,
            Err(why) => {
                self.find(Finding::new(place, Flaw::Signature, why.to_string()));
                return Noted::Wrong;
            }
        };
        if checkpoint.size != size || size <= self.covered {
            let detail = format!("a checkpoint of {} records stands after {size} records", checkpoint.size);
            self.find(Finding::new(place, Flaw::Checkpoints, detail));
            return Noted::Wrong;
        }
        let first = std::mem::replace(&mut self.covered, size);
        if checkpoint.root != self.tree.root() {
            let detail = format!(
                "of the records {first} to {}, at least one was changed, moved, added or removed after it was signed",
                size - 1
            );
            self.find(Finding::new(place, Flaw::Root, detail));
            return Noted::OtherRoot(checkpoint);
        }
        self.found.newest = Some(checkpoint.clone());
        Noted::Fits(checkpoint)
    }

    /// So many records wait for their signature.
    pub(crate) const fn waiting(&mut self, records: u64) {
        self.found.waiting = records;
    }

    /// So many bytes more were never whole records.
    pub(crate) const fn torn(&mut self, bytes: u64) {
        self.found.torn += bytes;
    }

    /// What was found in all.
    pub(crate) fn finish(mut self) -> Verification {
        self.found.records = self.size();
        if self.covered < self.size() {
            let detail = "from here on no checkpoint covers the records";
            self.find(Finding::new(Some(self.covered), Flaw::Uncovered, detail));
        }
        if let Some(note) = &self.expected.checkpoint {
            self.hold_against_kept(note);
        }
        self.found
    }

    fn hold_against_kept(&mut self, note: &[u8]) {
        let opened = self.found.key.as_ref().map(|key| key.open(note));
        let detail = match (&self.kept, opened) {
            (_, Some(Err(why))) => format!("the kept checkpoint can't be used: {why}"),
            (Kept::None, _) | (_, None) => "the kept checkpoint can't be used: not a signed checkpoint".into(),
            (Kept::Met, Some(Ok(_))) => return,
            (Kept::Missed(size), Some(Ok(_))) => {
                format!("the first {size} records are not those of the kept checkpoint")
            }
            (Kept::Ahead(kept), Some(Ok(_))) => {
                format!("records were cut off: there are {}, the kept checkpoint covers {}", self.size(), kept.size)
            }
        };
        self.find(Finding::new(None, Flaw::Kept, detail));
    }
}

fn parse(body: &[u8]) -> Result<Record, String> {
    let value = canonical::read(body).map_err(|e| e.to_string())?;
    serde_json::from_value(value).map_err(|e| format!("not a record of ours: {e}"))
}
