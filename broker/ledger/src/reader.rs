//! Reads a ledger while others append to it. What is read at once comes from one state of it: the tree, and after it
//! the records that still wait in the journal. What needs a proof has them taken into the tree first.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Transaction, TransactionBehavior, params};
use serde::Deserialize;

use crate::append;
use crate::fault::{Fault, Kind};
use crate::journal::{self, Access, Journal};
use crate::key;
use crate::list::{Clock, Entry, Filter};
use crate::note::{Checkpoint, Verifier};
use crate::record::Record;
use crate::store;
use crate::tree::{self, Hash, RangeRoots, leaf_hash};

/// How far beyond the listed records one looks for the record before, to tell whether the clock stepped back.
const LOOK_BACK: usize = 4096;

/// A ledger opened read-only.
pub struct Reader {
    pub(crate) state: PathBuf,
    pub(crate) path: PathBuf,
    connection: Connection,
    verifier: Verifier,
}

/// A record with the proof that it is in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its place.
    pub seq: u64,
    /// The record.
    pub record: Record,
    /// The stored bytes.
    pub body: Vec<u8>,
    /// The checkpoint that the proof leads to.
    pub checkpoint: Checkpoint,
    /// Its signed note.
    pub note: String,
    /// The inclusion proof, from the leaf up; it was checked.
    pub proof: Vec<Hash>,
}

/// What a filter looks at, without the rest of the record.
#[derive(Deserialize)]
struct Head {
    at: i64,
    run: String,
    event: String,
}

impl Reader {
    /// Opens the ledger in a state directory.
    ///
    /// # Errors
    /// [`Fault`]: [`Kind::Missing`] where there is none, else why it can't be read.
    pub fn open(state: &Path) -> Result<Self, Fault> {
        let named = state.join(store::LEDGER_FILE);
        if store::is_missing(&named)? {
            return Err(Fault::new(Kind::Missing, &named));
        }
        let state = state.canonicalize().map_err(|e| Fault::io(Kind::Unreadable, state, e))?;
        let path = state.join(store::LEDGER_FILE);
        let connection = store::connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        Ok(Self { path, connection, verifier: key::load_verifier(&state)?, state })
    }

    /// The public half of the key.
    #[must_use]
    pub const fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// How many records there are, those that wait in the journal too.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read.
    pub fn size(&self) -> Result<u64, Fault> {
        let snapshot = self.snapshot()?;
        let signed = snapshot.newest()?.map_or(0, |(checkpoint, _)| checkpoint.size);
        Ok(signed + snapshot.waiting()?.len() as u64)
    }

    /// The newest signed checkpoint, over all that is written so far, as a note; none while there are no records. Its
    /// signature was checked.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read.
    pub fn checkpoint(&self) -> Result<Option<String>, Fault> {
        Ok(self.settled()?.newest()?.map(|(_, note)| note))
    }

    /// The records that the filter asks for, the newest last.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read, or a record makes no sense.
    pub fn list(&self, filter: &Filter) -> Result<Vec<Entry>, Fault> {
        let mut listing = Listing::default();
        let limit = filter.limit.unwrap_or(usize::MAX);
        self.snapshot()?.scan(Order::NewestFirst, &mut |seq, body| {
            let head: Head = self.parse(seq, body)?;
            listing.look(&head);
            if listing.entries.len() < limit && filter.takes(&head) {
                listing.add(head, Entry { seq, record: self.parse(seq, body)?, clock: Clock::Forward });
            }
            Ok(if listing.entries.len() >= limit { listing.after_limit() } else { ControlFlow::Continue(()) })
        })?;
        listing.entries.reverse();
        Ok(listing.entries)
    }

    /// Hands over one record after the other, oldest first, from one state of the ledger, holding one at a time.
    /// The filter's `limit` is not looked at.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read, or a record makes no sense.
    pub fn each(&self, filter: &Filter, mut take: impl FnMut(u64, Record) -> ControlFlow<()>) -> Result<(), Fault> {
        let all = *filter == Filter { limit: filter.limit, ..Filter::default() };
        self.snapshot()?.scan(Order::OldestFirst, &mut |seq, body| {
            if !all && !filter.takes(&self.parse(seq, body)?) {
                return Ok(ControlFlow::Continue(()));
            }
            Ok(take(seq, self.parse(seq, body)?))
        })
    }

