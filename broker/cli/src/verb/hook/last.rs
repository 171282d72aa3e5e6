//! The last word: an answer is written once, whole; and where there is none, a panic or the end of patience writes a
//! refusal that every client takes for one (exit code 2, a reason on stderr, nothing on stdout).
#![allow(clippy::exit, reason = "who has the last word leaves with it")]

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tollgate_hooks::Reply;
use tollgate_sys::deadline::{self, LastWord};

use crate::exit::Exit;

/// The code that every client takes for a no.
const NO: i32 = 2;

/// Whether somebody has the word: only the first writes.
static SPOKEN: AtomicBool = AtomicBool::new(false);

/// The end of patience.
static LATE: LastWord = LastWord {
    text: "tollgate: refused\n  why: no answer in time\n  next: try again; if it lasts, tell the person who set up the hook\n",
    code: NO,
    spoken: &SPOKEN,
};

/// From now on silence is a refusal: a panic ends in one, and so does the patience given here.
pub(super) fn arm(patience: Duration) {
    std::panic::set_hook(Box::new(|panic| {
        refuse(&format!(
            "tollgate: refused\n  why: internal failure: {panic}\n  next: tell the person who set up the hook\n"
        ));
    }));
    if deadline::arm(patience, &LATE).is_err() {
        refuse("tollgate: refused\n  why: no timer can be set\n  next: try again\n");
    }
}

fn refuse(text: &str) {
    if !SPOKEN.swap(true, Ordering::AcqRel) {
        whole(io::stderr(), text.as_bytes()).ok();
        std::process::exit(NO);
    }
}

/// Writes the answer.
pub(super) fn give(reply: &Reply) -> Exit {
    if SPOKEN.swap(true, Ordering::AcqRel) {
        // Another thread leaves with a refusal.
        loop {
            std::thread::park();
        }
    }
    whole(io::stderr(), &reply.stderr).ok();
    if whole(io::stdout(), &reply.stdout).is_err() {
        return Exit::Usage;
    }
    if reply.code == 0 { Exit::Done } else { Exit::Command(reply.code) }
}

/// One `write(2)`; more only where the kernel takes less (a full pipe, a signal).
fn whole(to: impl AsFd, mut bytes: &[u8]) -> nix::Result<()> {
    while !bytes.is_empty() {
        match nix::unistd::write(&to, bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(nix::Error::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
