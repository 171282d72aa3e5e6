//! The writing thread of a run. It owns the connection, so that the gate never waits for the disk unless it asks to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender, TryRecvError};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::append::{Appender, Sync, fold_wal};
use crate::canonical;
use crate::fault::{Fault, Kind};
use crate::record::{Record, Recorder, Unwritten};
use crate::redact::Redactor;
use crate::store;

/// A group is written when it has so many records …
const GROUP: usize = 256;
/// … or when its first has waited so long.
const DELAY: Duration = Duration::from_millis(250);
/// How many records may wait for the thread before who writes must wait.
/// All places are made at once, so a launch pays for each.
const QUEUE: usize = 512;
/// The WAL is folded in at this size while a run goes on …
const WAL_RUNNING: u64 = 8 << 20;
/// … and at this size when it ends. The first run to open it reads all of it, so it must stay small.
const WAL_ENDED: u64 = 384 << 10;

/// Appends a run's records to the ledger.
pub struct Writer {
    queue: Option<SyncSender<Message>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

enum Message {
    Group(Box<Record>),
    Durable(Box<Record>, SyncSender<Result<(), Unwritten>>),
    Flush(SyncSender<Result<(), Unwritten>>),
}

/// What the thread tells.
#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
enum State {
    #[default]
    Opening,
    Open,
    /// It could not be opened, or a write failed: from then on nothing is taken.
    Failed(Fault),
}

/// A ledger that was opened, or why not; for a [`Writer`].
pub struct Opening(Result<store::Store, Fault>);

impl Opening {
    /// Opens the ledger in `state`, making it where there is none. Starts no thread.
    #[must_use]
    pub fn now(state: &Path) -> Self {
        Self(store::open(state))
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Opening").field(&self.0.as_ref().map(|store| &store.path)).finish()
    }
}

impl Writer {
    /// Starts the thread, which opens the ledger in `state` (making it where there is none); returns at once.
    #[must_use]
    pub fn spawn(state: &Path) -> Self {
        Self::spawn_with(state, Redactor::new())
    }

    /// The same, with a redactor that knows the values of secrets.
    #[must_use]
    pub fn spawn_with(state: &Path, redactor: Redactor) -> Self {
        let dir = state.to_owned();
        Self::spawn_opening(state, redactor, move || Opening::now(&dir))
    }

    /// The same, with a ledger in `state` that was opened before.
    #[must_use]
    pub fn spawn_opened(state: &Path, redactor: Redactor, opening: Opening) -> Self {
        Self::spawn_opening(state, redactor, move || opening)
    }

    fn spawn_opening(state: &Path, redactor: Redactor, opening: impl FnOnce() -> Opening + Send + 'static) -> Self {
        let (queue, messages) = mpsc::sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let (theirs, dir) = (Arc::clone(&shared), state.to_owned());
        let thread = std::thread::Builder::new()
            .name("ledger".into())
            .spawn(move || work(&dir, redactor, (opening, &messages, &theirs)));
        let path = state.join(store::LEDGER_FILE);
        if let Err(e) = &thread {
            shared.set(State::Failed(Fault::new(Kind::Stopped, &path).because(e.to_string())));
        }
        Self { queue: Some(queue), shared, thread: thread.ok(), path }
    }

    /// Waits until the ledger is open and found writable.
    ///
    /// # Errors
    /// [`Fault`] where it can't be opened, made or written: nothing may start then.
    pub fn ready(&self) -> Result<(), Fault> {
        self.shared.opened()
    }

    /// Writes all that was handed over so far, without waiting for the disk.
    ///
    /// # Errors
    /// [`Unwritten`] where the ledger did not take it.
    pub fn flush(&self) -> Result<(), Unwritten> {
        self.ask(Message::Flush)
    }

    /// Takes no more: what is left is written, and the ledger closed, while the caller goes on. [`Self::finish`] waits
    /// for that.
    pub fn hang_up(&mut self) {
        drop(self.queue.take());
    }

    /// Writes what is left and closes the ledger.
    ///
    /// # Errors
    /// [`Fault`] where something of this run could not be written, now or before.
    pub fn finish(mut self) -> Result<(), Fault> {
        self.close();
        match &*self.shared.lock() {
            State::Failed(fault) => Err(fault.clone()),
            State::Opening => Err(Fault::new(Kind::Stopped, &self.path)),
            State::Open => Ok(()),
        }
    }

    fn ask(&self, message: impl FnOnce(SyncSender<Result<(), Unwritten>>) -> Message) -> Result<(), Unwritten> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.send(message(reply))?;
        answer.recv().unwrap_or_else(|_| Err(self.shared.unwritten()))
    }

    fn send(&self, message: Message) -> Result<(), Unwritten> {
        let sent = self.queue.as_ref().is_some_and(|q| q.send(message).is_ok());
        if sent { Ok(()) } else { Err(self.shared.unwritten()) }
    }

    /// Hangs up, upon which the thread writes what is left, and waits for it.
    fn close(&mut self) {
        self.hang_up();
        if self.thread.take().is_some_and(|t| t.join().is_err()) {
            self.shared.set(State::Failed(Fault::new(Kind::Stopped, &self.path)));
        }
    }
}

impl Recorder for Writer {
    fn group(&self, record: Record) -> Result<(), Unwritten> {
        if matches!(*self.shared.lock(), State::Failed(_)) {
            return Err(self.shared.unwritten());
        }
        self.send(Message::Group(Box::new(record)))
    }

