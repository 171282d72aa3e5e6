//! The guard: the command's parent, outside Landlock and filter, inside the namespaces. It makes the mounts, starts the
//! command, tells news of it, and ends all that is left when the command or the supervisor ends.
//!
//! It holds three descriptors, has no handlers, and takes orders by signal only: `SIGTERM` (from the kernel when the
//! supervisor dies, or from the supervisor) ends the run, `SIGUSR1` and `SIGUSR2` resume the command in
//! its terminal's foreground and background.

mod mounting;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::{Mode, mkdirat};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, write};
use tollgate_sys::namespaces::{Set, bring_up_loopback};
use tollgate_sys::news::News;
use tollgate_sys::process::{self, Inspection, Stack};
use tollgate_sys::{caps, fds, masks, mounts, pty};

use crate::fault::Step;
use crate::layout::{Layout, Mount};
use crate::recipe::{self, Failed, Wires, at};
use crate::sweep::{self, Scope};
use crate::temp;

/// The guard's whole life. Does not return.
pub(crate) fn live(layout: &Layout<'_>, wires: Wires, supervisor: OwnedFd) -> ! {
    let _never_back = NeverBack;
    drop(supervisor);
    let forked = prepare(layout, &wires).and_then(|()| {
        let stack = Stack::new().map_err(at(Step::Fork))?;
        process::vfork(&stack, &mut || recipe::cook(layout, &wires)).map_err(at(Step::Fork))
    });
    match forked {
        Ok(command) => watch(layout, wires, Pid::from_raw(command)),
        Err(failed) => {
            let (parent, name) = layout.temp_place();
            temp::remove(parent, name);
            recipe::report(&wires, failed, &layout.plan.pass);
        }
    }
    process::exit(0)
}

/// The supervisor's code must never run twice: an unwinding panic ends here.
struct NeverBack;

impl Drop for NeverBack {
    fn drop(&mut self) {
        process::exit(125)
    }
}

fn prepare(layout: &Layout<'_>, wires: &Wires) -> Result<(), Failed> {
    process::signal_on_parent_death(libc::SIGTERM).map_err(at(Step::Session))?;
    if is_alone(wires.word.as_fd()) {
        process::exit(0) // the supervisor died before the line above
    }
    process::adopt_orphans().map_err(at(Step::Session))?;
    process::new_session().map_err(at(Step::Session))?;
    if let Some(terminal) = layout.terminal {
        pty::control(terminal.slave().as_fd()).map_err(at(Step::Session))?;
    }
    if let Some(maps) = &layout.maps {
        maps.write().map_err(at(Step::Maps))?;
    }
    let (parent, name) = layout.temp_place();
    mkdirat(parent, name, Mode::S_IRWXU).map_err(|e| (Step::Temp, e.into()))?;
    if layout.set.has(Set::MOUNT) {
        mounting::mount(layout)?;
    }
    if layout.set.has(Set::NET) {
        bring_up_loopback().map_err(at(Step::Loopback))?;
    }
    caps::drop_bounding().map_err(at(Step::Capabilities))
}

fn is_alone(word: BorrowedFd<'_>) -> bool {
    let mut ends = [PollFd::new(word, PollFlags::empty())];
    poll(&mut ends, PollTimeout::ZERO).is_ok()
        && ends.iter().any(|end| end.revents().is_some_and(|got| got.contains(PollFlags::POLLHUP)))
}

/// Waits with the command, to the end.
fn watch(layout: &Layout<'_>, wires: Wires, command: Pid) -> ! {
    let (parent, _) = layout.temp_place();
    let slave = layout.terminal.map_or(wires.news.as_fd(), |terminal| terminal.slave().as_fd());
    // From here on 0 is the news, 1 the directory of the temp directory, 2 the terminal, 3 the last word; nothing else is
    // open, so nobody waits for an end of file, or for a listener, because of the guard.
    if fds::keep_only([wires.news.as_fd(), parent, slave, wires.swept.as_fd()]).is_err()
        || process::inspection(Inspection::Closed).is_err()
    {
        end(layout, command, None)
    }
    std::mem::forget(wires);
    loop {
        match masks::wait(&[Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2]) {
            Ok(Signal::SIGCHLD) => {
                if let Some(ending) = reap(command) {
                    end(layout, command, Some(ending))
                }
            }
            // Either fails if the terminal is gone; the command will notice that itself.
            Ok(Signal::SIGUSR1) => place(command, command),
            Ok(Signal::SIGUSR2) => place(getpgrp(), command),
            Ok(_) | Err(_) => end(layout, command, None),
        }
    }
}

/// Puts a group in the terminal's foreground, and resumes the command.
fn place(group: Pid, command: Pid) {
    let _placed = pty::foreground(io::stderr().as_fd(), group.as_raw());
    let _resumed = killpg(command, Signal::SIGCONT);
}

/// Takes all changes of children and tells of the command's; its ending is not told but given back.
fn reap(command: Pid) -> Option<News> {
    let mut ending = None;
    let flags = WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED | WaitPidFlag::WCONTINUED;
    while let Ok(status) = waitpid(None, Some(flags)) {
        if status == WaitStatus::StillAlive {
            break;
        }
        match news(status, command) {
            Some(passing @ (News::Stopped(_) | News::Continued)) => tell(passing),
            other => ending = ending.or(other),
        }
    }
    ending
}

/// What a child's change is news of; none where it is an orphan of the run that was adopted.
fn news(status: WaitStatus, command: Pid) -> Option<News> {
    let (of, news) = match status {
        WaitStatus::Exited(of, code) => (of, News::Exited(code)),
        WaitStatus::Signaled(of, signal, _) => (of, News::Signalled(signal as i32)),
        WaitStatus::Stopped(of, signal) => (of, News::Stopped(signal as i32)),
        WaitStatus::Continued(of) => (of, News::Continued),
        WaitStatus::PtraceEvent(..) | WaitStatus::PtraceSyscall(_) | WaitStatus::StillAlive => return None,
    };
    (of == command).then_some(news)
}

fn tell(news: News) {
    // The supervisor may be gone; then nobody needs the news.
    let _told = write(io::stdin().as_fd(), &news.encode());
}

/// Kills what is left, tells how the command ended, removes the temp directory, ends.
fn end(layout: &Layout<'_>, command: Pid, mut ending: Option<News>) -> ! {
    let scope = if layout.set.has(Set::PID) { Scope::Namespace } else { Scope::Descendants };
    sweep::all(scope, |status| ending = ending.or(news(status, command)));
    if let Some(ending) = ending {
        tell(ending);
    }
    let (_, name) = layout.temp_place();
    // A directory that carries a mount, as where roots are shown in the temp directory, cannot be removed.
    for place in layout.mounts.iter().filter_map(Mount::temporary).filter(|place| layout.shows_roots_in(place)) {
        let _shown_no_more = mounts::detach(place);
    }
    temp::remove(io::stdout().as_fd(), name);
    if fds::say(3, b"s").is_err() {
        process::exit(1) // the supervisor is gone
    }
    process::exit(0)
}
