//! The guard: the command's parent, outside filter and rules, inside the namespaces. It settles in, waits for its
//! order, makes the mounts, starts the command, tells news of it, and ends all that is left when the command or the
//! supervisor ends: in one call, as init of its process namespace, or in a Landlock domain that only keeps its signals within.
//!
//! It holds three descriptors, has no handlers, and takes orders by signal only: `SIGTERM` (from the kernel when the
//! supervisor dies, or from the supervisor) ends the run, `SIGUSR1` and `SIGUSR2` resume the command in
//! its terminal's foreground and background.

mod mounting;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::stat::{Mode, mkdirat};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, getpgrp, getppid, write};
use tollgate_sys::handover::{self, Pass, Word};
use tollgate_sys::landlock::{self, Rights, Ruleset};
use tollgate_sys::namespaces::{Set, bring_up_loopback};
use tollgate_sys::news::News;
use tollgate_sys::process::{self, Image, Inspection, Stack};
use tollgate_sys::seccomp::Program;
use tollgate_sys::{caps, fds, masks, mounts, pty};

use crate::fault::Step;
use crate::order::{Mount, Order};
use crate::recipe::{self, Failed, Wires, at};
use crate::sweep::{self, Scope};
use crate::temp::{self, PrivateTemp};
use crate::terminal::Terminal;
use crate::usual::Foresight;

use mounting::Stock;

/// The namespaces that it is forked into. The others it makes itself, while the supervisor goes on.
pub(crate) const BIRTH: Set = Set::USER.with(Set::PID);

/// What a guard has from birth.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Post<'a> {
    /// Where it makes and removes the private temp directory.
    pub(crate) temp: &'a PrivateTemp,
    pub(crate) terminal: Option<&'a Terminal>,
    /// The namespaces that it was forked into.
    pub(crate) set: Set,
    /// What to prepare while there is no order yet.
    pub(crate) foresight: Option<&'a Foresight>,
}

/// What a guard and its command do.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    pub(crate) post: Post<'a>,
    /// What is ended with the run.
    pub(crate) scope: Scope,
    pub(crate) order: Order,
    /// Roots that came to be with the mounts.
    pub(crate) late: Vec<(OwnedFd, Rights)>,
    pub(crate) image: Image,
    pub(crate) filter: Program,
}

/// The guard's whole life. Does not return.
pub(crate) fn live(post: Post<'_>, wires: Wires, supervisor: OwnedFd) -> ! {
    let _never_back = NeverBack;
    drop(supervisor);
    match start(post, &wires) {
        Ok((task, command)) => watch(&task, wires, command),
        Err(failed) => {
            let (parent, name) = post.temp.place();
            temp::remove(parent, name);
            recipe::report(&wires, failed, &Pass::NONE);
        }
    }
    process::exit(0)
}

fn start<'a>(post: Post<'a>, wires: &Wires) -> Result<(Task<'a>, Pid), Failed> {
    settle(post, wires)?;
    let stock = post.set.has(Set::MOUNT).then(|| Stock::lay_in(post.set)).transpose()?;
    let filter = post.foresight.map(|foresight| prepare(foresight, wires)).transpose()?.flatten();
    let Ok(mut order) = Order::receive(wires.word.as_fd()) else {
        process::exit(0) // the supervisor has gone, or found that nothing is to be started
    };
    let filter = order.filter.take().or(filter).ok_or((Step::Filter, Errno::EINVAL.into()))?;
    if let Some(end) = order.numbers {
        // Before the mounts: what is there now may be written.
        std::fs::write("/proc/sys/kernel/pid_max", end.to_string()).map_err(at(Step::Limits))?;
    }
    let (parent, name) = post.temp.place();
    mkdirat(parent, name, Mode::S_IRWXU).map_err(|e| (Step::Temp, e.into()))?;
    if let Some(stock) = stock {
        mounting::mount(&order, stock)?;
    }
    let scope = scope(post.set, order.abi);
    let late = late(&order).map_err(at(Step::Ruleset))?;
    let image = Image::new(order.program.clone(), order.argv.clone(), order.env.clone());
    let task = Task { post, scope, order, late, image, filter };
    let ground = Stack::new().map_err(at(Step::Fork))?;
    let command = process::vfork(&ground, &mut || recipe::cook(&task, wires)).map_err(at(Step::Fork))?;
    Ok((task, Pid::from_raw(command)))
}

/// What usually is needed; gives the filter.
fn prepare(foresight: &Foresight, wires: &Wires) -> Result<Option<Program>, Failed> {
    let say = |word, with| handover::send(wires.word.as_fd(), word, with, &Pass::NONE).map_err(at(Step::Handover));
    // Without a ruleset the supervisor makes its own.
    let rules = foresight.rules().and_then(Result::ok);
    say(Word::Ahead, rules.as_ref().map(Ruleset::as_fd))?;
    let filter = foresight.filter();
    if let Some(rules) = &rules {
        // Once there is an order, its mounts come first; the supervisor does the rest.
        let filled = foresight.usual.fill(rules, || is_spoken_to(wires.word.as_fd())).map_err(at(Step::Ruleset))?;
        say(Word::Filled(filled), None)?;
    }
    Ok(filter)
}

