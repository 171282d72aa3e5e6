//! The program's entry. What the Rust runtime does before `main` (a message for an overflown stack, for which it reads the
//! map of memory) costs a tenth of a millisecond, at each start of a program that starts before every other one.

use nix::sys::signal::{SigHandler, Signal, signal};

/// Makes a function without arguments, which gives an exit code, the program's entry. The crate has `#![no_main]`.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// What the C runtime calls.
        #[allow(unsafe_code, reason = "no other symbol of this name: the crate has no_main")]
        #[unsafe(no_mangle)]
        pub extern "C" fn main() -> i32 {
            $crate::entry::begin();
            $crate::entry::end($main())
        }
    };
}

/// What of the Rust runtime's start is needed: who writes to a closed pipe gets an error, and standard input, output and
/// error are open, so that no file ever gets their numbers. And children's ends can be waited for, also where the caller
/// ignores those of its own: that is inherited (`NOTES` of wait(2)).
#[doc(hidden)]
pub fn begin() {
    // SAFETY: neither ignoring a signal nor its default runs code of ours.
    let ignored = unsafe { signal(Signal::SIGPIPE, SigHandler::SigIgn) };
    let told = crate::masks::default_action(Signal::SIGCHLD);
    if ignored.is_err() || told.is_err() || crate::fds::fill_standard().is_err() {
        std::process::abort()
    }
}

/// Writes out what is still held back, and leaves.
#[doc(hidden)]
pub fn end(code: u8) -> ! {
    #[allow(clippy::exit, reason = "the end of main")]
    std::process::exit(i32::from(code))
}
