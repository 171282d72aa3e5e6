//! Threads for work that waits, such as connections: as many as there is work, never more than allowed, kept a while
//! for the next, since making one costs more than most of what it does.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Touched pages count, not this; the deepest callers are the resolver and the memory allocator.
const STACK: usize = 256 * 1024;
/// A page load or an installation opens its connections in bursts.
const LINGER: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

/// A bounded set of threads.
pub struct Pool {
    name: &'static str,
    inner: Arc<Inner>,
    most: usize,
}

struct Inner {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    idle: usize,
    threads: usize,
    ending: bool,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("threads", &self.inner.state().threads).finish_non_exhaustive()
    }
}

impl Pool {
    /// No thread yet, and never more than `most`.
    #[must_use]
    pub fn new(name: &'static str, most: usize) -> Self {
        let inner = Inner { state: Mutex::default(), changed: Condvar::new() };
        Self { name, inner: Arc::new(inner), most }
    }

    /// Runs a job on a thread of its own, now.
    ///
    /// # Errors
    /// `WouldBlock` if all threads are taken or the pool has ended; what the kernel says if it gives no thread.
    /// The job is dropped.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let mut state = self.inner.state();
        if state.ending {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if state.idle > state.jobs.len() {
            state.jobs.push_back(Box::new(job));
            self.inner.changed.notify_one();
            return Ok(());
        }
        if state.threads >= self.most {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let inner = Arc::clone(&self.inner);
        std::thread::Builder::new().name(self.name.to_owned()).stack_size(STACK).spawn(move || {
            let _counted = Counted(&inner);
            job();
            inner.serve();
        })?;
        state.threads = state.threads.saturating_add(1);
        Ok(())
    }

    /// Takes no more jobs, and waits until the running ones are done.
    pub fn end(&self) {
        let mut state = self.inner.state();
        state.ending = true;
        state.jobs.clear();
        self.inner.changed.notify_all();
        while state.threads > 0 {
            state = self.inner.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // no job runs under the lock, so its holder can't have died half-way
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        state.idle = state.idle.saturating_add(1);
        let (mut state, _) = self
            .changed
            .wait_timeout_while(state, LINGER, |state| state.jobs.is_empty() && !state.ending)
            .unwrap_or_else(PoisonError::into_inner);
        state.idle = state.idle.saturating_sub(1);
        state.jobs.pop_front()
    }
}

/// Counts a thread out, also if its job panicked.
struct Counted<'a>(&'a Inner);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.threads = state.threads.saturating_sub(1);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn jobs_run_at_once_up_to_the_limit_and_the_end_waits_for_them() {
        let pool = Pool::new("test", 2);
        let (done, all) = mpsc::channel();
        let (go, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for n in 0..2 {
            let (done, gate) = (done.clone(), Arc::clone(&gate));
            pool.run(move || {
                gate.lock().unwrap().recv().unwrap();
                done.send(n).unwrap();
            })
            .unwrap();
        }
        let third = pool.run(|| {}).map_err(|err| err.kind());
        assert_eq!(third, Err(io::ErrorKind::WouldBlock));
        go.send(()).unwrap();
        go.send(()).unwrap();
        pool.end();
        assert_eq!(all.try_iter().count(), 2);
        assert!(pool.run(|| {}).is_err(), "an ended pool takes nothing");
    }

    #[test]
    fn a_thread_that_is_done_takes_the_next_job() {
        let pool = Pool::new("test", 1);
        let (done, all) = mpsc::channel();
        for n in 0..50 {
            loop {
                let done = done.clone();
                if pool.run(move || done.send((n, std::thread::current().id())).unwrap()).is_ok() {
                    break;
                }
                std::thread::yield_now();
            }
            all.recv().unwrap();
        }
        pool.end();
    }

    #[test]
    fn a_job_that_panics_takes_its_thread_with_it_and_no_more() {
        let pool = Pool::new("test", 1);
        pool.run(|| panic!("on purpose")).unwrap();
        while pool.inner.state().threads > 0 {
            std::thread::yield_now();
        }
        pool.run(|| {}).unwrap();
        pool.end();
    }
}
