//! A last word at a deadline, for a process that must not be silent: said by a timer's signal (`setitimer(2)`), which costs
//! next to nothing, where a thread that sleeps would take as long to start and to end as a short program runs.

use std::io;
use std::mem::zeroed;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::time::Duration;

use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};

use crate::process::{done, exit};

/// What is said.
#[derive(Debug)]
pub struct LastWord {
    /// On stderr.
    pub text: &'static str,
    /// The exit code that goes with it.
    pub code: i32,
    /// Set by whoever speaks first; the others keep silent.
    pub spoken: &'static AtomicBool,
}

static WORD: AtomicPtr<LastWord> = AtomicPtr::new(ptr::null_mut());

/// After this time the process ends with its last word, whatever it does, unless somebody has spoken by then. Blocked or
/// not before, the timer's signal (`SIGALRM`) is heard from now on. Once in a process's life; its children have no timer.
///
/// # Errors
/// What `sigaction(2)` and `setitimer(2)` say.
pub fn arm(patience: Duration, word: &'static LastWord) -> io::Result<()> {
    WORD.store(ptr::from_ref(word).cast_mut(), Ordering::Release);
    // SAFETY: all bit patterns of the struct are valid; it is made of numbers and an optional pointer.
    let mut action = unsafe { zeroed::<libc::sigaction>() };
    action.sa_sigaction = speak as extern "C" fn(libc::c_int) as usize;
    action.sa_flags = libc::SA_RESTART;
    // SAFETY: the kernel reads one sigaction; `speak` does only what a handler may (signal-safety(7)).
    done(unsafe { libc::sigaction(libc::SIGALRM, &raw const action, ptr::null_mut()) })?;
    sigprocmask(SigmaskHow::SIG_UNBLOCK, Some(&SigSet::from(Signal::SIGALRM)), None)?;
    let seconds = libc::time_t::try_from(patience.as_secs()).unwrap_or(libc::time_t::MAX);
    // no time at all would be no timer
    let micros = libc::suseconds_t::from(patience.subsec_micros().max(u32::from(seconds == 0)));
    let none = libc::timeval { tv_sec: 0, tv_usec: 0 };
    let timer = libc::itimerval { it_interval: none, it_value: libc::timeval { tv_sec: seconds, tv_usec: micros } };
    // SAFETY: the kernel reads one itimerval.
    done(unsafe { libc::setitimer(libc::ITIMER_REAL, &raw const timer, ptr::null_mut()) })
}

extern "C" fn speak(_: libc::c_int) {
    // SAFETY: null, or what `arm` was given, which lives for ever.
    let Some(word) = (unsafe { WORD.load(Ordering::Acquire).as_ref() }) else { return };
    if word.spoken.swap(true, Ordering::AcqRel) {
        return;
    }
    let mut left = word.text.as_bytes();
    while !left.is_empty() {
        // SAFETY: the bytes outlive the call.
        let put = unsafe { libc::write(libc::STDERR_FILENO, left.as_ptr().cast(), left.len()) };
        match usize::try_from(put) {
            Ok(put) => left = left.get(put..).unwrap_or_default(),
            Err(_) => break,
        }
    }
    exit(word.code)
}
