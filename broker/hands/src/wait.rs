//! FIFOs: opening one waits for somebody to open the other end. One thread looks for all who wait, again and again, so
//! that a wait ends when its caller does; how many may wait at once is bounded, since each holds a descriptor of the gate's.

use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tollgate_sys::at;
use tollgate_sys::notify::{Listener, Notification};

use crate::open::Wanted;
use crate::resolve::Object;
use crate::{Attempt, Given, Stop, answer, fail};

/// First and longest pause between two looks.
const PAUSE: (Duration, Duration) = (Duration::from_micros(200), Duration::from_millis(20));
/// So many callers of a run may wait at once.
const MOST: usize = 64;

/// Who waits for the other end of a FIFO.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Debug, Default)]
struct State {
    callers: Vec<Caller>,
    /// Whether the thread is there: it goes when nobody waits any more.
    looking: bool,
}

#[derive(Debug)]
struct Caller {
    listener: Arc<Listener>,
    call: Notification,
    fifo: OwnedFd,
    wanted: Wanted,
    pause: Duration,
    next: Instant,
}

/// Opens a FIFO; where that would wait, a thread answers later.
pub(crate) fn other_end(attempt: &Attempt<'_>, object: &Object, wanted: Wanted) -> Result<Given, Stop> {
    match at::reopen(object.handle.as_fd(), wanted.flags | libc::O_NONBLOCK) {
        Ok(file) => {
            wanted.settle(&file)?;
            return Ok(wanted.given(file));
        }
        Err(Errno::ENXIO) if wanted.flags & libc::O_NONBLOCK == 0 => {}
        Err(errno) => return Err(Stop::Fails(errno)),
    }
    let fifo = object.handle.try_clone().map_err(|_| Errno::EMFILE)?;
    let (listener, call) = (attempt.listener.clone(), *attempt.call);
    attempt.waiting.add(Caller { listener, call, fifo, wanted, pause: PAUSE.0, next: Instant::now() + PAUSE.0 })?;
    Ok(Given::Later)
}

impl Waiting {
    fn add(&self, caller: Caller) -> Result<(), Errno> {
        let mut state = self.0.state();
        if state.callers.len() >= MOST {
            // what open(2) says where no more files can be open
            return Err(Errno::ENFILE);
        }
        if !state.looking {
            let shared = Arc::clone(&self.0);
            let spawned = std::thread::Builder::new().stack_size(64 * 1024).spawn(move || shared.look());
            state.looking = spawned.map_err(|_| Errno::EAGAIN).map(|_| true)?;
        }
        state.callers.push(caller);
        self.0.more.notify_one();
        Ok(())
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) {
        let mut state = self.state();
        loop {
            let now = Instant::now();
            state.callers.retain_mut(|caller| caller.next > now || caller.waits_on());
            let Some(next) = state.callers.iter().map(|caller| caller.next).min() else {
                state.looking = false;
                return;
            };
            let pause = next.saturating_duration_since(Instant::now());
            (state, _) = self.more.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Caller {
    /// Looks once more; false where its wait is over.
    fn waits_on(&mut self) -> bool {
        let Self { listener, call, fifo, wanted, pause, next } = self;
        if !listener.is_valid(call.id) {
            return false;
        }
        match at::reopen(fifo.as_fd(), wanted.flags | libc::O_NONBLOCK) {
            Ok(file) => {
                match wanted.settle(&file).map(|()| wanted.given(file)) {
                    Ok(given) => drop(answer(listener, call, given)),
                    Err(errno) => drop(fail(listener, call, errno)),
                }
                false
            }
            Err(Errno::ENXIO) => {
                *next = Instant::now() + *pause;
                *pause = (*pause * 2).min(PAUSE.1);
                true
            }
            Err(errno) => {
                drop(fail(listener, call, errno));
                false
            }
        }
    }
}