/// Opens what only exists now.
fn late(order: &Order) -> io::Result<Vec<(OwnedFd, Rights)>> {
    let mut late = Vec::with_capacity(order.late.len());
    for (path, rights) in &order.late {
        match open(path.as_c_str(), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()) {
            Ok(object) => late.push((object, *rights)),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EACCES | Errno::ELOOP) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Ok(late)
}

/// The supervisor's code must never run twice: an unwinding panic ends here.
struct NeverBack;

impl Drop for NeverBack {
    fn drop(&mut self) {
        process::exit(125)
    }
}

/// What needs no order: a bond with the supervisor, a session, the namespaces made usable.
fn settle(post: Post<'_>, wires: &Wires) -> Result<(), Failed> {
    process::signal_on_parent_death(libc::SIGTERM).map_err(at(Step::Session))?;
    if is_alone(wires.word.as_fd()) {
        process::exit(0) // the supervisor died before the line above
    }
    process::adopt_orphans().map_err(at(Step::Session))?;
    process::new_session().map_err(at(Step::Session))?;
    if let Some(terminal) = post.terminal.filter(|terminal| terminal.controls()) {
        pty::control(terminal.slave().as_fd()).map_err(at(Step::Session))?;
    }
    if let Some(maps) = &wires.maps {
        maps.write().map_err(at(Step::Maps))?;
    }
    post.set.without(BIRTH).enter().map_err(at(Step::Guard))?;
    if post.set.has(Set::NET) {
        bring_up_loopback().map_err(at(Step::Loopback))?;
    }
    caps::drop_bounding().map_err(at(Step::Capabilities))
}

/// Who belongs to the run, for the guard that ends it. Without a process namespace it goes into a domain that its signals
/// don't leave, and only if the supervisor is then seen to be out of reach.
fn scope(set: Set, abi: u32) -> Scope {
    if set.has(Set::PID) {
        return Scope::Namespace;
    }
    if set.has(Set::MOUNT) || abi < landlock::KEEPS_SIGNALS {
        return Scope::Descendants; // in a domain nobody mounts or unmounts
    }
    let supervisor = || kill(getppid(), None);
    let before = supervisor();
    let entered = process::forgo_new_privileges().and_then(|()| landlock::keep_signals_within());
    let is_kept = before.is_ok() && entered.is_ok() && supervisor() == Err(Errno::EPERM);
    if is_kept { Scope::Domain } else { Scope::Descendants }
}

fn is_spoken_to(word: BorrowedFd<'_>) -> bool {
    let mut ends = [PollFd::new(word, PollFlags::POLLIN)];
    // Whatever is wrong, the supervisor goes on.
    poll(&mut ends, PollTimeout::ZERO) != Ok(0)
}

fn is_alone(word: BorrowedFd<'_>) -> bool {
    let mut ends = [PollFd::new(word, PollFlags::empty())];
    poll(&mut ends, PollTimeout::ZERO).is_ok()
        && ends.iter().any(|end| end.revents().is_some_and(|got| got.contains(PollFlags::POLLHUP)))
}

/// Waits with the command, to the end.
fn watch(task: &Task<'_>, wires: Wires, command: Pid) -> ! {
    let (parent, _) = task.post.temp.place();
    let slave = task.post.terminal.map_or(wires.news.as_fd(), |terminal| terminal.slave().as_fd());
    let keys = task.post.terminal.map_or(wires.news.as_fd(), Terminal::keys);
    // From here on 0 is the news, 1 the directory of the temp directory, 2 the terminal, 3 the last word, 4 the user's
    // terminal; nothing else is open, so nobody waits for an end of file, or for a listener, because of the guard.
    if fds::keep_only([wires.news.as_fd(), parent, slave, wires.swept.as_fd(), keys]).is_err()
        || process::inspection(Inspection::Closed).is_err()
    {
        end(task, command, None)
    }
    std::mem::forget(wires);
    loop {
        match masks::wait(&[Signal::SIGCHLD, Signal::SIGTERM, Signal::SIGUSR1, Signal::SIGUSR2]) {
            Ok(Signal::SIGCHLD) => {
                if let Some(ending) = reap(command) {
                    end(task, command, Some(ending))
                }
            }
            // Either fails if the terminal is gone; the command will notice that itself.
            Ok(Signal::SIGUSR1) => place(command, command),
            Ok(Signal::SIGUSR2) => place(getpgrp(), command),
            Ok(_) | Err(_) => end(task, command, None),
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
        if masks::is_pending(Signal::SIGTERM) {
            // all is to end; whoever starts others faster than they are taken must not keep that off
            ending = ending.or(news(status, command));
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
fn end(task: &Task<'_>, command: Pid, mut ending: Option<News>) -> ! {
    sweep::all(task.scope, |status| ending = ending.or(news(status, command)));
    if let Some(ending) = ending {
        tell(ending);
    }
    let (_, name) = task.post.temp.place();
    // A directory that carries a mount, as where roots are shown in the temp directory, cannot be removed.
    let order = &task.order;
    for place in order.mounts.iter().filter_map(Mount::temporary).filter(|place| order.shows_roots_in(place)) {
        let _shown_no_more = mounts::detach(place);
    }
    temp::remove(io::stdout().as_fd(), name);
    // A supervisor that is being killed can leave a thread behind for a while, and with it its end.
    let raw = task.post.terminal.filter(|terminal| terminal.is_raw());
    let gone = fds::say(3, b"s").is_err() || raw.is_some() && fds::unread(3).unwrap_or(true);
    if let (true, Some(terminal), Ok(keys)) = (gone, raw, fds::take(4)) {
        terminal.put_back(keys.as_fd());
    }
    process::exit(i32::from(gone))
}
