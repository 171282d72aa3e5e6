//! The queue of one run: the gate's side of it. The other side is the desk, which is opened with the first question.

use std::fmt;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::sys::eventfd::{EfdFlags, EventFd};
use tollgate_policy::grant::Grant;
use tollgate_policy::question::Question;
use tollgate_wire::ask::{Asker, Ended, Revoked, Unasked};
use tollgate_wire::message::WAIT;

use crate::book::{Book, Check, Now};
use crate::desk::Desk;

/// Questions of a run, answered over its socket. Dropping it closes the desk and removes socket and token.
pub struct Queue {
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
        Ok(Self { run: run.to_owned(), sockets, shared: Arc::new(shared), desk: None })
    }
}

impl Asker for Queue {
    fn raise(&mut self, question: Question) -> Result<(), Unasked> {
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
