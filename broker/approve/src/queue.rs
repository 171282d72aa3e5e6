//! The queue of one run: the gate's side of it. The other side is the desk, which is opened with the first question.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::eventfd::{EfdFlags, EventFd};
use tollgate_policy::evidence::Section;
use tollgate_policy::grant::Grant;
use tollgate_policy::question::Question;
use tollgate_policy::review::{Opinion, Review};
use tollgate_wire::ask::{Asker, Collect, Ended, History, Reviews, Revoked, Unasked};
use tollgate_wire::message::WAIT;

use crate::book::{Book, Check, Now};
use crate::desk::Desk;

/// How long evidence is collected for one question.
const SEARCH: Duration = Duration::from_secs(3);

/// How many questions are made ready at a time; others wait for their turn.
const SEARCHERS: usize = 4;

/// Questions of a run, answered over its socket. Dropping it closes the desk and removes socket and token.
pub struct Queue {
    collector: Option<Arc<dyn Collect>>,
    reviewer: Option<Arc<dyn Reviews>>,
    /// Why no person can be asked.
    unattended: Option<String>,
    drafts: Arc<Drafts>,
    run: String,
    sockets: PathBuf,
    shared: Arc<Shared>,
    desk: Option<Desk>,
}

/// What gate and desk share.
pub(crate) struct Shared {
    book: Mutex<Book>,
    /// Wakes the gate: something ended.
    ended: EventFd,
    /// Wakes the desk: there is an earlier deadline, or it shall close.
    changed: EventFd,
    /// Wakes who waits for a change of what is open.
    news: Condvar,
}

impl Shared {
    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        // Each change of the book is whole before the lock is let go, so a thread that died left it whole.
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the gate if there is something to take.
    pub(crate) fn tell(&self, book: &Book) {
        self.news.notify_all();
        if book.has_ended() {
            // It can only fail when the counter is full: then the gate is awake already.
            self.ended.write(1).ok();
        }
    }

    pub(crate) fn changed(&self) -> &EventFd {
        &self.changed
    }

    /// The open questions as soon as they are others than at the change `since`, or after a while.
    pub(crate) fn wait_for_news(&self, since: u64) -> (u64, Vec<Question>) {
        let until = Instant::now() + WAIT;
        let mut book = self.book();
        while book.change() == since {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            book = self.news.wait_timeout(book, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        (book.change(), book.list(Now::read()))
    }
}

impl Queue {
    /// A queue for this run whose socket will be in the folder `sockets`. `check` says whether policy lets an answer
    /// stand. Makes two event descriptors and nothing else.
    ///
    /// # Errors
    /// Where the process has no descriptors left.
    pub fn new(run: &str, sockets: PathBuf, check: Check) -> io::Result<Self> {
        let event = || EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        let shared =
            Shared { book: Mutex::new(Book::new(check)), ended: event()?, changed: event()?, news: Condvar::new() };
        Ok(Self {
            run: run.to_owned(),
            sockets,
            shared: Arc::new(shared),
            desk: None,
            collector: None,
            reviewer: None,
            unattended: None,
            drafts: Arc::default(),
        })
    }

    /// The same, with somebody who collects evidence.
    #[must_use]
    pub fn collecting(mut self, collector: Arc<dyn Collect>) -> Self {
        self.collector = Some(collector);
        self
    }
}

/// Questions that wait to be made ready.
#[derive(Default)]
struct Drafts {
    waiting: Mutex<(VecDeque<Question>, usize)>,
}

impl Drafts {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<Question>, usize)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next one; none ends who asks.
    fn next(&self) -> Option<Question> {
        let mut waiting = self.lock();
        let next = waiting.0.pop_front();
        if next.is_none() {
            waiting.1 = waiting.1.saturating_sub(1);
        }
        next
    }
}

/// Makes drafts ready until there is none left. A collector that panics leaves its question as it was.
fn search(drafts: &Drafts, collector: &dyn Collect, shared: &Shared) {
    while let Some(draft) = drafts.next() {
        let until = Instant::now() + SEARCH;
        let mut question = draft.clone();
        let collected = catch_unwind(AssertUnwindSafe(|| collector.collect(&mut question, until)));
        if collected.is_err() {
            question = draft;
            let why = "what collects it failed".to_owned();
            question.evidence.push(Section::Missing { what: "evidence".to_owned(), why });
        }
        let mut book = shared.book();
        book.ready(question);
        shared.tell(&book);
    }
}

impl Queue {
    /// The same, with a reviewer before people.
    #[must_use]
    pub fn reviewed_by(mut self, reviewer: Arc<dyn Reviews>) -> Self {
        self.reviewer = Some(reviewer);
        self
    }

