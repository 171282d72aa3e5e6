//! What is asked of a ledger and what comes back.

use crate::record::Record;

/// Which records. All that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this run.
    pub run: Option<String>,
    /// Of this kind: the `event` name in the record (`run_started`, `denied` …).
    pub event: Option<String>,
    /// Not older than this Unix time in milliseconds.
    pub since: Option<i64>,
    /// At most so many: the newest.
    pub limit: Option<usize>,
}

/// A record and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place, from 0. Order is by this, never by time.
    pub seq: u64,
    /// The record.
    pub record: Record,
    /// Whether time went forward since the run's record before it.
    pub clock: Clock,
}

/// How the wall clock moved since the same run's record before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Forward, or it stood still, or there is no record before.
    Forward,
    /// Back: somebody set it.
    SteppedBack,
}
