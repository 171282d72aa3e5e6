//! What an agent reads after a refusal, and how it gets there: on the refused process's own stderr, from a thread
//! of its own, so that a full pipe holds up nobody else.

use std::io::IsTerminal as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tollgate_sys::pidfd;

/// How long a reader may take before the rest of a block is dropped.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long the gate waits, so that in the usual case the words come before the errno.
const FIRST: Duration = Duration::from_millis(20);

/// How many blocks may wait for readers that don't read; further ones are not written.
const UNREAD: usize = 64;

/// One refusal, in an agent's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What was refused, after `refused`: "to run `git push`".
    pub(crate) what: String,
    /// Why, with the rule or the wall.
    pub(crate) why: String,
    /// What to do in place of trying again.
    pub(crate) next: String,
}

/// The block; its first words are a promise.
pub(crate) fn block(refusal: &Refusal) -> String {
    format!("tollgate: refused {}\n  why: {}\n  next: {}\n", refusal.what, refusal.why, refusal.next)
}

/// Where a block must not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spare {
    /// Anywhere is fine.
    Nothing,
    /// Not on a terminal: a client draws its screen there.
    Terminal,
}

/// Blocks on their way.
#[derive(Debug, Default)]
pub(crate) struct Teller {
    /// Those that are still being written.
    unread: Vec<Receiver<()>>,
    /// Those whose process had gone, or had no stderr.
    untold: Vec<String>,
}

impl Teller {
    /// Writes `text` to descriptor 2 of the thread's process. Nothing depends on it: the refusal holds whether it
    /// is read or not. What finds no reader is kept for the run's end.
    pub(crate) fn tell(&mut self, tid: i32, text: String, spare: Spare) {
        const STDERR: i32 = 2;
        self.unread.retain(|written| written.try_recv() == Err(TryRecvError::Empty));
        if self.unread.len() >= UNREAD {
            return;
        }
        let stderr = pidfd::open(tid).and_then(|handle| pidfd::descriptor(handle.as_fd(), STDERR)).ok();
        let fits = |fd: &OwnedFd| spare == Spare::Nothing || !fd.is_terminal();
        let Some(stderr) = stderr.filter(fits) else {
            if self.untold.len() < UNREAD {
                self.untold.push(text);
            }
            return;
        };
        let (done, written) = sync_channel(1);
        let spawned = std::thread::Builder::new().stack_size(64 * 1024).spawn(move || {
            write(&stderr, &text);
            drop(done);
        });
        if spawned.is_ok() && written.recv_timeout(FIRST) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            self.unread.push(written);
        }
    }

    /// Waits for what is still being written, for a moment; gives what nobody was told.
    pub(crate) fn finish(&mut self) -> Vec<String> {
        for written in self.unread.drain(..) {
            // the thread's end is what is waited for; it sends nothing
            written.recv_timeout(PATIENCE).unwrap_or_default();
        }
        std::mem::take(&mut self.untold)
    }
}

fn write(to: &OwnedFd, text: &str) {
    let wait = PollTimeout::try_from(PATIENCE).unwrap_or(PollTimeout::ZERO);
    let mut left = text.as_bytes();
    while !left.is_empty() {
        let mut fds = [PollFd::new(to.as_fd(), PollFlags::POLLOUT)];
        match poll(&mut fds, wait) {
            Ok(n) if n > 0 => {}
            Ok(_) | Err(_) => return,
        }
        match nix::unistd::write(to, left) {
            Ok(n) if n > 0 => left = left.get(n..).unwrap_or_default(),
            Ok(_) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_reader_is_kept() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let mut teller = Teller::default();
        teller.tell(i32::try_from(child.id()).unwrap(), "words".to_owned(), Spare::Nothing);
        assert_eq!(teller.finish(), ["words"]);
    }

    #[test]
    fn the_block_begins_with_its_promise() {
        let text = block(&Refusal { what: "to run `x`".into(), why: "because".into(), next: "stop".into() });
        assert_eq!(text, "tollgate: refused to run `x`\n  why: because\n  next: stop\n");
    }
}
