//! What a run writes with. Contained actions wait for a moment and go to the journal in groups; a crossing goes there at
//! once and on into the tree, under a signed checkpoint and onto the disk. All in the gate's own thread: a group costs
//! one write, and a short run never opens the database.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::append::Appender;
use crate::canonical;
use crate::fault::{Fault, Kind};
use crate::journal::{Access, Appended, Chain, Journal};
use crate::key;
use crate::note::Seed;
use crate::record::{Event, Record, Recorder, Unwritten};
use crate::redact::Redactor;
use crate::stamp::Stamp;
use crate::store::{self, PATIENCE};

/// A group is written when it has so many records …
const GROUP: usize = 64;
/// … or when its first has waited so long.
const DELAY: Duration = Duration::from_millis(200);
/// Others may have the lock: for so long a group waits rather than the gate …
const LATEST: Duration = Duration::from_secs(1);
/// … looking again this often.
const AGAIN: Duration = Duration::from_millis(10);
/// A journal that has grown so large is taken into the tree by whoever wrote last.
const LARGE: u64 = 1 << 20;

/// Appends a run's records to the ledger.
pub struct Writer {
    path: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    /// None where it could not be opened.
    opened: Option<Opened>,
    redactor: Redactor,
    /// Records that are not written yet, and since when the first of them waits.
    waiting: Vec<Record>,
    since: Option<Instant>,
    /// It could not be opened, or a write failed: from then on nothing is taken.
    failed: Option<Fault>,
}

/// A ledger that was opened, or why not; for a [`Writer`].
#[derive(Debug)]
pub struct Opening(Result<Opened, Fault>);

/// A ledger that is ready to be written.
struct Opened {
    state: PathBuf,
    seed: Seed,
    chain: Chain,
    journal: Journal,
    /// Opened when it is needed.
    appender: Option<Appender>,
}

/// What becomes of records when they are in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// They stay there until somebody needs them in the tree.
    Rest,
    /// They go on into the tree, and are on the disk before anything else happens.
    Sign,
}

impl Opening {
    /// Opens the ledger in `state`, making it where there is none.
    #[must_use]
    pub fn now(state: &Path) -> Self {
        Self(Opened::quickly(state).map_or_else(|| Opened::thoroughly(state), Ok))
    }
}

impl Opened {
    /// Opens a ledger that looks as it was left. None where anything is missing, or strange, or in the way: then the
    /// long way says what it is.
    fn quickly(state: &Path) -> Option<Self> {
        let journal = Journal::open(state, Access::Write).ok()??;
        let seed = key::load_seed(state).ok()??;
        let chain = Chain::new(&seed);
        let header = journal.header(&chain)?;
        let untouched = header.stamp == Stamp::of(state).ok()?;
        let whole = state.join(key::VERIFIER_FILE).symlink_metadata().is_ok();
        store::room(journal.path()).ok()?;
        (untouched && whole).then(|| Self { state: state.to_owned(), seed, chain, journal, appender: None })
    }

    /// Opens the database too, and looks closely.
    fn thoroughly(state: &Path) -> Result<Self, Fault> {
        let mut appender = Appender::open(state)?;
        let state = appender.store().state.clone();
        let seed = appender.store().signer.seed();
        let chain = Chain::new(&seed);
        let missing = || Fault::new(Kind::NotMade, &state);
        let journal = Journal::open(&state, Access::Make)?.ok_or_else(missing)?;
        appender.fold(&journal.exclusively(PATIENCE)?, &chain)?;
        Ok(Self { state, seed, chain, journal, appender: Some(appender) })
    }

    /// Writes records in their stored form. The outer error: none of them is written. The inner one: they are in the
    /// journal, but what should become of them then did not.
    fn write(&mut self, bodies: &[Vec<u8>], then: Then, patience: Duration) -> Result<Result<(), Fault>, Fault> {
        let Self { state, chain, journal, appender, .. } = self;
        let locked = journal.exclusively(patience)?;
        let mut fold = || match appender {
            Some(appender) => appender.fold(&locked, chain),
            None => appender.insert(Appender::open(state)?).fold(&locked, chain),
        };
        let size = loop {
            match locked.append(chain, bodies)? {
                Appended::Done(size) => break size,
                Appended::Torn => fold()?,
            }
        };
        Ok(match then {
            Then::Sign => fold(),
            Then::Rest if size > LARGE => fold().or_else(tolerable),
            Then::Rest => Ok(()),
        })
    }
}

/// What is no reason to stop where records are safe in the journal.
fn tolerable(fault: Fault) -> Result<(), Fault> {
    if matches!(fault.kind, Kind::Busy | Kind::Full) { Ok(()) } else { Err(fault) }
}

impl Writer {
    /// Opens the ledger in `state`, making it where there is none. [`Self::ready`] says whether that worked.
    #[must_use]
    pub fn open(state: &Path) -> Self {
        Self::open_with(state, Redactor::new())
    }

    /// The same, with a redactor that knows the values of secrets.
    #[must_use]
    pub fn open_with(state: &Path, redactor: Redactor) -> Self {
        Self::opened(state, redactor, Opening::now(state))
    }