    /// One record with its proof; none if there is no such record, or it still waits in the journal and can't be signed
    /// from here.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read, or the proof does not hold.
    pub fn show(&self, seq: u64) -> Result<Option<Shown>, Fault> {
        let snapshot = self.settled()?;
        let Some((checkpoint, note)) = snapshot.newest()? else {
            return Ok(None);
        };
        let Some(ranges) = tree::inclusion_ranges(seq, checkpoint.size) else {
            return Ok(None);
        };
        let proof = snapshot.roots(ranges)?;
        let body = snapshot.body(seq)?.ok_or_else(|| self.corrupt(format!("record {seq} is missing")))?;
        if !tree::proves_inclusion(&leaf_hash(&body), seq, (checkpoint.size, &checkpoint.root), &proof) {
            return Err(self.corrupt(format!("record {seq} does not fit the newest checkpoint")));
        }
        let record = self.parse(seq, &body)?;
        Ok(Some(Shown { seq, record, body, checkpoint, note, proof }))
    }

    /// The proof that the ledger of now begins with the ledger of `size` records; none where there never was one.
    ///
    /// # Errors
    /// [`Fault`] where the ledger can't be read.
    pub fn consistency(&self, size: u64) -> Result<Option<Vec<Hash>>, Fault> {
        let snapshot = self.settled()?;
        let now = snapshot.newest()?.map_or(0, |(checkpoint, _)| checkpoint.size);
        tree::consistency_ranges(size, now).map(|ranges| snapshot.roots(ranges)).transpose()
    }

    fn parse<'b, T: Deserialize<'b>>(&self, seq: u64, body: &'b [u8]) -> Result<T, Fault> {
        serde_json::from_slice(body).map_err(|e| self.corrupt(format!("record {seq} makes no sense: {e}")))
    }

    fn corrupt(&self, why: String) -> Fault {
        Fault::new(Kind::Corrupt, &self.path).because(why)
    }

    /// One state of the ledger, whatever is appended meanwhile.
    pub(crate) fn snapshot(&self) -> Result<Snapshot<'_>, Fault> {
        let journal = Journal::open(&self.state, Access::Read)?;
        // While the journal's lock is held, nothing goes from there into the tree.
        let locked = journal.as_ref().map(|journal| journal.shared(store::PATIENCE)).transpose()?;
        let sqlite = |e| Fault::sqlite(&self.path, e);
        let begun = Transaction::new_unchecked(&self.connection, TransactionBehavior::Deferred).map_err(sqlite)?;
        // The transaction begins with what it first reads.
        let last = begun.query_row("SELECT max(seq) FROM records", [], |row| row.get::<_, Option<i64>>(0));
        let stored = last.map_err(sqlite)?.map_or(0, |seq| seq.cast_unsigned().saturating_add(1));
        let journal = locked.map(|locked| locked.bytes()).transpose()?.unwrap_or_default();
        Ok(Snapshot { reader: self, transaction: begun, stored, journal })
    }

    /// The same, once all that waits is in the tree, if that can be done from here.
    pub(crate) fn settled(&self) -> Result<Snapshot<'_>, Fault> {
        append::settle(&self.state)?;
        self.snapshot()
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Filter {
    fn takes(&self, head: &Head) -> bool {
        self.run.as_ref().is_none_or(|run| *run == head.run)
            && self.event.as_ref().is_none_or(|event| *event == head.event)
            && self.since.is_none_or(|since| head.at >= since)
    }
}

/// What [`Reader::list`] gathers, newest first.
#[derive(Default)]
struct Listing {
    entries: Vec<Entry>,
    /// By run: the gathered entry whose record before has not been seen yet, and its time.
    open: HashMap<String, (usize, i64)>,
    looked_back: usize,
}

impl Listing {
    /// Sees the next older record: it may be the one before an entry.
    fn look(&mut self, head: &Head) {
        if let Some((place, at)) = self.open.remove(&head.run)
            && at < head.at
            && let Some(entry) = self.entries.get_mut(place)
        {
            entry.clock = Clock::SteppedBack;
        }
    }

    fn add(&mut self, head: Head, entry: Entry) {
        self.open.insert(head.run, (self.entries.len(), head.at));
        self.entries.push(entry);
    }

    fn after_limit(&mut self) -> ControlFlow<()> {
        self.looked_back += 1;
        let done = self.open.is_empty() || self.looked_back > LOOK_BACK;
        if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Takes a record's number and stored bytes, and says whether to go on.
pub(crate) type Take<'t> = dyn FnMut(u64, &[u8]) -> Result<ControlFlow<()>, Fault> + 't;

/// Which end of the ledger is read first.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    OldestFirst,
    NewestFirst,
}

/// One state of a ledger.
pub(crate) struct Snapshot<'r> {
    reader: &'r Reader,
    pub(crate) transaction: Transaction<'r>,
    /// How many records are in the database.
    pub(crate) stored: u64,
    /// The journal beside it.
    pub(crate) journal: Vec<u8>,
}