    /// The same, with nobody behind the reviewer, for this reason.
    #[must_use]
    pub fn unattended(mut self, because: &str) -> Self {
        self.unattended = Some(because.to_owned());
        self
    }
}

/// Has one question reviewed. A reviewer that panics has failed.
fn review(question: &Question, reviewer: &dyn Reviews, shared: &Shared) {
    let outcome = catch_unwind(AssertUnwindSafe(|| reviewer.review(question)));
    let failed = |_| Review::without("reviewer", Opinion::Failed("it broke".to_owned()));
    let mut book = shared.book();
    book.reviewed(question.id.clone(), outcome.unwrap_or_else(failed));
    shared.tell(&book);
}

impl Asker for Queue {
    fn history(&self) -> History {
        self.collector.as_ref().map(|collector| collector.history()).unwrap_or_default()
    }

    fn reviews(&self) -> bool {
        self.reviewer.is_some()
    }

    fn review(&mut self, question: Question) {
        let Some(reviewer) = self.reviewer.clone() else { return };
        let (id, shared) = (question.id.clone(), Arc::clone(&self.shared));
        let work = move || review(&question, &*reviewer, &shared);
        if let Err(e) = std::thread::Builder::new().name("review".to_owned()).spawn(work) {
            let failed = Opinion::Failed(format!("no thread can be started: {e}"));
            let mut book = self.shared.book();
            book.reviewed(id, Review::without("reviewer", failed));
            self.shared.tell(&book);
        }
    }

    fn prepares(&self, question: &Question) -> bool {
        self.collector.as_ref().is_some_and(|collector| collector.wants(question))
    }

    fn binds(&self, question: &Question) -> bool {
        self.collector.as_ref().is_some_and(|collector| collector.binds(question))
    }

    fn prepare(&mut self, question: Question) {
        let Some(collector) = &self.collector else {
            self.shared.book().ready(question);
            return;
        };
        let mut waiting = self.drafts.lock();
        waiting.0.push_back(question);
        if waiting.1 < SEARCHERS {
            let (drafts, collector, shared) =
                (Arc::clone(&self.drafts), Arc::clone(collector), Arc::clone(&self.shared));
            let work = move || search(&drafts, &*collector, &shared);
            match std::thread::Builder::new().name("evidence".to_owned()).spawn(work) {
                Ok(_) => waiting.1 += 1,
                // nobody else will: it goes on as it is
                Err(e) if waiting.1 == 0 => {
                    let mut book = self.shared.book();
                    for mut question in waiting.0.drain(..) {
                        let why = format!("no thread can be started: {e}");
                        question.evidence.push(Section::Missing { what: "evidence".to_owned(), why });
                        book.ready(question);
                    }
                    self.shared.tell(&book);
                }
                Err(_) => {}
            }
        }
    }

    fn raise(&mut self, question: Question) -> Result<(), Unasked> {
        if let Some(because) = &self.unattended {
            return Err(Unasked(because.clone()));
        }
        if self.desk.is_none() {
            self.desk =
                Some(Desk::open(&self.run, &self.sockets, &self.shared).map_err(|fault| Unasked(fault.to_string()))?);
        }
        self.shared.book().put(question, Now::read()).map_err(|declined| Unasked(declined.to_string()))?;
        self.shared.changed.write(1).ok();
        self.shared.news.notify_all();
        Ok(())
    }

    fn joined(&mut self, question: &str, waiting: u32) {
        self.shared.book().joined(question, waiting);
        self.shared.changed.write(1).ok();
        self.shared.news.notify_all();
    }

    fn wakes(&self) -> Option<BorrowedFd<'_>> {
        Some(self.shared.ended.as_fd())
    }

    fn take(&mut self) -> Vec<Ended> {
        // Cleared before the book is read: what ends in between is taken now, and wakes once more in vain.
        self.shared.ended.read().ok();
        let mut book = self.shared.book();
        book.expire(Now::read());
        book.take()
    }

    fn withdraw(&mut self, question: &str) {
        self.drafts.lock().0.retain(|draft| draft.id != question);
        self.shared.book().withdraw(question);
        self.shared.changed.write(1).ok();
        self.shared.news.notify_all();
    }

    fn granted(&mut self, grants: &[Grant]) {
        self.shared.book().granted(grants);
    }

    fn revoked(&mut self) -> Vec<Revoked> {
        self.shared.book().revoked()
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("run", &self.run).field("open", &self.desk.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