    fn durable(&self, record: Record) -> Result<(), Unwritten> {
        self.ask(|reply| Message::Durable(Box::new(record), reply))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: State) {
        *self.lock() = state;
        self.changed.notify_all();
    }

    fn opened(&self) -> Result<(), Fault> {
        let waited = self.changed.wait_while(self.lock(), |s| matches!(s, State::Opening));
        match &*waited.unwrap_or_else(PoisonError::into_inner) {
            State::Failed(fault) => Err(fault.clone()),
            State::Opening | State::Open => Ok(()),
        }
    }

    fn unwritten(&self) -> Unwritten {
        match &*self.lock() {
            State::Failed(fault) => unwritten(fault),
            State::Opening | State::Open => Unwritten("its writer is gone".into()),
        }
    }
}

fn unwritten(fault: &Fault) -> Unwritten {
    use std::error::Error as _;
    Unwritten(fault.source().map_or_else(|| fault.to_string(), |cause| format!("{fault}: {cause}")))
}

/// The thread: opens, takes messages until nobody can send any more, closes.
fn work(
    state: &Path,
    redactor: Redactor,
    (opening, messages, shared): (impl FnOnce() -> Opening, &Receiver<Message>, &Shared),
) {
    // Signals are the supervisor's; one that is delivered here would end the whole process.
    let blocked = nix::sys::signal::SigSet::all().thread_block();
    let path = state.join(store::LEDGER_FILE);
    let store = match blocked.map_err(|e| Fault::new(Kind::Stopped, &path).because(e)).and_then(|()| opening().0) {
        Ok(store) => store,
        Err(fault) => return shared.set(State::Failed(fault)),
    };
    match Appender::new(&store) {
        Ok(appender) => {
            shared.set(State::Open);
            let redactor = redactor.keyed(store.signer.derive("redaction"));
            Worker { appender, redactor, waiting: Vec::new(), since: None, failed: None, shared, store: &store }
                .run(messages);
            fold_wal(&store, WAL_ENDED);
        }
        Err(fault) => shared.set(State::Failed(fault)),
    }
}

struct Worker<'s> {
    appender: Appender<'s>,
    redactor: Redactor,
    store: &'s store::Store,
    /// Records in stored form that are not written yet, and when the first of them came.
    waiting: Vec<Vec<u8>>,
    since: Option<Instant>,
    failed: Option<Unwritten>,
    shared: &'s Shared,
}

impl Worker<'_> {
    fn run(mut self, messages: &Receiver<Message>) {
        loop {
            let message = match self.since {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(since) => messages.recv_timeout(DELAY.saturating_sub(since.elapsed())),
            };
            match message {
                Ok(message) => self.take(message, messages),
                Err(RecvTimeoutError::Timeout) => {
                    drop(self.write(Sync::Later));
                    fold_wal(self.store, WAL_RUNNING);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        // What failed may work now (a full disk): nothing is given up without a last try.
        self.failed = None;
        drop(self.write(Sync::Later));
    }

    fn take(&mut self, message: Message, messages: &Receiver<Message>) {
        let (sync, mut replies) = match message {
            Message::Group(record) => {
                self.queue(&record);
                if self.waiting.len() >= GROUP {
                    drop(self.write(Sync::Later));
                }
                return;
            }
            Message::Flush(reply) => (Sync::Later, vec![reply]),
            Message::Durable(record, reply) => {
                self.queue(&record);
                (Sync::Now, vec![reply])
            }
        };
        let sync = self.gather(sync, &mut replies, messages);
        let done = self.write(sync);
        for reply in replies {
            // Who does not wait any more needs no answer.
            drop(reply.send(done.clone()));
        }
    }

    /// Takes what else is there already, so that it shares the transaction and its fsync.
    fn gather(
        &mut self,
        mut sync: Sync,
        replies: &mut Vec<SyncSender<Result<(), Unwritten>>>,
        messages: &Receiver<Message>,
    ) -> Sync {
        while self.waiting.len() < GROUP {
            match messages.try_recv() {
                Ok(Message::Group(record)) => self.queue(&record),
                Ok(Message::Flush(reply)) => replies.push(reply),
                Ok(Message::Durable(record, reply)) => {
                    self.queue(&record);
                    replies.push(reply);
                    sync = Sync::Now;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        sync
    }

    fn queue(&mut self, record: &Record) {
        match self.stored_form(record) {
            Ok(body) => {
                self.waiting.push(body);
                self.since.get_or_insert_with(Instant::now);
            }
            Err(e) => self.fail(Fault::new(Kind::Corrupt, &self.store.path).because(e)),
        }
    }

    fn stored_form(&self, record: &Record) -> Result<Vec<u8>, canonical::NotCanonical> {
        let mut value = canonical::to_value(record)?;
        self.redactor.value(&mut value);
        canonical::of_value(&value)
    }

    fn write(&mut self, sync: Sync) -> Result<(), Unwritten> {
        if let Some(failed) = &self.failed {
            self.since = None;
            return Err(failed.clone());
        }
        let done = self.appender.append(&self.waiting, sync);
        self.since = None;
        match done {
            Ok(()) => {
                self.waiting.clear();
                Ok(())
            }
            Err(fault) => {
                let unwritten = unwritten(&fault);
                self.fail(fault);
                Err(unwritten)
            }
        }
    }

    fn fail(&mut self, fault: Fault) {
        self.failed = Some(unwritten(&fault));
        self.shared.set(State::Failed(fault));
    }
}