impl Snapshot<'_> {
    /// The newest checkpoint and its note, its signature checked.
    pub(crate) fn newest(&self) -> Result<Option<(Checkpoint, String)>, Fault> {
        let sql = "SELECT note FROM checkpoints ORDER BY id DESC LIMIT 1";
        let row = self.transaction.query_row(sql, [], |row| row.get::<_, Vec<u8>>(0)).optional();
        let Some(note) = row.map_err(|e| self.sqlite(e))? else {
            return Ok(None);
        };
        let wrong = |e| Fault::new(Kind::Corrupt, &self.reader.path).because(e);
        let checkpoint = self.reader.verifier.open_exact(&note).map_err(wrong)?;
        Ok(Some((checkpoint, String::from_utf8_lossy(&note).into_owned())))
    }

    /// The records that wait in the journal; their numbers follow on those in the database. Their links are not checked.
    pub(crate) fn waiting(&self) -> Result<Vec<&[u8]>, Fault> {
        let journal::Contents { header, bodies, flaw, .. } = journal::read(&self.journal, None);
        if let Some(flaw) = flaw {
            return Err(Fault::new(Kind::Corrupt, &self.reader.state.join(journal::JOURNAL_FILE)).because(flaw));
        }
        let known = self.stored.saturating_sub(header.map_or(self.stored, |header| header.base));
        Ok(bodies.into_iter().skip(usize::try_from(known).unwrap_or(usize::MAX)).collect())
    }

    /// Hands over the stored bytes of one record after the other.
    pub(crate) fn scan(&self, order: Order, take: &mut Take<'_>) -> Result<(), Fault> {
        let mut waiting = (self.stored..).zip(self.waiting()?).collect::<Vec<_>>();
        let goes_on = match order {
            Order::OldestFirst => self.rows(order, take)?.is_continue(),
            Order::NewestFirst => {
                waiting.reverse();
                true
            }
        };
        for (seq, body) in waiting.into_iter().take_while(|_| goes_on) {
            if take(seq, body)?.is_break() {
                return Ok(());
            }
        }
        match order {
            Order::OldestFirst => Ok(()),
            Order::NewestFirst => self.rows(order, take).map(|_| ()),
        }
    }

    /// Those in the tree.
    pub(crate) fn rows(&self, order: Order, take: &mut Take<'_>) -> Result<ControlFlow<()>, Fault> {
        let mut statement = self
            .transaction
            .prepare(match order {
                Order::OldestFirst => "SELECT seq, body FROM records ORDER BY seq",
                Order::NewestFirst => "SELECT seq, body FROM records ORDER BY seq DESC",
            })
            .map_err(|e| self.sqlite(e))?;
        let mut rows = statement.query([]).map_err(|e| self.sqlite(e))?;
        while let Some(row) = rows.next().map_err(|e| self.sqlite(e))? {
            let seq: i64 = row.get(0).map_err(|e| self.sqlite(e))?;
            let seq = u64::try_from(seq).map_err(|_| self.reader.corrupt(format!("there is a record {seq}")))?;
            let body = row.get_ref(1).ok().and_then(|b| b.as_blob().ok());
            let body = body.ok_or_else(|| self.reader.corrupt(format!("record {seq} has no bytes")))?;
            if take(seq, body)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn body(&self, seq: u64) -> Result<Option<Vec<u8>>, Fault> {
        self.transaction
            .query_row("SELECT body FROM records WHERE seq = ?1", params![seq.cast_signed()], |row| row.get(0))
            .optional()
            .map_err(|e| self.sqlite(e))
    }

    fn roots(&self, ranges: Vec<Range<u64>>) -> Result<Vec<Hash>, Fault> {
        let mut roots = RangeRoots::new(ranges);
        let _flow = self.rows(Order::OldestFirst, &mut |seq, body| {
            roots.push(seq, leaf_hash(body));
            Ok(ControlFlow::Continue(()))
        })?;
        roots.finish().ok_or_else(|| self.reader.corrupt("records are missing".into()))
    }

    pub(crate) fn sqlite(&self, e: rusqlite::Error) -> Fault {
        Fault::sqlite(&self.reader.path, e)
    }
}