    /// The same, with a ledger in `state` that was opened before.
    #[must_use]
    pub fn opened(state: &Path, redactor: Redactor, opening: Opening) -> Self {
        let (opened, failed) = match opening.0 {
            Ok(opened) => (Some(opened), None),
            Err(fault) => (None, Some(fault)),
        };
        let redactor = match &opened {
            Some(opened) => redactor.keyed(opened.seed.derive("redaction")),
            None => redactor,
        };
        let inner = Inner { opened, redactor, waiting: Vec::new(), since: None, failed };
        Self { path: state.join(store::LEDGER_FILE), inner: Mutex::new(inner) }
    }

    /// Whether the ledger is open and takes records.
    ///
    /// # Errors
    /// [`Fault`] where it can't be opened, made or written: nothing may start then.
    pub fn ready(&self) -> Result<(), Fault> {
        self.lock().sound()
    }

    /// Writes all that was handed over so far to the journal: it then survives a crash of the process, not of the
    /// machine.
    ///
    /// # Errors
    /// [`Unwritten`] where the ledger did not take it.
    pub fn flush(&self) -> Result<(), Unwritten> {
        self.lock().write(Then::Rest, PATIENCE).map_err(|fault| unwritten(&fault))
    }

    /// Writes all that was handed over so far, and takes all that is in the journal, whoever wrote it, into the tree
    /// under a signed checkpoint. When this returns, it is on the disk.
    ///
    /// # Errors
    /// [`Unwritten`] where the ledger did not take it.
    pub fn seal(&self) -> Result<(), Unwritten> {
        self.lock().write(Then::Sign, PATIENCE).map_err(|fault| unwritten(&fault))
    }

    /// Writes what is left and closes the ledger.
    ///
    /// # Errors
    /// [`Fault`] where something of this run could not be written, now or before.
    pub fn finish(self) -> Result<(), Fault> {
        self.lock().close()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn sound(&self) -> Result<(), Fault> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    fn add(&mut self, record: Record) {
        self.waiting.push(record);
        self.since.get_or_insert_with(Instant::now);
    }

    fn write(&mut self, then: Then, patience: Duration) -> Result<(), Fault> {
        self.sound()?;
        match self.try_write(then, patience) {
            // Who has patience left tries again.
            Err(fault) if fault.kind == Kind::Busy && patience < PATIENCE => Err(fault),
            Err(fault) => Err(self.failed.insert(fault).clone()),
            Ok(()) => Ok(()),
        }
    }

    fn try_write(&mut self, then: Then, patience: Duration) -> Result<(), Fault> {
        let Some(opened) = &mut self.opened else {
            return self.failed.clone().map_or(Ok(()), Err);
        };
        if self.waiting.is_empty() && then == Then::Rest {
            return Ok(());
        }
        let corrupt = |e| Fault::new(Kind::Corrupt, opened.journal.path()).because(e);
        let stored = self.waiting.iter().map(|record| stored_form(&self.redactor, record));
        let bodies: Vec<Vec<u8>> = stored.collect::<Result<_, _>>().map_err(corrupt)?;
        let done = opened.write(&bodies, then, patience)?;
        self.waiting.clear();
        self.since = None;
        done
    }

    /// Writes the group that has waited long enough; how long the next may still wait.
    fn tick(&mut self) -> Option<Duration> {
        let waited = self.since?.elapsed();
        if self.failed.is_some() {
            return None;
        }
        if waited < DELAY {
            return Some(DELAY.saturating_sub(waited).max(Duration::from_millis(1)));
        }
        let patience = if waited < LATEST { Duration::ZERO } else { PATIENCE };
        self.write(Then::Rest, patience).is_err().then_some(AGAIN)
    }

    /// What failed may work now (a full disk): nothing is given up without a last try. That it failed is still told.
    fn close(&mut self) -> Result<(), Fault> {
        let last = self.try_write(Then::Rest, PATIENCE);
        self.opened = None;
        self.sound().and(last)
    }
}

fn stored_form(redactor: &Redactor, record: &Record) -> Result<Vec<u8>, canonical::NotCanonical> {
    let mut value = canonical::to_value(record)?;
    redactor.value(&mut value);
    canonical::of_value(&value)
}

fn unwritten(fault: &Fault) -> Unwritten {
    use std::error::Error as _;
    Unwritten(fault.source().map_or_else(|| fault.to_string(), |cause| format!("{fault}: {cause}")))
}

impl Recorder for Writer {
    fn group(&self, record: Record) -> Result<(), Unwritten> {
        let mut inner = self.lock();
        inner.sound().map_err(|fault| unwritten(&fault))?;
        // Whatever becomes of the run, that it began is known.
        let first = matches!(record.event, Event::RunStarted(_));
        inner.add(record);
        if first || inner.waiting.len() >= GROUP {
            inner.write(Then::Rest, PATIENCE).map_err(|fault| unwritten(&fault))?;
        }
        Ok(())
    }

    fn durable(&self, record: Record) -> Result<(), Unwritten> {
        let mut inner = self.lock();
        inner.sound().map_err(|fault| unwritten(&fault))?;
        inner.add(record);
        inner.write(Then::Sign, PATIENCE).map_err(|fault| unwritten(&fault))
    }

    fn tick(&self) -> Option<Duration> {
        self.lock().tick()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.lock().close());
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("state", &self.state).finish_non_exhaustive()
    }
}
